"""`TaskSession`: the face that users hold. Checks what it is given, and hands on to the rooms below."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vcf_tasks_async.acts import Acts
from vcf_tasks_async.address import Tls, checked_id, parse_address, parse_proxy
from vcf_tasks_async.auth import ApiKeyAuth, Auth, BearerAuth, IdTokenAuth, PasswordAuth
from vcf_tasks_async.checks import checked_count, checked_size
from vcf_tasks_async.collection import TaskCollection
from vcf_tasks_async.connections import check_lent
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.filters import TaskFilter, checked_filter
from vcf_tasks_async.folding import compact
from vcf_tasks_async.follows import Follows
from vcf_tasks_async.models import Task, TaskPage
from vcf_tasks_async.policy import Policy
from vcf_tasks_async.slots import Limiter
from vcf_tasks_async.stream import TaskStream
from vcf_tasks_async.upkeep import Upkeep
from vcf_tasks_async.wiring import Plan, Wiring

if TYPE_CHECKING:
    import aiohttp

    from vcf_tasks_async.credentials import Credentials


class TaskSession(Acts, Follows, Upkeep):
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
        limiter: a bound on requests in flight that several sessions share, above `concurrency`.

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
        limiter: Limiter | None = None,
    ) -> None:
        try:
            address, hidden_proxy = parse_address(url, allow_http=allow_http), parse_proxy(proxy)
        finally:
            # Credentials in them stand in no traceback's locals.
            del url, proxy
        if not isinstance(auth, PasswordAuth | ApiKeyAuth | IdTokenAuth | BearerAuth):
            raise UsageError("auth takes PasswordAuth, ApiKeyAuth, IdTokenAuth or BearerAuth")
        if tls is not None and not isinstance(tls, Tls):
            raise UsageError("tls takes Tls(ca_file=…), Tls(fingerprint=…) or Tls(verify=False)")
        if not isinstance(policy, Policy):
            raise UsageError("policy takes a Policy, such as Policy(deadline=60)")
        check_lent(http)
        if limiter is not None and not isinstance(limiter, Limiter):
            raise UsageError("limiter takes a Limiter that sessions share, such as Limiter(64)")
        slots = checked_count("concurrency", concurrency)
        self._plan = Plan(address, auth, http, tls, slots, policy, hidden_proxy, limiter)
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

    @property
    def credentials(self) -> Credentials:
        """The credential (password) tasks: list, get, retry and cancel them.

        Example:
            >>> async for task in session.credentials.stream(TaskFilter(status=Status.FAILED)):
            ...     print(task.type, task.cause)
        """
        # Few programs need it, and its classes take a while to make.
        from vcf_tasks_async.credentials import Credentials  # noqa: PLC0415

        return Credentials(self._opened)

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
            return await api.page(number, checked_filter(where), size)
        if number is not None:
            raise UsageError("limit and a page number don't go together: give one of them")
        return await api.page(None, checked_filter(where), limit=limit)

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
            prefetch: pages in flight at once; twice as many are held at most, six times as many while the
                reader waits for one that is slow.
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
        where = checked_filter(where)
        size = checked_size(page_size)
        return wiring.stream(where, checked_count("prefetch", prefetch), page_size=size, strict=strict)

    async def collect(
        self,
        where: TaskFilter | None = None,
        *,
        page_size: int = 100,
        prefetch: int = 4,
        strict: bool = False,
    ) -> TaskCollection:
        """All tasks that *where* means, kept: for those who hold thousands of them for a while.

        Takes what `stream` takes and reads what it reads, but keeps each task compact (some five kilobytes
        instead of eleven): its subtasks, errors and resources are structured when they are first read.

        Returns:
            the tasks, in server order, with ``complete`` and ``malformed`` of the stream.

        Raises:
            ApiError, TransportError, DecodeError: see `get`. What was read till then is lost: `stream` for
                those who want it.

        Source: ``GET /v1/tasks``, VMware Cloud Foundation API 9.0.

        Example:
            >>> tasks = await session.collect(TaskFilter(status=Status.FAILED))
            >>> len(tasks), tasks.complete
            (121, True)
        """
        async with self.stream(where, page_size=page_size, prefetch=prefetch, strict=strict) as stream:
            tasks = [compact(task) async for task in stream]
        return TaskCollection(tuple(tasks), complete=stream.complete, malformed=tuple(stream.malformed))

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
