"""`session.credentials` on real sockets: reads, writes at most once, and ten at once waited out."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from vcf_tasks_async import (
    BadRequest,
    BaseCredential,
    CredentialsUpdateSpec,
    DecodeError,
    Forbidden,
    NotSentError,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    ResourceCredentials,
    Result,
    Secret,
    ServerError,
    Status,
    Task,
    TaskFilter,
    TaskSession,
    UsageError,
)
from vcf_tasks_async.testing import SddcManagerSimulator

SPEC = CredentialsUpdateSpec("ROTATE", [ResourceCredentials("ESXI", [BaseCredential("root")], "esx-1")])
WRITES = "/v1/credentials/tasks/.*"


def failed(sddc, count: int = 1) -> list[str]:
    return [sddc.add_task(status="FAILED", credential=True, subtasks=2) for _ in range(count)]


# --- reading ----------------------------------------------------------------------------------------


async def test_the_stream_yields_each_credential_task_that_is_meant_and_asks_once(sddc, session):
    wanted = set(failed(sddc, 3))
    sddc.add_task(status="FAILED")
    sddc.add_task(status="SUCCESSFUL", credential=True)
    everything = [task async for task in session.credentials.stream()]
    assert {task.id for task in everything} == wanted | {task.id for task in everything if task.succeeded}
    stream = session.credentials.stream(TaskFilter(status=Status.FAILED))
    found = [task async for task in stream]
    assert {task.id for task in found} == wanted
    assert (stream.complete, stream.total, stream.malformed) == (True, 4, ())
    assert all(task.cause for task in found)
    assert isinstance(found[0].sub_tasks[0].new_password, Secret)
    assert sddc.requests.count(method="GET", path="/v1/credentials/tasks") == 2
    by_type = session.credentials.stream(TaskFilter(type="ROTATE"))
    assert {task.type async for task in by_type} <= {"ROTATE"}


async def test_a_stream_that_is_not_whole_says_so(sddc, session):
    failed(sddc, 3)
    limited = session.credentials.stream(limit=2)
    assert len([task async for task in limited]) == 2
    assert not limited.complete
    left = session.credentials.stream()
    async with left:
        await anext(left)
    assert not left.complete
    assert [task async for task in left] == []
    # The server counts more than it sent.
    page = {"elements": [{"id": "a"}], "pageMetadata": {"totalElements": 7}}
    sddc.faults.add(path="/v1/credentials/tasks", body=json.dumps(page))
    short = session.credentials.stream()
    assert [task.id async for task in short] == ["a"]
    assert (short.complete, short.total) == (False, 7)


async def test_what_can_not_be_read_is_reported_or_raised(sddc, session):
    body = json.dumps({"elements": [{"id": "a", "type": 5}, {"id": "b"}]})
    sddc.faults.add(path="/v1/credentials/tasks", body=body, times=2)
    stream = session.credentials.stream()
    assert [task.id async for task in stream] == ["b"]
    assert [error.json_path for error in stream.malformed] == ["$.elements[0].type"]
    assert not stream.complete
    with pytest.raises(DecodeError, match=r"elements\[0\]\.type"):
        await anext(session.credentials.stream(strict=True))


async def test_a_timeout_round_one_anext_loses_nothing(sddc, session):
    wanted = failed(sddc, 2)
    sddc.faults.add(path="/v1/credentials/tasks", delay=0.5)
    stream = session.credentials.stream()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(stream)
    assert {task.id async for task in stream} == set(wanted)
    assert stream.complete


async def test_a_task_its_subtask_and_its_accounts_are_read(sddc, session):
    [task_id] = failed(sddc)
    task = await session.credentials.get(task_id)
    assert (task.id, task.status) == (task_id, Status.FAILED)
    step = task.sub_tasks[1]
    assert await session.credentials.subtask(task_id, step.id) == step
    resources = await session.credentials.resource_credentials(task_id)
    assert {each.resource_name for each in resources} == {each.resource_name for each in task.sub_tasks}
    assert isinstance(resources[0].credentials[0].password, Secret)
    with pytest.raises(BadRequest, match="not found"):
        await session.credentials.get("nobody")
    with pytest.raises(BadRequest, match="not found"):
        await session.credentials.subtask(task_id, "nobody")


async def test_a_subtask_is_taken_by_itself_too(sddc, session):
    # The document says that the answer is a task; the call's name, that it is the subtask.
    sddc.faults.add(path=".*/subtasks/s1", body=json.dumps({"id": "s1", "newPassword": "x"}))
    subtask = await session.credentials.subtask("a", "s1")
    assert (subtask.id, subtask.new_password) == ("s1", Secret("x"))
    sddc.faults.add(path=".*/subtasks/s1", body=json.dumps({"id": "a", "subTasks": [{"id": "s2"}]}))
    with pytest.raises(DecodeError, match="not in it"):
        await session.credentials.subtask("a", "s1")


# --- retry and cancel ---------------------------------------------------------------------------------


async def test_a_failed_one_is_retried_with_the_spec_as_it_was_given(sddc, session):
    [task_id] = failed(sddc)
    spec = CredentialsUpdateSpec(
        "UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", 'VMw@re1!"ü')], "esx-1")]
    )
    told = await session.credentials.retry(task_id, spec)
    assert isinstance(told, Task)
    assert (told.id, told.status) == (task_id, Status.IN_PROGRESS)
    [request] = sddc.requests.select(method="PATCH")
    assert json.loads(request.body) == {
        "operationType": "UPDATE",
        "elements": [
            {
                "resourceType": "ESXI",
                "resourceName": "esx-1",
                "credentials": [{"username": "root", "password": 'VMw@re1!"ü'}],
            }
        ],
    }
    assert (await session.credentials.get(task_id)).status is Status.IN_PROGRESS
    with pytest.raises(BadRequest, match="Only a failed credential task"):
        await session.credentials.retry(task_id, spec)


async def test_a_failed_one_is_cancelled_and_a_running_one_is_not(sddc, session):
    [task_id] = failed(sddc)
    told = await session.credentials.cancel(task_id)
    assert told is not None
    assert (told.id, told.status.failed) == (task_id, False)
    assert (await session.credentials.get(task_id)).status is Status.USER_CANCELLED
    running = sddc.add_task(credential=True)
    with pytest.raises(BadRequest, match="Only a failed credential task"):
        await session.credentials.cancel(running)


ANSWERS = {
    # What the 202 says, and the status of the task that comes of it.
    "a task": ({"id": "a", "status": "In Progress", "new": 1}, "In Progress"),
    "a task that repeats the password": (
        {"id": "a", "status": "for VMw@re1!-7", "newPassword": "x"},
        "for ***",
    ),
    "a page of tasks": ({"elements": []}, None),
    "a task of another shape": ({"id": "a", "status": 5}, None),
    "a list": ([], None),
    "null": (None, None),
}


@pytest.mark.parametrize(("says", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_the_task_in_the_answer_comes_back_and_anything_else_is_none(sddc, session, says, status):
    spec = CredentialsUpdateSpec(
        "UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", "VMw@re1!-7")])]
    )
    for method in ("PATCH", "DELETE"):
        sddc.faults.add(method=method, path="/v1/credentials/.*", status=202, body=json.dumps(says))
    retried = await session.credentials.retry("a", spec)
    cancelled = await session.credentials.cancel("a")
    assert (retried and retried.raw_status) == status
    assert (cancelled is None) == (status is None)
    if retried is not None:
        assert retried.id == "a"
        assert "VMw@re1!-7" not in repr(retried) + json.dumps(retried.to_json())


async def test_without_a_body_there_is_no_task(sddc, session):
    sddc.faults.add(path="/v1/credentials/.*", status=202, body="", times=2)
    assert await session.credentials.retry("a", SPEC) is None
    assert await session.credentials.cancel("a") is None


async def test_a_spec_that_can_not_be_meant_never_leaves(sddc, session):
    [task_id] = failed(sddc)
    for spec in (None, {"operationType": "ROTATE"}, CredentialsUpdateSpec("ROTATE")):
        with pytest.raises(UsageError):
            await session.credentials.retry(task_id, spec)
        with pytest.raises(UsageError):
            session.credentials.retry_many([task_id], spec)
    for where in ("FAILED", TaskFilter(resource_id="x"), TaskFilter(order_by="name")):
        with pytest.raises(UsageError):
            session.credentials.stream(where)
    assert len(sddc.requests) == 0
    async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as closed:
        credentials = closed.credentials
    with pytest.raises(UsageError, match="closed"):
        credentials.stream()


@pytest.mark.parametrize(("lost", "result"), [("after", Result.ACCEPTED), ("before", Result.UNKNOWN)])
@pytest.mark.parametrize("action", ["retry", "cancel"])
async def test_a_lost_answer_is_looked_into_and_never_sent_again(sddc, session, action, lost, result):
    [task_id] = failed(sddc)
    task = await session.credentials.get(task_id)
    sddc.faults.add(method="PATCH", path=WRITES, lost=lost)
    sddc.faults.add(method="DELETE", path=WRITES, lost=lost)
    run = (
        session.credentials.retry_many([task], SPEC)
        if action == "retry"
        else session.credentials.cancel_many([task])
    )
    report = await run
    assert report.counts == {result: 1}, report
    assert sddc.requests.count(method="PATCH") + sddc.requests.count(method="DELETE", path=WRITES) == 1


async def test_a_lost_answer_to_a_single_write_is_unknown_where_the_task_does_not_tell(sddc, session):
    [task_id] = failed(sddc)
    sddc.faults.add(method="PATCH", path=WRITES, lost="before")
    with pytest.raises(OutcomeUnknownError):
        await session.credentials.retry(task_id, SPEC)
    assert sddc.requests.count(method="PATCH") == 1


# --- many -----------------------------------------------------------------------------------------------


async def test_many_are_retried_each_with_the_spec_that_is_made_for_it(sddc, session):
    ids = failed(sddc, 5)
    done = sddc.add_task(status="SUCCESSFUL", credential=True)

    async def make(task_id: str) -> CredentialsUpdateSpec:
        if task_id == ids[3]:
            raise LookupError("not for a report")
        if task_id == ids[4]:
            return None
        return CredentialsUpdateSpec("ROTATE", await session.credentials.resource_credentials(task_id))

    report = await session.credentials.retry_many(session.credentials.stream(), make)
    assert report.counts == {Result.ACCEPTED: 3, Result.SKIPPED: 1, Result.NOT_SENT: 2}
    by_id = {outcome.task_id: outcome for outcome in report.outcomes}
    assert "has not failed" in by_id[done].reason
    assert isinstance(by_id[ids[3]].error, NotSentError)
    assert "LookupError" in by_id[ids[3]].reason
    assert "not for a report" not in by_id[ids[3]].reason
    assert "takes a CredentialsUpdateSpec" in by_id[ids[4]].reason
    for request in sddc.requests.select(method="PATCH"):
        task_id = request.path.rpartition("/")[2]
        names = {each["resourceName"] for each in json.loads(request.body)["elements"]}
        assert names == {each.resource_name for each in (await session.credentials.get(task_id)).sub_tasks}


async def test_ten_at_once_are_waited_out_and_every_task_is_sent_just_once(sddc, session):
    ids = failed(sddc, 24)

    async def time_goes_by() -> None:
        while True:
            await asyncio.sleep(0.05)
            sddc.clock.advance(120)

    passing = asyncio.create_task(time_goes_by())
    report = await session.credentials.retry_many(ids, SPEC)
    passing.cancel()
    assert report.counts == {Result.ACCEPTED: 24}
    patches = sddc.requests.select(method="PATCH")
    accepted = [request.path for request in patches if request.status == 202]
    assert len(accepted) == len(set(accepted)) == 24
    assert {request.status for request in patches} == {202, 403}


async def test_no_more_than_ten_are_sent_at_once_unless_asked_for(sddc):
    auth = PasswordAuth(sddc.username, sddc.password)
    async with TaskSession(sddc.url, auth, concurrency=64) as session:
        run = session.credentials.cancel_many(failed(sddc, 1))
        assert run._options.concurrency == 10
        assert session.credentials.cancel_many([], concurrency=20)._options.concurrency == 20


FULL = {"errorCode": "X", "message": "No more than 10 credential operations may run"}
DENIED = {"errorCode": "FORBIDDEN", "message": "Access is denied"}
MUTE = {"errorCode": "FORBIDDEN"}


async def test_a_full_house_is_waited_for_no_longer_than_patience_says(sddc, session):
    [task_id] = failed(sddc)
    sddc.faults.add(method="PATCH", path=WRITES, status=403, body=json.dumps(FULL), times=None)
    started = asyncio.get_running_loop().time()
    with pytest.raises(Forbidden, match="No more than 10") as caught:
        await session.credentials.retry(task_id, SPEC, patience=0.6)
    assert caught.value.attempts >= 3
    assert asyncio.get_running_loop().time() - started < 2


@pytest.mark.parametrize(
    ("words", "running", "sent"),
    [(DENIED, 12, 1), (MUTE, 0, 1), (MUTE, 3, 3)],
    ids=["denied in words", "nobody in the way", "some run: twice more"],
)
async def test_a_missing_permission_fails_soon(sddc, session, words, running, sent):
    [task_id] = failed(sddc)
    for _ in range(running):
        sddc.add_task(credential=True)
    sddc.faults.add(method="PATCH", path=WRITES, status=403, body=json.dumps(words), times=None)
    with pytest.raises(Forbidden):
        await session.credentials.retry(task_id, SPEC)
    assert sddc.requests.count(method="PATCH", path=WRITES) == sent


async def test_a_full_house_without_words_is_known_by_the_list(sddc, session):
    [task_id] = failed(sddc)
    for _ in range(10):
        sddc.add_task(credential=True)
    sddc.faults.add(method="PATCH", path=WRITES, status=403, body=json.dumps(MUTE), times=5)

    def room(request: object) -> None:
        if sddc.requests.count(method="PATCH", path=WRITES) == 6:
            sddc.clock.advance(600)

    sddc.on_request(room)
    await session.credentials.retry(task_id, SPEC)
    assert sddc.requests.count(method="PATCH", path=WRITES) == 6


async def test_a_journal_remembers_the_run_and_no_secret(sddc, session, tmp_path):
    ids = failed(sddc, 3)
    spec = CredentialsUpdateSpec("UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", "cAnArY")])])
    path = tmp_path / "journal"
    first = await session.credentials.retry_many(ids[:2], spec, journal=path)
    again = await session.credentials.retry_many(ids, spec, journal=path)
    assert (first.counts, again.counts) == ({Result.ACCEPTED: 2}, {Result.ACCEPTED: 3})
    assert sddc.requests.count(method="PATCH", path=WRITES) == 3
    assert "cAnArY" not in path.read_text()
    # Retrying tasks and retrying credentials are two things.
    with pytest.raises(UsageError, match="of another run"):
        await session.retry_many(ids, journal=path)


async def test_a_dry_run_sends_nothing(sddc, session):
    ids = failed(sddc, 2)
    report = await session.credentials.cancel_many(ids, dry_run=True)
    assert report.counts == {Result.SKIPPED: 2}
    assert len(sddc.requests) == 0


async def test_tasks_of_the_other_list_are_targets_as_well(sddc, session):
    # Their isRetryable and isCancellable are about calls that credential tasks don't have.
    failed(sddc, 2)
    targets = session.stream(TaskFilter(status=Status.FAILED))
    report = await session.credentials.retry_many(targets, SPEC)
    assert report.counts == {Result.ACCEPTED: 2}
    [outcome] = (await session.retry_many(failed(sddc))).outcomes
    assert outcome.result is Result.REJECTED
    assert "session.credentials.retry" in outcome.reason


async def test_an_accepted_retry_is_followed_past_the_old_failure_to_its_end():
    async with SddcManagerSimulator(tasks=0, speed=0, stale_failed=900, retry_succeeds=1.0) as sddc:
        ids = failed(sddc, 2)
        # The first looks still meet the old face.
        sddc.on_request(lambda request: sddc.clock.advance(600))
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth, policy=Policy(grace=20)) as session:
            report = await session.credentials.retry_many(ids, SPEC, wait=True)
    assert {outcome.final.id for outcome in report.outcomes} == set(ids)
    assert all(outcome.final.succeeded for outcome in report.outcomes)


@pytest.mark.parametrize("status", [400, 403, 500, 502])
async def test_no_error_repeats_the_password(sddc, session, status):
    [task_id] = failed(sddc)
    secret = 'cAn"ArY'
    spec = CredentialsUpdateSpec("UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", secret)])])
    body = json.dumps({"message": f"can't set {secret}", "arguments": [secret]})
    sddc.faults.add(method="PATCH", path=WRITES, status=status, body=body, times=None)
    [outcome] = (await session.credentials.retry_many([task_id], spec)).outcomes
    shown = repr(outcome) + str(outcome.to_json()) + repr(vars(outcome.error)) + str(outcome.error)
    assert not re.search(r'cAn\\*"ArY', shown)
    assert isinstance(
        outcome.error, OutcomeUnknownError if status == 502 else (BadRequest, Forbidden, ServerError)
    )
