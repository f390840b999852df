"""One attempt over HTTP, done right: what is sent, its clock, its caps, and what its failure means.

aiohttp lives here and in `connections`, and nowhere else. Which attempts are made, and when, is `caller`'s;
what a failure means for the person, `answers`'.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from yarl import URL

from vcf_tasks_async.address import Address
from vcf_tasks_async.answers import Answer, Trouble, lost, no_tls, not_sent, refused, too_large
from vcf_tasks_async.calls import Call
from vcf_tasks_async.clocks import Clocks
from vcf_tasks_async.connections import HEADERS, Connector, waiting
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.masking import masked
from vcf_tasks_async.policy import Fate, parse_retry_after
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.text import inert

# Decoded bytes. A page of 100 real tasks is some 440 KB; whatever is over this is no page.
BODY_CAP: Final = 64 * 1024 * 1024
ERROR_CAP: Final = 64 * 1024
# Share of an attempt's time after which a connection that is not there yet is given up: so it is known
# that nothing was sent.
_CONNECT_SHARE: Final = 0.8
# What aiohttp itself never sends again, see `_once`.
_SENT_ONCE: Final = frozenset({"PATCH", "POST"})
_JUST_ENDED: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Transport:
    """Sends to one SDDC Manager, once at a time asked.

    Args:
        address: where it is.
        http: the aiohttp session; not closed here.
        ssl: what aiohttp takes as ``ssl``; None leaves it to a lent session.
        proxy: URL of a proxy, or None.
        attempt_timeout: seconds for one attempt at most.
        clocks: those of the session.
    """

    def __init__(
        self,
        address: Address,
        http: aiohttp.ClientSession,
        *,
        clocks: Clocks,
        ssl: Any,
        proxy: str | None,
        attempt_timeout: float,
    ) -> None:
        self._address = address
        self._http = http
        self._base = URL(address.base)
        self._prefix = self._base.raw_path.rstrip("/")
        self._is_own = isinstance(http.connector, Connector)
        # Our own session has them already.
        self._headers = {} if self._is_own else HEADERS
        self._attempt_timeout = attempt_timeout
        self._options: dict[str, Any] = {
            "allow_redirects": False,
            "raise_for_status": False,
            "timeout": _timeout(attempt_timeout),
        }
        # A lent session's own go on working; aiohttp has no public name for them.
        self._middlewares = getattr(http, "_middlewares", ())
        if ssl is not None:
            self._options["ssl"] = ssl
        if proxy is not None:
            self._options["proxy"] = proxy
        self._clocks = clocks
        self._closing = False

    @property
    def is_usable(self) -> bool:
        """Whether the aiohttp session is still open."""
        return not self._http.closed

    def close(self) -> None:
        """From now on, what is cut off was cut off by the end of the session."""
        self._closing = True

    async def attempt(self, call: Call[Any], token: Secret | None, ends: float) -> Answer | Trouble:
        """Send once and read the answer to its end. Never raises for the network's sake.

        Args:
            call: what to send.
            token: the access token, or None for a token call.
            ends: loop time at which the whole call is over.
        """
        now = self._clocks.now()
        window = min(ends - now, self._attempt_timeout)
        cancelled: tuple[Any, ...] | None = None
        waits: list[str] = []
        if self._is_own:
            waits.append("for a connection")
            waiting.set(waits)
        # Exceptions stay in here: their tracebacks would hold aiohttp's frames, and those the header.
        try:
            with self._clocks.until(now + window):
                response = await self._request(call, token, window)
                try:
                    return await _read(response, call, token)
                finally:
                    # Given back already, as soon as the answer was whole.
                    if not response.closed:
                        response.release()
        except asyncio.CancelledError as error:
            cancelled = error.args
        except TimeoutError as error:
            if waits or isinstance(error, aiohttp.ConnectionTimeoutError):
                return not_sent("no connection in time")
            return lost("the session was closed" if self._closing else "no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return _trouble(error)
        except RuntimeError:
            # aiohttp refuses to send at all, or the loop does.
            pass
        if cancelled is not None:
            raise asyncio.CancelledError(*cancelled)
        raise UsageError(
            f"aiohttp can't send to {self._address.name} here: a lent session must belong to this event loop"
        )

    def _request(
        self, call: Call[Any], token: Secret | None, window: float
    ) -> Awaitable[aiohttp.ClientResponse]:
        options = self._options
        if window < self._attempt_timeout:
            # Still less for the connection: what has none when time runs out was provably not sent.
            options = {**options, "timeout": _timeout(window)}
        if self._middlewares or call.method not in _SENT_ONCE:
            options = {**options, "middlewares": (*self._middlewares, _once)}
        return self._http.request(
            call.method,
            self._base.with_path(self._prefix + call.path, encoded=True),
            params=call.query or None,
            data=call.body,
            headers=self._headers_of(call, token),
            **options,
        )

    def _headers_of(self, call: Call[Any], token: Secret | None) -> dict[str, str]:
        headers = self._headers.copy()
        if call.body is not None:
            headers[hdrs.CONTENT_TYPE] = "application/json"
        if token is not None:
            headers[hdrs.AUTHORIZATION] = f"Bearer {token.reveal()}"
        return headers


def _trouble(error: aiohttp.ClientError | OSError) -> Trouble:
    """How far the request came that failed with *error*."""
    match error:
        case aiohttp.ServerFingerprintMismatch():
            return not_sent("its certificate is not the pinned one: renewed, or not SDDC Manager's", Fate.TLS)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return no_tls(error.__cause__ or error)
        case aiohttp.ClientConnectorError():
            return not_sent(f"no connection: {inert(str(error.os_error), limit=200)}")
        case aiohttp.ClientHttpProxyError():
            return not_sent(f"the proxy let nothing through: {error.status} {inert(error.message, limit=80)}")
        case aiohttp.ClientResponseError():
            return lost("the answer is no HTTP")
        case _AnswerLostError():
            return error.trouble
    if (tls := _broken_tls(error)) is not None:
        return lost(f"TLS broke: {inert(str(tls), limit=200)}", Fate.TLS_BROKEN)
    return lost(f"the connection broke: {type(error).__name__}")


def _broken_tls(error: BaseException) -> ssl.SSLError | None:
    """The TLS failure behind *error*; a connection that just ended is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, _JUST_ENDED):
            return cause
        cause = cause.__cause__
    return None


def _timeout(window: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=_CONNECT_SHARE * window)


async def _read(response: aiohttp.ClientResponse, call: Call[Any], token: Secret | None) -> Answer | Trouble:
    """The answer in *response*, read to its end."""
    status = response.status
    if status < 200:
        return lost("it switched to a protocol that nobody asked for")
    if status < 300:
        length = response.content_length
        if length == 0:
            return Answer(status, b"")
        if (length or 0) <= BODY_CAP:
            pieces, is_whole = await _read_capped(response, BODY_CAP)
            if is_whole:
                return Answer(status, b"".join(pieces))
        # Of a write the status tells enough.
        return too_large(status, BODY_CAP) if call.safe else Answer(status, b"")
    # Of what is too long the beginning still tells a person something.
    pieces, _ = await _read_capped(response, ERROR_CAP)
    headers = response.headers
    retry_after = parse_retry_after(
        headers.get("Retry-After"), date=headers.get("Date"), now=datetime.now(UTC)
    )
    secrets = call.secrets_with(token)
    body = masked(b"".join(pieces), secrets)
    location = masked(headers.get("Location", "").encode("utf-8", "surrogateescape"), secrets)
    return refused(Answer(status, body, retry_after, location.decode("utf-8", "surrogateescape")))


async def _read_capped(response: aiohttp.ClientResponse, cap: int) -> tuple[list[bytes], bool]:
    """The decoded body in pieces, *cap* bytes of it at most, and whether that is all of it."""
    pieces: list[bytes] = []
    left = cap
    async for piece in response.content.iter_any():
        pieces.append(piece[:left])
        left -= len(piece)
        if left < 0:
            return pieces, False
    return pieces, True


class _AnswerLostError(aiohttp.ClientError):
    """The connection broke after the request went out."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.words)
        self.trouble = trouble


async def _once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or a DELETE again by itself when the connection turns out dead.

    A DELETE must not go out twice, and a GET not without being counted: an outage would be met with twice
    the requests that the budget allows.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _AnswerLostError(_trouble(error)) from None
