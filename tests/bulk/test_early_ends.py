"""However a run is ended, and however often: one outcome each, nothing left behind, and the loop breathes."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from functools import partial

import pytest
from bulk_fakes import Sender
from journals import opened
from virtual_loop import virtually

from vcf_tasks_async import Action, OutcomeUnknownError, PasswordAuth, Policy, Result, TaskSession
from vcf_tasks_async.bulk import BulkRun
from vcf_tasks_async.gate import OPEN
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.options import Options
from vcf_tasks_async.testing import SddcManagerSimulator
from vcf_tasks_async.writes import Lost, Writer


class Holds:
    """How long the loop was held at most, in seconds of this thread's own work."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def measure(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, last = max(self.longest, now - last), now


@contextmanager
def holds():
    """The holds from here on. The garbage collector's own are the interpreter's."""
    found = Holds()
    gc.collect()
    gc.disable()
    measuring = asyncio.ensure_future(found.measure())
    try:
        yield found
    finally:
        measuring.cancel()
        gc.enable()


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancellations", [0, 1, 4])
async def test_a_long_list_that_is_left_early_is_accounted_for_in_slices(cancellations):
    ids = [f"t{i}" for i in range(60_000)] + ["t1", "t59999"]
    sender = Sender()
    run = sender.run(ids)
    waiting = asyncio.ensure_future(run._to_the_end())
    await until(lambda: len(run.report) > 100)
    run._stop("enough")
    with holds() as found:
        for _ in range(cancellations):
            waiting.cancel()
            before = len(run.report)
            await until(lambda before=before: len(run.report) > before + 3000 or waiting.done())
        with suppress(asyncio.CancelledError):
            await waiting
    assert waiting.cancelled() is bool(cancellations)
    assert Counter(o.task_id for o in run.report.outcomes) == Counter(ids[:60_000])
    assert (run.report.duplicates, run.report.complete) == (2, True)
    assert sender.running == set()
    assert found.longest < 0.05


async def test_thousands_that_are_waited_for_are_let_go_in_slices():
    async def follow(task_id, task):
        await asyncio.Event().wait()

    sender = Sender()
    run = sender.run([f"t{i}" for i in range(5_000)], concurrency=64, follow=follow)
    async with run:
        await until(lambda: len(run._follows) == 5_000)
        found = holds()
        began = found.__enter__()
    found.__exit__(None, None, None)
    assert run.report.counts == {Result.ACCEPTED: 5_000}
    assert {o.reason for o in run.report.outcomes} == {"accepted; the run ended before the task did"}
    assert began.longest < 0.05


# --- cancelled at awkward moments ---------------------------------------------------------------------------


@pytest.mark.parametrize("moment", range(0, 60, 3))
async def test_cancelled_at_any_moment_again_and_again_each_target_has_one_outcome(tmp_path, moment):
    path = tmp_path / "journal"
    sender = Sender()
    ids = [f"t{i}" for i in range(30)]
    run = sender.run(ids, concurrency=3, open_journal=partial(opened, path))
    waiting = asyncio.ensure_future(run._to_the_end())
    for _ in range(moment):
        await asyncio.sleep(0)
    while not waiting.done():
        waiting.cancel()
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    assert Counter(o.task_id for o in run.report.outcomes) == Counter(ids if moment else [])
    assert sender.running == set()
    results = {o.task_id: o.result for o in run.report.outcomes}
    for task_id in sender.sent:
        assert results[task_id] in (Result.ACCEPTED, Result.UNKNOWN)
    # The journal is closed, and the next run goes on with it.
    with closing(opened(path)) as journal:
        for task_id, result in results.items():
            earlier = journal.earlier(task_id)
            if result is Result.UNKNOWN:
                assert earlier is not None
                assert earlier.is_open
            if earlier is None:
                assert task_id not in sender.sent


async def test_a_journal_that_opens_slowly_is_closed_when_the_run_is_cancelled_meanwhile(tmp_path):
    path = tmp_path / "journal"

    def slowly() -> Journal:
        time.sleep(0.05)
        return opened(path)

    sender = Sender()
    run = sender.run(["a"], open_journal=slowly)
    waiting = asyncio.ensure_future(run._to_the_end())
    await asyncio.sleep(0.01)
    waiting.cancel()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert run.report.counts == {Result.NOT_SENT: 1}
    opened(path).close()


async def test_a_source_that_will_not_close_can_still_be_left_with_a_second_cancellation():
    closing_it = asyncio.Event()

    async def source():
        try:
            while True:
                yield "a"
                await asyncio.sleep(0)
        finally:
            closing_it.set()
            await asyncio.Event().wait()

    sender = Sender()
    run = sender.run(source())
    waiting = asyncio.ensure_future(run._to_the_end())
    await until(lambda: len(run.report))
    waiting.cancel()
    await closing_it.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sender.running == set()


def test_a_deadline_that_passes_while_a_lost_answer_is_looked_into_leaves_it_unknown():
    async def send(task_id, gate):
        assert gate.may_leave()
        raise OutcomeUnknownError("lost", path=f"/v1/tasks/{task_id}", attempts=1)

    async def look(task_id):
        await asyncio.Event().wait()

    async def main():
        sender = Sender()
        writer = Writer({Action.RETRY: send}, look, look, grace=60.0)
        run = BulkRun(Action.RETRY, ["a", "b"], writer, sender.start, Options(deadline=10.0), workers=1)
        return await run, asyncio.get_running_loop().time()

    report, took = virtually(main())
    assert report.counts == {Result.UNKNOWN: 2}
    assert all(o.attempts == 1 for o in report.outcomes)
    assert took == pytest.approx(15)


async def test_lost_answers_that_wait_for_a_look_are_unknown_when_the_run_is_cut_off():
    class Loser(Sender):
        async def send(self, action, task_id, gate, **_):
            assert gate.may_leave()
            gate.came_back()
            return Lost(OutcomeUnknownError("lost", attempts=1), 0.0)

        async def settle(self, action, task_id, before, lost):
            await asyncio.Event().wait()

    sender = Loser()
    run = sender.run([f"t{i}" for i in range(40)], concurrency=2)
    async with run:
        await asyncio.sleep(0.02)
        run._engine.cancel()
    # Eight are looked into, and two more wait for that.
    assert run.report.counts == {Result.UNKNOWN: 10, Result.NOT_SENT: 30}
    assert await Sender().send(Action.RETRY, "a", OPEN)


# --- a server that says later, and who are you ------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_who_are_you_and_later_are_no_refusals_and_safe_to_do_again(tmp_path, status):
    journal = tmp_path / "journal"
    headers = {} if status == 401 else {"Retry-After": "300"}
    async with SddcManagerSimulator(
        tasks=4, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False
    ) as sddc:
        fault = sddc.faults.add(
            method="PATCH", path="/v1/tasks/.*", status=status, headers=headers, times=None
        )
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth, policy=Policy(base=0.01)) as session:
            first = await session.retry_many(sddc.ids(), journal=journal)
            hits = fault.hits
            sddc.faults.clear()
            second = await session.retry_many(sddc.ids(), journal=journal)
    assert first.counts == {Result.NOT_SENT: 4}
    for outcome in first.outcomes:
        assert f"({status}" in (outcome.reason or "")
        assert "safe to do again" in (outcome.reason or "")
    assert sum(o.attempts for o in first.outcomes) == hits
    assert second.counts == {Result.ACCEPTED: 4}


@pytest.mark.parametrize("status", [401, 429])
async def test_a_pause_before_a_write_is_sent_again_is_not_on_its_way(tmp_path, monkeypatch, status):
    monkeypatch.setattr("vcf_tasks_async.bulk._GRACE", 0.1)
    journal = tmp_path / "journal"
    async with SddcManagerSimulator(
        tasks=4, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False
    ) as sddc:
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth) as session:
            ids = [task.id async for task in session.stream()]
            if status == 401:
                sddc.expire_tokens()
                sddc.faults.add(path="/v1/tokens.*", delay=30.0)
            else:
                sddc.faults.add(method="PATCH", status=429, headers={"Retry-After": "30"}, times=4)
            async with session.retry_many(ids, journal=journal) as outcomes:
                while sddc.requests.count(method="PATCH", status=status) < 4:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.02)
            assert outcomes.report.counts == {Result.NOT_SENT: 4}
            assert {o.attempts for o in outcomes.report.outcomes} == {1}
    assert journal.read_text().count('"result":"not_sent"') == 4
