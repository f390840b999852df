"""Watching a fleet: the watches of many sites as one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import attrs

from vcf_tasks_async.errors import UsageError, VcfTasksError
from vcf_tasks_async.events import EventKind, TaskEvent
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.fleet_merge import OpenSession, SiteMerge
from vcf_tasks_async.mailbox import Empty, Mailbox
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import SiteEvent, SiteTrouble
from vcf_tasks_async.watch import Feed, feed_of

_CURSOR: Final = 1


class FleetWatch(Mailbox[SiteEvent]):
    """Events of the tasks of many sites. Made by `Fleet.watch`.

    For each site they come as `TaskWatch` tells them, and no site waits for another. LOST and RESTORED tell
    of a site's connection. A site whose watch ends by an error (a refused login, or looks that failed for
    longer than `Polling.patience`) is told of as LOST, with that error, and stands in `troubles`; the others
    go on.

    Example:
        >>> async with fleet.watch(TaskFilter(status=Status.IN_PROGRESS)) as events:
        ...     async for site, event in events:
        ...         print(site, event.kind, event.task_id)
    """

    def __init__(
        self,
        where: Mapping[str, TaskFilter | list[str | Task] | None],
        open_session: OpenSession,
        spawn: Spawn,
        *,
        cursor: Any = None,
        **how: Any,
    ) -> None:
        cursors = {} if cursor is None else _site_cursors(cursor)
        self._watching = _Watching(where, cursors, how, open_session, spawn)
        super().__init__(self._watching)

    @property
    def troubles(self) -> dict[str, SiteTrouble]:
        """Sites whose watch has ended by an error, by name."""
        return dict(self._watching.troubles)

    @property
    def cursor(self) -> dict[str, Any]:
        """How far this watch has told, of every site: plain values ready for `json.dumps`.

        A site that was never reached keeps the cursor it came with.
        """
        return {"version": _CURSOR, "sites": self._watching.cursors()}


def _site_cursors(cursor: object) -> dict[str, Any]:
    match cursor:
        case {"version": 1, "sites": dict(sites)}:
            return sites
    raise UsageError("cursor takes what FleetWatch.cursor gave, as a dict")


@attrs.define
class _Bell:
    """Tells the bell of all that one site's has rung."""

    rung: dict[str, None]
    bell: asyncio.Event

    def ring(self, name: str) -> None:
        self.rung[name] = None
        self.bell.set()


class _Watching(SiteMerge[SiteEvent]):
    """Takes events out of the sites' own boxes as they are read, so that the cursor is true to the event."""

    doing = "watch"

    def __init__(
        self,
        where: Mapping[str, Any],
        cursors: dict[str, Any],
        how: dict[str, Any],
        open_session: OpenSession,
        spawn: Spawn,
    ) -> None:
        super().__init__(where, open_session, spawn)
        self._where = where
        self._cursors = cursors
        self._how = how
        self._feeds: dict[str, Feed] = {}
        self._rung: dict[str, None] = {}
        self._farewells: deque[SiteEvent] = deque()

    def cursors(self) -> dict[str, Any]:
        return {**self._cursors, **{name: feed.cursor for name, feed in self._feeds.items()}}

    async def pump(self, name: str, session: TaskSession) -> None:
        watch = session.watch(self._where[name], cursor=self._cursors.get(name), **self._how)
        feed = self._feeds[name] = feed_of(watch)
        bell = _Bell(self._rung, self.bell)
        async with watch:
            while not feed.is_shut:
                bell.ring(name)
                await feed.bell.wait()
                feed.bell.clear()

    def note(self, name: str, error: VcfTasksError) -> None:
        super().note(name, error)
        self._farewells.append(SiteEvent(name, TaskEvent(EventKind.LOST, error=error)))
        self.bell.set()

    def take(self) -> SiteEvent:
        for name in tuple(self._rung):
            # The next one is the next site's.
            del self._rung[name]
            feed = self._feeds[name]
            if feed.is_shut:
                continue
            try:
                event = feed.take()
            except Empty:
                continue
            except StopAsyncIteration:
                _end(feed)
            except VcfTasksError as error:
                _end(feed)
                self.note(name, error)
            else:
                self._rung[name] = None
                return SiteEvent(name, event)
        if self._farewells:
            return self._farewells.popleft()
        return super().take()


def _end(feed: Feed) -> None:
    feed.close()
    # Its pump sees that.
    feed.bell.set()
