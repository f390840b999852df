"""A 409 after a write that was lost means that it worked; any other one is a refusal."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from bulk_fakes import Sender, failed
from virtual_loop import virtually

from vcf_tasks_async import (
    BulkRun,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    Result,
    Task,
    TaskConflict,
    TaskNotFound,
    TaskSession,
)
from vcf_tasks_async.gate import OPEN
from vcf_tasks_async.judgement import Action, Sighting, explains_conflict
from vcf_tasks_async.options import Options
from vcf_tasks_async.status import Status
from vcf_tasks_async.testing import SddcManagerSimulator
from vcf_tasks_async.writes import Lost, Writer

CONFLICT = TaskConflict("cannot be retried", status=409, path="/v1/tasks/a")


def one_failed(**options) -> SddcManagerSimulator:
    return SddcManagerSimulator(
        tasks=1, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False, **options
    )


def session_of(sddc: SddcManagerSimulator, policy: Policy) -> TaskSession:
    return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), policy=policy)


def writer_of(look, **how) -> Writer:
    async def refuse(task_id, gate):
        raise CONFLICT

    async def never(task_id):
        return False

    return Writer({Action.RETRY: refuse, Action.CANCEL: refuse}, look, never, **{"grace": 60.0, **how})


@pytest.mark.parametrize(
    ("action", "before", "after", "explained"),
    [
        (Action.RETRY, "Failed", "In Progress", True),
        (Action.RETRY, "TIMED_OUT", "PENDING", True),
        (Action.RETRY, "Failed", "Failed", False),
        (Action.RETRY, "Failed", "Successful", False),
        (Action.RETRY, "Failed", "Frobnicating", False),
        (Action.RETRY, "In Progress", "In Progress", False),
        (Action.RETRY, "Frobnicating", "In Progress", False),
        (Action.CANCEL, "In Progress", "Cancelled", True),
        (Action.CANCEL, "In Progress", "USER_CANCELLED", True),
        (Action.CANCEL, "In Progress", "Successful", False),
        (Action.CANCEL, "Cancelled", "Cancelled", False),
        (Action.CANCEL, "In Progress", "In Progress", False),
    ],
)
def test_a_conflict_is_explained_by_what_was_done_already(action, before, after, explained):
    seen = Sighting(Task(id="a", raw_status=before).status)
    assert explains_conflict(action, seen, Task(id="a", raw_status=after)) is explained


async def test_a_conflict_costs_one_look_where_the_task_was_seen_and_none_where_not():
    looks: Counter[str] = Counter()

    async def look(task_id):
        looks[task_id] += 1
        raise TaskNotFound("gone", status=404)

    for before in (None, Sighting(Status.FAILED)):
        outcome = await writer_of(look).send(Action.RETRY, "a", OPEN, before=lambda seen=before: seen)
        assert (outcome.result, outcome.error) == (Result.REJECTED, CONFLICT)
    assert looks == {"a": 1}


@pytest.mark.parametrize("action", [Action.RETRY, Action.CANCEL])
async def test_a_front_end_that_sends_it_twice_by_itself_and_passes_on_the_409(action):
    options = {"failed": 0.0, "running": 1.0} if action is Action.CANCEL else {}
    async with SddcManagerSimulator(
        **{"tasks": 4, "failed": 1.0, "running": 0, "not_retryable": 0, "credential_tasks": 0, **options},
        live=False,
    ) as sddc:
        sddc.faults.add(method="PATCH", status=409, apply=True)
        sddc.faults.add(method="DELETE", path="/v1/tasks/.*", status=409, apply=True)
        async with session_of(sddc, Policy()) as session:
            many = session.retry_many if action is Action.RETRY else session.cancel_many
            tasks = [task async for task in session.stream()]
            report = await many(tasks, concurrency=1)
            # By its id alone nobody can tell: that is a refusal, and the task has not been touched again.
            second = await many([task.id for task in tasks], concurrency=1)
    assert report.counts == {Result.ACCEPTED: 4}
    first = report.outcomes[0]
    assert "sent it twice" in (first.reason or "")
    assert first.error is None
    assert second.counts == {Result.REJECTED: 4}


async def test_a_task_that_ended_before_the_cancellation_came_is_a_refusal():
    async with (
        SddcManagerSimulator(tasks=3, failed=0, running=1.0, live=False) as sddc,
        session_of(sddc, Policy()) as session,
    ):
        tasks = [task async for task in session.stream()]
        for task in tasks:
            sddc.complete(task.id)
        report = await session.cancel_many(tasks)
    assert report.counts == {Result.REJECTED: 3}


# --- an intent of a killed run, looked at, judged not taken, sent again -----------------------------------


@pytest.mark.parametrize(
    ("runs_from", "result"), [(0.0, Result.ACCEPTED), (40.0, Result.ACCEPTED), (1e9, Result.REJECTED)]
)
def test_a_conflict_after_a_lost_write_is_looked_into_until_the_old_face_is_gone(runs_from, result):
    async def main():
        async def look(task_id):
            old = asyncio.get_running_loop().time() < runs_from
            return failed(task_id) if old else Task(id=task_id, raw_status="In Progress")

        writer, before = writer_of(look), Sighting.of(failed("a"))
        lost = await writer.send(Action.RETRY, "a", OPEN, before=lambda: before, after_lost=True)
        assert isinstance(lost, Lost)
        return await writer.settle(Action.RETRY, "a", before, lost)

    outcome = virtually(main())
    assert outcome.result is result
    assert outcome.error is (None if result is Result.ACCEPTED else CONFLICT)
    assert "this time it was refused with 409" in (outcome.reason or "")


async def test_a_lost_write_that_arrives_after_it_was_judged_not_taken_is_read_from_the_409(tmp_path):
    """The write of a killed run hung on its way for longer than anyone could wait."""
    policy = Policy(base=0.01, grace=0.3, deadline=0.5, attempt_timeout=0.4)
    journal, left = tmp_path / "journal", tmp_path / "left"
    async with one_failed() as sddc:
        (task_id,) = sddc.ids()
        sddc.faults.add(method="PATCH", lost="before", delay=0.02)
        async with session_of(sddc, policy) as session:
            task = await session.get(task_id)
            async with session.retry_many([task], journal=journal):
                while not sddc.requests.count(method="PATCH"):
                    await asyncio.sleep(0.005)
                left.write_bytes(journal.read_bytes())
        # It comes to the task right before the second one does.
        sddc.faults.add(method="PATCH", status=409, apply=True)
        async with session_of(sddc, policy) as session:
            report = await session.retry_many([task_id], journal=left)
            again = await session.retry_many([task_id], journal=left)
    assert [o.result for o in report.outcomes] == [Result.ACCEPTED]
    assert "so the first was taken" in (report.outcomes[0].reason or "")
    assert again.counts == {Result.ACCEPTED: 1}
    assert sddc.requests.count(method="PATCH", path="/v1/tasks/.*") == 2


async def test_a_conflict_that_is_still_looked_into_when_the_run_ends_is_unknown():
    async def look(task_id):
        await asyncio.Event().wait()

    async def lost(task_id, gate):
        assert gate.may_leave()
        raise CONFLICT

    sender = Sender()
    writer = Writer({Action.RETRY: lost}, look, lost, grace=60.0)
    run = BulkRun(Action.RETRY, [failed("a")], writer, sender.start, Options(), workers=1)
    async with run:
        for _ in range(10):
            await asyncio.sleep(0)
        run._engine.cancel()
    assert run.report.counts == {Result.UNKNOWN: 1}


def test_a_lost_answer_is_no_conflict():
    lost = Lost(OutcomeUnknownError("lost", attempts=1), 0.0)

    async def look(task_id):
        return Task(id=task_id, raw_status="In Progress")

    outcome = virtually(writer_of(look).settle(Action.RETRY, "a", Sighting.of(failed("a")), lost))
    assert outcome.reason == "the answer was lost; the task shows 'In Progress', so it was taken"
