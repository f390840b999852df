"""SDDC Manager is killed and comes back in the middle of a run: every target is accounted for."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from vcf_tasks_async import PasswordAuth, Policy, Result, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

OPTIONS = {
    "tasks": 400,
    "seed": 3,
    "failed": 1.0,
    "running": 0,
    "not_retryable": 0,
    "credential_tasks": 0,
    "live": False,
    "latency": 0.02,
}
POLICY = Policy(base=0.05, cap=0.3, deadline=10.0, grace=1.0)


class Appliance:
    """`sddc_process.py` on one port, killed and started at will."""

    def __init__(self, log: Path, **options: object) -> None:
        self.log, self.options = log, {**OPTIONS, **options}
        # The same tasks after each start, and tokens that are no news from the past.
        self.start_at = time.time()
        self.port = 0
        self.pids: list[int] = []

    async def start(self) -> str:
        job = {
            "start": self.start_at, "log": str(self.log), "options": {**self.options, "port": self.port},
        }  # fmt: skip
        program = str(Path(__file__).with_name("sddc_process.py"))
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, program, json.dumps(job), stdout=asyncio.subprocess.PIPE
        )
        self.pids.append(self.process.pid)
        url = (await self.process.stdout.readline()).decode().strip()
        self.port = int(url.rpartition(":")[2])
        return url

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()
        self.process._transport.close()

    def writes(self) -> Counter[tuple[int, str]]:
        lines = (line.split() for line in self.log.read_text().splitlines())
        return Counter((int(pid), task_id) for pid, task_id in lines)


@pytest.mark.parametrize(("action", "kills"), [("retry_many", 3), ("cancel_many", 1)])
async def test_killed_and_started_again_in_mid_run_every_target_has_one_outcome(tmp_path, kills, action):
    shares = {"failed": 0.0, "running": 1.0} if action == "cancel_many" else {}
    appliance = Appliance(tmp_path / "log", **shares)
    url = await appliance.start()
    simulator = SddcManagerSimulator(tasks=0)
    auth = PasswordAuth(simulator.username, simulator.password)
    try:
        async with TaskSession(url, auth, policy=POLICY, concurrency=8) as session:
            tasks = [task async for task in session.stream()]
            seen = 0
            async with getattr(session, action)(tasks) as outcomes:
                async for _ in outcomes:
                    seen += 1
                    if kills and seen == 40:
                        kills, seen = kills - 1, 0
                        await appliance.kill()
                        assert await appliance.start() == url
            report = outcomes.report
    finally:
        await appliance.kill()
    assert len(tasks) == 400
    assert Counter(o.task_id for o in report.outcomes) == Counter(task.id for task in tasks)
    assert report.complete
    assert report.counts[Result.ACCEPTED] >= 300
    assert report.counts[Result.REJECTED] == 0
    writes = appliance.writes()
    assert set(writes.values()) == {1}
    # Nor over both lives: what the first one had taken is looked at, not asked for again.
    twice = [task_id for task_id, n in Counter(task_id for _, task_id in writes).items() if n > 1]
    assert twice == []
    arrived = {task_id for _, task_id in writes}
    for outcome in report.outcomes:
        if outcome.result is Result.ACCEPTED:
            assert outcome.task_id in arrived, outcome
        elif outcome.result is Result.NOT_SENT:
            assert outcome.task_id not in arrived, outcome


async def test_one_that_never_comes_back_leaves_each_target_its_outcome(tmp_path):
    appliance = Appliance(tmp_path / "log")
    url = await appliance.start()
    auth = PasswordAuth("administrator@vsphere.local", SddcManagerSimulator(tasks=0).password)
    policy = Policy(base=0.01, cap=0.02, deadline=1.0, attempt_timeout=0.5, grace=0.6, budget=20)
    try:
        async with TaskSession(url, auth, policy=policy, concurrency=8) as session:
            tasks = [task async for task in session.stream()]
            seen = itertools.count(1)
            async with session.retry_many(tasks, stop_after=30) as outcomes:
                async for _ in outcomes:
                    if next(seen) == 50:
                        await appliance.kill()
            report = outcomes.report
    finally:
        if appliance.process.returncode is None:
            await appliance.kill()
    assert Counter(o.task_id for o in report.outcomes) == Counter(task.id for task in tasks)
    assert report.stopped == "30 targets in a row failed"
    arrived = {task_id for _, task_id in appliance.writes()}
    assert {o.task_id for o in report.outcomes if o.result is Result.ACCEPTED} <= arrived
    assert not {o.task_id for o in report.outcomes if o.result is Result.NOT_SENT} & arrived


@pytest.mark.parametrize("times", [1, 4])
async def test_stopped_and_started_again_with_its_memory_what_the_report_says_is_so(times):
    with SddcManagerSimulator(**OPTIONS).in_thread() as sddc:
        async with TaskSession(
            sddc.url, PasswordAuth(sddc.username, sddc.password), policy=POLICY, concurrency=8
        ) as session:
            tasks = [task async for task in session.stream()]
            left, seen = times, 0
            async with session.retry_many(tasks) as outcomes:
                async for _ in outcomes:
                    seen += 1
                    if left and seen == 40:
                        left, seen = left - 1, 0
                        await sddc.stop()
                        await sddc.start()
            report = outcomes.report
        running = set(sddc.ids("IN_PROGRESS"))
        retried = Counter(c.task_id for c in sddc.history if c.kind == "status" and c.new == "In Progress")
    assert Counter(o.task_id for o in report.outcomes) == Counter(task.id for task in tasks)
    assert set(retried.values()) == {1}
    for outcome in report.outcomes:
        if outcome.result is not Result.UNKNOWN:
            assert (outcome.result is Result.ACCEPTED) is (outcome.task_id in running), outcome
