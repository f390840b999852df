"""Waiting and watching through the session that users hold, over a real socket."""

from __future__ import annotations

import asyncio

import pytest

from vcf_tasks_async import (
    EventKind,
    PasswordAuth,
    Policy,
    Polling,
    Status,
    TaskFilter,
    TaskSession,
    TaskWaits,
    TaskWatch,
    UsageError,
)
from vcf_tasks_async.testing import SddcManagerSimulator

QUICK = Polling(initial=0.02, maximum=0.1)


def session_of(sddc, **options):
    return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), **options)


def simulator(tasks=20, **options):
    return SddcManagerSimulator(tasks, **{"running": 0.5, "step_seconds": (1.0, 5.0), "speed": 100} | options)


async def test_many_of_one_sessions_tasks_wait_and_watch_side_by_side():
    async with simulator() as sddc, session_of(sddc) as session:
        ids = sddc.ids("IN_PROGRESS")
        ended = set()

        async def watch():
            async for event in session.watch(ids, polling=QUICK):
                # One that had ended before the first look has only appeared.
                if event.task.is_ended:
                    ended.add(event.task_id)
                if len(ended) == len(ids):
                    return

        async def many():
            return [task.id async for task in session.wait_many(ids, polling=QUICK)]

        watching, waiting = asyncio.create_task(watch()), asyncio.create_task(many())
        tasks = await asyncio.gather(*(session.wait(task_id, polling=QUICK) for task_id in ids))
        await watching
        assert {task.id for task in tasks} == set(ids) == ended == set(await waiting)
        assert all(task.is_ended for task in tasks)


async def test_a_restart_of_sddc_manager_is_lost_and_restored():
    policy = Policy(deadline=0.1, attempt_timeout=0.1, base=0.01, budget=1)
    async with simulator() as sddc, session_of(sddc, policy=policy) as session:
        kinds = []
        async with session.watch(TaskFilter(status=Status.FAILED), polling=QUICK) as events:

            async def read():
                async for event in events:
                    kinds.append(event.kind)
                    if event.kind is EventKind.RESTORED:
                        return

            reading = asyncio.create_task(read())
            await asyncio.sleep(0.1)
            await sddc.stop()
            while EventKind.LOST not in kinds:
                await asyncio.sleep(0.01)
            await sddc.start()
            await reading


async def test_nothing_is_polled_while_nobody_follows():
    async with simulator() as sddc, session_of(sddc) as session:
        async for _ in session.watch(polling=QUICK):
            break
        assert (await session.wait(sddc.ids("SUCCESSFUL")[0])).succeeded
        await asyncio.sleep(0)
        assert not session._wiring._nursery.running
        before = len(sddc.requests)
        await asyncio.sleep(0.3)
        assert len(sddc.requests) == before


async def test_a_session_that_closes_ends_what_follows():
    async with simulator(running=0.0, zombies=0.5) as sddc:
        async with session_of(sddc) as session:
            ids = sddc.ids("IN_PROGRESS")
            watch, many = session.watch(polling=QUICK), session.wait_many(ids, polling=QUICK)
            await anext(watch)
            waits = [
                asyncio.create_task(_all(watch)),
                asyncio.create_task(_all(many)),
                asyncio.create_task(session.wait(ids[0])),
            ]
            await asyncio.sleep(0.1)
        for wait in waits:
            with pytest.raises(UsageError, match="closed"):
                await wait


async def _all(iterator):
    async for _ in iterator:
        pass


async def test_a_retried_task_is_waited_for_beyond_its_old_failure():
    async with simulator(failed=1.0, running=0.0, not_retryable=0.0, credential_tasks=0.0, retry_succeeds=1.0,
                         stale_failed=20.0) as sddc, session_of(sddc) as session:  # fmt: skip
        task_id = sddc.ids("FAILED")[0]
        await session.retry(task_id)
        assert (await session.wait(task_id, polling=QUICK)).succeeded


async def test_a_refused_retry_leaves_the_failure_as_it_is():
    async with simulator(failed=1.0, running=0.0, not_retryable=1.0) as sddc, session_of(sddc) as session:
        task_id = sddc.ids("FAILED")[0]
        with pytest.raises(Exception, match="409"):
            await session.retry(task_id)
        async with asyncio.timeout(5):
            assert (await session.wait(task_id)).failed


async def test_a_session_that_is_not_open_says_so():
    async with simulator() as sddc:
        session = session_of(sddc)
        with pytest.raises(UsageError, match="async with"):
            await session.wait("a")
        for follow in (session.watch, lambda: session.wait_many(["a"])):
            with pytest.raises(UsageError, match="async with"):
                follow()
        async with session:
            assert isinstance(session.watch(), TaskWatch)
            assert isinstance(session.wait_many([]), TaskWaits)
            with pytest.raises(UsageError, match="Polling"):
                session.watch(polling=5)
