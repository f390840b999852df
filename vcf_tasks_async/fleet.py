"""`Fleet`: many SDDC Managers as one.

Opens a session for each site when it is first needed, bounds requests over all of them, and hands what it
is asked to the sites. What comes from them is joined in `fleet_reading` and `fleet_bulk`.
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from vcf_tasks_async.checks import checked_count, checked_limit, checked_size
from vcf_tasks_async.errors import UsageError, VcfTasksError
from vcf_tasks_async.filters import TaskFilter, checked_filter
from vcf_tasks_async.fleet_acts import FleetActs, Pair, page_for
from vcf_tasks_async.fleet_reading import FleetStream, FleetWaits
from vcf_tasks_async.fleet_targets import by_site, each_of, several, unknown_site
from vcf_tasks_async.fleet_watch import FleetWatch
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.policy import Polling, checked_polling
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sitefile import read_sites
from vcf_tasks_async.sites import Site, checked_sites
from vcf_tasks_async.slots import Limiter

T = TypeVar("T")


class Fleet(FleetActs):
    """Many SDDC Managers as one: what `TaskSession` does, over all sites, each item with its site's name.

    An async context manager. Nothing is opened before ``async with``; a site's session is opened, and logged
    in, when it is first needed. A site that is down, slow or refuses the login costs the others nothing, and
    is reported: see `SiteTrouble`. Where one machine does not reach all sites, there is
    `vcf_tasks_async.dask.DaskFleet`.

    Args:
        sites: `Site` by name. A name is 1 to 64 of ``A-Z a-z 0-9 . _ -``.
        concurrency: requests in flight at most, over all sites; each `Site.concurrency` holds as well. A slot
            is held for one request only, and a free one goes to the site with the fewest in flight.

    Raises:
        UsageError: a site can't be meant; nothing goes over the wire.

    Example:
        >>> async with Fleet(
        ...     {
        ...         "sfo": Site("sfo-vcf01.rainpole.io", PasswordAuth(user, EnvSecret("SFO_PASSWORD"))),
        ...         "lax": Site("lax-vcf01.rainpole.io", PasswordAuth(user, EnvSecret("LAX_PASSWORD"))),
        ...     }
        ... ) as fleet:
        ...     async for site, task in fleet.stream(TaskFilter(status=Status.FAILED)):
        ...         print(site, task.name, task.cause)
    """

    def __init__(self, sites: Mapping[str, Site], *, concurrency: int = 64) -> None:
        self._sites = checked_sites(sites)
        self._limiter = Limiter(checked_count("concurrency", concurrency))
        self._sessions: dict[str, TaskSession] = {}
        for name, site in self._sites.items():
            try:
                self._sessions[name] = site.session(limiter=self._limiter)
            except UsageError as error:
                raise UsageError(f"site {name}: {error}") from None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: dict[str, asyncio.Task[TaskSession]] = {}
        self._nursery = Nursery()

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], *, concurrency: int | None = None) -> Self:
        """A fleet from a file; docs/fleets.md has its keys. Reads the file, but no secret.

        Args:
            path: the file.
            concurrency: instead of the file's.

        Raises:
            UsageError: the file can't be read, or says something that can't be meant: the text names the
                file, the site and the key.

        Example:
            >>> fleet = Fleet.from_toml("sites.toml")
        """
        sites, of_file = read_sites(path)
        return cls(sites, concurrency=concurrency if concurrency is not None else of_file or 64)

    def __repr__(self) -> str:
        state = "open" if self._loop else "not open"
        return f"<Fleet of {len(self._sites)} site{'' if len(self._sites) == 1 else 's'} ({state})>"

    @property
    def sites(self) -> dict[str, Site]:
        """The sites, by name."""
        return dict(self._sites)

    @property
    def concurrency(self) -> int:
        """Requests in flight at most, over all sites."""
        return self._limiter.limit

    async def __aenter__(self) -> Self:
        if self._loop is not None:
            raise UsageError("this fleet is open already: share it, or make another one")
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is running, and close all sessions, side by side. Twice does no harm."""
        self._loop = None
        opened, self._opened = self._opened, {}
        try:
            await self._nursery.end()
        finally:
            closing = [asyncio.create_task(self._sessions[name].close()) for name in opened]
            if closing:
                await asyncio.wait(closing)  # noqa: ASYNC102 - each takes its farewell's second at most

    async def session(self, site: str) -> TaskSession:
        """The open session of one site, for all that is asked of one site alone. The fleet closes it.

        Raises:
            UsageError: there is no such site, or its session can't be opened (a CA file that is not there).

        Example:
            >>> session = await fleet.session("sfo")
            >>> task = await session.get("16ab8935-805b-4edf-aace-72c98134f667")
        """
        if site not in self._sites:
            raise unknown_site(site, self._sites)
        opening = self._opened.get(site)
        if opening is None:
            opening = self._opened[site] = self._spawn(self._sessions[site].__aenter__())
        if not opening.done():
            await asyncio.wait((opening,))
        if opening.cancelled():
            raise UsageError("the fleet was closed meanwhile: open it again with `async with`")
        error = opening.exception()
        if error is not None:
            # What was wrong may be right the next time.
            self._opened.pop(site, None)
            raise copy.copy(error) if isinstance(error, VcfTasksError) else error
        return opening.result()

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run *work* as a task that ends with the fleet at the latest."""
        if self._loop is not asyncio.get_running_loop():
            work.close()
            raise UsageError("this fleet is not open here: use it inside `async with Fleet(…) as fleet:`")
        return self._nursery.start(work)

    # --- reading ----------------------------------------------------------------------------------------

    def stream(
        self,
        where: TaskFilter | Mapping[str, TaskFilter | None] | None = None,
        *,
        page_size: int | None = None,
        prefetch: int = 1,
        strict: bool = False,
        raise_troubles: bool = True,
    ) -> FleetStream:
        """All tasks that *where* means, of all sites side by side, as they come.

        Args:
            where: which tasks, of all sites; or a filter for each site that is meant, by its name.
            page_size: tasks on a page, 1 to 100. None: 100, and fewer where there are many sites, so that
                all listings together hold a few thousand tasks, however slow the reader is.
            prefetch: pages in flight at once, at each site; twice as many are held at most, six times as many
                while the reader waits for one that is slow.
            strict: raise for elements that can't be read; see `TaskSession.stream`.
            raise_troubles: False: a site that can't be listed is left to `FleetStream.troubles`.

        Raises:
            SiteTroubles: from the loop, at its end: some sites could not be listed.

        Example:
            >>> async for site, task in fleet.stream(TaskFilter(status=Status.FAILED)):
            ...     print(site, task.name, task.cause)
        """
        filters = {name: checked_filter(each) for name, each in each_of(where, self._sites, "where").items()}
        how = {
            "page_size": page_for(len(filters)) if page_size is None else checked_size(page_size),
            "prefetch": checked_count("prefetch", prefetch),
            "strict": strict,
        }
        return FleetStream(filters, self.session, self._spawn, raise_troubles=raise_troubles, **how)

    def watch(
        self,
        where: TaskFilter | Mapping[str, TaskFilter | Iterable[str | Task]] | Iterable[Pair] | None = None,
        *,
        polling: Polling = Polling(),
        initial: bool = True,
        cursor: Mapping[str, Any] | None = None,
    ) -> FleetWatch:
        """Watch tasks of many sites, and get what happens to them with the site's name.

        Args:
            where: a `TaskFilter` for all sites (None for all tasks); a filter or ids for each site that is
                meant, by its name; or pairs of a site and a task or its id.
            polling: how often to look, and for how long looks may fail in a row. A site that is away for
                longer is given up: give a patience that your longest maintenance does not outlast.
            initial: as for `TaskSession.watch`.
            cursor: `FleetWatch.cursor` of an earlier watch of the same tasks.

        Raises:
            SiteTroubles: from the loop, when no site is left to be watched.

        Example:
            >>> async for site, event in fleet.watch(TaskFilter(status=Status.IN_PROGRESS)):
            ...     print(site, event.kind, event.task_id)
        """
        if where is None or isinstance(where, TaskFilter | Mapping):
            each = {
                name: what if what is None or isinstance(what, TaskFilter) else several(name, what)
                for name, what in each_of(where, self._sites, "where").items()
            }
        else:
            each = dict(by_site(where, self._sites))
        return FleetWatch(
            each, self.session, self._spawn, cursor=cursor, polling=checked_polling(polling), initial=initial
        )

    def wait_many(
        self,
        targets: Iterable[Pair] | Mapping[str, Iterable[str | Task]],
        *,
        timeout: float | None = None,
        polling: Polling = Polling(),
        after_retry: bool | None = None,
    ) -> FleetWaits:
        """Wait for tasks of many sites, and get each as it ends.

        Args:
            targets: pairs of a site and a task or its id; or tasks or ids for each site, by its name.
            timeout: seconds for all of them together.
            polling: how often to look, and for how long looks may fail in a row.
            after_retry: as for `TaskSession.wait`.

        Raises:
            SiteTroubles: from the loop, at its end: some sites could not be asked.
            TaskGone, WaitTimeout, WaitError: likewise, where single tasks did not end.

        Example:
            >>> async for site, task in fleet.wait_many(accepted, timeout=3600):
            ...     print(site, task.name, task.status)
        """
        checked_limit("timeout", timeout)
        return FleetWaits(
            by_site(targets, self._sites),
            self.session,
            self._spawn,
            timeout=timeout,
            polling=checked_polling(polling),
            after_retry=after_retry,
        )
