"""What slows a bulk run down or ends it: a rate, and a rule for when enough has gone wrong. No await."""

from __future__ import annotations

from typing import Final

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.outcomes import FAILURES, Result

# Results from which a share means something: one failure of one is no hundred per cent.
_SAMPLE: Final = 20
# Seconds by which an event loop may be late.
_LATENESS: Final = 0.01


class Pace:
    """Turns at a rate, and the moments at which writes really leave.

    A turn is waited for before a call is begun. Where the call then waits for something else (a login, a
    slot), many could leave at once: whoever comes too early at the door takes a new turn.

    Args:
        rate: turns a second; None for no limit.

    Example:
        >>> pace = Pace(10)
        >>> pace.turn(now=0.0), pace.turn(now=0.0), pace.turn(now=5.0)
        (0.0, 0.1, 5.0)
        >>> pace.leave(now=5.2), pace.leave(now=5.2), pace.leave(now=5.3)
        (True, False, True)
    """

    def __init__(self, rate: float | None) -> None:
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0):
            raise UsageError(f"rate is a number of requests a second, above 0, not {rate!r}")
        self._gap = 0.0 if rate is None else 1.0 / rate
        self._next = 0.0
        self._free = 0.0
        # How much too early is let pass: the lateness of the one before must not cost this one its turn.
        self._leeway = max(_LATENESS, self._gap / 2)

    def turn(self, now: float) -> float:
        """The moment at which the caller may go ahead. Turns that nobody took don't add up."""
        if not self._gap:
            return now
        moment = max(now, self._next)
        self._next = moment + self._gap
        return moment

    def leave(self, now: float, *, again: bool = False) -> bool:
        """Whether a write may leave right now; when it may, it does.

        Args:
            now: this moment.
            again: the server had said later, and this is later: it leaves, and the others stand back.
        """
        if not self._gap:
            return True
        if not again and now < self._free - self._leeway:
            return False
        self._free = max(now, self._free) + self._gap
        self._next = max(self._next, self._free)
        return True


class StopRule:
    """Ends a run in which too much goes wrong.

    Args:
        stop_after: a whole number of targets that were rejected, not sent or are unknown in a row; or a
            share of all, such as 0.2, once 20 are known; None never ends it.

    Example:
        >>> rule = StopRule(2)
        >>> rule.feed(Result.REJECTED), rule.feed(Result.UNKNOWN)
        (None, '2 targets in a row failed')
    """

    def __init__(self, stop_after: float | None) -> None:
        self._in_a_row: int | None = None
        self._share: float | None = None
        if isinstance(stop_after, int) and not isinstance(stop_after, bool) and stop_after >= 1:
            self._in_a_row = stop_after
        elif isinstance(stop_after, float) and 0 < stop_after < 1:
            self._share = stop_after
        elif stop_after is not None:
            raise UsageError(
                f"stop_after is a number of failures in a row (5) or a share of all (0.2), not {stop_after!r}"
            )
        self._row = self._bad = self._known = 0

    def feed(self, result: Result) -> str | None:
        """One more result; why the run is to end, or None."""
        if result is Result.SKIPPED:
            return None
        bad = result in FAILURES
        self._known += 1
        self._bad += bad
        self._row = self._row + 1 if bad else 0
        if self._in_a_row is not None and self._row >= self._in_a_row:
            return f"{self._row} targets in a row failed"
        if self._share is not None and self._known >= _SAMPLE and self._bad >= self._share * self._known:
            return f"{self._bad} of {self._known} targets failed"
        return None
