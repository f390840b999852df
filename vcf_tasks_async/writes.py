"""One write to one task, at most once, and what came of it.

A write whose answer was lost is never sent again: the task is looked at until it tells, or until the
time is over in which the old status may still show. The judgement is `judgement`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import attrs

from vcf_tasks_async.address import task_path
from vcf_tasks_async.errors import (
    ApiError,
    NotSentError,
    OutcomeUnknownError,
    TaskConflict,
    TaskNotFound,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.gate import OPEN, Gate
from vcf_tasks_async.judgement import Action, Applied, Sighting, explains_conflict, judge_lost
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.text import inert

# Seconds before the first look at a task whose answer was lost; each pause is twice the one before.
_FIRST_LOOK: Final = 0.5
_LONGEST_PAUSE: Final = 10.0
# "Who are you" and "later" (a bare 503 is a lost answer): said before anything was done to the task.
_NOT_ABOUT_THE_TASK: Final = frozenset({401, 429, 503})


class _Sent(Protocol):
    @property
    def attempts(self) -> int: ...


Send = Callable[[str, Gate], Awaitable[_Sent]]
Look = Callable[[str], Awaitable[AnyTask]]
Before = Callable[[], Sighting | None]


def _unseen() -> None:
    return None


@attrs.frozen
class Lost:
    """A write that may have been applied, as far as its answer tells.

    Attributes:
        error: the answer was lost; or the 409 of a write that followed a lost one.
        since: loop time at which its target was taken up.
    """

    error: OutcomeUnknownError | TaskConflict
    since: float


class Writer:
    """Sends retries and cancellations, and finds out what became of them.

    Args:
        sends: how each action is sent.
        look: reads one task.
        is_credential_task: whether the task is one that only the credentials calls can retry.
        grace: seconds for which the old status may show after a write was accepted.
        deadline: seconds that may pass between deciding on a write and sending it.
        sleep: sleeps so many seconds, or until the session closes.
    """

    def __init__(
        self,
        sends: Mapping[Action, Send],
        look: Look,
        is_credential_task: Callable[[str], Awaitable[bool]],
        *,
        grace: float,
        deadline: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._sends = sends
        self._look = look
        self._is_credential_task = is_credential_task
        self._grace = grace
        self._deadline = deadline
        self._sleep = sleep or asyncio.sleep

    async def perform(self, action: Action, task_id: str) -> Outcome:
        """Do *action* to one task and say how it ended.

        Raises:
            UsageError: not a task id, or the session is closed. All else is in the outcome.
        """
        sent = await self.send(action, task_id, OPEN)
        return await self.settle(action, task_id, None, sent) if isinstance(sent, Lost) else sent

    async def send(
        self,
        action: Action,
        task_id: str,
        gate: Gate,
        *,
        since: float | None = None,
        before: Before = _unseen,
        after_lost: bool = False,
    ) -> Outcome | Lost:
        """Send it, and say how it ended unless that is to be found out by looking.

        Args:
            action: what to do.
            task_id: to which task.
            gate: what it passes each time it is sent.
            since: loop time from which `Outcome.elapsed` counts, where that is not now.
            before: tells how the task looked before, if it was seen; asked where there is a 409.
            after_lost: an earlier run may have sent it as well, and the task did not show it.
        """
        clock = asyncio.get_running_loop().time
        since = clock() if since is None else since
        try:
            attempts = (await self._sends[action](task_id, gate)).attempts
        except OutcomeUnknownError as error:
            return Lost(error, since)
        except UsageError:
            raise
        except TaskConflict as error:
            if after_lost:
                return Lost(error, since)
            return await self._read_conflict(action, task_id, before(), error)
        except VcfTasksError as error:
            return _refused_or_not_sent(action, task_id, error)
        return Outcome(task_id, action, Result.ACCEPTED, attempts=attempts, elapsed=clock() - since)

    async def _read_conflict(
        self, action: Action, task_id: str, before: Sighting | None, error: TaskConflict
    ) -> Outcome:
        """What a 409 means: mostly no, but also that something on the way had sent it before."""
        reason = str(error)
        if before is not None and (shown := await self._shown_after_conflict(action, task_id, before)):
            reason = (
                f"refused with 409, but the task, {before.status.value} before, now shows {shown!r}:"
                " something on the way sent it twice, or somebody else was first"
            )
            return Outcome(task_id, action, Result.ACCEPTED, reason, None, error.attempts)
        if action is Action.RETRY and await self._is_credential_task(task_id):
            reason = (
                "it is a credential task: SDDC Manager retries those only through"
                f" PATCH /v1/credentials/tasks/{task_id}, which is session.credentials.retry(id, spec)"
            )
        return Outcome(task_id, action, Result.REJECTED, reason, error, error.attempts)

    async def _shown_after_conflict(self, action: Action, task_id: str, before: Sighting) -> str | None:
        """What the task shows, when that explains a 409; None when the 409 is a plain refusal."""
        try:
            after = await self._look(task_id)
        except VcfTasksError:
            return None
        return inert(after.raw_status or "", limit=40) if explains_conflict(action, before, after) else None

    async def settle(self, action: Action, task_id: str, before: Sighting | None, lost: Lost) -> Outcome:
        """Look at the task until it tells what became of a lost write, or of the one before a 409.

        Args:
            action: what was asked.
            task_id: of which task.
            before: how the task looked before; without it, less can be told.
            lost: the write.
        """
        clock = asyncio.get_running_loop().time
        ends = clock() + self._grace
        pause = _FIRST_LOOK
        while True:
            await self._sleep(pause)
            verdict, seen = await self._judge(action, task_id, before)
            left = ends - clock()
            if verdict in (Applied.YES, Applied.CANNOT_TELL) or left <= 0:
                break
            # The last look is at the very end of the grace.
            pause = min(_LONGEST_PAUSE, 2 * pause, left)
        taken = verdict is Applied.YES
        result = Result.ACCEPTED if taken else Result.UNKNOWN
        if isinstance(lost.error, TaskConflict):
            # The task was seen as it had been until the first one could show no more.
            result = Result.ACCEPTED if taken else Result.REJECTED
            lead = "an earlier run may have sent it, and this time it was refused with 409"
            moral = "so the first was taken" if taken else f"so neither was taken: {lost.error}"
        else:
            lead = "the answer was lost"
            moral = "so it was taken" if taken else "which does not tell whether it was taken"
        return Outcome(
            task_id,
            action,
            result,
            f"{lead}; {seen}, {moral}",
            None if taken else lost.error,
            lost.error.attempts,
            clock() - lost.since,
        )

    async def resume(
        self, action: Action, task_id: str, before: Sighting | None, at: float
    ) -> Outcome | None:
        """What became of a write that a killed run may have sent; None when it provably was not taken.

        Args:
            action: what was to be asked.
            task_id: of which task.
            before: how the task looked before.
            at: wall-clock seconds of the intent. The write may have gone out as late as its deadline, and
                until the grace after that is over, the old status proves nothing.
        """
        verdict, seen = await self._judge(action, task_id, before)
        if verdict in (Applied.NOT_YET, Applied.NO_LOOK):
            longest = self._deadline + self._grace
            # Bounded, whatever the wall clock did since.
            await self._sleep(max(0.0, min(longest, at + longest - time.time())))
            verdict, seen = await self._judge(action, task_id, before)
        if verdict is Applied.NOT_YET and before is not None:
            return None
        taken = verdict is Applied.YES
        moral = "so it was taken" if taken else "which does not tell whether it was taken"
        reason = f"an earlier run may have sent it; {seen}, {moral}"
        result = Result.ACCEPTED if taken else Result.UNKNOWN
        return Outcome(task_id, action, result, reason)

    async def _judge(self, action: Action, task_id: str, before: Sighting | None) -> tuple[Applied, str]:
        """One look at the task: the verdict, and what was seen, in words."""
        try:
            after = await self._look(task_id)
        except TaskNotFound:
            return judge_lost(action, before, None), "the task is gone"
        except UsageError as error:
            # The session was closed: no later look will tell more.
            return Applied.CANNOT_TELL, f"the task can't be looked at ({error})"
        except VcfTasksError as error:
            return Applied.NO_LOOK, f"the task can't be looked at ({error})"
        shown = inert(after.raw_status or "no status", limit=40)
        return judge_lost(action, before, after), f"the task shows {shown!r}"


def _refused_or_not_sent(action: Action, task_id: str, error: VcfTasksError) -> Outcome:
    # A refusal of the login on the way is none of the write, which never left then. Nor did one that met
    # its deadline: in flight, that would be an OutcomeUnknownError.
    answered = isinstance(error, ApiError) and (error.path or "").endswith(task_path(task_id, ""))
    attempts = getattr(error, "attempts", 0) if answered or isinstance(error, NotSentError) else 0
    if not answered:
        return Outcome(task_id, action, Result.NOT_SENT, str(error), error, attempts)
    if isinstance(error, ApiError) and error.status in _NOT_ABOUT_THE_TASK:
        reason = f"{error}; the task was not touched, so it is safe to do again"
        return Outcome(task_id, action, Result.NOT_SENT, reason, error, attempts)
    return Outcome(task_id, action, Result.REJECTED, str(error), error, attempts)
