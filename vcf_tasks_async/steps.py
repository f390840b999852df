"""What all trees of steps have in common: a status, two timestamps, errors, and the cause of a failure.

Tasks are such trees, and so are credential tasks. Nothing here reads JSON or knows a network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from vcf_tasks_async.base import ABSENT, Model, extra_field
from vcf_tasks_async.status import Status


def parse_timestamp(text: str | None) -> datetime | None:
    """The moment that *text* names, aware and in UTC; None when it names none.

    Example:
        >>> parse_timestamp("2019-06-20T12:03:18.890Z").isoformat()
        '2019-06-20T12:03:18.890000+00:00'
        >>> parse_timestamp("yesterday") is None
        True
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        # Without a zone it is read as UTC: SDDC Manager runs on UTC and says so everywhere else.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Step(Model):
    """What tasks, subtasks and stages share: a status and two timestamps."""

    __slots__ = ()

    if TYPE_CHECKING:
        name: str | None
        raw_status: str | None
        creation_timestamp: str | None
        completion_timestamp: str | None
        errors: tuple[ErrorDetail, ...]

    @property
    def status(self) -> Status:
        """The status, normalised; what came is `raw_status`."""
        return Status.parse(self.raw_status)

    @property
    def is_ended(self) -> bool:
        """True when nothing more happens by itself, by the status alone (timestamps say nothing)."""
        return self.status.is_ended

    @property
    def succeeded(self) -> bool:
        return self.status.succeeded

    @property
    def failed(self) -> bool:
        return self.status.failed

    @property
    def created_at(self) -> datetime | None:
        """`creation_timestamp` as an aware datetime; None when missing or unreadable."""
        return parse_timestamp(self.creation_timestamp)

    @property
    def completed_at(self) -> datetime | None:
        """`completion_timestamp` as an aware datetime; None when missing or unreadable."""
        return parse_timestamp(self.completion_timestamp)

    @property
    def duration(self) -> timedelta | None:
        """From creation to completion, once ended; None while it runs or where a timestamp is no help."""
        if not self.is_ended:
            return None
        created, completed = self.created_at, self.completed_at
        if created is None or completed is None or completed < created:
            return None
        return completed - created

    @property
    def reason(self) -> Failure | None:
        """What its own errors say, whatever its status; None where they say nothing. `Task.failure` has all.

        The first error that says something, and in it the innermost one; else the first remedy.
        """
        return _failure_of(self.errors)

    def branches(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """What hangs below it, by the name it has in the document."""
        return ()


@attrs.frozen
class ErrorCause(Model):
    """An exception underneath an error."""

    type: str | None = None
    message: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class ValidationNotification(Model):
    """A notification beside an error (9.1)."""

    severity: str | None = None
    message: str | None = None
    impact_message: str | None = None
    remediations: tuple[Mapping[str, Any], ...] = attrs.field(default=ABSENT, hash=False)
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class ErrorDetail(Model):
    """An error as the API tells it, in a task or as the body of a refusal. Nothing in it is certain."""

    error_code: str | None = None
    error_type: str | None = None
    arguments: tuple[str | None, ...] = ABSENT
    context: Mapping[str, str | None] | None = attrs.field(default=None, hash=False)
    message: str | None = None
    remediation_message: str | None = None
    causes: tuple[ErrorCause, ...] = ABSENT
    nested_errors: tuple[ErrorDetail, ...] = ABSENT
    reference_token: str | None = None
    label: str | None = None
    remediation_url: str | None = None
    notifications: tuple[ValidationNotification, ...] = ABSENT
    extra: Mapping[str, Any] = extra_field()

    def innermost(self) -> tuple[ErrorDetail, str | None]:
        """The deepest nested error that says something, and the remedy closest to it."""
        error, remedy = self, _words(self.remediation_message)
        while inner := next((nested for nested in error.nested_errors if nested.says_something), None):
            error = inner
            remedy = _words(inner.remediation_message) or remedy
        return error, remedy

    @property
    def says_something(self) -> bool:
        """Whether there are words in it, or in an error nested in it."""
        return self.text is not None or any(nested.says_something for nested in self.nested_errors)

    @property
    def text(self) -> str | None:
        """The best words there are in this very error: message, cause, label or code."""
        causes = (cause.message for cause in self.causes)
        return next(filter(None, map(_words, (self.message, *causes, self.label, self.error_code))), None)


@attrs.frozen
class Failure:
    """Why a task failed, in parts. The texts are the server's own: `inert` makes them fit for a terminal.

    Attributes:
        text: the innermost error's words, on one line; None where no reason was given.
        remedy: what SDDC Manager says to do about it, likewise.
        path: the place of the subtask or stage that failed, such as ``subTasks[2].stages[0]``; empty where
            the task's own errors told it, or nothing did.
        step: that subtask or stage; None likewise.
        error: the error that the words are from.
        error_code: its code, or that of the error round it.
        reference_token: what support asks for, likewise.

    Example:
        >>> wrong = ErrorDetail("DNS_1", message="No such host", remediation_message="Add a record")
        >>> names = SubTask(name="Resolve names", raw_status="FAILED", errors=(wrong,))
        >>> task = Task(id="a758", raw_status="Failed", sub_tasks=(names,))
        >>> task.failure.path, task.failure.step.name, task.failure.error_code
        ('subTasks[0]', 'Resolve names', 'DNS_1')
        >>> print(task.failure)
        No such host — Add a record
    """

    text: str | None = None
    remedy: str | None = None
    path: str = ""
    step: Step | None = attrs.field(default=None, repr=False)
    error: ErrorDetail | None = attrs.field(default=None, repr=False)
    error_code: str | None = None
    reference_token: str | None = None

    def __str__(self) -> str:
        """In one line; empty where there is nothing to say."""
        if self.text is not None:
            return f"{self.text} — {self.remedy}" if self.remedy else self.text
        if self.remedy is not None:
            return self.remedy
        return "" if self.step is None else f"{self.step.name or 'a subtask'} failed and gave no reason"


class AnyTask(Step):
    """What tasks and credential tasks share: an id, a tree of steps, and what can be told of the whole."""

    __slots__ = ()

    if TYPE_CHECKING:
        id: str
        name: str | None
        sub_tasks: tuple[Any, ...]
        errors: tuple[ErrorDetail, ...]

    def branches(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """Its subtasks."""
        return (("subTasks", self.sub_tasks),)

    @property
    def progress(self) -> float:
        """How far it is, 0 to 1: the share of its subtasks that ended; 1 once it succeeded."""
        if self.succeeded:
            return 1.0
        if not self.sub_tasks:
            return 0.0
        done = sum(1 for sub in self.sub_tasks if sub.is_ended and not sub.failed)
        return done / len(self.sub_tasks)

    def walk(self) -> Iterator[tuple[str, Any]]:
        """All subtasks and stages, depth first in server order, each with its path.

        The path is the place in the document, such as ``subTasks[2].stages[0]``: names repeat, places
        don't.

        Example:
            >>> task = Task(id="a758", sub_tasks=(SubTask(name="Validate", stages=(Stage(name="DNS"),)),))
            >>> [(path, node.name) for path, node in task.walk()]
            [('subTasks[0]', 'Validate'), ('subTasks[0].stages[0]', 'DNS')]
        """
        pending = _children("", self)
        while pending:
            path, node = pending.pop()
            yield path, node
            pending += _children(path + ".", node)

    @property
    def failure(self) -> Failure | None:
        """Why it failed, in parts: the first failed subtask or stage whose errors say something, depth first.

        Where none says anything, the task's own errors, and else the deepest step that failed, without words.
        None unless the task failed.
        """
        if not self.failed:
            return None
        silent = Failure()
        for path, node in self.walk():
            if node.failed:
                if told := _failure_of(node.errors, path, node):
                    return told
                # Parents fail with their children and often say nothing themselves: the last is the deepest.
                silent = Failure(path=path, step=node)
        return _failure_of(self.errors) or silent

    @property
    def cause(self) -> str | None:
        """`failure` in one line: the innermost error of what failed first, and its remedy.

        None unless the task failed. It is the server's own text: `inert` makes it fit for a terminal.
        """
        failure = self.failure
        return (str(failure) or None) if failure is not None else None


def _children(prefix: str, parent: Step) -> list[tuple[str, Step]]:
    """What hangs below one node; last first, since the walk takes from the end."""
    children = [
        (f"{prefix}{key}[{i}]", node) for key, nodes in parent.branches() for i, node in enumerate(nodes)
    ]
    children.reverse()
    return children


def _failure_of(errors: tuple[ErrorDetail, ...], path: str = "", step: Step | None = None) -> Failure | None:
    """What *errors* say, those of the step at *path*; None where they say nothing."""
    error = next((error for error in errors if error.says_something), None)
    if error is not None:
        inner, remedy = error.innermost()
        code = inner.error_code or error.error_code
        token = inner.reference_token or error.reference_token
        return Failure(inner.text or error.text, remedy, path, step, inner, code, token)
    for error in errors:
        if remedy := _words(error.remediation_message):
            return Failure(None, remedy, path, step, error, error.error_code, error.reference_token)
    return None


def _words(text: str | None) -> str | None:
    """*text* on one line, or None where there is none to speak of."""
    return " ".join(text.split()) or None if text else None
