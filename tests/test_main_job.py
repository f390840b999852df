"""The main job, end to end, against the simulator on a real socket."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from datetime import UTC, datetime
from random import Random

import pytest

from vcf_tasks_async import (
    PasswordAuth,
    Policy,
    Result,
    Status,
    TaskConflict,
    TaskFilter,
    TaskNotFound,
    TaskSession,
)
from vcf_tasks_async.testing import SddcManagerSimulator


def session_of(sddc: SddcManagerSimulator, **options) -> TaskSession:
    return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), **options)


@pytest.mark.parametrize("base", [0, 1])
async def test_ten_thousand_tasks_come_once_each_while_others_come_go_and_are_retried(base):
    rng = Random(base)
    async with SddcManagerSimulator(tasks=10_000, page_base=base, order="newest") as sddc:
        there_at_first = set(sddc.ids())
        failed = set(sddc.ids("FAILED"))
        purged: set[str] = set()

        @sddc.on_request
        def drift(request):
            if request.path != "/v1/tasks":
                return
            for _ in range(2):
                sddc.add_task(subtasks=3)
            for task_id in rng.sample(sorted(there_at_first - purged - failed), 2):
                sddc.purge(task_id)
                purged.add(task_id)

        async with session_of(sddc, concurrency=16) as session:
            seen: Counter[str] = Counter()
            retrying = asyncio.create_task(_retry_some(session, sorted(failed)[:200]))
            stream = session.stream(prefetch=8)
            async for task in stream:
                seen[task.id] += 1
            await retrying
        assert set(seen.values()) == {1}
        assert there_at_first - purged <= set(seen)
        assert stream.complete
        assert len(purged) > 200


async def _retry_some(session: TaskSession, ids: list[str]) -> None:
    await session.retry_many(ids, concurrency=4)


@pytest.mark.parametrize("release", ["4.5", "5.2", "9.0", "9.1"])
async def test_every_release_is_listed_whole(release):
    async with SddcManagerSimulator(tasks=730, release=release) as sddc, session_of(sddc) as session:
        stream = session.stream()
        ids = [task.id async for task in stream]
        assert ids == sddc.ids()
        assert stream.complete
        assert not stream.malformed


@pytest.mark.parametrize(
    "options",
    [
        {"default_page_size": 10},
        {"default_page_size": 100},
        {"reported_page_size": "requested"},
        {"metadata": False},
        {"metadata": "missing"},
        {"oversize": "reject"},
        {"order": "oldest"},
        {"order": "name"},
        {"spelling": "upper"},
        {"spelling": "title"},
        {"unknown_parameters": "reject"},
    ],
    ids=str,
)
async def test_whatever_is_open_about_the_api_the_listing_is_whole(options):
    async with SddcManagerSimulator(tasks=450, **options) as sddc, session_of(sddc) as session:
        stream = session.stream()
        tasks = [task async for task in stream]
        assert [task.id for task in tasks] == sddc.ids()
        assert stream.complete
        failed = {task.id for task in tasks if task.failed}
        assert failed == set(sddc.ids("FAILED"))
        assert failed == {task.id async for task in session.stream(TaskFilter(status=Status.FAILED))}


async def test_a_thousand_failed_tasks_are_retried_with_one_patch_each():
    async with SddcManagerSimulator(
        tasks=1000, failed=1.0, running=0, not_retryable=0, credential_tasks=0
    ) as sddc:
        async with session_of(sddc, concurrency=16) as session:
            failed = session.stream(TaskFilter(status=Status.FAILED))
            report = await session.retry_many(failed, concurrency=16)
        assert report.counts == {Result.ACCEPTED: 1000}
        assert report.complete
        assert failed.complete
        patches = Counter(
            request.path for request in sddc.requests.select(method="PATCH", path="/v1/tasks/.*")
        )
        assert patches == {f"/v1/tasks/{task_id}": 1 for task_id in sddc.tasks}
        assert sddc.requests.max_in_flight <= 16
        report.raise_for_failures()


async def test_tasks_retried_out_of_the_servers_own_filter_are_all_reached():
    async with SddcManagerSimulator(
        tasks=1500, failed=0.5, not_retryable=0, credential_tasks=0, live=False
    ) as sddc:
        failed = sddc.ids("FAILED")
        async with session_of(sddc) as session:
            targets = session.stream(TaskFilter(server_status="Failed"), page_size=50)
            report = await session.retry_many(targets, concurrency=8)
        assert Counter(o.task_id for o in report.outcomes if o.result is Result.ACCEPTED) == Counter(failed)
        assert targets.complete


async def test_running_tasks_are_cancelled_with_one_delete_each():
    async with SddcManagerSimulator(tasks=200, running=0.5, live=False) as sddc, session_of(sddc) as session:
        running = set(sddc.ids("IN_PROGRESS"))
        report = await session.cancel_many(session.stream(TaskFilter(status=Status.IN_PROGRESS)))
        accepted = {o.task_id for o in report.outcomes if o.result is Result.ACCEPTED}
        assert accepted == {o.task_id for o in report.outcomes if o.result is not Result.SKIPPED}
        assert {o.task_id for o in report.outcomes} == running
        deletes = Counter(r.path for r in sddc.requests.select(method="DELETE", path="/v1/tasks/.*"))
        assert set(deletes.values()) == {1}
        assert accepted <= set(sddc.ids("CANCELLED"))


async def test_get_retry_and_cancel_one():
    async with SddcManagerSimulator(tasks=50, live=False) as sddc, session_of(sddc) as session:
        failed = next(
            task_id for task_id in sddc.ids("FAILED") if sddc.tasks[task_id].get("isRetryable") is not False
        )
        task = await session.get(failed)
        assert task.failed
        assert task.cause
        assert task.to_json() == sddc.tasks[failed]
        await session.retry(failed)
        assert (await session.get(failed)).status is Status.IN_PROGRESS
        with pytest.raises(TaskConflict) as refused:
            await session.retry(failed)
        assert refused.value.status == 409
        assert refused.value.error_code == "TA_TASK_CAN_NOT_BE_RETRIED"
        await session.cancel(failed)
        assert (await session.get(failed)).status is Status.CANCELLED
        with pytest.raises(TaskConflict):
            await session.cancel(failed)
        with pytest.raises(TaskNotFound):
            await session.get("00000000-0000-0000-0000-000000000000")


async def test_all_parameters_of_the_list_reach_the_server():
    where = TaskFilter(
        status=Status.FAILED,
        type="HOST_COMMISSION",
        name="Commissioning",
        resource_id="cd47",
        resource_type="ESXI",
        completed_after=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC),
        server_status="In Progress",
        order_by="creationTimestamp",
        order_direction="DESC",
        live_refresh=True,
    )
    async with SddcManagerSimulator(tasks=10) as sddc, session_of(sddc) as session:
        sddc.requests.clear()
        await session.page(2, where, 25)
        await session.page(limit=3)
        listed = [dict(request.query) for request in sddc.requests.select(method="GET", path="/v1/tasks")]
    assert listed == [
        {
            "pageNumber": "2",
            "pageSize": "25",
            "taskStatus": "In Progress",
            "taskType": "HOST_COMMISSION",
            "taskName": "Commissioning",
            "resourceId": "cd47",
            "resourceType": "ESXI",
            "completedAfter": "1767323045678",
            "orderBy": "creationTimestamp",
            "orderDirection": "DESC",
            "doLiveRefresh": "true",
        },
        {"limit": "3"},
    ]


async def test_a_lost_answer_is_settled_by_a_look_and_never_by_a_second_patch():
    policy = Policy(base=0.01, grace=1.0, attempt_timeout=2.0)
    async with SddcManagerSimulator(
        tasks=40, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False
    ) as sddc:
        applied, dropped = sddc.ids()[0], sddc.ids()[1]
        sddc.faults.add(method="PATCH", path=f"/v1/tasks/{applied}", lost="after")
        sddc.faults.add(method="PATCH", path=f"/v1/tasks/{dropped}", lost="before")
        async with session_of(sddc, policy=policy) as session:
            tasks = [task async for task in session.stream()]
            report = await session.retry_many(tasks)
        by_id = {outcome.task_id: outcome for outcome in report.outcomes}
        assert by_id[applied].result is Result.ACCEPTED
        assert "was lost" in (by_id[applied].reason or "")
        assert by_id[dropped].result is Result.UNKNOWN
        assert report.counts == {Result.ACCEPTED: 39, Result.UNKNOWN: 1}
        patches = Counter(
            request.path for request in sddc.requests.select(method="PATCH", path="/v1/tasks/.*")
        )
        assert set(patches.values()) == {1}


async def test_a_restart_in_mid_run_leaves_no_target_unaccounted():
    policy = Policy(base=0.02, cap=0.2, grace=1.0, deadline=10.0)
    async with SddcManagerSimulator(
        tasks=300, failed=1.0, running=0, not_retryable=0, credential_tasks=0, live=False, latency=0.005
    ) as sddc:
        async with session_of(sddc, policy=policy) as session:
            tasks = [task async for task in session.stream()]
            accepted_before = itertools.count()
            async with session.retry_many(tasks, concurrency=8) as outcomes:
                async for _ in outcomes:
                    if next(accepted_before) == 50:
                        await sddc.stop()
                        await sddc.start()
            report = outcomes.report
        assert Counter(o.task_id for o in report.outcomes) == Counter(t.id for t in tasks)
        assert report.counts[Result.ACCEPTED] >= 280
        served = Counter(
            r.path for r in sddc.requests.select(method="PATCH", path="/v1/tasks/.*", status=200)
        )
        assert set(served.values()) == {1}, "no task was retried twice"
        retried = {o.task_id for o in report.outcomes if o.result is Result.ACCEPTED}
        assert retried <= set(sddc.ids("IN_PROGRESS"))
