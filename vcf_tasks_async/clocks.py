"""The deadlines of all requests of a session, over one timer of the event loop.

`asyncio.timeout` makes, sorts in and drops a timer of its own each time. The requests of a session have
nearly the same time each and are over long before: one timer, set for whichever would end first, does.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from types import TracebackType


class Clocks:
    """The deadlines that run in one session; bound to its event loop.

    Attributes:
        running: those that were entered and not left.

    Example:
        >>> clocks = Clocks(asyncio.get_running_loop())
        >>> with clocks.until(clocks.now() + 30.0):
        ...     await asyncio.sleep(0)
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time
        self.running: set[Clock] = set()
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def until(self, ends: float) -> Clock:
        """A deadline at loop time *ends*, to be used once."""
        return Clock(self, ends)

    def strike_all(self) -> None:
        """Whatever runs is over now."""
        for clock in tuple(self.running):
            clock.strike()

    def close(self) -> None:
        """Whatever runs is over now, and the event loop holds nothing of it any more."""
        self.strike_all()
        self._set(None)

    def start(self, clock: Clock) -> None:
        """Let *clock* run."""
        self.running.add(clock)
        if self._timer is None or clock.ends < self._due:
            self._set(clock.ends)

    def _set(self, due: float | None) -> None:
        """Look next at *due*; None: not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._due = due
            # In no context of a caller's, which it would hold.
            self._timer = self._loop.call_at(due, self._look, context=Context())

    def _look(self) -> None:
        """Strike those that are over, and look again when the next one may be."""
        # Timers may come a tick early.
        now = max(self._due, self.now())
        for clock in tuple(self.running):
            if clock.ends <= now:
                clock.strike()
        self._set(min((clock.ends for clock in self.running if not clock.has_struck), default=None))


class Clock:
    """What is awaited inside its ``with`` is cancelled when its time is over, and a TimeoutError comes out.

    The way of `asyncio.Timeout`: a cancellation by somebody else stays one.

    Attributes:
        ends: loop time.
        has_struck: its time is over, or was ended.
    """

    __slots__ = ("_cancelling", "_clocks", "_task", "ends", "has_struck")

    def __init__(self, clocks: Clocks, ends: float) -> None:
        self._clocks = clocks
        self.ends = ends
        self.has_struck = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline takes an asyncio task to cancel")
        self._task = task
        self._cancelling = task.cancelling()
        self._clocks.start(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clocks.running.discard(self)
        if (
            self.has_struck
            and self._task.uncancel() <= self._cancelling
            and isinstance(error, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def strike(self) -> None:
        """End it now."""
        if not self.has_struck:
            self.has_struck = True
            self._task.cancel()
