"""How the time for 64 SDDC Managers falls with the number of Dask workers.

    python benchmarks/dask_scaling.py            # 1, 2 and 4 workers, medians of 3
    python benchmarks/dask_scaling.py --quick    # once, 16 managers
    python benchmarks/dask_scaling.py --json     # the figures alone

Each manager answers after 200 ms, so that waiting decides and not the cores; a worker has 4 threads, which is
4 managers at a time. Each job lists its manager's failed tasks and retries them, 2 requests at a time. The
ideal is the time with one worker, divided by the workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "dask"))

from cluster import QUIET, Cluster  # noqa: E402 - it stands beside the tests
from distributed import Client  # noqa: E402

from vcf_tasks_async import EnvSecret, PasswordAuth, Result, Site, Status, TaskFilter  # noqa: E402
from vcf_tasks_async.dask import DaskFleet  # noqa: E402

LATENCY = 0.2
TASKS = 20
THREADS = 4


async def once(client: Client, ports: list[int]) -> float:
    """Seconds for all managers."""
    auth = PasswordAuth("a", EnvSecret("VCF_TASKS_TEST_PASSWORD"))
    sites = {
        f"s{n:03d}": Site(f"http://127.0.0.1:{port}", auth, zone="all", concurrency=2)
        for n, port in enumerate(ports)
    }
    begun = time.perf_counter()
    report = await DaskFleet(sites, client).retry_many(TaskFilter(status=Status.FAILED))
    elapsed = time.perf_counter() - begun
    assert set(report.counts) == {Result.ACCEPTED}, report
    assert len(report) == len(ports) * TASKS // 2, report
    return elapsed


async def with_workers(workers: int, ports: list[int], repeats: int) -> list[float]:
    """Seconds of each repeat, on a cluster of its own; the first run of all is not counted."""
    zones = ["zone-all=1"] * workers
    with tempfile.TemporaryDirectory() as place, Cluster(Path(place), *zones, threads=THREADS) as cluster:
        async with await cluster.client() as client:
            # Each worker imports the library at its first job.
            await once(client, ports[: 2 * THREADS * workers])
            return [await once(client, ports) for _ in range(repeats)]


def main() -> int:
    """Measure, print, and say with the exit code whether 4 workers took less than 0.4 of the time of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="16 managers, once")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    managers, repeats = (16, 1) if options.quick else (64, 3)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    assert QUIET["VCF_TASKS_TEST_PASSWORD"] not in os.environ.values()
    command = [sys.executable, str(HERE / "fleet_server.py"), str(managers), str(TASKS), str(LATENCY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ports = json.loads(server.stdout.readline())
            timed = {n: asyncio.run(with_workers(n, ports, repeats)) for n in (1, 2, 4)}
        finally:
            server.kill()
    rows = [
        {"workers": n, "median_s": statistics.median(all_), "best_s": min(all_), "worst_s": max(all_)}
        for n, all_ in timed.items()
    ]
    one = rows[0]["median_s"]
    if options.json:
        print(json.dumps({"managers": managers, "latency_s": LATENCY, "rows": rows}))
    else:
        print(f"{managers} managers, {LATENCY * 1000:g} ms a request; each worker does {THREADS} at a time\n")
        print("| workers | median | best to worst | times as fast | ideal |")
        print("|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row['workers']} | {row['median_s']:.1f} s |"
                f" {row['best_s']:.1f} to {row['worst_s']:.1f} s |"
                f" {one / row['median_s']:.2f} | {row['workers']} |"
            )
    return 0 if rows[-1]["median_s"] < 0.4 * one else 1


if __name__ == "__main__":
    raise SystemExit(main())
