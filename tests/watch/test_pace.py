"""How often is looked, how much is kept, and how long looks may fail: in seconds, whatever the pace."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from timeline import Log, Site

from vcf_tasks_async import NotSentError, PasswordAuth, Polling, SubTask, Task, TaskSession, WaitError
from vcf_tasks_async.events import Mark
from vcf_tasks_async.testing import SddcManagerSimulator


def looks_at(site):
    """Notes the time of each look at a task."""
    times = []
    get = site.poller._looker._get

    async def noted(task_id):
        times.append(site.clock.now)
        return await get(task_id)

    site.poller._looker._get = noted
    return times


def gaps(times):
    return [round(later - sooner, 6) for sooner, later in pairwise(times)]


async def test_looks_are_quick_while_things_change_and_slow_when_not():
    site = Site()
    site.world.put("a", steps=["PENDING"] * 9)
    times = looks_at(site)
    wait = site.wait("a", polling=Polling(initial=2.0, maximum=30.0, factor=2.0, jitter=0.0))
    await site.clock.advance(100)
    assert gaps(times) == [2, 4, 8, 16, 30, 30]
    times.clear()
    site.world.put("a", steps=["IN_PROGRESS"] + ["PENDING"] * 8)
    await site.clock.advance(40)
    assert gaps(times)[:3] == [2, 4, 8]
    wait.cancel()


async def test_looks_are_jittered_within_their_share():
    pauses = []
    for seed in range(20):
        site = Site()
        site.poller._looker.rng = Random(seed)
        site.world.put("a")
        times = looks_at(site)
        wait = site.wait("a", polling=Polling(initial=10.0, maximum=10.0, jitter=0.2))
        await site.clock.advance(100)
        pauses += gaps(times)
        wait.cancel()
        await asyncio.wait([wait])
    assert min(pauses) >= 8
    assert max(pauses) <= 12
    assert max(pauses) - min(pauses) > 2


@pytest.mark.parametrize("pace", [0.5, 10.0, 400.0])
@pytest.mark.parametrize("what", ["wait", "watch"])
async def test_patience_is_counted_in_seconds_not_in_looks(pace, what):
    site = Site()
    site.world.put("a")
    polling = Polling(initial=pace, maximum=pace, jitter=0.0, patience=900.0)
    log = Log(site.watch(polling=polling))
    follower = log.task if what == "watch" else site.wait("a", polling=polling)
    await site.clock.advance(2 * pace)
    site.world.error = NotSentError("refused")
    await site.clock.advance(890)
    assert not follower.done()
    await site.clock.advance(30 + 2 * pace)
    await asyncio.wait([follower])
    error = log.error if what == "watch" else follower.exception()
    assert isinstance(error, WaitError)
    assert not isinstance(error, TimeoutError)
    await log.close()


async def test_the_looks_of_all_who_follow_stay_within_the_sessions_concurrency():
    quick = Polling(initial=0.02, maximum=0.02)
    async with (
        SddcManagerSimulator(120, zombies=0.4, latency=0.005) as sddc,
        TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), concurrency=2) as session,
    ):
        zombies = sddc.ids("IN_PROGRESS")
        waits = [asyncio.create_task(session.wait(each, polling=quick)) for each in zombies[:30]]
        logs = [Log(session.watch(which, polling=quick)) for which in (None, zombies[30:])]
        while len(sddc.requests) < 80:
            await asyncio.sleep(0.01)
        # One whose answer is on its way still counts there, and no more here.
        assert 2 <= sddc.requests.max_in_flight <= 3
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        for log in logs:
            await log.close()
        assert not session._wiring._nursery.running


STEPS = (SubTask(name="step", raw_status="IN_PROGRESS"),) * 3


def alive(kind):
    gc.collect()
    return sum(type(each) is kind for each in gc.get_objects())


@pytest.mark.parametrize("tasks", [5, 50_000], ids=["few tasks", "many tasks"])
async def test_a_hundred_thousand_changes_that_nobody_reads_are_kept_in_little_and_none_is_lost(tasks):
    site = Site()
    hurried = []
    site.poller.hurry = hurried.append
    room = min(tasks, 1000)
    last = 100_000 // tasks - 1
    async with site.watch() as watch:
        feed = watch._feed
        before = alive(Task)
        for change in range(last + 1):
            feed.begin()
            for number in range(tasks):
                task = Task(id=f"t{number}", raw_status=f"status {change}", sub_tasks=STEPS)
                feed.seen(task, Mark.of(task))
            list(feed.absent())
        del task
        assert len(feed._news) == room
        assert alive(Task) - before <= room + 1
        told = Counter()
        for _ in range(room):
            event = await anext(watch)
            assert event.after == f"status {last}"
            told[event.task_id] += 1
        assert set(told.values()) == {1}
        # Those that there was no room for are looked at again as soon as there is.
        assert len(hurried) == (tasks > room)
