"""Many writes at once: a fan-out with bounded parallelism and exactly one outcome for each target.

A group of workers shares one source of targets; each takes one, sends it, and goes on to the next. What
became of a lost answer, and of a task that is waited for, is found out beside them. Nothing is held but
what is in work and, compactly, the ids that were seen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final, Self

import anyio
import anyio.abc
import attrs

from vcf_tasks_async.brakes import Pace, StopRule
from vcf_tasks_async.dispatch import Dispatch, Follow, Sent, Writes
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import BulkReport, Outcome, Result
from vcf_tasks_async.targets import Source, Targets

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

# Seconds that writes in flight get when a run ends early: their answers are worth waiting for.
_GRACE: Final = 5.0
# Lost answers looked into at once, for each worker: beyond that, workers wait with new writes.
_LOST_PER_WORKER: Final = 4
# Seconds for which targets may be taken before others on the loop have their turn.
_TURN: Final = 0.002


@attrs.frozen
class Options:
    """How a bulk run goes about it; `TaskSession.retry_many` says what each means."""

    concurrency: int
    force: bool = False
    dry_run: bool = False
    rate: float | None = None
    stop_after: float | None = None
    deadline: float | None = None
    summary: bool = False
    open_journal: Callable[[], Journal] | None = None
    follow: Follow | None = None


class BulkRun(AsyncIterator[Outcome]):
    """A bulk run. Made by `TaskSession.retry_many` and `cancel_many`; does nothing until it is used.

    Await it for the report, or use it with ``async with`` for the outcomes as they come. Leaving the
    ``async with`` early, an error in it, a brake and cancellation all end the run the same way: no new
    write starts, writes in flight get 5 seconds, and `report` says what became of each target.

    Attributes:
        report: what is known so far; final once the run has ended.

    Example:
        >>> report = await session.retry_many(ids)
        >>> async with session.retry_many(ids) as outcomes:
        ...     async for outcome in outcomes:
        ...         print(outcome.task_id, outcome.result)
    """

    def __init__(
        self, action: Action, targets: Targets, writes: Writes, spawn: Spawn, options: Options
    ) -> None:
        self.report = BulkReport(action, summary=options.summary)
        self._options = options
        self._spawn = spawn
        self._source = Source(targets)
        self._rule = StopRule(options.stop_after)
        self._stopping = asyncio.Event()
        self._dispatch = Dispatch(
            action,
            writes,
            Pace(options.rate),
            force=options.force,
            dry_run=options.dry_run,
            stopping=self._stopping,
        )
        self._seen = IdSet()
        self._lost = anyio.Semaphore(_LOST_PER_WORKER * options.concurrency)
        self._engine: asyncio.Task[None] | None = None
        self._follows: set[anyio.CancelScope] = set()
        self._error: Exception | None = None
        self._unread: deque[Outcome] = deque()
        self._has_reader = False
        self._syncing = False
        self._turn_ends = 0.0
        self._breath = anyio.Lock(fast_acquire=True)
        self._timers: list[asyncio.TimerHandle] = []
        self._arrived = anyio.Event()
        self._room = anyio.Event()

    # --- the face ---------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, BulkReport]:
        return self._to_the_end().__await__()

    async def _to_the_end(self) -> BulkReport:
        async with self:
            self._has_reader = False
            while not self._ended:
                await self._arrival()
        self._raise_error()
        return self.report

    async def __aenter__(self) -> Self:
        if self._engine is not None:
            raise UsageError("a bulk run runs once: call retry_many or cancel_many again for another")
        self._has_reader = True
        self._engine = self._spawn(self._run())
        self._engine.add_done_callback(lambda _: self._arrived.set())
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if self._engine is None:
            raise UsageError("outcomes come inside `async with session.retry_many(…) as outcomes:`")
        while not self._unread:
            if self._ended:
                self._raise_error()
                raise StopAsyncIteration
            await self._arrival()
        outcome = self._unread.popleft()
        self._room.set()
        return outcome

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._engine is not None
        self._has_reader = False
        if not self._ended:
            self._stop("it was left before its end")
        try:
            # The engine ends by itself within its grace.
            await asyncio.wait((self._engine,))  # noqa: ASYNC102
        finally:
            # Also when this very wait is cancelled: nothing is left running either way.
            self._engine.cancel()
            await asyncio.wait((self._engine,))  # noqa: ASYNC102
        if not self._engine.cancelled():
            self._engine.result()

    @property
    def _ended(self) -> bool:
        return self._engine is not None and self._engine.done()

    async def _arrival(self) -> None:
        if self._arrived.is_set():
            self._arrived = anyio.Event()
        await self._arrived.wait()

    def _raise_error(self) -> None:
        error = self._error or self._source.error
        if error is not None:
            # The partial report goes with it, whatever kind of exception the source raised.
            with suppress(AttributeError):
                error.report = self.report  # type: ignore[attr-defined]
            raise error

    def stop(self, why: str) -> None:
        """End early: no new write starts, those in flight have 5 seconds, and the outcomes still come.

        Args:
            why: for `BulkReport.stopped`. The first reason counts.
        """
        if not self._ended:
            self._stop(why)

    def _stop(self, why: str) -> None:
        """End early: no new write; those in flight have a few seconds."""
        if self._stopping.is_set():
            return
        self.report.stopped = why
        self._stopping.set()
        self._source.stop()
        self._room.set()
        # Lost answers get their grace as well; tasks that are only waited for are let go at once.
        for scope in self._follows:
            scope.cancel()
        if self._engine is not None:
            self._timers.append(asyncio.get_running_loop().call_later(_GRACE, self._engine.cancel))

    # --- the work -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        started = monotonic()
        options = self._options
        loop = asyncio.get_running_loop()
        try:
            if options.open_journal is not None:
                self._dispatch.journal = await anyio.to_thread.run_sync(options.open_journal)
            if options.deadline is not None:
                why = f"its deadline of {options.deadline:g} s passed"
                self._timers.append(loop.call_later(options.deadline, self._stop, why))
            async with anyio.create_task_group() as group:
                for _ in range(options.concurrency):
                    group.start_soon(self._work, group)
        except (UsageError, OSError) as error:
            self._error = error
        except asyncio.CancelledError:
            self._stop("it was cancelled")
            raise
        finally:
            for timer in self._timers:
                timer.cancel()
            await self._wind_up()  # noqa: ASYNC102 - shields what it awaits
            self.report.elapsed = monotonic() - started

    async def _wind_up(self) -> None:
        """Account for what was not come to, and close what was opened."""
        for target in self._source.rest():
            task_id = target.id if isinstance(target, Task) else target
            if self._seen.add(task_id):
                self._tell(self._dispatch.not_sent(task_id), judged=False)
        self.report.complete = self._source.exhausted and self._source.error is None
        with anyio.CancelScope(shield=True):
            await self._source.close()
            if self._dispatch.journal is not None:
                try:
                    await anyio.to_thread.run_sync(self._dispatch.journal.close)
                except OSError as error:
                    self._error = self._error or error

    async def _work(self, group: anyio.abc.TaskGroup) -> None:
        while not self._stopping.is_set():
            target = await self._source.take()
            if target is None:
                return
            task = target if isinstance(target, Task) else None
            task_id = target.id if isinstance(target, Task) else target
            if not self._seen.add(task_id):
                self.report.duplicates += 1
                await self._give_way()
                continue
            with self._accounted(task_id):
                begun = await self._dispatch.begin(task_id, task)
                if isinstance(begun, Sent):
                    await self._lost.acquire()
                    group.start_soon(self._settle, begun, group)
                else:
                    self._decide(begun, task, group)
            await self._give_way()

    async def _settle(self, sent: Sent, group: anyio.abc.TaskGroup) -> None:
        try:
            with self._accounted(sent.task_id):
                self._decide(await self._dispatch.finish(sent), sent.task, group)
        finally:
            self._lost.release()

    def _decide(self, outcome: Outcome, task: Task | None, group: anyio.abc.TaskGroup) -> None:
        """An outcome is known: tell it, or follow the task to its end first."""
        follow = self._options.follow
        self._note(outcome, group)
        if follow is None or outcome.result is not Result.ACCEPTED:
            self._tell(outcome)
        elif self._stopping.is_set():
            self._tell(attrs.evolve(outcome, reason="accepted; the run ended before the task did"))
        else:
            group.start_soon(self._follow, outcome, task, follow)

    async def _follow(self, outcome: Outcome, task: Task | None, follow: Follow) -> None:
        with anyio.CancelScope() as scope:
            self._follows.add(scope)
            if self._stopping.is_set():
                scope.cancel()
            outcome = await self._dispatch.follow(outcome, task, follow)
        self._follows.discard(scope)
        self._tell(outcome)

    @contextmanager
    def _accounted(self, task_id: str) -> Iterator[None]:
        """A target that is cut off in mid-work still has its outcome; a broken journal ends the run."""
        action = self.report.action
        try:
            yield
        except asyncio.CancelledError:
            self._tell(self._dispatch.cut_off(task_id))
            raise
        except OSError as error:
            self._broken_journal(error)
            self._tell(Outcome(task_id, action, Result.NOT_SENT, "the journal can't be written"))

    def _note(self, outcome: Outcome, group: anyio.abc.TaskGroup) -> None:
        journal = self._dispatch.journal
        if journal is None or self._options.dry_run:
            return
        try:
            journal.outcome(outcome)
            if journal.is_due and not self._syncing:
                self._syncing = True
                group.start_soon(self._sync, journal)
        except OSError as error:
            self._broken_journal(error)

    async def _sync(self, journal: Journal) -> None:
        try:
            await anyio.to_thread.run_sync(journal.sync)
        except OSError as error:
            self._broken_journal(error)
        finally:
            self._syncing = False

    def _broken_journal(self, error: OSError) -> None:
        self._error = self._error or error
        self._stop(f"the journal can't be written: {error.strerror}")

    def _tell(self, outcome: Outcome, *, judged: bool = True) -> None:
        self.report.add(outcome)
        if self._has_reader:
            self._unread.append(outcome)
            self._arrived.set()
        if judged and (why := self._rule.feed(outcome.result)):
            self._stop(why)

    async def _give_way(self) -> None:
        """Let others on the loop have their turn, and hold back while who reads the outcomes is behind."""
        # Targets that need no request would go by without a single suspension.
        clock = asyncio.get_running_loop().time
        if clock() >= self._turn_ends:
            # One by one, or each of many workers would take a slice of its own in the same turn of the loop.
            async with self._breath:
                await asyncio.sleep(0)
                self._turn_ends = clock() + _TURN
        while (
            self._has_reader
            and len(self._unread) >= 2 * self._options.concurrency
            and not self._stopping.is_set()
        ):
            if self._room.is_set():
                self._room = anyio.Event()
            await self._room.wait()
