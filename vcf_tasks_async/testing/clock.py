"""The simulator's clock: runs with the wall clock, faster than it, or only when moved by hand.

Everything that has a time in the simulator (tasks, tokens, history) asks this clock and no other.
"""

import threading
import time
from datetime import UTC, datetime

__all__ = ["SimulatorClock"]


class SimulatorClock:
    """Simulated time, in seconds since the epoch.

    Args:
        start: where the clock begins, in epoch seconds. None is the wall clock's now, so that the
            `exp` of a token means the same to a client which reads the wall clock.
        speed: simulated seconds per real second. 0 stops the clock: only `advance` moves it.

    Safe to use from any thread.

    Example:
        >>> clock = SimulatorClock(start=1_750_000_000, speed=0)
        >>> clock.advance(90)
        >>> clock.now()
        1750000090.0
    """

    def __init__(self, start: float | None = None, *, speed: float = 1.0) -> None:
        if speed < 0:
            raise ValueError("speed must be 0 (moved by hand) or more: a clock does not run backwards")
        self._lock = threading.Lock()
        self._speed = float(speed)
        self._base = float(time.time() if start is None else start)
        self._anchor = time.monotonic()

    def __repr__(self) -> str:
        return f"<SimulatorClock {iso(self.now())} speed={self._speed:g}>"

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; may be set at any time, without a jump."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        if value < 0:
            raise ValueError("speed must be 0 (moved by hand) or more: a clock does not run backwards")
        with self._lock:
            self._base, self._anchor = self._read(), time.monotonic()
            self._speed = float(value)

    def now(self) -> float:
        """The simulated time, in seconds since the epoch; never goes back."""
        with self._lock:
            return self._read()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by *seconds* (0 or more); tasks catch up at the next request."""
        if seconds < 0:
            raise ValueError("the clock only goes forward: give advance() 0 or more seconds")
        with self._lock:
            self._base += seconds

    def _read(self) -> float:
        if not self._speed:
            return self._base
        return self._base + (time.monotonic() - self._anchor) * self._speed


def iso(seconds: float) -> str:
    """*seconds* since the epoch as SDDC Manager writes it: ISO 8601, milliseconds, `Z`."""
    return iso_ms(round(seconds * 1000))


def iso_ms(milliseconds: int) -> str:
    """*milliseconds* since the epoch as SDDC Manager writes them."""
    second, fraction = divmod(milliseconds, 1000)
    t = time.gmtime(second)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d}T{t[3]:02d}:{t[4]:02d}:{t[5]:02d}.{fraction:03d}Z"


def parse_iso(text: object) -> float | None:
    """Epoch seconds of an ISO 8601 text; None for whatever is not one (a fixture may hold anything)."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
