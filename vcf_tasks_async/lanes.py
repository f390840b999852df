"""What it takes to look again and again: single looks, when a listing is cheaper, and a lane of looks.

A lane is one asyncio task that looks, tells, and sleeps until the next look is due, through outages and
for as long as somebody follows. What it looks at is `polling`'s.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Final

import anyio

from vcf_tasks_async.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    TaskNotFound,
    Unauthorized,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.following import Clock, Follower, Get, OpenListing
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.policy import Polling, is_broken, jittered, next_pause

# Seconds for which a task must be unknown before it counts as gone: one that was just created or
# retried may be missing for a moment, and so may all of them while services start.
ABSENCE: Final = 5.0
# Looks that fail in a row before the rest of a round is not worth asking for.
_OUTAGE: Final = 3
# Looks at single tasks side by side; the session's slots bound them as well.
_WORKERS: Final = 8
# Up to this many tasks are looked at one by one without asking how long the listing is.
_FEW: Final = 8
_PAGE: Final = 100


def reading_depth(places: Iterable[int | None], total: int | None) -> int:
    """How many tasks of the listing to read in order to look at some of them; 0: ask for each by itself.

    The listing's first pages may hold most of them; what stands deep is cheaper to ask for.

    Args:
        places: the place in the listing where each was seen last; None where it never was.
        total: tasks in the listing, as it was read last; None when it never was.

    Example:
        >>> reading_depth([3, 40, 77, 9000], 10_000), reading_depth([9000], 10_000)
        (100, 0)
    """
    # A task that has not been seen in the listing is a new one: those stand first as a rule.
    pages = sorted((place or 0) // _PAGE for place in places)
    if total is None:
        return 0 if len(pages) <= _FEW else _PAGE * (len(pages) // 2)
    best, depth = len(pages), 0
    for found, page in enumerate(pages, 1):
        # One page more than needed: the stream reads ahead, and what is new pushes the rest down.
        cost = page + 2 + len(pages) - found
        if cost < best:
            best, depth = cost, (page + 1) * _PAGE
    return depth


class Looker:
    """Looks at tasks, and what all lanes of a session know of the connection.

    Attributes:
        not_before: no look before this time of the clock: the server asked for it.
        has_worked: whether any look ever worked.
    """

    def __init__(
        self, get: Get, listing: OpenListing, spawn: Spawn, clock: Clock, rng: Random | None = None
    ) -> None:
        self.listing = listing
        self.spawn = spawn
        self.clock = clock
        self.rng = rng or Random()
        self.not_before = -math.inf
        self.has_worked = False
        self._get = get
        self._stopping: set[asyncio.Task[None]] = set()

    async def look_at(
        self,
        ids: Iterable[str],
        seen: Callable[[Task], object],
        absent: Callable[[str], object],
        *,
        works: bool = False,
    ) -> dict[str, VcfTasksError]:
        """Ask for each task by itself, several at a time. Returns those that can't be read, and why.

        Args:
            works: something else was read just now: tasks that are broken are so by themselves.

        Raises:
            VcfTasksError: nothing can be read; the rest was not asked for.
        """
        several = list(ids)
        todo = iter(several)
        trouble: dict[str, VcfTasksError] = {}
        streak: list[VcfTasksError] = []

        async def work() -> None:
            for task_id in todo:
                try:
                    task = await self._get(task_id)
                except TaskNotFound:
                    absent(task_id)
                except VcfTasksError as error:
                    trouble[task_id] = error
                    streak.append(error)
                    if len(streak) >= _OUTAGE or isinstance(error, UsageError):
                        break
                    continue
                else:
                    seen(task)
                streak.clear()

        if len(several) == 1:
            await work()
        elif several:
            async with anyio.create_task_group() as workers:
                for _ in range(min(_WORKERS, len(several))):
                    workers.start_soon(work)
        if works and all(map(is_broken, streak)):
            return trouble
        if streak and (
            len(streak) >= _OUTAGE or len(trouble) == len(several) or isinstance(streak[-1], UsageError)
        ):
            raise streak[-1]
        return trouble

    def stop(self, task: asyncio.Task[None]) -> None:
        """End a lane's asyncio task."""
        if not task.done():
            task.cancel()
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def settled(self) -> None:
        """Return when what was told to stop has stopped."""
        # A lane may stop in its own look: it does not wait for itself.
        others = self._stopping - {asyncio.current_task()}
        if others:
            await asyncio.wait(others)


class Lane:
    """Looks, one after the other, for as long as there is somebody to tell."""

    def __init__(self, looker: Looker) -> None:
        self._looker = looker
        self._clock = looker.clock
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._sleeps_until = math.inf
        self._has_worked = False
        self._backoff = 0.0
        self._failing_since: float | None = None
        self._not_before = -math.inf

    def followers(self) -> list[tuple[str, Follower]]:
        """Everyone who follows, each with what it follows here."""
        raise NotImplementedError

    def due(self) -> float:
        """When the next look is due, by the clock."""
        raise NotImplementedError

    async def look(self) -> None:
        """Look, and tell."""
        raise NotImplementedError

    def drop(self, what: str, follower: Follower) -> None:
        """Forget a follower: nothing more is to be told."""
        raise NotImplementedError

    def start(self, due: float) -> None:
        """Make sure that the lane runs, and is awake at *due*."""
        if self._task is None:
            self._task = self._looker.spawn(self._run())
            self._task.add_done_callback(self._over)
        elif due < self._sleeps_until:
            self._wake.set()

    def stop(self) -> None:
        """End the lane: nobody follows any more."""
        task, self._task = self._task, None
        self._failing_since, self._not_before = None, -math.inf
        if task is not None:
            self._looker.stop(task)

    async def _run(self) -> None:
        while True:
            await self._sleep()
            started = self._clock.time()
            try:
                await self.look()
            except VcfTasksError as error:
                self._failed(error, started)
            else:
                self.worked()

    async def _sleep(self) -> None:
        while (due := max(self.due(), self._not_before, self._looker.not_before)) > self._clock.time():
            self._wake.clear()
            self._sleeps_until = due
            timer = self._clock.call_at(due, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
        self._sleeps_until = -math.inf

    def _failed(self, error: VcfTasksError, started: float) -> None:
        now = self._clock.time()
        first = self._failing_since is None
        if self._failing_since is None:
            self._failing_since, self._backoff = started, 0.0
        seconds = now - self._failing_since
        # What never worked is not going to: a wrong password, a filter that this release does not take.
        never = () if self._looker.has_worked else (Unauthorized, Forbidden)
        hopeless = isinstance(error, (UsageError, *never, *(() if self._has_worked else (BadRequest,))))
        everyone = self.followers()
        for what, follower in everyone:
            if hopeless or seconds >= follower.polling.patience:
                self.drop(what, follower)
                follower.fail(error, None, 0.0 if hopeless else seconds)
            elif first:
                follower.lost(error)
        if not everyone:
            return
        pollings = {follower.polling for _, follower in everyone}
        quickest = min(pollings, key=lambda polling: polling.initial)
        self._backoff = next_pause(self._backoff, quickest, changed=first)
        self._not_before = now + jittered(self._backoff, quickest, rng=self._looker.rng)
        if isinstance(error, ApiError) and error.retry_after is not None:
            # Not longer than anyone has patience: who gives up must be told so.
            asked = min(error.retry_after, *(polling.patience for polling in pollings))
            self._looker.not_before = max(self._looker.not_before, now + asked)

    def worked(self) -> None:
        """A look has worked: whoever was told that they fail is told so."""
        self._looker.has_worked = self._has_worked = True
        if self._failing_since is not None:
            seconds = self._clock.time() - self._failing_since
            self._failing_since, self._not_before = None, -math.inf
            for _, follower in self.followers():
                follower.restored(seconds)

    def _over(self, task: asyncio.Task[None]) -> None:
        """The lane's task has ended; unless it was told to, whoever follows must know."""
        broken = None if task.cancelled() else task.exception()
        if task is not self._task:
            return
        self._task = None
        error = broken if isinstance(broken, Exception) else UsageError("the session was closed meanwhile")
        for what, follower in self.followers():
            self.drop(what, follower)
            follower.fail(error, None, 0.0)


def quicker(one: Polling, other: Polling) -> Polling:
    """What satisfies both."""
    if one == other:
        return one
    return Polling(
        initial=min(one.initial, other.initial),
        maximum=min(one.maximum, other.maximum),
        factor=min(one.factor, other.factor),
        jitter=min(one.jitter, other.jitter),
        patience=max(one.patience, other.patience),
    )
