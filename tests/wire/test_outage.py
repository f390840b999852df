"""The repeat budget: whatever kind of outage it is, a tenth more requests meet it and fifty, no more."""

from __future__ import annotations

import asyncio

import pytest
from fault_server import ACCESS, CLOSE, RESET, TRUNCATED, FaultServer, Reply, html, refusal

from vcf_tasks_async import BearerAuth, Policy, TaskSession, TransportError, VcfTasksError

CALLS = 1_000
QUICK = Policy(base=0.001, cap=0.002, deadline=15, attempt_timeout=10, grace=0.001)
OUTAGES = {
    "503": html(503),
    # aiohttp by itself sends a read again over a connection that turns out dead: nobody would count that.
    "resets": RESET,
    "closes": CLOSE,
    "breaks off": TRUNCATED,
    "puts off": refusal(429, headers={"Retry-After": "0"}),
}


def at_most(calls: int) -> float:
    return 1.1 * calls + Policy().budget


@pytest.mark.parametrize("reply", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_is_met_with_a_tenth_more_and_fifty(server: FaultServer, reply: Reply) -> None:
    server.always("GET", "/v1/tasks/a", reply)
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=QUICK, concurrency=50) as session:
        errors = await asyncio.gather(*(session.get("a") for _ in range(CALLS)), return_exceptions=True)
    assert all(isinstance(error, VcfTasksError) for error in errors)
    # The budget is made use of, too.
    assert CALLS + Policy().budget <= len(server.requests) <= at_most(CALLS)
    assert sum(error.attempts for error in errors) == len(server.requests)


async def test_an_outage_is_met_by_writes_with_a_tenth_more_and_fifty(server: FaultServer) -> None:
    server.always("PATCH", "/v1/tasks/a", refusal(429))
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=QUICK, concurrency=50) as session:
        errors = await asyncio.gather(*(session.retry("a") for _ in range(CALLS)), return_exceptions=True)
    assert all(isinstance(error, VcfTasksError) for error in errors)
    assert CALLS + Policy().budget <= server.count("PATCH") <= at_most(CALLS)


async def test_connections_are_tried_a_tenth_more_often_and_fifty_times(
    server: FaultServer,
) -> None:
    server.on_connect.extend(["reset"] * 2 * CALLS)
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=QUICK, concurrency=50) as session:
        errors = await asyncio.gather(*(session.get("a") for _ in range(CALLS)), return_exceptions=True)
    assert all(isinstance(error, TransportError) for error in errors)
    assert CALLS <= server.connections <= at_most(CALLS)


async def test_good_weather_gives_the_budget_back(server: FaultServer) -> None:
    policy = Policy(base=0.001, cap=0.002, deadline=15, budget=2)
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=policy) as session:
        server.script("GET", "/v1/tasks/a", *[html(503)] * 3)
        with pytest.raises(VcfTasksError):
            await session.get("a")
        for _ in range(9):
            await session.get("a")
        server.script("GET", "/v1/tasks/a", html(503))
        await session.get("a")
        server.script("GET", "/v1/tasks/a", html(503))
        with pytest.raises(VcfTasksError):
            await session.get("a")
