"""A run goes on by its journal: what is known stands, what is open is looked at, the rest is sent."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from bulk_fakes import Sender, failed
from journals import BEFORE, ended, opened, state
from virtual_loop import VirtualWall, virtually

from vcf_tasks_async import (
    Action,
    BadRequest,
    BulkRun,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    Result,
    Task,
    TaskSession,
    UsageError,
)
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.options import Options
from vcf_tasks_async.testing import SddcManagerSimulator
from vcf_tasks_async.writes import Lost, Writer


class Resumer(Sender):
    """Sends like `Sender`; what a look at a task finds stands in *found*."""

    def __init__(self, **found: Result | None) -> None:
        super().__init__()
        self.found = found
        self.looked: list[tuple[str, Sighting | None, bool]] = []

    async def resume(self, action, task_id, before, at):
        self.looked.append((task_id, before, at > 0))
        await asyncio.sleep(0)
        result = self.found[task_id]
        return None if result is None else ended(task_id, result, "looked at")


async def test_a_run_goes_on_by_what_was_noted_of_each_target(written):
    sender = Resumer(u=Result.UNKNOWN, open=None, bare=Result.UNKNOWN)
    ids = ["a", "r", "u", "n", "open", "bare", "new"]
    report = await sender.run([failed(i) for i in ids], open_journal=partial(opened, written))
    results = {o.task_id: o.result for o in report.outcomes}
    assert results == {
        "a": Result.ACCEPTED, "r": Result.REJECTED, "u": Result.UNKNOWN, "n": Result.ACCEPTED,
        "open": Result.ACCEPTED, "bare": Result.UNKNOWN, "new": Result.ACCEPTED,
    }  # fmt: skip
    assert sender.sent == {"n": 1, "open": 1, "new": 1}
    assert sorted(sender.looked) == [("bare", None, True), ("open", BEFORE, True), ("u", BEFORE, True)]
    reasons = {o.task_id: o.reason or "" for o in report.outcomes}
    assert reasons["r"].startswith("in an earlier run, by the journal: because rejected")
    # What shows its failure still, or anew, is not asked again: whoever wants that must know how.
    assert reasons["a"] == "in an earlier run, by the journal; a new retry takes a new journal"
    # A third run finds nothing left to send.
    third = Resumer(u=Result.ACCEPTED, bare=Result.UNKNOWN)
    report = await third.run([failed(i) for i in ids], open_journal=partial(opened, written))
    assert third.sent == {}
    assert report.counts == {Result.ACCEPTED: 5, Result.REJECTED: 1, Result.UNKNOWN: 1}


@pytest.mark.parametrize("action", Action)
async def test_a_journal_belongs_to_one_action(tmp_path, action):
    path = tmp_path / "journal"
    await Sender().run([], open_journal=partial(opened, path, action=action), action=action)
    other = Action.CANCEL if action is Action.RETRY else Action.RETRY
    with pytest.raises(UsageError, match="of another run"):
        opened(path, action=other)


async def test_a_dry_run_leaves_the_journal_as_it_was(written):
    await Sender().run([failed("open"), failed("u")], dry_run=True, open_journal=partial(opened, written))
    with closing(opened(written)) as journal:
        assert state(journal) == {**state(journal), "open": None, "u": Result.UNKNOWN}


async def test_what_may_have_been_sent_is_looked_at_also_after_a_dry_run(written):
    await Sender().run([failed("open")], dry_run=True, open_journal=partial(opened, written))
    sender = Resumer(open=Result.ACCEPTED)
    await sender.run([failed("open")], open_journal=partial(opened, written))
    assert sender.sent == {}


async def test_an_open_intent_of_a_task_that_runs_now_is_accepted_not_skipped(written):
    sender = Resumer(open=Result.ACCEPTED)
    report = await sender.run(
        [Task(id="open", raw_status="In Progress")], open_journal=partial(opened, written)
    )
    assert [o.result for o in report.outcomes] == [Result.ACCEPTED]
    # It failed anew: that is another failure, for another journal.
    report = await sender.run([failed("open", "later")], open_journal=partial(opened, written))
    assert sender.sent == {}


async def test_what_is_lost_again_is_settled_and_noted(written):
    class Loser(Resumer):
        async def send(self, action, task_id, gate, **_):
            self.sent[task_id] += 1
            return Lost(OutcomeUnknownError("lost", attempts=1), 0.0)

        async def settle(self, action, task_id, before, lost):
            return ended(task_id, Result.UNKNOWN, "could not tell")

    sender = Loser(open=None)
    await sender.run([failed("open"), failed("n")], open_journal=partial(opened, written))
    with closing(opened(written)) as journal:
        assert (journal.earlier("open").result, journal.earlier("n").result) == (Result.UNKNOWN,) * 2
    assert sender.sent == {"open": 1, "n": 1}


def test_an_unknown_of_a_moment_ago_has_its_whole_grace_before_it_is_sent_again(tmp_path, monkeypatch):
    """The last look comes up to ten seconds before the grace is over."""
    monkeypatch.setattr("vcf_tasks_async.writes.time", VirtualWall)
    monkeypatch.setattr("vcf_tasks_async.journal.time", VirtualWall)
    sent: Counter[str] = Counter()

    async def main() -> Result:
        async def send(task_id, gate):
            sent[task_id] += 1
            raise OutcomeUnknownError("lost", path=f"/v1/tasks/{task_id}", attempts=1)

        async def look(task_id):
            # It was applied, and the old failure shows for 58 seconds.
            old = asyncio.get_running_loop().time() < 58
            return failed(task_id) if old else Task(id=task_id, raw_status="In Progress")

        async def never(task_id):
            return False

        sender = Sender()
        writer = Writer({Action.RETRY: send}, look, never, grace=60.0)
        journal = partial(opened, tmp_path / "journal")
        for _ in range(2):
            report = await BulkRun(
                Action.RETRY, [failed("a")], writer, sender.start, Options(), workers=4, open_journal=journal
            )
        return report.outcomes[0].result

    assert (virtually(main()), sent) == (Result.ACCEPTED, {"a": 1})


# --- refusals of an earlier run ---------------------------------------------------------------------------


class Refuser(Resumer):
    """Refuses with the status that *statuses* names for an id."""

    def __init__(self, statuses: dict[str, int], **found: Result | None) -> None:
        super().__init__(**found)
        self.statuses = statuses

    async def send(self, action, task_id, gate, **how):
        outcome = await super().send(action, task_id, gate, **how)
        if task_id not in self.statuses:
            return outcome
        error = BadRequest("no", status=self.statuses[task_id])
        return ended(task_id, Result.REJECTED, "no", error)


OF_THE_TASK, PASSING, OPEN_ENDED = (400, 404, 405, 409, 422), (301, 403, 418), (500, 501, 505)


async def test_what_was_refused_for_what_the_task_is_stands_and_for_a_passing_reason_is_asked_again(tmp_path):
    path = tmp_path / "journal"
    statuses = {f"s{status}": status for status in (*OF_THE_TASK, *PASSING, *OPEN_ENDED)}
    tasks = [failed(task_id) for task_id in statuses]
    await Refuser(statuses).run(tasks, open_journal=partial(opened, path))
    for found, results in (
        # The looks say that those of 500 were not taken: sent again, and refused again.
        (None, {Result.REJECTED: len(tasks)}),
        (Result.ACCEPTED, {Result.REJECTED: len(tasks) - len(OPEN_ENDED), Result.ACCEPTED: len(OPEN_ENDED)}),
    ):
        sender = Refuser(statuses, **{f"s{status}": found for status in OPEN_ENDED})
        report = await sender.run(tasks, open_journal=partial(opened, path))
        assert report.counts == results
        again = {*PASSING, *OPEN_ENDED} if found is None else {*PASSING}
        assert sender.sent == {f"s{status}": 1 for status in again}
        assert {task_id for task_id, *_ in sender.looked} == {f"s{status}" for status in OPEN_ENDED}
        reasons = {o.task_id: o.reason or "" for o in report.outcomes}
        # However often it is told again.
        assert reasons["s409"] == "in an earlier run, by the journal: no"


async def test_a_500_on_an_id_alone_is_not_asked_again_since_nothing_tells_whether_it_was_taken(tmp_path):
    path = tmp_path / "journal"
    for _ in range(3):
        sender = Refuser({"a": 500, "b": 403})
        report = await sender.run(["a", "b"], open_journal=partial(opened, path))
        assert report.counts == {Result.REJECTED: 2}
    assert sender.sent == {"b": 1}


async def test_a_journal_of_before_the_status_was_noted_is_read_and_its_refusals_looked_at(tmp_path):
    path = tmp_path / "journal"
    await Refuser({"a": 403, "b": 409}).run([failed("a"), "b"], open_journal=partial(opened, path))
    path.write_bytes(path.read_bytes().replace(b',"status":403', b"").replace(b',"status":409', b""))
    assert b'"status":4' not in path.read_bytes()
    sender = Resumer(a=None)
    report = await sender.run([failed("a"), "b"], open_journal=partial(opened, path))
    assert {o.task_id: o.result for o in report.outcomes} == {"a": Result.ACCEPTED, "b": Result.REJECTED}
    assert (sender.sent, [task_id for task_id, *_ in sender.looked]) == ({"a": 1}, ["a"])


@pytest.mark.parametrize("applied", [True, False])
async def test_a_500_that_hid_a_write_that_was_applied_is_not_followed_by_another(tmp_path, applied):
    policy = Policy(base=0.01, grace=0.1, deadline=0.2, attempt_timeout=0.2)
    journal = tmp_path / "journal"
    async with one_failed() as sddc, session_of(sddc, policy) as session:
        sddc.faults.add(method="PATCH", status=500, apply=applied)
        tasks = [task async for task in session.stream()]
        first = await session.retry_many(tasks, journal=journal)
        assert first.counts == {Result.REJECTED: 1}
        second = await session.retry_many([task.id for task in tasks], journal=journal)
        assert second.counts == {Result.ACCEPTED: 1}
        assert patches(sddc) == (1 if applied else 2)
        assert retries(sddc) == 1


async def test_what_was_not_sent_is_sent_by_the_next_run_with_the_same_journal(tmp_path):
    journal = tmp_path / "journal"
    ids = [f"t{i}" for i in range(100)]
    sender = Sender()
    async with sender.run(ids, open_journal=partial(opened, journal)) as outcomes:
        for _ in range(10):
            await anext(outcomes)
    first, second = outcomes.report, Sender()
    assert first.counts[Result.NOT_SENT] > 50
    report = await second.run(ids, open_journal=partial(opened, journal))
    assert report.counts == {Result.ACCEPTED: 100}
    assert sender.sent + second.sent == Counter(ids)


# --- a run that is ended anew before it is through --------------------------------------------------------


@pytest.mark.parametrize("when", ["looked at", "not come to"])
async def test_what_an_earlier_run_may_have_sent_never_passes_for_not_sent(written, when):
    sender = Resumer()
    forever = asyncio.Event()

    async def resume(action, task_id, before, at):
        await forever.wait()

    sender.resume = resume
    targets = [failed(i) for i in ("open", "u", "a", "r", "n")]
    if when == "not come to":
        # One slot, and it is taken by a target that never ends.
        sender.seconds = 3600
        targets.insert(0, failed("new"))
    run = sender.run(
        targets, concurrency=1 if when == "not come to" else 8, open_journal=partial(opened, written)
    )
    async with run:
        while not sender.in_flight and when == "not come to":
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0.01)
        run._engine.cancel()
    results = {o.task_id: o.result for o in run.report.outcomes}
    assert results.pop("new", Result.UNKNOWN) is Result.UNKNOWN
    assert results.pop("n") is (Result.NOT_SENT if when == "not come to" else Result.ACCEPTED)
    assert results == {
        "open": Result.UNKNOWN, "u": Result.UNKNOWN, "a": Result.ACCEPTED, "r": Result.REJECTED,
    }  # fmt: skip
    # And the journal still has them looked at.
    with closing(opened(written)) as journal:
        assert [journal.earlier(i).is_open for i in ("open", "u")] == [True, True]


async def test_a_write_that_came_back_unapplied_is_noted_as_not_sent_when_the_run_is_cut_off(tmp_path):
    path = tmp_path / "journal"

    class Waiting(Sender):
        async def send(self, action, task_id, gate, **_):
            assert gate.may_leave()
            gate.came_back()
            await asyncio.Event().wait()

    run = Waiting().run(["a"], open_journal=partial(opened, path))
    async with run:
        await asyncio.sleep(0.05)
        run._engine.cancel()
    (outcome,) = run.report.outcomes
    assert (outcome.result, outcome.attempts) == (Result.NOT_SENT, 1)
    assert outcome.reason == "it was not taken, and the run ended before it was sent again"
    sender = Sender()
    await sender.run(["a"], open_journal=partial(opened, path))
    assert (sender.sent, sender.resumed) == ({"a": 1}, {})


async def test_a_source_that_raises_in_mid_run_leaves_a_journal_to_go_on_with(tmp_path):
    path = tmp_path / "journal"

    def source():
        yield from (f"t{i}" for i in range(20))
        raise LookupError("the list broke")

    first, second = Sender(), Sender()
    with pytest.raises(LookupError):
        await first.run(source(), open_journal=partial(opened, path))
    report = await second.run([f"t{i}" for i in range(30)], open_journal=partial(opened, path))
    assert report.counts == {Result.ACCEPTED: 30}
    assert first.sent + second.sent == Counter(f"t{i}" for i in range(30))


async def test_force_sends_nothing_twice_with_a_journal(written):
    sender = Resumer(u=Result.UNKNOWN, open=Result.ACCEPTED)
    targets = [Task(id=i, raw_status="In Progress") for i in ("a", "r", "u", "open", "new", "new")]
    report = await sender.run(targets, force=True, open_journal=partial(opened, written))
    assert (sender.sent, report.duplicates) == ({"new": 1}, 1)


async def test_a_dry_run_notes_nothing_and_says_what_would_be_looked_at(written):
    content = written.read_bytes()
    report = await Sender().run(
        [failed("open"), failed("new"), failed("a")], dry_run=True, open_journal=partial(opened, written)
    )
    assert written.read_bytes() == content
    assert {o.task_id: o.reason for o in report.outcomes} == {
        "open": "dry run: an earlier run may have sent it, so it would be looked at first",
        "new": "dry run: its retry would be sent",
        "a": "in an earlier run, by the journal; a new retry takes a new journal",
    }


# --- against a server: the file that a kill leaves behind ---------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "looks_like"),
    [
        ({"lost": "after", "delay": 0.05}, "running"),
        ({"lost": "before", "delay": 0.05}, "not taken"),
    ],
    ids=["taken", "not taken"],
)
async def test_intents_of_a_killed_run_are_looked_at_and_sent_again_once_at_most(tmp_path, fault, looks_like):
    policy = Policy(base=0.01, grace=0.6, deadline=1.0, attempt_timeout=0.9)
    async with one_failed(stale_failed=0.2) as sddc:
        (task_id,) = sddc.ids()
        sddc.faults.add(method="PATCH", **fault)
        left = await killed_when_patched(sddc, tmp_path / "journal", policy)
        async with session_of(sddc, policy) as session:
            task = failed(task_id, sddc.tasks[task_id].get("completionTimestamp"))
            report = await session.retry_many([task], journal=left)
        patched = sddc.requests.count(method="PATCH", path="/v1/tasks/.*")
        assert report.counts == {Result.ACCEPTED: 1}
        assert patched == (1 if looks_like == "running" else 2)
        assert retries(sddc) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [{"status": 429, "headers": {"Retry-After": "1"}}, {"delay_answer": 0.2}],
        [{"lost": "after", "delay": 1.2}],
    ],
    ids=["the server said try later", "the server was slow"],
)
async def test_a_write_that_took_its_time_is_not_sent_again(tmp_path, faults):
    policy = Policy(base=0.01, grace=1.0, deadline=1.8, attempt_timeout=1.6)
    async with one_failed(stale_failed=0.9) as sddc:
        for fault in faults:
            sddc.faults.add(method="PATCH", **fault)
        left = await killed_when_patched(sddc, tmp_path / "journal", policy, after=retries)
        async with session_of(sddc, policy) as session:
            targets = [task async for task in session.stream()]
            report = await session.retry_many(targets, journal=left)
        answers = [r.status for r in sddc.requests.select(method="PATCH", path="/v1/tasks/.*")]
    assert answers.count(429) + 1 == len(answers), "sent a second time"
    assert report.counts == {Result.ACCEPTED: 1}


def one_failed(**options) -> SddcManagerSimulator:
    return SddcManagerSimulator(
        tasks=1, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False, **options
    )


def session_of(sddc: SddcManagerSimulator, policy: Policy) -> TaskSession:
    return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), policy=policy)


def retries(sddc: SddcManagerSimulator) -> int:
    """Times that a task was really taken from Failed to In Progress."""
    return sum(c.kind == "status" and c.new == "In Progress" for c in sddc.history)


def patches(sddc: SddcManagerSimulator) -> int:
    return sddc.requests.count(method="PATCH", path="/v1/tasks/.*")


async def killed_when_patched(sddc, journal: Path, policy: Policy, after=patches) -> Path:
    """The journal as a run leaves it that is killed as soon as *after* counts one."""
    async with session_of(sddc, policy) as session:
        targets = [task async for task in session.stream()]
        async with session.retry_many(targets, journal=journal):
            while after(sddc) == 0:
                await asyncio.sleep(0.005)
            left = journal.with_name("left")
            left.write_bytes(journal.read_bytes())  # noqa: ASYNC240 - at once: as it is at this moment
    return left
