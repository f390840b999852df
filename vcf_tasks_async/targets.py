"""Where the targets of a bulk run come from: any iterable, sync or async, shared by many workers."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from typing import Any

import anyio

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.models import Task
from vcf_tasks_async.steps import AnyTask

Target = AnyTask | str
Targets = Iterable[Target] | AsyncIterable[Target]


def iterable(targets: Any, otherwise: str) -> Iterable[Any]:
    """*targets*, when they can be gone through: neither a single one, nor something else.

    Raises:
        UsageError: they can't; *otherwise* is its text.
    """
    if isinstance(targets, str | bytes | AnyTask) or not isinstance(targets, Iterable):
        raise UsageError(otherwise)
    return targets


def any_iterable(targets: Any, otherwise: str) -> Iterable[Any] | AsyncIterable[Any]:
    """As `iterable`, and what can be gone through with ``async for`` as well."""
    return targets if isinstance(targets, AsyncIterable) else iterable(targets, otherwise)


def ids_of(targets: Any, otherwise: str) -> dict[str, None]:
    """The ids of *targets*, tasks or task ids, in order and each once.

    Raises:
        UsageError: they can't be gone through (*otherwise* is its text), or one is no task id.
    """
    given = iterable(targets, otherwise)
    return dict.fromkeys(checked_id(each.id if isinstance(each, Task) else each) for each in given)


class Source:
    """Hands each worker that asks the next target.

    Attributes:
        exhausted: it was read to its end.
        error: what it raised, or what was wrong with one of its targets.
    """

    def __init__(self, targets: Targets) -> None:
        any_iterable(
            targets,
            "targets are an iterable, sync or async, of tasks or task ids: [task_id] for one,"
            " session.stream(where) for those of a filter",
        )
        self._sized = isinstance(targets, Sized)
        self._sync: Iterator[Target] | None = None
        self._async: AsyncIterator[Target] | None = None
        if isinstance(targets, AsyncIterable):
            self._async = aiter(targets)
        else:
            self._sync = iter(targets)
        self._turn = anyio.Lock(fast_acquire=True)
        self._reading: anyio.CancelScope | None = None
        self._stopped = False
        self.exhausted = False
        self.error: Exception | None = None

    async def take(self) -> Target | None:
        """The next target; None when there is none left, and after `stop`."""
        target: Target | None = None
        try:
            if self._sync is not None:
                if not self._over:
                    target = next(self._sync)
            elif self._async is not None:
                target = await self._take_async(self._async)
        except (StopIteration, StopAsyncIteration):
            self.exhausted = True
        except Exception as error:  # noqa: BLE001 - whatever a caller's iterable raises comes out of the run
            self._fail(error)
        if target is None or isinstance(target, str | AnyTask):
            return target
        self._fail(UsageError(f"a target is a task or a task id, not {type(target).__name__}"))
        return None

    async def _take_async(self, source: AsyncIterator[Target]) -> Target | None:
        async with self._turn:
            if not self._over:
                with anyio.CancelScope() as self._reading:
                    return await anext(source)
        return None

    @property
    def _over(self) -> bool:
        return self._stopped or self.exhausted

    def _fail(self, error: Exception) -> None:
        self.error = error
        self._stopped = True

    def stop(self) -> None:
        """Give out no more; whoever waits for a target is let go."""
        self._stopped = True
        if self._reading is not None:
            self._reading.cancel()

    def rest(self) -> Iterator[Target]:
        """What was never given out, where that can be known: a list's rest, not a generator's."""
        if self._sync is not None and self._sized and not self.exhausted and self.error is None:
            for target in self._sync:
                if isinstance(target, str | AnyTask):
                    yield target
            self.exhausted = True

    async def close(self) -> None:
        """End an async generator that was not read to its end; it has no other reader."""
        aclose = getattr(self._async, "aclose", None)
        if aclose is not None:
            await aclose()
