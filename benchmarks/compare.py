"""What got slower between two files of results, beyond the spread of their runs.

Times are compared as multiples of the case's reference (a floor or a peer that did not change), round by
round: so results of two days, or of two machines, can be held against each other. What is no time
(requests, memory) is compared as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.stats import Results, Spread, ratio, spread

# Changes below this share are no change, however still the machine was.
_NOTICED = 0.05
_TIMES = ("wall_s", "cpu_s", "first_s", "task_us", "lag_ms")
_COSTS = ("grown_mb", "kept_kb", "lists", "writes", "connections", "highest")


class Change(NamedTuple):
    """One measure that moved beyond the spread; *relative* says whether it is of the case's reference."""

    case: str
    label: str
    measure: str
    before: Spread
    after: Spread
    relative: bool

    @property
    def is_worse(self) -> bool:
        return self.after.median > self.before.median

    def __str__(self) -> str:
        unit = " of the reference" if self.relative else ""
        return (
            f"{self.case}, {self.label}: {self.measure} {self.before.median:.3g} to {self.after.median:.3g}"
            f"{unit} ({self.after.median / self.before.median - 1:+.0%}; runs"
            f" {self.before.lowest:.3g} to {self.before.highest:.3g}, now"
            f" {self.after.lowest:.3g} to {self.after.highest:.3g})"
        )


def changes(old: Results, new: Results) -> list[Change]:
    """What moved so far that the runs of before and after don't touch; the worst first."""
    found = [change for change in _compared(old, new) if _is_beyond(change)]
    return sorted(found, key=lambda change: change.before.median / max(change.after.median, 1e-12))


def _is_beyond(change: Change) -> bool:
    before, after = change.before, change.after
    apart = after.lowest > before.highest or after.highest < before.lowest
    return apart and abs(after.median - before.median) > _NOTICED * before.median


def _compared(old: Results, new: Results) -> Iterator[Change]:
    for name, case in new.cases.items():
        for label, trial in case["trials"].items():
            for measure in trial["measures"]:
                before, after = (_seen(results, name, label, measure) for results in (old, new))
                if before is not None and after is not None:
                    yield Change(name, label, measure, before, after, _is_relative(new, name, label, measure))


def _is_relative(results: Results, case: str, label: str, measure: str) -> bool:
    reference = results.cases[case]["reference"]
    return measure in _TIMES and label != reference and results.values(case, reference, measure) is not None


def _seen(results: Results, case: str, label: str, measure: str) -> Spread | None:
    values = results.values(case, label, measure)
    if values is None or measure not in (*_TIMES, *_COSTS):
        return None
    if _is_relative(results, case, label, measure):
        reference = results.values(case, results.cases[case]["reference"], measure)
        return ratio(values, reference or [])
    # The reference's own times are the machine's: they say nothing of the library.
    return None if measure in _TIMES else spread(values)
