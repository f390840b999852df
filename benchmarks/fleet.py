"""What a fleet of many SDDC Managers takes in one process: time, memory, and the longest lag of the loop.

    python benchmarks/fleet.py            # 200 managers of 500 tasks, 20 ms a request
    python benchmarks/fleet.py --quick    # 20 managers of 100
    python benchmarks/fleet.py --json     # the figures alone

All managers are played by one other process (`fleet_server.py`). Memory is judged flat when what is resident
grows by less than a fifth after the first quarter of the tasks, and of the outcomes. The exit code says so.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from resource import getpagesize

from vcf_tasks_async import Fleet, PasswordAuth, Result, Site, Status, TaskFilter

HERE = Path(__file__).parent
LATENCY = 0.02


def resident() -> float:
    """MB of resident memory, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 1e6


async def longest_lag(lag: list[float]) -> None:
    """Keep the longest time for which nothing else had its turn."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        lag[0], last = max(lag[0], now - last), now


class Memory:
    """What is resident after a quarter of the items, and at most from then on."""

    def __init__(self, count: int) -> None:
        self._quarter = count // 4
        self._seen = 0
        self.early = self.highest = 0.0

    def next(self) -> None:
        """Count one more item."""
        self._seen += 1
        if self._seen == self._quarter:
            gc.collect()
            self.early = self.highest = resident()
        elif self._seen > self._quarter and self._seen % 100 == 0:
            self.highest = max(self.highest, resident())


async def measure(ports: list[int], tasks: int) -> dict[str, float]:
    """List everything, then retry what has failed."""
    sites = {f"s{n:04d}": Site(f"http://127.0.0.1:{p}", PasswordAuth("a", "b")) for n, p in enumerate(ports)}
    count, lag, found = len(ports) * tasks, [0.0], {"before_mb": resident()}
    async with Fleet(sites) as fleet:
        pulse = asyncio.create_task(longest_lag(lag))
        begun, cpu = time.perf_counter(), time.process_time()
        memory, seen = Memory(count), 0
        async with fleet.stream() as stream:
            async for _ in stream:
                seen += 1
                memory.next()
                if seen == 1:
                    found["first_task_s"] = time.perf_counter() - begun
            complete = stream.complete
        assert seen == count, (seen, count)
        assert complete
        found |= {"list_s": time.perf_counter() - begun, "list_cpu_s": time.process_time() - cpu}
        found |= {"list_early_mb": memory.early, "list_highest_mb": memory.highest}
        begun, cpu = time.perf_counter(), time.process_time()
        memory = Memory(count // 2)
        async with fleet.retry_many(TaskFilter(status=Status.FAILED), summary=True) as outcomes:
            async for _ in outcomes:
                memory.next()
        report = outcomes.report
        assert set(report.counts) == {Result.ACCEPTED}, report
        assert report.complete
        found |= {"retried": len(report), "retry_s": time.perf_counter() - begun}
        found |= {"retry_cpu_s": time.process_time() - cpu, "longest_lag_ms": 1000 * lag[0]}
        found |= {"retry_early_mb": memory.early, "retry_highest_mb": memory.highest}
        pulse.cancel()
    return found


def run(managers: int, tasks: int) -> dict[str, float]:
    """The figures for so many managers."""
    command = [sys.executable, str(HERE / "fleet_server.py"), str(managers), str(tasks), str(LATENCY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            found = asyncio.run(measure(json.loads(server.stdout.readline()), tasks))
        finally:
            server.kill()
    return {"managers": managers, "tasks": tasks, **found}


def main() -> int:
    """Measure, print, and say with the exit code whether memory was flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 managers of 100 tasks")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    found = run(20, 100) if options.quick else run(200, 500)
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['managers']} managers of {found['tasks']} tasks, {LATENCY * 1000:g} ms a request\n"
            f"  listed {found['managers'] * found['tasks']:,} in {found['list_s']:.1f} s"
            f" ({found['list_cpu_s']:.1f} s of CPU), the first after {found['first_task_s']:.2f} s\n"
            f"  retried {found['retried']:,} in {found['retry_s']:.1f} s"
            f" ({found['retry_cpu_s']:.1f} s of CPU)\n"
            f"  resident: {found['before_mb']:.0f} MB before;"
            f" listing {found['list_early_mb']:.0f} after a quarter, {found['list_highest_mb']:.0f} at most;"
            f" retrying {found['retry_early_mb']:.0f} and {found['retry_highest_mb']:.0f}\n"
            f"  longest lag of the loop: {found['longest_lag_ms']:.0f} ms"
        )
    flat = all(found[f"{what}_highest_mb"] < 1.2 * found[f"{what}_early_mb"] for what in ("list", "retry"))
    return 0 if flat else 1


if __name__ == "__main__":
    raise SystemExit(main())
