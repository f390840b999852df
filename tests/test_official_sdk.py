"""The official SDK and our client see the same system, field by field."""

from __future__ import annotations

import asyncio
import json

import pytest
from official_sdk import login

from vcf_tasks_async import (
    CredentialsUpdateSpec,
    PasswordAuth,
    Result,
    Status,
    TaskFilter,
    TaskSession,
    Tls,
)
from vcf_tasks_async.base import wire_document
from vcf_tasks_async.testing import SddcManagerSimulator


@pytest.mark.parametrize("release", ["9.0", "9.1"])
async def test_both_clients_agree_on_every_field_of_every_task(release):
    simulator = SddcManagerSimulator(tasks=300, release=release, tls=True, live=False)
    with simulator.in_thread() as sddc:
        official = await asyncio.to_thread(
            login, sddc.url, sddc.username, sddc.password, ca_file=sddc.ca_file
        )
        theirs = []
        for number in range(1, 4):
            theirs += (await asyncio.to_thread(official.page, number, 100))["elements"]
        tls = Tls(ca_file=sddc.ca_file)
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), tls=tls) as session:
            ours = [task async for task in session.stream()]
            assert [_bare(task.to_json()) for task in ours] == [_bare(task) for task in theirs]
            one = ours[7].id
            assert _bare((await session.get(one)).to_json()) == _bare(
                await asyncio.to_thread(official.get, one)
            )

            # What one client does, the other sees.
            failed = [t.id for t in ours if t.failed and t.is_retryable]
            report = await session.retry_many(failed[:3])
            assert report.counts == {Result.ACCEPTED: min(3, len(failed))}
            for task_id in failed[:3]:
                status = (await asyncio.to_thread(official.get, task_id))["status"]
                assert Status.parse(status) is Status.IN_PROGRESS
            await asyncio.to_thread(official.cancel, failed[0])
            assert (await session.get(failed[0])).status is Status.CANCELLED
            await asyncio.to_thread(official.retry, failed[5])
            assert (await session.get(failed[5])).status is Status.IN_PROGRESS
            still_failed = {t.id async for t in session.stream(TaskFilter(status=Status.FAILED))}
            assert still_failed == {
                t["id"]
                for t in await asyncio.to_thread(official.list)
                if Status.parse(t["status"]) is Status.FAILED
            }
        await asyncio.to_thread(official.session.close)


def _bare(value):
    """Without nulls, which the SDK drops."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return value


@pytest.mark.parametrize("release", ["9.0", "9.1"])
async def test_both_clients_agree_on_credential_tasks(release):
    simulator = SddcManagerSimulator(tasks=0, release=release, tls=True, live=False)
    failed = [simulator.add_task(status="FAILED", credential=True, subtasks=2) for _ in range(4)]
    with simulator.in_thread() as sddc:
        official = await asyncio.to_thread(
            login, sddc.url, sddc.username, sddc.password, ca_file=sddc.ca_file
        )

        async def theirs(name, *arguments):
            return await asyncio.to_thread(getattr(official, name), *arguments)

        tls = Tls(ca_file=sddc.ca_file)
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), tls=tls) as session:
            credentials = session.credentials
            ours = [task async for task in credentials.stream()]
            # Passwords included: on the wire both see the same.
            assert [wire_document(task) for task in ours] == await theirs("credential_tasks")
            first, second, third, fourth = failed
            assert wire_document(await credentials.get(first)) == await theirs("credential_task", first)
            step = ours[0].sub_tasks[1].id
            [told] = (await theirs("credential_subtask", ours[0].id, step))["subTasks"]
            assert wire_document(await credentials.subtask(ours[0].id, step)) == told
            elements = await credentials.resource_credentials(first)
            accounts = await theirs("resource_credentials", first)
            assert [wire_document(element) for element in elements] == accounts

            # Both send the same, and what one does the other sees.
            await credentials.retry(first, CredentialsUpdateSpec("ROTATE", elements))
            await theirs("retry_credentials", second, "ROTATE", accounts)
            mine, their = sddc.requests.select(method="PATCH", path="/v1/credentials/.*")
            assert json.loads(mine.body) == json.loads(their.body)
            assert (await theirs("credential_task", first))["status"] == "IN_PROGRESS"
            assert (await credentials.get(second)).status is Status.IN_PROGRESS
            await credentials.cancel(third)
            await theirs("cancel_credentials", fourth)
            assert (await theirs("credential_task", third))["status"] == "USER_CANCELLED"
            assert (await credentials.get(fourth)).status is Status.USER_CANCELLED
        await asyncio.to_thread(official.session.close)


async def test_both_clients_agree_on_what_9_1_adds():
    simulator = SddcManagerSimulator(tasks=0, release="9.1", tls=True, live=False)
    one, two, runs = (
        simulator.add_task(status=status) for status in ("SUCCESSFUL", "SUCCESSFUL", "IN_PROGRESS")
    )
    with simulator.in_thread() as sddc:
        official = await asyncio.to_thread(
            login, sddc.url, sddc.username, sddc.password, ca_file=sddc.ca_file
        )
        tls = Tls(ca_file=sddc.ca_file)
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), tls=tls) as session:
            await session.update_settings(retention_days=45)
            assert await asyncio.to_thread(official.settings) == {"retentionDays": 45}
            await asyncio.to_thread(official.settings, 60)
            assert (await session.settings()).retention_days == 60
            ours = await session.delete_history([one, runs])
            theirs = await asyncio.to_thread(official.delete_histories, two, runs)
            assert (ours.successful, theirs["successful"]) == ([one], [two])
            assert [failure.to_json() for failure in ours.failed] == theirs["failed"]
            sent = sddc.requests.select(method="DELETE", path="/v1/tasks/history")
            assert [json.loads(each.body) for each in sent] == [
                {"taskIds": [one, runs]},
                {"taskIds": [two, runs]},
            ]
        await asyncio.to_thread(official.session.close)
