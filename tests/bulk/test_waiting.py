"""`wait=True`: each accepted task is followed to its end, all of them by one poller."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from bulk_fakes import Sender
from virtual_loop import virtually

from vcf_tasks_async import PasswordAuth, Policy, Result, Status, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator


def many_failed(**options) -> SddcManagerSimulator:
    """Tasks that end some simulated minutes after their retry, and a clock that makes seconds of them."""
    given = {
        "tasks": 300,
        "failed": 1.0,
        "running": 0,
        "not_retryable": 0,
        "credential_tasks": 0,
        "retry_succeeds": 0.7,
        "step_seconds": (1.0, 4.0),
        "speed": 90.0,
    }
    return SddcManagerSimulator(**{**given, **options})


def session_of(sddc: SddcManagerSimulator, **how) -> TaskSession:
    return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), **how)


async def test_each_accepted_task_comes_with_how_it_ended():
    async with many_failed(tasks=60) as sddc, session_of(sddc) as session:
        ids = sddc.ids()
        report = await session.retry_many(session.stream(), wait=True, concurrency=16)
        truth = sddc.snapshot()
    assert Counter(o.task_id for o in report.outcomes) == Counter(ids)
    assert report.counts == {Result.ACCEPTED: 60}
    for outcome in report.outcomes:
        assert outcome.final is not None
        assert outcome.final.is_ended
        assert outcome.final.to_json() == truth[outcome.task_id]
    assert {o.final.status for o in report.outcomes if o.final} == {Status.SUCCESSFUL, Status.FAILED}


async def test_an_old_failure_within_the_grace_is_not_taken_for_the_end():
    # 90 simulated seconds are one real one: the old face shows for a third of the grace.
    async with (
        many_failed(tasks=40, stale_failed=30.0, retry_succeeds=1.0) as sddc,
        session_of(sddc, policy=Policy(grace=1.0)) as session,
    ):
        report = await session.retry_many(session.stream(), wait=True, concurrency=16)
    assert report.counts == {Result.ACCEPTED: 40}
    assert {o.final and o.final.status for o in report.outcomes} == {Status.SUCCESSFUL}


async def test_a_hundred_tasks_are_followed_with_far_fewer_requests_than_a_poller_for_each():
    async with many_failed(tasks=300, speed=200.0) as sddc, session_of(sddc) as session:
        tasks = [task async for task in session.stream()]
        sddc.requests.clear()
        report = await session.retry_many(tasks, wait=True, concurrency=32)
        lists = sddc.requests.count(method="GET", path="/v1/tasks")
        singles = sddc.requests.count(method="GET", path="/v1/tasks/.+")
    assert report.counts == {Result.ACCEPTED: 300}
    assert all(o.final is not None and o.final.is_ended for o in report.outcomes)
    # At this pace a poller for each looks five times and more.
    assert lists + singles <= 2 * 300
    assert singles <= 300


@pytest.mark.parametrize("how", ["break", "deadline"])
async def test_leaving_early_lets_the_waiting_go_at_once_and_says_so(how):
    async with many_failed(tasks=30, live=False) as sddc, session_of(sddc) as session:
        clock = asyncio.get_running_loop().time
        run = session.retry_many(
            sddc.ids(), wait=True, concurrency=8, deadline=1.0 if how == "deadline" else None
        )
        if how == "break":
            async with run:
                while sddc.requests.count(method="PATCH", status=200) < 30:
                    await asyncio.sleep(0.01)
                left = clock()
            assert clock() - left < 2.0
        else:
            began = clock()
            await run
            assert clock() - began < 3.0
        report = run.report
    known = [o for o in report.outcomes if o.result is Result.ACCEPTED]
    assert len(known) == 30
    assert all(o.final is None for o in known)
    assert {o.reason for o in known} == {"accepted; the run ended before the task did"}
    assert report.stopped


def test_waiting_that_is_about_to_begin_is_let_go_as_well():
    async def follow(task_id, task):
        await asyncio.Event().wait()

    async def main():
        run = Sender().run(["a", "b", "no"], concurrency=3, stop_after=1, follow=follow)
        report = await run
        return report, asyncio.get_running_loop().time()

    report, seconds = virtually(main())
    assert report.counts == {Result.ACCEPTED: 2, Result.REJECTED: 1}
    assert seconds < 1


async def test_a_task_that_is_purged_while_it_is_waited_for_says_so(monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.polling.ABSENCE", 0.3)
    async with many_failed(tasks=20, live=False) as sddc, session_of(sddc) as session:
        ids = sddc.ids()
        async with session.retry_many(ids, wait=True) as outcomes:
            while sddc.requests.count(method="PATCH", status=200) < 20:
                await asyncio.sleep(0.01)
            sddc.purge(ids[0])
            for task_id in ids[1:]:
                sddc.complete(task_id)
            seen = {o.task_id: o async for o in outcomes}
    assert {o.result for o in seen.values()} == {Result.ACCEPTED}
    gone = seen.pop(ids[0])
    assert "its end is not known" in (gone.reason or "")
    assert all(o.final is not None and o.final.succeeded for o in seen.values())


async def test_what_was_not_accepted_is_not_waited_for():
    async with (
        SddcManagerSimulator(tasks=40, failed=0.5, running=0.5, live=False) as sddc,
        session_of(sddc) as session,
    ):
        running = sddc.ids("IN_PROGRESS")
        report = await session.retry_many(running, wait=True, force=True)
        dry = await session.retry_many(sddc.ids(), wait=True, dry_run=True)
    assert report.counts == {Result.REJECTED: len(running)}
    assert dry.counts == {Result.SKIPPED: 40}
    assert all(o.final is None for o in (*report.outcomes, *dry.outcomes))


async def test_cancelled_tasks_are_waited_for_as_well():
    async with (
        many_failed(
            tasks=40, failed=0, running=1.0, speed=60.0, cancel_seconds=20.0, step_seconds=(500.0, 900.0)
        ) as sddc,
        session_of(sddc) as session,
    ):
        running = [task async for task in session.stream() if task.is_cancellable]
        report = await session.cancel_many(running, wait=True)
    assert report.counts[Result.ACCEPTED] == len(running) > 20
    assert {o.final and o.final.status for o in report.outcomes} == {Status.CANCELLED}


async def test_a_server_that_goes_away_for_a_while_costs_no_final(tmp_path):
    with many_failed(tasks=30, speed=60.0).in_thread() as sddc:
        policy = Policy(base=0.02, cap=0.2, deadline=5.0, grace=1.0)
        async with session_of(sddc, policy=policy) as session:
            run = session.retry_many(sddc.ids(), wait=True, journal=tmp_path / "journal")
            async with run:
                while sddc.requests.count(method="PATCH", status=200) < 30:
                    await asyncio.sleep(0.01)
                await sddc.stop()
                await asyncio.sleep(0.2)
                await sddc.start()
                async for _ in run:
                    pass
    assert run.report.counts == {Result.ACCEPTED: 30}
    assert all(o.final is not None and o.final.is_ended for o in run.report.outcomes)


async def test_outcomes_come_as_their_tasks_end_and_those_left_behind_say_so():
    async with many_failed(tasks=30, live=False) as sddc, session_of(sddc) as session:
        ids = sddc.ids()
        async with session.retry_many(ids, wait=True, concurrency=8) as outcomes:
            while sddc.requests.count(method="PATCH", status=200) < 30:
                await asyncio.sleep(0.01)
            for task_id in ids[:5]:
                sddc.complete(task_id)
            seen = [await anext(outcomes) for _ in range(5)]
        report = outcomes.report
    assert {o.task_id for o in seen} == set(ids[:5])
    assert all(o.final is not None and o.final.succeeded for o in seen)
    assert report.counts == {Result.ACCEPTED: 30}
    assert Counter(o.task_id for o in report.outcomes) == Counter(ids)
    assert report.ended == {Status.SUCCESSFUL: 5}
    assert {o.reason for o in report.outcomes if o.final is None} == {
        "accepted; the run ended before the task did"
    }


async def test_a_task_that_is_gone_before_it_could_be_followed_says_so(monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.polling.ABSENCE", 0.3)
    async with many_failed(tasks=3, live=False) as sddc, session_of(sddc) as session:
        ids = sddc.ids()
        sddc.on_request(
            lambda request: (
                sddc.purge(ids[0]) if request.method == "GET" and ids[0] in sddc.ids("IN_PROGRESS") else None
            )
        )
        for task_id in ids[1:]:
            sddc.purge(task_id)
        report = await session.retry_many(ids[:1], wait=True)
    assert report.counts == {Result.ACCEPTED: 1}
    assert report.outcomes[0].final is None
    assert "its end is not known" in (report.outcomes[0].reason or "")
