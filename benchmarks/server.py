"""As little of an SDDC Manager as a benchmark needs, in a process of its own, so that the client is measured.

Every request is answered after a fixed latency, over keep-alive connections: a login with tokens, a
listing with pages that are encoded already, a write with 200 and an empty body. A second port tells what
was asked since it was asked last.

    python -m benchmarks.server '{"latency": 0.05, "tasks": 10000}'      # prints where it is
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from benchmarks.workload import PAGE, Pages

_SLOW_EVERY, _SLOW_FACTOR = 20, 10


class Serving(NamedTuple):
    """How a server answers.

    Attributes:
        tasks: in the listing; 0 for a server that only takes writes.
        latency: seconds before each answer.
        tls: whether it speaks HTTPS, with a certificate of its own authority.
        gzip: whether it compresses pages for those who ask for it.
        slow_pages: whether one page in 20 takes ten times the latency.
        rate: bytes a second of the link that all answers share; 0 for no limit.
    """

    tasks: int = 0
    latency: float = 0.0
    tls: bool = False
    gzip: bool = False
    slow_pages: bool = False
    rate: float = 0.0


class Site(NamedTuple):
    """Where a server is, as a client needs to know it."""

    url: str
    ca_file: str | None
    meter: str


@contextlib.contextmanager
def serving(how: Serving) -> Iterator[Site]:
    """A server in a process of its own, until the block is left."""
    command = [sys.executable, "-m", "benchmarks.server", json.dumps(how._asdict())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Site(*json.loads(process.stdout.readline()))
        finally:
            process.kill()


def read_meter(site: Site) -> dict[str, int]:
    """What was asked of the server since the last reading."""
    with urllib.request.urlopen(site.meter) as answer:  # noqa: S310 - our own server on loopback
        return dict(json.load(answer))


class _Meter:
    """Requests, how many at once, bytes, connections."""

    def __init__(self) -> None:
        self.now = 0
        self.reset()

    def reset(self) -> None:
        self.lists = self.writes = self.connections = self.sent = 0
        self.highest = self.now

    def read(self) -> bytes:
        names = ("lists", "writes", "connections", "sent", "highest")
        found = json.dumps({name: getattr(self, name) for name in names}).encode()
        self.reset()
        return found


class _Link:
    """A link of so many bytes a second: an answer is handed over when its last byte would have come."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._free_at = 0.0

    def arrival(self, now: float, size: int) -> float:
        """Seconds from *now* at which an answer of *size* bytes, ready now, has come through."""
        self._free_at = max(self._free_at, now) + size / self._rate
        return self._free_at - now


_TOKENS = json.dumps({"accessToken": "e30.e30.", "refreshToken": {"id": "r"}}).encode()


class _Answers:
    """What is answered, and when."""

    def __init__(self, how: Serving) -> None:
        self._how = how
        self._pages = Pages(how.tasks, gzipped=how.gzip)
        self._link = _Link(how.rate) if how.rate else None
        self.meter = _Meter()

    def answer(self, head: bytes) -> tuple[bytes, bytes]:
        """Head and body for a request. The request's own head comes in lower case."""
        method, target, _ = head.split(b" ", 2)
        if target.startswith(b"/v1/tokens"):
            return _head(_TOKENS), _TOKENS
        if method == b"get" and target.startswith(b"/v1/tasks"):
            self.meter.lists += 1
            number, size = _wanted(target)
            if self._how.gzip and b"gzip" in head:
                body = self._pages.gzipped(number, size)
                return _head(body, b"Content-Encoding: gzip\r\n"), body
            body = self._pages.page(number, size)
            return _head(body), body
        self.meter.writes += 1
        return _head(b""), b""

    def delay(self, head: bytes, size: int, now: float) -> float:
        """Seconds before the answer to a request, *size* bytes of it, is written."""
        latency = self._how.latency
        if self._how.slow_pages and head.startswith(b"get /v1/tasks?"):
            number, _ = _wanted(head.split(b" ", 2)[1])
            if number % _SLOW_EVERY == _SLOW_EVERY // 2:
                latency *= _SLOW_FACTOR
        return latency if self._link is None else latency + self._link.arrival(now, size)


def _head(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n" % (
        more,
        len(body),
    )


def _wanted(target: bytes) -> tuple[int, int]:
    query = parse_qs(urlsplit(target.decode()).query)
    return int(query.get("pagenumber", ["0"])[0]), int(query.get("pagesize", [PAGE])[0])


class _Connection(asyncio.Protocol):
    """One connection. Answers keep the order of their requests, since the latency is the same for all."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # Everything into the kernel's hands at once: a full buffer is the client's affair.
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._answers.meter.connections += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._ask(head)

    def _ask(self, head: bytes) -> None:
        meter = self._answers.meter
        answer = self._answers.answer(head)
        meter.now += 1
        meter.highest = max(meter.highest, meter.now)
        delay = self._answers.delay(head, len(answer[1]), self._loop.time())
        if delay > 0:
            self._loop.call_later(delay, self._write, *answer)
        else:
            self._write(*answer)

    def _write(self, head: bytes, body: bytes) -> None:
        meter = self._answers.meter
        meter.now -= 1
        meter.sent += len(head) + len(body)
        if not self._transport.is_closing():
            self._transport.writelines((head, body))


class _MeterReading(asyncio.Protocol):
    """Tells the meter to whoever connects and asks."""

    def __init__(self, meter: _Meter) -> None:
        self._meter = meter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        body = self._meter.read()
        self._transport.write(_head(body, b"Connection: close\r\n") + body)
        self._transport.close()


async def _serve(how: Serving) -> None:
    loop = asyncio.get_running_loop()
    answers = _Answers(how)
    certificate: Any = None
    if how.tls:
        from vcf_tasks_async.testing.tls import ServerCertificate  # noqa: PLC0415 - needs an extra

        certificate = ServerCertificate("127.0.0.1")
    server = await loop.create_server(
        lambda: _Connection(answers),
        "127.0.0.1",
        0,
        backlog=1024,
        ssl=certificate.context if certificate else None,
    )
    meter = await loop.create_server(lambda: _MeterReading(answers.meter), "127.0.0.1", 0)
    port, meter_port = (found.sockets[0].getsockname()[1] for found in (server, meter))
    url = f"{'https' if how.tls else 'http'}://127.0.0.1:{port}"
    ca_file = certificate.ca_file if certificate else None
    print(json.dumps([url, ca_file, f"http://127.0.0.1:{meter_port}/meter"]), flush=True)
    # Also gone when the one who started it is.
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


if __name__ == "__main__":
    asyncio.run(_serve(Serving(**json.loads(sys.argv[1]))))
