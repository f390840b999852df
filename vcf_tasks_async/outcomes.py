"""What became of each target of a bulk run, and of all of them together."""

from __future__ import annotations

import enum
import re
import textwrap
from collections import Counter
from typing import Any, Final

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.status import Status
from vcf_tasks_async.text import inert

# Outcomes that a report in summary mode keeps: the first that went wrong.
_KEPT: Final = 1000
# Kinds of trouble that the text of a report shows, and targets of each.
_SHOWN: Final = 12
_WIDTH: Final = 80
_HANG: Final = " " * 9
# What all refusals of a run have in common, or none with another, says nothing about a group of them.
_WHERE: Final = re.compile(r"^(?:retry|cancellation) of task \S+ (?:refused by|at) \S+ ?(?:\(([^)]*)\))?")
_TOKEN: Final = re.compile(r" \[reference token [^\]]*\]")


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


# Results that count as failures; a skipped target has not failed.
FAILURES: Final = (Result.REJECTED, Result.NOT_SENT, Result.UNKNOWN)


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
        return self.result in FAILURES

    @property
    def accepted_before(self) -> bool:
        """Accepted in an earlier run, as its journal tells: nothing was sent for it in this one."""
        return self.result is Result.ACCEPTED and not self.attempts and self.reason is not None

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
        ended: the statuses in which tasks that were waited for ended, counted.
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
    ended: Counter[Status] = attrs.field(factory=Counter)
    duplicates: int = 0
    elapsed: float = 0.0
    complete: bool = False
    stopped: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one more outcome, and keep it: so a report is made by hand, for a test or out of several."""
        self.counts[outcome.result] += 1
        if outcome.final is not None and outcome.final.is_ended:
            self.ended[outcome.final.status] += 1
        if not self.summary or (outcome.failed and len(self.outcomes) < _KEPT):
            self.outcomes.append(outcome)

    def __len__(self) -> int:
        return self.counts.total()

    def __str__(self) -> str:
        """The report for a person: the counts, and what went wrong or was not sent, grouped by its reason."""
        return "\n".join((*self._head(), *self._troubles()))

    def _headline(self) -> str:
        total, counts = len(self), counted(self.counts)
        line = f"{self.action.value} of {total} task{'' if total == 1 else 's'} in {self.elapsed:.1f} s"
        return f"{line}: {counts}" if counts else line

    def _head(self) -> list[str]:
        lines = _wrapped(self._headline(), "", "  ")
        if self.stopped:
            lines += _wrapped(f"ended early: {inert(self.stopped, limit=300)}", "  ", "  ")
        if self.duplicates:
            lines.append(f"  {self.duplicates} more had been given before and count once")
        if self.ended:
            ends = ", ".join(f"{n} {_words(status)}" for status, n in self.ended.most_common())
            lines += _wrapped(f"of the accepted, these have ended: {ends}", "  ", "  ")
        return lines

    def _troubles(self) -> list[str]:
        groups: dict[tuple[Result, str], list[str]] = {}
        for outcome in self.outcomes:
            # Who counts on a new try must see that there was none.
            if outcome.result is not Result.ACCEPTED or outcome.accepted_before:
                # The same trouble of another task differs in its id alone.
                reason = (outcome.reason or "").replace(outcome.task_id, "…")
                gist = _TOKEN.sub("", _WHERE.sub(r"\1", reason))
                groups.setdefault((outcome.result, gist), []).append(outcome.task_id)
        largest = sorted(groups.items(), key=lambda group: -len(group[1]))
        lines = []
        for (result, gist), ids in largest[:_SHOWN]:
            text = f"{len(ids):6d}  {_words(result)}: {inert(gist, limit=300)}"
            lines += [*_wrapped(text, "", _HANG), f"{_HANG}{_sample(ids)}"]
        if len(largest) > _SHOWN:
            lines.append(f"{_HANG}and {len(largest) - _SHOWN} more kinds: see outcomes")
        failed = failed_in(self.counts)
        if self.summary and failed > _KEPT:
            lines.append(f"{_HANG}(of the first {_KEPT} that went wrong; {failed} did)")
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
            "summary": self.summary,
            "counts": {result.value: n for result, n in self.counts.items()},
            "ended": {status.value: n for status, n in self.ended.items()},
            "duplicates": self.duplicates,
            "elapsed": round(self.elapsed, 6),
            "complete": self.complete,
            "stopped": self.stopped,
            "outcomes": [outcome.to_json() for outcome in self.outcomes],
        }


def counted(counts: Counter[Result]) -> str:
    """*counts* in words, such as ``212 accepted, 9 skipped``; empty where there are none."""
    return ", ".join(f"{counts[result]} {_words(result)}" for result in Result if counts[result])


def failed_in(counts: Counter[Result]) -> int:
    """How many of *counts* have failed, as `Outcome.failed` means it."""
    return sum(counts[result] for result in FAILURES)


def _words(name: Result | Status) -> str:
    return str(name.value).replace("_", " ").lower()


def _wrapped(text: str, indent: str, hang: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=hang, max_lines=4, placeholder=" …",
        drop_whitespace=True, break_on_hyphens=False,
    )  # fmt: skip


def _sample(ids: list[str]) -> str:
    """The first of *ids*, and how many there are besides."""
    more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
    return f"{inert(ids[0], limit=_WIDTH - len(_HANG) - len(more))}{more}"
