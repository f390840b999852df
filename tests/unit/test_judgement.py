"""Whether an action makes sense for a task, and what a lost one came to: tables of plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async.credential_models import CredentialsTask
from vcf_tasks_async.judgement import Action, Applied, Sighting, judge_lost, why_not
from vcf_tasks_async.judgement import sighted as sighted_before
from vcf_tasks_async.models import SubTask, Task
from vcf_tasks_async.status import Status
from vcf_tasks_async.steps import ErrorDetail

# --- what a look at the task says about a lost write ----------------------------------------------

FAILED = Task(
    id="a", raw_status="Failed", completion_timestamp="t1", sub_tasks=(SubTask(raw_status="FAILED"),)
)


def sighted(task: Task | None) -> Sighting | None:
    return None if task is None else Sighting.of(task)


def seen(status: str | None, **other: object) -> Task:
    return Task(id="a", raw_status=status, **other)


RETRY = [
    # before, after, verdict
    ("never seen, gone", None, None, Applied.CANNOT_TELL),
    ("failed, gone", FAILED, None, Applied.CANNOT_TELL),
    ("never seen, failed", None, FAILED, Applied.NOT_YET),
    ("never seen, running", None, seen("In Progress"), Applied.CANNOT_TELL),
    ("never seen, successful", None, seen("Successful"), Applied.CANNOT_TELL),
    ("running, failed", seen("In Progress"), FAILED, Applied.NOT_YET),
    ("running, running", seen("In Progress"), seen("In Progress"), Applied.CANNOT_TELL),
    ("failed, running", FAILED, seen("In Progress"), Applied.YES),
    ("failed, pending", FAILED, seen("PENDING"), Applied.YES),
    ("failed, successful", FAILED, seen("Successful"), Applied.YES),
    ("failed, with warning", FAILED, seen("Completed With Warning"), Applied.YES),
    ("failed, cancelled", FAILED, seen("Cancelled"), Applied.CANNOT_TELL),
    ("failed, skipped", FAILED, seen("SKIPPED"), Applied.CANNOT_TELL),
    ("failed, unknown", FAILED, seen("Frobnicating"), Applied.NOT_YET),
    ("failed, no status", FAILED, seen(None), Applied.NOT_YET),
    ("failed, the same failure", FAILED, FAILED, Applied.NOT_YET),
    (
        "failed, the same in other words",
        FAILED,
        seen("FAILED", completion_timestamp="t1", sub_tasks=FAILED.sub_tasks),
        Applied.NOT_YET,
    ),
    (
        "failed, failed later",
        FAILED,
        seen("Failed", completion_timestamp="t2", sub_tasks=FAILED.sub_tasks),
        Applied.YES,
    ),
    (
        "failed, failed at another step",
        FAILED,
        seen("Failed", completion_timestamp="t1", sub_tasks=(SubTask(name="second", raw_status="FAILED"),)),
        Applied.NOT_YET,  # the same completion time: what a list shows of its steps may be less
    ),
    (
        "failed, its step failed later",
        FAILED,
        seen("Failed", sub_tasks=(SubTask(raw_status="FAILED", completion_timestamp="t2"),)),
        Applied.YES,
    ),
    (
        "failed, seen with less than before",
        FAILED,
        seen("Failed", completion_timestamp="t1"),
        Applied.NOT_YET,
    ),
    ("failed, seen with nothing but its status", FAILED, seen("Failed"), Applied.NOT_YET),
    ("seen with nothing but its status, failed", seen("Failed"), FAILED, Applied.NOT_YET),
    (
        "failed, other errors",
        FAILED,
        seen(
            "Failed",
            completion_timestamp="t1",
            sub_tasks=FAILED.sub_tasks,
            errors=(ErrorDetail(message="new"),),
        ),
        Applied.NOT_YET,
    ),
]
CANCEL = [
    ("never seen, gone", None, None, Applied.CANNOT_TELL),
    ("running, gone", seen("In Progress"), None, Applied.YES),
    ("failed, gone", FAILED, None, Applied.CANNOT_TELL),
    ("never seen, cancelled", None, seen("Cancelled"), Applied.CANNOT_TELL),
    ("running, cancelled", seen("In Progress"), seen("CANCELED"), Applied.YES),
    ("running, cancelled by a user", seen("In Progress"), seen("USER_CANCELLED"), Applied.YES),
    ("cancelled, cancelled", seen("Cancelled"), seen("CANCELLED"), Applied.CANNOT_TELL),
    ("running, running", seen("In Progress"), seen("In Progress"), Applied.NOT_YET),
    ("never seen, running", None, seen("In Progress"), Applied.NOT_YET),
    ("running, unknown", seen("In Progress"), seen("Cancelling"), Applied.NOT_YET),
    ("running, failed", seen("In Progress"), FAILED, Applied.CANNOT_TELL),
    ("running, successful", seen("In Progress"), seen("Successful"), Applied.CANNOT_TELL),
]


# Of credential tasks it is the failed ones that are cancelled.
CANCEL_CREDENTIALS = [
    ("failed, still failed", FAILED, FAILED, Applied.NOT_YET),
    ("failed, cancelled", FAILED, seen("USER_CANCELLED"), Applied.YES),
    ("failed, unknown", FAILED, seen("Frobnicating"), Applied.NOT_YET),
    ("failed, running", FAILED, seen("In Progress"), Applied.CANNOT_TELL),
    ("failed, gone", FAILED, None, Applied.CANNOT_TELL),
    ("never seen, cancelled", None, seen("USER_CANCELLED"), Applied.CANNOT_TELL),
    ("cancelled in other words", seen("CANCELLED"), seen("USER_CANCELLED"), Applied.CANNOT_TELL),
]


@pytest.mark.parametrize(
    ("action", "before", "after", "verdict"),
    [
        pytest.param(action, before, after, verdict, id=f"{action.value}: {name}")
        for action, table in (
            (Action.RETRY, RETRY),
            (Action.RETRY_CREDENTIALS, RETRY),
            (Action.CANCEL, CANCEL),
            (Action.CANCEL_CREDENTIALS, CANCEL_CREDENTIALS),
        )
        for name, before, after, verdict in table
    ],
)
def test_what_a_look_at_the_task_tells_of_a_lost_write(action, before, after, verdict):
    assert judge_lost(action, sighted(before), after) is verdict


_tasks = st.none() | st.sampled_from(Status).map(lambda s: Task(id="a", raw_status=s.value))


@given(st.sampled_from(Action), _tasks, _tasks)
def test_a_task_that_looks_the_same_never_proves_a_write(action, before, after):
    if before is not None and after is not None and before.status is after.status:
        verdict = judge_lost(action, sighted(before), after)
        assert verdict in (Applied.NOT_YET, Applied.CANNOT_TELL)


@given(_tasks)
def test_without_a_look_before_a_retry_is_never_proven(after):
    assert judge_lost(Action.RETRY, None, after) is not Applied.YES


def test_what_the_other_list_shows_of_a_credential_task_proves_no_retry():
    # Two calls may write times and steps differently; a difference between them is no new run.
    before = sighted_before(Action.RETRY_CREDENTIALS, FAILED)
    after = CredentialsTask(id="a", raw_status="FAILED", completion_timestamp="t1.000")
    assert judge_lost(Action.RETRY_CREDENTIALS, before, after) is Applied.NOT_YET
    assert sighted_before(Action.RETRY, FAILED) == Sighting.of(FAILED)


@pytest.mark.parametrize("action", [Action.RETRY_CREDENTIALS, Action.CANCEL_CREDENTIALS])
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (CredentialsTask(id="a", raw_status="FAILED"), None),
        (CredentialsTask(id="a", raw_status="INCONSISTENT"), None),
        (CredentialsTask(id="a", raw_status="Frobnicating"), None),
        (CredentialsTask(id="a", raw_status="IN_PROGRESS"), "it has not failed (IN_PROGRESS)"),
        (CredentialsTask(id="a", raw_status="USER_CANCELLED"), "it has not failed (USER_CANCELLED)"),
        (Task(id="a", raw_status="Failed", is_retryable=False, is_cancellable=False), None),
    ],
)
def test_credential_tasks_have_preconditions_of_their_own(action, task, reason):
    assert why_not(action, task) == reason


# --- why not --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "task", "reason"),
    [
        (Action.RETRY, seen("Failed"), None),
        (Action.RETRY, seen("Timed Out"), None),
        (Action.RETRY, seen("Failed", is_retryable=True), None),
        (Action.RETRY, seen("Failed", is_retryable=False), "can't be retried"),
        (Action.RETRY, seen("Frobnicating"), None),
        (Action.RETRY, seen(None), None),
        (Action.RETRY, seen("Frobnicating", is_retryable=False), "can't be retried"),
        (Action.RETRY, seen("In Progress"), "has not failed (In Progress)"),
        (Action.RETRY, seen("Successful", is_retryable=True), "has not failed (Successful)"),
        (Action.RETRY, seen("Cancelled"), "has not failed (Cancelled)"),
        (Action.CANCEL, seen("In Progress"), None),
        (Action.CANCEL, seen("PENDING", is_cancellable=None), None),
        (Action.CANCEL, seen("Frobnicating"), None),
        (Action.CANCEL, seen("In Progress", is_cancellable=False), "can't be cancelled"),
        (Action.CANCEL, seen("Failed"), "has ended (Failed)"),
        (Action.CANCEL, seen("Successful", is_cancellable=True), "has ended (Successful)"),
        (Action.CANCEL, seen("Failed\x1b[31m\u202e"), None),
    ],
)
def test_why_an_action_makes_no_sense(action, task, reason):
    told = why_not(action, task)
    assert told is None if reason is None else reason in told
    assert told is None or told.isprintable()


def test_a_sighting_keeps_no_text_that_a_task_tells_of_its_steps():
    task = seen("Failed", sub_tasks=(SubTask(name="Validate secret-host", raw_status="FAILED"),))
    assert "secret-host" not in repr(Sighting.of(task))


@pytest.mark.parametrize(
    "step",
    [SubTask(name="\ud800"), SubTask(extra={"new": 10**400}), SubTask(extra={1: "a key that is no text"})],
    ids=["lone surrogate", "huge number", "odd key"],
)
def test_a_sighting_is_possible_of_any_task(step):
    assert Sighting.of(seen("Failed", sub_tasks=(step,))).status is Status.FAILED
