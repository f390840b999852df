"""Pure decisions about one task: whether an action makes sense for it, and what a lost one came to."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import Final

import attrs

from vcf_tasks_async.models import Task
from vcf_tasks_async.status import Status
from vcf_tasks_async.text import inert

_CANCELLED: Final = (Status.CANCELLED, Status.USER_CANCELLED)


class Action(enum.Enum):
    """What can be asked of a task."""

    RETRY = "retry"
    CANCEL = "cancel"


def why_not(action: Action, task: Task) -> str | None:
    """Why *action* makes no sense for *task* as it was seen, or None. What is unknown is for the server."""
    shown = inert(task.raw_status or "no status", limit=40)
    if action is Action.CANCEL:
        if task.is_ended:
            return f"it has ended ({shown})"
        return "SDDC Manager says that it can't be cancelled" if task.is_cancellable is False else None
    if not task.failed and task.status is not Status.UNKNOWN:
        return f"it has not failed ({shown})"
    return "SDDC Manager says that it can't be retried" if task.is_retryable is False else None


class Applied(enum.Enum):
    """What a look at the task says about a write whose answer was lost."""

    YES = "yes"
    NOT_YET = "not yet"
    NO_LOOK = "no look"
    CANNOT_TELL = "cannot tell"


@attrs.frozen
class Sighting:
    """A task as it was seen at one moment, in the terms that tell one run of it from another.

    Attributes:
        status: its status, normalised.
        completed: its completion timestamp, as it came.
        steps: digest of its subtasks' names, statuses and completion timestamps; None where none came.

    Example:
        >>> before = Sighting(Status.FAILED, completed="2026-01-01T00:00:00Z")
        >>> Sighting(Status.FAILED, completed="2026-01-01T00:01:00Z").is_another_run_than(before)
        True
    """

    status: Status
    completed: str | None = None
    steps: str | None = None

    @classmethod
    def of(cls, task: Task) -> Sighting:
        """How *task* looks."""
        steps = [(sub.name, sub.raw_status, sub.completion_timestamp) for sub in task.sub_tasks]
        text = json.dumps(steps)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32] if steps else None
        return cls(task.status, task.completion_timestamp, digest)

    def is_another_run_than(self, before: Sighting) -> bool:
        """Whether the completion time is another one, or where that is not told, the subtasks are.

        What one of the two does not tell proves nothing: a list may show less of a task than its own page.
        """
        if self.completed is not None and before.completed is not None:
            return self.completed != before.completed
        return self.steps is not None and before.steps is not None and self.steps != before.steps


def explains_conflict(action: Action, before: Sighting, after: Task) -> bool:
    """Whether a 409 came because what was asked had been done already, since the task was seen *before*.

    A front end that repeats by itself brings that about: it passes on the answer to its second sending.
    """
    if action is Action.CANCEL:
        return not before.status.is_ended and after.status in _CANCELLED
    return before.status.failed and not after.is_ended and after.status is not Status.UNKNOWN


def judge_lost(action: Action, before: Sighting | None, after: Task | None) -> Applied:
    """Whether a lost write was applied, from the task before it and now.

    Args:
        before: how the task looked before the write, or None when it was not seen.
        after: the task now, or None when it is gone (404).

    Returns:
        NOT_YET where a later look may tell more: after a retry the old ``Failed`` shows for a while,
        and a task being cancelled still runs.
    """
    if action is Action.CANCEL:
        if after is None:
            # Some releases remove the record of a cancelled task; one that had ended may have been purged.
            ran = before is not None and not before.status.is_ended
            return Applied.YES if ran else Applied.CANNOT_TELL
        if after.status in _CANCELLED:
            already = before is None or before.status is after.status
            return Applied.CANNOT_TELL if already else Applied.YES
        return Applied.CANNOT_TELL if after.is_ended else Applied.NOT_YET
    if after is None:
        return Applied.CANNOT_TELL
    if before is None or not before.status.failed:
        # It may have been running before anyone asked.
        return Applied.NOT_YET if after.failed else Applied.CANNOT_TELL
    if after.status is Status.UNKNOWN:
        return Applied.NOT_YET
    if not after.failed:
        # A failed task runs or succeeds only after a retry; cancelled or skipped tells nothing of ours.
        return Applied.YES if after.succeeded or not after.is_ended else Applied.CANNOT_TELL
    # Failed both times: the old failure still showing, or a new one. Only a new one looks different.
    return Applied.YES if Sighting.of(after).is_another_run_than(before) else Applied.NOT_YET
