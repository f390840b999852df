"""A site of failed tasks in virtual time, where answers get lost and others are at work as well.

Each task's life is drawn at random before it begins. What the client sees of it may be old; the truth is
kept beside it. It speaks through the callables that `writes.Writer` takes, so that no socket is needed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

import attrs

from vcf_tasks_async import NotSentError, OutcomeUnknownError, Result, Task, TaskConflict, TaskNotFound
from vcf_tasks_async.calls import Reply
from vcf_tasks_async.errors import TransportError
from vcf_tasks_async.gate import OPEN
from vcf_tasks_async.judgement import Action, Sighting
from vcf_tasks_async.writes import Lost, Writer

#: Seconds for which the old status shows at most after a retry or a cancellation, by what was seen.
STALE = 60.0


@attrs.define
class Life:
    """One task: its truth, and what is shown of it."""

    task_id: str
    rng: Random
    status: str = "Failed"
    ended: int = 0
    shown: Task | None = None
    shown_until: float = -1.0
    next_at: float = float("inf")
    next_status: str = ""
    gone: bool = False
    ours: int = 0
    others: int = 0
    writes: int = 0
    fate: str = "answered"

    def task(self) -> Task:
        """The task as it is."""
        going_on = self.status in ("In Progress", "Pending")
        return Task(
            id=self.task_id,
            raw_status=self.status,
            completion_timestamp=None if going_on else f"run {self.ended}",
        )

    def turn(self, status: str) -> None:
        if status not in ("In Progress", "Pending"):
            self.ended += 1
        self.status = status
        self.next_at = float("inf")

    def advance(self, now: float) -> None:
        """Bring the task up to *now*."""
        while self.next_at <= now:
            at = self.next_at
            self.turn(self.next_status)
            if self.status == "Failed" and self.rng.random() < 0.2:
                self.others += 1
                self.stir(at)
            elif self.status == "Cancelled":
                self.others += 1

    def stir(self, at: float) -> None:
        """A retry takes it back to work, and it ends somehow, soon or late."""
        self.turn(self.rng.choice(("In Progress", "In Progress", "Pending")))
        self.next_at = at + self.rng.choice((0.3, 5.0, 50.0, 500.0)) * self.rng.uniform(0.2, 1.0)
        self.next_status = self.rng.choice(
            ("Failed", "FAILED", "Failed", "Successful", "Completed With Warning", "Cancelled")
        )

    def look(self, now: float) -> Task | None:
        self.advance(now)
        if self.gone:
            return None
        return self.shown if now < self.shown_until else self.task()


class Site:
    """Tasks by id, and the callables of a `Writer` over them.

    Args:
        seed: of all chances.
        others: other operators retry and cancel the same tasks meanwhile; what has ended is purged in any
            case, now and then.
        bad_looks: share of looks that fail.
        lost: share of writes whose answer is lost.
    """

    def __init__(
        self,
        seed: int,
        *,
        others: bool = False,
        bad_looks: float = 0.1,
        lost: float = 1.0,
        grace: float = STALE,
    ) -> None:
        self.rng = Random(seed)
        self.lives: dict[str, Life] = {}
        self.others = others
        self.bad_looks = bad_looks
        self.lost = lost
        self.looks = 0
        self.writer = Writer(
            {Action.RETRY: self._retry, Action.CANCEL: self._cancel}, self._look, self._never, grace=grace
        )

    def add(self, action: Action) -> Life:
        """One more task, in a state that fits *action* or, now and then, does not."""
        rng = self.rng
        fitting = ("Failed", "FAILED", "Failed") if action is Action.RETRY else ("In Progress",)
        status = rng.choice(fitting) if rng.random() < 0.9 else rng.choice(
            ("In Progress", "Successful", "Failed", "Frobnicating", "Cancelled", "Timed Out")
        )  # fmt: skip
        life = Life(f"t{len(self.lives)}", Random(rng.random()), status)
        self.lives[life.task_id] = life
        if status == "In Progress":
            life.next_at = asyncio.get_running_loop().time() + rng.expovariate(1 / 300)
            life.next_status = rng.choice(("Failed", "Successful"))
        return life

    def sight(self, life: Life) -> Sighting | None:
        """The task as a listing sees it; one in ten was given by its id alone."""
        now = asyncio.get_running_loop().time()
        seen = life.look(now) if self.rng.random() < 0.9 else None
        return None if seen is None else Sighting.of(seen)

    def meddle(self, life: Life, now: float) -> None:
        """What others do to it."""
        life.advance(now)
        if self.rng.random() < 0.1 and life.status not in ("In Progress", "Pending"):
            life.gone = True
            life.others += 1
        elif self.others and self.rng.random() < 0.3:
            if life.status in ("Failed", "FAILED"):
                life.others += 1
                life.stir(now)
            elif life.status == "In Progress":
                life.others += 1
                life.turn("Cancelled")

    async def _retry(self, task_id, gate):
        return await self._write(task_id, gate, self._apply_retry)

    async def _cancel(self, task_id, gate):
        return await self._write(task_id, gate, self._apply_cancel)

    async def _write(self, task_id, gate, apply):
        life, rng = self.lives[task_id], self.rng
        loop = asyncio.get_running_loop()
        assert gate.may_leave()
        if rng.random() < 0.01:
            raise NotSentError("refused", path=f"/v1/tasks/{task_id}", attempts=1)
        life.writes += 1
        await asyncio.sleep(rng.expovariate(1 / 2))
        if rng.random() < 0.2:
            self.meddle(life, loop.time())
        if rng.random() >= self.lost:
            apply(life, loop.time())
            return Reply(None, 1)
        life.fate = rng.choice(("lost before", "lost after"))
        if life.fate == "lost after":
            try:
                apply(life, loop.time())
            except (TaskConflict, TaskNotFound):
                life.fate = "refused, and that lost"
            # The answer may be given up long after it was applied, or at once.
            await asyncio.sleep(rng.choice((0.0, 1.0, 30.0)))
        if rng.random() < 0.2:
            loop.call_later(rng.uniform(0.0, 70.0), lambda: self.meddle(life, loop.time()))
        raise OutcomeUnknownError("lost", path=f"/v1/tasks/{task_id}", attempts=1)

    def _apply_retry(self, life: Life, now: float) -> None:
        self._refuse_unless(life, now, life.status in ("Failed", "FAILED", "Timed Out"))
        before = life.task()
        life.ours += 1
        life.stir(now)
        self._stay_stale(life, before, now)

    def _apply_cancel(self, life: Life, now: float) -> None:
        self._refuse_unless(life, now, life.status == "In Progress")
        before = life.task()
        life.ours += 1
        life.turn("Cancelled")
        self._stay_stale(life, before, now)

    def _refuse_unless(self, life: Life, now: float, fits: bool) -> None:
        life.advance(now)
        path = f"/v1/tasks/{life.task_id}"
        if life.gone:
            raise TaskNotFound("gone", status=404, path=path)
        if not fits:
            raise TaskConflict("no", status=409, path=path)

    def _stay_stale(self, life: Life, before: Task, now: float) -> None:
        if self.rng.random() < 0.7:
            life.shown, life.shown_until = before, now + self.rng.uniform(0.0, STALE)

    async def _look(self, task_id):
        self.looks += 1
        await asyncio.sleep(0.05)
        if self.rng.random() < self.bad_looks:
            raise TransportError("no look", path=f"/v1/tasks/{task_id}", attempts=4)
        seen = self.lives[task_id].look(asyncio.get_running_loop().time())
        if seen is None:
            raise TaskNotFound("gone", status=404, path=f"/v1/tasks/{task_id}")
        return seen

    async def _never(self, task_id):
        return False


@attrs.define
class Tally:
    """What became of many lost answers.

    Attributes:
        results: counts by fate and result.
        wrong: what contradicts the truth, and must not be.
        credited: accepted, where in truth somebody else retried, cancelled or purged the task.
    """

    results: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)
    credited: int = 0
    lost: int = 0
    unknown: int = 0


async def lose_many(site: Site, action: Action, count: int, *, at_once: int = 2000) -> Tally:
    """Send *count* writes and settle those whose answer was lost."""
    tally = Tally()
    turns = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with turns:
            life = site.add(action)
            before = site.sight(life)
            outcome = await site.writer.send(action, life.task_id, OPEN)
            lost = isinstance(outcome, Lost)
            if isinstance(outcome, Lost):
                outcome = await site.writer.settle(action, life.task_id, before, outcome)
        tally.lost += lost
        tally.unknown += lost and outcome.result is Result.UNKNOWN
        tally.results[life.fate, outcome.result.value] += 1
        if life.writes > 1:
            tally.wrong.append(f"{life} was sent {life.writes} times")
        if outcome.result is Result.ACCEPTED and not life.ours:
            if life.others:
                tally.credited += 1
            else:
                tally.wrong.append(f"{life} was not taken, and is accepted: {outcome.reason}")
        if life.ours and outcome.result in (Result.REJECTED, Result.NOT_SENT, Result.SKIPPED):
            tally.wrong.append(f"{life} was taken, and is {outcome.result.value}: {outcome.reason}")

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    return tally
