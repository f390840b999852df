"""A lost answer is settled by looking: never by a second write, and never told wrong."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import attrs
import pytest
from bulk_fakes import failed
from fake_site import Site, lose_many
from virtual_loop import EPOCH, VirtualWall, virtually

from vcf_tasks_async import (
    ErrorDetail,
    Outcome,
    OutcomeUnknownError,
    PasswordAuth,
    Result,
    SubTask,
    Task,
    TaskConflict,
    TaskNotFound,
    TaskSession,
)
from vcf_tasks_async.errors import BadRequest, Forbidden, ServerError
from vcf_tasks_async.gate import OPEN
from vcf_tasks_async.judgement import Action, Sighting
from vcf_tasks_async.testing import SddcManagerSimulator
from vcf_tasks_async.writes import Lost, Writer


# `python benchmarks/lost_answers.py` does 100,000 of each.
@pytest.mark.parametrize(("action", "count"), [(Action.RETRY, 5_000), (Action.CANCEL, 2_000)])
def test_thousands_of_lost_answers_are_never_sent_again_and_never_told_wrong(action, count):
    tally = virtually(lose_many(Site(7), action, count))
    assert tally.wrong == []
    assert tally.lost > 0.9 * count
    # A write that was never taken can't be told from one whose old face still shows: half stay open.
    assert tally.results["lost before", "accepted"] <= tally.credited
    assert tally.results["lost after", "accepted"] > 2 * tally.results["lost after", "unknown"]
    assert tally.unknown / tally.lost < 0.7


def test_other_operators_can_take_credit_and_nothing_else():
    tally = virtually(lose_many(Site(8, others=True), Action.RETRY, 1_500))
    assert tally.wrong == []
    # Their retry and ours look the same. The task does run, and ours was sent once.
    assert tally.credited / tally.lost < 0.1


def test_answers_that_come_are_told_as_they_are():
    tally = virtually(lose_many(Site(9, lost=0.0, others=True), Action.RETRY, 2_000))
    assert (tally.wrong, tally.lost) == ([], 0)
    assert {result for _, result in tally.results} == {"accepted", "rejected", "not_sent"}


def writer_of(look, send=None, is_credential_task=None, **how) -> Writer:
    async def lost(task_id, gate):
        raise OutcomeUnknownError("the answer was lost", path=f"/v1/tasks/{task_id}", attempts=1)

    async def never(task_id):
        return False

    send = send or lost
    sends = {Action.RETRY: send, Action.CANCEL: send}
    return Writer(sends, look, is_credential_task or never, **{"grace": 60.0, **how})


@pytest.mark.parametrize("stale", [0, 1, 5, 20, 40, 55])
def test_an_old_failure_that_still_shows_is_waited_out(stale):
    async def main() -> Outcome:
        async def look(task_id):
            now = asyncio.get_running_loop().time()
            return failed(task_id) if now < stale else Task(id=task_id, raw_status="In Progress")

        lost = Lost(OutcomeUnknownError("lost", attempts=1), 0.0)
        return await writer_of(look).settle(Action.RETRY, "a", Sighting.of(failed("a")), lost)

    outcome = virtually(main())
    assert outcome.result is Result.ACCEPTED
    assert outcome.reason == "the answer was lost; the task shows 'In Progress', so it was taken"
    assert (outcome.error, outcome.attempts) == (None, 1)
    assert stale <= outcome.elapsed <= 2 * stale + 1


def test_looking_ends_with_the_grace_whatever_the_looks_come_to():
    looks: Counter[str] = Counter()

    async def same(task_id):
        looks["same"] += 1
        return failed(task_id)

    async def broken(task_id):
        looks["broken"] += 1
        raise ServerError("not ready", status=503)

    async def settled(look) -> Outcome:
        lost = Lost(OutcomeUnknownError("lost", attempts=1), 0.0)
        return await writer_of(look).settle(Action.RETRY, "a", Sighting.of(failed("a")), lost)

    for look in (same, broken):
        outcome = virtually(settled(look))
        assert outcome.result is Result.UNKNOWN
        assert isinstance(outcome.error, OutcomeUnknownError)
        assert 45 <= outcome.elapsed <= 60
    assert looks == {"same": 10, "broken": 10}
    assert "can't be looked at (not ready)" in (outcome.reason or "")


@pytest.mark.parametrize("status", ["Successful", "Cancelled", "Skipped"])
def test_a_task_that_had_ended_and_was_purged_was_not_cancelled_by_us(status):
    async def main() -> Outcome:
        async def look(task_id):
            raise TaskNotFound("gone", status=404)

        before = Sighting.of(Task(id="a", raw_status=status))
        lost = Lost(OutcomeUnknownError("lost", attempts=1), 0.0)
        return await writer_of(look).settle(Action.CANCEL, "a", before, lost)

    assert virtually(main()).result is Result.UNKNOWN


STEPS = (SubTask(name="one", raw_status="SUCCESSFUL"), SubTask(name="two", raw_status="FAILED"))


@pytest.mark.parametrize(
    "less",
    [
        {"sub_tasks": ()},
        {"errors": ()},
        {"sub_tasks": (attrs.evolve(STEPS[0], name=None), STEPS[1])},
        {"sub_tasks": STEPS[:1]},
    ],
    ids=["no subtasks", "no errors", "no names", "fewer subtasks"],
)
def test_a_list_that_shows_less_of_a_task_than_its_own_page_proves_nothing(less):
    whole = {"sub_tasks": STEPS, "errors": (ErrorDetail(message="no disk"),)}

    async def main() -> Outcome:
        async def look(task_id):
            return failed(task_id, **whole)

        listed = failed("a", **{**whole, **less})
        lost = Lost(OutcomeUnknownError("lost", attempts=1), 0.0)
        return await writer_of(look).settle(Action.RETRY, "a", Sighting.of(listed), lost)

    # Completed at the same moment: it is the same failure.
    assert virtually(main()).result is Result.UNKNOWN


# --- what a killed run may have sent ----------------------------------------------------------------------


def test_what_a_killed_run_sent_is_never_sent_again(monkeypatch):
    """Thousands of intents without an outcome, found by the next run at any moment."""
    monkeypatch.setattr("vcf_tasks_async.writes.time", VirtualWall)

    async def main() -> Counter[str]:
        site, results = Site(11, bad_looks=0.05), Counter()

        async def one() -> None:
            life = site.add(Action.RETRY)
            before = site.sight(life)
            at = round(time.time(), 3)
            if site.rng.random() < 0.5 and life.status in ("Failed", "FAILED"):
                site._apply_retry(life, asyncio.get_running_loop().time())
            await asyncio.sleep(site.rng.choice((0.1, 10.0, 59.0, 61.0, 10_000.0)))
            outcome = await site.writer.resume(Action.RETRY, life.task_id, before, at)
            results["sent again" if outcome is None else outcome.result.value, bool(life.ours)] += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(4_000):
                group.create_task(one())
        return results

    monkeypatch.setattr(time, "time", VirtualWall.time)
    results = virtually(main())
    assert results["sent again", True] == 0
    assert results["accepted", False] == 0
    assert results["sent again", False] > 1000
    assert results["accepted", True] > 1000


def test_a_wall_clock_that_jumps_makes_no_resume_wait_longer_than_the_grace(monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.writes.time", VirtualWall)

    async def main() -> float:
        async def look(task_id):
            return failed(task_id)

        before = Sighting.of(failed("a"))
        assert await writer_of(look).resume(Action.RETRY, "a", before, EPOCH + 1e6) is None
        return asyncio.get_running_loop().time()

    assert virtually(main()) == pytest.approx(60)


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "error", "looks"),
    [
        (Action.RETRY, TaskConflict("no", status=409, path="/v1/tasks/a"), 1),
        (Action.CANCEL, TaskConflict("no", status=409, path="/v1/tasks/a"), 0),
        (Action.RETRY, TaskNotFound("no", status=404, path="/v1/tasks/a"), 0),
        (Action.RETRY, Forbidden("no", status=403, path="/v1/tasks/a"), 0),
        (Action.RETRY, ServerError("no", status=500, path="/v1/tasks/a"), 0),
        (Action.RETRY, BadRequest("no", status=400, path="/v1/tasks/a"), 0),
    ],
    ids=str,
)
async def test_a_refusal_costs_one_look_at_most(action, error, looks):
    looked: Counter[str] = Counter()

    async def refuse(task_id, gate):
        raise error

    async def is_credential_task(task_id):
        looked[task_id] += 1
        return True

    outcome = await writer_of(None, refuse, is_credential_task).send(action, "a", OPEN)
    assert isinstance(outcome, Outcome)
    assert (outcome.result, outcome.error) == (Result.REJECTED, error)
    assert looked.total() == looks
    assert ("PATCH /v1/credentials/tasks/a" in (outcome.reason or "")) is bool(looks)


async def test_a_refused_credential_task_names_the_call_that_works_after_exactly_one_look():
    async with SddcManagerSimulator(
        tasks=40, failed=1.0, running=0, not_retryable=0, credential_tasks=0.5, live=False
    ) as sddc:
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
            credential = {task.id async for task in session.stream() if task.name.startswith("Credential")}
            # One of the looks fails; it is not made again.
            sddc.faults.add(method="GET", path="/v1/credentials/tasks/.*", status=502, html=True)
            report = await session.retry_many(sddc.ids(), force=True)
        rejected = {o.task_id: o for o in report.outcomes if o.result is Result.REJECTED}
        looked = Counter(r.path.rpartition("/")[2] for r in sddc.requests.select(path="/v1/credentials/.*"))
        patched = Counter(r.path.rpartition("/")[2] for r in sddc.requests.select(method="PATCH"))
        named = [
            o for o in rejected.values() if f"PATCH /v1/credentials/tasks/{o.task_id}" in (o.reason or "")
        ]
    assert rejected.keys() == looked.keys()
    assert credential
    assert credential <= rejected.keys()
    assert set(looked.values()) == set(patched.values()) == {1}
    assert len(named) == len(rejected) - 1
    assert all(isinstance(o.error, TaskConflict) for o in rejected.values())


async def test_the_refusal_of_an_id_with_a_colon_is_a_refusal():
    async with (
        SddcManagerSimulator(tasks=[{"id": "urn:task:1", "status": "Successful"}]) as sddc,
        TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session,
    ):
        report = await session.retry_many(["urn:task:1"])
    assert report.counts == {Result.REJECTED: 1}
