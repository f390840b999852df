"""Each REST operation on credential tasks once, as `api` does it for tasks.

What comes and goes here may hold passwords: no error shows a piece of it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from vcf_tasks_async.address import task_path
from vcf_tasks_async.api import checked_count, in_slices
from vcf_tasks_async.base import secrets_in, wire_document
from vcf_tasks_async.caller import Caller
from vcf_tasks_async.calls import Call, Reply, TokenSource
from vcf_tasks_async.codec import encode, parse_json, structure
from vcf_tasks_async.credential_models import (
    CredentialsSubTask,
    CredentialsTask,
    CredentialsTaskPage,
    CredentialsUpdateSpec,
    ResourceCredentials,
)
from vcf_tasks_async.credential_pages import CredentialsPageReader
from vcf_tasks_async.crowding import Crowd
from vcf_tasks_async.errors import DecodeError, TaskNotFound, UnsupportedError
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.masking import masked
from vcf_tasks_async.models import Task
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.status import Status

_TASKS: Final = "/v1/credentials/tasks"


class CredentialApi:
    """The credential operations of one SDDC Manager, over one caller."""

    def __init__(self, caller: Caller, tokens: TokenSource) -> None:
        self._caller = caller
        self._tokens = tokens

    async def page(self, limit: int | None = None) -> CredentialsTaskPage:
        """``GET /v1/credentials/tasks``: all there are, or the first *limit*; there are no pages."""
        query = () if limit is None else (("limit", str(checked_count("limit", limit))),)
        call = Call("GET", _TASKS, "list of credential tasks", _read_page, query=query, safe=True)
        try:
            return (await self._caller.call(call, self._tokens)).value
        except TaskNotFound as error:
            raise UnsupportedError(
                f"credential tasks need an SDDC Manager, which a VCF Installer is not yet: {error}",
                needs="SDDC Manager", status=error.status, detail=error.detail, attempts=error.attempts,
                manager=error.manager, method=error.method, path=error.path,
            ) from error  # fmt: skip

    async def get(self, task_id: str, secrets: tuple[Secret, ...] = ()) -> CredentialsTask:
        """``GET /v1/credentials/tasks/{id}``.

        Args:
            secrets: what was sent for it, and is not to show should the answer repeat it.
        """
        path, what = task_path(task_id, _TASKS), f"credential task {task_id}"
        call = Call("GET", path, what, _read_task, safe=True, secrets=secrets)
        return (await self._caller.call(call, self._tokens)).value

    async def subtask(self, task_id: str, subtask_id: str) -> CredentialsSubTask:
        """``GET /v1/credentials/tasks/{id}/subtasks/{subtaskId}``."""
        path = task_path(subtask_id, f"{task_path(task_id, _TASKS)}/subtasks")

        async def read(body: bytes) -> CredentialsSubTask:
            return _subtask_in(parse_json(body, guarded=True), subtask_id)

        what = f"subtask {subtask_id} of credential task {task_id}"
        return (await self._caller.call(Call("GET", path, what, read, safe=True), self._tokens)).value

    async def resource_credentials(self, task_id: str) -> tuple[ResourceCredentials, ...]:
        """``GET /v1/credentials/tasks/{id}/resource-credentials``."""
        path = f"{task_path(task_id, _TASKS)}/resource-credentials"
        call = Call("GET", path, f"credentials of task {task_id}", _read_resources, safe=True)
        return (await self._caller.call(call, self._tokens)).value

    async def retry(
        self, task_id: str, spec: CredentialsUpdateSpec, gate: Gate, patience: float
    ) -> Reply[Task | None]:
        """``PATCH /v1/credentials/tasks/{id}``; the answer is a `Task`, or nothing that matters.

        Args:
            patience: seconds for the whole call, so that ten operations in its way can be waited out.
        """
        secrets = tuple(secrets_in(spec))
        call = Call(
            "PATCH",
            task_path(task_id, _TASKS),
            f"retry of credential task {task_id}",
            partial(_read_told, secrets=secrets),
            # Bound to no name: the locals of a traceback would show it.
            body=encode(wire_document(spec)),
            secrets=secrets,
            gate=gate,
            waits_out=Crowd(self._running).is_full,
            deadline=patience,
        )
        return await self._caller.call(call, self._tokens)

    async def cancel(self, task_id: str, gate: Gate, patience: float) -> Reply[Task | None]:
        """``DELETE /v1/credentials/tasks/{id}``: of a failed one. The answer is as that of `retry`."""
        call = Call(
            "DELETE",
            task_path(task_id, _TASKS),
            f"cancellation of credential task {task_id}",
            _read_told,
            gate=gate,
            waits_out=Crowd(self._running).is_full,
            deadline=patience,
        )
        return await self._caller.call(call, self._tokens)

    async def _running(self) -> int:
        elements = (await self.page()).elements
        return sum(1 for task in elements if not task.is_ended and task.status is not Status.UNKNOWN)


async def _read_page(body: bytes) -> CredentialsTaskPage:
    return (await in_slices(CredentialsPageReader(body))).page()


async def _read_task(body: bytes) -> CredentialsTask:
    return structure(parse_json(body, guarded=True), CredentialsTask)


async def _read_resources(body: bytes) -> tuple[ResourceCredentials, ...]:
    document = parse_json(body, guarded=True)
    if type(document) is not list:
        raise DecodeError("malformed answer at $: expected a list of resources with their credentials")
    return tuple(structure(each, ResourceCredentials, f"$[{i}]") for i, each in enumerate(document))


async def _read_told(body: bytes, secrets: tuple[Secret, ...] = ()) -> Task | None:
    """The task that a write was answered with, without *secrets*; None with nothing, or with other JSON."""
    if not body.strip():
        return None
    # As `api` has it: what is no JSON is no word of SDDC Manager's.
    parse_json(body, guarded=True)
    try:
        return structure(parse_json(masked(body, secrets), guarded=True), Task, guarded=True)
    except DecodeError:
        return None


def _subtask_in(document: Any, subtask_id: str) -> CredentialsSubTask:
    """The subtask in an answer: by the document a task that holds it, and by its name the subtask itself."""
    if type(document) is not dict or "subTasks" not in document:
        return structure(document, CredentialsSubTask)
    for _, node in structure(document, CredentialsTask).walk():
        if node.id == subtask_id:
            return node
    raise DecodeError(
        "malformed answer at $.subTasks: the subtask that was asked for is not in it", json_path="$.subTasks"
    )
