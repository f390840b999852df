"""What is measured of one run, in the process that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import time
import tracemalloc
from collections.abc import Sequence, Sized
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Seconds between two beats of the ticker.
_BEAT = 0.001


class Meter:
    """Measures what stands inside `with meter:`; a peer tells it of each task, or page of tasks, with `got`.

    Args:
        ticker: also measure how long the event loop was held. Costs a percent of CPU.
        keep: keep all tasks until the end.
        trace: measure the memory of what is kept, object by object. Slow: times say nothing then.
    """

    def __init__(self, *, ticker: bool = False, keep: bool = False, trace: bool = False) -> None:
        self._ticker = _Ticker() if ticker else None
        self._kept: list[Any] | None = [] if keep or trace else None
        self._trace = trace
        self.count = 0
        self.found: dict[str, float] = {}
        self._first: float | None = None

    def __enter__(self) -> Self:
        gc.collect()
        self._resident = memory("VmRSS")
        if self._trace:
            tracemalloc.start()
        if self._ticker is not None:
            self._ticker.start()
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def got(self, tasks: Sequence[Any]) -> None:
        """So many tasks are in the reader's hands."""
        self._count(tasks)
        if self._kept is not None:
            self._kept.extend(tasks)

    def got_whole(self, tasks: Sized) -> None:
        """A collection is in the reader's hands: it is kept as it is, since reading it may make it larger."""
        self._count(tasks)
        if self._kept is not None:
            self._kept.append(tasks)

    def _count(self, tasks: Sized) -> None:
        if self._first is None and len(tasks):
            self._first = time.perf_counter()
        self.count += len(tasks)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        if self._ticker is not None:
            self.found.update(self._ticker.stop())
        if self._trace:
            gc.collect()
            self.found["kept_kb"] = tracemalloc.get_traced_memory()[0] / 1024 / max(1, self.count)
            tracemalloc.stop()
            return
        self.found |= {"wall_s": wall, "cpu_s": cpu}
        self.found["grown_mb"] = (memory("VmHWM") - self._resident) / 1e6
        if self._first is not None:
            self.found["first_s"] = self._first - self._wall


class _Ticker:
    """How long others on the event loop waited for their turn."""

    def start(self) -> None:
        # A synchronous peer has no loop to hold.
        with contextlib.suppress(RuntimeError):
            self._task = asyncio.get_running_loop().create_task(self._beat())
        self._late = self._held = 0.0

    async def _beat(self) -> None:
        while True:
            due, spent = time.perf_counter() + _BEAT, time.thread_time()
            await asyncio.sleep(_BEAT)
            self._late = max(self._late, time.perf_counter() - due)
            self._held = max(self._held, time.thread_time() - spent)

    def stop(self) -> dict[str, float]:
        """Longest lateness, and the most CPU time between two beats: in that, others have no part."""
        if not hasattr(self, "_task"):
            return {}
        self._task.cancel()
        return {"lag_ms": 1000 * self._late, "held_ms": 1000 * self._held}


def memory(line: str) -> int:
    """Bytes, from a line of /proc/self/status; 0 where there is none.

    `VmHWM` and not `ru_maxrss`: that one begins with what the parent had.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0
    return next(int(text.split()[1]) * 1024 for text in status.splitlines() if text.startswith(line))


def page_loads_ms(page: bytes) -> float:
    """What one `orjson.loads` of *page* takes here and now: the yardstick of the event loop's stall."""
    try:
        loads: Any = import_module("orjson").loads
    except ImportError:
        loads = json.loads
    times = []
    for _ in range(15):
        started = time.perf_counter()
        loads(page)
        times.append(time.perf_counter() - started)
    return 1000 * sorted(times)[len(times) // 2]
