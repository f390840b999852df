"""`session.credentials`: the credential (password) tasks of one SDDC Manager, as its users see them."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from vcf_tasks_async.acts import checked_seconds, raise_unless_accepted, start_many
from vcf_tasks_async.address import checked_id
from vcf_tasks_async.api import checked_count
from vcf_tasks_async.base import secrets_in
from vcf_tasks_async.bulk import BulkRun
from vcf_tasks_async.calls import Reply
from vcf_tasks_async.credential_models import (
    CredentialsSubTask,
    CredentialsTask,
    CredentialsUpdateSpec,
    ResourceCredentials,
    checked_spec,
)
from vcf_tasks_async.credential_stream import CredentialsStream
from vcf_tasks_async.crowding import MOST_AT_ONCE
from vcf_tasks_async.errors import NotSentError, UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.targets import Targets
from vcf_tasks_async.wiring import Wiring
from vcf_tasks_async.writes import Look, Send, Writer

SpecMaker = Callable[[str], CredentialsUpdateSpec | Awaitable[CredentialsUpdateSpec]]
# What the answers to writes showed, by the id that was asked for.
_Told = dict[str, Task | None]

# Seconds for which ten operations in the way are waited out: a rotation takes some minutes.
_PATIENCE: Final = 900.0
# Conditions on what only the server knows, and which it does not take here.
_IDLE: Final = ("resource_id", "resource_type", "order_by", "order_direction", "live_refresh")


class Credentials:
    """Credential tasks: list, get, retry and cancel them. Reached as `TaskSession.credentials`.

    SDDC Manager runs ten credential operations at once and answers 403 to more. That is waited out;
    a 403 for want of a permission fails at once. Writes are sent at most once, as those of tasks are.
    Passwords are `Secret`\\ s throughout. The VCF Installer has no credential tasks.

    Example:
        >>> async for task in session.credentials.stream(TaskFilter(status=Status.FAILED)):
        ...     print(task.id, task.type, task.cause)
    """

    def __init__(self, opened: Callable[[], Wiring]) -> None:
        self._opened = opened

    def stream(
        self, where: TaskFilter | None = None, *, limit: int | None = None, strict: bool = False
    ) -> CredentialsStream:
        """All credential tasks that are meant, each once. The API has one answer for all, and no pages.

        Args:
            where: which of them; None for all. Checked on the client, so only what a credential task tells:
                status, type (such as ``ROTATE``), name and completed_after.
            limit: tasks that SDDC Manager is to answer with, before they are checked here.
            strict: raise for elements that can't be read, instead of noting them in the stream's `malformed`.

        Raises:
            UnsupportedError: from the loop: a VCF Installer answers.
            ApiError, TransportError, DecodeError: from the loop; see `TaskSession.get`.
            UsageError: a value that can't be meant.

        Source: ``GET /v1/credentials/tasks``, VMware Cloud Foundation API 9.0.
        """
        wiring = self._opened()
        where = _checked(where)
        if limit is not None:
            checked_count("limit", limit)
        return CredentialsStream(
            partial(wiring.credential_api.page, limit), where, limited=limit is not None, strict=strict
        )

    async def get(self, task_id: str) -> CredentialsTask:
        """One credential task with its subtasks.

        Raises:
            BadRequest, TaskNotFound: there is no such credential task (the API says 400).
            ApiError, TransportError, DecodeError: see `TaskSession.get`.

        Source: ``GET /v1/credentials/tasks/{id}``, VMware Cloud Foundation API 9.0.
        """
        return await self._opened().credential_api.get(checked_id(task_id))

    async def subtask(self, task_id: str, subtask_id: str) -> CredentialsSubTask:
        """One subtask of a credential task: an account, and what became of its password.

        By the API's document the answer is a task that holds the subtask, by its name the subtask: both
        are taken.

        Raises:
            BadRequest, TaskNotFound: there is no such task or subtask (the API says 400).
            ApiError, TransportError, DecodeError: see `TaskSession.get`.

        Source: ``GET /v1/credentials/tasks/{id}/subtasks/{subtaskId}``, VMware Cloud Foundation API 9.0.
        """
        return await self._opened().credential_api.subtask(checked_id(task_id), checked_id(subtask_id))

    async def resource_credentials(self, task_id: str) -> tuple[ResourceCredentials, ...]:
        """The resources and accounts a credential task is about, as a `CredentialsUpdateSpec` takes them.

        Raises:
            BadRequest, TaskNotFound: there is no such credential task (the API says 400).
            ApiError, TransportError, DecodeError: see `TaskSession.get`.

        Source: ``GET /v1/credentials/tasks/{id}/resource-credentials``, VMware Cloud Foundation API 9.0.
        """
        return await self._opened().credential_api.resource_credentials(checked_id(task_id))

    async def retry(
        self, task_id: str, spec: CredentialsUpdateSpec, *, patience: float = _PATIENCE
    ) -> Task | None:
        """Ask SDDC Manager to retry a failed credential task, and make sure that it was heard.

        Sent at most once. When the answer is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id.
            spec: what is to be done; the API asks for it with each retry.
            patience: seconds for the whole call, while ten operations run and there is no room for this one.

        Returns:
            the task as the answer showed it, which may still be the old failure; None where it held none.
            `TaskSession.wait` follows it by its id.

        Raises:
            BadRequest: the task has not failed, or the spec is not taken.
            Forbidden: a permission is missing; or there was no room for *patience* seconds (`DeadlineError`,
                where they passed during an attempt).
            OutcomeUnknownError: the answer was lost and the task does not tell.
            NotSentError, DeadlineError: it never got there.
            UsageError: the spec can't be meant.

        Source: ``PATCH /v1/credentials/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> elements = await session.credentials.resource_credentials(task_id)
            >>> await session.credentials.retry(task_id, CredentialsUpdateSpec("ROTATE", elements))
        """
        told: _Told = {}
        writer = self._retrier(checked_spec(spec), checked_seconds("patience", patience), told)
        raise_unless_accepted(await writer.perform(Action.RETRY_CREDENTIALS, checked_id(task_id)))
        return told.get(task_id)

    async def cancel(self, task_id: str, *, patience: float = _PATIENCE) -> Task | None:
        """Ask SDDC Manager to cancel a credential task that has failed: the opposite of `TaskSession.cancel`.

        Sent at most once. When the answer is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id.
            patience: as for `retry`.

        Returns:
            as `retry` does.

        Raises:
            BadRequest: the task has not failed.
            Forbidden, OutcomeUnknownError, NotSentError, DeadlineError: see `retry`.

        Source: ``DELETE /v1/credentials/tasks/{id}``, VMware Cloud Foundation API 9.0.
        """
        told: _Told = {}
        writer = self._canceller(checked_seconds("patience", patience), told)
        raise_unless_accepted(await writer.perform(Action.CANCEL_CREDENTIALS, checked_id(task_id)))
        return told.get(task_id)

    def retry_many(
        self,
        targets: Targets,
        spec: CredentialsUpdateSpec | SpecMaker,
        *,
        patience: float = _PATIENCE,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> BulkRun:
        """Retry many credential tasks, with one `Outcome` for each.

        Args:
            targets: credential tasks or ids, from any iterable, sync or async.
            spec: what is to be done: one for all, or a callable, sync or async, that is given a task's id.
                One that raises costs its own target alone, which is then not sent.
            patience: seconds for each, while ten operations run and there is no room.
            concurrency: requests in flight at most; the session's, and no more than 10, where it is None.
            force, dry_run, rate, stop_after, deadline, journal, wait, summary: as for
                `TaskSession.retry_many`. No spec or password ever stands in a journal.

        Raises:
            UsageError: an argument that can't be meant, or a journal that is not this run's.

        Example:
            >>> credentials = session.credentials
            >>> async def again(task_id):
            ...     return CredentialsUpdateSpec("ROTATE", await credentials.resource_credentials(task_id))
            >>> failed = credentials.stream(TaskFilter(status=Status.FAILED, type="ROTATE"))
            >>> report = await credentials.retry_many(failed, again, wait=True)
        """
        if not callable(spec):
            checked_spec(spec)
        writer = self._retrier(spec, checked_seconds("patience", patience))
        return self._many(
            Action.RETRY_CREDENTIALS, writer, targets, concurrency, journal, wait,
            force=force, dry_run=dry_run, rate=rate, stop_after=stop_after, deadline=deadline,
            summary=summary,
        )  # fmt: skip

    def cancel_many(
        self,
        targets: Targets,
        *,
        patience: float = _PATIENCE,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> BulkRun:
        """Cancel many credential tasks that have failed. Takes what `retry_many` takes, but for the spec."""
        writer = self._canceller(checked_seconds("patience", patience))
        return self._many(
            Action.CANCEL_CREDENTIALS, writer, targets, concurrency, journal, wait,
            force=force, dry_run=dry_run, rate=rate, stop_after=stop_after, deadline=deadline,
            summary=summary,
        )  # fmt: skip

    def _many(
        self,
        action: Action,
        writer: Writer,
        targets: Targets,
        concurrency: int | None,
        journal: str | os.PathLike[str] | None,
        wait: bool,
        **how: Any,
    ) -> BulkRun:
        wiring = self._opened()
        concurrency = min(wiring.concurrency, MOST_AT_ONCE) if concurrency is None else concurrency
        return start_many(wiring, writer, action, targets, concurrency, journal, wait, **how)

    def _retrier(
        self, spec: CredentialsUpdateSpec | SpecMaker, patience: float, told: _Told | None = None
    ) -> Writer:
        wiring = self._opened()
        api, seconds = wiring.credential_api, wiring.policy.deadline

        # What a look at the task must not repeat, as its retry must not: of those that were not taken.
        sent: dict[str, tuple[Secret, ...]] = {}

        async def send(task_id: str, gate: Gate) -> Reply[Task | None]:
            made = await _made(spec, task_id, seconds) if callable(spec) else spec
            sent[task_id] = tuple(secrets_in(made))
            reply = await wiring.retrying(task_id, api.retry(task_id, made, gate, patience))
            del sent[task_id]
            if told is not None:
                told[task_id] = reply.value
            return reply

        async def look(task_id: str) -> CredentialsTask:
            return await api.get(task_id, sent.get(task_id, ()))

        return self._writer({Action.RETRY_CREDENTIALS: send}, look, patience + seconds)

    def _canceller(self, patience: float, told: _Told | None = None) -> Writer:
        api = self._opened().credential_api

        async def send(task_id: str, gate: Gate) -> Reply[Task | None]:
            reply = await api.cancel(task_id, gate, patience)
            if told is not None:
                told[task_id] = reply.value
            return reply

        return self._writer({Action.CANCEL_CREDENTIALS: send}, api.get, patience)

    def _writer(self, sends: Mapping[Action, Send], look: Look, deadline: float) -> Writer:
        return self._opened().make_writer(sends, look, deadline)


def _checked(where: object) -> TaskFilter:
    if where is None:
        return TaskFilter()
    if not isinstance(where, TaskFilter):
        raise UsageError("where takes a TaskFilter, such as TaskFilter(status=Status.FAILED)")
    idle = [name for name in _IDLE if getattr(where, name) is not None]
    if idle:
        raise UsageError(f"the list of credential tasks can't be asked by {', '.join(idle)}")
    return where


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
