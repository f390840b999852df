"""The tasks that every client is measured on: generated, of real size, and the same in every run.

10,000 of them are all different. A listing of more repeats their bodies, each time with ids and creation
times of its own, so that 100,000 tasks (440 MB) take the server no more memory than 10,000.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

from vcf_tasks_async.testing.generator import Shares, TaskGenerator

PAGE = 100
DISTINCT = 10_000
_NOW = 1_750_000_000
_SHARES = Shares(failed=0.24, running=0.04)
# Pages kept ready: 10,000 tasks. Beyond these a page is put together when it is asked for, in 0.2 ms.
_READY = DISTINCT // PAGE
_ID, _CREATED = "the id comes here", "the creation time comes here"


def raw_tasks(count: int) -> list[dict[str, Any]]:
    """The first *count* generated tasks (or all distinct ones), as plain JSON values."""
    generator = TaskGenerator(7, now=_NOW, release="9.0")
    return [made.raw for made in generator.make(min(count, DISTINCT), _SHARES)]


def body_of(document: object) -> bytes:
    """*document* as a server writes it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def page_body(count: int = PAGE) -> bytes:
    """One page of *count* tasks, for decoding without a server."""
    tasks = raw_tasks(count)
    return body_of({"elements": tasks, "pageMetadata": _metadata(0, len(tasks), len(tasks))})


def task_id(number: int) -> str:
    """The id of the task in place *number*: as long as a real one."""
    return f"{number:08x}-5d0f-4d54-8d26-3ee54a9a0000"


class Pages:
    """The pages of a listing of *total* tasks, newest first, counted from 0.

    Args:
        total: tasks in all.
        gzipped: whether compressed forms are made, all in advance.
    """

    def __init__(self, total: int, *, gzipped: bool = False) -> None:
        self.total = total
        self._pieces = [_pieces(task) for task in raw_tasks(total)]
        self._ready = {number: self._join(number, PAGE) for number in range(min(_READY, -(-total // PAGE)))}
        self._gzipped = (
            {number: gzip.compress(body, 6) for number, body in self._ready.items()} if gzipped else {}
        )

    def page(self, number: int, size: int) -> bytes:
        """The page's JSON."""
        if size == PAGE and number in self._ready:
            return self._ready[number]
        return self._join(number, size)

    def gzipped(self, number: int, size: int) -> bytes:
        """The page's JSON, compressed."""
        if size == PAGE and number in self._gzipped:
            return self._gzipped[number]
        return gzip.compress(self.page(number, size), 6)

    def _join(self, number: int, size: int) -> bytes:
        places = range(number * size, min(number * size + size, self.total))
        elements = b",".join(map(self._element, places))
        metadata = body_of(_metadata(number, len(places), self.total))
        return b'{"elements":[%b],"pageMetadata":%b}' % (elements, metadata)

    def _element(self, place: int) -> bytes:
        before, between, after = self._pieces[place % len(self._pieces)]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_NOW - place)).encode()
        return b"".join((before, task_id(place).encode(), between, stamp, b".000Z", after))


def _pieces(task: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """A task's JSON around its id and its creation time."""
    body = body_of({**task, "id": _ID, "creationTimestamp": _CREATED})
    before, _, rest = body.partition(_ID.encode())
    between, _, after = rest.partition(_CREATED.encode())
    return before, between, after


def _metadata(number: int, elements: int, total: int) -> dict[str, int]:
    return {
        "pageNumber": number,
        "pageSize": elements,
        "totalElements": total,
        "totalPages": -(-total // PAGE),
    }
