"""Turns on the event loop: who has much to do lets others have theirs now and then."""

from __future__ import annotations

import asyncio
from typing import Final

# Seconds of work after which others on the loop have their turn.
_TURN: Final = 0.002


class Turn:
    """The time for which work may go on before others on the event loop have to have theirs.

    Several workers may share one: they give way together, and go on together.

    Example:
        >>> turn = Turn()
        >>> if turn.is_over():
        ...     await turn.give_way()
    """

    __slots__ = ("_ends", "_number")

    def __init__(self) -> None:
        self._ends = 0.0
        self._number = 0

    def is_over(self) -> bool:
        """Whether it is time to give way. Apart from doing so, since that costs more than to ask."""
        return asyncio.get_running_loop().time() >= self._ends

    async def give_way(self) -> None:
        """Let others have their turn; returns in the next one that is not over yet."""
        while self.is_over():
            number = self._number
            await asyncio.sleep(0)
            if number == self._number:
                # The first to come back begins it for all who waited.
                self._number += 1
                self._ends = asyncio.get_running_loop().time() + _TURN
                return
