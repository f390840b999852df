"""`RemoteFleet`: what a user asks of a fleet whose sites are reached from other machines, made into jobs."""

from __future__ import annotations

import os
import pickle
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from vcf_tasks_async.checks import checked_limit, checked_seconds, checked_size
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.filters import TaskFilter, checked_filter
from vcf_tasks_async.fleet_acts import Pair
from vcf_tasks_async.fleet_targets import by_site, each_of, grouped
from vcf_tasks_async.job_words import Job, Verb
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.options import Options
from vcf_tasks_async.policy import Polling, checked_polling
from vcf_tasks_async.remote import Parts
from vcf_tasks_async.remote_work import (
    RemoteRun,
    RemoteStream,
    RemoteWaits,
    RunParts,
    WaitParts,
    handed_over,
    verb_of,
)
from vcf_tasks_async.sitefile import read_sites
from vcf_tasks_async.sites import Site, checked_sites
from vcf_tasks_async.targets import Target, iterable

# Targets of a run: as for `Fleet.retry_many`, but from iterables that are read at once.
RemoteTargets = Iterable[Pair] | TaskFilter | Mapping[str, "TaskFilter | Iterable[Target]"] | RemoteStream
_LIST: Final = (
    "targets are a TaskFilter, or pairs of a site and a task or its id, or either for each site by name"
)


class RemoteFleet:
    """A fleet whose sites' parts are done by jobs elsewhere. A subclass says where: see `_drive`.

    Args:
        sites: `Site` by name. What is secret in them must be a callable that pickles: it is asked where the
            job runs.
        lease: seconds for which a job that hears nothing may still begin writes. When its machine is lost,
            the next job waits so long before it looks at what may have been sent.

    Raises:
        UsageError: a site can't be meant, or would take its secret over the network.
    """

    def __init__(self, sites: Mapping[str, Site], *, lease: float = 10.0) -> None:
        self._sites = checked_sites(sites)
        for name, site in self._sites.items():
            _travels(name, site)
        checked_seconds("lease", lease)
        self._lease = lease
        self._nursery = Nursery()

    @abstractmethod
    async def _drive(self, parts: Parts[Any]) -> None:
        """Start the jobs of *parts*, bring what they say to `Parts.heard`, and return when all are over."""

    @property
    def sites(self) -> dict[str, Site]:
        """The sites, by name."""
        return dict(self._sites)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()  # noqa: ASYNC102 - what runs is cancelled, and ends at once

    async def close(self) -> None:
        """End what is running."""
        await self._nursery.end()

    def stream(
        self, where: TaskFilter | Mapping[str, TaskFilter] | None = None, *, page_size: int = 100
    ) -> RemoteStream:
        """All tasks that *where* means, of all sites, as the jobs send them.

        Args:
            where: which tasks, of all sites; or a filter for each site that is meant, by its name.
            page_size: tasks on a page, 1 to 100.

        Raises:
            SiteTroubles: from the loop, at its end: some sites could not be listed.

        Example:
            >>> async for site, task in fleet.stream(TaskFilter(status=Status.FAILED)):
            ...     print(site, task.name, task.cause)
        """
        size = checked_size(page_size)
        filters = {name: checked_filter(each) for name, each in each_of(where, self._sites, "where").items()}
        jobs = self._jobs(Verb.LIST, filters, {"page_size": size, "prefetch": 2})
        return RemoteStream(Parts(jobs, self._drive, self._nursery.start))

    def wait_many(
        self,
        targets: Iterable[Pair] | Mapping[str, Iterable[str | Task]],
        *,
        timeout: float | None = None,
        polling: Polling = Polling(),
        after_retry: bool | None = None,
    ) -> RemoteWaits:
        """Wait for tasks of many sites, and get each as it ends; as `Fleet.wait_many`.

        Example:
            >>> async for site, task in fleet.wait_many(accepted, timeout=3600):
            ...     print(site, task.name, task.status)
        """
        checked_limit("timeout", timeout)
        ids = {name: tuple(each) for name, each in by_site(targets, self._sites).items()}
        options = {"timeout": timeout, "polling": checked_polling(polling), "after_retry": after_retry}
        return RemoteWaits(WaitParts(self._jobs(Verb.WAIT, ids, options), self._drive, self._nursery.start))

    def retry_many(
        self,
        targets: RemoteTargets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> RemoteRun:
        """Retry tasks of many sites, one job for each site, with one `Outcome` for each target.

        Takes what `Fleet.retry_many` takes, but for a *journal* and sources that are read as they come. What
        a job is about to send, it announces first: when its machine is lost, the next job looks at that
        before it sends anything. Give tasks or a filter, not ids alone: without having seen the task before,
        a look often can't tell, and the outcome is UNKNOWN.

        Example:
            >>> report = await fleet.retry_many(TaskFilter(status=Status.FAILED), concurrency=8)
            >>> report.raise_for_failures()
        """
        return self._many(
            Action.RETRY,
            targets,
            Options(
                concurrency=concurrency, force=force, dry_run=dry_run, rate=rate, stop_after=stop_after,
                deadline=deadline, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def cancel_many(
        self,
        targets: RemoteTargets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> RemoteRun:
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
                deadline=deadline, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def _many(self, action: Action, targets: RemoteTargets, options: Options) -> RemoteRun:
        jobs = self._jobs(verb_of(action), self._understood(targets), options.arguments())
        return RemoteRun(RunParts(jobs, self._drive, self._nursery.start, action))

    def _understood(self, targets: Any) -> dict[str, TaskFilter | tuple[Target, ...]]:
        if isinstance(targets, RemoteStream):
            return handed_over(targets)
        if isinstance(targets, TaskFilter | Mapping):
            return {
                name: each if isinstance(each, TaskFilter) else tuple(iterable(each, _LIST))
                for name, each in each_of(targets, self._sites, "targets").items()
            }
        return {name: tuple(each) for name, each in grouped(iterable(targets, _LIST), self._sites).items()}

    def _jobs(self, verb: Verb, targets: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Job]:
        return {
            name: Job(name, self._sites[name], verb, each, options, self._lease)
            for name, each in targets.items()
        }


def sites_of(sites: Mapping[str, Site] | str | os.PathLike[str]) -> Mapping[str, Site]:
    """Sites as they are, or from a TOML file."""
    return read_sites(sites)[0] if isinstance(sites, str | os.PathLike) else sites


def _travels(name: str, site: Site) -> None:
    """Whether a site can go to another machine without its secret."""
    try:
        pickle.dumps(site)
    except Exception:  # noqa: BLE001 - whatever a caller's object raises
        raise UsageError(
            f"site {name} can't go to another machine: its secret has to be asked for there; give EnvSecret,"
            " FileSecret, CommandSecret, or a function that can be imported there"
        ) from None
