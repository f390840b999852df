"""What one site's part of a fleet's work is, where somebody else than the user's process does it.

A job runs where its site can be reached, and speaks with whoever gave it through a `Line`. What it is about
to write it announces first, and it writes only for as long as it was told lately to go on. So whoever gave
the job knows at any moment what may have been sent, even if the job's machine is gone the next. How the
words travel, and who starts the job, is `dask`'s affair; who hears them is `remote`'s.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import anyio

from vcf_tasks_async.errors import UsageError, VcfTasksError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.fleet import Fleet
from vcf_tasks_async.fleet_targets import id_of
from vcf_tasks_async.job_words import Answer, End, Job, Line, Notes, Verb
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action, Sighting, why_not
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import Outcome
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.targets import Target

# Targets that are announced at once, and tasks and outcomes that are told at once.
_BATCH: Final = 32
# Seconds for which outcomes are gathered before they are told.
_GATHER: Final = 0.02
# Seconds between two questions whether there is room again.
_HOLD: Final = 0.25


class Cut(Exception):
    """The job is to end: nobody wants it, or nobody is there."""


class Lease:
    """The line, and until when the job may write without having been told again."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line = line
        self._seconds = seconds
        self._ends = 0.0
        self._one = asyncio.Lock()
        self.wind_up: Callable[[], None] | None = None

    async def ask(self, what: str, about: Any = None) -> Any:
        """Say something, and count as told from the moment it was said.

        Raises:
            Cut: the answer was to stop, or none came.
        """
        clock = asyncio.get_running_loop().time
        async with self._one:
            asked = clock()
            try:
                answer = await self._line.ask(what, about)
            except (ConnectionError, TimeoutError, OSError) as error:
                raise Cut("whoever gave this job is not there any more") from error
        if answer is Answer.WIND_UP and self.wind_up is not None:
            self.wind_up()
        elif answer in (Answer.STOP, Answer.WIND_UP):
            raise Cut("nobody wants this job any more")
        self._ends = asked + self._seconds
        return answer

    async def tell(self, what: str, about: Any = None) -> None:
        """Say something, and go on when there is room for more.

        Raises:
            Cut: see `ask`.
        """
        answer = await self.ask(what, about)
        while answer is Answer.HOLD:
            await asyncio.sleep(_HOLD)
            answer = await self.ask("room")

    async def held(self) -> None:
        """Return when the job may write."""
        while asyncio.get_running_loop().time() >= self._ends:
            await self.ask("alive")

    async def beat(self) -> None:
        """Stay in touch; ends when the job is to end.

        Raises:
            Cut: see `ask`.
        """
        while True:
            await asyncio.sleep(self._seconds / 4)
            await self.ask("alive")


async def run_job(job: Job, line: Line) -> None:
    """Do a job from its first word to its last. What goes wrong at the site is told, not raised."""
    lease = Lease(line, job.lease)
    with suppress(Cut):
        notes: Notes = await lease.ask("hello")
        work = asyncio.create_task(_work(job, notes, lease))
        beat = asyncio.create_task(lease.beat())
        try:
            await asyncio.wait((work, beat), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # The work ends as a run does that is left: no new write, and its grace for those in flight.
            beat.cancel()
            if not work.done():
                work.cancel()
            await asyncio.wait((work, beat))  # noqa: ASYNC102
        with suppress(asyncio.CancelledError):
            beat.result()
        if not work.cancelled():
            await lease.ask("end", work.result())


async def _work(job: Job, notes: Notes, lease: Lease) -> End:
    if notes.pause > 0:
        await asyncio.sleep(notes.pause)
        await lease.ask("alive")
    do = {Verb.LIST: _list, Verb.WAIT: _wait}.get(job.verb, _act)
    try:
        async with Fleet({job.name: job.site}) as fleet:
            return await do(job, notes, lease, fleet)
    except Cut:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, who gave the job is to know it
        return End(_sendable(error))


def _sendable(error: Exception) -> Exception:
    if isinstance(error, VcfTasksError | OSError):
        return error
    return UsageError(f"the job broke: {type(error).__name__}: {str(error)[:300]}")


# --- reading ------------------------------------------------------------------------------------------


async def _list(job: Job, notes: Notes, lease: Lease, fleet: Fleet) -> End:
    session = await fleet.session(job.name)
    async with session.stream(_where(job), **job.options) as tasks:
        batch: list[Task] = []
        async for task in tasks:
            if task.id in notes.done:
                continue
            batch.append(task)
            if len(batch) == _BATCH:
                await lease.tell("tasks", batch)
                batch = []
        if batch:
            await lease.tell("tasks", batch)
        return End(facts={"complete": tasks.complete, "malformed": tasks.malformed_count})


async def _wait(job: Job, notes: Notes, lease: Lease, fleet: Fleet) -> End:
    options = dict(job.options)
    if options.get("timeout") is not None:
        options["timeout"] = max(0.01, options["timeout"] - notes.elapsed)
    ids = [task_id for task_id in map(id_of, _listed(job)) if task_id not in notes.done]
    session = await fleet.session(job.name)
    waits = session.wait_many(ids, **options)
    try:
        async with waits as ended:
            async for task in ended:
                await lease.tell("tasks", [task])
    except VcfTasksError as error:
        if not waits.missed:
            raise
        return End(facts={"missed": waits.missed, "first": error})
    return End()


def _where(job: Job) -> TaskFilter:
    assert isinstance(job.targets, TaskFilter)
    return job.targets


def _listed(job: Job) -> tuple[Target, ...]:
    assert not isinstance(job.targets, TaskFilter)
    return job.targets


# --- acting -------------------------------------------------------------------------------------------


async def _act(job: Job, notes: Notes, lease: Lease, fleet: Fleet) -> End:
    options = dict(job.options)
    if options.get("deadline") is not None:
        options["deadline"] = max(0.01, options["deadline"] - notes.elapsed)
    async with _journal_of(job, notes) as options["journal"]:
        many = fleet.retry_many if job.verb is Verb.RETRY else fleet.cancel_many
        source = _announced(job, notes, lease, await fleet.session(job.name))
        run = many({job.name: source}, **options)
        lease.wind_up = lambda: run.stop("it was left before its end")
        async with run as outcomes, _Teller(lease) as teller:
            async for _, outcome in outcomes:
                await teller.add(outcome)
    report = run.report.sites[job.name]
    trouble = run.report.troubles.get(job.name)
    facts = {"duplicates": report.duplicates, "complete": report.complete, "stopped": report.stopped}
    return End(None if trouble is None else trouble.error, facts)


@asynccontextmanager
async def _journal_of(job: Job, notes: Notes) -> AsyncIterator[Path | None]:
    """A journal that says of what may have been sent just that, so that the run looks at it first."""
    if not notes.open:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="vcf-tasks-") as directory:
        # Whoever was cut off has ended by now, and what it sent had left before.
        journal = Journal(Path(directory) / f"{job.name}.jsonl", job.site.session().manager, _action(job))
        for task_id, before in notes.open:
            journal.intent(task_id, before, time.time())
        await anyio.to_thread.run_sync(journal.close)
        yield Path(directory)


async def _announced(job: Job, notes: Notes, lease: Lease, session: TaskSession) -> AsyncIterator[Target]:
    """The targets of a run: each was announced before, and comes only while the job may write."""
    known = notes.done.union(task_id for task_id, _ in notes.open)
    for task_id, _ in notes.open:
        await lease.held()
        yield task_id
    async for batch in _batches(job, session, known):
        intents = [(id_of(target), _sighting(target)) for target in batch if _may_be_sent(job, target)]
        if intents:
            await lease.tell("intents", intents)
        for target in batch:
            await lease.held()
            yield target


async def _batches(job: Job, session: TaskSession, known: frozenset[str]) -> AsyncIterator[list[Target]]:
    batch: list[Target] = []
    if not isinstance(job.targets, TaskFilter):
        fresh = [target for target in job.targets if id_of(target) not in known]
        for start in range(0, len(fresh), _BATCH):
            yield fresh[start : start + _BATCH]
        return
    async for task in session.stream(job.targets, prefetch=1):
        if task.id not in known:
            batch.append(task)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _may_be_sent(job: Job, target: Target) -> bool:
    """Whether the run will not skip it; what it skips needs no look later."""
    if job.options.get("dry_run"):
        return False
    return job.options.get("force") or not isinstance(target, Task) or why_not(_action(job), target) is None


def _action(job: Job) -> Action:
    return Action.RETRY if job.verb is Verb.RETRY else Action.CANCEL


def _sighting(target: Target) -> Sighting | None:
    return Sighting.of(target) if isinstance(target, Task) else None


class _Teller:
    """Tells outcomes soon, several at a time."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._outcomes: list[Outcome] = []
        self._some = asyncio.Event()
        self._room = asyncio.Semaphore(8 * _BATCH)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tell())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._task.cancel()
        await asyncio.wait((self._task,))  # noqa: ASYNC102 - one question of the line, which has its own limit
        if exc_info[0] is None:
            if not self._task.cancelled():
                self._task.result()
            if self._outcomes:
                await self._lease.tell("outcomes", self._outcomes)  # noqa: ASYNC102 - likewise

    async def add(self, outcome: Outcome) -> None:
        """Take one more; waits while too many are untold."""
        if self._task.done():
            self._task.result()
        await self._room.acquire()
        self._outcomes.append(outcome)
        self._some.set()

    async def _tell(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(_GATHER)
            self._some.clear()
            told, self._outcomes = self._outcomes, []
            telling = asyncio.ensure_future(self._lease.tell("outcomes", told))
            try:
                await asyncio.shield(telling)
            except asyncio.CancelledError:
                # What is being told is told to its end.
                await asyncio.wait((telling,))  # noqa: ASYNC102 - likewise
                if not telling.cancelled():
                    telling.exception()
                raise
            for _ in told:
                self._room.release()
