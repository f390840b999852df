"""Many writes at once: a fan-out with bounded parallelism and exactly one outcome for each target.

A group of workers shares one source of targets; each takes one, sends it, and goes on to the next. What
became of a lost answer, and of a task that is waited for, is found out beside them. Nothing is held but
what is in work and, compactly, the ids that were seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from typing import Any, Final, Self

import anyio
import anyio.abc
import attrs

from vcf_tasks_async.brakes import Pace, StopRule
from vcf_tasks_async.dispatch import Dispatch, Follow, Sent, Writes
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.insist import through, to_its_end
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.options import Options
from vcf_tasks_async.outbox import Outbox
from vcf_tasks_async.outcomes import BulkReport, Outcome, Result
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.targets import Source, Targets
from vcf_tasks_async.turns import Turn

# Seconds that writes in flight get when a run ends early: their answers are worth waiting for.
_GRACE: Final = 5.0
# Lost answers looked into at once, for each worker: beyond that, workers wait with new writes.
_LOST_PER_WORKER: Final = 4


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
        self,
        action: Action,
        targets: Targets,
        writes: Writes,
        spawn: Spawn,
        options: Options,
        *,
        workers: int,
        open_journal: Callable[[], Journal] | None = None,
        follow: Follow | None = None,
    ) -> None:
        self.report = BulkReport(action, summary=options.summary)
        self._options = options
        self._workers = workers
        self._open = open_journal
        self._to_follow = follow
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
        self._lost = anyio.Semaphore(_LOST_PER_WORKER * workers)
        self._engine: asyncio.Task[None] | None = None
        self._follows: set[anyio.CancelScope] = set()
        self._error: Exception | None = None
        self._outbox = Outbox(2 * workers)
        self._syncing = False
        # Shared by all workers: targets that need no request go by without a single suspension.
        self._turn = Turn()
        self._timers: list[asyncio.TimerHandle] = []

    # --- the face ---------------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, Any, BulkReport]:
        return self._to_the_end().__await__()

    async def _to_the_end(self) -> BulkReport:
        async with self:
            self._outbox.close()
            while not self._ended:
                await self._outbox.arrival()
        self._raise_error()
        return self.report

    async def __aenter__(self) -> Self:
        if self._engine is not None:
            raise UsageError("a bulk run runs once: call retry_many or cancel_many again for another")
        self._outbox.open()
        self._engine = self._spawn(self._run())
        self._engine.add_done_callback(lambda _: self._outbox.ring())
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if self._engine is None:
            raise UsageError("outcomes come inside `async with session.retry_many(…) as outcomes:`")
        while (outcome := self._outbox.take()) is None:
            if self._ended:
                self._raise_error()
                raise StopAsyncIteration
            await self._outbox.arrival()
        return outcome

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._engine is not None
        self._outbox.close()
        if not self._ended:
            self._stop("it was left before its end")
        # It ends by itself within its grace, and sooner when this very wait is cancelled.
        await to_its_end(self._engine, hurry=True)  # noqa: ASYNC102

    @property
    def _ended(self) -> bool:
        return self._engine is not None and self._engine.done()

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
        self._outbox.end()
        # Lost answers get their grace as well; tasks that are only waited for are let go at once.
        if self._follows:
            self._group.start_soon(self._let_go)
        if self._engine is not None:
            self._timers.append(asyncio.get_running_loop().call_later(_GRACE, self._engine.cancel))

    # --- the work -----------------------------------------------------------------------------------------

    async def _run(self) -> None:
        options, loop = self._options, asyncio.get_running_loop()
        started = loop.time()
        self._dispatch.clock = loop.time
        self._group = anyio.create_task_group()
        try:
            await through(self._open_journal())
            if options.deadline is not None:
                why = f"its deadline of {options.deadline:g} s passed"
                self._timers.append(loop.call_later(options.deadline, self._stop, why))
            async with self._group:
                for _ in range(self._workers):
                    self._group.start_soon(self._work)
        except (UsageError, OSError) as error:
            self._error = error
        except asyncio.CancelledError:
            self._stop("it was cancelled")
            raise
        finally:
            for timer in self._timers:
                timer.cancel()
            await self._wind_up()  # noqa: ASYNC102 - shields what it awaits
            self.report.elapsed = loop.time() - started

    async def _wind_up(self) -> None:
        """Account for what was not come to, and close what was opened."""
        try:
            await through(self._account_for_the_rest())
        finally:
            try:
                # A generator that does not end can still be cancelled.
                with anyio.CancelScope(shield=True):
                    await self._source.close()
            finally:
                await through(self._close_journal())  # noqa: ASYNC102 - a sync to the disk

    async def _account_for_the_rest(self) -> None:
        for target in self._source.rest():
            task_id = target if isinstance(target, str) else target.id
            if self._seen.add(task_id):
                self._tell(self._dispatch.not_come_to(task_id), judged=False)
            else:
                self.report.duplicates += 1
            if self._turn.is_over():
                await self._turn.give_way()
        self.report.complete = self._source.exhausted and self._source.error is None

    async def _open_journal(self) -> None:
        if self._open is not None:
            self._dispatch.journal = await anyio.to_thread.run_sync(self._open)

    async def _close_journal(self) -> None:
        try:
            if self._dispatch.journal is not None:
                await anyio.to_thread.run_sync(self._dispatch.journal.close)
        except OSError as error:
            self._error = self._error or error

    async def _work(self) -> None:
        while not self._stopping.is_set():
            # Also before the first: hundreds of workers that connect at once would hold the loop.
            if self._turn.is_over():
                await self._turn.give_way()
                continue
            target = await self._source.take()
            if target is None:
                return
            task, task_id = (None, target) if isinstance(target, str) else (target, target.id)
            if not self._seen.add(task_id):
                self.report.duplicates += 1
                continue
            try:
                begun = await self._dispatch.begin(task_id, task)
                if isinstance(begun, Sent):
                    await self._lost.acquire()
                    self._group.start_soon(self._settle, begun)
                else:
                    self._decide(begun, task)
            except (asyncio.CancelledError, OSError) as error:
                self._cut_off(task_id, error)
            await self._outbox.room()

    async def _settle(self, sent: Sent) -> None:
        try:
            self._decide(await self._dispatch.finish(sent), sent.task)
        except (asyncio.CancelledError, OSError) as error:
            self._cut_off(sent.task_id, error)
        finally:
            self._lost.release()

    def _decide(self, outcome: Outcome, task: AnyTask | None) -> None:
        """An outcome is known: tell it, or follow the task to its end first."""
        follow = self._to_follow
        self._note(outcome)
        if follow is None or outcome.result is not Result.ACCEPTED:
            self._tell(outcome)
        elif self._stopping.is_set():
            self._tell(attrs.evolve(outcome, reason="accepted; the run ended before the task did"))
        else:
            self._group.start_soon(self._follow, outcome, task, follow)

    async def _follow(self, outcome: Outcome, task: AnyTask | None, follow: Follow) -> None:
        with anyio.CancelScope() as scope:
            self._follows.add(scope)
            if self._stopping.is_set():
                scope.cancel()
            outcome = await self._dispatch.follow(outcome, task, follow)
        self._follows.discard(scope)
        self._tell(outcome)

    async def _let_go(self) -> None:
        # In slices: thousands that were cancelled at once would all run in one turn of the loop.
        while self._follows:
            self._follows.pop().cancel()
            if self._turn.is_over():
                await self._turn.give_way()

    def _cut_off(self, task_id: str, error: asyncio.CancelledError | OSError) -> None:
        """A target that is cut off in mid-work still has its outcome; a broken journal ends the run."""
        if isinstance(error, OSError):
            self._broken_journal(error)
            outcome = self._dispatch.cut_off(task_id)
            self._tell(attrs.evolve(outcome, reason="the journal can't be written"))
            return
        outcome = self._dispatch.cut_off(task_id)
        self._note(outcome)
        self._tell(outcome)
        raise error

    def _note(self, outcome: Outcome) -> None:
        journal = self._dispatch.journal
        if journal is None or self._options.dry_run:
            return
        try:
            journal.outcome(outcome)
            if journal.is_due and not self._syncing:
                self._syncing = True
                self._group.start_soon(self._sync, journal)
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
        self._outbox.put(outcome)
        if judged and (why := self._rule.feed(outcome.result)):
            self._stop(why)
