"""Writes: at most once, and after a lost answer a look at the task instead of a second try."""

from __future__ import annotations

import asyncio
import time

import pytest
from fault_server import CLOSE, HANG, RESET, FaultServer, Reply, black_hole, doc, html, refusal, task

from vcf_tasks_async import (
    BearerAuth,
    DeadlineError,
    NotSentError,
    OutcomeUnknownError,
    Policy,
    Result,
    TransportError,
    Unauthorized,
    UsageError,
    VcfTasksError,
)

METHODS = {"retry": "PATCH", "cancel": "DELETE"}


@pytest.fixture(params=METHODS)
def action(request: pytest.FixtureRequest) -> str:
    return request.param


def writes(server: FaultServer, action: str, path: str = "/v1/tasks/a") -> int:
    return server.count(METHODS[action], path)


BRIEF = Policy(base=0.005, cap=0.02, deadline=0.5, attempt_timeout=0.2, grace=0.1)
# A clock would cut the last attempt short at random.
ENDS_BY_BUDGET = Policy(base=0.005, cap=0.02, deadline=8, attempt_timeout=4, budget=3)


@pytest.mark.parametrize("drip", [False, True], ids=["at once", "while it is read"])
async def test_a_good_status_is_enough_with_any_json_or_none(server, session_with, action, drip, monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.transport.BODY_CAP", 100)
    bodies = [b"", b"\r\n", b"{}", b"null", b'{"status": 5}', b"[" * 50 + b"]" * 50, b" " * 1000]
    server.script(
        METHODS[action],
        "/v1/tasks/a",
        *(Reply(200, b, drip=0.0 if drip else None) for b in bodies),
        Reply(202),
        Reply(204),
    )
    async with session_with() as session:
        for _ in range(len(bodies) + 2):
            await getattr(session, action)("a")
    assert writes(server, action) == len(bodies) + 2


async def test_a_write_whose_token_was_rejected_is_sent_again(server, session_with, action):
    async with session_with() as session:
        await session.get("a")
        server.script(METHODS[action], "/v1/tasks/a", refusal(401))
        await getattr(session, action)("a")
    assert writes(server, action) == 2


async def test_a_write_to_a_server_that_is_down_was_never_sent(server, session_with, action):
    await server.stop()
    # A token of somebody else's: no login goes before the write.
    async with session_with(BearerAuth("theirs"), policy=ENDS_BY_BUDGET) as session:
        with pytest.raises(NotSentError) as caught:
            await getattr(session, action)("a")
        assert caught.value.attempts == 1 + ENDS_BY_BUDGET.budget
        await server.__aenter__()
        await session.get("a")
    assert writes(server, action) == 0


async def test_a_write_waits_for_a_server_that_comes_back(server, session_with, action):
    await server.stop()
    async with session_with(BearerAuth("theirs")) as session:
        call = asyncio.create_task(getattr(session, action)("a"))
        await asyncio.sleep(0.1)
        await server.__aenter__()
        await call
    assert writes(server, action) == 1


async def test_a_write_that_never_got_a_slot_was_never_sent(server, session_with, action):
    server.always("GET", "/v1/tasks/a", HANG)
    async with session_with(
        policy=Policy(deadline=0.2, attempt_timeout=0.2, base=0.01), concurrency=1
    ) as session:
        await session.page()
        holder = asyncio.create_task(session.get("a"))
        await asyncio.sleep(0)
        with pytest.raises(TransportError) as caught:
            await getattr(session, action)("a")
        assert not isinstance(caught.value, OutcomeUnknownError)
        await asyncio.wait([holder])
        assert holder.exception() is not None
    assert writes(server, action) == 0


@pytest.mark.parametrize("deadline", [0.3, 0.4, 0.5, 0.6])
async def test_a_write_that_never_got_a_connection_was_never_sent(session_with, action, deadline):
    # Also when it is the deadline that ends the last try, and not the time a connection may take.
    policy = Policy(base=0.001, cap=0.002, deadline=deadline, attempt_timeout=0.3, grace=0.1)
    with black_hole() as port:
        url = f"http://127.0.0.1:{port}"
        async with session_with(BearerAuth("theirs"), url=url, policy=policy) as session:
            with pytest.raises(TransportError) as caught:
                await getattr(session, action)("a")
    assert isinstance(caught.value, NotSentError | DeadlineError)
    assert caught.value.attempts >= 1


async def test_a_write_whose_slot_came_too_late_is_not_called_unknown(server, session_with, action):
    server.always("GET", "/v1/tasks/a", HANG)
    policy = Policy(base=0.001, deadline=0.2, attempt_timeout=5, grace=0.1)
    async with session_with(BearerAuth("theirs"), policy=policy, concurrency=1) as session:
        holder = asyncio.create_task(session.get("a"))
        await asyncio.sleep(0.001)
        (got,) = await asyncio.gather(getattr(session, action)("a"), return_exceptions=True)
        await asyncio.wait([holder])
        assert holder.exception() is not None
    # Once in a while it gets through in the last millisecond.
    arrived = bool(writes(server, action))
    assert isinstance(got, OutcomeUnknownError if arrived else NotSentError | DeadlineError) or (
        arrived and got is None
    )


async def test_a_write_whose_login_is_refused_was_never_sent(server, session_with, action):
    server.password = "another"
    async with session_with() as session:
        with pytest.raises(Unauthorized):
            await getattr(session, action)("a")
    assert writes(server, action) == 0


# --- what a look tells ----------------------------------------------------------------------------

FAILED = task("a", "Failed", completionTimestamp="2026-05-01T12:00:00Z")
RUNNING = task("a", "In Progress")
LOOKS = {
    # (what, the task before, what looks see then, result)
    "retry: it runs": ("retry", FAILED, [doc(RUNNING)], Result.ACCEPTED),
    "retry: it succeeded": ("retry", FAILED, [doc(task("a", "Successful"))], Result.ACCEPTED),
    "retry: stale first, then it runs": (
        "retry",
        FAILED,
        [doc(FAILED), doc(FAILED), doc(RUNNING)],
        Result.ACCEPTED,
    ),
    "retry: failed anew": (
        "retry",
        FAILED,
        [doc({**FAILED, "completionTimestamp": "2026-05-01T12:09:00Z"})],
        Result.ACCEPTED,
    ),
    "retry: nothing changes": ("retry", FAILED, [doc(FAILED)] * 50, Result.UNKNOWN),
    "retry: gone": ("retry", FAILED, [refusal(404)] * 50, Result.UNKNOWN),
    "retry: an unheard-of status": ("retry", FAILED, [doc(task("a", "Frobnicating"))] * 50, Result.UNKNOWN),
    "retry: the look fails, then tells": ("retry", FAILED, [html(502), RESET, doc(RUNNING)], Result.ACCEPTED),
    "retry: cancelled by somebody": ("retry", FAILED, [doc(task("a", "Cancelled"))] * 50, Result.UNKNOWN),
    "cancel: cancelled": ("cancel", RUNNING, [doc(task("a", "CANCELED"))], Result.ACCEPTED),
    "cancel: still running, then cancelled": (
        "cancel",
        RUNNING,
        [doc(RUNNING), doc(task("a", "Cancelled"))],
        Result.ACCEPTED,
    ),
    "cancel: its record is gone": ("cancel", RUNNING, [refusal(404)], Result.ACCEPTED),
    "cancel: it failed": ("cancel", RUNNING, [doc(FAILED)] * 50, Result.UNKNOWN),
    "cancel: it runs and runs": ("cancel", RUNNING, [doc(RUNNING)] * 50, Result.UNKNOWN),
}


@pytest.mark.parametrize("fault", [RESET, html(502)], ids=["reset", "502"])
@pytest.mark.parametrize(("what", "before", "looks", "result"), LOOKS.values(), ids=LOOKS)
async def test_what_a_look_makes_of_a_lost_write(server, session_with, what, before, looks, result, fault):
    server.tasks["a"] = before
    server.script(METHODS[what], "/v1/tasks/a", fault)
    server.script("GET", "/v1/tasks/a", *looks)
    async with session_with(
        policy=Policy(base=0.005, cap=0.02, deadline=0.5, attempt_timeout=0.1, grace=0.2)
    ) as session:
        seen = (await session.page()).elements
        report = await (session.retry_many(seen) if what == "retry" else session.cancel_many(seen))
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.attempts) == (result, 1)
    assert writes(server, what) == 1
    assert (outcome.error is None) == (result is Result.ACCEPTED)


async def test_a_lost_cancellation_of_a_task_that_is_cancelled_now_is_no_failure(server, session_with):
    # What the caller wanted is so; whether it was this very request, no one can tell.
    server.script("DELETE", "/v1/tasks/a", RESET)
    server.tasks["a"] = task("a", "Cancelled")
    async with session_with(policy=BRIEF) as session:
        with pytest.raises(OutcomeUnknownError, match="Cancelled"):
            await session.cancel("a")
    assert writes(server, "cancel") == 1


async def test_a_thousand_retries_in_bad_weather_are_sent_once_each(server, session_with):
    ids = [f"t{i}" for i in range(300)]
    server.tasks = {task_id: task(task_id) for task_id in ids}
    seen: set[str] = set()

    def weather(request) -> Reply:
        task_id = request.path.rpartition("/")[2]
        assert task_id not in seen, "a second blind PATCH"
        seen.add(task_id)
        server.tasks[task_id] = task(task_id, "In Progress")
        return (Reply(200), RESET, html(502), CLOSE, html(504), Reply(200))[len(seen) % 6]

    server.always("PATCH", "/v1/tasks/t.*", weather)
    async with session_with(concurrency=16, policy=Policy(base=0.01, cap=0.05, grace=1)) as session:
        report = await session.retry_many((await session.page()).elements)
    assert dict(report.counts) == {Result.ACCEPTED: len(ids)}
    assert server.count("PATCH") == len(ids)


@pytest.mark.parametrize("grace", [60.0])
async def test_closing_the_session_ends_a_look_that_would_go_on(server, session_with, action, grace):
    server.script(METHODS[action], "/v1/tasks/a", RESET)
    server.tasks["a"] = FAILED if action == "retry" else RUNNING
    session = session_with(policy=Policy(base=0.01, cap=0.05, deadline=2, attempt_timeout=0.3, grace=grace))
    async with session:
        call = asyncio.create_task(getattr(session, action)("a"))
        while server.count("GET") < 2:
            await asyncio.sleep(0.01)
        closed = time.monotonic()
    with pytest.raises((TransportError, UsageError)):
        await asyncio.wait_for(call, 2)
    assert time.monotonic() - closed < 1


async def test_cancelling_a_write_in_flight_leaves_the_session_usable(server, session_with, action):
    server.script(METHODS[action], "/v1/tasks/a", HANG)
    async with session_with(concurrency=1) as session:
        call = asyncio.create_task(getattr(session, action)("a"))
        while not writes(server, action):
            await asyncio.sleep(0.005)
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        await getattr(session, action)("a")
    assert writes(server, action) == 2


async def test_no_cancellation_ever_reaches_the_deletion_of_histories(server, session_with):
    server.tasks["history"] = task("history")
    async with session_with() as session:
        with pytest.raises(VcfTasksError):
            await session.cancel("history")
    assert server.count("DELETE", "/v1/tasks/history") == 0


async def test_patch_and_delete_carry_no_body(server, session_with, action):
    async with session_with() as session:
        await getattr(session, action)("a")
    (sent,) = server.select(METHODS[action], "/v1/tasks/a")
    assert sent.body == b""
    assert sent.token
