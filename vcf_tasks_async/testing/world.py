"""How the simulator's tasks live: they begin, get on step by step, end, fail, are retried and cancelled.

Nothing runs in the background. Each question first brings the world up to the clock: what was due is
done in the order of its time, with that exact time in the task and in the history.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from vcf_tasks_async.testing.bodies import Raw, encode
from vcf_tasks_async.testing.causes import failure_errors
from vcf_tasks_async.testing.clock import SimulatorClock, iso
from vcf_tasks_async.testing.generator import Generated
from vcf_tasks_async.testing.spelling import ENDED, Spelling, canonical, spell
from vcf_tasks_async.testing.steps import Node, Step, position_of, steps_of
from vcf_tasks_async.testing.store import Entry, Order, Plan, Stale, Store

__all__ = ["Life", "World"]


@dataclass(frozen=True, slots=True)
class Life:
    """How tasks live; times in simulated seconds, chances from 0 to 1."""

    seed: int
    release: str
    spelling: Spelling
    live: bool
    retry_succeeds: float
    running_succeeds: float
    step_seconds: tuple[float, float]
    stale_failed: float
    cancel_seconds: float


class World(Store):
    """A store whose tasks live."""

    def __init__(self, clock: SimulatorClock, order: Order, life: Life) -> None:
        super().__init__(clock, order)
        self.life = life
        # Whatever is done to the world happens at the moment up to which it was brought, so that the
        # history stays in the order of time while the clock runs on.
        self.now = clock.now()
        self._due: list[tuple[float, int, int, Entry]] = []
        self._tickets = 0
        self._aging: deque[tuple[float, Entry, Stale]] = deque()
        self.arrival: Callable[[float], float | None] | None = None
        self._next_arrival: float | None = None

    def settle_in(self, made: Generated, at: float | None = None) -> Entry:
        """Take a task in and let it live from *at* (now) on."""
        entry = self.insert(made.raw)
        entry.credential, entry.zombie = made.credential, made.zombie
        # A task that is handed in is served as it is: its first step begins with the clock, not now.
        self._animate(entry, self.now if at is None else at, begin=False)
        self.encoded(entry)
        return entry

    def create(self, made: Generated, at: float) -> Entry:
        """Like `settle_in`, for a task that appears while others look on: it goes into the history."""
        status = _status(made.raw)
        entry = self.settle_in(made, at)
        self.note(entry, "created", at, None, status)
        return entry

    def arrivals(self, first: float, arrive: Callable[[float], float]) -> None:
        """Call *arrive* at time *first*; it makes a task and returns the time of the next arrival."""
        self.arrival, self._next_arrival = arrive, first

    def advance(self) -> None:
        """Bring everything up to the clock, in the order in which it happened."""
        now = self.clock.now()
        while self._next_arrival is not None and self._next_arrival <= now and self.arrival is not None:
            self._work_off(self._next_arrival)
            self._next_arrival = self.arrival(self._next_arrival)
        self._work_off(now)
        self.now = now
        while self._aging and self._aging[0][0] <= now:
            _, entry, face = self._aging.popleft()
            if entry.stale is face:
                entry.stale = None
                self.drifted()

    def purge(self, entry: Entry) -> None:
        """Remove a task, as retention does."""
        self.note(entry, "purged", self.now, _status(self.raw(entry)), None)
        self.remove(entry)

    def retry(self, entry: Entry) -> None:
        """Failed becomes in progress under the same id, and goes on from the step that failed."""
        now, raw = self.now, self.raw(entry)
        if self.life.stale_failed:
            entry.stale = Stale(entry.status, encode(raw))
            self._aging.append((now + self.life.stale_failed, entry, entry.stale))
        entry.attempts += 1
        raw.pop("completionTimestamp", None)
        raw["errors"] = []
        self._turn(entry, raw, "IN_PROGRESS", now)
        steps = steps_of(raw)
        position = position_of(steps)
        if position < len(steps):
            for node in steps[position].nodes:
                node.raw.pop("completionTimestamp", None)
                if node.raw.get("errors"):
                    node.raw["errors"] = []
        self._animate(entry, now, steps)
        self.touch(entry)
        # Thousands of retried tasks kept as dicts would set the garbage collector to work.
        self.encoded(entry, live=True)

    def cancel(self, entry: Entry) -> None:
        """Ask a running task to stop; it ends Cancelled, at once unless cancelling takes time."""
        if not self.life.cancel_seconds:
            self.end(entry, "CANCELLED", self.now)
        elif not entry.cancelling:
            entry.cancelling = True
            self._schedule(entry, self.now + self.life.cancel_seconds)

    def end(self, entry: Entry, status: str, at: float, errors: list[Raw] | None = None) -> None:
        """End a task in *status* now: the step it stood at is failed, skipped or done accordingly."""
        raw = self.raw(entry)
        steps = steps_of(raw)
        position = position_of(steps)
        if status in ("SUCCESSFUL", "COMPLETED_WITH_WARNING"):
            for step in steps[position:]:
                self._finish(entry, step, at)
            if status == "SUCCESSFUL" and raw.get("errors"):
                raw["errors"] = []
        elif position < len(steps):
            fails = status in ("FAILED", "TIMED_OUT", "INCONSISTENT")
            for node in reversed(steps[position].nodes):
                node.raw["completionTimestamp"] = iso(at)
                self._set(entry, node, "FAILED" if fails else "SKIPPED", at)
            if fails:
                steps[position].nodes[0].raw["errors"] = errors or []
        elif errors:
            raw["errors"] = errors
        raw["completionTimestamp"] = iso(at)
        self._turn(entry, raw, status, at)
        self._still(entry)
        self.touch(entry)

    def set_status(self, entry: Entry, status: str, path: str = "") -> None:
        """Put a task, or the subtask or stage at JSON pointer *path*, into *status*, whatever it was in."""
        now, raw = self.now, self.raw(entry)
        if path:
            node = _at(raw, path)
            self._set(entry, node, status, now)
        else:
            self._turn(entry, raw, status, now)
            if canonical(status) in ENDED:
                raw["completionTimestamp"] = iso(now)
            else:
                raw.pop("completionTimestamp", None)
            self._animate(entry, now)
        self.touch(entry)

    def errors_for(self, entry: Entry, message: str | None = None) -> list[Raw]:
        """A plausible cause of failure for this task and attempt; the same one each time."""
        rng = Random(f"failure/{self.life.seed}/{entry.id}/{entry.attempts}")
        fqdn = next(
            (
                item["fqdn"]
                for item in self.raw(entry).get("resources") or []
                if isinstance(item, dict) and isinstance(item.get("fqdn"), str)
            ),
            "sfo-vcf01.rainpole.io",
        )
        return failure_errors(rng, fqdn, self.life.release, message)

    def _animate(
        self, entry: Entry, at: float, steps: list[Step] | None = None, *, begin: bool = True
    ) -> None:
        """Make a plan for a task that is under way, and set the time of its next step."""
        self._still(entry)
        raw = self.raw(entry)
        status = canonical(raw.get("status"))
        if not self.life.live or entry.zombie or status not in ("IN_PROGRESS", "PENDING", "QUEUED"):
            return
        rng = Random(f"life/{self.life.seed}/{entry.id}/{entry.attempts}")
        steps = steps_of(raw) if steps is None else steps
        cursor = position_of(steps)
        low, high = self.life.step_seconds
        seconds = [rng.uniform(low, high) for _ in range(max(1, len(steps) - cursor))]
        succeeds = self.life.retry_succeeds if entry.attempts else self.life.running_succeeds
        fails_at = None if rng.random() < succeeds else rng.randrange(cursor, max(len(steps), cursor + 1))
        entry.plan = Plan(seconds, cursor, fails_at)
        if status == "IN_PROGRESS":
            if begin and cursor < len(steps):
                self._begin(entry, steps[cursor], at)
            self._schedule(entry, at + seconds.pop(0))
        else:
            self._schedule(entry, at + rng.uniform(0.0, 10 * high))

    def _still(self, entry: Entry) -> None:
        """Nothing more happens to this task by itself."""
        entry.plan = None
        entry.cancelling = False
        entry.generation += 1

    def _schedule(self, entry: Entry, at: float) -> None:
        entry.generation += 1
        self._tickets += 1
        heapq.heappush(self._due, (at, self._tickets, entry.generation, entry))

    def _work_off(self, until: float) -> None:
        due = self._due
        while due and due[0][0] <= until:
            at, _, generation, entry = heapq.heappop(due)
            if generation == entry.generation:
                self._step(entry, at)

    def _step(self, entry: Entry, at: float) -> None:
        """What was due for this task at time *at*."""
        if entry.cancelling:
            self.end(entry, "CANCELLED", at)
            return
        plan, raw = entry.plan, self.raw(entry)
        if plan is None:
            return
        steps = steps_of(raw)
        if canonical(raw.get("status")) != "IN_PROGRESS":
            self._turn(entry, raw, "IN_PROGRESS", at)
            if plan.cursor < len(steps):
                self._begin(entry, steps[plan.cursor], at)
        elif plan.fails_at == plan.cursor:
            self.end(entry, "FAILED", at, self.errors_for(entry))
            return
        elif plan.cursor + 1 >= len(steps):
            self.end(entry, "SUCCESSFUL", at)
            return
        else:
            self._finish(entry, steps[plan.cursor], at)
            plan.cursor += 1
            self._begin(entry, steps[plan.cursor], at)
        self._schedule(entry, at + plan.seconds.pop(0))
        self.touch(entry)

    def _begin(self, entry: Entry, step: Step, at: float) -> None:
        for node in step.nodes:
            self._set(entry, node, "IN_PROGRESS", at)

    def _finish(self, entry: Entry, step: Step, at: float) -> None:
        for node in reversed(step.nodes[-step.closes :]):
            node.raw["completionTimestamp"] = iso(at)
            if node.raw.get("errors"):
                node.raw["errors"] = []
            self._set(entry, node, "SUCCESSFUL", at)

    def _set(self, entry: Entry, node: Node, status: str, at: float) -> None:
        old, new = node.raw.get("status"), spell(status, self.life.spelling, task=False)
        if old != new:
            node.raw["status"] = new
            kind: Literal["stage", "subtask"] = "stage" if node.kind == "stage" else "subtask"
            self.note(entry, kind, at, old, new, node.path)

    def _turn(self, entry: Entry, raw: Raw, status: str, at: float) -> None:
        old, new = _status(raw), spell(status, self.life.spelling, task=True)
        raw["status"] = new
        word = canonical(status)
        if entry.credential is None:
            if "isCancellable" in raw:
                raw["isCancellable"] = word == "IN_PROGRESS"
            if "isRetryable" in raw:
                raw["isRetryable"] = word == "FAILED"
        if old != new:
            self.note(entry, "status", at, old, new)


def _status(raw: Any) -> str | None:
    status = raw.get("status") if isinstance(raw, dict) else None
    return status if isinstance(status, str) else None


def _at(raw: Raw, path: str) -> Node:
    """The subtask or stage at a JSON pointer such as `/subTasks/3/stages/0`."""
    place: Any = raw
    try:
        for part in path.strip("/").split("/"):
            place = place[int(part)] if isinstance(place, list) else place[part]
    except (LookupError, ValueError, TypeError):
        place = None
    if not isinstance(place, dict) or path.count("/") < 2:
        raise ValueError(f"no subtask or stage at {path!r}: give a JSON pointer such as '/subTasks/0'")
    return Node(place, path)
