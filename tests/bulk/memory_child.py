"""How much a bulk run grows: `python memory_child.py <ids>`, with a sender that sends nothing.

Prints JSON: bytes of resident memory before it, after 10,000 ids, and at their highest (sampled, and by
the kernel's count); seconds; and the longest time for which nothing else had its turn.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from resource import getpagesize

from vcf_tasks_async import Action, BulkRun, Outcome, Result
from vcf_tasks_async.options import Options


def resident() -> int:
    """Bytes of resident memory, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize()


def peak() -> int:
    """Bytes of resident memory, at their highest since the program began (getrusage's are its parent's)."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


class Sender:
    async def send(self, action, task_id, gate, **_):
        assert gate.may_leave()
        await asyncio.sleep(0)
        result = Result.ACCEPTED if task_id[0] != "0" else Result.REJECTED
        return Outcome(task_id, action, result, None if result is Result.ACCEPTED else "no", None, 1)


async def main(count: int) -> dict[str, float]:
    found: dict[str, float] = {"before": resident()}
    rng = Random(1)

    async def ids() -> AsyncIterator[str]:
        for i in range(count):
            if i % 5_000 == 0:
                await asyncio.sleep(0)
                found["highest"] = max(found.get("highest", 0), resident())
            if i == 10_000:
                gc.collect()
                found["at 10,000"] = resident()
            yield f"{rng.getrandbits(128):032x}"

    longest = 0.0
    beats = 0

    async def beat() -> None:
        nonlocal longest, beats
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last, beats = max(longest, now - last), now, beats + 1

    pulse = asyncio.create_task(beat())
    started = time.perf_counter()
    report = await BulkRun(
        Action.RETRY, ids(), Sender(), asyncio.create_task, Options(summary=True), workers=16
    )
    found["seconds"] = time.perf_counter() - started
    pulse.cancel()
    assert len(report) == count, report
    assert report.complete
    assert len(report.outcomes) <= 1000
    found["after"] = resident()
    found["peak"] = peak()
    found["longest lag"] = longest
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1])))))
