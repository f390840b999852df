"""What 9.1 adds, on releases that have it and on those that don't; and histories, each with its result."""

from __future__ import annotations

import json
import pickle
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vcf_tasks_async import (
    ApiError,
    BadRequest,
    HistoryDeletion,
    HistoryFailure,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    ServerError,
    Status,
    TaskFilter,
    TaskNotFound,
    TaskSession,
    UnsupportedError,
    UsageError,
)
from vcf_tasks_async.testing import SddcManagerSimulator

# Ends by its budget: a clock would cut the last attempt short at random.
QUICK = Policy(base=0.01, cap=0.02, deadline=8, attempt_timeout=4, budget=5, grace=0.1)
SETTINGS = "/v1/tasks/config/settings"
HISTORY = "/v1/tasks/history"


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcf_tasks_async.histories._BEFORE_LOOK", 0.01)


@asynccontextmanager
async def opened(release: str, **options) -> AsyncIterator[tuple[SddcManagerSimulator, TaskSession]]:
    options = {"tasks": 0, "live": False, **options}
    async with SddcManagerSimulator(release=release, **options) as sddc:
        auth = PasswordAuth(sddc.username, sddc.password)
        async with TaskSession(sddc.url, auth, policy=QUICK) as session:
            yield sddc, session


# --- settings ------------------------------------------------------------------------------------------


async def test_the_retention_is_read_and_set():
    async with opened("9.1") as (sddc, session):
        assert (await session.settings()).retention_days == 90
        assert (await session.update_settings(retention_days=1)).retention_days == 1
        assert (await session.update_settings(retention_days=730)).retention_days == 730
        assert sddc.retention_days == 730
        for wrong in (0, 731, -5, True, 30.0, "30", None):
            with pytest.raises(UsageError, match="1 to 730"):
                await session.update_settings(retention_days=wrong)
        assert sddc.requests.count(method="PATCH", path=SETTINGS) == 2


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_lost_answer_to_an_update_is_settled_by_reading_again(lost):
    async with opened("9.1") as (sddc, session):
        sddc.faults.add(method="PATCH", path=SETTINGS, lost=lost)
        if lost == "after":
            assert (await session.update_settings(retention_days=7)).retention_days == 7
        else:
            with pytest.raises(OutcomeUnknownError):
                await session.update_settings(retention_days=7)
        assert sddc.requests.count(method="PATCH", path=SETTINGS) == 1


# --- releases that lack it -------------------------------------------------------------------------------

ANSWERS = {
    "as simulated": None,
    "JSON 404": {"status": 404},
    "405": {"status": 405},
    "501": {"status": 501},
    "400": {"status": 400},
    "500 of a framework": {
        "status": 500,
        "body": '{"message": "No static resource v1/tasks/config/settings."}',
    },
    "HTML 404": {"status": 404, "html": True},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("release", ["5.2", "9.0"])
async def test_settings_on_an_older_release_are_unsupported_whatever_it_answers(release, answer):
    async with opened(release) as (sddc, session):
        if answer:
            sddc.faults.add(path=SETTINGS, times=None, **answer)
        for call in (session.settings(), session.update_settings(retention_days=30)):
            with pytest.raises(UnsupportedError, match=r"needs SDDC Manager 9\.1 or later") as caught:
                await call
            assert caught.value.needs == "9.1"
            assert isinstance(caught.value, ApiError)
            twin = pickle.loads(pickle.dumps(caught.value))
            assert (twin.needs, twin.status, str(twin)) == ("9.1", caught.value.status, str(caught.value))
        assert sddc.requests.count(method="PATCH") == 0


# No front end's own: this path leads to the service of tasks on all releases.
OF_THE_SERVICE = {name: answer for name, answer in ANSWERS.items() if name != "HTML 404"}


@pytest.mark.parametrize("answer", OF_THE_SERVICE.values(), ids=OF_THE_SERVICE)
@pytest.mark.parametrize("release", ["5.2", "9.0"])
async def test_histories_on_an_older_release_are_unsupported_and_nothing_happens(release, answer):
    async with opened(release) as (sddc, session):
        done = sddc.add_task(status="SUCCESSFUL")
        if answer:
            sddc.faults.add(method="DELETE", path=HISTORY, times=None, **answer)
        with pytest.raises(UnsupportedError, match=r"needs SDDC Manager 9\.1 or later") as caught:
            await session.delete_history([done])
        assert caught.value.report == HistoryDeletion()
        assert sddc.requests.count(method="DELETE", path="/v1/tasks/.*") == 1
        assert sddc.ids() == [done]


async def test_a_task_that_is_called_history_is_not_cancelled_by_mistake():
    async with opened("9.0") as (sddc, session):
        sddc.add_task({"id": "history", "name": "Backup", "status": "In Progress", "subTasks": []})
        with pytest.raises(UnsupportedError, match="would cancel it"):
            await session.delete_history(["a"])
        assert sddc.requests.count(method="DELETE", path="/v1/tasks/.*") == 0
        assert sddc.tasks["history"]["status"] == "In Progress"


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_trouble_of_a_release_that_has_it_is_not_mistaken_for_a_lack(status):
    async with opened("9.1") as (sddc, session):
        done = sddc.add_task(status="SUCCESSFUL")
        sddc.faults.add(path=SETTINGS, times=None, status=status)
        with pytest.raises(ServerError) as caught:
            await session.settings()
        assert not isinstance(caught.value, UnsupportedError)
        sddc.faults.clear()
        for refused in (400, 500):
            sddc.faults.add(method="DELETE", path=HISTORY, status=refused)
            with pytest.raises(BadRequest if refused == 400 else ServerError) as caught:
                await session.delete_history([done])
            assert not isinstance(caught.value, UnsupportedError)
        # It is over, and both work.
        assert (await session.settings()).retention_days == 90
        assert (await session.delete_history([done])).successful == [done]


async def test_a_front_end_without_services_is_waited_for_not_called_a_lack():
    async with opened("9.1") as (sddc, session):
        sddc.faults.add(path="/v1/tasks.*", html=True, times=4)
        assert (await session.settings()).retention_days == 90


async def test_the_installer_deletes_histories_and_has_no_settings():
    async with opened("9.1", product="vcf-installer") as (sddc, session):
        done = sddc.add_task(status="SUCCESSFUL")
        with pytest.raises(UnsupportedError):
            await session.settings()
        assert (await session.delete_history([done])).successful == [done]


# --- histories ---------------------------------------------------------------------------------------------


async def test_each_history_has_its_result():
    async with opened("9.1") as (sddc, session):
        done, running = sddc.add_task(status="SUCCESSFUL"), sddc.add_task()
        result = await session.delete_history([done, running, "nobody", done])
        assert result.successful == [done]
        assert {(each.task_id, each.error_code) for each in result.failed} == {
            (running, "TA_TASK_NOT_IMMUTABLE"),
            ("nobody", "TA_TASK_NOT_FOUND"),
        }
        assert result.unknown == []
        assert str(result).startswith("1 deleted, 2 failed: ")
        assert pickle.loads(pickle.dumps(result)) == result
        assert json.loads(json.dumps(result.to_json()))["successful"] == [done]
        with pytest.raises(TaskNotFound):
            await session.get(done)


async def test_a_whole_stream_goes_in_chunks_of_a_hundred():
    async with opened("9.1", tasks=350, failed=0, running=0, credential_tasks=0) as (sddc, session):
        done = [i for i in sddc.ids() if sddc.tasks[i]["status"] == "Successful"]
        result = await session.delete_history(session.stream(TaskFilter(status=Status.SUCCESSFUL)))
        assert sorted(result.successful) == sorted(done)
        sizes = [
            len(json.loads(each.body)["taskIds"])
            for each in sddc.requests.select(path=HISTORY, method="DELETE")
        ]
        assert sum(sizes) == len(done)
        assert max(sizes) == 100
        assert len(sizes) == -(-len(done) // 100)
        assert sddc.requests.count(method="GET", path=HISTORY) == 1
        assert (await session.delete_history([])) == HistoryDeletion()


@pytest.mark.parametrize(
    ("lost", "requests"),
    [("after", 1), ("before", 2)],
    ids=["was applied: not sent again", "was not: sent again"],
)
async def test_after_a_lost_answer_only_what_is_still_there_is_asked_for_again(lost, requests):
    async with opened("9.1") as (sddc, session):
        ids = [sddc.add_task(status="SUCCESSFUL") for _ in range(12)]
        sddc.faults.add(method="DELETE", path=HISTORY, lost=lost)
        result = await session.delete_history(ids)
        assert sorted(result.successful) == sorted(ids)
        assert (result.failed, result.unknown) == ([], [])
        assert sddc.requests.count(method="DELETE", path=HISTORY) == requests


async def test_what_two_lost_answers_leave_open_is_unknown():
    async with opened("9.1") as (sddc, session):
        ids = [sddc.add_task(status="SUCCESSFUL") for _ in range(3)]
        sddc.faults.add(method="DELETE", path=HISTORY, lost="before", times=None)
        sddc.faults.add(method="GET", path=f"/v1/tasks/{ids[0]}", status=500, times=None)
        result = await session.delete_history(ids)
        assert (result.successful, result.failed) == ([], [])
        assert sorted(result.unknown) == sorted(ids)
        assert sddc.requests.count(method="DELETE", path=HISTORY) == 2


async def test_what_was_done_before_a_refusal_is_not_lost():
    async with opened("9.1", tasks=150, failed=0, running=0, credential_tasks=0) as (sddc, session):
        ids = sddc.ids()
        sddc.faults.add(method="DELETE", path=HISTORY, status=500, skip=1)
        with pytest.raises(ServerError) as caught:
            await session.delete_history(ids)
        report = pickle.loads(pickle.dumps(caught.value)).report
        assert {*report.successful, *(each.task_id for each in report.failed)} == set(ids[:100])


async def test_what_the_source_raises_comes_out_and_what_is_no_target_never_leaves():
    async with opened("9.1") as (sddc, session):
        for wrong in ([5], "a758", None):
            with pytest.raises(UsageError):
                await session.delete_history(wrong)

        async def source():
            yield "a"
            raise LookupError("mine")

        with pytest.raises(LookupError) as caught:
            await session.delete_history(source())
        assert caught.value.report == HistoryDeletion()
        assert sddc.requests.count(method="DELETE", path=HISTORY) == 0


@pytest.mark.parametrize("n", [0, 1, 150])
async def test_a_target_that_can_be_no_id_is_a_failure_of_its_own_and_costs_the_others_nothing(n):
    odd = ["../tokens", "", "a b", "..", "x" * 129, "../tokens"]
    async with opened("9.1", tasks=n, failed=0, running=0, credential_tasks=0) as (sddc, session):
        ids = sddc.ids()
        deletion = await session.delete_history([*ids[:1], *odd[:3], *ids[1:], *odd[3:]])
        never = [each for each in deletion.failed if each.task_id in odd]
        assert [each.task_id for each in never] == odd[:-1]
        assert all((each.message or "").startswith("not asked for: ") for each in never)
        told = {*deletion.successful, *(each.task_id for each in deletion.failed if each not in never)}
        assert told == set(ids)
        assert deletion.unknown == []
        requests = sddc.requests.select(path=HISTORY, method="DELETE")
        assert [task_id for each in requests for task_id in each.json["taskIds"]] == ids


async def test_an_answer_that_leaves_ids_out_makes_them_unknown():
    async with opened("9.1") as (sddc, session):
        body = {
            "successful": ["a", "stranger", None],
            "failed": [{"taskId": "b", "message": "It runs", "new": 1}],
        }
        sddc.faults.add(method="DELETE", path=HISTORY, body=json.dumps(body))
        result = await session.delete_history(["a", "b", "c"])
        assert result.successful == ["a"]
        assert result.failed == [HistoryFailure("b", None, "It runs", extra={"new": 1})]
        assert result.unknown == ["c"]
