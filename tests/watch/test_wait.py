"""A wait ends when the task does, and not before: through outages, stale failures and purges."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from timeline import STEADY, Site

from vcf_tasks_async import (
    DecodeError,
    ErrorDetail,
    NotSentError,
    Polling,
    RateLimited,
    ServerError,
    SubTask,
    Task,
    TaskFailed,
    TaskGone,
    TaskStalled,
    Unauthorized,
    UsageError,
    WaitError,
    WaitTimeout,
)


async def test_a_task_that_has_ended_is_returned_at_once():
    site = Site()
    site.world.put("a", "Successful")
    wait = site.wait("a")
    await site.clock.advance(0)
    assert (await wait).succeeded
    assert site.world.gets == ["a"]
    assert await site.idle()


@pytest.mark.parametrize(
    "status", ["Successful", "FAILED", "Cancelled", "TIMED_OUT", "COMPLETED_WITH_WARNING"]
)
async def test_a_running_task_is_returned_as_it_ended(status):
    site = Site()
    site.world.put("a", "In Progress")
    wait = site.wait("a")
    await site.clock.advance(100)
    assert not wait.done()
    site.world.put("a", status)
    await site.clock.advance(10)
    assert (await wait).raw_status == status
    assert len(site.world.gets) == 12
    assert await site.idle()


@pytest.mark.parametrize("status", ["Frobnicating", "", None, "PENDING", "Queued"])
async def test_what_is_no_end_is_taken_for_none(status):
    site = Site()
    site.world.put("a", status)
    wait = site.wait("a")
    await site.clock.advance(36_000)
    assert not wait.done()
    site.world.put("a", "SUCCESSFUL")
    await site.clock.advance(10)
    assert (await wait).succeeded


async def test_a_failure_is_raised_with_its_task_and_cause_where_asked_for():
    site = Site()
    sub = SubTask(name="x", raw_status="FAILED", errors=(ErrorDetail(message="the disk\x1b[2J is full"),))
    site.world.tasks["a"] = Task(id="a", name="Backup", raw_status="Failed", sub_tasks=(sub,))
    wait = site.wait("a", raise_failed=True)
    await site.clock.advance(0)
    with pytest.raises(TaskFailed, match=r"task a \(Backup\) ended 'Failed': the disk.* is full") as caught:
        await wait
    assert "\x1b" not in str(caught.value)
    assert caught.value.task is site.world.tasks["a"]
    assert pickle.loads(pickle.dumps(caught.value)).task == caught.value.task


async def test_a_timeout_carries_the_last_task_and_the_wait_can_go_on():
    site = Site()
    site.world.put("a")
    wait = site.wait("a", timeout=35)
    await site.clock.advance(34.9)
    assert not wait.done()
    site.world.put("a", "Running")  # not seen: the next look is at 40 s
    await site.clock.advance(0.2)
    with pytest.raises(WaitTimeout, match="has not ended within 35 s: it shows 'In Progress'") as caught:
        await wait
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.task.raw_status == "In Progress"
    assert await site.idle()
    site.world.put("a", "Successful")
    again = site.wait(caught.value.task.id)
    await site.clock.advance(0)
    assert (await again).succeeded


async def test_a_timeout_comes_in_time_while_a_look_hangs():
    site = Site()
    site.world.put("a")
    site.world.hold = asyncio.Event()
    wait = site.wait("a", timeout=35)
    await site.clock.advance(35)
    with pytest.raises(WaitTimeout, match="was not seen") as caught:
        await wait
    assert caught.value.task is None
    assert await site.idle()


async def test_a_purged_task_is_gone_once_it_is_missing_for_a_moment_on_end():
    site = Site()
    site.world.put("a")
    wait = site.wait("a")
    await site.clock.advance(10)
    del site.world.tasks["a"]
    await site.clock.advance(10)
    assert not wait.done()
    await site.clock.advance(5)
    with pytest.raises(TaskGone, match="last seen 'In Progress'") as caught:
        await wait
    assert caught.value.task.id == "a"
    assert caught.value.manager == "sddc.test"
    assert await site.idle()


async def test_a_task_that_is_late_to_show_is_waited_for():
    site = Site()
    wait = site.wait("new", polling=Polling(initial=2.0, jitter=0.0))
    await site.clock.advance(4)
    site.world.put("new")
    await site.clock.advance(60)
    assert not wait.done()
    site.world.put("new", "Successful")
    await site.clock.advance(60)
    assert (await wait).succeeded


OUTAGES = [
    ServerError("502", status=502),
    NotSentError("refused"),
    ServerError("its front end answers", status=404),
    Unauthorized("expired", status=401),
    DecodeError("not JSON"),
]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
async def test_an_outage_within_patience_is_survived(error):
    site = Site()
    site.world.put("a")
    wait = site.wait("a")
    await site.clock.advance(100)
    site.world.error = error
    await site.clock.advance(880)
    assert not wait.done()
    site.world.error = None
    await site.clock.advance(20)
    site.world.error = error
    await site.clock.advance(880)  # patience is for failures in a row
    site.world.error = None
    site.world.put("a", "Successful")
    await site.clock.advance(20)
    assert (await wait).succeeded


async def test_an_outage_over_patience_ends_the_wait_with_the_error_and_the_task():
    site = Site()
    site.world.put("a")
    wait = site.wait("a")
    await site.clock.advance(100)
    site.world.error = NotSentError("no connection")
    await site.clock.advance(920)
    with pytest.raises(WaitError, match=r"could not be looked at for 900 s: no connection") as caught:
        await wait
    assert caught.value.__cause__ is site.world.error
    assert caught.value.task.id == "a"
    assert await site.idle()


async def test_a_login_that_never_worked_is_not_waited_for():
    site = Site()
    site.world.error = Unauthorized("wrong password", status=401)
    wait = site.wait("a")
    await site.clock.advance(0)
    with pytest.raises(Unauthorized, match="wrong password"):
        await wait
    assert await site.idle()


async def test_one_task_that_cannot_be_read_does_not_end_the_waits_for_others():
    site = Site()
    for name in "abc":
        site.world.put(name)
    site.world.errors["b"] = DecodeError("task b can't be read")
    waits = [site.wait(name) for name in "abc"]
    await site.clock.advance(920)
    with pytest.raises(WaitError, match="task b can't be read"):
        await waits[1]
    site.world.put("a", "Successful")
    site.world.put("c", "Successful")
    await site.clock.advance(10)
    assert (await waits[0]).id + (await waits[2]).id == "ac"


async def test_retry_after_is_honoured():
    site = Site()
    site.world.put("a")
    wait = site.wait("a")
    await site.clock.advance(100)
    site.world.error = RateLimited("slow down", status=429, retry_after=300)
    await site.clock.advance(10)
    looks = len(site.world.gets)
    site.world.error = None
    site.world.put("a", "Successful")
    await site.clock.advance(299)
    assert (len(site.world.gets), wait.done()) == (looks, False)
    await site.clock.advance(2)
    assert (await wait).succeeded


async def test_looks_in_an_outage_become_rare():
    site = Site()
    site.world.put("a")
    wait = site.wait("a", polling=Polling(initial=1.0, maximum=60.0, factor=2.0, jitter=0.0))
    await site.clock.advance(1)
    site.world.error = NotSentError("refused")
    looks = len(site.world.gets)
    await site.clock.advance(800)
    assert len(site.world.gets) - looks < 25
    wait.cancel()


# --- after a retry -----------------------------------------------------------------------------------


@pytest.mark.parametrize("knows", ["told", "by itself"])
async def test_a_stale_failure_after_a_retry_is_passed_over(knows):
    site = Site()
    site.world.put("a", "Failed", ["SUCCESSFUL", "FAILED"])
    if knows == "by itself":
        site.waits.retried("a")
    wait = site.wait("a", after_retry=True if knows == "told" else None)
    await site.clock.advance(50)
    assert not wait.done()
    site.world.put("a", "In Progress", ["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(1000)
    assert not wait.done()
    site.world.put("a", "Successful")
    await site.clock.advance(10)
    assert (await wait).succeeded


async def test_a_new_failure_after_a_retry_ends_the_wait_within_the_grace():
    site = Site()
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="1")
    wait = site.wait("a", after_retry=True)
    await site.clock.advance(20)
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="2")
    await site.clock.advance(10)
    assert (await wait).completion_timestamp == "2"


async def test_a_failure_that_differs_from_the_one_before_the_retry_ends_the_wait_at_the_first_look():
    site = Site()
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="1")
    before = site.world.tasks["a"]
    site.world.put("a", "Failed", ["FAILED"], completion_timestamp="2")
    wait = asyncio.create_task(site.waits.ended("a", before=before, after_retry=True, polling=STEADY))
    await site.clock.advance(10)
    assert (await wait).completion_timestamp == "2"


async def test_a_failure_seen_after_the_task_ran_again_ends_the_wait():
    site = Site()
    site.world.put("a", "In Progress")
    wait = site.wait("a", after_retry=True)
    await site.clock.advance(10)
    site.world.put("a", "Failed")
    await site.clock.advance(10)
    assert (await wait).failed


async def test_a_failure_that_still_shows_after_the_grace_is_the_end():
    site = Site(grace=60)
    site.world.put("a", "Failed")
    wait = site.wait("a", after_retry=True)
    await site.clock.advance(59)
    assert not wait.done()
    await site.clock.advance(11)
    assert (await wait).failed


async def test_a_retry_is_forgotten_when_its_grace_is_over_or_it_was_refused():
    site = Site(grace=60)
    site.world.put("a", "Failed")
    site.world.put("b", "Failed")
    site.waits.retried("a")
    site.waits.retried("b")
    site.waits.not_retried("b")
    refused = site.wait("b")
    await site.clock.advance(0)
    assert (await refused).failed
    await site.clock.advance(61)
    later = site.wait("a")
    await site.clock.advance(0)
    assert (await later).failed
    site.waits.retried("c")
    assert list(site.waits._retried) == ["c"]


async def test_a_retry_is_remembered_however_short_its_grace():
    site = Site(grace=1e-12)
    await site.clock.advance(100_000)
    for task_id in ("a", "b"):
        site.waits.retried(task_id)
        assert task_id in site.waits._retried


# --- stuck tasks, progress ---------------------------------------------------------------------------


async def test_a_stuck_task_is_named():
    site = Site()
    site.world.put("a", steps=["IN_PROGRESS", "PENDING"])
    wait = site.wait("a", stalled_after=300)
    await site.clock.advance(250)
    site.world.put("a", steps=["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(290)
    assert not wait.done()
    await site.clock.advance(30)
    with pytest.raises(TaskStalled, match=r"has shown no change for 30\d s") as caught:
        await wait
    assert caught.value.task.id == "a"
    assert await site.idle()


async def test_an_outage_is_no_standstill_of_the_task():
    site = Site()
    site.world.put("a")
    wait = site.wait("a", stalled_after=300)
    await site.clock.advance(100)
    site.world.error = NotSentError("refused")
    await site.clock.advance(600)
    site.world.error = None
    await site.clock.advance(100)
    assert not wait.done()
    await site.clock.advance(200)
    with pytest.raises(TaskStalled):
        await wait


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_who_is_called_about_a_stuck_task_is_called_once_for_each_standstill(how):
    site = Site()
    site.world.put("a", steps=["IN_PROGRESS", "PENDING"])
    stuck = []

    async def called(task):
        stuck.append(task.id)

    wait = site.wait(
        "a", stalled_after=100, on_stalled=called if how == "async" else lambda task: stuck.append(task.id)
    )
    await site.clock.advance(1000)
    assert stuck == ["a"]
    site.world.put("a", steps=["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(1000)
    assert stuck == ["a", "a"]
    site.world.put("a", "Successful")
    await site.clock.advance(10)
    assert (await wait).succeeded


async def test_progress_is_told_at_the_first_look_and_at_each_change():
    site = Site()
    site.world.put("a", steps=["IN_PROGRESS", "PENDING"], creation_timestamp="2020-01-01T00:00:00.000Z")
    told = []
    wait = site.wait("a", on_progress=told.append)
    await site.clock.advance(100)
    site.world.put("a", steps=["SUCCESSFUL", "IN_PROGRESS"])
    await site.clock.advance(100)
    site.world.put("a", "Successful", steps=["SUCCESSFUL", "SUCCESSFUL"])
    await site.clock.advance(10)
    assert (await wait).succeeded
    assert [(each.done, each.total, each.current) for each in told] == [
        (0, 2, "step 0"),
        (1, 2, "step 1"),
        (2, 2, None),
    ]
    assert told[0].elapsed > 3600
    assert told[1].elapsed is None


async def test_what_a_callback_raises_comes_out_of_its_own_wait_only():
    site = Site()
    site.world.put("a")

    def broken(progress):
        raise LookupError("mine")

    waits = [site.wait("a", on_progress=broken), site.wait("a")]
    await site.clock.advance(0)
    with pytest.raises(LookupError, match="mine"):
        await waits[0]
    site.world.put("a", "Successful")
    await site.clock.advance(10)
    assert (await waits[1]).succeeded


# --- together ----------------------------------------------------------------------------------------


async def test_waits_on_the_same_task_share_one_look():
    site = Site()
    site.world.put("a")
    waits = [site.wait("a") for _ in range(50)]
    await site.clock.advance(100)
    assert len(site.world.gets) == 11
    site.world.put("a", "Successful")
    await site.clock.advance(10)
    assert {task.id for task in await asyncio.gather(*waits)} == {"a"}
    assert await site.idle()


async def test_cancelling_one_wait_leaves_the_other_and_cancelling_the_last_leaves_nothing():
    site = Site()
    site.world.put("a")
    one, other = site.wait("a"), site.wait("a")
    await site.clock.advance(100)
    one.cancel()
    await asyncio.wait([one])
    await site.clock.advance(100)
    assert not other.done()
    assert len(site.world.running) == 1
    site.world.hold = asyncio.Event()
    await site.clock.advance(10)  # in mid-look
    other.cancel()
    await asyncio.wait([other])
    assert not site.world.running
    assert site.clock.in_flight == 0
    assert await site.idle()


async def test_ten_waits_with_timeouts_round_them_leave_nothing():
    site = Site()
    site.world.put("a")
    for _ in range(10):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.002):
                await site.waits.ended("a")
    assert await site.idle()


async def test_a_session_that_closes_ends_its_waits():
    site = Site()
    site.world.put("a")
    wait = site.wait("a")
    await site.clock.advance(10)
    for task in site.world.running:
        task.cancel()
    with pytest.raises(UsageError, match="closed"):
        await wait


async def test_a_wait_begun_while_the_last_one_ends_is_looked_after():
    site = Site()
    for name in "ab":
        site.world.put(name, "Successful")
    assert (await site.waits.ended("a")).id == "a"
    assert (await asyncio.wait_for(_driven(site, "b"), 5)).id == "b"


async def _driven(site, task_id):
    wait = site.wait(task_id)
    await site.clock.advance(1)
    return await wait


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), True, "5"])
async def test_times_that_cannot_be_meant_are_usage_errors(seconds):
    site = Site()
    with pytest.raises(UsageError, match="timeout takes seconds above 0"):
        await site.wait("a", timeout=seconds)
    with pytest.raises(UsageError, match="stalled_after"):
        await site.wait("a", stalled_after=seconds)
    assert await site.idle()


async def test_an_id_that_cannot_be_one_is_a_usage_error():
    site = Site()
    with pytest.raises(UsageError):
        await site.wait("../tokens")
    assert await site.idle()
