"""Turns on the event loop: who has much to do lets others have theirs now and then."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Final

# Seconds of work after which others on the loop have their turn.
_TURN: Final = 0.002


class Turn:
    """How long the work of one turn of the event loop may take before others have to have theirs.

    Several workers may share one: what they do in the same turn of the loop is counted together, and whoever
    finds the time used up goes on in a later one, in the order in which they gave way.

    Example:
        >>> turn = Turn()
        >>> if turn.is_over():
        ...     await turn.give_way()
    """

    __slots__ = ("_counts_on", "_ends", "_queue")

    def __init__(self) -> None:
        self._ends = 0.0
        # The event loop whose turn is counted; a loop that was left in that turn never says that it is over.
        self._counts_on: asyncio.AbstractEventLoop | None = None
        self._queue: deque[object] = deque()

    def is_over(self) -> bool:
        """Whether it is time to give way. Apart from doing so, since that costs more than to ask."""
        loop = asyncio.get_running_loop()
        if self._counts_on is loop:
            return monotonic() >= self._ends
        # The first to ask in this turn of the loop.
        loop.call_soon(self._next)
        self._counts_on, self._ends = loop, monotonic() + _TURN
        return False

    def _next(self) -> None:
        self._counts_on = None

    async def give_way(self) -> None:
        """Let others have their turn."""
        place = object()
        self._queue.append(place)
        try:
            await asyncio.sleep(0)
            # Woken by an event, all who wait would take that turn at once.
            while self._queue[0] is not place or self.is_over():  # noqa: ASYNC110
                await asyncio.sleep(0)
        finally:
            self._queue.remove(place)
