"""A loop whose time is not waited for."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

#: Wall-clock seconds that virtual time 0 stands for.
EPOCH = 1_750_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which nobody waits: when all are asleep, its clock jumps to the next alarm."""

    def __init__(self) -> None:
        self.now = 0.0
        VirtualWall.loop = self
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None):
        if timeout is None:  # only a thread can bring anything now
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.now += timeout
        return found


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class VirtualWall:
    """Stands for the module `time`, in any thread: the clock of the virtual loop made last."""

    loop: ClassVar[VirtualLoop]

    @classmethod
    def time(cls) -> float:
        return EPOCH + cls.loop.now

    @classmethod
    def monotonic(cls) -> float:
        return cls.loop.now
