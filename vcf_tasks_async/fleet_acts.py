"""The part of `Fleet` that acts on tasks: retry and cancel, at many sites at once."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import AsyncIterable, Coroutine, Iterable, Mapping, Sized
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from vcf_tasks_async.checks import LARGEST_PAGE
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.fleet_bulk import Begin, FleetRun, Known, Plan
from vcf_tasks_async.fleet_reading import FleetStream, handed_over, listed
from vcf_tasks_async.fleet_targets import each_of, grouped
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.options import Options
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import Site
from vcf_tasks_async.targets import Target, any_iterable

if TYPE_CHECKING:
    import asyncio

# Tasks that the listings of all sites hold at most, roughly: with many sites, pages are smaller.
_HELD: Final = 6400
_LEAST_PAGE: Final = 20

Pair = tuple[str, Task | str]
# Targets of a run: pairs of a site's name and a task or its id; a filter for all sites; or something of
# either kind for each site by its name.
FleetTargets = (
    Iterable[Pair]
    | AsyncIterable[Pair]
    | TaskFilter
    | Mapping[str, "TaskFilter | Iterable[Target] | AsyncIterable[Target]"]
)


class FleetActs:
    """What `Fleet` can do to tasks."""

    _sites: dict[str, Site]

    @abstractmethod
    async def session(self, site: str) -> TaskSession:
        """The open session of one site."""

    @abstractmethod
    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]: ...

    def retry_many(
        self,
        targets: FleetTargets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> FleetRun:
        """Retry tasks of many sites, all sites side by side, with one `Outcome` for each.

        Args:
            targets: pairs of a site and a task or its id, from any iterable, sync or async; a `TaskFilter`
                for all sites; or for each site by its name a filter, or tasks and ids. ``fleet.stream(…)``
                that nobody has begun to read is taken site by site. Of any other source that is no list, up
                to 1,000 targets of a site wait for their turn, then the whole source does.
            concurrency: requests in flight at most, at each site; the site's own bound and the fleet's hold
                as well.
            force: skip none.
            dry_run: send nothing; each outcome says what would be done.
            rate: requests a second at most, at each site.
            stop_after: end a site's run after so many failures in a row (a whole number), or when so large a
                share has failed (such as 0.2, once 20 are known). The other sites go on.
            deadline: seconds for the whole run.
            journal: path of a directory that remembers the run, one file for each site. Call again with the
                same directory after a run was killed: what was accepted is not sent again, and what may have
                been is looked at first. A directory is for one run.
            wait: follow each accepted task to its end, which is the outcome's ``final``.
            summary: keep counts of all, but only the first 1,000 outcomes of each site that went wrong.

        Returns:
            a run that does nothing yet: await it for its `FleetReport`, or use ``async with`` for the
            outcomes as they come. Failures are outcomes and sites in trouble stand in the report; what a
            source of targets raises comes out, with the report so far as its ``report``.

        Raises:
            UsageError: an argument that can't be meant.

        Example:
            >>> report = await fleet.retry_many(TaskFilter(status=Status.FAILED), concurrency=8)
            >>> report.raise_for_failures()
        """
        return self._many(
            Action.RETRY,
            targets,
            Options(
                concurrency=concurrency, force=force, dry_run=dry_run, rate=rate, stop_after=stop_after,
                deadline=deadline, journal=journal, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def cancel_many(
        self,
        targets: FleetTargets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> FleetRun:
        """Cancel tasks of many sites. Takes what `retry_many` takes.

        Example:
            >>> report = await fleet.cancel_many([("sfo", "16ab8935-805b-4edf-aace-72c98134f667")])
            >>> report.counts
            Counter({<Result.ACCEPTED: 'accepted'>: 1})
        """
        return self._many(
            Action.CANCEL,
            targets,
            Options(
                concurrency=concurrency, force=force, dry_run=dry_run, rate=rate, stop_after=stop_after,
                deadline=deadline, journal=journal, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def _many(self, action: Action, targets: FleetTargets, options: Options) -> FleetRun:
        directory = None if options.journal is None else _directory(options.journal)
        begin, shared = self._understood(targets)
        return FleetRun(Plan(action, begin, shared, options, directory), self.session, self._spawn)

    def _understood(
        self, targets: FleetTargets
    ) -> tuple[dict[str, Begin], Iterable[Any] | AsyncIterable[Any] | None]:
        if isinstance(targets, FleetStream) and (sites := handed_over(targets, self.session)) is not None:
            return {**sites}, None
        if isinstance(targets, TaskFilter | Mapping):
            each = each_of(targets, self._sites, "targets")
            return {name: _beginning(name, what, len(each)) for name, what in each.items()}, None
        any_iterable(
            targets,
            "targets are pairs of a site and a task or its id, from any iterable; a TaskFilter for all"
            " sites; or either kind for each site by its name",
        )
        if isinstance(targets, Sized) and isinstance(targets, Iterable):
            # A Mapping was meant before.
            pairs = grouped(cast("Iterable[Pair]", targets), self._sites)
            return {name: Known(several) for name, several in pairs.items()}, None
        return dict.fromkeys(self._sites, Known([])), targets


def _beginning(name: str, what: Any, sites: int) -> Begin:
    if isinstance(what, TaskFilter):
        return partial(listed, what, {"page_size": page_for(sites), "prefetch": 1})
    why = f"targets of site {name} are a TaskFilter, or an iterable of tasks or task ids"
    targets = any_iterable(what, why)
    if isinstance(targets, Sized) and isinstance(targets, Iterable):
        return Known(list(targets))
    return lambda session: targets


def page_for(sites: int) -> int:
    """Tasks on a page, where so many sites are listed side by side."""
    return max(_LEAST_PAGE, min(LARGEST_PAGE, _HELD // (2 * sites))) if sites else LARGEST_PAGE


def _directory(journal: object) -> Path:
    """The directory of a run's journals.

    Raises:
        UsageError: it is no path, or there is something else than a directory.
    """
    if not isinstance(journal, str | os.PathLike) or not str(journal):
        raise UsageError(f"journal takes the path of a directory, one file for each site, not {journal!r}")
    path = Path(journal)
    if path.exists() and not path.is_dir():
        raise UsageError(f"the journal {path} is no directory: a fleet keeps one file for each site in one")
    return path
