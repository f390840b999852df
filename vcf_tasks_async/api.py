"""Each REST operation once: its path, query and body, and how its answer is read.

Checks its arguments before anything goes over the wire. Pages are structured in slices, one page at a
time, so that no reader of many pages holds the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any, Final, TypeVar

import anyio

from vcf_tasks_async.address import task_path
from vcf_tasks_async.caller import Caller
from vcf_tasks_async.calls import Call, Reply, TokenSource
from vcf_tasks_async.codec import encode, parse_json, structure
from vcf_tasks_async.errors import DecodeError, UsageError, VcfTasksError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.folding import decode_task
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.models import HistoryAnswer, Task, TaskPage, TaskSettings
from vcf_tasks_async.pages import PageReader

LARGEST_PAGE: Final = 100
_SETTINGS: Final = "/v1/tasks/config/settings"
_HISTORY: Final = "/v1/tasks/history"
R = TypeVar("R", bound=Iterator[None])
# Seconds for which structuring may hold the event loop before others have their turn.
_SLICE: Final = 0.002


class Api:
    """The operations of one SDDC Manager, over one caller."""

    def __init__(self, caller: Caller, tokens: TokenSource) -> None:
        self._caller = caller
        self._tokens = tokens
        self._reading = anyio.Lock(fast_acquire=True)

    async def page(
        self,
        number: int | None = None,
        where: TaskFilter | None = None,
        size: int | None = None,
        *,
        limit: int | None = None,
        arrived: Callable[[], None] | None = None,
    ) -> TaskPage:
        """``GET /v1/tasks``; *arrived* is told when the answer is there, before it is structured."""
        query = where.query() if where is not None else ()
        if number is not None:
            query += (("pageNumber", str(_whole("the page number", number, 0))),)
        if size is not None:
            query += (("pageSize", str(checked_size(size))),)
        if limit is not None:
            query += (("limit", str(checked_count("limit", limit))),)
        call = Call(
            "GET", "/v1/tasks", "list of tasks", self._read_page, query=query, safe=True, arrived=arrived
        )
        return (await self._caller.call(call, self._tokens)).value

    async def get(self, task_id: str) -> Task:
        """``GET /v1/tasks/{id}``."""
        call = Call("GET", task_path(task_id), f"task {task_id}", _read_task, safe=True)
        return (await self._caller.call(call, self._tokens)).value

    async def settings(self, *, repeat: bool = True) -> TaskSettings:
        """``GET /v1/tasks/config/settings`` (9.1)."""
        call = Call("GET", _SETTINGS, "task settings", _read_settings, safe=True, repeat=repeat)
        return (await self._caller.call(call, self._tokens)).value

    async def update_settings(self, retention_days: int) -> TaskSettings:
        """``PATCH /v1/tasks/config/settings`` (9.1)."""
        body = encode({"retentionDays": retention_days})
        call = Call("PATCH", _SETTINGS, "update of the task settings", _read_settings, body=body)
        return (await self._caller.call(call, self._tokens)).value

    async def delete_histories(self, task_ids: list[str]) -> HistoryAnswer:
        """``DELETE /v1/tasks/history`` (9.1)."""
        what = f"deletion of {len(task_ids)} task histor{'y' if len(task_ids) == 1 else 'ies'}"
        call = Call("DELETE", _HISTORY, what, _read_histories, body=encode({"taskIds": task_ids}))
        return (await self._caller.call(call, self._tokens)).value

    async def task_called_history(self) -> Task:
        """``GET /v1/tasks/history``: the task of that id, which should not be. Asked once."""
        call = Call("GET", _HISTORY, "task 'history'", _read_task, safe=True, repeat=False)
        return (await self._caller.call(call, self._tokens)).value

    async def is_credential_task(self, task_id: str) -> bool:
        """Whether ``GET /v1/credentials/tasks/{id}`` knows the task. A look, no promise: asked once."""
        path = task_path(task_id, "/v1/credentials/tasks")
        call = Call("GET", path, f"credential task {task_id}", _as_json, safe=True, repeat=False)
        try:
            return type((await self._caller.call(call, self._tokens)).value) is dict
        except VcfTasksError:
            return False

    def retry(self, task_id: str, gate: Gate) -> Awaitable[Reply[None]]:
        """``PATCH /v1/tasks/{id}``: no body; the answer is empty."""
        return self._write("PATCH", task_id, "retry", gate)

    def cancel(self, task_id: str, gate: Gate) -> Awaitable[Reply[None]]:
        """``DELETE /v1/tasks/{id}``: the answer is empty."""
        return self._write("DELETE", task_id, "cancellation", gate)

    def _write(self, method: str, task_id: str, what: str, gate: Gate) -> Awaitable[Reply[None]]:
        call = Call(method, task_path(task_id), f"{what} of task {task_id}", nothing, gate=gate)
        return self._caller.call(call, self._tokens)

    async def _read_page(self, body: bytes) -> TaskPage:
        # One at a time: sixteen pages that arrive together would take their slices in one turn of the loop.
        async with self._reading:
            # What has arrived besides is taken in first, and the next pages are asked for.
            await asyncio.sleep(0)
            return (await in_slices(PageReader(body))).page()


async def in_slices(reader: R) -> R:
    """*reader*, read to its end with others on the loop having their turn between."""
    since = perf_counter()
    for _ in reader:
        if perf_counter() - since > _SLICE:
            await asyncio.sleep(0)
            since = perf_counter()
    return reader


async def _read_settings(body: bytes) -> TaskSettings:
    return structure(parse_json(body), TaskSettings)


async def _read_histories(body: bytes) -> HistoryAnswer:
    return structure(parse_json(body), HistoryAnswer)


async def _read_task(body: bytes) -> Task:
    return decode_task(body)


async def _as_json(body: bytes) -> Any:
    return parse_json(body)


async def nothing(body: bytes) -> None:
    """Read an answer of which the status is all that counts."""
    # A proxy's log-in or maintenance page comes with 200 as well; that is no word of SDDC Manager's.
    if not body.strip():
        return
    try:
        parse_json(body)
    except DecodeError as error:
        # JSON of any shape and size will do.
        if error.not_json:
            raise


def checked_size(size: object) -> int:
    """*size*, when it can be a page's.

    Raises:
        UsageError: it can't.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
        raise UsageError(
            f"a page holds 1 to {LARGEST_PAGE} tasks, not {size!r}; stream() goes through all pages"
        )
    return size


def _whole(what: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{what} is a whole number from {least} on, not {value!r}")
    return value


def checked_count(what: str, value: object) -> int:
    """*value*, when it can be a count of at least one.

    Raises:
        UsageError: it can't.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{what} is a whole number from 1 on, not {value!r}")
    return value
