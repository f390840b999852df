"""Listings of a fleet, and waits: those of many sites, each as one stream.

A site in trouble is left out, and said so at the end; the others never notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from vcf_tasks_async.errors import VcfTasksError, WaitError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.fleet_merge import OpenSession, SiteMerge
from vcf_tasks_async.mailbox import Mailbox
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import SiteTask, SiteTrouble
from vcf_tasks_async.stream import TaskStream
from vcf_tasks_async.wait_many import TaskWaits

ListSite = Callable[[TaskSession], TaskStream]


def listed(where: TaskFilter, how: dict[str, Any], session: TaskSession) -> TaskStream:
    """The listing of one site."""
    return session.stream(where, **how)


class FleetStream(Mailbox[SiteTask]):
    """The tasks of many sites, each exactly once, as they come. Made by `Fleet.stream`.

    Within a site they come in its order. A site that can't be listed costs the others nothing: when they are
    through, `SiteTroubles` is raised (``raise_troubles=False``: see `troubles`). Leaving early with ``break``
    ends the listings; ``async with`` has them gone when it is left.

    Example:
        >>> async for site, task in fleet.stream(TaskFilter(status=Status.FAILED)):
        ...     print(site, task.name, task.cause)
    """

    def __init__(
        self,
        where: Mapping[str, TaskFilter],
        open_session: OpenSession,
        spawn: Spawn,
        *,
        raise_troubles: bool,
        **how: Any,
    ) -> None:
        self._listings = _Listings(dict(where), how, open_session, spawn)
        self._listings.raise_troubles = raise_troubles
        super().__init__(self._listings)

    @property
    def troubles(self) -> dict[str, SiteTrouble]:
        """Sites that could not be listed (to their end), by name."""
        return dict(self._listings.troubles)

    @property
    def sites(self) -> dict[str, TaskStream]:
        """Each site's own stream, once it is open: its `complete`, `malformed` and `total`."""
        return dict(self._listings.streams)

    @property
    def complete(self) -> bool:
        """Whether every task that was there all the time has been yielded, of every site."""
        listings = self._listings
        return (
            listings.over
            and not listings.troubles
            and len(listings.streams) == len(listings.names)
            and all(stream.complete for stream in listings.streams.values())
        )


def handed_over(stream: FleetStream, fleet: OpenSession) -> dict[str, ListSite] | None:
    """How each site is listed, when *stream* is of that *fleet* and nobody reads it; it ends here."""
    return stream._listings.handed_over(fleet)  # noqa: SLF001 - the two are one


class _Listings(SiteMerge[SiteTask]):
    doing = "list"

    def __init__(
        self, where: dict[str, TaskFilter], how: dict[str, Any], open_session: OpenSession, spawn: Spawn
    ) -> None:
        super().__init__(where, open_session, spawn)
        self.streams: dict[str, TaskStream] = {}
        self._where = where
        self._how = how

    def handed_over(self, fleet: OpenSession) -> dict[str, ListSite] | None:
        if self._begun or self._open_session != fleet:
            return None
        self.close()
        return {name: partial(listed, where, self._how) for name, where in self._where.items()}

    async def pump(self, name: str, session: TaskSession) -> None:
        stream = self.streams[name] = listed(self._where[name], self._how, session)
        async with stream as tasks:
            async for task in tasks:
                await self.put(SiteTask(name, task))


# --- waiting ------------------------------------------------------------------------------------------


class FleetWaits(Mailbox[SiteTask]):
    """Tasks of many sites, each once it has ended. Made by `Fleet.wait_many`.

    What can't be waited for does not stop the others: it is in `missed`, and at the end `SiteTroubles` or the
    first `WaitError` is raised.

    Example:
        >>> async for site, task in fleet.wait_many(targets, timeout=3600):
        ...     print(site, task.name, task.status)
    """

    def __init__(
        self, ids: Mapping[str, list[str | Task]], open_session: OpenSession, spawn: Spawn, **how: Any
    ) -> None:
        self._waiting = _Waiting(ids, how, open_session, spawn)
        super().__init__(self._waiting)

    @property
    def missed(self) -> dict[tuple[str, str], WaitError]:
        """What did not end, and why, by site and task id."""
        return dict(self._waiting.missed)

    @property
    def troubles(self) -> dict[str, SiteTrouble]:
        """Sites where nothing can be waited for, by name."""
        return dict(self._waiting.troubles)


class _Waiting(SiteMerge[SiteTask]):
    doing = "wait"

    def __init__(
        self,
        ids: Mapping[str, list[str | Task]],
        how: dict[str, Any],
        open_session: OpenSession,
        spawn: Spawn,
    ) -> None:
        super().__init__(ids, open_session, spawn)
        self.missed: dict[tuple[str, str], WaitError] = {}
        self._left = {
            name: dict.fromkeys(each.id if isinstance(each, Task) else each for each in several)
            for name, several in ids.items()
        }
        self._ids = ids
        self._how = how

    async def pump(self, name: str, session: TaskSession) -> None:
        waits: TaskWaits = session.wait_many(self._ids[name], **self._how)
        left = self._left[name]
        try:
            async with waits as ended:
                async for task in ended:
                    left.pop(task.id, None)
                    await self.put(SiteTask(name, task))
        except WaitError:
            # Of single tasks: each is in `missed`.
            pass
        finally:
            for task_id, error in waits.missed.items():
                left.pop(task_id, None)
                self.missed[name, task_id] = error

    def note(self, name: str, error: VcfTasksError) -> None:
        super().note(name, error)
        for task_id in self._left[name]:
            missed = WaitError(
                f"task {task_id} at {name} can't be waited for: {error}", manager=error.manager
            )
            missed.__cause__ = error
            self.missed[name, task_id] = missed

    def end(self) -> None:
        super().end()
        if self.missed and not self.troubles:
            raise next(iter(self.missed.values()))
