"""`TaskSession`: the face that users hold. Checks what it is given, and hands on to the rooms below."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Awaitable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vcf_tasks_async.address import Tls, check_proxy, checked_id, parse_address
from vcf_tasks_async.api import checked_size
from vcf_tasks_async.auth import ApiKeyAuth, Auth, BearerAuth, IdTokenAuth, PasswordAuth
from vcf_tasks_async.bulk import BulkRun, Options
from vcf_tasks_async.errors import OutcomeUnknownError, UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.follows import Follows
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task, TaskPage
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.policy import Policy
from vcf_tasks_async.stream import TaskStream
from vcf_tasks_async.targets import Targets
from vcf_tasks_async.transport import check_lent
from vcf_tasks_async.wiring import Plan, Wiring

if TYPE_CHECKING:
    import aiohttp


class TaskSession(Follows):
    """A session with one SDDC Manager (or VCF Installer): list, get, retry and cancel its tasks.

    An async context manager. Logs in with the first call and keeps the token fresh; any number of asyncio
    tasks may share one session. Nothing is opened before ``async with``, and nothing is left after it.
    A session may be opened again after it was closed, also on another event loop.

    Args:
        url: host name or URL of SDDC Manager. https, unless it says http, which is taken for loopback
            addresses or with `allow_http`.
        auth: `PasswordAuth`, `ApiKeyAuth`, `IdTokenAuth` or `BearerAuth`.
        http: an `aiohttp.ClientSession` of yours to send through: borrowed, never closed. Give it
            ``TCPConnector(limit=0)``: a limit below `concurrency` starves.
        tls: how the certificate is judged, where the system's authorities don't know it.
        concurrency: requests in flight at most, for the whole session.
        policy: deadlines, pauses and repeats.
        allow_http: take plain http to other machines.
        proxy: URL of an HTTP proxy. The environment's is never taken.

    Raises:
        UsageError: an argument that can't be meant; nothing goes over the wire.

    Example:
        >>> async with TaskSession(
        ...     "sfo-vcf01.rainpole.io", PasswordAuth("administrator@vsphere.local", secret)
        ... ) as session:
        ...     async for task in session.stream(TaskFilter(status=Status.FAILED)):
        ...         print(task.id, task.name, task.cause)
    """

    def __init__(
        self,
        url: str,
        auth: Auth,
        *,
        http: aiohttp.ClientSession | None = None,
        tls: Tls | None = None,
        concurrency: int = 8,
        policy: Policy = Policy(),
        allow_http: bool = False,
        proxy: str | None = None,
    ) -> None:
        address = parse_address(url, allow_http=allow_http)
        if not isinstance(auth, PasswordAuth | ApiKeyAuth | IdTokenAuth | BearerAuth):
            raise UsageError("auth takes PasswordAuth, ApiKeyAuth, IdTokenAuth or BearerAuth")
        if tls is not None and not isinstance(tls, Tls):
            raise UsageError("tls takes Tls(ca_file=…), Tls(fingerprint=…) or Tls(verify=False)")
        if not isinstance(policy, Policy):
            raise UsageError("policy takes a Policy, such as Policy(deadline=60)")
        check_lent(http)
        check_proxy(proxy)
        self._plan = Plan(address, auth, http, tls, _count("concurrency", concurrency), policy, proxy)
        self._opening = False

    # Also there when __init__ refused its arguments, and something shows the object all the same.
    _wiring: Wiring | None = None
    _was_open = False

    def __repr__(self) -> str:
        if not hasattr(self, "_plan"):
            return "<TaskSession (not made)>"
        state = "open" if self._wiring else "closed" if self._was_open else "not opened"
        return f"<TaskSession {self._plan.address.base} ({state})>"

    @property
    def manager(self) -> str:
        """The SDDC Manager's host (and port, where it is not the usual one)."""
        return self._plan.address.name

    async def __aenter__(self) -> Self:
        if self._wiring is not None or self._opening:
            raise UsageError("this session is open already: share it, or make another one")
        self._opening = True
        try:
            self._wiring = await Wiring.open(self._plan)
        finally:
            self._opening = False
        self._was_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is running, give the refresh token back, close the connections. Twice does no harm."""
        wiring, self._wiring = self._wiring, None
        if wiring is not None:
            await wiring.close()

    def _opened(self) -> Wiring:
        wiring = self._wiring
        if wiring is None:
            how = "async with TaskSession(…) as session:"
            if self._was_open:
                raise UsageError(f"this session is closed: open it again with `{how}`")
            raise UsageError(f"this session is not open yet: use it inside `{how}`")
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            raise UsageError("no event loop runs here: call it from a coroutine") from None
        if here is not wiring.loop:
            raise UsageError("this session was opened on another event loop: make one session for each loop")
        return wiring

    # --- reading ------------------------------------------------------------------------------------

    async def page(
        self,
        number: int | None = None,
        where: TaskFilter | None = None,
        size: int = 100,
        *,
        limit: int | None = None,
    ) -> TaskPage:
        """One page of tasks, just as the server sends it.

        Unlike `stream`, the page is not filtered again on the client; whether pages count from 0 or 1 is
        the server's affair: ask without a number first and count on from `TaskPage.page_metadata`.

        Args:
            number: the page, or None for the one the server calls its first.
            where: conditions for the server; `TaskFilter.status` is not sent (see `TaskFilter`).
            size: tasks on a page, 1 to 100.
            limit: tasks in all, instead of pages; not together with *number*.

        Raises:
            ApiError, TransportError, DecodeError: see `get`. Malformed elements are in the page.

        Source: ``GET /v1/tasks``, VMware Cloud Foundation API 9.0.

        Example:
            >>> page = await session.page(size=10)
            >>> len(page.elements)
            10
        """
        api = self._opened().api
        checked_size(size)
        if limit is None:
            return await api.page(number, _filter(where), size)
        if number is not None:
            raise UsageError("limit and a page number don't go together: give one of them")
        return await api.page(None, _filter(where), limit=limit)

    def stream(
        self,
        where: TaskFilter | None = None,
        *,
        page_size: int = 100,
        prefetch: int = 4,
        strict: bool = False,
    ) -> TaskStream:
        """All tasks that *where* means, each exactly once, with pages read ahead.

        Holds while tasks are created, purged or change status meanwhile: what moved is read again, and
        `TaskStream.complete` says afterwards whether the listing was whole.

        Args:
            where: which tasks; None for all.
            page_size: tasks on a page, 1 to 100.
            prefetch: pages in flight at once; twice as many are held at most.
            strict: raise for a page with elements that can't be read, before its tasks, instead of noting
                them in `TaskStream.malformed`.

        Raises:
            ApiError, TransportError, DecodeError: from the loop, in place of the next task; see `get`.

        Source: ``GET /v1/tasks``, VMware Cloud Foundation API 9.0.

        Example:
            >>> async for task in session.stream(TaskFilter(status=Status.FAILED)):
            ...     print(task.name, task.cause)
        """
        wiring = self._opened()
        where = _filter(where) or TaskFilter()
        size = checked_size(page_size)
        return TaskStream(
            lambda request: wiring.api.page(request.number, where, request.size),
            wiring.spawn,
            where,
            page_size=size,
            prefetch=_count("prefetch", prefetch),
            strict=strict,
        )

    async def get(self, task_id: str) -> Task:
        """One task, with all its subtasks.

        Raises:
            TaskNotFound: there is no such task (any more).
            Unauthorized, Forbidden, RateLimited, ServerError: the server said no.
            NotSentError, DeadlineError, TransportError: no usable answer came, whatever was tried.
            DecodeError: an answer came and can't be read.
            UsageError: *task_id* can't be one.

        Source: ``GET /v1/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> task = await session.get("16ab8935-805b-4edf-aace-72c98134f667")
            >>> task.status
            <Status.SUCCESSFUL: 'SUCCESSFUL'>
        """
        return await self._opened().api.get(checked_id(task_id))

    # --- acting -------------------------------------------------------------------------------------

    async def retry(self, task_id: str) -> None:
        """Ask SDDC Manager to retry a failed task, and make sure that it was heard.

        Sent at most once: it is repeated only when SDDC Manager provably never saw it. When the answer
        is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id, as in `Task.id`.

        Raises:
            TaskNotFound: there is no such task.
            TaskConflict: the task has not failed, or can't be retried.
            OutcomeUnknownError: the answer was lost and the task does not tell.
            NotSentError, DeadlineError: it never got there.

        Source: ``PATCH /v1/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> await session.retry("3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1")
        """
        await self._act(Action.RETRY, task_id)

    async def cancel(self, task_id: str) -> None:
        """Ask SDDC Manager to cancel a running task, and make sure that it was heard.

        Sent at most once. When the answer is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id, as in `Task.id`.

        Raises:
            TaskNotFound: there is no such task.
            TaskConflict: the task is not running, so there is nothing to cancel.
            OutcomeUnknownError: the answer was lost and the task does not tell.
            NotSentError, DeadlineError: it never got there.

        Source: ``DELETE /v1/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> await session.cancel("16ab8935-805b-4edf-aace-72c98134f667")
        """
        await self._act(Action.CANCEL, task_id)

    async def _act(self, action: Action, task_id: str) -> None:
        outcome = await self._opened().writer.perform(action, checked_id(task_id))
        _raise_unless_accepted(outcome)

    def retry_many(
        self,
        targets: Targets,
        *,
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
        """Retry many tasks, at most *concurrency* at once, with one `Outcome` for each.

        Args:
            targets: tasks or task ids, from any iterable, sync or async; ``session.stream(…)`` is one.
                Of tasks, those that have not failed or that can't be retried are skipped. An async
                generator is closed when the run ends.
            concurrency: requests in flight at most; the session's own bound holds as well.
            force: skip none.
            dry_run: send nothing; each outcome says what would be done.
            rate: requests a second at most.
            stop_after: end the run after so many failures in a row (a whole number), or when so large a
                share has failed (such as 0.2, once 20 are known).
            deadline: seconds for the whole run.
            journal: path of a file that remembers the run. Call again with the same file after a run was
                killed: what was accepted is not sent again, and what may have been is looked at first.
            wait: follow each accepted task to its end, which is the outcome's ``final``; all share one
                poller. A task whose end can't be known says why in its ``reason``.
            summary: keep counts of all, but only the first 1,000 outcomes that went wrong.

        Returns:
            a run that does nothing yet: await it for its `BulkReport`, or use ``async with`` for the
            outcomes as they come. Failures are outcomes, not exceptions; what the source of targets
            raises comes out, with the report so far as its ``report``.

        Raises:
            UsageError: an argument that can't be meant, or a journal that is not this run's.

        Example:
            >>> failed = session.stream(TaskFilter(status=Status.FAILED))
            >>> report = await session.retry_many(failed, concurrency=16)
            >>> report.raise_for_failures()
        """
        return self._many(
            Action.RETRY, targets, concurrency, journal, wait,
            force=force, dry_run=dry_run, rate=rate, stop_after=stop_after, deadline=deadline,
            summary=summary,
        )  # fmt: skip

    def cancel_many(
        self,
        targets: Targets,
        *,
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
        """Cancel many tasks, at most *concurrency* at once, with one `Outcome` for each.

        Takes what `retry_many` takes. Of tasks, those that have ended or that can't be cancelled are
        skipped.

        Example:
            >>> report = await session.cancel_many(["16ab8935-805b-4edf-aace-72c98134f667"])
            >>> report.counts
            Counter({<Result.ACCEPTED: 'accepted'>: 1})
        """
        return self._many(
            Action.CANCEL, targets, concurrency, journal, wait,
            force=force, dry_run=dry_run, rate=rate, stop_after=stop_after, deadline=deadline,
            summary=summary,
        )  # fmt: skip

    def _many(
        self,
        action: Action,
        targets: Targets,
        concurrency: int | None,
        journal: str | os.PathLike[str] | None,
        wait: bool,
        **how: Any,
    ) -> BulkRun:
        wiring = self._opened()

        def follow(task_id: str, before: Task | None) -> Awaitable[Task]:
            return wiring.waits.ended(task_id, before=before, after_retry=action is Action.RETRY)

        if how["deadline"] is not None:
            how["deadline"] = _seconds("deadline", how["deadline"])
        options = Options(
            self._plan.concurrency if concurrency is None else _count("concurrency", concurrency),
            open_journal=None if journal is None else partial(Journal, _path(journal), self.manager, action),
            follow=follow if wait else None,
            **how,
        )
        return BulkRun(action, targets, wiring.writer, wiring.spawn, options)


def _raise_unless_accepted(outcome: Outcome) -> None:
    error = outcome.error
    if outcome.result is Result.ACCEPTED or error is None:
        return
    if isinstance(error, OutcomeUnknownError) and outcome.reason:
        error = copy.copy(error)
        error.args = (f"{error}; {outcome.reason}",)
    raise error


def _filter(where: object) -> TaskFilter | None:
    if where is None or isinstance(where, TaskFilter):
        return where
    raise UsageError("where takes a TaskFilter, such as TaskFilter(status=Status.FAILED)")


def _path(journal: object) -> str | os.PathLike[str]:
    if isinstance(journal, str | os.PathLike) and str(journal):
        return journal
    raise UsageError(f"journal takes the path of a file, not {journal!r}")


def _seconds(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(f"{what} takes seconds above 0, not {value!r}")
    return value


def _count(what: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{what} is a whole number from 1 on, not {value!r}")
    return value
