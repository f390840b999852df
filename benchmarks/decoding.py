"""Decoding alone: what a task costs from the bytes of its page on, by the process's own CPU time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.workload import PAGE, page_body


def _ours() -> Callable[[bytes], object]:
    from vcf_tasks_async.pages import decode_page  # noqa: PLC0415 - each decoder in a process of its own

    return decode_page


def _ours_read() -> Callable[[bytes], object]:
    from benchmarks.peers.ours import read  # noqa: PLC0415 - as above
    from vcf_tasks_async.pages import decode_page  # noqa: PLC0415 - as above

    def decode(body: bytes) -> object:
        page = decode_page(body)
        for task in page.elements:
            read(task)
        return page

    return decode


def _openapi() -> Callable[[bytes], object]:
    from benchmarks.peers.generated.models.page_of_task import PageOfTask  # noqa: PLC0415 - as above

    return lambda body: PageOfTask.from_dict(json.loads(body))


def _msgspec() -> Callable[[bytes], object]:
    from benchmarks.peers.typed_msgspec import decode  # noqa: PLC0415 - as above

    return decode


def _orjson() -> Callable[[bytes], object]:
    import orjson  # noqa: PLC0415 - as above

    return orjson.loads


DECODERS: dict[str, tuple[str, Callable[[], Callable[[bytes], Any]], tuple[str, ...]]] = {
    "ours": ("vcf_tasks_async", _ours, ()),
    "ours-read": ("vcf_tasks_async, every subtask read", _ours_read, ()),
    "openapi": ("openapi-python-client, typed", _openapi, ()),
    "json": ("json, dicts", lambda: json.loads, ()),
    "msgspec": ("floor: msgspec, typed", _msgspec, ("msgspec",)),
    "orjson": ("floor: orjson, dicts", _orjson, ("orjson",)),
}


def measure(name: str, pages: int) -> dict[str, float]:
    """Microseconds of CPU for each task, over so many decodes of one page."""
    decode = DECODERS[name][1]()
    body = page_body()
    decode(body)
    started = time.process_time()
    for _ in range(pages):
        decode(body)
    return {"task_us": (time.process_time() - started) * 1e6 / (pages * PAGE)}
