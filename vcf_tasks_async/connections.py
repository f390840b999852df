"""The aiohttp session of our own: how it is opened, and which of its connections are fit for a request.

What is sent over them is `transport`'s.
"""

from __future__ import annotations

import logging
import select
from contextvars import ContextVar
from typing import Any, Final

import aiohttp
import anyio
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from vcf_tasks_async.address import Address, Tls, make_context
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.version import __version__

_log = logging.getLogger("vcf_tasks_async")

HEADERS: Final = {"Accept": "application/json", "User-Agent": f"vcf-tasks-async/{__version__}"}
# Longer than any pause between polls: aiohttp's 15 s would connect anew at every look.
_KEEP_ALIVE: Final = 90.0
# Bytes for which a socket or TLS is asked at once. asyncio takes 256 KiB for it each time: from 128 KiB on,
# malloc gets memory from the system and gives it back, which is a fifth of what a small request costs.
_PIECE: Final = 127 * 1024
# Not on Windows.
_CAN_POLL: Final = hasattr(select, "poll")


async def open_http(tls: Tls | None, address: Address) -> tuple[aiohttp.ClientSession, Any]:
    """A client session of our own, and what goes into its ``ssl``.

    No cookies, no proxy or netrc from the environment, no limit below our own slots.
    """
    verdict = await ssl_verdict(tls, address)
    http = aiohttp.ClientSession(
        headers=HEADERS,
        connector=Connector(limit=0, keepalive_timeout=_KEEP_ALIVE),
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
    if tls.fingerprint is not None:
        return aiohttp.Fingerprint(bytes.fromhex(tls.fingerprint))
    return await anyio.to_thread.run_sync(make_context, tls)


def check_lent(http: object) -> None:
    """Whether *http* can be a session to send through.

    Raises:
        UsageError: it can't.
    """
    if http is not None and not isinstance(http, aiohttp.ClientSession):
        raise UsageError("http takes an aiohttp.ClientSession that is open, or nothing")


# What the attempt under way still waits for before anything can be sent; emptied by our own connector.
waiting: Final[ContextVar[list[str]]] = ContextVar("waiting")


class Connector(aiohttp.TCPConnector):
    """Takes no kept connection on which the server has said something since, its end or an answer to nobody.

    aiohttp would send over it, and take what lies there for the answer. It also tells the attempt when it
    has its connection: before that, nothing was sent.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # A new one may have TLS's own words waiting, its session tickets.
        self._new: set[ResponseHandler] = set()

    async def _create_connection(self, *args: Any, **kwargs: Any) -> ResponseHandler:
        protocol = await super()._create_connection(*args, **kwargs)
        _read_in_small_pieces(protocol.transport)
        self._new.add(protocol)
        return protocol

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if self._is_new(connection.protocol) or _is_silent(connection):
                break
            connection.close()
        waiting.get([]).clear()
        return connection

    def _is_new(self, protocol: ResponseHandler | None) -> bool:
        if protocol is None or protocol not in self._new:
            return False
        self._new.remove(protocol)
        return True


def _read_in_small_pieces(transport: Any) -> None:
    # asyncio has no public name for it, and other loops may have none at all: then only time is lost.
    reader: Any
    for reader in (transport, getattr(transport, "_ssl_protocol", None)):
        if hasattr(reader, "max_size"):
            reader.max_size = _PIECE


def _is_silent(connection: Connection) -> bool:
    """Whether nothing has come over the kept *connection* since its last answer."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return False
    sock = transport.get_extra_info("socket")
    if sock is None or not _CAN_POLL:
        return True
    # What has arrived since the loop last looked.
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return not poll.poll(0)
