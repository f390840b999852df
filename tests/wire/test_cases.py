"""Every line of the table, met by every call: what comes out, how often it was sent, and what is left."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from cases import CALLS, LOST, READS, TABLE, End, Row
from fault_server import CANARY, PASSWORD, FaultServer, is_servers

from vcf_tasks_async import PasswordAuth, Policy, Task, TaskPage, TaskSession, Unauthorized, VcfTasksError

REPEATS = 2
# Ends by its budget: a clock would cut the last attempt short at random.
POLICY = Policy(base=0.001, cap=0.002, deadline=10, attempt_timeout=5, budget=REPEATS, grace=0.01)


def session_with(server: FaultServer, policy: Policy = POLICY) -> TaskSession:
    return TaskSession(server.url, PasswordAuth("admin@local", PASSWORD), policy=policy, concurrency=1)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
@pytest.mark.usefixtures("leaves_nothing")
async def test_each_fault_comes_to_what_the_table_says(server: FaultServer, row: Row, call: str) -> None:
    make, method, path = CALLS[call]
    end = row.read if call in READS else row.write
    async with session_with(server) as session:
        await session.page()
        before = len(server.requests)
        server.script(method, path, row.fault)
        if end.kind is None or end.again:
            check(call, await make(session))
        else:
            await ends_with(end, make(session), server, row, call, attempts=1)
        met, *others = server.requests[before:]
        assert [(seen.method, seen.path) == (method, path) for seen in others].count(True) == end.again
        looks = [seen for seen in others if (seen.method, seen.path) == ("GET", "/v1/tasks/a")]
        assert bool(looks) == (end is LOST or (end.again and call == "task"))
        # Nor is a redirect followed.
        assert server.count(".*", "/v1/elsewhere") == 0
        await server.has_said_all()
        await nothing_is_left(session, server)
        # The answer to the next call is its own, and comes over the connection that the table says.
        next_one = others[0] if others else server.requests[-1]
        assert (next_one.connection == met.connection) == row.keeps
        if end.again:
            await for_ever(session, server, row, call)
    await server.left()


async def for_ever(session: TaskSession, server: FaultServer, row: Row, call: str) -> None:
    """A fault that does not pass: the call is sent again while there is budget, then it ends."""
    make, method, path = CALLS[call]
    # One repeat was spent before; no call so far gave a whole one back.
    before = server.count(method, path)
    server.script(method, path, *[row.fault] * REPEATS)
    end = row.read if call in READS else row.write
    await ends_with(end, make(session), server, row, call, attempts=REPEATS)
    assert server.count(method, path) - before == REPEATS
    await nothing_is_left(session, server)


async def ends_with(
    end: End, called: Any, server: FaultServer, row: Row, call: str, *, attempts: int
) -> None:
    assert end.kind is not None
    _, method, path = CALLS[call]
    with pytest.raises(VcfTasksError) as caught:
        await called
    error = caught.value
    assert type(error) is end.kind, str(error)
    assert (error.manager, error.method, error.path) == (f"127.0.0.1:{server.port}", method, path)
    assert getattr(error, "attempts", attempts) == attempts
    assert getattr(error, "status", row.fault.status) == row.fault.status
    assert ("the answer was lost" in str(error)) == (end is LOST)
    harmless(error)


def harmless(error: VcfTasksError) -> None:
    """One line for a person, and nothing secret in it or behind it."""
    assert str(error).isprintable()
    assert len(str(error)) < 800
    chain: BaseException | None = error
    while chain is not None:
        assert CANARY not in str(chain) + repr(chain) + repr(chain.args) + repr(vars(chain))
        chain = chain.__cause__ or chain.__context__


async def nothing_is_left(session: TaskSession, server: FaultServer) -> None:
    """No asyncio task, no slot, no connection but the kept one; and the next call works at once."""
    left = {t for t in asyncio.all_tasks() if t is not asyncio.current_task() and not is_servers(t)}
    assert left == set()
    sent = len(server.requests)
    check("task", await session.get("a"))
    assert len(server.requests) == sent + 1
    async with asyncio.timeout(2):
        while len(server.open) > 1:
            await asyncio.sleep(0.001)


def check(call: str, result: object) -> None:
    """The right data came."""
    if call == "task":
        assert isinstance(result, Task)
        assert result.id == "a"
    elif call == "list":
        assert isinstance(result, TaskPage)
        assert [task.id for task in result.elements or ()] == ["a"]
    else:
        assert result is None


# What comes a moment after the login's answer would meet the call, which no client can tell from its answer.
@pytest.mark.parametrize("row", [row for row in TABLE if not row.fault.afterwards], ids=lambda row: row.name)
@pytest.mark.usefixtures("leaves_nothing")
async def test_a_login_that_meets_a_fault_is_sent_again_where_a_read_is(
    server: FaultServer, row: Row
) -> None:
    server.script("POST", "/v1/tokens", row.fault)
    async with session_with(server) as session:
        if row.read.again or row.read.kind is None:
            await session.retry("a")
        else:
            with pytest.raises(VcfTasksError) as caught:
                await session.retry("a")
            harmless(caught.value)
            # Whatever the words of the refusal, it is one: the account may be locked by the next.
            assert type(caught.value) in (Unauthorized, row.read.kind)
            assert server.count("PATCH") == 0
        assert server.logins == 1 + row.read.again
    await server.left()


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.usefixtures("leaves_nothing")
async def test_an_answer_before_the_body_was_read_is_an_answer(server: FaultServer, then: Any) -> None:
    server.reads_bodies = False
    server.script("POST", "/v1/tokens", dataclasses.replace(server.pair(), then=then))
    async with session_with(server) as session:
        check("task", await session.get("a"))
    assert server.logins == 1
    await server.left()


def test_the_table_has_150_lines_each_with_a_name_of_its_own() -> None:
    names = [row.name for row in TABLE]
    assert len(names) == len(set(names)) >= 150
