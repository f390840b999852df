"""A soak of watching, on the real clock or on a moved one.

    python benchmarks/soak_watch.py --minutes 30 --tasks 5000      # real clock: is anything growing?
    python benchmarks/soak_watch.py --days 30 --tasks 10000        # moved clock: is the log the truth?

Tokens expire, SDDC Manager restarts, 1 % of the requests fail. On the real clock the simulator runs in a
process of its own, RSS, open files and asyncio tasks are sampled, the longest hold of the loop is
measured, and at the end the world stands still and the events are compared with the simulator's own
history. On the moved clock every look is compared with it. It needs the checkout (tests/watch).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "watch"))
from soak_log import EventLog, lies

from vcf_tasks_async import EventKind, PasswordAuth, Policy, Polling, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

HOUR = 3600.0


# --- real clock --------------------------------------------------------------------------------------


def serve(tasks: int, address: Any) -> None:
    """A simulator that lives fast, in a process of its own, and restarts now and then."""
    asyncio.run(_serve(tasks, address))


async def _serve(tasks: int, pipe: Any) -> None:
    rng = Random(1)
    options = {"running": 0.1, "step_seconds": (20.0, 120.0), "arrivals": 1200.0, "access_token_ttl": 60.0}
    async with SddcManagerSimulator(tasks, **options) as sddc:  # type: ignore[arg-type]  # its options differ
        initial = {task_id: task["status"] for task_id, task in sddc.snapshot().items()}

        @sddc.on_request
        def fault(request: object) -> None:
            if rng.random() < 0.01:
                sddc.faults.add(method="GET", status=502, html=True)

        pipe.send((sddc.url, sddc.username, sddc.password))
        while not pipe.poll():
            for _ in range(45):
                await asyncio.sleep(1)
            for task_id in sddc.ids("SUCCESSFUL")[-15:]:
                sddc.purge(task_id)
            await sddc.stop()
            await asyncio.sleep(2)
            await sddc.start()
        # The world stands still, so that its last state can be seen.
        pipe.recv()
        sddc.clock.speed = 0
        sddc.off_request(fault)
        sddc.faults.clear()
        pipe.send((list(sddc.history), initial, sddc.logins, sddc.refreshes))
        await asyncio.to_thread(pipe.poll, None)


def sample() -> tuple[float, int, int]:
    """RSS in MB, open files, asyncio tasks."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    rss = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return rss, len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())


async def real(args: argparse.Namespace) -> int:
    """Watch for so many minutes; 0 when nothing grew and the log is the truth."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(args.tasks, theirs), daemon=True
    )
    server.start()
    url, username, password = await asyncio.to_thread(ours.recv)
    kinds: Counter[EventKind] = Counter()
    # Tenths of a millisecond to turns of the loop: a list of them all would look like a leak.
    lags: Counter[int] = Counter()
    samples: list[tuple[float, int, int]] = []
    try:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            log = EventLog(file)
            async with TaskSession(url, PasswordAuth(username, password)) as session:
                watch = session.watch(polling=Polling(initial=1.0, maximum=5.0))

                async def read() -> None:
                    async for event in watch:
                        kinds[event.kind] += 1
                        log.write(event)

                async def listen() -> None:
                    while True:
                        # This thread's own time: what other processes take is not ours.
                        since = time.thread_time()
                        await asyncio.sleep(0.001)
                        lags[round((time.thread_time() - since) * 1e4)] += 1

                helpers = [asyncio.create_task(read()), asyncio.create_task(listen())]
                ends = time.monotonic() + args.minutes * 60
                while time.monotonic() < ends and not helpers[0].done():
                    await asyncio.sleep(min(10.0, args.minutes * 60 / 12))
                    helpers[1].cancel()
                    samples.append(sample())
                    helpers[1] = asyncio.create_task(listen())
                    told = {kind.value: count for kind, count in kinds.items()}
                    print("RSS {:.0f} MB, {} files, {} tasks".format(*samples[-1]), told, flush=True)
                ours.send("stand still")
                history, initial, logins, refreshes = await asyncio.to_thread(ours.recv)
                # The last state is seen by the second look after it, which a busy machine takes its time for.
                for _ in range(60):
                    if not lies(log.lines(), history, initial):
                        break
                    await asyncio.sleep(5)
                over = helpers[0].done()
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
                await watch.aclose()
            left = len(asyncio.all_tasks())
            wrong = lies(log.lines(), history, initial)
    finally:
        server.terminate()
    settled = samples[len(samples) // 3 :]
    half = len(settled) // 2
    growth = statistics.median(s[0] for s in settled[half:]) - statistics.median(s[0] for s in settled[:half])
    (_, files, tasks), (_, files_then, tasks_then) = settled[0], settled[-1]
    print(f"RSS growth {growth:+.1f} MB, files {files} to {files_then}, tasks {tasks} to {tasks_then}")
    over_10 = sum(turns for tenths, turns in lags.items() if tenths > 100)
    print(
        f"loop held {max(lags) / 10} ms at most (CPU time), over 10 ms in {over_10} of {lags.total()} turns"
    )
    print(f"{len(history)} changes, {kinds.total()} events, {logins} logins, {refreshes} refreshes")
    print(*wrong[:20], sep="\n")
    print("the log is the history" if not wrong else f"{len(wrong)} lies in the log")
    flat = growth < max(5.0, settled[0][0] * 0.1) and tasks_then <= tasks + 10 and files_then <= files + 10
    print("flat" if flat else "NOT flat")
    return 0 if flat and not wrong and not over and left == 1 else 1


# --- moved clock -------------------------------------------------------------------------------------


async def moved(args: argparse.Namespace) -> int:
    """Watch for so many days of a moved clock; 0 when the log is the history."""
    # Also the checkout's own; the child process does without them.
    from months import Life, assert_told, expected, simulator  # type: ignore  # noqa: PLC0415, PGH003
    from timeline import Log  # type: ignore  # noqa: PLC0415, PGH003

    rng = Random(1)
    began = time.monotonic()
    # Real seconds, for a machine that is busy with other things.
    policy = Policy(base=0.001, cap=0.01, deadline=60.0, attempt_timeout=60.0)
    options = {"running": 0.02, "step_seconds": (1800.0, 7200.0), "arrivals": 2.0}
    async with simulator(args.tasks, **options) as sddc, Life(sddc, policy=policy) as life:
        initial = {task_id: task["status"] for task_id, task in sddc.snapshot().items()}
        life.faults(0.01, rng)
        pace = args.days * 86_400 / args.looks
        polling = Polling(initial=pace * 0.8, maximum=pace, patience=max(6 * HOUR, 4 * pace))
        log = Log(life.session.watch(polling=polling))
        purged: set[str] = set()
        for day in range(args.days):
            await life.clock.advance(23.5 * HOUR)
            for task_id in sddc.ids("SUCCESSFUL")[-20:]:
                sddc.purge(task_id)
                purged.add(task_id)
            await sddc.stop()
            await life.clock.advance(0.5 * HOUR)
            await sddc.start()
            print(f"day {day + 1}: {len(log.events)} events, {len(sddc.requests)} requests", flush=True)
        sddc.faults.clear()
        sddc.off_request(life.fault)
        # A purge shows at the second look after it.
        await life.clock.advance(3 * pace + 6 * HOUR)
        if log.error is not None:
            raise log.error
        assert_told(log.events, expected(sddc.history, life.gate.sightings, initial=initial), purged)
        kinds = Counter(event.kind.value for event in log.events)
        print(f"{args.days} days, {args.tasks} tasks, {sddc.logins} logins, {sddc.refreshes} refreshes")
        print(dict(kinds))
        print(f"the log is the history, in {time.monotonic() - began:.0f} s")
        await log.close()
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="real clock: for so long")
    parser.add_argument("--days", type=int, help="moved clock: so many days")
    parser.add_argument("--looks", type=int, default=300, help="moved clock: looks in all, or a little more")
    parser.add_argument("--tasks", type=int, default=5000)
    chosen = parser.parse_args()
    sys.exit(asyncio.run(moved(chosen) if chosen.days else real(chosen)))
