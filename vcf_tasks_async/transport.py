"""One HTTP call, done right: its slot, its clock, its caps, its repeats, and what its failure means.

aiohttp lives here and nowhere else. The rules are `policy`'s, the tokens `auth`'s; what is sent and
how it is read comes from `api`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, TypeVar

import aiohttp
import anyio

from vcf_tasks_async.address import Address, Tls, make_context
from vcf_tasks_async.answers import (
    Answer,
    Trouble,
    error_for,
    lost,
    not_sent,
    refused,
    too_large,
    undecodable,
)
from vcf_tasks_async.calls import Call, Reply, TokenSource
from vcf_tasks_async.errors import DeadlineError, DecodeError, NotSentError, UsageError, VcfTasksError
from vcf_tasks_async.policy import (
    Failure,
    Fate,
    Policy,
    RepeatBudget,
    delay_before,
    may_repeat,
    parse_retry_after,
)
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.text import inert

_log = logging.getLogger("vcf_tasks_async")
T = TypeVar("T")

# Decoded bytes. A page of 100 real tasks is some 440 KB; whatever is over this is no page.
BODY_CAP: Final = 64 * 1024 * 1024
ERROR_CAP: Final = 64 * 1024
# Longer than any pause between polls: aiohttp's 15 s would connect anew at every look.
_KEEP_ALIVE: Final = 90.0
# Share of an attempt's time after which a connection that is not there yet is given up: so it is known
# that nothing was sent.
_CONNECT_SHARE: Final = 0.8


async def open_http(tls: Tls | None, address: Address) -> tuple[aiohttp.ClientSession, Any]:
    """A client session of our own, and what goes into its ``ssl``.

    No cookies, no proxy or netrc from the environment, no limit below our own slots.
    """
    verdict = await ssl_verdict(tls, address)
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
    return http, verdict


async def ssl_verdict(tls: Tls | None, address: Address) -> Any:
    """What aiohttp takes as ``ssl`` for *tls*: a context, a fingerprint, or False with a warning."""
    if not address.base.startswith("https:"):
        return True
    tls = tls or Tls()
    if not tls.verify:
        _log.warning("the certificate of %s is not verified: whoever answers gets the password", address.name)
        return False
    if tls.pinned is not None:
        return aiohttp.Fingerprint(tls.pinned)
    return await anyio.to_thread.run_sync(make_context, tls)


class Transport:
    """Sends calls to one SDDC Manager.

    Args:
        http: the aiohttp session; not closed here.
        ssl: what aiohttp takes as ``ssl``; None leaves it to a borrowed session.
        concurrency: requests in flight at most.
        rng: for jitter.
        lent: *http* is somebody else's, and so are its middlewares.
    """

    def __init__(
        self,
        address: Address,
        policy: Policy,
        http: aiohttp.ClientSession,
        *,
        ssl: Any,
        concurrency: int,
        proxy: str | None,
        user_agent: str,
        rng: Random,
        lent: bool,
    ) -> None:
        self._address = address
        self._policy = policy
        self._http = http
        self._slots = anyio.Semaphore(concurrency, fast_acquire=True)
        self._budget = RepeatBudget(policy.budget)
        self._rng = rng
        self._user_agent = user_agent
        self._options: dict[str, Any] = {
            "allow_redirects": False,
            "raise_for_status": False,
            "timeout": aiohttp.ClientTimeout(total=None, connect=_CONNECT_SHARE * policy.attempt_timeout),
        }
        if ssl is not None:
            self._options["ssl"] = ssl
        if proxy is not None:
            self._options["proxy"] = proxy
        self._write_options = self._options if lent else {**self._options, "middlewares": (_once,)}
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Send nothing more: whoever queues or pauses is told at once."""
        self._closing.set()

    async def call(self, call: Call[T], tokens: TokenSource | None = None) -> Reply[T]:
        """Send *call*, again where that is allowed, and read its answer.

        Raises:
            ApiError: the server said no; its subclass says how.
            NotSentError: it never got there.
            OutcomeUnknownError: a write was sent and its answer lost.
            DeadlineError: time ran out (for a write: before it was sent).
            TransportError: no usable answer to a read.
            DecodeError: an answer to a read that can't be read.
        """
        ends = asyncio.get_running_loop().time() + self._policy.deadline
        self._budget.give()
        attempts = renewals = 0
        while True:
            token = await self._enter(call, tokens, ends, attempts)
            try:
                # A token call may still go out: the farewell, which gives the refresh token back.
                if (tokens is not None and self._closing.is_set()) or self._http.closed:
                    raise self._closed(call, attempts)
                if not call.proceed():
                    raise self._not_sent(call, attempts, "the run was ended")
                attempts += 1
                outcome = await self._attempt(call, token, ends)
            finally:
                # Token calls have no slot: one that waited for it while all callers hold theirs would
                # wait for ever.
                if tokens is not None:
                    self._slots.release()
            if isinstance(outcome, Answer):
                if token is not None and tokens is not None:
                    tokens.accepted(token)
                trouble = await self._read(call, outcome)
                if not isinstance(trouble, Trouble):
                    return Reply(trouble[0], attempts)
            else:
                trouble = outcome
            rejected = trouble.failure.status
            if token is not None and tokens is not None and rejected in (401, 403) and renewals < 2:
                renewals += 1
                if await self._renewed(call, tokens, token, ends, attempts, certain=rejected == 401):
                    continue
            pause = self._pause(call, trouble.failure, attempts + 1, ends)
            if pause is None or self._closing.is_set():
                raise error_for(trouble, what=call.what, safe=call.safe, **self._where(call, attempts))
            _log.debug(
                "%s %s at %s: %s; again in %.2f s",
                call.method, inert(call.path, limit=200), self._address.name, trouble.words, pause,
            )  # fmt: skip
            await self._sleep(pause)

    async def _sleep(self, pause: float) -> None:
        """Sleep for *pause* seconds, or until the session closes."""
        try:
            async with asyncio.timeout(pause):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def _enter(
        self, call: Call[T], tokens: TokenSource | None, ends: float, attempts: int
    ) -> Secret | None:
        """Wait for a token and a slot; returns holding the slot (but for token calls, which take none)."""
        if tokens is None:
            return None
        try:
            async with asyncio.timeout_at(ends):
                while True:
                    if tokens.current() is None:
                        await tokens.ready()
                    await self._slots.acquire()
                    token = tokens.current()
                    if token is not None:
                        return token
                    # It expired or was rejected while we queued.
                    self._slots.release()
        except TimeoutError as error:
            if isinstance(error, VcfTasksError):
                raise
        raise self._deadline(call, attempts, "while it waited for its turn")

    async def _renewed(
        self, call: Call[T], tokens: TokenSource, token: Secret, ends: float, attempts: int, *, certain: bool
    ) -> bool:
        try:
            async with asyncio.timeout_at(ends):
                return await tokens.renew(token, certain=certain)
        except TimeoutError as error:
            if isinstance(error, VcfTasksError):
                raise
        raise self._deadline(call, attempts, "while it waited for a new token")

    async def _attempt(self, call: Call[T], token: Secret | None, ends: float) -> Answer | Trouble:
        """Send once and read the answer to its end. Never raises for the network's sake."""
        until = min(ends, asyncio.get_running_loop().time() + self._policy.attempt_timeout)
        # The exception itself stays here: its traceback would hold aiohttp's frames, and those the header.
        try:
            async with (
                asyncio.timeout_at(until),
                self._http.request(
                    call.method,
                    self._address.base + call.path,
                    params=call.query or None,
                    data=call.body,
                    headers=self._headers(call, token),
                    **(self._options if call.safe else self._write_options),
                ) as response,
            ):
                body = await _read_capped(response, BODY_CAP if response.status < 300 else ERROR_CAP)
                if body is None:
                    if response.status < 300 and call.safe:
                        return too_large(response.status, BODY_CAP)
                    # Of a write the status tells enough, and of an error too.
                    body = b""
                answer = _answer(response, body)
        except aiohttp.ConnectionTimeoutError:
            return not_sent("no connection in time")
        except TimeoutError:
            return lost("no answer in time")
        except aiohttp.ServerFingerprintMismatch:
            return not_sent("its certificate is not the pinned one", Fate.TLS)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            return not_sent(f"TLS: {inert(str(error.__cause__ or error), limit=200)}", Fate.TLS)
        except aiohttp.ClientConnectorError as error:
            return not_sent(f"no connection: {inert(str(error.os_error), limit=200)}")
        except aiohttp.InvalidURL:
            raise UsageError(f"{self._address.base} is no address that can be called") from None
        except (aiohttp.ClientError, OSError) as error:
            return lost(f"the connection broke: {type(error).__name__}")
        if answer.status < 300:
            return answer
        return refused(answer)

    def _headers(self, call: Call[T], token: Secret | None) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": self._user_agent}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        return headers

    async def _read(self, call: Call[T], answer: Answer) -> tuple[T] | Trouble:
        try:
            return (await call.read(answer.body),)
        except DecodeError as error:
            return undecodable(answer, error)

    def _pause(self, call: Call[T], failure: Failure, attempt: int, ends: float) -> float | None:
        """Seconds until *attempt*; None when there is to be none: by the rules, the clock or the budget."""
        if not call.repeat or not may_repeat(failure, safe=call.safe):
            return None
        pause = delay_before(attempt, failure, self._policy, rng=self._rng)
        if pause is None or asyncio.get_running_loop().time() + pause >= ends:
            return None
        return pause if self._budget.take() else None

    def _deadline(self, call: Call[T], attempts: int, when: str) -> DeadlineError:
        return DeadlineError(
            f"{call.what} at {self._address.name}: {self._policy.deadline:g} s passed {when};"
            " raise Policy.deadline or the concurrency if that is too short",
            **self._where(call, attempts),
        )

    def _not_sent(self, call: Call[T], attempts: int, why: str) -> NotSentError:
        return NotSentError(
            f"{call.what} at {self._address.name}: not sent, {why}", **self._where(call, attempts)
        )

    def _closed(self, call: Call[T], attempts: int) -> VcfTasksError:
        if self._closing.is_set():
            return self._not_sent(call, attempts, "the session was closed")
        return UsageError("the aiohttp session that was lent is closed: keep it open as long as this one")

    def _where(self, call: Call[T], attempts: int) -> dict[str, Any]:
        return {
            "manager": self._address.name,
            "method": call.method,
            "path": call.path,
            "attempts": attempts,
        }


class _AnswerLostError(aiohttp.ClientError):
    """The connection broke after the request went out."""


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a DELETE again by itself when a kept connection turns out dead."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _AnswerLostError(type(error).__name__) from None


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    if response.status < 300:
        return Answer(response.status, body)
    headers = response.headers
    retry_after = parse_retry_after(
        headers.get("Retry-After"), date=headers.get("Date"), now=datetime.now(UTC)
    )
    return Answer(response.status, body, retry_after, headers.get("Location"))


async def _read_capped(response: aiohttp.ClientResponse, cap: int) -> bytes | None:
    """The decoded body, or None when it is larger than *cap* bytes."""
    if (response.content_length or 0) > cap:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > cap:
            return None
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
