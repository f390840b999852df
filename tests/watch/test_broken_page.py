"""One record that SDDC Manager can't serve costs the events of no other, and is told."""

from __future__ import annotations

import asyncio

from months import Life, simulator
from timeline import Log

from vcf_tasks_async import Policy, Polling, ServerError, WaitError

LOOKS = Polling(initial=10.0, maximum=10.0, jitter=0.0, patience=100.0)
QUICK = Policy(budget=0, base=0.001, cap=0.001)
THIRD = {"pageNumber": "3", "pageSize": "100"}


def successful(sddc, first, last):
    """The ids of the successful tasks that stand there in the listing."""
    good = set(sddc.ids("SUCCESSFUL"))
    return [task_id for task_id in sddc.ids()[first:last] if task_id in good]


async def watched(life):
    """A watch that has told all that is there."""
    log = Log(life.session.watch(polling=LOOKS))
    await life.clock.advance(10)
    assert len(log.told()) == len(life.sddc.ids())
    return log


async def test_a_page_that_always_fails_is_lost_and_restored_and_the_others_are_told():
    async with simulator(330, live=False) as sddc, Life(sddc, policy=QUICK) as life:
        before, on_it, after = (successful(sddc, *range_) for range_ in ((0, 200), (200, 300), (300, 330)))
        log = await watched(life)
        sddc.faults.add(path="/v1/tasks", query=THIRD, status=500, times=None)
        sddc.faults.add(path=f"/v1/tasks/{on_it[7]}", status=500, times=None)
        await life.clock.advance(30)
        assert sorted(log.told()) == ["LOST", f"LOST {on_it[7]}"]
        # On other pages, and on the very one: each is told, and once.
        failed = [before[3], on_it[8], on_it[-1], after[-1]]
        for task_id in failed:
            sddc.set_status(task_id, "FAILED")
        sddc.purge(before[4])
        await life.clock.advance(60)
        assert sorted(log.told()) == sorted(
            [f"ENDED {task_id} Successful > Failed" for task_id in failed]
            + [f"GONE {before[4]} Successful > None"]
        )
        sddc.faults.clear()
        await life.clock.advance(30)
        assert sorted(log.told()) == ["RESTORED", f"RESTORED {on_it[7]}"]
        await log.close()


async def test_a_page_that_fails_for_longer_than_patience_ends_the_watch_after_what_was_read():
    async with simulator(330, live=False) as sddc, Life(sddc, policy=QUICK) as life:
        task_id = successful(sddc, 0, 200)[3]
        log = await watched(life)
        sddc.faults.add(path="/v1/tasks", query=THIRD, status=500, times=None)
        await life.clock.advance(90)
        sddc.set_status(task_id, "FAILED")
        assert not log.task.done()
        await life.clock.advance(40)
        await asyncio.wait([log.task])
        assert isinstance(log.error, WaitError)
        assert isinstance(log.error.__cause__, ServerError)
        assert log.told() == ["LOST", f"ENDED {task_id} Successful > Failed"]


async def test_where_the_first_page_fails_known_tasks_are_still_told():
    async with simulator(90, live=False) as sddc, Life(sddc, policy=QUICK) as life:
        task_id = successful(sddc, 70, 90)[0]
        log = await watched(life)
        sddc.faults.add(path="/v1/tasks", status=500, times=None)
        await life.clock.advance(30)
        assert log.told() == ["LOST"]
        sddc.set_status(task_id, "FAILED")
        await life.clock.advance(60)
        assert log.told() == [f"ENDED {task_id} Successful > Failed"]
        sddc.faults.clear()
        await life.clock.advance(60)
        assert log.told() == ["RESTORED"]
        await log.close()


async def test_an_outage_in_the_middle_of_a_listing_is_told_before_what_comes_after_it():
    async with simulator(330, live=False) as sddc, Life(sddc, policy=QUICK) as life:
        task_id = successful(sddc, 0, 100)[0]
        log = await watched(life)
        sddc.faults.add(path="/v1/tasks.*", status=502, html=True, skip=2, times=6)
        await life.clock.advance(10)
        sddc.set_status(task_id, "FAILED")
        await life.clock.advance(80)
        assert log.told() == ["LOST", "RESTORED", f"ENDED {task_id} Successful > Failed"]
        await log.close()
