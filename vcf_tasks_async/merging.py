"""Many sources of items as one box: each is read by a plain asyncio task, and the box holds only so many.

A source that is slow, or fails, is nothing to the others. A full box holds all of them back, first come
first served, so that memory is bounded however slow the reader is.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from vcf_tasks_async.mailbox import Empty
from vcf_tasks_async.turns import Turn

T = TypeVar("T")
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

# Items that wait for the reader, from all sources together.
_ROOM: Final = 256


class Merge(Generic[T]):
    """A box that several pumps fill. Subclasses say what the pumps are, and how it ends.

    Args:
        spawn: starts a pump.
        room: items it holds.
    """

    def __init__(self, spawn: Spawn, *, room: int = _ROOM) -> None:
        self.bell = asyncio.Event()
        self._spawn = spawn
        self._items: deque[T] = deque()
        self._room = asyncio.Semaphore(room)
        self._pumps: set[asyncio.Task[None]] = set()
        self._begun = self._shut = self._discards = False
        self._broken: BaseException | None = None
        self._turn = Turn()

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """What fills the box; asked once, when it is opened."""
        raise NotImplementedError

    def end(self) -> None:
        """Raise what the reader gets at the end, if it is not a plain end."""

    async def put(self, item: T) -> None:
        """Hand *item* to the reader; waits while the box is full."""
        if self._turn.is_over():
            # Each source gives way by itself, but hundreds of them together would hold the loop for long.
            await self._turn.give_way()
        if self._discards:
            return
        await self._room.acquire()
        self._items.append(item)
        self.bell.set()

    def discard(self) -> None:
        """Nobody reads: what is put is let go."""
        self._discards = True

    @property
    def over(self) -> bool:
        """Whether all pumps have ended."""
        return self._begun and not self._pumps

    def open(self) -> None:
        if self._begun or self._shut:
            return
        self._begun = True
        for pump in self.pumps():
            task = self._spawn(pump)
            self._pumps.add(task)
            task.add_done_callback(self._ended)
        self.bell.set()

    def _ended(self, pump: asyncio.Task[None]) -> None:
        self._pumps.discard(pump)
        error = None if pump.cancelled() else pump.exception()
        if error is not None and self._broken is None:
            # What a site does, its pump tells: this is a mistake, of ours or in a caller's source.
            self._broken = error
            self._cancel()
        self.bell.set()

    def take(self) -> T:
        if self._items:
            self._room.release()
            return self._items.popleft()
        if self._pumps or not self._begun:
            raise Empty
        self.raise_broken()
        self.end()
        raise StopAsyncIteration

    def raise_broken(self) -> None:
        """Raise what broke a pump, if something did."""
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        self._shut = self._begun = True
        self._items.clear()
        self._cancel()

    def _cancel(self) -> None:
        for pump in tuple(self._pumps):
            pump.cancel()

    async def closed(self) -> None:
        while self._pumps:
            await asyncio.wait(tuple(self._pumps))
            # Their callbacks run a turn of the loop later.
            await asyncio.sleep(0)
