"""Opening, closing, cancelling: nothing is left behind, and the session stays as good as it was."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from fair_clock import fair
from fault_server import HANG, PASSWORD, FaultServer, Reply, html, refusal, task

from vcf_tasks_async import (
    BearerAuth,
    NotSentError,
    PasswordAuth,
    Policy,
    TaskSession,
    TransportError,
    UsageError,
    VcfTasksError,
)

QUICK = Policy(base=0.01, cap=0.05, deadline=2, attempt_timeout=0.3, grace=1)


async def gone(server: FaultServer, quiet: float = 0.1) -> int:
    """Requests that still arrive once everything should be over."""
    count = len(server.requests)
    await asyncio.sleep(quiet)
    return len(server.requests) - count


# --- close ----------------------------------------------------------------------------------------

WEATHER = {
    "hanging answers": HANG,
    "a starting service": html(503),
    "put off": refusal(429, headers={"Retry-After": "60"}),
    "a dripping body": Reply(200, b" " * 10_000, drip=0.05),
}


@pytest.mark.parametrize("lent", [False, True], ids=["own HTTP session", "lent HTTP session"])
@pytest.mark.parametrize("reply", WEATHER.values(), ids=WEATHER)
@pytest.mark.usefixtures("leaves_nothing")
async def test_close_ends_a_thousand_calls_at_once(server, reply, lent):
    server.always("GET", "/v1/tasks/a", reply)
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        session = TaskSession(
            server.url, PasswordAuth("admin@local", PASSWORD), policy=Policy(), http=http if lent else None
        )
        async with session:
            await session.page()
            calls = [asyncio.create_task(session.get("a")) for _ in range(1_000)]
            while server.count("GET", "/v1/tasks/a") < 8:
                await asyncio.sleep(0.01)
            started = fair()
        done, pending = await asyncio.wait(calls, timeout=5)
        took = fair() - started
        for call in pending:
            call.cancel()
        if pending:
            await asyncio.wait(pending)
        assert pending == set(), f"{len(pending)} of 1,000 calls went on"
        assert took < 1
        assert all(isinstance(call.exception(), VcfTasksError) for call in done)
        assert await gone(server) == 0
    left = {t for t in asyncio.all_tasks() - before if "FaultServer" not in repr(t)}
    assert left == set()


@pytest.mark.usefixtures("leaves_nothing")
async def test_close_during_a_login_tells_all_who_wait(server, session_with):
    server.always("POST", "/v1/tokens", HANG)
    session = session_with(policy=Policy())
    async with session:
        calls = [asyncio.create_task(session.get("a")) for _ in range(50)]
        while not server.logins:
            await asyncio.sleep(0.005)
        started = fair()
    done, pending = await asyncio.wait(calls, timeout=5)
    assert fair() - started < 1
    assert not pending
    assert {type(call.exception()) for call in done} <= {UsageError, NotSentError}


@pytest.mark.usefixtures("leaves_nothing")
async def test_leaving_by_an_error_or_a_cancellation_closes_too(server, session_with):
    session = session_with()
    with pytest.raises(ZeroDivisionError):
        async with session:
            await session.get("a")
            _ = 1 / 0
    assert server.count("DELETE") == 1

    async def run() -> None:
        async with session:
            await session.get("a")
            await asyncio.sleep(3600)

    running = asyncio.create_task(run())
    while server.count("GET") < 2:
        await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert server.count("DELETE") == 2


@pytest.mark.usefixtures("leaves_nothing")
async def test_close_that_is_cancelled_itself_leaves_no_connection(server, session_with, recwarn):
    server.always("DELETE", "/v1/tokens/.*", HANG)
    session = session_with(policy=Policy())
    await session.__aenter__()
    await session.get("a")
    closing = asyncio.create_task(session.close())
    while not server.count("DELETE"):
        await asyncio.sleep(0.005)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    del session, closing
    gc.collect()
    assert [w for w in recwarn if issubclass(w.category, ResourceWarning)] == []


async def test_closing_twice_and_closing_unopened_do_no_harm(session_with):
    session = session_with()
    await session.close()
    async with session:
        await session.close()
        await session.close()
    await session.close()


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_closed_session_may_be_opened_again(server, session_with):
    session = session_with()
    for _ in range(3):
        async with session:
            assert (await session.get("a")).id == "a"
    assert (server.logins, server.count("DELETE")) == (3, 3)


def test_a_session_may_be_opened_again_on_another_loop():
    made: list[TaskSession] = []

    async def run(port: int) -> tuple[int, int]:
        server = FaultServer()
        server.port = port
        async with server:
            if not made:
                made.append(
                    TaskSession(
                        server.url, PasswordAuth("admin@local", PASSWORD), policy=QUICK, concurrency=2
                    )
                )
            async with made[0] as session:
                await asyncio.gather(*(session.get("a") for _ in range(20)))
            return server.port, server.logins

    port, logins = asyncio.run(run(0))
    assert asyncio.run(run(port)) == (port, 1) == (port, logins)


def test_an_abandoned_loop_does_not_keep_a_session_from_being_opened_again():
    session = TaskSession("http://127.0.0.1:9", BearerAuth("t"), policy=QUICK)

    async def open_it() -> None:
        await session.__aenter__()

    async def use_it() -> None:
        with pytest.raises(UsageError, match="another event loop"):
            await session.get("a")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(open_it())
    asyncio.run(use_it())
    loop.run_until_complete(session.close())
    loop.close()


@pytest.mark.usefixtures("leaves_nothing")
async def test_two_who_open_at_once_get_one_session_and_one_error(recwarn):
    session = TaskSession("https://127.0.0.1:9", BearerAuth("t"), policy=QUICK)
    got = await asyncio.gather(session.__aenter__(), session.__aenter__(), return_exceptions=True)
    assert sorted(type(each).__name__ for each in got) == ["TaskSession", "UsageError"]
    await session.close()
    gc.collect()
    assert [w for w in recwarn if issubclass(w.category, ResourceWarning)] == []


# --- cancellation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["login", "answer", "body", "pause"])
@pytest.mark.usefixtures("leaves_nothing")
async def test_cancelling_at_any_moment_leaves_no_slot_no_connection_no_task(server, session_with, moment):
    session = session_with(concurrency=2, policy=Policy(base=0.01))
    async with session:
        if moment != "login":
            await session.page()
        match moment:
            case "login":
                server.script("POST", "/v1/tokens", lambda _: Reply(**{**vars(server.pair()), "delay": 0.1}))
            case "body":
                server.script("GET", "/v1/tasks/a", *[Reply(200, b" " * 5000, drip=0.01)] * 10)
            case "pause":
                server.script("GET", "/v1/tasks/a", *[refusal(429, headers={"Retry-After": "30"})] * 10)
            case _:
                server.script("GET", "/v1/tasks/a", *[HANG] * 10)
        calls = [asyncio.create_task(session.get("a")) for _ in range(10)]
        await asyncio.sleep(0.05)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert all(call.cancelled() for call in calls)
        server._scripts.clear()
        # Both slots are there, and both at once.
        server.script(
            "GET", "/v1/tasks/a", *[lambda seen: Reply(**{**vars(server.usual(seen)), "delay": 0.05})] * 2
        )
        server.most_at_once = 0
        async with asyncio.timeout(2):
            assert len(await asyncio.gather(*(session.get("a") for _ in range(2)))) == 2
        assert server.most_at_once == 2


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_storm_of_cancellations_costs_no_slot(server, session_with):
    server.always("GET", "/v1/tasks/a", lambda seen: Reply(**{**vars(server.usual(seen)), "delay": 0.01}))
    async with session_with(concurrency=4, policy=Policy()) as session:
        for round_ in range(20):
            calls = [asyncio.create_task(session.get("a")) for _ in range(20)]
            for i, call in enumerate(calls):
                asyncio.get_running_loop().call_later(0.0007 * i * (1 + round_ % 3), call.cancel)
            await asyncio.wait(calls)
            assert all(call.cancelled() or call.exception() is None for call in calls)
        server._scripts.clear()
        barrier: list[int] = []

        def together(seen) -> Reply:
            barrier.append(1)
            return Reply(**{**vars(server.usual(seen)), "delay": 0.1})

        server.script("GET", "/v1/tasks/a", *[together] * 4)
        calls = [asyncio.create_task(session.get("a")) for _ in range(4)]
        async with asyncio.timeout(1):
            while len(barrier) < 4:
                await asyncio.sleep(0.005)
        await asyncio.gather(*calls)


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_callers_own_timeout_is_a_timeout_and_no_more(server, session_with):
    server.script("GET", "/v1/tasks/a", HANG)
    async with session_with(policy=Policy()) as session:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await session.get("a")
        assert not isinstance(caught.value, TransportError)
        assert (await session.get("a")).id == "a"


# --- wrong uses -----------------------------------------------------------------------------------

CALLS = {
    "page": lambda s: s.page(),
    "get": lambda s: s.get("a"),
    "retry": lambda s: s.retry("a"),
    "cancel": lambda s: s.cancel("a"),
    "stream": lambda s: s.stream(),
    "retry_many": lambda s: s.retry_many(["a"]),
    "cancel_many": lambda s: s.cancel_many(["a"]),
}


async def awaited(made):
    return await made if hasattr(made, "__await__") else made


async def called(call, session):
    return await awaited(call(session))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_call_before_async_with_says_what_to_do(server, session_with, call):
    with pytest.raises(UsageError, match="async with TaskSession"):
        await awaited(call(session_with()))
    assert bytes(server.raw) == b""


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_call_after_close_says_what_to_do(server, session_with, call):
    async with session_with() as session:
        pass
    with pytest.raises(UsageError, match="closed: open it again"):
        await awaited(call(session))
    assert bytes(server.raw) == b""


async def test_opening_twice_says_what_to_do(server, session_with):
    async with session_with() as session:
        with pytest.raises(UsageError, match="open already"):
            await session.__aenter__()
        assert (await session.get("a")).id == "a"


async def test_a_call_on_another_loop_says_what_to_do(server, session_with):
    async with session_with() as session:
        await session.get("a")
        for call in CALLS.values():
            with pytest.raises(UsageError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, called(call, session))
    assert server.count("GET") == 1


@pytest.mark.parametrize("name", ["stream", "retry_many"])
async def test_a_call_where_no_loop_runs_says_what_to_do(session_with, name):
    async with session_with() as session:
        with pytest.raises(UsageError, match="loop"):
            await asyncio.to_thread(CALLS[name], session)


WRONG_CALLS = {
    "id ../users": (lambda s: s.get("../users"), "is no task id"),
    "id with a slash": (lambda s: s.retry("a/b"), "is no task id"),
    "id None": (lambda s: s.cancel(None), r"Task\.id"),
    "a task for an id": (lambda s: s.get(task("a")), r"Task\.id"),
    "page size 0": (lambda s: s.page(size=0), "1 to 100"),
    "page size 101": (lambda s: s.page(size=101), "1 to 100"),
    "page size True": (lambda s: s.page(size=True), "1 to 100"),
    "page size text": (lambda s: s.page(size="10"), "1 to 100"),
    "page size None": (lambda s: s.page(size=None), "1 to 100"),
    "page -1": (lambda s: s.page(-1), "whole number from 0"),
    "page 1.5": (lambda s: s.page(1.5), "whole number from 0"),
    "page text": (lambda s: s.page("1"), "whole number from 0"),
    "limit with a number": (lambda s: s.page(1, limit=5), "give one of them"),
    "limit 0": (lambda s: s.page(limit=0), "whole number from 1"),
    "limit True": (lambda s: s.page(limit=True), "whole number from 1"),
    "where text": (lambda s: s.page(where="Failed"), r"TaskFilter\(status=Status\.FAILED\)"),
    "where dict": (lambda s: s.stream({"status": "Failed"}), "TaskFilter"),
    "stream page size 0": (lambda s: s.stream(page_size=0), "1 to 100"),
    "prefetch 0": (lambda s: s.stream(prefetch=0), "prefetch is a whole number from 1"),
    "prefetch text": (lambda s: s.stream(prefetch="4"), "prefetch is a whole number from 1"),
    "targets one id": (lambda s: s.retry_many("a"), r"\[task_id\]"),
    "targets None": (lambda s: s.retry_many(None), "iterable"),
    "concurrency 0": (lambda s: s.cancel_many(["a"], concurrency=0), "concurrency is a whole number from 1"),
}


@pytest.mark.parametrize(("call", "hint"), WRONG_CALLS.values(), ids=WRONG_CALLS)
async def test_a_wrong_argument_says_what_to_do_and_nothing_is_sent(server, session_with, call, hint):
    async with session_with() as session:
        with pytest.raises(UsageError, match=hint):
            await awaited(call(session))
    assert bytes(server.raw) == b""


WRONG_SESSIONS = {
    "no address": ({"url": ""}, "host name such as"),
    "address with a password": ({"url": "https://u:p@sfo-vcf01"}, "PasswordAuth"),
    "http to another machine": ({"url": "http://sfo-vcf01"}, "allow_http=True"),
    "auth text": ({"auth": "password"}, "auth takes PasswordAuth"),
    "auth pair": ({"auth": ("user", "password")}, "auth takes PasswordAuth"),
    "auth class": ({"auth": PasswordAuth}, "auth takes PasswordAuth"),
    "tls False": ({"tls": False}, r"Tls\(verify=False\)"),
    "tls path": ({"tls": "ca.pem"}, r"Tls\(ca_file="),
    "concurrency 0": ({"concurrency": 0}, "concurrency is a whole number from 1"),
    "concurrency True": ({"concurrency": True}, "concurrency is a whole number from 1"),
    "policy None": ({"policy": None}, r"Policy\(deadline=60\)"),
    "policy dict": ({"policy": {"deadline": 60}}, r"Policy\(deadline=60\)"),
    "http of another kind": ({"http": object()}, "ClientSession"),
    "http class": ({"http": aiohttp.ClientSession}, "ClientSession"),
    "proxy of another kind": ({"proxy": 8080}, "proxy"),
    "proxy without a scheme": ({"proxy": "proxy.rainpole.io"}, "proxy"),
    "proxy junk": ({"proxy": "::::"}, "proxy"),
    "proxy with half an IPv6 address": ({"proxy": "http://[::1"}, "proxy"),
    "proxy with a port that is none": ({"proxy": "http://proxy:99999"}, "proxy"),
    "proxy with a line break": ({"proxy": "http://proxy:3128/\r\nX: y"}, "proxy"),
}


@pytest.mark.parametrize(("options", "hint"), WRONG_SESSIONS.values(), ids=WRONG_SESSIONS)
async def test_a_session_that_cannot_be_meant_is_refused_when_it_is_made(options, hint):
    arguments = {"url": "sfo-vcf01", "auth": BearerAuth("t"), **options}
    with pytest.raises(UsageError, match=hint):
        TaskSession(**arguments)


async def test_a_lent_session_that_is_closed_says_what_to_do(server, session_with):
    http = aiohttp.ClientSession()
    await http.close()
    with pytest.raises(UsageError, match="closed"):
        async with session_with(http=http) as session:
            await session.get("a")
    assert bytes(server.raw) == b""


async def test_a_lent_session_of_another_loop_says_what_to_do(server, session_with):
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    loop = asyncio.new_event_loop()
    http = await asyncio.to_thread(loop.run_until_complete, make())
    try:
        with pytest.raises(UsageError, match="loop"):
            async with session_with(http=http) as session:
                await session.get("a")
    finally:
        await asyncio.to_thread(loop.run_until_complete, http.close())
        loop.close()
    assert bytes(server.raw) == b""


def test_making_a_session_needs_no_loop_and_touches_nothing(tmp_path):
    session = TaskSession("sfo-vcf01", PasswordAuth("u", lambda: (_ for _ in ()).throw(AssertionError)))
    assert repr(session) == "<TaskSession https://sfo-vcf01 (not opened)>"
    assert session.manager == "sfo-vcf01"


def grown_by_cycles() -> dict[str, int]:
    script = Path(__file__).with_name("open_close.py")
    # By hand with more (see the script): 30,000 and 3,000 grow by no more than this. As many as a machine
    # that is busy with other things gets done in time.
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), "1000", "100"],
        capture_output=True,
        text=True,
        check=True,
        timeout=18,
    )
    return json.loads(done.stdout)


def test_open_close_cycles_do_not_grow():
    grown = grown_by_cycles()
    assert grown.pop("resident_kb") < 2048
    assert max(grown.pop("objects"), 0) < 25
    assert grown == {"fds": 0, "tasks": 0}
