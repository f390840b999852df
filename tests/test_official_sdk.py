"""The official SDK and our client see the same system, field by field."""

from __future__ import annotations

import asyncio

import pytest
from official_sdk import login

from vcf_tasks_async import PasswordAuth, Result, Status, TaskFilter, TaskSession, Tls
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
