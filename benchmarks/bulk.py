"""How close a bulk run comes to the ideal, and how much memory a million targets take.

    python benchmarks/bulk.py             # 2,000 retries at 50 ms, medians of 5; then the memory
    python benchmarks/bulk.py --quick     # fewer of both
    python benchmarks/bulk.py --json      # the figures alone

The ideal is ``ceil(n / concurrency) × latency``. The floor is what aiohttp alone needs for the same
requests, with a semaphore and a gather. Both are measured in turns, so that a busy machine hits both;
the server runs in its own process. Judge ratios, not seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from vcf_tasks_async import PasswordAuth, Result, TaskSession

HERE = Path(__file__).parent
MEMORY_CHILD = HERE.parent / "tests" / "bulk" / "memory_child.py"
LATENCY = 0.05
GOAL = 1.10


@contextmanager
def server(latency: float) -> Iterator[str]:
    """A server in a process of its own; its URL."""
    command = [sys.executable, str(HERE / "raw_server.py"), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def ids_of(count: int) -> list[str]:
    """As long as real ones."""
    return [f"3ee54a9a-5d0f-4d54-8d26-{i:012x}" for i in range(count)]


async def ours(url: str, count: int, concurrency: int) -> float:
    """Seconds of a whole run; the login is made before."""
    ids = ids_of(count)
    async with TaskSession(url, PasswordAuth("a", "b"), concurrency=concurrency) as session:
        await session.retry("login")
        started = time.perf_counter()
        report = await session.retry_many(ids, concurrency=concurrency)
        elapsed = time.perf_counter() - started
    assert report.counts == {Result.ACCEPTED: count}, report
    return elapsed


async def floor(url: str, count: int, concurrency: int) -> float:
    """Seconds that aiohttp alone takes."""
    ids = ids_of(count)
    slots = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def one(task_id: str) -> None:
            async with slots, http.patch(f"{url}/v1/tasks/{task_id}") as response:
                await response.read()

        started = time.perf_counter()
        await asyncio.gather(*map(one, ids))
        return time.perf_counter() - started


def fan_out(count: int, repeats: int) -> list[dict[str, float]]:
    """Medians for each concurrency, with the floor's beside them."""
    rows = []
    with server(LATENCY) as url:
        for concurrency in (16, 64, 256):
            ideal = math.ceil(count / concurrency) * LATENCY
            timed: dict[str, list[float]] = {"ours": [], "floor": []}
            for _ in range(repeats):
                timed["floor"].append(asyncio.run(floor(url, count, concurrency)))
                timed["ours"].append(asyncio.run(ours(url, count, concurrency)))
            wall, low = (statistics.median(timed[name]) for name in ("ours", "floor"))
            rows.append(
                {
                    "concurrency": concurrency,
                    "ideal_s": ideal,
                    "wall_s": wall,
                    "floor_s": low,
                    "ratio": wall / ideal,
                    "floor_ratio": low / ideal,
                    "best_ratio": min(timed["ours"]) / ideal,
                    "worst_ratio": max(timed["ours"]) / ideal,
                }
            )
    return rows


def memory(count: int) -> dict[str, float]:
    """Growth of resident memory over a run's first 10,000 targets, in MB, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, str(MEMORY_CHILD), str(count)], capture_output=True, check=True, text=True
    )
    found = json.loads(ran.stdout)
    return {
        "targets": count,
        "growth_mb": (found["highest"] - found["at 10,000"]) / 1e6,
        "peak_growth_mb": (found["peak"] - found["at 10,000"]) / 1e6,
        "longest_lag_ms": 1000 * found["longest lag"],
        "seconds": found["seconds"],
    }


def main() -> int:
    """Measure, print, and say with the exit code whether the goals were met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer requests, fewer repeats, fewer ids")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--memory", action="store_true", help="the memory alone")
    options = parser.parse_args()
    count, repeats, targets = (1024, 3, 200_000) if options.quick else (2000, 5, 1_000_000)
    rows = [] if options.memory else fan_out(count, repeats)
    held = memory(targets)
    if options.json:
        print(json.dumps({"requests": count, "latency_s": LATENCY, "fan_out": rows, "memory": held}))
    else:
        if rows:
            print(f"{count} retries at {LATENCY * 1000:g} ms, medians of {repeats}\n")
            print(
                "| concurrency | ideal | wall | of the ideal | best to worst | aiohttp alone | of the ideal |"
            )
            print("|---|---|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row['concurrency']} | {row['ideal_s']:.2f} s | {row['wall_s']:.2f} s |"
                f" {row['ratio']:.3f} | {row['best_ratio']:.3f} to {row['worst_ratio']:.3f} |"
                f" {row['floor_s']:.2f} s | {row['floor_ratio']:.3f} |"
            )
        print(
            f"\n{held['targets']:,} targets in {held['seconds']:.1f} s: {held['growth_mb']:.1f} MB more than"
            f" after 10,000 (at the highest moment {held['peak_growth_mb']:.1f}), longest lag"
            f" {held['longest_lag_ms']:.0f} ms"
        )
    slow = any(row["ratio"] > GOAL for row in rows)
    return 1 if slow or held["peak_growth_mb"] >= 20 else 0


if __name__ == "__main__":
    raise SystemExit(main())
