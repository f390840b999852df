"""Credential tasks and what 9.1 adds: their own rules, and what older releases make of the same paths."""

from typing import Any

import pytest
from raw_client import RawClient

from vcf_tasks_async.testing import SddcManagerSimulator

SPEC: dict[str, Any] = {
    "operationType": "ROTATE",
    "elements": [{"resourceType": "ESXI", "credentials": [{"username": "root"}]}],
}


async def test_a_credential_task_is_seen_through_both_apis() -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        other, task_id = sddc.add_task(), sddc.add_task(status="FAILED", credential=True, subtasks=3)
        listed = await api("GET", "/v1/credentials/tasks")
        assert listed.ids == [task_id]
        assert task_id in (await api("GET", "/v1/tasks")).ids
        shown = (await api("GET", f"/v1/credentials/tasks/{task_id}")).json
        assert shown["status"] == "FAILED"
        first = shown["subTasks"][0]
        assert first["oldPassword"] != first["newPassword"]
        one = await api("GET", f"/v1/credentials/tasks/{task_id}/subtasks/{first['id']}")
        assert one.json["subTasks"] == [first]
        resources = (await api("GET", f"/v1/credentials/tasks/{task_id}/resource-credentials")).json
        assert {r["resourceName"] for r in resources} == {s["resourceName"] for s in shown["subTasks"]}
        assert resources[0]["credentials"][0]["password"]
        for path in (f"/v1/credentials/tasks/{other}", f"/v1/credentials/tasks/{task_id}/subtasks/x"):
            assert (await api("GET", path)).status == 400
        assert b"newPassword" not in (await api("GET", f"/v1/tasks/{task_id}")).body


async def test_a_credential_task_is_retried_with_a_body_only() -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED", credential=True)
        path = f"/v1/credentials/tasks/{task_id}"
        for wrong in (None, {}, {"operationType": "ROTATE"}, {**SPEC, "elements": [{}]}):
            assert (await api("PATCH", path, body=wrong)).status == 400
        reply = await api("PATCH", path, body=SPEC)
        assert (reply.status, reply.json["id"], reply.json["status"]) == (202, task_id, "In Progress")
        assert (await api("PATCH", path, body=SPEC)).status == 400


async def test_no_more_than_ten_credential_operations_run_at_once() -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        ids = [sddc.add_task(status="FAILED", credential=True) for _ in range(11)]
        seen = [(await api("PATCH", f"/v1/credentials/tasks/{i}", body=SPEC)).status for i in ids]
        assert seen == [202] * 10 + [403]


async def test_only_a_failed_credential_task_is_cancelled() -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        running, failed = (sddc.add_task(status=s, credential=True) for s in ("IN_PROGRESS", "FAILED"))
        assert (await api("DELETE", f"/v1/credentials/tasks/{running}")).status == 400
        reply = await api("DELETE", f"/v1/credentials/tasks/{failed}")
        assert (reply.status, reply.json["status"]) == (202, "Cancelled")
        assert (await api("GET", f"/v1/credentials/tasks/{failed}")).json["status"] == "USER_CANCELLED"


async def test_the_credential_list_takes_a_limit() -> None:
    async with SddcManagerSimulator(tasks=200, credential_tasks=0.2) as sddc, RawClient(sddc) as api:
        assert len((await api("GET", "/v1/credentials/tasks", limit=3)).ids) == 3
        assert (await api("GET", "/v1/credentials/tasks", limit="x")).status == 400


async def test_histories_are_deleted_task_by_task() -> None:
    async with SddcManagerSimulator(tasks=0, release="9.1") as sddc, RawClient(sddc) as api:
        done, running = sddc.add_task(status="Successful"), sddc.add_task()
        retryable, fixed = sddc.add_task(status="Failed"), sddc.add_task(status="Failed", isRetryable=False)
        wanted = [done, running, retryable, fixed, "nobody"]
        reply = await api("DELETE", "/v1/tasks/history", body={"taskIds": wanted})
        assert reply.status == 200
        assert reply.json["successful"] == [done, fixed]
        assert {failed["taskId"] for failed in reply.json["failed"]} == {running, retryable, "nobody"}
        assert list(sddc.tasks) == [running, retryable]
        for wrong in ({}, {"taskIds": []}, {"taskIds": "x"}, [], None):
            assert (await api("DELETE", "/v1/tasks/history", body=wrong)).status == 400


async def test_retention_is_read_and_set_within_its_bounds() -> None:
    async with SddcManagerSimulator(tasks=0, release="9.1") as sddc, RawClient(sddc) as api:
        settings = "/v1/tasks/config/settings"
        assert (await api("PATCH", settings, body={"retentionDays": 30})).json == {"retentionDays": 30}
        assert (
            (await api("GET", settings)).json
            == {"retentionDays": sddc.retention_days}
            == {"retentionDays": 30}
        )
        for wrong in (0, 731, "30", True, None):
            assert (await api("PATCH", settings, body={"retentionDays": wrong})).status == 400


@pytest.mark.parametrize("release", ["4.5", "5.2", "9.0"])
async def test_older_releases_take_history_for_a_task_s_id(release: str) -> None:
    async with SddcManagerSimulator(tasks=0, release=release) as sddc, RawClient(sddc) as api:
        done = sddc.add_task(status="Successful")
        for method in ("GET", "PATCH", "DELETE"):
            reply = await api(method, "/v1/tasks/history", body={"taskIds": [done]})
            assert (reply.status, reply.json["errorCode"]) == (404, "TA_TASK_NOT_FOUND")
        assert (await api("GET", "/v1/tasks/config/settings")).status == 404
        assert done in sddc.tasks
