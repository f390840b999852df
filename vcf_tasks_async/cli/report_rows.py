"""What a report keeps of one task: plain values, without the task's tree. Pure.

A timestamp is used when it can be true: SDDC Manager also sends 1970, and ends before their beginnings.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

import vcf_tasks_async as v
from vcf_tasks_async.cli.report_words import Kind, kind_of

__all__ = ["Failure", "Step", "TaskRow", "row_of"]

# VMware Cloud Foundation is younger than this; a clock that is a day ahead is wrong.
_EARLIEST: Final = datetime(2010, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
# No task in the field was waited for longer than 15 h.
_STUCK_AFTER: Final = timedelta(days=1)
# Steps kept of one task; real ones have several hundred at most, and a page shows fewer.
_STEPS: Final = 60
_NO_REASON: Final = "no reason given"


@attrs.frozen
class Failure:
    """Why a task failed.

    Attributes:
        text: the innermost error's words.
        remedy: what SDDC Manager says to do, or None.
        step: the step that gave the error; None where the task itself did.
        code: the error's code, or None.
        reference: what support asks for, or None.
    """

    text: str
    remedy: str | None = None
    step: str | None = None
    code: str | None = None
    reference: str | None = None


@attrs.frozen
class Step:
    """A subtask or stage.

    Attributes:
        depth: 0 for the task's own subtasks.
        began: when it began at the earliest: created, and the step before it completed. None while it waits.
        completed: None unless it has ended.
        error: its own error's words.
    """

    name: str
    depth: int
    status: v.Status
    raw_status: str | None
    began: datetime | None
    completed: datetime | None
    error: str | None = None

    @property
    def kind(self) -> Kind:
        return kind_of(self.status)

    @property
    def duration(self) -> timedelta | None:
        return self.completed - self.began if self.began and self.completed else None


@attrs.frozen
class TaskRow:
    """One task of a report. Texts are the server's, to the letter.

    Attributes:
        created, completed: UTC; None where missing, impossible, or not ended yet.
        odd_times: a timestamp came that can't be true.
        is_stuck: it has been running for more than a day.
        steps: depth first, at most 60, failed ones always among them.
        steps_in_all: how many there are.
    """

    id: str
    name: str | None
    type: str | None
    status: v.Status
    raw_status: str | None
    created: datetime | None
    completed: datetime | None
    odd_times: bool
    is_stuck: bool
    progress: float
    is_retryable: bool | None
    resources: tuple[str, ...]
    failure: Failure | None
    steps: tuple[Step, ...]
    steps_in_all: int

    @property
    def kind(self) -> Kind:
        return kind_of(self.status)

    @property
    def title(self) -> str:
        """Its name; every task has some."""
        return self.name if self.name and self.name.strip() else "Without a name"

    @property
    def duration(self) -> timedelta | None:
        """From creation to completion; None while it runs, or where a time is missing."""
        return self.completed - self.created if self.created and self.completed else None


def row_of(task: v.Task, now: datetime) -> TaskRow:
    """What a report that is made *now* keeps of *task*."""
    created, completed = _usable(task.created_at, now), _usable(task.completed_at, now)
    backwards = created is not None and completed is not None and completed < created
    odd = backwards or (created, completed) != (task.created_at, task.completed_at)
    steps = tuple(_steps(task, now))
    return TaskRow(
        id=task.id,
        name=task.name,
        type=task.type,
        status=task.status,
        raw_status=task.raw_status,
        created=created,
        completed=completed if task.is_ended and not backwards else None,
        odd_times=odd or _unreadable(task),
        is_stuck=kind_of(task.status) is Kind.RUNNING
        and created is not None
        and now - created > _STUCK_AFTER,
        progress=task.progress,
        is_retryable=task.is_retryable,
        resources=tuple(filter(None, (r.fqdn or r.name or r.resource_id for r in task.resources))),
        failure=_failure(task),
        steps=_chosen(steps),
        steps_in_all=len(steps),
    )


def _usable(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and _EARLIEST <= moment <= now + _AHEAD else None


def _unreadable(task: v.Task) -> bool:
    """A text stands where a timestamp should, and is none."""
    return any(
        text is not None and text.strip() and moment is None
        for text, moment in (
            (task.creation_timestamp, task.created_at),
            (task.completion_timestamp, task.completed_at),
        )
    )


def _steps(task: v.Task, now: datetime) -> Iterator[Step]:
    """All steps. SDDC Manager tells when one was created, often all at once, but not when it began."""
    # By path: when a step began; and the moment up to which its children are done.
    begun: dict[str, datetime | None] = {}
    reached: dict[str, datetime] = {}
    for path, node in task.walk():
        parent = path.rpartition(".")[0]
        created, completed = _usable(node.created_at, now), _usable(node.completed_at, now)
        if not node.is_ended:
            completed = None
        kind, began = kind_of(node.status), None
        if kind not in (Kind.WAITING, Kind.STOPPED, Kind.UNKNOWN):
            began = _beginning((created, begun.get(parent), reached.get(parent)), completed)
        if began is None or (completed is not None and completed < began):
            completed = None
        if completed is not None:
            reached[parent] = max(completed, reached.get(parent, completed))
        begun[path] = began
        yield Step(
            name=node.name or "without a name",
            depth=path.count("."),
            status=node.status,
            raw_status=node.raw_status,
            began=began,
            completed=completed,
            error=(reason.text or _NO_REASON) if (reason := node.reason) else None,
        )


def _beginning(hints: tuple[datetime | None, ...], completed: datetime | None) -> datetime | None:
    """The latest of *hints*, which go from sure to guessed, that is before *completed*; else the first."""
    known = [moment for moment in hints if moment is not None]
    fitting = [moment for moment in known if completed is None or moment < completed]
    # One that ran beside its neighbours ended before them: their end is no hint.
    return max(fitting) if fitting else known[0] if known else None


def _chosen(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """As many of *steps* as are kept, in order: those that failed or run first of all."""
    if len(steps) <= _STEPS:
        return steps
    matters = (Kind.FAILED, Kind.RUNNING)
    best = sorted(range(len(steps)), key=lambda i: (steps[i].kind not in matters, i))[:_STEPS]
    return tuple(steps[i] for i in sorted(best))


def _failure(task: v.Task) -> Failure | None:
    """`Task.failure` without the task's tree."""
    found = task.failure
    if found is None:
        return None
    return Failure(
        text=found.text or _NO_REASON,
        remedy=found.remedy,
        step=None if found.step is None else found.step.name or "a subtask",
        code=found.error_code,
        reference=found.reference_token,
    )
