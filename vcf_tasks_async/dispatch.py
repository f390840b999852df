"""The way of one target through a bulk run.

What an earlier run noted of it, whether it makes sense, its turn, the write, and what is to be found out
about it afterwards. Many go this way at once; `bulk` says how many, and tells the outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import attrs

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.brakes import Pace
from vcf_tasks_async.errors import UsageError, VcfTasksError, WaitError
from vcf_tasks_async.journal import Earlier, Journal
from vcf_tasks_async.judgement import Action, Sighting, sighted, why_not
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.writes import Lost, Proceed

# Follows an accepted task to its end: its id, and the task as it was before.
Follow = Callable[[str, AnyTask | None], Awaitable[Task]]


class Writes(Protocol):
    """What `writes.Writer` is to a run."""

    async def send(self, action: Action, task_id: str, proceed: Proceed) -> Outcome | Lost: ...
    async def settle(self, action: Action, task_id: str, before: Sighting | None, lost: Lost) -> Outcome: ...
    async def resume(
        self, action: Action, task_id: str, before: Sighting | None, at: float
    ) -> Outcome | None: ...


@attrs.frozen
class Sent:
    """A target that its worker is done with, and whose outcome is still to be found out."""

    task_id: str
    task: AnyTask | None
    lost: Lost | None = None
    earlier: Earlier | None = None


class Dispatch:
    """Takes targets through a run, one call for each.

    Args:
        action: what is asked of them.
        writes: sends, and finds out.
        pace: whose turn it is.
        force: send what makes no sense as well.
        dry_run: send nothing.
        stopping: set when no new write may start.
    """

    def __init__(
        self,
        action: Action,
        writes: Writes,
        pace: Pace,
        *,
        force: bool,
        dry_run: bool,
        stopping: asyncio.Event,
    ) -> None:
        self._action = action
        self._writes = writes
        self._pace = pace
        self._force = force
        self._dry_run = dry_run
        self._stopping = stopping
        self.journal: Journal | None = None
        # Targets whose write may have left, and whose outcome is not known yet.
        self.left: set[str] = set()

    async def begin(self, task_id: str, task: AnyTask | None) -> Outcome | Sent:
        """Send the write, if it is to be sent; what takes longer is left to `finish`."""
        earlier = self.journal.earlier(task_id) if self.journal else None
        if earlier is not None and earlier.result in (Result.ACCEPTED, Result.REJECTED):
            reason = f"in an earlier run, by the journal{f': {earlier.reason}' if earlier.reason else ''}"
            return self._outcome(task_id, earlier.result, reason)
        if earlier is not None and earlier.result in (None, Result.UNKNOWN) and not self._dry_run:
            # Whatever it shows now may be our doing: looked at before it is judged.
            return Sent(task_id, task, earlier=earlier)
        return self._unsendable(task_id, task) or await self._send(task_id, task)

    def _unsendable(self, task_id: str, task: AnyTask | None) -> Outcome | None:
        """The outcome of a target that is not worth a request."""
        try:
            checked_id(task_id)
        except UsageError as error:
            return attrs.evolve(self._outcome(task_id, Result.SKIPPED, str(error)), error=error)
        reason = why_not(self._action, task) if task is not None and not self._force else None
        if reason is None and self._dry_run:
            reason = f"dry run: its {self._action.value} would be sent"
        return None if reason is None else self._outcome(task_id, Result.SKIPPED, reason)

    async def _send(self, task_id: str, task: AnyTask | None) -> Outcome | Sent:
        await self._turn()
        if self._stopping.is_set():
            return self.not_sent(task_id)
        if self.journal is not None:
            self.journal.intent(task_id, sighted(self._action, task))
        try:
            sent = await self._writes.send(self._action, task_id, partial(self._proceed, task_id))
        except UsageError as error:
            # The session was closed under the run.
            return attrs.evolve(self._outcome(task_id, Result.NOT_SENT, str(error)), error=error)
        if isinstance(sent, Lost):
            return Sent(task_id, task, lost=sent)
        self.left.discard(task_id)
        return sent

    async def finish(self, sent: Sent) -> Outcome:
        """Find out what became of a write whose answer was lost, now or in an earlier run."""
        if sent.lost is not None:
            before = sighted(self._action, sent.task)
            outcome = await self._writes.settle(self._action, sent.task_id, before, sent.lost)
            self.left.discard(sent.task_id)
            return outcome
        assert sent.earlier is not None
        earlier = sent.earlier
        resumed = await self._writes.resume(self._action, sent.task_id, earlier.before, earlier.at)
        if resumed is not None:
            return resumed
        again = self._unsendable(sent.task_id, sent.task) or await self._send(sent.task_id, sent.task)
        return await self.finish(again) if isinstance(again, Sent) else again

    async def follow(self, outcome: Outcome, task: AnyTask | None, follow: Follow) -> Outcome:
        """*outcome* with the task as it ended, once it has."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            final: Task | None = await follow(outcome.task_id, task)
            reason = outcome.reason
        except asyncio.CancelledError:
            final, reason = None, "accepted; the run ended before the task did"
        except VcfTasksError as error:
            final = error.task if isinstance(error, WaitError) else None
            reason = f"accepted; its end is not known: {error}"
        return attrs.evolve(outcome, final=final, reason=reason, elapsed=outcome.elapsed + clock() - started)

    async def _turn(self) -> None:
        """Wait for this target's turn, or for the end of the run."""
        now = asyncio.get_running_loop().time()
        moment = self._pace.turn(now)
        if moment > now:
            try:
                async with asyncio.timeout_at(moment):
                    await self._stopping.wait()
            except TimeoutError:
                pass

    def _proceed(self, task_id: str) -> bool:
        if self._stopping.is_set():
            return False
        self.left.add(task_id)
        return True

    def cut_off(self, task_id: str) -> Outcome:
        """The outcome of a target that was in work when the run was cut off."""
        if task_id not in self.left:
            return self.not_sent(task_id)
        return self._outcome(task_id, Result.UNKNOWN, "the run was ended while the request was on its way")

    def not_sent(self, task_id: str) -> Outcome:
        """The outcome of a target that the run did not come to."""
        return self._outcome(task_id, Result.NOT_SENT, "the run ended before its turn")

    def _outcome(self, task_id: str, result: Result, reason: str) -> Outcome:
        return Outcome(task_id, self._action, result, reason)
