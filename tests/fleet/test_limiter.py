"""Slots that sessions share: a bound over all, and a free one for whoever has the fewest in flight."""

from __future__ import annotations

import asyncio

import pytest

from vcf_tasks_async import Limiter, PasswordAuth, TaskSession, UsageError
from vcf_tasks_async.slots import Share


async def test_a_free_slot_goes_to_whoever_has_the_fewest():
    limiter = Limiter(4)
    slow, quick = Share(limiter), Share(limiter)
    for _ in range(4):
        await slow.acquire()
    waiting = [asyncio.create_task(share.acquire()) for share in (slow, slow, quick, quick)]
    await asyncio.sleep(0)
    slow.release()
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.done() for task in waiting] == [False, False, True, False], "not who waits longest"
    slow.release()
    await asyncio.wait(waiting[3:])
    assert (slow.in_flight, quick.in_flight, limiter.in_flight) == (2, 2, 4)
    for share in (quick, quick):
        share.release()
    await asyncio.wait(waiting)
    assert (slow.in_flight, quick.in_flight) == (4, 0)


async def test_whoever_is_cancelled_leaves_no_slot_behind():
    limiter = Limiter(1)
    share, other = Share(limiter), Share(limiter)
    await share.acquire()
    waiting, given = asyncio.create_task(other.acquire()), asyncio.create_task(share.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    # Given and cancelled in the same turn of the loop: the slot is passed on.
    share.release()
    given.cancel()
    await asyncio.wait((given,))
    assert limiter.in_flight == 0
    async with asyncio.timeout(1):
        await other.acquire()
    assert (share.in_flight, other.in_flight) == (0, 1)


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "8", None])
def test_a_limit_is_a_whole_number_from_1_on(limit):
    with pytest.raises(UsageError, match="whole number"):
        Limiter(limit)


def test_a_session_takes_a_limiter_and_nothing_else_for_one():
    with pytest.raises(UsageError, match="limiter takes a Limiter"):
        TaskSession("sfo-vcf01.rainpole.io", PasswordAuth("a", "b"), limiter=64)
