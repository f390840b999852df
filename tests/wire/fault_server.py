"""A server of raw sockets that does what its script says, down to the byte, and records all it received.

Knows just enough HTTP/1.1 to read one request after the other. By itself it is a small SDDC Manager
(tokens, tasks by id, retry, cancel); each call can be told to answer otherwise: any bytes, late, cut
short, dripping, or not at all with the connection closed, reset or hanging.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

PASSWORD = "cAnArY-password"
REFRESH = "cAnArY-refresh"
ACCESS = "cAnArY-access"
"""Every access token begins so, every refresh token's id too: none may be seen outside the wire."""
CANARY = "cAnArY"


@dataclass(slots=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        # To a proxy, whole URLs are sent.
        return re.sub(r"^http://[^/]*", "", self.target.partition("?")[0])

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What one request gets. Without a status nothing is answered."""

    status: int | None = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str | None = "application/json"
    delay: float = 0.0
    """Seconds before the answer."""
    then: Literal["keep", "close", "reset"] = "keep"
    cut: int | None = None
    """Promise the whole body, send this much of it, then close."""
    drip: float | None = None
    """Seconds between two bytes of the body, or of what is sent instead."""
    raw: bytes | None = None
    """Instead of a whole answer."""
    dress: Callable[[bytes], bytes] | None = None
    """Makes the whole answer of the body that is due anyway."""
    endless: float | None = None
    """Seconds between one `raw` and the next, for as long as somebody is there."""
    beneath: bytes = b""
    """What follows on the bare connection, beneath the TLS."""
    afterwards: bytes = b""
    """What follows a whole answer a moment later, unasked."""

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Whatever", f"Content-Length: {len(self.body)}"]
        if self.kind is not None and self.body:
            lines.append(f"Content-Type: {self.kind}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


def doc(document: Any, status: int = 200, **other: Any) -> Reply:
    return Reply(status, json.dumps(document).encode(), **other)


def html(status: int, **other: Any) -> Reply:
    body = f"<html><head><title>{status}</title></head><body><hr><center>nginx</center></body></html>"
    return Reply(status, body.encode(), kind="text/html", **other)


def refusal(status: int, code: str = "TA_NO", message: str = "It can't be done", **other: Any) -> Reply:
    return doc({"errorCode": code, "message": message, "referenceToken": "REF123"}, status, **other)


def gzipped(document: Any) -> Reply:
    return Reply(200, gzip.compress(json.dumps(document).encode()), {"Content-Encoding": "gzip"})


def task(task_id: str, status: str = "Failed", **other: Any) -> dict[str, Any]:
    return {"id": task_id, "name": "Backup", "status": status, "subTasks": [], **other}


RESET = Reply(None, then="reset")
CLOSE = Reply(None, then="close")
HANG = Reply(None, delay=3600)
GARBAGE = Reply(200, b"\x00\xff{ not json")
TRUNCATED = Reply(200, json.dumps(task("a")).encode(), cut=10)

Answering = Callable[[Seen], Reply]


class FaultServer:
    """`async with FaultServer() as server: server.script("GET", "/v1/tasks/a", RESET, html(502))`.

    Attributes:
        requests: every request that arrived whole.
        raw: every byte received after any TLS.
        connections: connections made so far, after their handshake.
        hellos: handshakes begun.
        most_at_once: requests with a token that were being answered at the same moment, at most.
        accepts: whether an access token is good.
        on_connect: faults for the next connections, before anything is read: "close", "reset", "hang", or
            bytes to say before it is closed.
        open: the connections that are there now, by number.
        reads_bodies: whether a request's body is read before it is answered.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, scheme: str | None = None) -> None:
        self._scheme = scheme or ("https" if tls else "http")
        self.requests: list[Seen] = []
        self.raw = bytearray()
        self.connections = self.hellos = 0
        self.most_at_once = 0
        self.accepts: Callable[[str | None], bool] = lambda token: token is not None
        self.password = PASSWORD
        self.on_connect: deque[str | bytes] = deque()
        self.open: set[int] = set()
        self.reads_bodies = True
        self._answering = 0
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self.tasks: dict[str, dict[str, Any]] = {"a": task("a")}
        self._tls = tls
        self._scripts: list[tuple[str, re.Pattern[str], deque[Reply | Answering]]] = []
        self._issued = 0
        self._in_flight = 0
        self._handlers: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        if self._tls:
            self._tls.sni_callback = self._hello
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Listen no more, and drop every connection."""
        assert self._server is not None
        self._server.close()
        for handler in list(self._handlers):
            handler.cancel()
        if self._handlers:
            await asyncio.wait(self._handlers)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def script(self, method: str, path: str, *replies: Reply | Answering) -> None:
        """Answer the next calls of *method* to *path* (regular expressions) so; then as usual again."""
        self._scripts.append((method, re.compile(path), deque(replies)))

    def always(self, method: str, path: str, reply: Reply | Answering) -> None:
        """Answer every call of *method* to *path* so."""
        self.script(method, path, *[reply] * 10_000)

    def reset_scripts(self) -> None:
        """Forget what was scripted."""
        self._scripts.clear()

    def count(self, method: str, path: str = ".*") -> int:
        return len(self.select(method, path))

    def select(self, method: str, path: str = ".*") -> list[Seen]:
        return [r for r in self.requests if re.fullmatch(method, r.method) and re.fullmatch(path, r.path)]

    def expire_tokens(self) -> None:
        """No access token that was sent so far is good any more."""
        spent = {seen.token for seen in self.requests}
        self.accepts = lambda token: token not in spent

    async def left(self) -> None:
        """Return when no client is connected any more."""
        while self.open:
            await asyncio.sleep(0.001)

    def hang_up(self) -> None:
        """End every connection now, before the loop turns: nobody can have noticed yet."""
        for writer in self._writers.values():
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    def say(self, unasked: bytes) -> None:
        """Say it over every connection now, before the loop turns."""
        for writer in self._writers.values():
            os.write(writer.get_extra_info("socket").fileno(), unasked)

    async def has_said_all(self) -> None:
        """Return when nothing more will be sent unless something is asked."""
        while self._answering:
            await asyncio.sleep(0.001)

    @property
    def logins(self) -> int:
        return self.count("POST", "/v1/tokens")

    @property
    def refreshes(self) -> int:
        return self.count("PATCH", "/v1/tokens/access-token/refresh")

    def _hello(self, *_: object) -> None:
        self.hellos += 1

    # --- the wire -----------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        self.connections += 1
        number = self.connections
        self.open.add(number)
        self._writers[number] = writer
        try:
            if self.on_connect:
                await _fail(self.on_connect.popleft(), reader, writer)
                return
            while (seen := await self._read(reader, number)) is not None:
                if not await self._answer(seen, reader, writer):
                    return
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            _end(writer, reset=False)
            self.open.discard(number)
            del self._writers[number]
            self._handlers.discard(handler)

    async def _read(self, reader: asyncio.StreamReader, connection: int) -> Seen | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as cut:
            self.raw += cut.partial
            return None
        self.raw += head
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        length = int(headers.get("content-length", 0)) if self.reads_bodies else 0
        body = await reader.readexactly(length)
        self.raw += body
        seen = Seen(method, target, headers, body, connection)
        self.requests.append(seen)
        return seen

    async def _answer(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether the connection goes on."""
        self._answering += 1
        try:
            return await self._answered(seen, reader, writer)
        finally:
            self._answering -= 1

    async def _answered(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        counted = seen.token is not None
        self._in_flight += counted
        self.most_at_once = max(self.most_at_once, self._in_flight)
        try:
            reply = self._reply(seen)
            if reply.delay and await _left(reader, reply.delay):
                return False
            # One turn of the loop, so that requests sent together are seen together.
            await asyncio.sleep(0)
        finally:
            self._in_flight -= counted
        if reply.dress is not None:
            reply = replace(reply, raw=reply.dress(self.usual(seen).body))
        if reply.status is not None or reply.raw is not None:
            await _send(reader, writer, reply)
        if reply.then != "keep" or reply.cut is not None or reply.status is None:
            await _drained(writer)
            _end(writer, reset=reply.then == "reset")
            return False
        return True

    def _reply(self, seen: Seen) -> Reply:
        for method, path, replies in self._scripts:
            if replies and re.fullmatch(method, seen.method) and path.fullmatch(seen.path):
                reply = replies.popleft()
                return reply(seen) if callable(reply) else reply
        return self.usual(seen)

    # --- the small SDDC Manager ----------------------------------------------------------------------

    def usual(self, seen: Seen) -> Reply:
        """What is answered where no script says otherwise."""
        if seen.path.startswith("/v1/tokens"):
            return self._token_call(seen)
        if not self.accepts(seen.token):
            return refusal(401, "Unauthorized", "Not authorized to access the resource")
        if seen.path == "/v1/tasks":
            return doc(
                {
                    "elements": list(self.tasks.values()),
                    "pageMetadata": {
                        "pageNumber": 1,
                        "pageSize": len(self.tasks),
                        "totalElements": len(self.tasks),
                        "totalPages": 1,
                    },
                }
            )
        found = self.tasks.get(seen.path.rpartition("/")[2])
        if found is None:
            return refusal(404, "TA_TASK_NOT_FOUND", "The task was not found")
        return doc(found) if seen.method == "GET" else Reply(200)

    def _token_call(self, seen: Seen) -> Reply:
        if seen.method == "DELETE":
            return Reply(204)
        if seen.method == "POST":
            wrong = seen.json.get("password", PASSWORD) != self.password
            return refusal(401, "IDENTITY_UNAUTHORIZED_ENTITY", "Not authorized") if wrong else self.pair()
        return doc(self.new_token())

    def new_token(self) -> str:
        self._issued += 1
        return f"{ACCESS}-{self._issued}"

    def pair(self, access: str | None = None) -> Reply:
        """The answer to a login."""
        return doc(
            {"accessToken": access or self.new_token(), "refreshToken": {"id": f"{REFRESH}-{self._issued}"}},
            201,
        )


def is_servers(task: asyncio.Task[Any]) -> bool:
    """Whether a server's *task* it is, and none of the client's."""
    return any(name in repr(task) for name in ("FaultServer", "StreamReader", "_accept_connection2"))


async def _left(reader: asyncio.StreamReader, within: float, *, quiet: bool = True) -> bool:
    """Whether the client goes away in that many seconds; one that is *quiet* sends nothing meanwhile."""
    if not within:
        await asyncio.sleep(0)
        return reader.at_eof()
    end = asyncio.ensure_future(reader.read(1 if quiet else -1))
    try:
        done, _ = await asyncio.wait({end}, timeout=within)
        return bool(done)
    finally:
        end.cancel()


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply) -> None:
    """Send all of *reply*, or as much as the client stays for."""
    body = reply.body if reply.cut is None else reply.body[: reply.cut]
    if reply.raw is None:
        writer.write(reply.head())
    else:
        body = reply.raw
    pace = reply.drip if reply.drip is not None else reply.endless
    pieces = [body] if reply.drip is None else [body[i : i + 1] for i in range(len(body))]
    while True:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if pace is not None and await _left(reader, pace):
                # A connection that is closed on their side only would take bytes for ever.
                raise ConnectionResetError
        if reply.endless is None:
            break
    if reply.beneath:
        os.write(writer.get_extra_info("socket").fileno(), reply.beneath)
        await _left(reader, 3600)
        raise ConnectionResetError
    if reply.afterwards:
        await asyncio.sleep(0.005)
        writer.write(reply.afterwards)
        await writer.drain()


async def _fail(how: str | bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if how == "hang":
        # What comes is not read: only the end of it is waited for.
        await _left(reader, 3600, quiet=False)
    elif isinstance(how, bytes):
        await reader.read(1)
        writer.write(how)
        await writer.drain()
    _end(writer, reset=how == "reset")


async def _drained(writer: asyncio.StreamWriter) -> None:
    if not writer.is_closing():
        await writer.drain()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset and not writer.is_closing():
        # Linger on, for 0 seconds: the kernel then sends RST instead of FIN.
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if reset:
        writer.transport.abort()
    else:
        writer.close()


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port that answers no connection attempt, as a firewall or a machine that is off does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # Whoever comes while the queue is full is left without an answer.
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
