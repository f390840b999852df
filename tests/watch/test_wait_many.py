"""Thousands of waits at once: each task as it ends, one for each id, for the price of a few pages."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from timeline import STEADY, Site

from vcf_tasks_async import NotSentError, Status, Task, TaskGone, UsageError, WaitError, WaitTimeout
from vcf_tasks_async.lanes import reading_depth
from vcf_tasks_async.wait_many import TaskWaits


def many(site, ids, **options):
    return TaskWaits(site.waits, ids, **{"polling": STEADY} | options)


class Reader:
    """Reads waits in the background."""

    def __init__(self, waits):
        self.waits = waits
        self.ids = []
        self.error = None
        self.task = asyncio.create_task(self._read())

    async def _read(self):
        try:
            async for task in self.waits:
                self.ids.append(task.id)
        except WaitError as error:
            self.error = error


async def test_tasks_come_as_they_end():
    site = Site()
    for i in range(5):
        site.world.put(f"t{i}")
    reader = Reader(many(site, ["t0", "t1", "t2", Task(id="t3"), "t4", "t0"]))
    for i in (3, 0, 4, 2, 1):
        site.world.put(f"t{i}", "Successful")
        await site.clock.advance(10)
        assert reader.ids[-1] == f"t{i}"
    await reader.task
    assert len(reader.ids) == 5
    assert (reader.error, reader.waits.missed, reader.waits.left) == (None, {}, 0)
    assert await site.idle()


async def test_none_to_wait_for_is_an_end_at_once():
    assert [task async for task in many(Site(), [])] == []


async def test_what_cannot_be_waited_for_does_not_stop_the_others_and_is_raised_at_the_end():
    site = Site()
    for i in range(3):
        site.world.put(f"t{i}")
    reader = Reader(many(site, ["nowhere", "t0", "t1", "t2"], timeout=600))
    await site.clock.advance(100)
    assert isinstance(reader.waits.missed["nowhere"], TaskGone)
    site.world.put("t0", "Successful")
    site.world.put("t1", "Failed")
    await site.clock.advance(100)
    assert sorted(reader.ids) == ["t0", "t1"]
    assert not reader.task.done()
    await site.clock.advance(1000)
    await reader.task
    assert isinstance(reader.error, TaskGone)
    assert {task_id: type(error) for task_id, error in reader.waits.missed.items()} == {
        "nowhere": TaskGone,
        "t2": WaitTimeout,
    }
    assert reader.waits.missed["t2"].task.status is Status.IN_PROGRESS
    assert await site.idle()


async def test_an_outage_over_patience_is_told_for_each():
    site = Site()
    for i in range(20):
        site.world.put(f"t{i}")
    reader = Reader(many(site, [f"t{i}" for i in range(20)]))
    await site.clock.advance(100)
    site.world.error = NotSentError("refused")
    await site.clock.advance(1000)
    await reader.task
    assert isinstance(reader.error, WaitError)
    assert len(reader.waits.missed) == 20
    assert await site.idle()


async def test_break_and_cancellation_leave_nothing_behind():
    site = Site()
    site.world.put("a")
    site.world.put("b", "Successful")
    reading = asyncio.create_task(_first(many(site, ["a", "b"])))
    await site.clock.advance(1)
    assert await reading == "b"
    assert await site.idle()
    waits = many(site, ["a"])
    reader = Reader(waits)
    await site.clock.advance(100)
    reader.task.cancel()
    await asyncio.wait([reader.task])
    await waits.aclose()
    assert await site.idle()


async def _first(waits):
    async for task in waits:
        return task.id
    raise AssertionError


async def test_a_timeout_round_one_anext_loses_nothing():
    site = Site()
    site.world.put("a")
    async with contextlib.aclosing(many(site, ["a"])) as waits:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(waits), 0.001)
        site.world.put("a", "Successful")
        await site.clock.advance(10)
        assert (await anext(waits)).id == "a"


async def test_a_thousand_waits_cost_pages_not_a_request_each():
    site = Site()
    for i in range(3000):
        site.world.put(f"old{i}", "Successful")
    for i in range(1000):
        site.world.put(f"t{i}")
    reader = Reader(many(site, [f"t{i}" for i in range(1000)]))
    await site.clock.advance(1000)
    # Those that run stand first: 10 of 40 pages are read.
    assert (len(site.world.gets), site.world.pages) == (0, 101 * 10)
    for i in range(1000):
        site.world.put(f"t{i}", "Successful")
    await site.clock.advance(10)
    await reader.task
    assert len(reader.ids) == 1000
    assert await site.idle()


async def test_a_few_waits_ask_for_their_tasks_alone():
    site = Site()
    for i in range(3000):
        site.world.put(f"t{i}")
    reader = Reader(many(site, ["t5", "t1500", "t2999"]))
    await site.clock.advance(100)
    assert (len(site.world.gets), site.world.pages) == (33, 0)
    reader.task.cancel()


async def test_a_task_deep_in_the_listing_is_asked_for_by_itself():
    site = Site()
    site.world.put("zombie")
    for i in range(5000):
        site.world.put(f"t{i}", "Successful")
    for i in range(100):
        site.world.put(f"new{i}")
    reader = Reader(many(site, ["zombie", *(f"new{i}" for i in range(100))]))
    await site.clock.advance(10)
    pages, gets = site.world.pages, len(site.world.gets)
    await site.clock.advance(100)
    assert (site.world.pages - pages, site.world.gets[gets:]) == (10, ["zombie"] * 10)
    reader.task.cancel()


async def test_five_thousand_waits_begin_and_end_within_seconds():
    site = Site()
    for i in range(5000):
        site.world.put(f"t{i}", "Successful")
    ended = asyncio.gather(*(site.waits.ended(f"t{i}", polling=STEADY) for i in range(5000)))
    await site.clock.advance(30)
    assert len(await ended) == 5000
    assert await site.idle()


@pytest.mark.parametrize(
    ("places", "total", "depth"),
    [
        ([], None, 0),
        ([None] * 8, None, 0),
        ([None] * 9, None, 400),
        ([5], 10, 0),
        ([0, 1], 10, 0),
        ([0, 1, 2], 10, 100),
        (range(1000), 1000, 1000),
        ([None] * 1000, 5000, 100),
        (range(9000, 10_000), 10_000, 10_000),
        (range(0, 10_000, 1000), 10_000, 0),
        ([*range(10), 9_999], 10_000, 100),
    ],
)
def test_the_listing_is_read_as_deep_as_it_pays(places, total, depth):
    assert reading_depth(places, total) == depth


@pytest.mark.parametrize("ids", ["a", b"a", 5, None, Task(id="a"), ["../x"], [5]])
def test_what_cannot_be_ids_is_a_usage_error(ids):
    with pytest.raises(UsageError):
        many(Site(), ids)
