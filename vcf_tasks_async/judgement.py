"""Pure decisions about one task: whether an action makes sense for it, and what a lost one came to."""

from __future__ import annotations

import enum
import hashlib
import json
from typing import Final

import attrs

from vcf_tasks_async.models import Task
from vcf_tasks_async.status import Status
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.text import inert

_CANCELLED: Final = (Status.CANCELLED, Status.USER_CANCELLED)


class Action(enum.Enum):
    """What can be asked of a task."""

    RETRY = "retry"
    CANCEL = "cancel"
    RETRY_CREDENTIALS = "credentials retry"
    CANCEL_CREDENTIALS = "credentials cancel"

    @property
    def is_retry(self) -> bool:
        """Whether it takes a failed task back to work."""
        return self in (Action.RETRY, Action.RETRY_CREDENTIALS)


def why_not(action: Action, task: AnyTask) -> str | None:
    """Why *action* makes no sense for *task* as it was seen, or None. What is unknown is for the server."""
    shown = inert(task.raw_status or "no status", limit=40)
    if action is Action.CANCEL:
        if task.is_ended:
            return f"it has ended ({shown})"
        known = isinstance(task, Task) and task.is_cancellable is False
        return "SDDC Manager says that it can't be cancelled" if known else None
    # The opposite of a task's: of credential tasks it is the failed ones that are cancelled.
    if not task.failed and task.status is not Status.UNKNOWN:
        return f"it has not failed ({shown})"
    # What /v1/tasks says of credential tasks is about its own retry, which they don't have.
    known = action is Action.RETRY and isinstance(task, Task) and task.is_retryable is False
    return "SDDC Manager says that it can't be retried" if known else None


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
    def of(cls, task: AnyTask) -> Sighting:
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


def explains_conflict(action: Action, before: Sighting, after: AnyTask) -> bool:
    """Whether a 409 came because what was asked had been done already, since the task was seen *before*.

    A front end that repeats by itself brings that about: it passes on the answer to its second sending.
    """
    if not action.is_retry:
        could = before.status.failed if action is Action.CANCEL_CREDENTIALS else not before.status.is_ended
        return could and after.status in _CANCELLED
    return before.status.failed and not after.is_ended and after.status is not Status.UNKNOWN


def sighted(action: Action, task: AnyTask | None) -> Sighting | None:
    """How *task* looks before *action*, in the terms in which it will be looked at afterwards."""
    if task is None:
        return None
    sighting = Sighting.of(task)
    if isinstance(task, Task) and action in (Action.RETRY_CREDENTIALS, Action.CANCEL_CREDENTIALS):
        # Two calls show the same task: whether they write times and steps alike is not established.
        return Sighting(sighting.status)
    return sighting


def judge_lost(action: Action, before: Sighting | None, after: AnyTask | None) -> Applied:
    """Whether a lost write was applied, from the task before it and now.

    Args:
        before: how the task looked before the write, or None when it was not seen.
        after: the task now, or None when it is gone (404).

    Returns:
        NOT_YET where a later look may tell more: after a retry the old ``Failed`` shows for a while,
        and a task being cancelled still runs.
    """
    if not action.is_retry:
        return _judge_cancel(action, before, after)
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


def _judge_cancel(action: Action, before: Sighting | None, after: AnyTask | None) -> Applied:
    if after is None:
        # Some releases remove the record of a cancelled task; one that had ended may have been purged.
        ran = before is not None and not before.status.is_ended
        return Applied.YES if ran else Applied.CANNOT_TELL
    if after.status in _CANCELLED:
        already = before is None or before.status in _CANCELLED
        return Applied.CANNOT_TELL if already else Applied.YES
    if action is Action.CANCEL_CREDENTIALS:
        # It had failed before anyone asked. What runs again was retried by somebody: no cancel shows there.
        return Applied.NOT_YET if after.failed or after.status is Status.UNKNOWN else Applied.CANNOT_TELL
    return Applied.CANNOT_TELL if after.is_ended else Applied.NOT_YET
