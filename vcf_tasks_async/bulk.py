"""Many writes at once: a fan-out with bounded parallelism and exactly one outcome for each target.

A group of workers shares one source of targets. Nothing is held but the targets in work and the ids
that were seen; outcomes wait in a bounded queue for whoever reads them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Sized,
)
from time import monotonic
from typing import Any, Final, Protocol, Self

import anyio

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import BulkReport, Outcome, Result
from vcf_tasks_async.policy import Action, why_not
from vcf_tasks_async.text import inert

Target = Task | str
Targets = Iterable[Target] | AsyncIterable[Target]
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

# Seconds that writes in flight get when a run ends early: their answers are worth waiting for.
_GRACE: Final = 5.0


class Perform(Protocol):
    """Does one write and says how it ended (`writes.Writer.perform`)."""

    def __call__(
        self, action: Action, task_id: str, before: Task | None, proceed: Callable[[], bool]
    ) -> Awaitable[Outcome]: ...


class BulkRun(AsyncIterator[Outcome]):
    """A bulk run. Made by `TaskSession.retry_many` and `cancel_many`; does nothing until it is used.

    Await it for the report, or use it with ``async with`` for the outcomes as they come. Leaving the
    ``async with`` early, an error in it, and cancellation all end the run the same way: no new write
    starts, writes in flight get a few seconds, and `report` says what became of each target.

    Attributes:
        report: what is known so far; final once the run has ended.

    Example:
        >>> report = await session.retry_many(ids)
        >>> async with session.retry_many(ids) as outcomes:
        ...     async for outcome in outcomes:
        ...         print(outcome.task_id, outcome.result)
    """

    def __init__(
        self,
        action: Action,
        targets: Targets,
        perform: Perform,
        spawn: Spawn,
        *,
        concurrency: int,
        force: bool,
    ) -> None:
        self.report = BulkReport(action)
        self._source = _Source(targets)
        self._perform = perform
        self._spawn = spawn
        self._concurrency = concurrency
        self._force = force
        self._seen: set[str] = set()
        self._engine: asyncio.Task[None] | None = None
        self._stopping = False
        self._unread: deque[Outcome] = deque()
        self._unread_most: float = float("inf")
        self._arrived = anyio.Event()
        self._room = anyio.Event()

    def __await__(self) -> Generator[Any, Any, BulkReport]:
        return self._to_the_end().__await__()

    async def _to_the_end(self) -> BulkReport:
        async with self:
            self._unread_most = float("inf")
            while not self._ended:
                self._unread.clear()
                await self._arrival()
        self._source.raise_error()
        return self.report

    async def __aenter__(self) -> Self:
        if self._engine is not None:
            raise UsageError("a bulk run runs once: call retry_many or cancel_many again for another")
        self._unread_most = 2 * self._concurrency
        self._engine = self._spawn(self._run())
        self._engine.add_done_callback(lambda _: self._arrived.set())
        return self

    def __aiter__(self) -> BulkRun:
        return self

    async def __anext__(self) -> Outcome:
        if self._engine is None:
            raise UsageError("outcomes come inside `async with session.retry_many(…) as outcomes:`")
        while not self._unread:
            if self._ended:
                self._source.raise_error()
                raise StopAsyncIteration
            await self._arrival()
        outcome = self._unread.popleft()
        self._room.set()
        return outcome

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._engine is not None
        self._stopping = True
        self._source.stop()
        self._room.set()
        try:
            await asyncio.wait((self._engine,), timeout=_GRACE)
        finally:
            # Also when this very wait is cancelled: nothing is left running either way.
            self._engine.cancel()
            await asyncio.wait((self._engine,))
            for target in self._source.rest():
                self._account(target)
            self.report.complete = self._source.exhausted
        await self._source.close()
        if not self._engine.cancelled():
            self._engine.result()

    @property
    def _ended(self) -> bool:
        return self._engine is not None and self._engine.done()

    async def _arrival(self) -> None:
        if self._arrived.is_set():
            self._arrived = anyio.Event()
        await self._arrived.wait()

    # --- the work -----------------------------------------------------------------------------------

    async def _run(self) -> None:
        started = monotonic()
        try:
            async with anyio.create_task_group() as workers:
                for _ in range(self._concurrency):
                    workers.start_soon(self._work)
        finally:
            self.report.elapsed = monotonic() - started

    async def _work(self) -> None:
        while not self._stopping:
            target = await self._source.take()
            if target is None:
                return
            if (task_id := self._new_id(target)) is None:
                continue
            outcome = self._unsendable(task_id, target) or await self._send(task_id, target)
            self._tell(outcome)
            while len(self._unread) >= self._unread_most and not self._stopping:
                if self._room.is_set():
                    self._room = anyio.Event()
                await self._room.wait()

    def _new_id(self, target: Target) -> str | None:
        task_id = target.id if isinstance(target, Task) else target
        if task_id in self._seen:
            self.report.duplicates += 1
            return None
        self._seen.add(task_id)
        return task_id

    def _unsendable(self, task_id: str, target: Target) -> Outcome | None:
        """The outcome of a target that is not worth a request."""
        action = self.report.action
        try:
            checked_id(task_id)
        except UsageError as error:
            return Outcome(inert(task_id, limit=128), action, Result.SKIPPED, str(error), error)
        if self._force or not isinstance(target, Task):
            return None
        reason = why_not(action, target)
        return None if reason is None else Outcome(task_id, action, Result.SKIPPED, reason)

    async def _send(self, task_id: str, target: Target) -> Outcome:
        before = target if isinstance(target, Task) else None
        try:
            return await self._perform(self.report.action, task_id, before, self._proceed)
        except UsageError as error:
            # The session was closed under the run.
            return Outcome(task_id, self.report.action, Result.NOT_SENT, str(error), error)
        except asyncio.CancelledError:
            reason = "the run was ended while the request was on its way"
            self._tell(Outcome(task_id, self.report.action, Result.UNKNOWN, reason))
            raise

    def _proceed(self) -> bool:
        return not self._stopping

    def _tell(self, outcome: Outcome) -> None:
        self.report.outcomes.append(outcome)
        self._unread.append(outcome)
        self._arrived.set()

    def _account(self, target: Target) -> None:
        """The outcome of a target that the run did not come to."""
        task_id = self._new_id(target)
        if task_id is not None:
            reason = "the run ended before its turn"
            self._tell(Outcome(inert(task_id, limit=128), self.report.action, Result.NOT_SENT, reason))


class _Source:
    """The targets, one for each worker that asks, whether they come from a sync or an async iterable."""

    def __init__(self, targets: Targets) -> None:
        if isinstance(targets, str | bytes | Task) or not isinstance(targets, Iterable | AsyncIterable):
            raise UsageError(
                "targets are an iterable, sync or async, of tasks or task ids: [task_id] for one"
            )
        self._targets = targets
        self._sync: Iterator[Target] | None = None
        self._async: AsyncIterator[Target] | None = None
        if isinstance(targets, AsyncIterable):
            self._async = aiter(targets)
        else:
            self._sync = iter(targets)
        self._turn = anyio.Lock(fast_acquire=True)
        self._reading: anyio.CancelScope | None = None
        self._error: Exception | None = None
        self._stopped = False
        self._held: list[Target] = []
        self.exhausted = False

    async def take(self) -> Target | None:
        """The next target; None when there is none left, and after `stop`."""
        if self._sync is not None:
            return self._checked(self._next_sync)
        async with self._turn:
            if self._stopped or self.exhausted:
                return None
            target: Target | None = None
            with anyio.CancelScope() as self._reading:
                try:
                    target = await anext(self._async)  # type: ignore[arg-type]  # one of the two is there
                except StopAsyncIteration:
                    self.exhausted = True
                except Exception as error:  # noqa: BLE001 - whatever a caller's generator raises comes out again
                    self._fail(error)
            return None if target is None else self._checked(lambda: target)

    def _next_sync(self) -> Target | None:
        if self._stopped or self.exhausted:
            return None
        assert self._sync is not None
        try:
            return next(self._sync)
        except StopIteration:
            self.exhausted = True
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error)
        return None

    def _checked(self, take: Callable[[], Target | None]) -> Target | None:
        target = take()
        if target is None or isinstance(target, str | Task):
            return target
        self._fail(UsageError(f"a target is a task or a task id, not {type(target).__name__}"))
        return None

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._stopped = True

    def raise_error(self) -> None:
        """Raise what the source raised, if it did."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Take no more; whoever waits for a target is let go."""
        self._stopped = True
        if self._reading is not None:
            self._reading.cancel()

    def rest(self) -> Iterator[Target]:
        """What was never taken, where that can be known: a list's rest, not a generator's."""
        if self._sync is not None and self._error is None and isinstance(self._targets, Sized):
            for target in self._sync:
                if isinstance(target, str | Task):
                    yield target
            self.exhausted = True

    async def close(self) -> None:
        """End an async generator that was not read to its end; it has no other reader."""
        aclose = getattr(self._async, "aclose", None)
        if aclose is not None:
            await aclose()
