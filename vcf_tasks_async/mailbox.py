"""An async generator over what is put into a box, without being a generator function.

No frame is suspended in mid-work, so a timeout or a cancellation round one ``anext`` loses nothing, and
no scope is open while the reader has the floor (PEP 789). Whoever fills the box knows the box alone: a
reader who walks away is noticed, and the box closed.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Protocol, Self, TypeVar

from vcf_tasks_async.reader import Reader
from vcf_tasks_async.turns import Turn

T_co = TypeVar("T_co", covariant=True)


class Empty(Exception):
    """There is nothing in the box just now."""


class Box(Protocol[T_co]):
    """What a `Mailbox` reads from."""

    @property
    def bell(self) -> asyncio.Event:
        """Set when there is something to take."""
        ...

    def open(self) -> None:
        """Begin to fill it; more than once does no harm."""
        ...

    def take(self) -> T_co:
        """The next item.

        Raises:
            Empty: there is none yet.
            StopAsyncIteration: there will be none any more. Any other error ends it as well.
        """
        ...

    def close(self) -> None:
        """Fill it no more; more than once does no harm."""
        ...

    async def closed(self) -> None:
        """Return when nothing is left running."""
        ...


class Mailbox(Reader[T_co]):
    """Hands out what comes into a box."""

    def __init__(self, box: Box[T_co]) -> None:
        self._box = box
        self._busy = self._over = False
        # An `async for` over items that are there never suspends by itself.
        self._turn = Turn()
        # A bare `break` leaves an object that nobody closes.
        weakref.finalize(self, box.close).atexit = False

    async def __anext__(self) -> T_co:
        if self._busy:
            raise RuntimeError("this is being read already: give each reader one of its own")
        self._busy = True
        try:
            while not self._over:
                if self._turn.is_over():
                    # Before anything is taken: a cancellation here loses nothing.
                    await self._turn.give_way()
                self._box.open()
                self._box.bell.clear()
                try:
                    return self._box.take()
                except Empty:
                    pass
                await self._box.bell.wait()
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                await self.aclose()
            raise
        finally:
            self._busy = False
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End at once: nothing is left running when this returns."""
        self.finish()
        await self._box.closed()

    def finish(self) -> None:
        """End, without waiting for what has to stop."""
        self._over = True
        self._box.close()
        self._box.bell.set()

    @property
    def box(self) -> Box[T_co]:
        """What this reads from, for whoever reads several boxes in turn instead."""
        return self._box

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over

    async def __aenter__(self) -> Self:
        self._box.open()
        return self
