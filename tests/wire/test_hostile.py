"""What a hostile server, path, text or environment tries: nothing of ours goes where it was not sent."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from fault_server import CANARY, PASSWORD, FaultServer, Reply, doc, refusal, task

from vcf_tasks_async import (
    ApiError,
    ApiKeyAuth,
    BaseCredential,
    BearerAuth,
    CredentialsUpdateSpec,
    NotSentError,
    PasswordAuth,
    Policy,
    Polling,
    ResourceCredentials,
    Result,
    Task,
    TaskFilter,
    TaskSession,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.version import __version__

BRIEF = Policy(base=0.002, cap=0.004, deadline=2, attempt_timeout=0.5, grace=0.02, budget=3)
# An attempt that a busy machine cuts short would be made again, and counted.
UNHURRIED = Policy(base=0.002, cap=0.004, deadline=10, attempt_timeout=5, grace=0.02, budget=3)
AUTH = PasswordAuth("admin@local", PASSWORD)


@pytest.fixture
async def elsewhere() -> AsyncIterator[FaultServer]:
    """Another server, where nothing of ours may ever arrive."""
    async with FaultServer() as server:
        yield server
        assert server.connections == 0
        assert bytes(server.raw) == b""


# --- redirects ------------------------------------------------------------------------------------


async def refreshed(session: TaskSession) -> None:
    await session.get("b")


SPEC = CredentialsUpdateSpec(
    "UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", f"{CANARY}-new")])]
)
REDIRECTED: dict[str, tuple[str, str, Callable[[TaskSession], Coroutine[Any, Any, Any]]]] = {
    "page": ("GET", "/v1/tasks", lambda s: s.page()),
    "get": ("GET", "/v1/tasks/a", lambda s: s.get("a")),
    "retry": ("PATCH", "/v1/tasks/a", lambda s: s.retry("a")),
    "cancel": ("DELETE", "/v1/tasks/a", lambda s: s.cancel("a")),
    "credentials": ("GET", "/v1/credentials/tasks", lambda s: anext(s.credentials.stream())),
    "credentials get": ("GET", "/v1/credentials/tasks/a", lambda s: s.credentials.get("a")),
    "credentials subtask": (
        "GET", "/v1/credentials/tasks/a/subtasks/b", lambda s: s.credentials.subtask("a", "b"),
    ),
    "credentials resources": (
        "GET", "/v1/credentials/tasks/a/resource-credentials",
        lambda s: s.credentials.resource_credentials("a"),
    ),
    "credentials retry": ("PATCH", "/v1/credentials/tasks/a", lambda s: s.credentials.retry("a", SPEC)),
    "credentials cancel": ("DELETE", "/v1/credentials/tasks/a", lambda s: s.credentials.cancel("a")),
    "settings": ("GET", "/v1/tasks/config/settings", lambda s: s.settings()),
    "update of settings": (
        "PATCH", "/v1/tasks/config/settings", lambda s: s.update_settings(retention_days=30),
    ),
    "histories": ("DELETE", "/v1/tasks/history", lambda s: s.delete_history(["a"])),
    "login": ("POST", "/v1/tokens", lambda s: s.get("a")),
    "refresh": ("PATCH", "/v1/tokens/access-token/refresh", refreshed),
    "revocation": ("DELETE", "/v1/tokens/refresh-token", lambda s: s.get("a")),
}  # fmt: skip


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("name", REDIRECTED)
async def test_a_redirect_is_never_followed_and_takes_nothing_along(server, elsewhere, name, status):
    method, path, call = REDIRECTED[name]
    places = [
        f"http://127.0.0.1:{elsewhere.port}{path}",
        f"https://127.0.0.1:{elsewhere.port}{path}",
        f"//localhost:{elsewhere.port}{path}",
        f"http://127.0.0.1:{server.port}@127.0.0.1:{elsewhere.port}/",
        f"http://localhost:{server.port}/v1/other",
        "/v1/other",
        "other",
        "\\\\evil\\share",
        "",
    ]
    for place in places:
        server._scripts.clear()
        server.accepts = lambda token: token is not None
        server.always(method, path, Reply(status, b"moved", {"Location": place}))
        server.always("GET", "/v1/tasks/config/settings", doc({"retentionDays": 7}))
        async with TaskSession(server.url, AUTH, policy=UNHURRIED) as session:
            server.tasks["b"] = task("b")
            if name == "refresh":
                await session.get("b")
                server.expire_tokens()
            if name == "revocation":
                await call(session)
                continue
            with pytest.raises(ApiError, match="redirects are never followed") as caught:
                await call(session)
            assert caught.value.status == status
    assert {seen.path for seen in server.requests} <= {
        "/v1/tasks", "/v1/tasks/a", "/v1/tasks/b",
        "/v1/tokens", "/v1/tokens/access-token/refresh", "/v1/tokens/refresh-token",
        *(place for _, place, _ in REDIRECTED.values()),
    }  # fmt: skip
    # And it is asked once a call: a redirect passes nothing by being asked again. Settings are asked for as
    # one that may not be there, and then as any read.
    assert len(server.select(method, path)) == len(places) * (2 if name == "settings" else 1)


async def test_a_lent_session_that_would_follow_or_raise_does_neither(server, elsewhere):
    server.always("GET", "/v1/tasks/a", Reply(302, headers={"Location": elsewhere.url}))
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        TaskSession(server.url, AUTH, policy=BRIEF, http=http) as session,
    ):
        with pytest.raises(ApiError, match="redirects are never followed"):
            await session.get("a")


# --- task ids -------------------------------------------------------------------------------------

HOSTILE_IDS = [
    "", " ", ".", "..", "../users", "../../v1/users", "..\\users", "a/b", "/a", "//evil", "a/", "a/../b",
    "./a", "%2e%2e", "%2e%2e%2fusers", "..%2fusers", "a%2fb", "a%00", "a?x=1", "?pageSize=100", "a#x",
    "a;x=1",
    "a b", "a\tb", "a\nb", "a\r\nHost: evil", "a HTTP/1.1\r\nX: y\r\n\r\nDELETE /v1/tasks/b", "\x00", "a\x00",
    "a&b", "a=b", "a@evil", "http://evil/a", "a:b/c", "{id}", "a*", "<a>", "é", "ａ", "．．", "∕", "‥",
    "\u202e",
    "\u200b", "\ud800", "😀", "\x1b[31m", "history", "config", "config/settings", "a" * 129, "x" * 5_000,
]  # fmt: skip


async def events_of(watch: Any) -> None:
    async with watch as events:
        async for _ in events:
            return


async def waited(waits: Any) -> None:
    async for _ in waits:
        pass


SOON = Polling(initial=0.01, maximum=0.01)
ID_CALLS: dict[str, Callable[[TaskSession, Any], Coroutine[Any, Any, Any]]] = {
    "get": lambda s, i: s.get(i),
    "retry": lambda s, i: s.retry(i),
    "cancel": lambda s, i: s.cancel(i),
    "wait": lambda s, i: s.wait(i, timeout=0.2, polling=SOON),
    "wait_many": lambda s, i: waited(s.wait_many([i], timeout=0.2, polling=SOON)),
    "watch": lambda s, i: events_of(s.watch([i], polling=SOON)),
    "credentials get": lambda s, i: s.credentials.get(i),
    "credentials subtask of": lambda s, i: s.credentials.subtask(i, "b"),
    "credentials subtask": lambda s, i: s.credentials.subtask("a", i),
    "credentials resources": lambda s, i: s.credentials.resource_credentials(i),
    "credentials retry": lambda s, i: s.credentials.retry(i, SPEC),
    "credentials cancel": lambda s, i: s.credentials.cancel(i),
}


@pytest.mark.parametrize("call", ID_CALLS.values(), ids=ID_CALLS)
async def test_no_hostile_task_id_reaches_the_wire(server, call):
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        for task_id in HOSTILE_IDS:
            with pytest.raises(UsageError) as caught:
                async with asyncio.timeout(2):
                    await call(session, task_id)
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 300
    assert server.connections == 0


MANY: dict[str, Callable[[TaskSession, Any], Any]] = {
    "retry_many": lambda s, ids: s.retry_many(ids),
    "cancel_many": lambda s, ids: s.cancel_many(ids),
    "credentials retry_many": lambda s, ids: s.credentials.retry_many(ids, SPEC),
    "credentials retry_many, by maker": lambda s, ids: s.credentials.retry_many(ids, lambda _: SPEC),
    "credentials cancel_many": lambda s, ids: s.credentials.cancel_many(ids),
}


@pytest.mark.parametrize("many", MANY.values(), ids=MANY)
async def test_no_hostile_task_id_of_a_bulk_run_reaches_the_wire(server, many):
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        report = await many(session, HOSTILE_IDS)
    assert [outcome.task_id for outcome in report.outcomes] == HOSTILE_IDS
    assert {outcome.result for outcome in report.outcomes} <= {Result.NOT_SENT, Result.SKIPPED}
    assert {type(outcome.error) for outcome in report.outcomes} == {UsageError}
    assert server.connections == 0


@pytest.mark.parametrize("action", ["retry_many", "cancel_many"])
async def test_a_hostile_id_that_the_server_itself_lists_reaches_no_path(server, action):
    # The listing is the server's: an id in it is no better than one from a caller.
    status = "Failed" if action == "retry_many" else "In Progress"
    server.tasks = {str(n): task(i, status) for n, i in enumerate(HOSTILE_IDS)} | {
        "good": task("good", status)
    }
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        report = await getattr(session, action)(session.stream())
    assert report.counts[Result.ACCEPTED] == 1
    paths = {seen.path for seen in server.requests if not seen.path.startswith("/v1/tokens")}
    assert paths == {"/v1/tasks", "/v1/tasks/good"}


async def test_a_hostile_id_of_a_credential_task_that_the_server_lists_reaches_no_path(server):
    raws = [{"id": task_id, "status": "FAILED"} for task_id in [*HOSTILE_IDS, "good"]]
    server.always("GET", "/v1/credentials/tasks", doc({"elements": raws}))
    server.always("PATCH", "/v1/credentials/tasks/.*", Reply(202))
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        report = await session.credentials.retry_many(session.credentials.stream(), SPEC)
    assert report.counts[Result.ACCEPTED] == 1
    paths = {seen.path for seen in server.requests if not seen.path.startswith("/v1/tokens")}
    assert paths == {"/v1/credentials/tasks", "/v1/credentials/tasks/good"}


@pytest.mark.parametrize("target", [str, lambda task_id: Task(id=task_id)], ids=["ids", "tasks"])
async def test_no_hostile_task_id_of_a_deletion_of_histories_reaches_the_wire(server, target):
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        deletion = await session.delete_history([target(task_id) for task_id in HOSTILE_IDS])
    assert [failure.task_id for failure in deletion.failed] == HOSTILE_IDS
    assert (deletion.successful, deletion.unknown) == ([], [])
    assert server.connections == 0


async def test_a_hostile_id_that_the_server_lists_reaches_no_deletion_of_histories(server):
    server.tasks = {str(n): task(i, "Successful") for n, i in enumerate(HOSTILE_IDS)}
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        deletion = await session.delete_history(session.stream())
    assert [failure.task_id for failure in deletion.failed] == HOSTILE_IDS
    assert str(deletion).isprintable()
    assert server.count("DELETE", "/v1/tasks/.*") == 0


# --- headers --------------------------------------------------------------------------------------

BREAKS = [
    "\r\nX-Evil:yes",
    "\nX-Evil:yes",
    "\rX-Evil:yes",
    "\x00X-Evil:yes",
    "\x0bX-Evil:yes",
    "\x85X-Evil:yes",
    "\u2028X-Evil:yes",
]


def evil_headers(server: FaultServer) -> list[str]:
    return [name for seen in server.requests for name in seen.headers if "evil" in name]


@pytest.mark.parametrize("tail", BREAKS, ids=ascii)
async def test_no_line_break_gets_into_a_header(server, tail):
    auths = {
        "user name": PasswordAuth(f"admin{tail}", PASSWORD),
        "password": PasswordAuth("admin", f"{PASSWORD}{tail}"),
        "API key": ApiKeyAuth(f"{CANARY}-key{tail}"),
        "token": BearerAuth(f"{CANARY}-token{tail}"),
    }
    said: list[str] = []
    for auth in auths.values():
        async with TaskSession(server.url, auth, policy=BRIEF) as session:
            try:
                await session.get("a")
            except VcfTasksError as error:
                said.append(str(error))
    assert [line for line in said if not line.isprintable()] == []
    for address in (f"127.0.0.1:{server.port}{tail}", f"http://127.0.0.1{tail}:{server.port}"):
        with pytest.raises(UsageError):
            TaskSession(address, AUTH)
    with pytest.raises(UsageError):
        TaskSession(server.url, AUTH, proxy=f"http://127.0.0.1:{server.port}{tail}")
    account = BaseCredential(f"root{tail}", f"{CANARY}{tail}", f"SSH{tail}")
    spec = CredentialsUpdateSpec(f"UPDATE{tail}", [ResourceCredentials("ESXI", [account], f"esx{tail}")])
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        server.script("PATCH", "/v1/credentials/tasks/a", Reply(202))
        await session.credentials.retry("a", spec)
    (sent,) = server.select("PATCH", "/v1/credentials/.*")
    assert sent.json["elements"][0]["credentials"][0]["username"] == f"root{tail}"
    # A server that hands out such a token is not believed either.
    for reply in (doc({"accessToken": f"{CANARY}{tail}"}), doc(f"{CANARY}{tail}")):
        server.script("POST", "/v1/tokens", reply)
        async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
            with pytest.raises(VcfTasksError):
                await session.get("a")
    assert evil_headers(server) == []
    assert b"\r\nX-Evil" not in bytes(server.raw)


async def test_the_user_agent_is_ours_and_one_line(server, session_with):
    async with session_with() as session:
        await session.get("a")
    assert {seen.headers["user-agent"] for seen in server.requests} == {f"vcf-tasks-async/{__version__}"}


async def test_a_hostile_filter_stays_in_its_parameter(server, session_with):
    text = "a&pageSize=1#x\r\nX-Evil: yes\x00/../%2e"
    async with session_with() as session:
        await session.page(where=TaskFilter(name=text, type=text, server_status=text, resource_id=text))
    (seen,) = server.select("GET")
    query = parse_qs(urlsplit(seen.target).query)
    assert {name: query[name] for name in ("taskName", "taskType", "taskStatus", "resourceId")} == {
        "taskName": [text],
        "taskType": [text],
        "taskStatus": [text],
        "resourceId": [text],
    }
    assert query["pageSize"] == ["100"]
    assert evil_headers(server) == []


# --- logs -----------------------------------------------------------------------------------------

NASTY = "one\r\n2026-01-01 CRITICAL forged\x1b]0;title\x07\x1b[2J\u202e\u2028two"
NASTY_ANSWERS = {
    "refusal": refusal(503, NASTY, NASTY),
    "refusal, for good": refusal(409, NASTY, NASTY),
    "text": Reply(503, NASTY.encode(), kind="text/plain"),
    "HTML": Reply(502, f"<html>{NASTY}</html>".encode(), kind="text/html"),
    "no JSON": Reply(200, NASTY.encode()),
    "another shape": doc({"id": NASTY, "name": [NASTY]}),
    "an odd key": doc({"id": "a", "subTasks": [{NASTY: NASTY, "status": {NASTY: 5}}]}),
    "redirect": Reply(302, headers={"Location": "http://a/\x1b[2J\u202e"}),
    "deep": doc({"nestedErrors": [{"errorCode": NASTY, "message": NASTY, "referenceToken": NASTY}]}, 400),
}


SPOKEN: dict[str, Callable[[TaskSession], Coroutine[Any, Any, Any]]] = {
    "credential task": lambda s: s.credentials.get("a"),
    "credential tasks": lambda s: anext(s.credentials.stream()),
    "credential retry": lambda s: s.credentials.retry("a", SPEC, patience=0.05),
    "histories": lambda s: s.delete_history(["a"]),
}


@pytest.mark.parametrize("where", ["task", "login", "refresh", "revocation", *SPOKEN])
@pytest.mark.parametrize("reply", NASTY_ANSWERS.values(), ids=NASTY_ANSWERS)
async def test_no_log_line_and_no_error_carries_what_a_terminal_would_obey(server, caplog, where, reply):
    caplog.set_level(logging.DEBUG)
    method, path = {
        "task": ("GET", "/v1/tasks/a"),
        "login": ("POST", "/v1/tokens"),
        "refresh": ("PATCH", "/v1/tokens/access-token/refresh"),
        "revocation": ("DELETE", "/v1/tokens/refresh-token"),
        "credential task": ("GET", "/v1/credentials/tasks/a"),
        "credential tasks": ("GET", "/v1/credentials/tasks"),
        "credential retry": ("PATCH|GET", "/v1/credentials/tasks.*"),
        "histories": ("DELETE", "/v1/tasks/history"),
    }[where]
    said: list[str] = []
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        if where == "refresh":
            await session.page()
            server.expire_tokens()
        server.always(method, path, reply)
        try:
            await SPOKEN.get(where, lambda s: s.get("a"))(session)
        except VcfTasksError as error:
            said += [str(error), repr(error), getattr(error, "sample", "")]
    assert (where in ("task", "login")) <= bool(said)
    said += [record.getMessage() for record in caplog.records if record.name.startswith("vcf_tasks_async")]
    assert [line for line in said if not line.isprintable()] == []


# --- the environment ------------------------------------------------------------------------------


async def test_no_proxy_netrc_or_cookie_unless_asked_for(server, elsewhere, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {CANARY}-netrc password {CANARY}-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    netrc.rename(tmp_path / ".netrc")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.setenv(name.lower(), elsewhere.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    cookie = {"Set-Cookie": "JSESSIONID=theirs; Path=/"}
    server.script("POST", "/v1/tokens", Reply(200, server.pair().body, cookie))
    server.script("GET", "/v1/tasks/a", doc(task("a"), headers=cookie), doc(task("a"), headers=cookie))
    async with TaskSession(server.url, AUTH, policy=BRIEF) as session:
        for _ in range(3):
            await session.get("a")
        await session.retry("a")
    assert len(server.requests) == 6
    assert [seen for seen in server.requests if "cookie" in seen.headers] == []
    assert {seen.headers.get("authorization", "Bearer").partition(" ")[0] for seen in server.requests} == {
        "Bearer"
    }
    assert {name for seen in server.requests for name in seen.headers} == {
        "host", "accept", "accept-encoding", "user-agent", "content-type", "content-length", "authorization",
    }  # fmt: skip


async def test_a_proxy_that_was_asked_for_gets_its_own_password_and_only_in_its_own_header(server, elsewhere):
    server.password = PASSWORD
    proxy = f"http://someone:{CANARY}-proxy@127.0.0.1:{server.port}"
    async with TaskSession(
        "http://sfo-vcf01.rainpole.io", AUTH, policy=BRIEF, allow_http=True, proxy=proxy
    ) as session:
        assert (await session.get("a")).id == "a"
        assert CANARY not in repr(vars(session))
    assert {seen.target.split("/v1")[0] for seen in server.requests} == {"http://sfo-vcf01.rainpole.io"}
    assert {bool(re.match("Basic ", seen.headers["proxy-authorization"])) for seen in server.requests} == {
        True
    }


async def test_what_a_proxy_refuses_to_pass_on_was_not_sent(server):
    server.always("CONNECT", ".*", Reply(502, b"no way"))
    async with TaskSession(
        "https://sfo-vcf01.rainpole.io", BearerAuth("t"), policy=BRIEF, proxy=server.url
    ) as session:
        with pytest.raises(NotSentError, match="the proxy let nothing through: 502"):
            await session.retry("a")
    assert {seen.method for seen in server.requests} == {"CONNECT"}


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("http://SFO-vcf01.rainpole.io", "http://sfo-vcf01.rainpole.io"),
        ("http://sfo-vcf01:80/", "http://sfo-vcf01"),
        ("http://sfo-vcf01:8080/sites/~sfo-1", "http://sfo-vcf01:8080/sites/~sfo-1"),
        ("http://[2001:0DB8:0:0:0:0:0:1]:8080", "http://[2001:db8::1]:8080"),
        ("http://10.0.0.4/api", "http://10.0.0.4/api"),
    ],
)
async def test_what_is_asked_is_the_address_in_its_usual_spelling_and_the_id_as_it_is(server, address, asked):
    server.always("GET", ".*", doc(task("a.b:c_d-e")))
    async with TaskSession(
        address, BearerAuth("t"), policy=BRIEF, allow_http=True, proxy=server.url
    ) as session:
        await session.get("a.b:c_d-e")
    (seen,) = server.requests
    assert seen.target == f"{asked}/v1/tasks/a.b:c_d-e"
    assert seen.headers["host"] == urlsplit(asked).netloc


@pytest.mark.parametrize("url", ["http://sfo-vcf01.rainpole.io", "http://10.0.0.4:8080", "HTTP://sfo-vcf01"])
async def test_plain_http_is_only_by_choice(url):
    with pytest.raises(UsageError, match="allow_http=True"):
        TaskSession(url, AUTH)
    assert TaskSession(url, AUTH, allow_http=True).manager
    # And a name without a scheme is https.
    assert repr(TaskSession("sfo-vcf01", AUTH)) == "<TaskSession https://sfo-vcf01 (not opened)>"
