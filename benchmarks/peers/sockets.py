"""The floor below all clients: bare connections that know nothing of HTTP but where a body ends."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from benchmarks.meters import Meter
from benchmarks.peers import Job
from benchmarks.peers.windowed import windowed
from benchmarks.workload import task_id

_TOTAL_PAGES = re.compile(rb'"totalPages":(\d+)')


class _Line(asyncio.BufferedProtocol):
    """One connection with one request at a time; answers are received in place, without a copy."""

    def __init__(self) -> None:
        self._buffer = bytearray(4 * 1024 * 1024)
        self._filled = 0
        self._ends = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[memoryview]:
        """Send; the body comes as a view, good until the next request."""
        self._filled = self._ends = 0
        self._answer: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        if not self._ends:
            end = self._buffer.find(b"\r\n\r\n", 0, self._filled)
            if end < 0:
                return
            self._begins = end + 4
            length = self._buffer[:end].lower().rpartition(b"content-length:")[2]
            self._ends = self._begins + int(length)
        if self._filled >= self._ends:
            self._answer.set_result(memoryview(self._buffer)[self._begins : self._ends])

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("closed"))


@asynccontextmanager
async def _lines(job: Job) -> AsyncIterator[list[_Line]]:
    """As many connections as requests in flight, opened before the clock starts."""
    place = urlsplit(job.url)
    context = ssl.create_default_context(cafile=job.ca_file) if job.ca_file else None
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(_Line, place.hostname, place.port, ssl=context)
        for _ in range(job.window)
    ]
    try:
        yield [line for _, line in made]
    finally:
        for transport, _ in made:
            transport.close()


async def _listing(job: Job, meter: Meter, loads: Any) -> None:
    async with _lines(job) as lines:

        async def fetch(lane: int, number: int) -> tuple[Any, int]:
            request = b"GET /v1/tasks?pageNumber=%d&pageSize=100 HTTP/1.1\r\nHost: s\r\n\r\n" % number
            body = await lines[lane].ask(request)
            return loads(body), _total_pages(body) if number == 0 else 0

        with meter:
            await windowed(fetch, lambda page: page[1], job.window, lambda page: meter.got(page[0]))


def _total_pages(body: memoryview) -> int:
    found = _TOTAL_PAGES.search(body)
    assert found is not None
    return int(found[1])


async def with_orjson(job: Job, meter: Meter) -> None:
    """Every page as dicts, by the fastest parser there is."""
    import orjson  # noqa: PLC0415 - the bytes alone need none

    await _listing(job, meter, lambda body: orjson.loads(body)["elements"])


async def only_bytes(job: Job, meter: Meter) -> None:
    """Every page's bytes, unread: what the server and the wire take. Counts a page as 100 tasks."""
    hundred = range(100)
    await _listing(job, meter, lambda _: hundred)


async def retries(job: Job, meter: Meter) -> None:
    """One request after another on each connection."""
    ids = iter([task_id(number) for number in range(job.tasks)])
    async with _lines(job) as lines:

        async def work(line: _Line) -> None:
            for one in ids:
                await line.ask(b"PATCH /v1/tasks/%b HTTP/1.1\r\nHost: s\r\n\r\n" % one.encode())
                meter.count += 1

        with meter:
            await asyncio.gather(*map(work, lines))
