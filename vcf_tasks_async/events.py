"""What a watch tells: events, how far a task is, and the small marks from which changes are seen.

Nothing here waits. `Mark` is what is remembered of a task between two looks: its status and those of its
subtasks and stages, not the task. `changes` compares two of them; `cursor` makes
JSON of them.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import UTC, datetime
from sys import intern
from typing import Any
from zlib import crc32

import attrs

from vcf_tasks_async.base import outline
from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.models import Stage, SubTask, Task
from vcf_tasks_async.status import Status


class EventKind(enum.Enum):
    """What a `TaskEvent` tells."""

    APPEARED = "appeared"
    """It is seen for the first time: at the first look, or because it is new. One that is new and has ended
    before it was ever seen only appears, so look at `TaskEvent.status` as well."""
    STATUS = "status"
    """Its status is another one, and it has not ended."""
    SUBTASK = "subtask"
    """The status of the subtask or stage at `TaskEvent.path` is another one."""
    ENDED = "ended"
    """It has ended, well or badly."""
    GONE = "gone"
    """SDDC Manager knows it no more."""
    LOST = "lost"
    """A look failed: the connection's, or with a `TaskEvent.task_id`, that of one task. A look repeats itself
    for up to `Policy.deadline` seconds before it fails, so that a short outage is no event."""
    RESTORED = "restored"
    """Looks work again."""


@attrs.frozen
class Progress:
    """How far a task is.

    Attributes:
        task: the task as it was seen.
        done: subtasks that have ended without failing.
        total: subtasks in all, not counting those within subtasks.
        current: name of the subtask that runs, or that failed; None between two, and at the end.
        elapsed: seconds since the task was created, until its completion where it has ended; None where
            its timestamps are no help. A task that runs is measured by this machine's clock.

    Example:
        >>> running = SubTask(name="Deploy NSX", raw_status="IN_PROGRESS")
        >>> Progress.of(Task(id="a758", sub_tasks=(SubTask(raw_status="SUCCESSFUL"), running))).current
        'Deploy NSX'
    """

    task: Task
    done: int
    total: int
    current: str | None
    elapsed: float | None

    @classmethod
    def of(cls, task: Task, *, now: datetime | None = None) -> Progress:
        """How far *task* is, at *now* (an aware datetime; None for this moment)."""
        ended = [sub.is_ended for sub in task.sub_tasks]
        done = sum(1 for sub, over in zip(task.sub_tasks, ended, strict=True) if over and not sub.failed)
        current = next((sub for sub in task.sub_tasks if sub.failed), None) if task.failed else None
        if current is None and not task.is_ended:
            running = (Status.IN_PROGRESS, Status.RUNNING)
            current = next((sub for sub in task.sub_tasks if sub.status in running), None)
        return cls(task, done, len(ended), current.name if current else None, _elapsed(task, now))


def _elapsed(task: Task, now: datetime | None) -> float | None:
    if task.is_ended:
        return None if task.duration is None else task.duration.total_seconds()
    created = task.created_at
    if created is None:
        return None
    return max(0.0, ((now or datetime.now(UTC)) - created).total_seconds())


@attrs.frozen
class TaskEvent:
    """Something happened to a task, or to the connection.

    Attributes:
        kind: what happened. ENDED is a STATUS whose task has ended; LOST and RESTORED are the
            connection's own.
        task: the task as it was seen; None for GONE, LOST and RESTORED.
        task_id: the task's id; None for LOST and RESTORED.
        path: for SUBTASK, the place of the subtask or stage, such as ``subTasks[2].stages[0]``.
        before: the status before, as the server spelt it; None where there was none.
        after: the status now, likewise.
        error: for LOST, why.
        at: when it was seen, by this machine's clock; aware, in UTC.

    Example:
        >>> event = TaskEvent(EventKind.ENDED, Task(id="a758", raw_status="Failed"), "a758", after="Failed")
        >>> event.status
        <Status.FAILED: 'FAILED'>
    """

    kind: EventKind
    task: Task | None = None
    task_id: str | None = None
    path: str = ""
    before: str | None = None
    after: str | None = None
    error: VcfTasksError | None = None
    at: datetime = attrs.field(factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> Status:
        """`after`, normalised; `UNKNOWN` for what was never seen before, and where there is none."""
        return Status.parse(self.after)

    @property
    def node(self) -> Task | SubTask | Stage | None:
        """What changed: the subtask or stage at `path`, or the task itself; None where it is not there."""
        if not self.path or self.task is None:
            return self.task
        return next((node for path, node in self.task.walk() if path == self.path), None)

    @property
    def progress(self) -> Progress | None:
        """How far the task is; None where the event has no task."""
        return None if self.task is None else Progress.of(self.task, now=self.at)

    def to_json(self) -> dict[str, Any]:
        """The event without its task, as plain values ready for `json.dumps`."""
        plain = {
            "kind": self.kind.value,
            "taskId": self.task_id,
            "path": self.path or None,
            "before": self.before,
            "after": self.after,
            "error": None if self.error is None else str(self.error),
            "at": self.at.isoformat(),
        }
        return {name: value for name, value in plain.items() if value is not None}


@attrs.frozen
class Mark:
    """What is remembered of a task between two looks; some hundred bytes.

    Attributes:
        status: as the server spelt it.
        run: tells one ended run from another with the same status: a checksum of its completion time.
        steps: statuses of all subtasks and stages, in the order of `Task.walk`.
        nested: which of them have children: place in `steps`, stages, subtasks.
    """

    status: str | None
    run: int = 0
    steps: tuple[str | None, ...] = ()
    nested: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of(cls, task: Task) -> Mark:
        """The mark of *task*."""
        steps: list[str | None] = []
        nested: list[tuple[int, int, int]] = []
        # Thousands of tasks are looked at again and again, and hardly one has changed.
        _gather(outline(task).sub_tasks, steps, nested)
        status = task.raw_status
        run = 0
        if task.completion_timestamp and Status.parse(status).is_ended:
            run = crc32(task.completion_timestamp.encode("utf-8", "replace"))
        # The decoder makes a new text for each status; all of them are a handful of words.
        return cls(None if status is None else intern(status), run, tuple(steps), tuple(nested))

    def paths(self) -> Iterator[str]:
        """The path of each of `steps`, as `Task.walk` tells it."""
        children = {place: (stages, subs) for place, stages, subs in self.nested}
        top = len(self.steps) - sum(stages + subs for stages, subs in children.values())
        pending = [f"subTasks[{number}]" for number in reversed(range(top))]
        for place in range(len(self.steps)):
            path = pending.pop()
            yield path
            stages, subs = children.get(place, (0, 0))
            pending += [f"{path}.subTasks[{number}]" for number in reversed(range(subs))]
            pending += [f"{path}.stages[{number}]" for number in reversed(range(stages))]


def _gather(subs: tuple[SubTask, ...], steps: list[str | None], nested: list[tuple[int, int, int]]) -> None:
    # As deep as the decoder allows, no deeper.
    for sub in subs:
        if sub.stages or sub.sub_tasks:
            nested.append((len(steps), len(sub.stages), len(sub.sub_tasks)))
        steps.append(_interned(sub.raw_status))
        if sub.stages:
            steps += [_interned(stage.raw_status) for stage in sub.stages]
        if sub.sub_tasks:
            _gather(sub.sub_tasks, steps, nested)


def _interned(text: str | None) -> str | None:
    return None if text is None else intern(text)


def changes(before: Mark | None, after: Mark) -> list[tuple[EventKind, str, str | None, str | None]]:
    """What happened between two looks at a task: kind, path, status before, status after.

    A status that is only spelt differently has not changed. The end comes last, a beginning first, what
    the subtasks did in the order of their places.

    Example:
        >>> changes(Mark("In Progress"), Mark("Failed"))
        [(<EventKind.ENDED: 'ended'>, '', 'In Progress', 'Failed')]
    """
    if before is None:
        return [(EventKind.APPEARED, "", None, after.status)]
    told = [(EventKind.SUBTASK, *step) for step in _step_changes(before, after)]
    ended = Status.parse(after.status).is_ended
    again = ended and before.run != after.run and before.run != 0 != after.run
    if again or _differ(before.status, after.status):
        if ended:
            return [*told, (EventKind.ENDED, "", before.status, after.status)]
        return [(EventKind.STATUS, "", before.status, after.status), *told]
    return told


def _step_changes(before: Mark, after: Mark) -> Iterator[tuple[str, str | None, str | None]]:
    if before.steps == after.steps and before.nested == after.nested:
        return
    if before.nested == after.nested and len(before.steps) == len(after.steps):
        for path, old, new in zip(after.paths(), before.steps, after.steps, strict=True):
            if old is not new and _differ(old, new):
                yield path, old, new
        return
    olds = dict(zip(before.paths(), before.steps, strict=True))
    for path, new in zip(after.paths(), after.steps, strict=True):
        old = olds.pop(path, None)
        if _differ(old, new):
            yield path, old, new
    for path, old in olds.items():
        yield path, old, None


def _differ(old: str | None, new: str | None) -> bool:
    if old == new:
        return False
    # Two spellings of one status are no change; two unknown texts are.
    known = Status.parse(old)
    return known is Status.UNKNOWN or known is not Status.parse(new)


def told_up_to(before: Mark | None, after: Mark, count: int) -> Mark | None:
    """The mark between *before* and *after* of which the first *count* changes have been told."""
    told = changes(before, after)
    if count >= len(told):
        return after
    if before is None or count == 0:
        return before
    if before.nested != after.nested or len(before.steps) != len(after.steps):
        # Subtasks came or went: there is no mark for half of that, so it is told again.
        return before
    new = {path: status for kind, path, _, status in told[:count] if kind is EventKind.SUBTASK}
    steps = tuple(new.get(path, old) for path, old in zip(before.paths(), before.steps, strict=True))
    first = told[0][0] is EventKind.STATUS
    return Mark(
        after.status if first else before.status, after.run if first else before.run, steps, before.nested
    )
