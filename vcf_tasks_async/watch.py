"""Watching tasks: what happens to them, as events. The looks are the poller's, shared with all who wait.

A watch remembers what it has told of each task, and tells the difference to what is there now. So nothing
is told twice, and a reader who is slow gets fewer and larger differences, not a longer queue.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import attrs

from vcf_tasks_async.cursor import Told, from_cursor
from vcf_tasks_async.errors import VcfTasksError, WaitError
from vcf_tasks_async.events import EventKind, Mark, TaskEvent, changes, told_up_to
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.following import Following
from vcf_tasks_async.mailbox import Empty, Mailbox
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Polling
from vcf_tasks_async.targets import ids_of

# Tasks with news that wait for the reader. What is beyond is passed over, and seen again at a later look.
_MOST_NEWS: Final = 1000


class TaskWatch(Mailbox[TaskEvent]):
    """Events of tasks, as they are seen. Made by `TaskSession.watch`.

    For each task they come in order, each once: APPEARED first, ENDED when it is seen to end. One that had
    ended before it was first seen has only appeared: whoever waits for ends looks at `TaskEvent.status` of
    both. A look shows what is, not what was: of what happens between
    two looks only the outcome is seen, and a reader slower than the looks gets what happened to a task
    meanwhile in one. LOST and RESTORED tell of the connection (with a `TaskEvent.task_id`: of that one task,
    which can't be read). Where SDDC Manager fails over one page of its list again and again, that is LOST as
    well, and what can be had is told on, until patience ends it. A watch of ids ends when all of them are
    gone, any other one never by itself.
    Leaving it with ``break`` ends the looks; ``async with`` (or `contextlib.aclosing`) has them gone when
    it is left. A timeout round one ``anext`` loses nothing.

    Example:
        >>> async with session.watch(TaskFilter(status=Status.IN_PROGRESS)) as events:
        ...     async for event in events:
        ...         print(event.kind.value, event.task_id, event.path, event.before, event.after)
    """

    def __init__(
        self,
        poller: Following,
        where: TaskFilter | Iterable[str | Task] | None,
        *,
        polling: Polling = Polling(),
        initial: bool = True,
        cursor: Any = None,
        manager: str | None = None,
    ) -> None:
        told = None if cursor is None else from_cursor(cursor)
        if where is None or isinstance(where, TaskFilter):
            self._feed = Feed(poller, where or TaskFilter(), None, polling, told, initial, manager)
        else:
            ids = ids_of(where, "where takes a TaskFilter, or an iterable of task ids: [task_id] for one")
            self._feed = Feed(poller, None, ids, polling, told, initial, manager)
        super().__init__(self._feed)

    @property
    def cursor(self) -> dict[str, Any]:
        """How far this watch has told: plain values ready for `json.dumps`, a few dozen bytes for each task.

        Cheap enough to be asked for after each event: only what has changed since is made anew.

        A watch of the same tasks that gets it begins there, with what happened in between. Events that were
        handed out count as told. Good at any time, also after the watch has ended.
        """
        return self._feed.cursor


def feed_of(watch: TaskWatch) -> Feed:
    """What *watch* reads from, for whoever reads several watches in turn instead; not without keeping it."""
    return watch._feed  # noqa: SLF001 - the two are one


@attrs.define
class _Batch:
    """The events of one task that are being told."""

    task_id: str
    before: Mark | None
    after: Mark
    events: deque[TaskEvent]
    count: int = 0


class Feed:
    """What a `TaskWatch` reads from, and what the poller tells.

    Attributes:
        is_shut: nothing more comes into it.
    """

    def __init__(
        self,
        poller: Following,
        where: TaskFilter | None,
        ids: dict[str, None] | None,
        polling: Polling,
        told: dict[str, Mark] | None,
        initial: bool,
        manager: str | None,
    ) -> None:
        self.bell = asyncio.Event()
        self.polling = polling
        self._poller = poller
        self._where = where
        # What leaves the statuses that are meant is still to be told of: all of them are read.
        self._query = attrs.evolve(where, status=None) if where is not None else TaskFilter()
        self._ids = ids
        self._manager = manager
        known = told or {}
        if ids is not None:
            known = {task_id: mark for task_id, mark in known.items() if task_id in ids}
        self._told = Told(known)
        self._taken_as_known = not initial and told is None
        self._unknown_ids = set(ids or ()) - set(self._told)
        self._unseen: set[str] = set()
        # Per task, oldest first: as it was last seen, or None when it is gone.
        self._news: dict[str, tuple[Task, Mark] | None] = {}
        self._passed_over = False
        self._batch: _Batch | None = None
        self._link: dict[str | None, list[TaskEvent]] = {}
        self._unreadable: set[str] = set()
        self._broken: Exception | None = None
        self._opened = False
        self.is_shut = False
        # What a look brings before it is known to have worked waits for RESTORED.
        self._lost = self._held = False

    # --- what the reader asks -------------------------------------------------------------------------

    def open(self) -> None:
        if self._opened or self.is_shut:
            return
        self._opened = True
        try:
            if self._ids is None:
                self._poller.sweep(self._query, self)
            for task_id in tuple(self._ids or ()):
                self._poller.follow(task_id, self)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.is_shut:
            return
        self.is_shut = True
        if self._opened:
            self._poller.leave(self._query, self)
            for task_id in tuple(self._ids or ()):
                self._poller.unfollow(task_id, self)
        self._news.clear()

    async def closed(self) -> None:
        await self._poller.settled()

    def take(self) -> TaskEvent:
        while True:
            batch = self._batch
            if batch is not None and batch.events:
                batch.count += 1
                return batch.events.popleft()
            for key, events in self._link.items():
                if len(events) == 1:
                    del self._link[key]
                return events.pop(0)
            if self._news and (not self._held or self._broken is not None):
                self._begin_batch(next(iter(self._news)))
            elif self._broken is not None:
                raise self._broken
            elif self._ids is not None and not self._ids:
                raise StopAsyncIteration
            else:
                raise Empty

    def _begin_batch(self, task_id: str) -> None:
        news = self._news.pop(task_id)
        if self._passed_over and len(self._news) <= _MOST_NEWS // 2:
            self._passed_over = False
            self._poller.hurry(self._query)
        before = self._told.get(task_id)
        if news is None:
            self._told.forget(task_id)
            old = None if before is None else before.status
            gone = TaskEvent(EventKind.GONE, None, task_id, before=old)
            self._batch = _Batch(task_id, before, Mark(None), deque([gone]))
            return
        task, mark = news
        told = changes(before, mark)
        self._batch = _Batch(
            task_id,
            before,
            mark,
            deque(TaskEvent(kind, task, task_id, path, old, new) for kind, path, old, new in told),
        )
        if self._where is None or self._where.matches(task):
            self._told[task_id] = mark
        else:
            # It is meant no more: this is the last that is told of it.
            self._told.forget(task_id)

    @property
    def cursor(self) -> dict[str, Any]:
        batch = self._batch
        if batch is None or not batch.events:
            return self._told.cursor()
        mark = batch.before if not batch.count else told_up_to(batch.before, batch.after, batch.count)
        return self._told.cursor({batch.task_id: mark})

    # --- what the poller tells ------------------------------------------------------------------------

    def begin(self) -> None:
        self._unseen = set(self._told)
        self._held = self._lost

    def seen(self, task: Task, mark: Mark) -> bool:
        if self.is_shut:
            return False
        task_id = task.id
        self._unseen.discard(task_id)
        if self._unreadable and task_id in self._unreadable:
            self._unreadable.discard(task_id)
            self._connection(EventKind.RESTORED, task_id)
        told, news = self._told.get(task_id), self._news.get(task_id)
        if told is None and news is None:
            if self._where is not None and not self._where.matches(task):
                return False
            if self._taken_as_known and (self._ids is None or task_id in self._unknown_ids):
                self._unknown_ids.discard(task_id)
                self._told[task_id] = mark
                return False
        elif told == mark:
            # As it was told, perhaps again: there is nothing to tell.
            self._news.pop(task_id, None)
            if self._where is not None and not self._where.matches(task):
                del self._told[task_id]
            return False
        if task_id not in self._news and len(self._news) >= _MOST_NEWS:
            self._passed_over = True
            return True
        self._news[task_id] = (task, mark)
        self.bell.set()
        return news is None or news[1] != mark

    def absent(self) -> Iterable[str]:
        # All that was to be had is there, if not all there is.
        self._held = self._taken_as_known = False
        self.bell.set()
        unseen, self._unseen = self._unseen, set()
        return [task_id for task_id in unseen if task_id in self._told and not self._is_gone(task_id)]

    def _is_gone(self, task_id: str) -> bool:
        return task_id in self._news and self._news[task_id] is None

    def missing(self, task_id: str) -> None:
        if self.is_shut:
            return
        self._unreadable.discard(task_id)
        if self._ids is not None:
            self._ids.pop(task_id, None)
        elif task_id not in self._told:
            self._news.pop(task_id, None)
            return
        self._news[task_id] = None
        self.bell.set()

    def lost(self, error: VcfTasksError) -> None:
        self._lost = True
        self._connection(EventKind.LOST, None, error)

    def restored(self, seconds: float) -> None:
        self._lost = self._held = False
        self._connection(EventKind.RESTORED, None)

    def _connection(self, kind: EventKind, task_id: str | None, error: VcfTasksError | None = None) -> None:
        waiting = self._link.setdefault(task_id, [])
        if waiting and waiting[0].kind is EventKind.RESTORED:
            # Lost again before anyone heard that it was back.
            del self._link[task_id]
        elif len(waiting) == 2:
            del waiting[1]
        else:
            waiting.append(TaskEvent(kind, None, task_id, error=error))
        self.bell.set()

    def unreadable(self, task_id: str, error: VcfTasksError) -> None:
        if task_id not in self._unreadable:
            self._unreadable.add(task_id)
            self._connection(EventKind.LOST, task_id, error)

    def fail(self, error: Exception, task_id: str | None, seconds: float) -> None:
        if self.is_shut:
            return
        if task_id is not None and isinstance(error, VcfTasksError):
            # One task of several that can't be read: told once, and looked at further on.
            self.unreadable(task_id, error)
            self._poller.follow(task_id, self, delay=self.polling.maximum)
            return
        if seconds == 0.0:
            self._broken = copy.copy(error) if isinstance(error, VcfTasksError) else error
        elif self._broken is None:
            self._broken = WaitError(
                f"the watched tasks could not be looked at for {seconds:.0f} s: {error}",
                manager=self._manager,
            )
            self._broken.__cause__ = error
        self.bell.set()
