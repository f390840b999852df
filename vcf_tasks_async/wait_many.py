"""Waiting for many tasks at once: each is handed out as it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from vcf_tasks_async.checks import checked_limit
from vcf_tasks_async.errors import WaitError
from vcf_tasks_async.following import Timer
from vcf_tasks_async.mailbox import Empty, Mailbox
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Polling
from vcf_tasks_async.targets import ids_of
from vcf_tasks_async.waiting import Wait, Waits


class TaskWaits(Mailbox[Task]):
    """Tasks, each once it has ended. Made by `TaskSession.wait_many`.

    One task that can't be waited for does not stop the others: what became of it is in `missed`, and
    when all others have ended, the first of these errors is raised. Leaving early with ``break`` ends the
    looks; ``async with`` (or `contextlib.aclosing`) has them gone when it is left.

    Example:
        >>> async with session.wait_many(ids, timeout=3600) as ended:
        ...     async for task in ended:
        ...         print(task.name, task.status)
    """

    def __init__(
        self,
        waits: Waits,
        targets: Iterable[str | Task],
        *,
        timeout: float | None = None,
        polling: Polling = Polling(),
        after_retry: bool | None = None,
    ) -> None:
        checked_limit("timeout", timeout)
        ids = ids_of(targets, "targets takes an iterable of tasks or task ids: [task_id] for one")
        self._ended = _Ended(waits, tuple(ids), timeout, polling, after_retry)
        super().__init__(self._ended)

    @property
    def missed(self) -> dict[str, WaitError]:
        """What did not end, by task id: `TaskGone`, `WaitTimeout`, or no look worked for too long."""
        return dict(self._ended.missed)

    @property
    def left(self) -> int:
        """How many tasks are still to come."""
        return self._ended.left


class _Ended:
    """What a `TaskWaits` reads from: tasks that have ended."""

    def __init__(
        self,
        waits: Waits,
        ids: tuple[str, ...],
        timeout: float | None,
        polling: Polling,
        after_retry: bool | None,
    ) -> None:
        self.bell = asyncio.Event()
        self.missed: dict[str, WaitError] = {}
        self.left = len(ids)
        self._waits = waits
        self._ids = ids
        self._timeout = timeout
        self._polling = polling
        self._after_retry = after_retry
        self._going: dict[str, Wait] = {}
        self._ready: deque[Task] = deque()
        self._broken: Exception | None = None
        self._timer: Timer | None = None
        self._begun = False

    def open(self) -> None:
        if self._begun:
            return
        self._begun = True
        self._timer = self._waits.alarm(self._timeout, self._expire)
        try:
            for task_id in self._ids:
                self._going[task_id] = self._waits.begin(
                    task_id, self._polling, self._told, after_retry=self._after_retry
                )
        except BaseException:
            self.close()
            raise

    def _told(self, wait: Wait) -> None:
        if not wait.over and wait.error is None:
            return
        self._going.pop(wait.task_id, None)
        self._waits.end(wait)
        if isinstance(wait.error, WaitError):
            self.missed[wait.task_id] = wait.error
            self.left -= 1
        elif wait.error is not None:
            self._broken = wait.error
        elif wait.task is not None:
            self._ready.append(wait.task)
        self.bell.set()

    def _expire(self) -> None:
        for wait in tuple(self._going.values()):
            wait.expire(self._timeout or 0.0)

    def take(self) -> Task:
        if self._ready:
            self.left -= 1
            return self._ready.popleft()
        if self._broken is not None:
            raise self._broken
        if self.left:
            raise Empty
        if self.missed:
            raise next(iter(self.missed.values()))
        raise StopAsyncIteration

    def close(self) -> None:
        self._begun = True
        if self._timer is not None:
            self._timer.cancel()
        for wait in tuple(self._going.values()):
            self._waits.end(wait)
        self._going.clear()
        self._ready.clear()

    async def closed(self) -> None:
        await self._waits.settled()
