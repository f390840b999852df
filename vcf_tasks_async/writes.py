"""One write to one task, at most once, and what came of it.

A write whose answer was lost is never sent again: the task is looked at until it tells, or until the
time is over in which the old status may still show. The judgement is `policy`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from vcf_tasks_async.errors import (
    ApiError,
    NotSentError,
    OutcomeUnknownError,
    TaskNotFound,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.policy import Action, Applied, judge_lost
from vcf_tasks_async.text import inert

# Seconds before the first look at a task whose answer was lost; each pause is twice the one before.
_FIRST_LOOK: Final = 0.5
_LONGEST_PAUSE: Final = 10.0


class _Sent(Protocol):
    @property
    def attempts(self) -> int: ...


Proceed = Callable[[], bool]
Send = Callable[[str, Proceed], Awaitable[_Sent]]
Look = Callable[[str], Awaitable[Task]]


class Writer:
    """Sends retries and cancellations, and finds out what became of them.

    Args:
        sends: how each action is sent.
        look: reads one task.
        grace: seconds for which the old status may show after a write was accepted.
    """

    def __init__(self, sends: Mapping[Action, Send], look: Look, *, grace: float) -> None:
        self._sends = sends
        self._look = look
        self._grace = grace

    async def perform(
        self, action: Action, task_id: str, before: Task | None = None, proceed: Proceed = lambda: True
    ) -> Outcome:
        """Do *action* to one task and say how it ended.

        Args:
            before: the task as it was last seen; without it, less can be told after a lost answer.
            proceed: asked right before it is sent; False makes it a NOT_SENT.

        Raises:
            UsageError: not a task id, or the session is closed. All else is in the outcome.
        """
        clock = asyncio.get_running_loop().time
        started = clock()
        reason: str | None = None
        kept: VcfTasksError | None = None
        try:
            result, attempts = Result.ACCEPTED, (await self._sends[action](task_id, proceed)).attempts
        except OutcomeUnknownError as error:
            result, reason = await self._settle(action, task_id, before)
            kept, attempts = None if result is Result.ACCEPTED else error, error.attempts
        except UsageError:
            raise
        except VcfTasksError as error:
            # A refusal of the login on the way is none of the write, which never left then. Nor did one
            # that met its deadline: in flight, that would be an OutcomeUnknownError.
            refused = isinstance(error, ApiError) and (error.path or "").endswith(f"/{task_id}")
            result, reason, kept = Result.REJECTED if refused else Result.NOT_SENT, str(error), error
            attempts = getattr(error, "attempts", 0) if refused or isinstance(error, NotSentError) else 0
        return Outcome(task_id, action, result, reason, kept, attempts, clock() - started)

    async def _settle(self, action: Action, task_id: str, before: Task | None) -> tuple[Result, str]:
        """Look at the task until it tells what became of the write."""
        clock = asyncio.get_running_loop().time
        ends = clock() + self._grace
        pause = _FIRST_LOOK
        while True:
            await asyncio.sleep(pause)
            after: Task | None = None
            try:
                after = await self._look(task_id)
            except TaskNotFound:
                verdict, seen = judge_lost(action, before, None), "the task is gone"
            except VcfTasksError as error:
                verdict, seen = Applied.NOT_YET, f"the task can't be looked at: {error}"
            else:
                verdict = judge_lost(action, before, after)
                seen = f"the task shows {inert(after.raw_status or 'no status', limit=40)!r}"
            if verdict is Applied.YES:
                return Result.ACCEPTED, f"the answer was lost; {seen}, so it was taken"
            pause = min(_LONGEST_PAUSE, 2 * pause)
            if verdict is Applied.CANNOT_TELL or clock() + pause > ends:
                return (
                    Result.UNKNOWN,
                    f"the answer was lost; {seen}, which does not tell whether it was taken",
                )
