"""Waiting for a task to end: what is known of it meanwhile, and when that is an end.

The looks are the poller's, shared by all who wait. Thousands at once are `wait_many`'s.
"""

from __future__ import annotations

import asyncio
import copy
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Final

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.checks import checked_limit
from vcf_tasks_async.errors import (
    TaskFailed,
    TaskGone,
    TaskStalled,
    VcfTasksError,
    WaitError,
    WaitTimeout,
)
from vcf_tasks_async.events import Mark, Progress
from vcf_tasks_async.following import Following, Timer
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Polling
from vcf_tasks_async.text import inert

OnProgress = Callable[[Progress], Awaitable[object] | object]
OnStalled = Callable[[Task], Awaitable[object] | object]

# Retries that are remembered at most; beyond this the oldest are forgotten before their grace is over.
_REMEMBERED: Final = 50_000


class _Stale:
    """Tells the failure from before a retry, which still shows for a while, from a new one."""

    def __init__(self, until: float, before: Task | None) -> None:
        self._until = until
        self._before = Sighting.of(before) if before is not None and before.failed else None
        self._moved = False

    def covers(self, task: Task, now: float) -> bool:
        """Whether what *task* shows may be older than the retry."""
        if now >= self._until:
            return False
        if not task.failed:
            self._moved = True
            return False
        shown = Sighting.of(task)
        if self._before is None:
            if self._moved:
                return False
            # The first failure that is seen may be the old one: only another one is new for sure.
            self._before = shown
        return shown == self._before


class Wait:
    """One task that is waited for, as the poller knows it.

    Attributes:
        task: as it was last seen.
        error: why nothing more will come.
        over: it has ended.
        changes: how often it was seen to change, counting the first look.
        quiet_since: since when it has shown no change, by the poller's clock; outages don't count.
    """

    __slots__ = (
        "_clock", "_manager", "_mark", "_stale", "_tell", "changes", "error", "over", "polling",
        "quiet_since", "task", "task_id",
    )  # fmt: skip

    def __init__(
        self,
        task_id: str,
        polling: Polling,
        stale: _Stale | None,
        clock: Callable[[], float],
        tell: Callable[[Wait], object],
        manager: str,
    ) -> None:
        self._manager = manager
        self.task_id = task_id
        self.polling = polling
        self.task: Task | None = None
        self.error: Exception | None = None
        self.over = False
        self.changes = 0
        self.quiet_since = clock()
        self._clock = clock
        self._mark: Mark | None = None
        self._stale = stale
        self._tell = tell

    def seen(self, task: Task, mark: Mark) -> bool:
        if self.over or self.error is not None:
            return False
        now = self._clock()
        self.task = task
        changed = mark != self._mark
        if changed:
            self._mark, self.quiet_since = mark, now
            self.changes += 1
        stale = self._stale is not None and self._stale.covers(task, now)
        self.over = task.is_ended and not stale
        self._tell(self)
        return changed

    def missing(self, task_id: str) -> None:
        shown = "" if self.task is None else f"; it was last seen {_shown(self.task)}"
        self._end(TaskGone(f"task {task_id} is not known (any more){shown}", **self._where()))

    def lost(self, error: VcfTasksError) -> None:
        pass

    def restored(self, seconds: float) -> None:
        self.quiet_since += seconds

    def fail(self, error: Exception, task_id: str | None, seconds: float) -> None:
        if seconds == 0.0:
            # A copy each: a traceback that many tasks write to is nobody's.
            self._end(copy.copy(error) if isinstance(error, VcfTasksError) else error)
            return
        gave_up = WaitError(
            f"task {self.task_id} could not be looked at for {seconds:.0f} s: {error}", **self._where()
        )
        gave_up.__cause__ = error
        self._end(gave_up)

    def expire(self, seconds: float) -> None:
        """The time for it is over."""
        shown = "was not seen" if self.task is None else f"shows {_shown(self.task)}"
        self._end(
            WaitTimeout(
                f"task {self.task_id} has not ended within {seconds:g} s: it {shown};"
                " it goes on, wait again with its id",
                **self._where(),
            )
        )

    def _where(self) -> dict[str, Any]:
        return {"task": self.task, "manager": self._manager}

    def _end(self, error: Exception) -> None:
        if not self.over and self.error is None:
            self.error = error
            self._tell(self)


def _shown(task: Task) -> str:
    return repr(inert(task.raw_status or "no status", limit=40))


class Waits:
    """The waits of one session.

    Args:
        poller: the session's.
        grace: seconds for which the old failure may show after a retry.
        manager: the SDDC Manager's name, for errors.
    """

    def __init__(self, poller: Following, *, grace: float, manager: str) -> None:
        self._poller = poller
        self._grace = grace
        self._manager = manager
        self._retried: OrderedDict[str, float] = OrderedDict()

    def retried(self, task_id: str) -> None:
        """Remember that this session asks for a retry now: a failure that shows may be the old one."""
        retried, now = self._retried, self._poller.clock.time()
        retried[task_id] = now
        retried.move_to_end(task_id)
        # This one stays, so there is always one to look at.
        while len(retried) > _REMEMBERED or now - next(iter(retried.values())) >= self._grace:
            retried.popitem(last=False)

    def not_retried(self, task_id: str) -> None:
        """Forget it: the retry was refused."""
        self._retried.pop(task_id, None)

    async def ended(
        self,
        task_id: str,
        *,
        before: Task | None = None,
        after_retry: bool | None = None,
        polling: Polling = Polling(),
        timeout: float | None = None,  # noqa: ASYNC109 - by the poller's clock; its error carries the task
    ) -> Task:
        """The task, once it has ended. Cheap: thousands may wait at once. Errors are those of `one`.

        Args:
            before: the failed task as it was before its retry: a failure that looks different is new.
            after_retry: whether a failure may be older than a retry; None where this session knows.
            polling: how often to look.
            timeout: seconds; None waits for ever.
        """
        news = asyncio.Event()
        wait = self.begin(task_id, polling, lambda _: news.set(), before=before, after_retry=after_retry)
        return await self._finish(wait, news, timeout, None)

    async def one(
        self,
        task_id: str,
        *,
        timeout: float | None,  # noqa: ASYNC109 - as above
        polling: Polling,
        raise_failed: bool,
        after_retry: bool | None,
        stalled_after: float | None,
        on_stalled: OnStalled | None,
        on_progress: OnProgress | None,
    ) -> Task:
        """The task, once it has ended: see `TaskSession.wait`."""
        checked_limit("timeout", timeout)
        checked_limit("stalled_after", stalled_after)
        news = asyncio.Event()
        wait = self.begin(task_id, polling, lambda _: news.set(), after_retry=after_retry)
        told = stalled = 0

        async def look_on(task: Task) -> None:
            nonlocal told, stalled
            if wait.changes > told:
                told = wait.changes
                if on_progress is not None:
                    await _call(on_progress, Progress.of(task))
            quiet = self._poller.clock.time() - wait.quiet_since
            if stalled_after is None or wait.over or quiet < stalled_after or stalled == wait.changes:
                return
            stalled = wait.changes
            if on_stalled is None:
                raise TaskStalled(
                    f"task {task_id} has shown no change for {quiet:.0f} s: it stands {_shown(task)}",
                    task=task,
                    manager=self._manager,
                )
            await _call(on_stalled, task)

        task = await self._finish(wait, news, timeout, look_on)
        if raise_failed and not task.succeeded:
            raise failure_of(task, self._manager)
        return task

    async def _finish(
        self,
        wait: Wait,
        news: asyncio.Event,
        timeout: float | None,  # noqa: ASYNC109 - as above
        look_on: Callable[[Task], Awaitable[None]] | None,
    ) -> Task:
        timer = self.alarm(timeout, lambda: wait.expire(timeout or 0.0))
        try:
            while True:
                await news.wait()
                news.clear()
                if look_on is not None and wait.task is not None:
                    await look_on(wait.task)
                if wait.error is not None:
                    raise wait.error
                if wait.over and wait.task is not None:
                    return wait.task
        finally:
            if timer is not None:
                timer.cancel()
            self.end(wait)
            await self._poller.settled()

    def begin(
        self,
        task_id: str,
        polling: Polling,
        tell: Callable[[Wait], object],
        *,
        before: Task | None = None,
        after_retry: bool | None = None,
    ) -> Wait:
        """Have *task_id* looked at, and *tell* called at each look and at the end."""
        clock = self._poller.clock.time
        since = self._retried.get(task_id)
        if after_retry is True and since is None:
            since = clock()
        stale = None
        if since is not None and after_retry is not False and clock() < since + self._grace:
            stale = _Stale(since + self._grace, before)
        wait = Wait(checked_id(task_id), polling, stale, clock, tell, self._manager)
        # What was just retried has nothing new to show yet.
        self._poller.follow(task_id, wait, delay=polling.initial if stale else 0.0)
        return wait

    def end(self, wait: Wait) -> None:
        """Have its task looked at no more. Twice does no harm."""
        self._poller.unfollow(wait.task_id, wait)

    def alarm(self, seconds: float | None, ring: Callable[[], object]) -> Timer | None:
        """Have *ring* called in so many seconds; None is never."""
        clock = self._poller.clock
        return None if seconds is None else clock.call_at(clock.time() + seconds, ring)

    async def settled(self) -> None:
        """Return when nothing is left of waits that have ended."""
        await self._poller.settled()


def failure_of(task: Task, manager: str) -> TaskFailed:
    """The error that says that *task* did not end well, and why."""
    cause = f": {inert(task.cause, limit=500)}" if task.cause else ""
    return TaskFailed(
        f"task {task.id} ({inert(task.name or 'no name', limit=120)}) ended {_shown(task)}{cause}",
        task=task,
        manager=manager,
    )


async def _call(callback: Callable[[Any], Awaitable[object] | object], argument: object) -> None:
    result = callback(argument)
    if isawaitable(result):
        await result
