"""Months in minutes: tokens expire, SDDC Manager restarts, proxies answer 502, and the log is the truth."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from random import Random

from months import BARE, START, Life, assert_told, expected, place, simulator
from timeline import Log

from vcf_tasks_async import EventKind, Polling, Status, TaskFilter, VcfTasksError
from vcf_tasks_async.policy import Policy

HOUR = 3600.0
DAY = 24 * HOUR


def started(sddc):
    return {task_id: task["status"] for task_id, task in sddc.snapshot().items()}


# `python benchmarks/soak_watch.py --days 30` does more of them.
async def test_twelve_days_with_restarts_token_expiry_and_faults_are_told_as_they_were():
    rng = Random(3)
    options = {"running": 0.5, "step_seconds": (3000.0, 9000.0), "arrivals": 0.4, "running_succeeds": 0.7}
    async with simulator(16, **options) as sddc, Life(sddc) as life:
        initial = started(sddc)
        life.faults(0.01, rng)
        polling = Polling(initial=1500.0, maximum=3600.0, patience=2 * HOUR)
        log = Log(life.session.watch(polling=polling))
        retried = Log(life.session.watch(TaskFilter(status=Status.FAILED), polling=polling))
        purged = set()
        for _ in range(12):
            for _ in range(4):
                await life.clock.advance(6 * HOUR - 300)
                ended = [each for each in sddc.ids() if each not in sddc.ids("IN_PROGRESS")]
                for task_id in ended[6:]:
                    sddc.purge(task_id)
                    purged.add(task_id)
                for task_id in sddc.ids("FAILED")[:3]:
                    life.clock.in_flight += 1
                    # A fault befell it, or the task can't be retried: another time.
                    with contextlib.suppress(VcfTasksError):
                        await life.session.retry(task_id)
                    life.clock.in_flight -= 1
            await sddc.stop()
            await life.clock.advance(1200)
            await sddc.start()
        sddc.faults.clear()
        sddc.off_request(life.fault)
        await life.clock.advance(2 * HOUR)
        assert sddc.clock.now() - START > 11.9 * DAY
        assert (log.error, retried.error) == (None, None)
        assert not log.task.done()
        windows = expected(sddc.history, life.gate.sightings, initial=initial)
        assert_told(log.events, windows, purged)
        kinds = Counter(event.kind for event in log.events)
        assert kinds[EventKind.LOST] == kinds[EventKind.RESTORED] >= 8
        assert kinds[EventKind.SUBTASK] > 1_000
        assert sddc.logins >= 10
        assert sddc.logins + sddc.refreshes > 120
        await log.close()
        await retried.close()


async def test_a_watch_that_looks_often_enough_tells_the_history_itself():
    options = {"running": 0.5, "step_seconds": (60.0, 90.0), "arrivals": 20.0}
    async with simulator(30, **options) as sddc, Life(sddc) as life:
        initial = started(sddc)
        log = Log(life.session.watch(polling=Polling(initial=15.0, maximum=30.0)))
        await life.clock.advance(1.5 * HOUR)
        told = Counter(
            (event.task_id, event.path, event.before, event.after)
            for event in log.events
            if event.kind is not EventKind.APPEARED
        )
        created = {change.task_id for change in sddc.history if change.kind == "created"}
        truth = Counter(
            (change.task_id, place(change.path), change.old, change.new)
            for change in sddc.history[: life.gate.sightings[-1][1]]
            if change.kind != "created"
        )
        # What a new task did before anybody saw it is in its APPEARED.
        assert set(told) <= set(truth)
        assert {task_id for task_id, *_ in truth - told} <= created
        assert (truth - told).total() <= 3 * len(created)
        assert told.total() > 400
        assert_told(log.events, expected(sddc.history, life.gate.sightings, initial=initial), set())
        await log.close()


async def test_a_bot_that_restarts_every_day_misses_nothing():
    rng = Random(5)
    options = {"running": 0.5, "step_seconds": (600.0, 3600.0), "arrivals": 1.0}
    async with simulator(30, **options) as sddc, Life(sddc) as life:
        initial = started(sddc)
        cursor, events = None, []
        for _ in range(6):
            log = Log(life.session.watch(polling=Polling(initial=300.0, maximum=900.0), cursor=cursor))
            await life.clock.advance(rng.uniform(1 * HOUR, 6 * HOUR))
            await log.close()
            cursor = log.watch.cursor
            events += log.events
            await life.clock.advance(rng.uniform(1 * HOUR, 6 * HOUR))
        assert_told(events, expected(sddc.history, life.gate.sightings, initial=initial), set())


async def test_a_wait_of_fifteen_hours_outlives_tokens_and_a_restart():
    options = {"step_seconds": (3000.0, 3600.0), "running_succeeds": 1.0}
    async with simulator(0, **options) as sddc, Life(sddc, policy=BARE) as life:
        task_id = sddc.add_task(subtasks=15)
        wait = asyncio.create_task(life.session.wait(task_id))
        for _ in range(6):
            await life.clock.advance(2 * HOUR)
            await sddc.stop()
            await life.clock.advance(600)
            await sddc.start()
        assert not wait.done()
        await life.clock.advance(24 * HOUR)
        assert (await wait).succeeded
        assert sddc.refreshes + sddc.logins >= 13


async def test_a_retry_by_this_session_makes_its_waits_patient_with_the_old_failure():
    async with simulator(10, failed=1.0, not_retryable=0.0, credential_tasks=0.0, stale_failed=40.0,
                         retry_succeeds=1.0) as sddc, Life(sddc, policy=Policy()) as life:  # fmt: skip
        ids = sddc.ids()
        report = await life.session.retry_many(ids)
        assert report.counts.total() == 10
        ended = []

        async def read():
            async for task in life.session.wait_many(ids):
                ended.append(task)

        reading = asyncio.create_task(read())
        await life.clock.advance(4 * HOUR)
        await reading
        assert len(ended) == 10
        assert all(task.succeeded for task in ended)


async def test_watching_a_thousand_running_tasks_costs_a_twentieth_of_polling_each():
    async with simulator(2000, running=0.5, step_seconds=(60.0, 600.0)) as sddc, Life(sddc) as life:
        ids = sddc.ids("IN_PROGRESS")
        assert len(ids) == 1000
        waits = life.session.wait_many(ids)
        reading = asyncio.create_task(_drain(waits))
        before = len(sddc.requests)
        await life.clock.advance(60)
        together = len(sddc.requests) - before
        reading.cancel()
        await asyncio.wait([reading])
        await waits.aclose()
        # Each by itself would look as often as a wait for one task does: so many times in this while.
        alone = await _looks_of_one(life, ids[:10], 60) * len(ids)
        assert alone / together >= 20, (alone, together)


async def _drain(waits):
    async for _ in waits:
        pass


async def _looks_of_one(life, ids, seconds):
    """How often a wait for one task looks in so many seconds, as the mean of some."""
    before = len(life.sddc.requests)
    for task_id in ids:
        wait = asyncio.create_task(life.session.wait(task_id))
        await life.clock.advance(seconds)
        wait.cancel()
        await asyncio.wait([wait])
    return (len(life.sddc.requests) - before) / len(ids)
