"""A listing that is read again and again, and what a task means that is no longer in it.

A listing that is proven whole is proof by itself. Where it is not, or where the server filters it, tasks
that did not come are asked for by themselves, some after each reading.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Final

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.events import Mark
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.following import Follower, SweepFollower
from vcf_tasks_async.lanes import ABSENCE, Lane, Looker, quicker
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Polling, is_broken, jittered, next_pause

# Absent tasks that are asked for after one listing; the others' turn comes after the next.
_ASKED_FOR: Final = 64
# Pages in flight while a listing is read again: nobody waits for it, and what is held the collector walks.
# With 5,000 tasks of real size, the longest hold of the loop is 10 ms so, and 13 ms with two.
_AHEAD: Final = 1
EVERYTHING: Final = TaskFilter()


@attrs.frozen
class _Read:
    """What one reading of the listing came to.

    Attributes:
        tasks: how many came.
        changed: whether they brought news.
        whole: whether they are all there are.
        broken: why pages are missing that can't be had, or None.
    """

    tasks: int
    changed: bool
    whole: bool
    broken: VcfTasksError | None


class Sweep(Lane):
    """One listing that is read again and again.

    Args:
        looker: looks at single tasks, opens listings.
        query: what the listing is of.
        sighted: told of each task, with its mark and its place in the list of all tasks (None elsewhere).
    """

    def __init__(
        self, looker: Looker, query: TaskFilter, sighted: Callable[[Task, Mark, int | None], object]
    ) -> None:
        super().__init__(looker)
        self._query = query
        self._sighted = sighted
        self._followers: list[SweepFollower] = []
        self._pause = 0.0
        self._last = self._due = -math.inf
        self._asked = False
        self._missing: dict[str, float] = {}
        self._looked_at: dict[str, float] = {}

    def join(self, follower: SweepFollower) -> None:
        """Tell *follower* of all listings that begin from now on."""
        self._followers.append(follower)
        try:
            self.start(self._clock.time())
        except BaseException:
            self._followers.remove(follower)
            raise
        self.hurry()

    def hurry(self) -> None:
        """Read again as soon as is polite."""
        self._asked = True
        self.start(self._soonest())

    def followers(self) -> list[tuple[str, Follower]]:
        return [("", follower) for follower in self._followers]

    def drop(self, what: str, follower: Follower) -> None:
        if follower in self._followers:
            self._followers = [each for each in self._followers if each is not follower]
            if not self._followers:
                self.stop()

    def due(self) -> float:
        return min(self._due, self._soonest()) if self._asked else self._due

    def _soonest(self) -> float:
        return self._last + self._polling().initial

    def _polling(self) -> Polling:
        pollings = [follower.polling for follower in self._followers] or [Polling()]
        return reduce(quicker, pollings)

    async def look(self) -> None:
        self._asked = False
        self._last = self._clock.time()
        # Who joins in the middle has not seen its beginning: the next one is theirs.
        present = tuple(self._followers)
        for follower in present:
            follower.begin()
        read = await self._read(present)
        if read.broken is None:
            # Before anybody hands out what it brought: it is back first.
            self.worked()
        absent: dict[str, None] = {}
        for follower in present:
            absent.update(dict.fromkeys(follower.absent()))
        gone = self._proven(absent) if read.whole else await self._asked_for(absent, present, read)
        for task_id in gone:
            for follower in present:
                follower.missing(task_id)
        now = self._clock.time()
        polling = self._polling()
        changed = read.changed or bool(absent)
        self._pause = next_pause(max(self._pause, polling.initial), polling, changed=changed)
        # A long listing is not followed by the next one at once: at most half the time goes into reading.
        pause = max(jittered(self._pause, polling, rng=self._looker.rng), now - self._last)
        self._due = now + pause
        if read.broken is not None:
            raise read.broken

    async def _read(self, present: tuple[SweepFollower, ...]) -> _Read:
        changed = False
        unfiltered = self._query == EVERYTHING
        place = 0
        try:
            async with self._looker.listing(self._query, _AHEAD) as reading:
                async for task in reading:
                    mark = Mark.of(task)
                    self._sighted(task, mark, place if unfiltered else None)
                    place += 1
                    for follower in present:
                        changed = follower.seen(task, mark) or changed
                broken = next(iter(reading.skipped), None)
                return _Read(place, changed, unfiltered and reading.complete, broken)
        except VcfTasksError as error:
            if not is_broken(error):
                raise
            # What is known can still be asked for by itself.
            return _Read(place, changed, False, error)

    def _proven(self, absent: Iterable[str]) -> list[str]:
        """Those that were in no listing for long enough; this one is whole."""
        now = self._clock.time()
        missing = {task_id: self._missing.get(task_id, now) for task_id in absent}
        # From the end of the one listing to the beginning of the other: it was surely not there for so long.
        gone = [task_id for task_id, since in missing.items() if self._last - since >= ABSENCE]
        for task_id in gone:
            del missing[task_id]
        self._missing, self._looked_at = missing, {}
        return gone

    async def _asked_for(
        self, absent: dict[str, None], present: tuple[SweepFollower, ...], read: _Read
    ) -> list[str]:
        """Those of *absent* that are gone; some of them are asked for."""
        self._missing = {task_id: since for task_id, since in self._missing.items() if task_id in absent}
        turns = {task_id: self._looked_at.get(task_id, -math.inf) for task_id in absent}
        # Who was not there once is soon looked at again; the others take turns.
        order = sorted(absent, key=lambda task_id: (task_id not in self._missing, turns[task_id]))
        asked = order[:_ASKED_FOR]
        self._looked_at = turns | dict.fromkeys(asked, self._clock.time())
        still_missing: list[str] = []

        def seen(task: Task) -> None:
            self._missing.pop(task.id, None)
            for follower in present:
                follower.seen(task, Mark.of(task))

        trouble = await self._looker.look_at(
            asked, seen, still_missing.append, works=read.broken is None or read.tasks > 0
        )
        for task_id, error in trouble.items():
            for follower in present:
                follower.unreadable(task_id, error)
        now = self._clock.time()
        gone = []
        for task_id in still_missing:
            if now - self._missing.setdefault(task_id, now) >= ABSENCE:
                del self._missing[task_id]
                gone.append(task_id)
        return gone
