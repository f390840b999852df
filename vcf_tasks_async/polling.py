"""The one poller of a session: it looks at what is being followed, and tells whoever follows.

Single tasks share one lane, each listing has a lane of its own, and what a listing shows is a look at
the single tasks too. What looks mean is up to the followers (`waiting`, `watch`); how often to look is
`policy`'s.
"""

from __future__ import annotations

import math
from functools import reduce
from random import Random
from typing import Final

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.events import Mark
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.following import Clock, Follower, Get, OpenListing, SweepFollower
from vcf_tasks_async.lanes import ABSENCE, Lane, Looker, quicker, reading_depth
from vcf_tasks_async.models import Task
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.policy import Polling, jittered, next_pause
from vcf_tasks_async.sweeps import EVERYTHING, Sweep

# Seconds in which new waits gather for a common first look.
_GATHER: Final = 0.25


class Poller:
    """Looks at tasks and listings for as long as somebody follows them (`following.Following`).

    Args:
        get: reads one task.
        listing: opens a listing, read so many pages ahead.
        spawn: runs a coroutine as an asyncio task that ends with the session at the latest.
        clock: tells the time and rings; an event loop is one.
        rng: for jitter.
    """

    def __init__(
        self, get: Get, listing: OpenListing, spawn: Spawn, clock: Clock, rng: Random | None = None
    ) -> None:
        self.clock = clock
        self._looker = Looker(get, listing, spawn, clock, rng)
        self._singles = _Singles(self._looker)
        self._sweeps: dict[TaskFilter, Sweep] = {}

    def follow(self, task_id: str, follower: Follower, *, delay: float = 0.0) -> None:
        """Look at a task from now on (its first look is due in *delay* seconds) and tell *follower*."""
        self._singles.follow(task_id, follower, delay)

    def unfollow(self, task_id: str, follower: Follower) -> None:
        """Tell *follower* nothing more of this task. Twice does no harm."""
        self._singles.drop(task_id, follower)

    def sweep(self, query: TaskFilter, follower: SweepFollower) -> None:
        """Look at all tasks that *query* means from now on, and tell *follower*."""
        lane = self._sweeps.get(query)
        if lane is None:
            lane = self._sweeps[query] = Sweep(self._looker, query, self._singles.sighted)
        lane.join(follower)

    def leave(self, query: TaskFilter, follower: SweepFollower) -> None:
        """Tell *follower* nothing more of this listing. Twice does no harm."""
        lane = self._sweeps.get(query)
        if lane is not None:
            lane.drop("", follower)
            if not lane.followers():
                del self._sweeps[query]

    def hurry(self, query: TaskFilter) -> None:
        """Look at this listing again soon."""
        lane = self._sweeps.get(query)
        if lane is not None:
            lane.hurry()

    async def settled(self) -> None:
        """Return when what was told to stop has stopped."""
        await self._looker.settled()


@attrs.define(eq=False)
class _Record:
    """One task that is looked at by its id, and what is known of it between two looks."""

    polling: Polling
    due: float
    pause: float
    followers: list[Follower] = attrs.Factory(list)
    mark: Mark | None = None
    place: int | None = None
    missing_since: float | None = None
    failing_since: float | None = None


class _Singles(Lane):
    """The tasks that are followed by their id: asked for one by one, or read from the listing."""

    def __init__(self, looker: Looker) -> None:
        super().__init__(looker)
        self._records: dict[str, _Record] = {}
        # New ones, and those that were just not found: their looks don't wait for the others' turn.
        self._hasty: set[str] = set()
        self._last = -math.inf
        self._total: int | None = None

    def follow(self, task_id: str, follower: Follower, delay: float) -> None:
        """Look at a task from now on."""
        polling = follower.polling
        due = self._clock.time() + delay
        record = self._records.get(task_id)
        if record is None:
            record = self._records[task_id] = _Record(polling, due, polling.initial)
            if not delay:
                self._hasty.add(task_id)
                due = max(due, self._last + _GATHER)
        else:
            record.polling = quicker(record.polling, polling)
            record.due = min(record.due, due)
        record.followers.append(follower)
        try:
            self.start(due)
        except BaseException:
            self.drop(task_id, follower)
            raise

    def followers(self) -> list[tuple[str, Follower]]:
        return [(task_id, each) for task_id, record in self._records.items() for each in record.followers]

    def drop(self, what: str, follower: Follower) -> None:
        record = self._records.get(what)
        if record is None or follower not in record.followers:
            return
        record.followers.remove(follower)
        if record.followers:
            record.polling = reduce(quicker, (each.polling for each in record.followers))
            return
        del self._records[what]
        self._hasty.discard(what)
        if not self._records:
            self.stop()

    def due(self) -> float:
        if not self._records:
            return math.inf
        # Tasks whose turns lie close together take them together, or each would cost a request.
        first = min(self._records.values(), key=lambda record: record.due)
        gather = first.polling.initial * (1.0 - first.polling.jitter)
        due = max(first.due, self._last + gather)
        if self._hasty:
            earliest = min(self._records[task_id].due for task_id in self._hasty)
            due = min(due, max(earliest, self._last + min(_GATHER, gather)))
        return due

    async def look(self) -> None:
        now = self._last = self._clock.time()
        self._hasty.clear()
        due = {task_id: record for task_id, record in self._records.items() if record.due <= now}
        depth = reading_depth((record.place for record in due.values()), self._total)
        if depth:
            await self._read(due, depth)
        if due:
            trouble = await self._looker.look_at(due, self.sighted, self._not_found)
            for task_id, error in trouble.items():
                self._unreadable(task_id, error)

    async def _read(self, due: dict[str, _Record], depth: int) -> None:
        """Look at the tasks that stand first in the listing; takes those that it met out of *due*."""
        place = 0
        async with self._looker.listing(EVERYTHING, 1) as reading:
            async for task in reading:
                due.pop(task.id, None)
                self.sighted(task, place=place)
                place += 1
                if not due or place >= depth:
                    break
            self._total = reading.total if reading.total is not None else max(place, self._total or 0)

    def sighted(self, task: Task, mark: Mark | None = None, place: int | None = None) -> None:
        """Take a look that somebody had at *task*; does nothing where nobody follows it."""
        record = self._records.get(task.id)
        if record is None:
            return
        self.worked()
        mark = mark or Mark.of(task)
        record.missing_since = record.failing_since = None
        if place is not None:
            record.place = place
        changed, record.mark = record.mark != mark, mark
        self._schedule(record, changed=changed)
        for follower in tuple(record.followers):
            follower.seen(task, mark)

    def _schedule(self, record: _Record, *, changed: bool) -> None:
        record.pause = next_pause(record.pause, record.polling, changed=changed)
        record.due = self._clock.time() + jittered(record.pause, record.polling, rng=self._looker.rng)

    def _not_found(self, task_id: str) -> None:
        record = self._records.get(task_id)
        if record is None:
            return
        now = self._clock.time()
        if record.missing_since is None:
            record.missing_since = now
        elif now - record.missing_since >= ABSENCE:
            for follower in tuple(record.followers):
                self.drop(task_id, follower)
                follower.missing(task_id)
            return
        record.failing_since = None
        record.due = now + min(record.polling.initial, ABSENCE)
        self._hasty.add(task_id)

    def _unreadable(self, task_id: str, error: VcfTasksError) -> None:
        """Looks at this one task fail, while looks at others work."""
        record = self._records.get(task_id)
        if record is None:
            return
        if record.failing_since is None:
            record.failing_since = self._last
        seconds = self._clock.time() - record.failing_since
        self._schedule(record, changed=False)
        for follower in tuple(record.followers):
            if seconds >= follower.polling.patience:
                self.drop(task_id, follower)
                follower.fail(error, task_id, seconds)
