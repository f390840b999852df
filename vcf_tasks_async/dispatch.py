"""The way of one target through a bulk run.

What an earlier run noted of it, whether it makes sense, its turn, the write, and what is to be found out
about it afterwards. Many go this way at once; `bulk` says how many, and tells the outcomes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final, Protocol

import attrs

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.brakes import Pace
from vcf_tasks_async.errors import UsageError, VcfTasksError, WaitError
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.journal import Earlier, Journal
from vcf_tasks_async.judgement import Action, Sighting, sighted, why_not
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.writes import Before, Lost

# Follows an accepted task to its end: its id, and the task as it was before.
Follow = Callable[[str, AnyTask | None], Awaitable[Task]]

_NO_TURN: Final = "the run ended before its turn"
_NOT_LOOKED_AT: Final = "an earlier run may have sent it, and the run ended before it was looked at"


class Writes(Protocol):
    """What `writes.Writer` is to a run."""

    async def send(
        self, action: Action, task_id: str, gate: Gate, *, since: float, before: Before, after_lost: bool
    ) -> Outcome | Lost: ...
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


@attrs.define
class _Passage:
    """One target in work, and the gate that its write passes.

    Attributes:
        run: whose it is.
        task: the target, where it was given as a task.
        since: loop time at which it was taken up.
        earlier: what an earlier run noted, where its write may have been applied.
        is_open: no look has told yet what became of the earlier run's write.
        is_out: the write is on its way, or was lost there.
        sendings: how often it left.
        came_too_soon: the pace did not let it pass.
    """

    run: Dispatch
    task: AnyTask | None
    since: float
    earlier: Earlier | None = None
    is_open: bool = False
    is_out: bool = False
    sendings: int = 0
    came_too_soon: bool = False

    def before(self) -> Sighting | None:
        """How the task looked before it was written to; what was compared with a look comes first."""
        if self.earlier is not None and self.earlier.before is not None:
            return self.earlier.before
        return sighted(self.run.action, self.task)

    def may_leave(self) -> bool:
        run = self.run
        if run.stopping.is_set():
            return False
        self.came_too_soon = not run.pace.leave(run.clock(), again=self.sendings > 0)
        if self.came_too_soon:
            return False
        self.sendings += 1
        self.is_out = True
        return True

    def came_back(self) -> None:
        self.is_out = False


class Dispatch:
    """Takes targets through a run, one call for each.

    Args:
        action: what is asked of them.
        writes: sends, and finds out.
        pace: whose turn it is.
        force: send what makes no sense as well.
        dry_run: send nothing.
        stopping: set when no new write may start.

    Attributes:
        clock: loop time, once the run has begun.
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
        self.action = action
        self._writes = writes
        self.pace = pace
        self._force = force
        self._dry_run = dry_run
        self.stopping = stopping
        self.clock: Callable[[], float] = monotonic
        self.journal: Journal | None = None
        self._in_work: dict[str, _Passage] = {}

    # --- what a run asks for ------------------------------------------------------------------------------

    async def begin(self, task_id: str, task: AnyTask | None) -> Outcome | Sent:
        """Send the write, if it is to be sent; what takes longer is left to `finish`."""
        earlier = self._earlier(task_id)
        if earlier is not None and earlier.is_settled:
            return self._echo(task_id, earlier, task)
        if (unsendable := self._unsendable(task_id, task, earlier)) is not None:
            return unsendable
        passage = _Passage(self, task, self.clock())
        self._in_work[task_id] = passage
        if earlier is not None and earlier.is_open:
            # Whatever it shows now may be our doing: looked at before it is judged.
            passage.earlier, passage.is_open = earlier, True
            return Sent(task_id, task, earlier=earlier)
        sent = await self._send(task_id, passage)
        return self._known(task_id, sent) if isinstance(sent, Outcome) else sent

    async def finish(self, sent: Sent) -> Outcome:
        """Find out what became of a write whose answer was lost, now or in an earlier run."""
        task_id, lost = sent.task_id, sent.lost
        passage = self._in_work[task_id]
        if sent.earlier is not None:
            earlier = sent.earlier
            resumed = await self._writes.resume(self.action, task_id, earlier.before, earlier.at)
            passage.is_open = False
            known = resumed or self._unsendable(task_id, sent.task, None)
            again = known or await self._send(task_id, passage)
            if isinstance(again, Outcome):
                return self._known(task_id, again)
            lost = again.lost
        assert lost is not None
        outcome = await self._writes.settle(self.action, task_id, passage.before(), lost)
        return self._known(task_id, outcome)

    async def follow(self, outcome: Outcome, task: AnyTask | None, follow: Follow) -> Outcome:
        """*outcome* with the task as it ended, once it has."""
        started = self.clock()
        try:
            final: Task | None = await follow(outcome.task_id, task)
            reason = outcome.reason
        except asyncio.CancelledError:
            final, reason = None, "accepted; the run ended before the task did"
        except VcfTasksError as error:
            final = error.task if isinstance(error, WaitError) else None
            reason = f"accepted; its end is not known: {error}"
        return attrs.evolve(
            outcome, final=final, reason=reason, elapsed=outcome.elapsed + self.clock() - started
        )

    def cut_off(self, task_id: str) -> Outcome:
        """The outcome of a target that was in work when the run was cut off."""
        passage = self._in_work.get(task_id)
        if passage is None:
            return self.not_come_to(task_id)
        if passage.is_open:
            outcome = self._outcome(task_id, Result.UNKNOWN, _NOT_LOOKED_AT)
        elif passage.is_out:
            reason = "the run was ended while the request was on its way"
            outcome = self._outcome(task_id, Result.UNKNOWN, reason)
        elif passage.sendings:
            reason = "it was not taken, and the run ended before it was sent again"
            outcome = self._outcome(task_id, Result.NOT_SENT, reason)
        else:
            outcome = self._outcome(task_id, Result.NOT_SENT, _NO_TURN)
        return self._known(task_id, attrs.evolve(outcome, attempts=passage.sendings))

    def not_come_to(self, task_id: str) -> Outcome:
        """The outcome of a target that the run did not come to."""
        earlier = self._earlier(task_id)
        if earlier is not None and earlier.is_settled:
            return self._echo(task_id, earlier)
        if earlier is not None and earlier.is_open:
            return self._outcome(task_id, Result.UNKNOWN, _NOT_LOOKED_AT)
        return self._outcome(task_id, Result.NOT_SENT, _NO_TURN)

    # --- one target's way ---------------------------------------------------------------------------------

    def _earlier(self, task_id: str) -> Earlier | None:
        return self.journal.earlier(task_id) if self.journal else None

    def _echo(self, task_id: str, earlier: Earlier, task: AnyTask | None = None) -> Outcome:
        assert earlier.result is not None
        reason = f"in an earlier run, by the journal{f': {earlier.reason}' if earlier.reason else ''}"
        if earlier.result is Result.ACCEPTED and self.action.is_retry and task is not None and task.failed:
            # The old failure that still shows, or a new one: a journal is of one run, so it can't matter.
            reason = f"{reason}; a new retry takes a new journal"
        return self._outcome(task_id, earlier.result, reason)

    def _unsendable(self, task_id: str, task: AnyTask | None, earlier: Earlier | None) -> Outcome | None:
        """The outcome of a target that is not worth a request."""
        try:
            checked_id(task_id)
        except UsageError as error:
            return attrs.evolve(self._outcome(task_id, Result.SKIPPED, str(error)), error=error)
        is_open = earlier is not None and earlier.is_open
        # Whatever an open one shows now may be our doing: looked at before it is judged.
        reason = None if task is None or self._force or is_open else why_not(self.action, task)
        if reason is None and self._dry_run:
            reason = f"dry run: its {self.action.value} would be sent"
            if is_open:
                reason = "dry run: an earlier run may have sent it, so it would be looked at first"
        return None if reason is None else self._outcome(task_id, Result.SKIPPED, reason)

    async def _send(self, task_id: str, passage: _Passage) -> Outcome | Sent:
        while True:
            moment = self.pace.turn(now := self.clock())
            if moment > now:
                await self._until(moment)
            if self.stopping.is_set():
                return self._outcome(task_id, Result.NOT_SENT, _NO_TURN)
            if self.journal is not None:
                # Anew at each turn: the write leaves within its deadline after this.
                self.journal.intent(task_id, passage.before())
            passage.came_too_soon = False
            try:
                sent = await self._writes.send(
                    self.action,
                    task_id,
                    passage,
                    since=passage.since,
                    before=passage.before,
                    after_lost=passage.earlier is not None,
                )
            except UsageError as error:
                # The session was closed under the run.
                return attrs.evolve(self._outcome(task_id, Result.NOT_SENT, str(error)), error=error)
            if not passage.came_too_soon:
                break
        if isinstance(sent, Lost):
            passage.is_out = True
            return Sent(task_id, passage.task, lost=sent)
        return sent

    async def _until(self, moment: float) -> None:
        """Wait for *moment*, or for the end of the run."""
        try:
            async with asyncio.timeout_at(moment):
                await self.stopping.wait()
        except TimeoutError:
            pass

    def _known(self, task_id: str, outcome: Outcome) -> Outcome:
        """*outcome*, with which the target is no longer in work."""
        since = self._in_work.pop(task_id).since
        # Whoever sent it has counted from then on already: `attrs.evolve` is dear where nothing went wrong.
        return outcome if outcome.elapsed else attrs.evolve(outcome, elapsed=self.clock() - since)

    def _outcome(self, task_id: str, result: Result, reason: str) -> Outcome:
        return Outcome(task_id, self.action, result, reason)
