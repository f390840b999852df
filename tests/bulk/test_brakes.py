"""What slows a run down or ends it: a rate, a rule, a deadline, a dry run; and what is refused at once."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from random import Random

import pytest
from bulk_fakes import Sender, failed
from hypothesis import given
from hypothesis import strategies as st
from virtual_loop import virtually

from vcf_tasks_async import Action, BulkRun, Outcome, PasswordAuth, Policy, Result, TaskSession, UsageError
from vcf_tasks_async.brakes import Pace, StopRule
from vcf_tasks_async.gate import OPEN
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.options import Options
from vcf_tasks_async.testing import SddcManagerSimulator

# --- the rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "asked", "given"),
    [
        (None, [0, 0, 0, 7], [0, 0, 0, 7]),
        (1, [0, 0, 0, 0], [0, 1, 2, 3]),
        (2, [0, 0, 0], [0, 0.5, 1]),
        (0.5, [0, 0], [0, 2]),
        (4, [0, 0.1, 0.6, 0.7], [0, 0.25, 0.6, 0.85]),
        # A pause gives no right to a burst.
        (10, [0, 100, 100, 100], [0, 100, 100.1, 100.2]),
        (math.inf, [0, 0], [0, 0]),
    ],
)
def test_turns_come_at_the_rate(rate, asked, given):
    pace = Pace(rate)
    assert [pace.turn(now) for now in asked] == pytest.approx(given)


@given(
    rate=st.floats(0.01, 1000),
    pauses=st.lists(st.floats(0, 10), min_size=1, max_size=60),
)
def test_no_two_turns_are_closer_than_the_rate_allows_and_none_is_late(rate, pauses):
    pace, now, last = Pace(rate), 0.0, -math.inf
    for pause in pauses:
        now += pause
        moment = pace.turn(now)
        assert moment >= now
        assert moment >= last + (1 / rate) * (1 - 1e-9)
        assert moment <= max(now, last + 1 / rate) * (1 + 1e-9)
        last = moment


A, S, R, N, U = Result.ACCEPTED, Result.SKIPPED, Result.REJECTED, Result.NOT_SENT, Result.UNKNOWN


@pytest.mark.parametrize(
    ("stop_after", "results", "ends_at", "why"),
    [
        (None, [R] * 100, None, None),
        (1, [A, A, R], 3, "1 targets in a row failed"),
        (3, [R, U, N], 3, "3 targets in a row failed"),
        (3, [R, R, A, R, R, A], None, None),
        (3, [R, S, R, S, S, R], 6, "3 targets in a row failed"),
        (2, [A, S, S, S], None, None),
        (0.5, [R] * 19, None, None),
        (0.5, [R] * 20, 20, "20 of 20 targets failed"),
        (0.5, [A, R] * 9 + [A, A, R], None, None),
        (0.5, [A, R] * 10, 20, "10 of 20 targets failed"),
        (0.2, [A] * 80 + [R] * 20, 100, "20 of 100 targets failed"),
        (0.2, [S] * 500 + [A] * 16 + [U] * 4, 520, "4 of 20 targets failed"),
        (0.01, [A] * 200 + [N] + [A, N, N], 204, "3 of 204 targets failed"),
    ],
)
def test_a_run_is_ended_when_enough_has_gone_wrong(stop_after, results, ends_at, why):
    rule = StopRule(stop_after)
    said = [rule.feed(result) for result in results]
    first = next((i for i, word in enumerate(said, 1) if word), None)
    assert first == ends_at
    assert first is None or said[first - 1] == why


NO_RATE = [0, -1, -0.5, math.nan, -math.inf, True, "10", [1]]
NO_STOP_AFTER = [0, -3, 0.0, 1.0, 1.5, -0.2, math.nan, math.inf, True, False, "5", [5]]
NO_DEADLINE = [0, -1, math.nan, math.inf, True, "60"]
NO_CONCURRENCY = [0, -1, 2.5, True, "8"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("rate", value) for value in NO_RATE),
        *(("stop_after", value) for value in NO_STOP_AFTER),
        *(("deadline", value) for value in NO_DEADLINE),
        *(("concurrency", value) for value in NO_CONCURRENCY),
        ("targets", "3ee54a9a"),
        ("targets", None),
        ("journal", 7),
    ],
    ids=str,
)
async def test_what_can_not_be_meant_is_refused_before_anything_is_sent(name, value):
    async with (
        SddcManagerSimulator(tasks=3) as sddc,
        TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session,
    ):
        for many in (session.retry_many, session.cancel_many):
            with pytest.raises(UsageError, match=name if name != "targets" else "iterable"):
                await many(**{"targets": ["a"], name: value})
        assert len(sddc.requests) == 0


# --- the rate of a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 7, 100])
@pytest.mark.parametrize("concurrency", [1, 16])
@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_writes_start_at_the_rate_at_most_and_no_slower_than_they_must(rate, concurrency, seconds):
    sender = Sender(seconds)

    async def main():
        return await sender.run([f"t{i}" for i in range(100)], concurrency=concurrency, rate=rate)

    report = virtually(main())
    assert report.counts == {Result.ACCEPTED: 100}
    gaps = [later - earlier for earlier, later in itertools.pairwise(sender.starts)]
    assert min(gaps) >= 1 / rate - 1e-9
    slowest = max(1 / rate, seconds / concurrency)
    assert sender.starts[-1] <= 99 * slowest + seconds + 1e-6


class Door:
    """Sends through slots: each write waits for one of *slots*, and for the login before that."""

    def __init__(self, slots: int, login: float, seconds: float, later: float = 0.0) -> None:
        self.slots, self.login, self.seconds, self.later = slots, login, seconds, later
        self.rng = Random(1)
        self.left: list[float] = []
        self.first: list[float] = []
        self.asked: Counter[str] = Counter()

    async def send(self, action, task_id, gate, **_):
        loop, sender = asyncio.get_running_loop(), Sender()
        self.asked[task_id] += 1
        again = False
        while True:
            if loop.time() < self.login:
                await asyncio.sleep(self.login - loop.time())
            async with self.turns:
                if not gate.may_leave():
                    return Outcome(task_id, action, Result.NOT_SENT)
                self.left.append(loop.time())
                if not again:
                    self.first.append(loop.time())
                await asyncio.sleep(self.rng.uniform(0.5, 1.5) * self.seconds)
            again = True
            if self.rng.random() >= self.later:
                return await sender.send(action, task_id, OPEN)
            gate.came_back()
            await asyncio.sleep(1.0)

    async def run(self, count: int, *, concurrency: int, rate: float):
        self.turns = asyncio.Semaphore(self.slots)
        spawner = Sender()
        ids, options = [f"t{i}" for i in range(count)], Options(rate=rate)
        run = BulkRun(Action.RETRY, ids, self, spawner.start, options, workers=concurrency)
        return await run, asyncio.get_running_loop().time()


def most_in(moments: list[float], seconds: float) -> int:
    return max(sum(1 for other in moments if 0 <= other - start < seconds) for start in moments)


@pytest.mark.parametrize(("login", "seconds"), [(0.0, 0.2), (5.0, 0.05), (5.0, 3.0)])
@pytest.mark.parametrize("slots", [1, 8, 64])
@pytest.mark.parametrize("rate", [5, 40])
def test_the_rate_holds_at_the_door_whatever_the_writes_wait_for_before_it(login, seconds, slots, rate):
    door = Door(slots, login, seconds)
    report, took = virtually(door.run(200, concurrency=32, rate=rate))
    assert report.counts == {Result.ACCEPTED: 200}
    assert len(door.left) == 200
    # Half a gap of leeway: one more than the rate gives.
    assert most_in(door.left, 1.0) <= rate + 1
    assert most_in(door.left, 2 / rate) <= 3
    # And nobody waits for long without need: the slowest of the three sets the pace.
    assert took <= login + 1.3 * max(200 / rate, 200 * seconds / min(slots, 32)) + 3 * seconds


def test_what_the_server_sends_back_for_later_takes_turns_from_the_others():
    door = Door(64, 0.0, 0.05, later=0.5)
    report, took = virtually(door.run(200, concurrency=16, rate=20))
    assert report.counts == {Result.ACCEPTED: 200}
    assert len(door.left) > 350
    assert took >= (len(door.left) - 17) / 20
    assert took <= 1.3 * len(door.left) / 20 + 2
    assert most_in(door.first, 0.1) <= 3


def test_turns_come_after_those_who_left_without_one():
    pace = Pace(10)
    assert all(pace.leave(0.0, again=True) for _ in range(3))
    assert pace.turn(0.0) == pytest.approx(0.3)


def test_a_loop_that_is_late_costs_nobody_a_turn():
    pace = Pace(100)
    lateness = itertools.cycle((0.0, 0.006, 0.001, 0.009, 0.0))
    assert all(pace.leave(pace.turn(0.0) + next(lateness)) for _ in range(1000))


def test_what_is_not_sent_takes_no_turn():
    sender = Sender()

    async def main():
        targets = [failed(f"t{i}", is_retryable=i % 10 == 0) for i in range(100)]
        await sender.run(targets, rate=1)
        return asyncio.get_running_loop().time()

    assert virtually(main()) == pytest.approx(9)


def test_a_run_that_ends_waits_for_no_turn():
    sender = Sender()

    async def main():
        run = sender.run([f"t{i}" for i in range(100)], rate=0.01)
        async with run as outcomes:
            await anext(outcomes)
        return run.report, asyncio.get_running_loop().time()

    report, seconds = virtually(main())
    assert report.counts == {Result.ACCEPTED: 1, Result.NOT_SENT: 99}
    assert seconds == pytest.approx(0, abs=0.01)


async def test_the_rate_holds_also_when_the_login_takes_its_time():
    async with SddcManagerSimulator(tasks=20, failed=1.0, running=0, live=False) as sddc:
        sddc.faults.add(method="POST", path="/v1/tokens", delay=0.5)
        async with TaskSession(
            sddc.url, PasswordAuth(sddc.username, sddc.password), concurrency=16
        ) as session:
            await session.retry_many(sddc.ids()[:12], rate=20)
        starts = [r.started for r in sddc.requests.select(method="PATCH", path="/v1/tasks/.*")]
    soon = max(sum(1 for other in starts if 0 <= other - start < 0.1) for start in starts)
    assert soon <= 4, "3 turns fall into a tenth of a second at most"


# --- ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(("stop_after", "failures"), [(5, 5), (0.5, 20)])
async def test_a_run_in_which_too_much_goes_wrong_ends_and_accounts_for_all(
    concurrency, stop_after, failures
):
    sender = Sender()
    ids = [f"no{i}" for i in range(500)]
    report = await sender.run(ids, concurrency=concurrency, stop_after=stop_after)
    assert Counter(o.task_id for o in report.outcomes) == Counter(ids)
    assert failures <= report.counts[Result.REJECTED] <= failures + concurrency
    assert report.counts[Result.NOT_SENT] == 500 - report.counts[Result.REJECTED]
    assert "failed" in (report.stopped or "")
    assert sum(sender.sent.values()) == report.counts[Result.REJECTED]
    assert sender.running == set()


async def test_a_run_that_goes_well_enough_is_not_ended():
    ids = [f"{'no' if i % 3 == 0 else 't'}{i}" for i in range(300)]
    report = await Sender().run(ids, concurrency=1, stop_after=2)
    assert (report.stopped, report.counts) == (None, {Result.ACCEPTED: 200, Result.REJECTED: 100})


@pytest.mark.parametrize("of", ["stream", "ids"])
async def test_a_dry_run_sends_no_write_and_says_what_it_would_do(of):
    async with SddcManagerSimulator(tasks=300, failed=0.5, running=0.3, live=False) as sddc:
        before = sddc.snapshot()
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
            for many, word in ((session.retry_many, "retry"), (session.cancel_many, "cancel")):
                targets = session.stream() if of == "stream" else sddc.ids()
                report = await many(targets, dry_run=True)
                assert report.counts == {Result.SKIPPED: 300}
                would = sum(o.reason == f"dry run: its {word} would be sent" for o in report.outcomes)
                assert (would == 300) is (of == "ids")
                assert would > 50
        writes = [r for r in sddc.requests if r.method in ("PATCH", "DELETE") and "tokens" not in r.path]
        assert writes == []
        assert sddc.snapshot() == before


async def test_after_the_deadline_nothing_new_is_sent_and_what_is_on_its_way_may_end():
    async with SddcManagerSimulator(tasks=200, failed=1.0, running=0, live=False, latency=0.2) as sddc:
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
            ids = sddc.ids()
            report = await session.retry_many(ids, deadline=1.0, force=True)
        patches = sddc.requests.select(method="PATCH", path="/v1/tasks/.*")
        first = min(r.started for r in sddc.requests)
    assert report.stopped == "its deadline of 1 s passed"
    assert Counter(o.task_id for o in report.outcomes) == Counter(ids)
    assert Result.UNKNOWN not in report.counts
    assert len(patches) == len(ids) - report.counts[Result.NOT_SENT]
    assert max(r.started for r in patches) <= first + 1.05
    assert report.complete
    assert all(not o.attempts for o in report.outcomes if o.result is Result.NOT_SENT)


@pytest.mark.parametrize("seconds", [1.0, 0.5])
async def test_a_call_with_a_short_deadline_is_sent_all_the_same(seconds):
    async with SddcManagerSimulator(tasks=9, failed=1.0, not_retryable=0, credential_tasks=0) as sddc:
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth, policy=Policy(deadline=seconds)) as session:
            report = await session.retry_many(sddc.ids("FAILED"))
    assert report.counts == {Result.ACCEPTED: 9}


def test_what_is_still_on_its_way_when_the_grace_is_over_is_unknown():
    sender = Sender(3600.0)

    async def main():
        report = await sender.run([f"t{i}" for i in range(20)], deadline=60)
        return report, asyncio.get_running_loop().time()

    report, seconds = virtually(main())
    assert report.counts == {Result.UNKNOWN: 4, Result.NOT_SENT: 16}
    assert seconds == pytest.approx(65)
    assert sender.running == set()


@pytest.mark.parametrize("why", ["no login yet", "the server said try later"])
async def test_what_provably_never_reached_the_server_is_not_sent(monkeypatch, why):
    monkeypatch.setattr("vcf_tasks_async.bulk._GRACE", 0.2)
    async with SddcManagerSimulator(tasks=20, failed=1.0, running=0, live=False) as sddc:
        if why == "no login yet":
            sddc.faults.add(method="POST", path="/v1/tokens", delay=2.0)
        else:
            sddc.faults.add(method="PATCH", status=429, headers={"Retry-After": "9"}, times=None)
        policy = Policy(budget=100)
        async with TaskSession(
            sddc.url, PasswordAuth(sddc.username, sddc.password), policy=policy
        ) as session:
            report = await session.retry_many(sddc.ids(), deadline=0.3, force=True)
        assert sddc.requests.count(method="PATCH", status=200) == 0
    assert report.counts == {Result.NOT_SENT: 20}


async def test_a_session_that_is_closed_under_a_run_leaves_each_target_its_outcome(tmp_path, monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.journal._SYNC_EVERY", 0.0)
    async with SddcManagerSimulator(tasks=20, failed=1.0, running=0, live=False) as sddc:
        sddc.faults.add(method="PATCH", status=429, headers={"Retry-After": "9"}, times=None)
        session = TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), concurrency=4)
        async with session:
            run = session.retry_many(sddc.ids(), journal=tmp_path / "journal")
            waiting = asyncio.ensure_future(_awaited(run))
            while sddc.requests.count(method="PATCH", status=429) < 4:
                await asyncio.sleep(0.01)
        report = await waiting
    assert sorted(o.task_id for o in report.outcomes) == sorted(sddc.ids())


async def _awaited(run):
    return await run


# --- the loop breathes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["dry run", "skipped", "duplicates", "known from the journal"])
@pytest.mark.parametrize(
    "concurrency",
    [
        1,
        64,
    ],
)
async def test_targets_that_need_no_request_let_others_have_their_turn(tmp_path, how, concurrency):
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 0 < len(run.report) + run.report.duplicates < 20_000

    sender, options, targets = Sender(), {}, (f"t{i}" for i in range(20_000))
    match how:
        case "dry run":
            options = {"dry_run": True}
        case "skipped":
            targets = (failed(f"t{i}", is_retryable=False) for i in range(20_000))
        case "duplicates":
            targets = (f"t{i % 5}" for i in range(20_000))
        case "known from the journal":
            path = tmp_path / "journal"
            journal = Journal(path, "m", Action.RETRY)
            for i in range(20_000):
                journal.outcome(Outcome(f"t{i}", Action.RETRY, Result.ACCEPTED))
            journal.close()
            options = {"open_journal": lambda: Journal(path, "m", Action.RETRY)}
    run = sender.run(targets, concurrency=concurrency, summary=True, **options)
    counting = asyncio.create_task(count_turns())
    report = await run
    counting.cancel()
    assert len(report) + report.duplicates == 20_000
    # 20 ms of work and more, in slices of 2 ms.
    assert turns >= 4
