"""One outcome for each target, whatever happens; nothing is sent twice, and nothing is left behind."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest
from bulk_fakes import Sender, failed

from vcf_tasks_async import (
    Action,
    BulkFailures,
    Outcome,
    Result,
    ServerError,
    Task,
    UsageError,
)


class Performer(Sender):
    """A `Sender` whose writes take a few turns of the loop each, or until *hold* is set."""

    def __init__(self, *, turns: int = 3) -> None:
        super().__init__()
        self.turns = turns
        self.hold: asyncio.Event | None = None

    async def take_time(self):
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()


async def arranged(how: str, ids: list[str]):
    match how:
        case "list":
            return ids
        case "set":
            return set(ids)
        case "generator":
            return (each for each in ids)
        case "tasks":
            return [failed(each) for each in ids]
        case "mixed":
            return [failed(each) if i % 2 else each for i, each in enumerate(ids)]

    async def asynchronous():
        for each in ids:
            await asyncio.sleep(0)
            yield each

    return asynchronous()


@pytest.mark.parametrize("how", ["list", "set", "generator", "tasks", "mixed", "async generator"])
@pytest.mark.parametrize("concurrency", [1, 3, 64])
async def test_each_target_has_one_outcome_from_any_source(how, concurrency):
    performer = Performer(turns=300)
    ids = [f"t{i}" for i in range(100)]
    report = await performer.run(await arranged(how, ids), concurrency=concurrency)
    assert Counter(outcome.task_id for outcome in report.outcomes) == Counter(ids)
    assert report.counts == {Result.ACCEPTED: 100}
    assert report.complete
    assert performer.most_in_flight == min(concurrency, 100)
    assert performer.running == set()


async def test_nothing_happens_before_the_run_is_used():
    performer = Performer()
    performer.run(["a"])
    await asyncio.sleep(0)
    assert performer.sent == {}


async def test_no_targets_make_an_empty_report():
    report = await Performer().run([])
    assert (report.outcomes, report.counts, report.complete) == ([], {}, True)
    report.raise_for_failures()


async def test_a_target_given_twice_is_sent_once():
    performer = Performer()
    report = await performer.run(["a", failed("a"), "b", "a"])
    assert performer.sent == {"a": 1, "b": 1}
    assert (len(report.outcomes), report.duplicates) == (2, 2)


@pytest.mark.parametrize(
    ("action", "task", "reason"),
    [
        (Action.RETRY, Task(id="a", raw_status="In Progress"), "has not failed (In Progress)"),
        (Action.RETRY, Task(id="a", raw_status="Successful"), "has not failed"),
        (Action.RETRY, failed("a", is_retryable=False), "can't be retried"),
        (Action.RETRY, failed("a"), None),
        (Action.RETRY, Task(id="a", raw_status="Frobnicating"), None),
        (Action.CANCEL, failed("a"), "has ended (Failed)"),
        (Action.CANCEL, Task(id="a", raw_status="In Progress", is_cancellable=False), "can't be cancelled"),
        (Action.CANCEL, Task(id="a", raw_status="In Progress"), None),
        (Action.CANCEL, Task(id="a"), None),
    ],
)
async def test_what_makes_no_sense_is_skipped_with_its_reason(action, task, reason):
    performer = Performer()
    report = await performer.run([task], action=action)
    (outcome,) = report.outcomes
    if reason is None:
        assert (outcome.result, performer.sent) == (Result.ACCEPTED, {"a": 1})
    else:
        assert (outcome.result, performer.sent) == (Result.SKIPPED, {})
        assert reason in (outcome.reason or "")
    forced = await performer.run([task], action=action, force=True)
    assert forced.counts == {Result.ACCEPTED: 1}


async def test_an_id_that_is_none_is_skipped_and_costs_the_others_nothing():
    performer = Performer()
    report = await performer.run(["../users", "a", "", "x" * 200])
    assert report.counts == {Result.SKIPPED: 3, Result.ACCEPTED: 1}
    assert performer.sent == {"a": 1}


@pytest.mark.parametrize("targets", ["3ee54a9a", b"3ee54a9a", failed("a"), 7, None])
def test_a_single_target_in_place_of_many_is_refused(targets):
    with pytest.raises(UsageError, match="iterable"):
        Performer().run(targets)


async def test_a_target_that_is_no_target_ends_the_run_with_what_is_known():
    performer = Performer()
    run = performer.run(iter(["a", "b", 7, "c"]), concurrency=1)
    with pytest.raises(UsageError, match="a target is a task or a task id, not int"):
        await run
    assert [outcome.task_id for outcome in run.report.outcomes] == ["a", "b"]
    assert not run.report.complete


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_the_source_raises_comes_out_after_the_outcomes(asynchronous):
    def source():
        yield from ("a", "b")
        raise LookupError("the list broke")

    async def asource():
        for each in source():
            yield each

    performer = Performer()
    run = performer.run(asource() if asynchronous else source())
    seen = []
    with pytest.raises(LookupError, match="the list broke"):
        async with run as outcomes:
            async for outcome in outcomes:
                seen.append(outcome.task_id)
    assert sorted(seen) == ["a", "b"]
    assert run.report.counts == {Result.ACCEPTED: 2}
    assert performer.running == set()


async def test_leaving_early_starts_no_new_write_and_accounts_for_all():
    performer = Performer(turns=5)
    ids = [f"t{i}" for i in range(100)]
    run = performer.run(ids)
    async with run as outcomes:
        async for _ in outcomes:
            break
        sent_at_break = sum(performer.sent.values())
    assert sum(performer.sent.values()) == sent_at_break
    assert Counter(o.task_id for o in run.report.outcomes) == Counter(ids)
    counts = run.report.counts
    assert counts[Result.ACCEPTED] == sent_at_break
    assert counts[Result.NOT_SENT] == 100 - sent_at_break
    assert performer.running == set()
    assert run.report.complete


async def test_a_slow_reader_holds_the_writes_back():
    performer = Performer(turns=0)
    async with performer.run((f"t{i}" for i in range(10_000)), concurrency=4) as outcomes:
        await anext(outcomes)
        for _ in range(200):
            await asyncio.sleep(0)
        assert sum(performer.sent.values()) <= 1 + 2 * 4 + 4


async def test_an_endless_source_can_be_left():
    performer = Performer()
    run = performer.run(f"t{i}" for i in itertools.count())
    async with run as outcomes:
        async for outcome in outcomes:
            if outcome.task_id == "t50":
                break
    assert not run.report.complete, "a generator's rest can't be known"
    assert set(run.report.counts) <= {Result.ACCEPTED, Result.NOT_SENT}


async def test_a_source_that_never_comes_can_be_left():
    class Never:
        def __aiter__(self):
            return self

        async def __anext__(self):
            await asyncio.Event().wait()

    performer = Performer()
    async with performer.run(Never()):
        await asyncio.sleep(0)
    assert performer.running == set()


async def test_an_async_source_that_is_left_early_is_closed():
    closed = []

    async def source():
        try:
            for i in itertools.count():
                yield f"t{i}"
        finally:
            closed.append(True)

    async with Performer().run(source()) as outcomes:
        await anext(outcomes)
    assert closed == [True]


async def test_cancelled_while_awaited_the_report_still_accounts_for_all():
    performer = Performer()
    performer.hold = asyncio.Event()
    ids = [f"t{i}" for i in range(20)]
    run = performer.run(ids)
    waiting = asyncio.ensure_future(run._to_the_end())
    while performer.in_flight < 4:
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    performer.hold.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert run.report.counts == {Result.ACCEPTED: 4, Result.NOT_SENT: 16}
    assert performer.running == set()


async def test_writes_that_never_answer_are_unknown_after_the_grace(monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.bulk._GRACE", 0.01)
    performer = Performer()
    performer.hold = asyncio.Event()
    run = performer.run([f"t{i}" for i in range(20)])
    async with run:
        while performer.in_flight < 4:
            await asyncio.sleep(0)
    assert run.report.counts == {Result.UNKNOWN: 4, Result.NOT_SENT: 16}
    assert (performer.in_flight, performer.running) == (0, set())


async def test_an_error_in_the_body_ends_the_run_and_comes_out_plain():
    performer = Performer()
    run = performer.run([f"t{i}" for i in range(50)])
    with pytest.raises(LookupError, match="mine"):
        async with run as outcomes:
            async for _ in outcomes:
                raise LookupError("mine")
    assert len(run.report.outcomes) == 50
    assert performer.running == set()


async def test_a_run_runs_once():
    run = Performer().run(["a"])
    await run
    with pytest.raises(UsageError, match="runs once"):
        await run


async def test_outcomes_outside_async_with_are_refused():
    with pytest.raises(UsageError, match="async with"):
        await anext(Performer().run(["a"]))


async def test_raise_for_failures_names_what_failed():
    report = await Performer().run(["a", "no-1", "no-2"])
    with pytest.raises(BulkFailures, match="1 accepted, 2 rejected; the first that failed, no-") as caught:
        report.raise_for_failures()
    assert caught.value.report is report
    document = report.to_json()
    assert document["counts"] == {"accepted": 1, "rejected": 2}
    assert len(document["outcomes"]) == 3


async def test_a_bug_in_a_write_is_not_swallowed():
    class Buggy(Performer):
        async def send(self, action, task_id, gate, **_):
            raise ZeroDivisionError

    performer = Buggy()
    with pytest.raises(ExceptionGroup) as caught:
        await performer.run(["a"])
    assert caught.group_contains(ZeroDivisionError)
    assert performer.running == set()


def test_server_errors_count_as_refusals():
    outcome = Outcome("a", Action.RETRY, Result.REJECTED, error=ServerError("no", status=500))
    assert outcome.to_json()["error"] == "no"
