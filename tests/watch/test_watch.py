"""A watch tells what happened to each task, in order, once, and nothing that did not happen."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections import Counter

import pytest
from timeline import Log, Site, short

from vcf_tasks_async import (
    BadRequest,
    DecodeError,
    EventKind,
    NotSentError,
    Polling,
    Stage,
    Status,
    SubTask,
    Task,
    TaskFilter,
    UsageError,
    WaitError,
)

RUNNING = TaskFilter(status=Status.IN_PROGRESS)


async def test_a_task_is_followed_from_its_beginning_to_its_end_and_away():
    site = Site()
    site.world.put("old", "Successful")
    log = Log(site.watch())
    await site.clock.advance(10)
    assert log.told() == ["APPEARED old None > Successful"]
    site.world.put("a", "PENDING", ["PENDING", "PENDING"])
    await site.clock.advance(10)
    site.world.put("a", "In Progress", ["IN_PROGRESS", "PENDING"])
    await site.clock.advance(10)
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(30)
    site.world.put("a", "Failed", ["SUCCESSFUL", "FAILED"])
    await site.clock.advance(30)
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(10)
    site.world.put("a", "Successful", ["SUCCESSFUL", "SUCCESSFUL"])
    await site.clock.advance(10)
    del site.world.tasks["a"]
    await site.clock.advance(30)
    assert log.told() == [
        "APPEARED a None > PENDING",
        "STATUS a PENDING > In Progress",
        "SUBTASK a subTasks[0] PENDING > IN_PROGRESS",
        "SUBTASK a subTasks[0] IN_PROGRESS > SUCCESSFUL",
        "SUBTASK a subTasks[1] PENDING > IN_PROGRESS",
        "SUBTASK a subTasks[1] IN_PROGRESS > FAILED",
        "ENDED a In Progress > Failed",
        "STATUS a Failed > In Progress",
        "SUBTASK a subTasks[1] FAILED > IN_PROGRESS",
        "SUBTASK a subTasks[1] IN_PROGRESS > SUCCESSFUL",
        "ENDED a In Progress > Successful",
        "GONE a Successful > None",
    ]
    await log.close()
    assert await site.idle()


async def test_events_carry_the_task_the_node_and_the_progress():
    site = Site()
    site.world.put("a", "In Progress", ["IN_PROGRESS", "PENDING"])
    log = Log(site.watch())
    await site.clock.advance(10)
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(10)
    appeared, first, _ = log.events
    assert appeared.task.name == "name of a"
    assert (first.node.name, first.status, first.progress.done, first.progress.current) == (
        "step 0", Status.SUCCESSFUL, 1, "step 1",
    )  # fmt: skip
    assert json.loads(json.dumps(first.to_json()))["path"] == "subTasks[0]"
    assert first.at.tzinfo is not None
    await log.close()


async def test_stages_and_nested_subtasks_are_told_with_their_path():
    site = Site()

    def nested(stage, deep):
        inner = SubTask(name="inner", raw_status=deep, stages=(Stage(raw_status=stage),))
        outer = SubTask(raw_status="IN_PROGRESS", stages=(Stage(raw_status=stage),), sub_tasks=(inner,))
        return Task(id="a", raw_status="In Progress", sub_tasks=(SubTask(raw_status="SUCCESSFUL"), outer))

    site.world.tasks["a"] = nested("PENDING", "PENDING")
    log = Log(site.watch(["a"]))
    await site.clock.advance(10)
    log.told()
    site.world.tasks["a"] = nested("IN_PROGRESS", "Frobnicating")
    await site.clock.advance(10)
    assert log.told() == [
        "SUBTASK a subTasks[1].stages[0] PENDING > IN_PROGRESS",
        "SUBTASK a subTasks[1].subTasks[0] PENDING > Frobnicating",
        "SUBTASK a subTasks[1].subTasks[0].stages[0] PENDING > IN_PROGRESS",
    ]
    await log.close()


async def test_unknown_statuses_are_events_and_another_spelling_is_none():
    site = Site()
    site.world.put("a", "In Progress", ["IN_PROGRESS"])
    log = Log(site.watch())
    await site.clock.advance(10)
    log.told()
    for status in ("IN_PROGRESS", "Frobnicating", "Frobnicated", None, "in-progress"):
        site.world.put("a", status, ["In Progress"])
        await site.clock.advance(10)
    assert log.told() == [
        "STATUS a IN_PROGRESS > Frobnicating",
        "STATUS a Frobnicating > Frobnicated",
        "STATUS a Frobnicated > None",
        "STATUS a None > in-progress",
    ]
    await log.close()


async def test_a_second_failure_between_two_looks_is_told():
    site = Site()
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="2025-06-15T15:00:00.000Z")
    log = Log(site.watch(["a"]))
    await site.clock.advance(10)
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="2025-06-15T15:00:07.000Z")
    await site.clock.advance(100)
    assert log.told() == ["APPEARED a None > Failed", "ENDED a Failed > Failed"]
    await log.close()


async def test_what_leaves_the_filter_is_told_once_more_and_appears_again():
    site = Site()
    site.world.put("done", "Successful")
    site.world.put("a")
    log = Log(site.watch(RUNNING))
    for status in ("Failed", "In Progress", "PENDING", "Successful"):
        await site.clock.advance(20)
        site.world.put("a", status)
    await site.clock.advance(20)
    del site.world.tasks["a"]
    await site.clock.advance(100)
    assert log.told() == [
        "APPEARED a None > In Progress",
        "ENDED a In Progress > Failed",
        "APPEARED a None > In Progress",
        "STATUS a In Progress > PENDING",
    ]
    assert log.watch.cursor["tasks"] == {}
    await log.close()


async def test_what_leaves_the_servers_own_filter_is_asked_for_by_itself():
    site = Site()
    site.world.put("a", "In Progress")
    site.world.put("b", "In Progress")
    log = Log(site.watch(TaskFilter(server_status="In Progress")))
    await site.clock.advance(20)
    site.world.put("a", "Failed")
    del site.world.tasks["b"]
    await site.clock.advance(30)
    assert sorted(log.told()) == [
        "APPEARED a None > In Progress",
        "APPEARED b None > In Progress",
        "ENDED a In Progress > Failed",
        "GONE b In Progress > None",
    ]
    gets = len(site.world.gets)
    await site.clock.advance(100)
    assert len(site.world.gets) == gets
    await log.close()


async def test_a_mass_purge_is_told_by_two_whole_listings_without_a_look_at_each():
    site = Site()
    for i in range(5100):
        site.world.put(f"t{i}", "Successful")
    log = Log(site.watch())
    await site.clock.advance(100)
    while len(log.events) < 5100:
        await asyncio.sleep(0)
    log.told()
    pages = site.world.pages
    for i in range(5000):
        del site.world.tasks[f"t{i}"]
    await site.clock.advance(20)
    # The reader lets others have their turn.
    while len(log.events) < 5000:
        await asyncio.sleep(0)
    assert sorted(log.told()) == sorted(f"GONE t{i} Successful > None" for i in range(5000))
    # The first reading was of 51 pages; two of what is left showed it.
    assert (site.world.gets, site.world.pages - pages) == ([], 4)
    await site.clock.advance(100)
    assert log.told() == []
    await log.close()


async def test_one_whole_listing_proves_no_purge_and_neither_do_two_in_a_moment():
    site = Site()
    for name in "abc":
        site.world.put(name, "Successful")
    log = Log(site.watch(polling=Polling(initial=1.0, maximum=1.0, jitter=0.0)))
    await site.clock.advance(0.5)
    log.told()
    away = site.world.tasks.pop("b")
    await site.clock.advance(5)
    site.world.tasks["b"] = away
    await site.clock.advance(1)
    del site.world.tasks["b"]
    await site.clock.advance(5)
    assert log.told() == []
    await site.clock.advance(2)
    assert log.told() == ["GONE b Successful > None"]
    await log.close()


async def test_what_is_missing_in_a_listing_that_is_not_whole_is_looked_at_by_itself():
    site = Site()
    site.world.whole = False
    for i in range(300):
        site.world.put(f"t{i}", "Successful")
    log = Log(site.watch())
    await site.clock.advance(10)
    log.told()
    for i in range(200):
        del site.world.tasks[f"t{i}"]
    await site.clock.advance(10)
    assert (len(site.world.gets), log.told()) == (64, [])
    await site.clock.advance(100)
    assert sorted(log.told()) == sorted(f"GONE t{i} Successful > None" for i in range(200))
    assert len(site.world.gets) == 400
    await log.close()


async def test_without_initial_what_is_there_is_taken_as_known():
    site = Site()
    site.world.put("a", "In Progress")
    site.world.put("b", "In Progress")
    by_filter, by_ids = Log(site.watch(initial=False)), Log(site.watch(["a"], initial=False))
    await site.clock.advance(20)
    site.world.put("a", "Successful")
    site.world.put("new")
    await site.clock.advance(20)
    assert sorted(by_filter.told()) == ["APPEARED new None > In Progress", "ENDED a In Progress > Successful"]
    assert by_ids.told() == ["ENDED a In Progress > Successful"]
    await by_filter.close()
    await by_ids.close()


async def test_a_watch_of_ids_ends_when_all_are_gone():
    site = Site()
    site.world.put("a")
    log = Log(site.watch(["a", "never"]))
    await site.clock.advance(100)
    assert log.told() == ["APPEARED a None > In Progress", "GONE never"]
    del site.world.tasks["a"]
    await site.clock.advance(100)
    assert log.told() == ["GONE a In Progress > None"]
    await asyncio.wait([log.task])
    assert log.error is None
    assert await site.idle()


# --- the connection ----------------------------------------------------------------------------------


async def test_an_outage_is_lost_and_restored_and_what_happened_meanwhile_is_told():
    site = Site()
    site.world.put("a")
    logs = [Log(site.watch()), Log(site.watch(["a"]))]
    await site.clock.advance(20)
    for log in logs:
        log.told()
    site.world.error = NotSentError("refused")
    await site.clock.advance(300)
    site.world.put("a", "Successful")
    site.world.error = None
    await site.clock.advance(20)
    for log in logs:
        assert log.events[0].error.args == ("refused",)
        assert log.told() == ["LOST", "RESTORED", "ENDED a In Progress > Successful"]
        await log.close()


async def test_an_outage_over_patience_ends_the_watch_after_its_events_and_the_cursor_holds():
    site = Site()
    site.world.put("a")
    log = Log(site.watch())
    await site.clock.advance(20)
    site.world.error = NotSentError("refused")
    await site.clock.advance(1000)
    await log.task
    assert isinstance(log.error, WaitError)
    assert log.told() == ["APPEARED a None > In Progress", "LOST"]
    site.world.error = None
    site.world.put("a", "Successful")
    again = Log(site.watch(cursor=log.watch.cursor))
    await site.clock.advance(10)
    assert again.told() == ["ENDED a In Progress > Successful"]
    await again.close()


async def test_a_filter_that_the_server_refuses_is_told_at_once():
    site = Site()
    site.world.error = BadRequest("orderBy", status=400)
    log = Log(site.watch())
    await site.clock.advance(0)
    await log.task
    assert isinstance(log.error, BadRequest)
    assert await site.idle()


async def test_one_task_that_cannot_be_read_is_lost_and_restored_by_itself():
    site = Site()
    site.world.put("a")
    site.world.put("b")
    log = Log(site.watch(["a", "b"]))
    await site.clock.advance(20)
    log.told()
    site.world.errors["a"] = DecodeError("odd")
    await site.clock.advance(5000)
    site.world.put("b", "Successful")
    site.world.errors.clear()
    await site.clock.advance(40)
    assert sorted(log.told()) == ["ENDED b In Progress > Successful", "LOST a", "RESTORED a"]
    await log.close()


# --- the reader --------------------------------------------------------------------------------------


async def test_a_slow_reader_gets_what_happened_to_a_task_in_one():
    site = Site()
    site.world.put("a", "PENDING", ["PENDING", "PENDING"])
    async with site.watch() as watch:
        await site.clock.advance(10)
        assert short(await anext(watch)) == "APPEARED a None > PENDING"
        for status, steps in (
            ("In Progress", ["IN_PROGRESS", "PENDING"]),
            ("In Progress", ["SUCCESSFUL", "IN_PROGRESS"]),
            ("Failed", ["SUCCESSFUL", "FAILED"]),
        ):
            site.world.put("a", status, steps)
            await site.clock.advance(10)
        assert [short(await anext(watch)) for _ in range(3)] == [
            "SUBTASK a subTasks[0] PENDING > SUCCESSFUL",
            "SUBTASK a subTasks[1] PENDING > FAILED",
            "ENDED a PENDING > Failed",
        ]


async def test_what_came_and_went_before_it_was_read_is_not_told():
    site = Site()
    site.world.put("a")
    async with site.watch() as watch:
        await site.clock.advance(10)
        await anext(watch)
        for status in ("PENDING", "In Progress"):
            site.world.put("a", status)
            await site.clock.advance(10)
        for error in (NotSentError("1"), None, NotSentError("2"), None):
            site.world.error = error
            await site.clock.advance(20)
        site.world.put("a", "Failed")
        await site.clock.advance(10)
        told = [short(await anext(watch)) for _ in range(3)]
        assert told == ["LOST", "RESTORED", "ENDED a In Progress > Failed"]


async def test_the_news_of_a_reader_who_sleeps_are_bounded_and_none_is_lost():
    site = Site()
    for i in range(5000):
        site.world.put(f"t{i}")
    async with site.watch() as watch:
        await site.clock.advance(100)
        assert len(watch._feed._news) == 1000
        assert len(watch._feed._told) == 0
        log = Log(watch)
        await site.clock.advance(200)
        assert Counter(event.task_id for event in log.events) == Counter(f"t{i}" for i in range(5000))
        for i in range(5000):
            site.world.put(f"t{i}", "Successful")
        log.told()
        await site.clock.advance(200)
        assert Counter(event.task_id for event in log.events) == Counter(f"t{i}" for i in range(5000))
        assert {event.kind for event in log.events} == {EventKind.ENDED}
        log.task.cancel()
        await asyncio.wait([log.task])


async def test_a_bare_break_leaves_nothing_behind():
    site = Site()
    site.world.put("a")

    async def first():
        async for event in site.watch():
            return event.kind
        raise AssertionError

    reading = asyncio.create_task(first())
    await site.clock.advance(0)
    assert await reading is EventKind.APPEARED
    gc.collect()
    assert await site.idle()


async def test_cancellation_in_mid_look_leaves_nothing_behind():
    site = Site()
    site.world.put("a")
    site.world.hold = asyncio.Event()
    for which in (None, ["a"]):
        log = Log(site.watch(which))
        await site.clock.advance(100)
        await log.close()
        assert not site.world.running
        assert await site.idle()


async def test_a_timeout_round_one_anext_loses_nothing():
    site = Site()
    site.world.put("a")
    async with contextlib.aclosing(site.watch()) as watch:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0)
        await site.clock.advance(10)
        assert short(await anext(watch)) == "APPEARED a None > In Progress"


async def test_two_readers_of_one_watch_are_told_apart():
    site = Site()
    watch = site.watch()
    reading = asyncio.create_task(anext(watch))
    await site.clock.advance(1)
    with pytest.raises(RuntimeError, match="being read already"):
        await anext(watch)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await reading


async def test_watches_share_one_listing_and_do_not_disturb_each_other():
    site = Site()
    for i in range(50):
        site.world.put(f"t{i}", "In Progress" if i % 2 else "Failed")
    logs = [Log(site.watch(where)) for where in (None, RUNNING, TaskFilter(status=Status.FAILED))]
    await site.clock.advance(100)
    assert site.world.pages == 11
    assert [len(log.told()) for log in logs] == [50, 25, 25]
    await logs[0].close()
    late = Log(site.watch(RUNNING))
    site.world.put("t1", "Successful")
    await site.clock.advance(10)
    assert logs[1].told() == ["ENDED t1 In Progress > Successful"]
    assert len(late.told()) == 24
    for log in (*logs, late):
        await log.close()
    assert await site.idle()


async def test_a_wait_is_served_by_the_listing_of_a_watch():
    site = Site()
    for i in range(5):
        site.world.put(f"t{i}")
    log = Log(site.watch())
    await site.clock.advance(5)
    wait = site.wait("t3")
    await site.clock.advance(100)
    assert len(site.world.gets) == 1
    site.world.put("t3", "Successful")
    await site.clock.advance(10)
    assert (await wait).succeeded
    await log.close()


# --- the cursor --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [lambda cursor: cursor, json.dumps])
async def test_a_watch_that_begins_at_a_cursor_tells_what_happened_in_between(form):
    site = Site()
    for name in "abcd":
        site.world.put(name, "In Progress", ["IN_PROGRESS", "PENDING"])
    log = Log(site.watch())
    await site.clock.advance(10)
    await log.close()
    cursor = json.loads(json.dumps(log.watch.cursor))
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    site.world.put("b", "Failed", ["FAILED", "PENDING"])
    del site.world.tasks["c"]
    site.world.put("e")
    again = Log(site.watch(cursor=form(cursor)))
    await site.clock.advance(30)
    assert sorted(again.told()) == [
        "APPEARED e None > In Progress",
        "ENDED b In Progress > Failed",
        "GONE c In Progress > None",
        "SUBTASK a subTasks[0] IN_PROGRESS > SUCCESSFUL",
        "SUBTASK a subTasks[1] PENDING > IN_PROGRESS",
        "SUBTASK b subTasks[0] IN_PROGRESS > FAILED",
    ]
    await again.close()


async def test_a_cursor_taken_after_any_event_neither_repeats_nor_loses_one():
    site = Site()
    site.world.put("a", "PENDING", ["PENDING", "PENDING"])
    site.world.put("b", "In Progress", ["IN_PROGRESS"])
    log = Log(site.watch())
    await site.clock.advance(10)
    await log.close()
    start = log.watch.cursor
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    site.world.put("b", "Failed", ["FAILED"])
    site.world.put("c")

    async def read(cursor, count):
        """So many events, and the cursor after them."""
        events = []
        async with site.watch(cursor=cursor) as watch:
            await site.clock.advance(10)
            for _ in range(count):
                events.append(short(await anext(watch)))
            return events, watch.cursor

    whole, _ = await read(start, 6)
    for count in range(7):
        first, cursor = await read(start, count)
        rest, _ = await read(cursor, 6 - count)
        assert sorted(first + rest) == sorted(whole)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(site.watch(cursor=_)), 0.01)


async def test_a_cursor_is_small():
    site = Site()
    for i in range(1000):
        site.world.put(
            f"3ee54a9a-5d0f-4d54-8d26-{i:012d}", "Failed", ["SUCCESSFUL"] * 20 + ["FAILED"] + ["PENDING"] * 7
        )
    log = Log(site.watch())
    await site.clock.advance(10)
    assert len(json.dumps(log.watch.cursor)) < 100 * 1000
    await log.close()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "{}",
        [],
        5,
        {"version": 1},
        {"version": 1, "words": [], "tasks": {"a": [0]}},
        {"version": 2, "words": [], "tasks": {}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, 10**12]]}},
        # Damaged in ways that a fuzzer found.
        "[" * 100_000,
        {"version": {"x": "y" * 1000}, "words": [], "tasks": {}},
        {"version": 10**5000, "words": [], "tasks": {}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, float("inf"), []]}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, 10**12, 0, -(10**12)]]}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, 1], [0, [], []]]}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, 2], [0, 5, 0]]}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, 2], [7, 1, 0]]}},
        {"version": 1, "words": ["x"], "tasks": {"a": [0, 0, [0, True]]}},
    ],
)
def test_what_is_no_cursor_is_a_usage_error(cursor):
    with pytest.raises(UsageError, match="cursor") as caught:
        Site().watch(cursor=cursor)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("which", ["a", 5, Task(id="a"), [None], ["../x"]])
def test_what_cannot_be_watched_is_a_usage_error(which):
    with pytest.raises(UsageError):
        Site().watch(which)
