"""What became of each target of a bulk run, and of all of them together."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Action


class Result(enum.Enum):
    """How it ended for one target."""

    ACCEPTED = "accepted"
    """SDDC Manager took it, or a look at the task proved so."""
    SKIPPED = "skipped"
    """Not sent, and `Outcome.reason` says why."""
    REJECTED = "rejected"
    """The server refused; `Outcome.error` holds its answer."""
    NOT_SENT = "not_sent"
    """It never reached the server: safe to do again."""
    UNKNOWN = "unknown"
    """Sent, the answer lost, and a look at the task could not tell."""


@attrs.frozen
class Outcome:
    """What became of one target.

    Attributes:
        task_id: the target.
        action: what was asked of it.
        result: how it ended.
        reason: why, in one line, where the result needs one.
        error: what was raised, where something was.
        attempts: requests that asked for it (0 when none was sent).
        elapsed: seconds from taking the target up to knowing its result.
        final: the task as it ended, where the run waited for it.
    """

    task_id: str
    action: Action
    result: Result
    reason: str | None = None
    error: VcfTasksError | None = attrs.field(default=None, eq=False)
    attempts: int = 0
    elapsed: float = 0.0
    final: Task | None = None

    def to_json(self) -> dict[str, Any]:
        """This outcome as plain values, ready for `json.dumps`."""
        return {
            "taskId": self.task_id,
            "action": self.action.value,
            "result": self.result.value,
            "reason": self.reason,
            "error": None if self.error is None else str(self.error),
            "attempts": self.attempts,
            "elapsed": round(self.elapsed, 6),
            "final": None if self.final is None else self.final.to_json(),
        }


class BulkFailures(VcfTasksError):
    """Some targets of a bulk run were not accepted.

    Attributes:
        report: the whole report.
    """

    def __init__(self, message: str, *, report: BulkReport, **where: Any) -> None:
        super().__init__(message, **where)
        self.report = report


@attrs.define
class BulkReport:
    """What became of all targets.

    Attributes:
        action: what was asked.
        outcomes: one for each distinct target, in the order in which they became known.
        duplicates: targets that came more than once; only the first one counted.
        elapsed: seconds the run took.
        complete: every target that the source gave has its outcome, and the source was read to its
            end. False after an early end with a source whose rest can't be known.

    Example:
        >>> BulkReport(Action.RETRY, [Outcome("a758", Action.RETRY, Result.ACCEPTED)]).counts
        Counter({<Result.ACCEPTED: 'accepted'>: 1})
    """

    action: Action
    outcomes: list[Outcome] = attrs.field(factory=list)
    duplicates: int = 0
    elapsed: float = 0.0
    complete: bool = True

    @property
    def counts(self) -> Counter[Result]:
        """How many targets ended how; results that did not occur are left out."""
        return Counter(outcome.result for outcome in self.outcomes)

    def raise_for_failures(self) -> None:
        """Raise when any target was rejected, not sent, or is unknown. Skipped ones are no failure.

        Raises:
            BulkFailures: with this report.
        """
        bad = [o for o in self.outcomes if o.result not in (Result.ACCEPTED, Result.SKIPPED)]
        if bad:
            counts = ", ".join(f"{n} {result.value}" for result, n in self.counts.items())
            first = bad[0].reason or bad[0].error
            raise BulkFailures(
                f"{self.action.value}: {len(bad)} of {len(self.outcomes)} targets failed ({counts});"
                f" the first, {bad[0].task_id}: {first}",
                report=self,
            )

    def to_json(self) -> dict[str, Any]:
        """The report as plain values, ready for `json.dumps`."""
        return {
            "action": self.action.value,
            "counts": {result.value: n for result, n in self.counts.items()},
            "duplicates": self.duplicates,
            "elapsed": round(self.elapsed, 6),
            "complete": self.complete,
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
        }
