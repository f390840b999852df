"""Every public call, cancelled at every point where it suspends, in turn: nothing stays, the session goes on.

A driver runs the call and counts its suspensions. At the k-th one it cancels: while the call waits, in the
turn of the loop in which it is woken (its result is there, and is not taken), or once more while it cleans
up. k goes up until the call ends before it is reached.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import trustme
from fault_server import CLOSE, PASSWORD, FaultServer, Reply, Seen, doc, refusal, task

from vcf_tasks_async import (
    BaseCredential,
    CredentialsUpdateSpec,
    PasswordAuth,
    Policy,
    Polling,
    ResourceCredentials,
    TaskFilter,
    TaskSession,
    Tls,
)
from vcf_tasks_async.waiting import Waits

SWIFT = Policy(base=0.001, cap=0.002, deadline=5, attempt_timeout=2, grace=0.02)
OFTEN = Polling(initial=0.002, maximum=0.002, jitter=0)
AT_ONCE = 3
MOST = 400


@types.coroutine
def cancelling(
    work: Coroutine[Any, Any, Any], at: int, mode: str, fired: list[int]
) -> Generator[Any, Any, Any]:
    """*work*, cancelled at its suspension number *at*."""
    task = asyncio.current_task()
    assert task is not None
    suspensions = 0
    send: Callable[[Any], Any] = work.send
    value: Any = None
    while True:
        try:
            awaited = send(value)
        except StopIteration as stop:
            return stop.value
        suspensions += 1
        if suspensions == at or (mode == "twice" and suspensions == at + 1):
            fired.append(suspensions)
            if mode == "as it is woken" and awaited is not None:
                # Before the task's own callback: it is then cancelled with its result at hand.
                awaited.add_done_callback(lambda _: task.cancel())
            else:
                asyncio.get_running_loop().call_soon(task.cancel)
        try:
            value = yield awaited
            send = work.send
        except BaseException as error:  # noqa: BLE001 - it is thrown on, whatever it is
            value, send = error, work.throw


# --- the calls ------------------------------------------------------------------------------------


async def whole(stream: Any) -> list[Any]:
    return [each async for each in stream]


async def first_of(stream: Any) -> Any:
    async for each in stream:
        return each
    raise AssertionError("nothing came")


async def awaited(run: Any) -> Any:
    return await run


async def one_by_one(run: Any) -> int:
    async with run as outcomes:
        return len([outcome async for outcome in outcomes])


async def first_in(watch: Any) -> Any:
    async with watch as events:
        async for event in events:
            return event
    raise AssertionError("nothing came")


async def expired(session: TaskSession, server: FaultServer) -> None:
    await session.get("a")
    server.accepts = lambda token: token not in {None, "cAnArY-access-1"}
    await session.get("a")


def paged(seen: Seen) -> Reply:
    query = parse_qs(urlsplit(seen.target).query)
    number, size = int(query.get("pageNumber", ["1"])[0]), int(query.get("pageSize", ["2"])[0])
    names = "abcdefg"[(number - 1) * size : number * size]
    pages = -(-7 // size)
    about = {"pageNumber": number, "pageSize": len(names), "totalElements": 7, "totalPages": pages}
    return doc({"elements": [task(name) for name in names], "pageMetadata": about})


def slow_start(server: FaultServer) -> None:
    server.script("GET", "/v1/tasks/a", refusal(503), CLOSE, refusal(503))


def in_drops(server: FaultServer) -> None:
    # A new connection after the login, and an answer byte by byte.
    whole = doc({"accessToken": "cAnArY-access-1", "refreshToken": {"id": "cAnArY-refresh-1"}})
    server.script("POST", "/v1/tokens", replace(whole, then="close", drip=0.0))
    server.script("GET", "/v1/tasks/a", replace(doc({"id": "a"}), drip=0.0))


def dead_refresh(server: FaultServer) -> None:
    server.always("PATCH", "/v1/tokens/.*", refusal(404))


def lost(server: FaultServer) -> None:
    server.script("PATCH", "/v1/tasks/a", CLOSE)


def at_work(server: FaultServer) -> None:
    """What is retried succeeds at once."""

    def retried(seen: Seen) -> Reply:
        server.tasks[seen.path.rpartition("/")[2]]["status"] = "Successful"
        return Reply(200)

    server.always("PATCH", "/v1/tasks/.*", retried)


def plain(server: FaultServer) -> None:
    pass


def account(task_id: str, status: str) -> dict[str, Any]:
    return {"id": task_id, "type": "ROTATE", "status": status, "subTasks": [{"id": "s1", "status": status}]}


def accounts(server: FaultServer, *before: Reply) -> None:
    """Credential tasks, a retry of which succeeds at once; *before* are the answers to the first writes."""
    states = dict.fromkeys("abcd", "FAILED")
    server.script("PATCH|DELETE", "/v1/credentials/tasks/.*", *before)

    def listed(seen: Seen) -> Reply:
        return doc({"elements": [account(task_id, status) for task_id, status in states.items()]})

    def one(seen: Seen) -> Reply:
        task_id = seen.path.split("/")[4]
        if seen.path.endswith("resource-credentials"):
            return doc([SPEC["elements"][0]])
        return doc(account(task_id, states[task_id]))

    def retried(seen: Seen) -> Reply:
        states[seen.path.rpartition("/")[2]] = "SUCCESSFUL"
        return doc(task("a"), 202)

    server.always("GET", "/v1/credentials/tasks", listed)
    server.always("GET", "/v1/credentials/tasks/.*", one)
    server.always("PATCH|DELETE", "/v1/credentials/tasks/.*", retried)


def full_house(server: FaultServer) -> None:
    """Ten operations in the way of the first write."""
    accounts(server, refusal(403))
    busy = [account(f"x{number}", "IN_PROGRESS") for number in range(10)]
    server._scripts.insert(0, ("GET", re.compile("/v1/credentials/tasks"), deque([doc({"elements": busy})])))


def lost_account(server: FaultServer) -> None:
    accounts(server, CLOSE)


def kept(server: FaultServer) -> None:
    """What 9.1 adds."""

    def deleted(seen: Seen) -> Reply:
        return doc({"successful": seen.json["taskIds"], "failed": []})

    server.always("GET|PATCH", "/v1/tasks/config/settings", doc({"retentionDays": 30}))
    server.always("DELETE", "/v1/tasks/history", deleted)
    server.always("GET", "/v1/tasks/history", refusal(404))


def kept_and_lost(server: FaultServer) -> None:
    """The answers to the first writes are lost."""
    server.script("PATCH", "/v1/tasks/config/settings", CLOSE)
    server.script("DELETE", "/v1/tasks/history", CLOSE)
    kept(server)


SPEC = {
    "operationType": "ROTATE",
    "elements": [{"resourceType": "ESXI", "credentials": [{"username": "root"}]}],
}
ROTATE = CredentialsUpdateSpec("ROTATE", [ResourceCredentials("ESXI", [BaseCredential("root")])])


async def again(session: TaskSession, task_id: str) -> CredentialsUpdateSpec:
    return CredentialsUpdateSpec("ROTATE", await session.credentials.resource_credentials(task_id))


IDS = ["a", "b", "c", "d"]
Call = Callable[[TaskSession, FaultServer], Coroutine[Any, Any, Any]]
CALLS: dict[str, tuple[Callable[[FaultServer], None], Call]] = {
    "page": (plain, lambda s, _: s.page()),
    "get": (plain, lambda s, _: s.get("a")),
    "get in drops": (in_drops, lambda s, _: s.get("a")),
    "get through a slow start": (slow_start, lambda s, _: s.get("a")),
    "get with an expired token": (plain, expired),
    "get with a dead refresh token": (dead_refresh, expired),
    "retry": (plain, lambda s, _: s.retry("a")),
    "retry whose answer is lost": (lost, lambda s, _: settled(s.retry("a"))),
    "cancel": (plain, lambda s, _: s.cancel("a")),
    "stream": (plain, lambda s, _: whole(s.stream(page_size=2, prefetch=2))),
    "stream, left early": (plain, lambda s, _: first_of(s.stream(page_size=2, prefetch=2))),
    "retry_many": (plain, lambda s, _: awaited(s.retry_many(IDS, concurrency=2))),
    "retry_many of a stream": (plain, lambda s, _: awaited(s.retry_many(s.stream(page_size=2)))),
    "retry_many, one by one": (plain, lambda s, _: one_by_one(s.retry_many(IDS, concurrency=2))),
    "retry_many with a lost answer": (lost, lambda s, _: one_by_one(s.retry_many(IDS))),
    "retry_many, waiting": (at_work, lambda s, _: one_by_one(s.retry_many(IDS[:2], wait=True))),
    "cancel_many": (plain, lambda s, _: one_by_one(s.cancel_many(IDS, concurrency=2))),
    "wait": (plain, lambda s, _: s.wait("a", polling=OFTEN)),
    "wait_many": (plain, lambda s, _: whole(s.wait_many(IDS, polling=OFTEN))),
    "watch": (plain, lambda s, _: first_in(s.watch(TaskFilter(), polling=OFTEN))),
    "watch of ids": (plain, lambda s, _: first_in(s.watch(IDS, polling=OFTEN))),
    "collect": (plain, lambda s, _: s.collect(page_size=2)),
    "credentials: stream": (accounts, lambda s, _: whole(s.credentials.stream())),
    "credentials: get": (accounts, lambda s, _: s.credentials.get("a")),
    "credentials: subtask": (accounts, lambda s, _: s.credentials.subtask("a", "s1")),
    "credentials: resource_credentials": (accounts, lambda s, _: s.credentials.resource_credentials("a")),
    "credentials: retry": (accounts, lambda s, _: s.credentials.retry("a", ROTATE)),
    "credentials: retry of a full house": (full_house, lambda s, _: s.credentials.retry("a", ROTATE)),
    "credentials: retry, its answer lost": (
        lost_account,
        lambda s, _: settled(s.credentials.retry("a", ROTATE)),
    ),
    "credentials: cancel": (accounts, lambda s, _: s.credentials.cancel("a")),
    "credentials: retry_many": (
        accounts,
        lambda s, _: one_by_one(s.credentials.retry_many(IDS, partial(again, s), concurrency=2)),
    ),
    "credentials: cancel_many": (accounts, lambda s, _: awaited(s.credentials.cancel_many(IDS))),
    "settings": (kept, lambda s, _: s.settings()),
    "update_settings": (kept, lambda s, _: s.update_settings(retention_days=30)),
    "update_settings, its answer lost": (kept_and_lost, lambda s, _: s.update_settings(retention_days=30)),
    "delete_history": (kept, lambda s, _: s.delete_history(IDS)),
    "delete_history of a stream": (kept, lambda s, _: s.delete_history(s.stream(page_size=2))),
    "delete_history, its answer lost": (kept_and_lost, lambda s, _: s.delete_history(IDS)),
}


async def settled(call: Awaitable[None]) -> None:
    """A write whose answer is lost may end as unknown here: the task never changes."""
    try:
        await call
    except Exception:  # noqa: BLE001 - see above
        return


# --- what must be so afterwards -------------------------------------------------------------------


def left_of(session: TaskSession) -> dict[str, Any]:
    """What *session* still holds of calls that are over."""
    wiring = session._wiring
    assert wiring is not None
    caller = wiring._caller
    flight = wiring._tokens._flight
    return {
        "tasks": [t for t in wiring._nursery.running if not t.done()],
        "connections in use": list(wiring._http.connector._acquired),
        "slots": AT_ONCE - caller._slots.value,
        "waiting for a slot": caller._slots.statistics().tasks_waiting,
        "clocks": list(caller._clocks.running),
        "login": flight is not None and not flight.done(),
        "followed": [*wiring.poller._singles._records, *wiring.poller._sweeps],
        "waits": list(getattr(wiring.waits, "_gathered", ())),
    }


async def at_rest(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What *look* still shows once all had the time to end by itself."""
    for _ in range(400):
        if not any(look().values()):
            break
        await asyncio.sleep(0.002)
    return {what: value for what, value in look().items() if value}


def strangers(before: set[asyncio.Task[Any]]) -> dict[str, Any]:
    return {
        "asyncio tasks": [t for t in asyncio.all_tasks() - before if "FaultServer" not in repr(t.get_coro())]
    }


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.002)
    monkeypatch.setattr("vcf_tasks_async.histories._BEFORE_LOOK", 0.002)
    monkeypatch.setattr("vcf_tasks_async.polling._GATHER", 0.0)
    monkeypatch.setattr("vcf_tasks_async.polling.ABSENCE", 0.02)
    # What a bulk run with wait=True polls by.
    monkeypatch.setitem(Waits.ended.__kwdefaults__, "polling", OFTEN)


def fresh(server: FaultServer) -> None:
    """As if nothing had been asked yet."""
    server.requests.clear()
    server._scripts.clear()
    server._issued = 0
    server.accepts = lambda token: token is not None
    server.tasks = {name: task(name) for name in "abcdefg"}
    server.always("GET", "/v1/tasks", paged)


def session_with(server: FaultServer) -> TaskSession:
    auth = PasswordAuth("admin@local", PASSWORD)
    return TaskSession(server.url, auth, policy=SWIFT, concurrency=AT_ONCE)


async def run_until(work: Coroutine[Any, Any, Any], at: int, mode: str) -> tuple[asyncio.Task[Any], bool]:
    """Run *work* with the cancellation; returns how it ended, and whether it was cancelled at all."""
    fired: list[int] = []

    async def main() -> Any:
        return await cancelling(work, at, mode, fired)

    running = asyncio.create_task(main())
    async with asyncio.timeout(5):
        await asyncio.wait([running])
    return running, bool(fired)


MODES = ["while it waits", "as it is woken", "twice"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_anywhere_leaves_nothing_and_the_session_goes_on(server, name, mode):
    prepare, call = CALLS[name]
    for at in range(1, MOST):
        fresh(server)
        prepare(server)
        before = asyncio.all_tasks()
        async with session_with(server) as session:
            ended, fired = await run_until(call(session, server), at, mode)
            if not fired:
                ended.result()
            else:
                assert ended.cancelled(), (at, ended)
            del ended
            assert await at_rest(lambda session=session: left_of(session)) == {}, at
            server._scripts.clear()
            assert (await session.get("a")).id == "a"
        assert await at_rest(lambda before=before: strangers(before)) == {}, at
        if not fired:
            break
    assert 1 < at < MOST - 1


async def lived(session: TaskSession) -> None:
    async with session:
        await session.get("a")
        await session.retry_many(IDS)


async def opened(session: TaskSession) -> None:
    await session.__aenter__()
    await session.close()


LIVES: dict[str, Callable[[TaskSession], Coroutine[Any, Any, Any]]] = {
    "opening": opened,
    "a whole life": lived,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_opening_and_closing_cancelled_anywhere_leave_nothing_and_can_be_done_again(
    life, mode, tls, monkeypatch
):
    certificate = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.issue_cert("127.0.0.1").configure_cert(served)
    made: list[aiohttp.ClientSession] = []

    make = aiohttp.ClientSession.__init__

    def noted(http: aiohttp.ClientSession, *args: Any, **kwargs: Any) -> None:
        make(http, *args, **kwargs)
        made.append(http)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", noted)
    with certificate.cert_pem.tempfile() as ca_file:
        async with FaultServer(served if tls else None) as server:
            session = TaskSession(
                server.url,
                PasswordAuth("admin@local", PASSWORD),
                policy=SWIFT,
                tls=Tls(ca_file=ca_file) if tls else None,
            )
            for at in range(1, MOST):
                fresh(server)
                before = asyncio.all_tasks()
                ended, fired = await run_until(life(session), at, mode)
                assert ended.cancelled() if fired else ended.exception() is None, (at, ended)
                # Whoever is cancelled while entering never leaves; whoever is in can leave.
                await session.close()
                assert await at_rest(lambda before=before: strangers(before)) == {}, at
                assert [http for http in made if not http.closed] == [], at
                async with session:
                    assert (await session.get("a")).id == "a"
                if not fired:
                    break
    assert at < MOST - 1
