"""What our streams share: all of an async generator but the generator."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Reader(AsyncGenerator[T_co, None]):
    """An async generator without a frame of its own that could be suspended in mid-work.

    So a timeout or a cancellation round one ``anext`` loses nothing, and no scope is open while the
    caller has the floor (PEP 789). Subclasses say what comes next and how it ends.
    """

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> T_co: ...

    @abstractmethod
    async def aclose(self) -> None:
        """End at once: nothing is left running when this returns."""

    async def asend(self, value: None) -> T_co:
        """As ``anext``: nothing can be sent into this."""
        return await self.__anext__()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> T_co:
        """End and raise what was thrown."""
        await self.aclose()
        error = typ if isinstance(typ, BaseException) else val if isinstance(val, BaseException) else typ()
        raise error.with_traceback(tb) if tb is not None else error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()
