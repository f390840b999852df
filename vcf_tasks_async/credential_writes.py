"""How retries and cancellations of credential tasks are sent and looked at, by what `writes` knows of all."""

from __future__ import annotations

import asyncio
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable

from vcf_tasks_async.base import secrets_in
from vcf_tasks_async.calls import Reply
from vcf_tasks_async.credential_models import CredentialsTask, CredentialsUpdateSpec, checked_spec
from vcf_tasks_async.errors import NotSentError, UsageError
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.wiring import Wiring

SpecMaker = Callable[[str], CredentialsUpdateSpec | Awaitable[CredentialsUpdateSpec]]


class CredentialWrites:
    """What is sent to credential tasks, of one call or one bulk run.

    Args:
        wiring: the open session's.
        patience: seconds for each, while ten operations are in the way.
        preparing: seconds for what is to be done before each.

    Attributes:
        action: what is asked of them.
        writer: sends it and finds out what became of it.
        answer: the task as the last answer showed it; None where that held none.
    """

    action: Action

    def __init__(self, wiring: Wiring, patience: float, *, preparing: float = 0.0) -> None:
        self.answer: Task | None = None
        self.writer = wiring.make_writer({self.action: self._send}, self._look, preparing + patience)
        self._wiring = wiring
        self._api = wiring.credential_api
        self._patience = patience

    async def _send(self, task_id: str, gate: Gate) -> Reply[Task | None]:
        reply = await self._ask(task_id, gate)
        self.answer = reply.value
        return reply

    @abstractmethod
    async def _ask(self, task_id: str, gate: Gate) -> Reply[Task | None]: ...

    async def _look(self, task_id: str) -> CredentialsTask:
        return await self._api.get(task_id)


class Retries(CredentialWrites):
    """Retries, each with a spec: one for all, or what a callable makes of a task's id."""

    action = Action.RETRY_CREDENTIALS

    def __init__(self, wiring: Wiring, spec: CredentialsUpdateSpec | SpecMaker, patience: float) -> None:
        seconds = wiring.policy.deadline
        super().__init__(wiring, patience, preparing=seconds)
        self._spec = spec
        self._seconds = seconds
        # What a look at the task must not repeat, as its retry must not: of those that were not taken.
        self._sent: dict[str, tuple[Secret, ...]] = {}

    async def _ask(self, task_id: str, gate: Gate) -> Reply[Task | None]:
        spec = self._spec
        made = await _made(spec, task_id, self._seconds) if callable(spec) else spec
        self._sent[task_id] = tuple(secrets_in(made))
        asking = self._api.retry(task_id, made, gate, self._patience)
        reply = await self._wiring.retrying(task_id, asking)
        del self._sent[task_id]
        return reply

    async def _look(self, task_id: str) -> CredentialsTask:
        return await self._api.get(task_id, self._sent.get(task_id, ()))


class Cancellations(CredentialWrites):
    """Cancellations: what is asked of them is their id alone."""

    action = Action.CANCEL_CREDENTIALS

    async def _ask(self, task_id: str, gate: Gate) -> Reply[Task | None]:
        return await self._api.cancel(task_id, gate, self._patience)


async def _made(make: SpecMaker, task_id: str, seconds: float) -> CredentialsUpdateSpec:
    """The spec for one task, from its maker.

    Raises:
        NotSentError: it made none, whatever it raised: nothing was sent for this task.
    """
    try:
        async with asyncio.timeout(seconds):
            made = make(task_id)
            return checked_spec(await made if inspect.isawaitable(made) else made)
    except Exception as error:
        # An error of the maker's own may hold what it was about to set: only ours are shown.
        shown = f": {error}" if isinstance(error, UsageError) else ""
        raise NotSentError(f"no spec was made for it ({type(error).__name__}{shown})") from error
