"""Medians, ratios and their spread: the only arithmetic that results go through."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple


class Spread(NamedTuple):
    """A median, and between what the runs lay."""

    median: float
    lowest: float
    highest: float

    @property
    def width(self) -> float:
        """How far the runs lay apart, as a share of the median."""
        return (self.highest - self.lowest) / self.median if self.median else 0.0

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(*(value * factor for value in self))


def spread(values: Sequence[float]) -> Spread:
    """The median of *values*, and between what they lie.

    Example:
        >>> spread([3.0, 1.0, 2.0])
        Spread(median=2.0, lowest=1.0, highest=3.0)
    """
    return Spread(statistics.median(values), min(values), max(values))


def ratio(upper: Sequence[float], lower: Sequence[float]) -> Spread:
    """*upper* as multiples of *lower*, round by round, so that what hit a whole round cancels out.

    Example:
        >>> ratio([2.0, 8.0, 3.0], [1.0, 2.0, 1.0])
        Spread(median=3.0, lowest=2.0, highest=4.0)
    """
    return spread([a / b for a, b in zip(upper, lower, strict=True)])


class Results:
    """The results of a run, or several files of them together (later ones win)."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self.made: dict[str, Any] = documents[0].get("made", {})
        self.cases: dict[str, Any] = {}
        for document in documents:
            self.cases |= document["cases"]

    @property
    def busy(self) -> dict[str, float]:
        """Cases during which more processes wanted to run than there were CPUs: the load average of each."""
        cpus = self.made.get("cpus") or 1
        loads = {name: max(case.get("load", [0.0])) for name, case in self.cases.items()}
        return {name: load for name, load in loads.items() if load > cpus}

    def values(self, case: str, label: str, measure: str) -> list[float] | None:
        """All runs, or None where it was not measured."""
        trial = self.cases.get(case, {}).get("trials", {}).get(label, {})
        found: list[float] | None = trial.get("measures", {}).get(measure)
        return found or None

    def spread(self, case: str, label: str, measure: str) -> Spread | None:
        """Median and spread, or None where it was not measured."""
        values = self.values(case, label, measure)
        return spread(values) if values else None

    def ratio(self, upper: tuple[str, str, str], lower: tuple[str, str, str]) -> Spread | None:
        """One (case, label, measure) as multiples of another, or None where one of them was not measured."""
        return self.joined(lambda a, b: a / b, upper, lower)

    def joined(self, how: Callable[..., float], *places: tuple[str, str, str]) -> Spread | None:
        """What *how* makes of the values at these (case, label, measure), round by round."""
        columns = [self.values(*place) for place in places]
        if not all(columns):
            return None
        # Two cases may have had different numbers of rounds.
        rounds = zip(*(column for column in columns if column), strict=False)
        return spread([how(*values) for values in rounds])
