"""What exists only while a session is open: built on entering, torn down on leaving, bound to one loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from vcf_tasks_async.address import Address, Tls
from vcf_tasks_async.api import Api
from vcf_tasks_async.auth import Auth
from vcf_tasks_async.caller import Caller
from vcf_tasks_async.calls import Call, Reply
from vcf_tasks_async.checks import LARGEST_PAGE
from vcf_tasks_async.clocks import Clocks
from vcf_tasks_async.connections import open_http, ssl_verdict
from vcf_tasks_async.errors import ApiError, NotSentError, UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.gate import Gate
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.pages import is_prepared, prepare
from vcf_tasks_async.policy import Policy
from vcf_tasks_async.polling import Poller
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.slots import Limiter, Share
from vcf_tasks_async.stream import FetchPage, SkippingStream, TaskStream
from vcf_tasks_async.tokens import Tokens
from vcf_tasks_async.transport import Transport
from vcf_tasks_async.waiting import Waits
from vcf_tasks_async.writes import Look, Send, Writer

if TYPE_CHECKING:
    import aiohttp

    from vcf_tasks_async.credential_api import CredentialApi

T = TypeVar("T")

# Seconds for giving the refresh token back when a session closes.
_FAREWELL = 0.8


@attrs.frozen
class Plan:
    """What a session was made with; nothing in it is bound to a loop."""

    address: Address
    auth: Auth
    lent: aiohttp.ClientSession | None
    tls: Tls | None
    concurrency: int
    policy: Policy
    proxy: Secret | None
    limiter: Limiter | None = None


class Wiring:
    """The rooms of one open session, wired."""

    def __init__(self, plan: Plan, http: aiohttp.ClientSession, ssl: Any) -> None:
        self._http = http
        self._lent = plan.lent is not None
        self._nursery = Nursery()
        self._closed = False
        self.loop = asyncio.get_running_loop()
        self._clocks = Clocks(self.loop)
        transport = Transport(
            plan.address,
            http,
            ssl=ssl,
            proxy=plan.proxy.reveal() if plan.proxy else None,
            attempt_timeout=plan.policy.attempt_timeout,
            clocks=self._clocks,
        )
        self._caller = Caller(
            transport,
            plan.address.name,
            plan.policy,
            concurrency=plan.concurrency,
            rng=Random(),
            clocks=self._clocks,
            share=None if plan.limiter is None else Share(plan.limiter),
        )
        self._tokens = Tokens(plan.auth, self._exchange, self.spawn, self.loop.time)
        self.api = Api(self._caller, self._tokens)
        self.poller = Poller(self.api.get, self._listing, self.spawn, self.loop)
        self.manager = plan.address.name
        self.concurrency = plan.concurrency
        self.waits = Waits(self.poller, grace=plan.policy.grace, manager=self.manager)
        self.policy = plan.policy
        self.writer = self.make_writer(
            {Action.RETRY: self._retry, Action.CANCEL: self.api.cancel}, self.api.get, plan.policy.deadline
        )

    @classmethod
    async def open(cls, plan: Plan) -> Wiring:
        """Everything that *plan* asks for, over an HTTP session of its own or the one that was lent."""
        if not is_prepared():
            await asyncio.to_thread(prepare)
        if plan.lent is not None:
            return cls(
                plan, plan.lent, None if plan.tls is None else await ssl_verdict(plan.tls, plan.address)
            )
        return cls(plan, *await open_http(plan.tls, plan.address))

    @cached_property
    def credential_api(self) -> CredentialApi:
        """The operations on credential tasks; imported when somebody asks for them."""
        from vcf_tasks_async.credential_api import CredentialApi  # noqa: PLC0415

        return CredentialApi(self._caller, self._tokens)

    async def close(self) -> None:
        """End what is running, give the refresh token back, close the connections."""
        self._closed = True
        self._caller.close()
        try:
            await self._nursery.end()
            try:
                async with asyncio.timeout(_FAREWELL):
                    await self._tokens.revoke()
            except TimeoutError:
                pass
        finally:
            self._clocks.close()
            if not self._lent:
                await self._http.close()

    def make_writer(self, sends: Mapping[Action, Send], look: Look, deadline: float) -> Writer:
        """A writer that sends and looks so; *deadline* as for `Writer`."""
        return Writer(
            sends,
            look,
            self.api.is_credential_task,
            grace=self.policy.grace,
            deadline=deadline,
            sleep=self._caller.sleep,
        )

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run *work* as a task that ends with the session at the latest."""
        if self._closed:
            work.close()
            raise UsageError("the session was closed: open it again with `async with`")
        return self._nursery.start(work)

    def stream(
        self,
        where: TaskFilter,
        prefetch: int,
        *,
        page_size: int,
        strict: bool,
    ) -> TaskStream:
        """A listing for users."""
        fetch = self._pages_of(where)
        return TaskStream(fetch, self.spawn, where, page_size=page_size, prefetch=prefetch, strict=strict)

    def _listing(self, where: TaskFilter, prefetch: int) -> SkippingStream:
        """For who looks again and again: one page that can't be had does not cost the others."""
        fetch = self._pages_of(where)
        return SkippingStream(
            fetch, self.spawn, where, page_size=LARGEST_PAGE, prefetch=prefetch, strict=False
        )

    def _pages_of(self, where: TaskFilter) -> FetchPage:
        return lambda request, arrived: self.api.page(request.number, where, request.size, arrived=arrived)

    def _retry(self, task_id: str, gate: Gate) -> Awaitable[Reply[None]]:
        return self.retrying(task_id, self.api.retry(task_id, gate))

    async def retrying(self, task_id: str, sending: Awaitable[Reply[T]]) -> Reply[T]:
        """Send a retry, and let waits know that the old failure may show for a while."""
        self.waits.retried(task_id)
        try:
            reply = await sending
        except (ApiError, NotSentError):
            self.waits.not_retried(task_id)
            raise
        self.waits.retried(task_id)
        return reply

    async def _exchange(self, call: Call[T]) -> T:
        return (await self._caller.call(call)).value
