"""What watching costs: one shared poller against a poller for each task, from the simulator's own record.

    python -m benchmarks.watching [--running 1000] [--tasks 2000] [--seconds 60] [--json]

Real time, real HTTP. Each task by itself is a session's `get` in a loop at the very pace of a wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Coroutine
from random import Random
from typing import Any

from vcf_tasks_async import PasswordAuth, Polling, TaskSession
from vcf_tasks_async.events import Mark
from vcf_tasks_async.policy import jittered, next_pause
from vcf_tasks_async.testing import SddcManagerSimulator


async def each_by_itself(session: TaskSession, ids: list[str], polling: Polling) -> None:
    """What a client without a shared poller does."""
    rng = Random(0)

    async def follow(task_id: str) -> None:
        mark, pause = None, polling.initial
        while True:
            task = await session.get(task_id)
            if task.is_ended:
                return
            seen = Mark.of(task)
            pause = next_pause(pause, polling, changed=seen != mark)
            mark = seen
            await asyncio.sleep(jittered(pause, polling, rng=rng))

    async with asyncio.TaskGroup() as group:
        for task_id in ids:
            group.create_task(follow(task_id))


async def together(session: TaskSession, ids: list[str], polling: Polling) -> None:
    """What `wait_many` does."""
    async for _ in session.wait_many(ids, polling=polling):
        pass


async def measured(
    sddc: SddcManagerSimulator, work: Coroutine[Any, Any, None], seconds: float
) -> tuple[int, float, float]:
    """Requests that *work* makes in so many seconds, the CPU it takes, the longest hold of the loop."""
    lag = 0.0

    async def listen() -> None:
        nonlocal lag
        while True:
            since = time.thread_time()
            await asyncio.sleep(0.001)
            lag = max(lag, time.thread_time() - since)

    before, cpu = len(sddc.requests), time.process_time()
    listening = asyncio.create_task(listen())
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        pass
    listening.cancel()
    return len(sddc.requests) - before, time.process_time() - cpu, lag


async def main(args: argparse.Namespace) -> int:
    """Both ways, one after the other; 0 when the ratio is 20 at least."""
    share = args.running / args.tasks
    with SddcManagerSimulator(args.tasks, running=share, step_seconds=(60.0, 600.0)).in_thread() as sddc:
        ids = sddc.ids("IN_PROGRESS")
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth, concurrency=16) as session:
            polling = Polling()
            alone, alone_cpu, _ = await measured(sddc, each_by_itself(session, ids, polling), args.seconds)
            shared, shared_cpu, lag = await measured(sddc, together(session, ids, polling), args.seconds)
    ratio = alone / max(1, shared)
    if args.json:
        print(json.dumps({"alone": alone, "shared": shared, "held_ms": 1000 * lag}))
        return 0
    print(f"{len(ids)} running of {args.tasks} tasks, {args.seconds:g} s each")
    print(f"each by itself  {alone:7} requests  {alone_cpu:6.1f} s CPU (with the simulator's)")
    print(f"one poller      {shared:7} requests  {shared_cpu:6.1f} s CPU (with the simulator's)")
    print(f"ratio {ratio:.0f}, loop held {lag * 1000:.1f} ms at most (CPU time)")
    print(f"RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most")
    return 0 if ratio >= 20 else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--running", type=int, default=1000)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--json", action="store_true", help="the figures alone, as the case `watching` reads them"
    )
    sys.exit(asyncio.run(main(parser.parse_args())))
