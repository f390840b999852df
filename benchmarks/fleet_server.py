"""Many small SDDC Managers in one process, each on its own port, with next to no work of their own.

`python fleet_server.py <managers> <tasks> <latency in seconds>` prints their ports in one line of JSON. Each
serves tasks of real size with ids of its own, pages them as the API does, logs in everyone and accepts every
write. Nothing changes: the client is what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from vcf_tasks_async.testing import SddcManagerSimulator

# Stands in each id for the manager's own number.
_MARK = b"-4d54-"
_TOKENS = json.dumps({"accessToken": "e30.e30.", "refreshToken": {"id": "r"}}).encode()


def tasks_of(count: int) -> list[bytes]:
    """Tasks as JSON, half of them failed, with the mark in each id."""
    simulator = SddcManagerSimulator(tasks=count, failed=0.5, running=0, not_retryable=0, credential_tasks=0)
    raw = list(simulator.snapshot().values())
    for number, task in enumerate(raw):
        task["id"] = f"3ee54a9a-5d0f{_MARK.decode()}8d26-{number:012x}"
    return [json.dumps(task, separators=(",", ":")).encode() for task in raw]


class Manager(asyncio.Protocol):
    """One connection to one manager."""

    def __init__(self, number: int, tasks: list[bytes], latency: float) -> None:
        self._mark = f"-{number:04x}-".encode()
        self._tasks = tasks
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = 0
            if (at := head.lower().find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._loop.call_later(self._latency, self._answer, head)

    def _answer(self, head: bytes) -> None:
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        body = b""
        if method == "POST":
            body = _TOKENS
        elif method == "GET":
            body = self._page(parse_qs(urlsplit(target).query))
        if not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body)
            )

    def _page(self, query: dict[str, list[str]]) -> bytes:
        size, number = int(query.get("pageSize", ["100"])[0]), int(query.get("pageNumber", ["1"])[0])
        total = len(self._tasks)
        elements = self._tasks[(number - 1) * size : number * size]
        about = {
            "pageNumber": number, "pageSize": len(elements),
            "totalElements": total, "totalPages": -(-total // size),
        }  # fmt: skip
        page = b'{"elements":[%s],"pageMetadata":%s}' % (b",".join(elements), json.dumps(about).encode())
        return page.replace(_MARK, self._mark)


async def main(managers: int, count: int, latency: float) -> None:
    """Serve until killed."""
    loop, tasks = asyncio.get_running_loop(), tasks_of(count)
    servers = [
        await loop.create_server(lambda n=n: Manager(n, tasks, latency), "127.0.0.1", 0, backlog=256)
        for n in range(managers)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
