"""What became of each target of a bulk run, and of all of them together."""

from __future__ import annotations

import enum
from collections import Counter
from typing import Any, Final

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.text import inert

# Outcomes that a report in summary mode keeps: the first that went wrong.
_KEPT: Final = 1000
# Kinds of trouble that the text of a report shows, and targets of each.
_SHOWN: Final = 12


class Result(enum.Enum):
    """How it ended for one target."""

    ACCEPTED = "accepted"
    """SDDC Manager took it, or a look at the task proved so."""
    SKIPPED = "skipped"
    """Not sent, and `Outcome.reason` says why."""
    REJECTED = "rejected"
    """The server refused; `Outcome.error` holds its answer."""
    NOT_SENT = "not_sent"
    """It never reached the server, or was not even considered (401, 429, 503 with Retry-After): safe to do
    again."""
    UNKNOWN = "unknown"
    """Sent, the answer lost, and a look at the task could not tell."""


@attrs.frozen
class Outcome:
    """What became of one target.

    Attributes:
        task_id: the target, to the letter; `inert` makes it fit for a terminal.
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

    @property
    def failed(self) -> bool:
        """Rejected, not sent or unknown. A skipped one has not failed."""
        return self.result not in (Result.ACCEPTED, Result.SKIPPED)

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
        summary: only the first 1,000 outcomes that went wrong are kept; counts are of all.
        outcomes: one for each distinct target, in the order in which they became known.
        counts: how many targets ended how; results that did not occur are left out.
        duplicates: targets that came more than once; only the first one counted.
        elapsed: seconds the run took.
        complete: the source was read to its end, and every target has its outcome. False after an early
            end with a source whose rest can't be known.
        stopped: why the run ended early, or None.

    Example:
        >>> report = BulkReport(Action.RETRY)
        >>> report.add(Outcome("a758", Action.RETRY, Result.ACCEPTED))
        >>> print(report)
        retry of 1 task in 0.0 s: 1 accepted
    """

    action: Action
    summary: bool = False
    outcomes: list[Outcome] = attrs.field(factory=list)
    counts: Counter[Result] = attrs.field(factory=Counter)
    duplicates: int = 0
    elapsed: float = 0.0
    complete: bool = False
    stopped: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one more outcome, and keep it."""
        self.counts[outcome.result] += 1
        if not self.summary or (outcome.failed and len(self.outcomes) < _KEPT):
            self.outcomes.append(outcome)

    def __len__(self) -> int:
        return self.counts.total()

    def __str__(self) -> str:
        """The report for a person: the counts, and what went wrong, grouped by its reason."""
        return "\n".join((self._headline(), *self._troubles()))

    def _headline(self) -> str:
        total = len(self)
        counts = ", ".join(f"{n} {result.value.replace('_', ' ')}" for result, n in self.counts.items())
        line = f"{self.action.value} of {total} task{'' if total == 1 else 's'} in {self.elapsed:.1f} s"
        line += f": {counts}" if counts else ""
        if self.duplicates:
            line += f"; {self.duplicates} given more than once"
        if self.stopped:
            line += f"; ended early: {inert(self.stopped, limit=200)}"
        return line

    def _troubles(self) -> list[str]:
        groups: dict[tuple[str, str], list[str]] = {}
        for outcome in self.outcomes:
            if outcome.result is not Result.ACCEPTED:
                # The same trouble of another task differs in its id alone.
                reason = (outcome.reason or "").replace(outcome.task_id, "…")
                groups.setdefault((outcome.result.value, reason), []).append(outcome.task_id)
        largest = sorted(groups.items(), key=lambda group: -len(group[1]))
        lines = [
            f"  {len(ids):6d} {result.replace('_', ' ')}: {inert(reason, limit=160)}"
            f" ({', '.join(inert(i, limit=40) for i in ids[:2])}{', …' if len(ids) > 2 else ''})"
            for (result, reason), ids in largest[:_SHOWN]
        ]
        if len(largest) > _SHOWN:
            lines.append(f"         and {len(largest) - _SHOWN} more kinds: see outcomes")
        return lines

    def raise_for_failures(self) -> None:
        """Raise when any target was rejected, not sent, or is unknown. Skipped ones are no failure.

        Raises:
            BulkFailures: with this report.
        """
        first = next((outcome for outcome in self.outcomes if outcome.failed), None)
        if first is not None:
            name = inert(first.task_id, limit=128)
            raise BulkFailures(
                f"{self._headline()}; the first that failed, {name}: {first.reason}", report=self
            )

    def to_json(self) -> dict[str, Any]:
        """The report as plain values, ready for `json.dumps`."""
        return {
            "action": self.action.value,
            "counts": {result.value: n for result, n in self.counts.items()},
            "duplicates": self.duplicates,
            "elapsed": round(self.elapsed, 6),
            "complete": self.complete,
            "stopped": self.stopped,
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
        }
