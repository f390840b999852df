"""Turns on the event loop: who has much to do lets others have theirs now and then."""

from __future__ import annotations

import asyncio
from typing import Final

import anyio

# Seconds of work after which others on the loop have their turn.
_TURN: Final = 0.002


class Turn:
    """The time for which work may go on before others on the event loop have to have theirs.

    Several workers may share one. They give way one by one, each for a turn of the loop: together they would
    each take a slice of their own in the next, and waking all of them each time costs more than it saves.

    Example:
        >>> turn = Turn()
        >>> if turn.is_over():
        ...     await turn.give_way()
    """

    __slots__ = ("_ends", "_queue")

    def __init__(self) -> None:
        self._ends = 0.0
        self._queue = anyio.Lock(fast_acquire=True)

    def is_over(self) -> bool:
        """Whether it is time to give way. Apart from doing so, since that costs more than to ask."""
        return asyncio.get_running_loop().time() >= self._ends

    async def give_way(self) -> None:
        """Let others have their turn."""
        async with self._queue:
            await asyncio.sleep(0)
            self._ends = asyncio.get_running_loop().time() + _TURN
