"""Nothing secret in a text, an argument, a pickle, a log or the locals of a traceback."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import traceback

import pytest
from canaries import faces
from fault_server import (
    ACCESS,
    CANARY,
    CLOSE,
    HANG,
    PASSWORD,
    REFRESH,
    RESET,
    FaultServer,
    Reply,
    Seen,
    doc,
    html,
    refusal,
    task,
)

from vcf_tasks_async import (
    ApiKeyAuth,
    BaseCredential,
    BearerAuth,
    CredentialsUpdateSpec,
    IdTokenAuth,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    ResourceCredentials,
    TaskSession,
    VcfTasksError,
)

BRIEF = Policy(base=0.002, cap=0.004, deadline=0.08, attempt_timeout=0.05, grace=0.02, budget=1)


def leaks(error: BaseException) -> list[str]:
    """Where in *error* a canary shows: here the tests' own frames are looked into as well."""
    shown = faces(error, every_frame=True)
    seen = traceback.TracebackException.from_exception(error, capture_locals=True)
    shown["traceback with locals"] = "".join(seen.format())
    try:
        shown["pickle"] = repr(pickle.dumps(error))
    except Exception as failure:  # noqa: BLE001 - an error that does not pickle fails its own test
        shown["pickle"] = f"{CANARY}: {failure!r}"
    return [
        f"{where}: …{text[max(0, text.find(CANARY) - 150) : text.find(CANARY) + 40]}…"
        for where, text in shown.items()
        if CANARY in text
    ]


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def quiet(log: pytest.LogCaptureFixture) -> bool:
    texts = [record.getMessage() + repr(record.args) + repr(record.exc_info) for record in log.records]
    return not any(CANARY in text for text in [*texts, log.text])


AUTHS = {
    "password": PasswordAuth("admin@local", PASSWORD),
    "API key": ApiKeyAuth(f"{CANARY}-key"),
    "id token": IdTokenAuth(f"{CANARY}-id"),
    "bearer": BearerAuth(f"{CANARY}-bearer"),
}
CALLS = {
    "get": lambda s: s.get("a"),
    "page": lambda s: s.page(),
    "retry": lambda s: s.retry("a"),
    "cancel": lambda s: s.cancel("a"),
}
TROUBLE = {
    "refused": refusal(400),
    "401": refusal(401),
    "403": refusal(403),
    "404": refusal(404),
    "409": refusal(409),
    "429": refusal(429),
    "500": refusal(500),
    "502": html(502),
    "reset": RESET,
    "closed": CLOSE,
    "no answer": HANG,
    "garbage": Reply(200, b"\xff{"),
    "redirect": Reply(302, headers={"Location": "https://elsewhere/"}),
    "bad gzip": Reply(200, b"xx", {"Content-Encoding": "gzip"}),
    "not HTTP": Reply(raw=b"220 smtp ready\r\n\r\n", then="close"),
}


async def failure(server: FaultServer, auth: object, call) -> BaseException | None:
    async with TaskSession(server.url, auth, policy=BRIEF) as session:
        try:
            await call(session)
        except BaseException as error:  # noqa: BLE001 - whatever comes out is looked at
            return error
    return None


# Every trouble with a password; the other ways to log in share all but the login.
PAIRS = [
    (name, trouble)
    for name in AUTHS
    for trouble in TROUBLE
    if name == "password" or trouble in ("401", "reset", "no answer")
]
LOGINS = [pair for pair in PAIRS if pair[0] != "bearer"]


@pytest.mark.parametrize(("auth", "trouble"), PAIRS, ids=map("-".join, PAIRS))
async def test_a_call_that_fails_tells_no_secret(server, auth, trouble, log, monkeypatch):
    auth, trouble = AUTHS[auth], TROUBLE[trouble]
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.005)
    for method in ("GET", "PATCH", "DELETE"):
        server.always(method, "/v1/tasks.*", trouble)
    for call in CALLS.values():
        error = await failure(server, auth, call)
        if error is not None:
            assert isinstance(error, VcfTasksError)
            assert leaks(error) == []
    assert quiet(log)
    assert CANARY.encode() in bytes(server.raw)


@pytest.mark.parametrize(("auth", "trouble"), LOGINS, ids=map("-".join, LOGINS))
async def test_a_login_that_fails_tells_no_secret(server, auth, trouble, log):
    server.always("POST", "/v1/tokens", TROUBLE[trouble])
    error = await failure(server, AUTHS[auth], CALLS["get"])
    assert isinstance(error, VcfTasksError)
    assert leaks(error) == []
    assert quiet(log)


SPEC = CredentialsUpdateSpec(
    "UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", f"{CANARY}-new")])]
)
OF_CREDENTIALS = {
    "stream": lambda s: anext(s.credentials.stream(strict=True)),
    "get": lambda s: s.credentials.get("a"),
    "subtask": lambda s: s.credentials.subtask("a", "b"),
    "resource credentials": lambda s: s.credentials.resource_credentials("a"),
    "retry": lambda s: s.credentials.retry("a", SPEC, patience=0.08),
    "cancel": lambda s: s.credentials.cancel("a", patience=0.08),
    "retry many": lambda s: _first(s.credentials.retry_many(["a"], SPEC, patience=0.08)),
}
STEP = {"id": "b", "oldPassword": f"{CANARY}-old", "newPassword": 5}
# Answers with passwords in them, each wrong in its own way.
WITH_PASSWORDS = {
    "a step of the wrong shape": doc(
        {"id": "a", "elements": [{"id": "a", "subTasks": [STEP]}], "subTasks": [STEP]}
    ),
    "text": doc(f"{CANARY}"),
    "a list": doc([{"resourceType": "ESXI", "credentials": [{"password": f"{CANARY}", "username": 5}]}]),
    "no JSON": Reply(200, f'{{"newPassword": "{CANARY}"'.encode()),
}
# Whoever repeats what it was sent.
REPEATED = {
    "a refusal that repeats the request": refusal(400, message=f"can't set {CANARY}-new"),
    "a full house that does so": refusal(403, message=f"limit: {CANARY}-new has to wait"),
}


async def _first(run):
    report = await run
    [outcome] = report.outcomes
    assert CANARY not in repr(report) + str(report) + json.dumps(report.to_json()) + repr(
        pickle.dumps(report)
    )
    if outcome.error is not None:
        raise outcome.error


@pytest.mark.parametrize("call", OF_CREDENTIALS.values(), ids=OF_CREDENTIALS)
async def test_a_credential_call_that_fails_tells_no_password(server, call, log, monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.005)
    writes = call in (OF_CREDENTIALS["retry"], OF_CREDENTIALS["retry many"])
    for name, trouble in {**TROUBLE, **WITH_PASSWORDS, **(REPEATED if writes else {})}.items():
        server.reset_scripts()
        for method in ("GET", "PATCH", "DELETE"):
            server.always(method, "/v1/credentials/.*", trouble)
        error = await failure(server, AUTHS["password"], call)
        if error is not None:
            assert isinstance(error, VcfTasksError), name
            assert leaks(error) == [], name
    assert quiet(log)
    assert not writes or f"{CANARY}-new".encode() in bytes(server.raw)


@pytest.mark.parametrize("spec", [SPEC, lambda _: SPEC], ids=["spec", "maker"])
async def test_a_look_after_a_lost_retry_that_repeats_the_password_tells_none(server, spec, log):
    server.always("PATCH", "/v1/credentials/.*", CLOSE)
    server.always("GET", "/v1/credentials/.*", REPEATED["a full house that does so"])

    def many(session):
        return _first(session.credentials.retry_many(["a"], spec, patience=0.5))

    error = await failure(server, AUTHS["password"], many)
    assert isinstance(error, OutcomeUnknownError)
    assert leaks(error) == []
    assert quiet(log)


ODD_LOGINS = {
    "a token that fits no header": doc({"accessToken": f"{ACCESS} x", "refreshToken": {"id": REFRESH}}),
    "another name": doc({"access_token": ACCESS, "refresh_token": REFRESH}),
    "bare text": Reply(200, f"{ACCESS} {REFRESH}".encode()),
    "a list": doc([ACCESS, REFRESH]),
    "a byte order mark": Reply(200, b"\xef\xbb\xbf" + json.dumps({"accessToken": ACCESS}).encode()),
    "more behind it": Reply(200, json.dumps({"accessToken": ACCESS}).encode() + b"}"),
    "Latin-1": Reply(200, f'{{"accessToken": "{ACCESS}", "user": "Jürgen"}}'.encode("latin-1")),
    "an error that repeats the request": refusal(400, message=f"can't read {{'password': '{PASSWORD}'}}"),
}


@pytest.mark.parametrize("reply", ODD_LOGINS.values(), ids=ODD_LOGINS)
async def test_a_login_answered_oddly_tells_no_secret(server, reply, log):
    server.always("POST", "/v1/tokens", reply)
    error = await failure(server, AUTHS["password"], CALLS["get"])
    assert isinstance(error, VcfTasksError)
    assert leaks(error) == []
    assert quiet(log)


ODD_REFRESHES = {
    **TROUBLE,
    "a token that fits no header": doc(f"{ACCESS} x"),
    "an object": doc({"accessToken": ACCESS}),
    "text that fits no header": Reply(200, f"{ACCESS} x".encode()),
    "a list": doc([ACCESS]),
}


@pytest.mark.parametrize("reply", ODD_REFRESHES.values(), ids=ODD_REFRESHES)
async def test_a_refresh_that_fails_tells_no_secret(server, reply, log):
    server.always("PATCH", "/v1/tokens/.*", reply)

    async def call(session: TaskSession) -> None:
        await session.get("a")
        server.expire_tokens()
        await session.get("a")

    error = await failure(server, AUTHS["password"], call)
    if error is not None:
        assert isinstance(error, VcfTasksError)
        assert leaks(error) == []
    assert quiet(log)


@pytest.mark.parametrize("reply", TROUBLE.values(), ids=TROUBLE)
async def test_a_revocation_that_fails_tells_no_secret(server, reply, log):
    server.always("DELETE", "/v1/tokens/.*", reply)
    assert await failure(server, AUTHS["password"], CALLS["get"]) is None
    assert server.count("DELETE") >= 1
    assert quiet(log)


async def test_errors_before_the_wire_tell_no_secret(server):
    # Each is made in a frame that holds no secret, as with a password from the environment.
    for make in (
        lambda: TaskSession("http://sfo-vcf01", AUTHS["password"]),
        lambda: TaskSession(server.url, AUTHS["password"], concurrency=0),
        lambda: TaskSession(f"https://admin:{PASSWORD}@sfo-vcf01", AUTHS["password"]),
        lambda: TaskSession(f"https://admin:{PASSWORD}:x/@sfo-vcf01:port", AUTHS["password"]),
        lambda: TaskSession(server.url, AUTHS["password"], proxy=f"ftp://u:{PASSWORD}@proxy"),
        lambda: TaskSession(server.url, AUTHS["password"], proxy=f"http://u:{PASSWORD}@[proxy"),
        lambda: TaskSession(server.url, AUTHS["password"], proxy=f"http://u:{PASSWORD}@p", concurrency=0),
        lambda: TaskSession(server.url, AUTHS["password"], proxy=f"http://u:{PASSWORD}@p", tls="yes"),
        lambda: TaskSession(server.url, ("admin", "x")),
        lambda: PasswordAuth("", PASSWORD),
        lambda: PasswordAuth(None, lambda: PASSWORD),
        lambda: PasswordAuth("u", PASSWORD.encode()),
        lambda: ApiKeyAuth([PASSWORD]),
        lambda: IdTokenAuth({"token": PASSWORD}),
        lambda: BearerAuth(PASSWORD.encode()),
    ):
        with pytest.raises(VcfTasksError) as caught:
            make()
        assert leaks(caught.value) == []


async def test_a_session_that_was_refused_can_still_be_shown(server):
    # Tools that render tracebacks with locals call repr on the half-made session.
    with pytest.raises(VcfTasksError) as caught:
        TaskSession(server.url, AUTHS["password"], concurrency=0)
    traceback.TracebackException.from_exception(caught.value, capture_locals=True)


@pytest.mark.parametrize(
    "token", [f"{CANARY}\r\nX: y", f"{CANARY} x", f"{CANARY}\x00", f"{CANARY}é"], ids=ascii
)
async def test_a_bearer_token_that_fits_no_header_is_not_shown(server, token):
    error = await failure(server, BearerAuth(token), CALLS["get"])
    if error is not None:
        assert leaks(error) == []


async def test_a_callers_timeout_shows_no_token_in_its_locals(server):
    # Not our error, but our frames: rich tracebacks print their locals.
    server.always("GET", "/v1/tasks/a", HANG)
    async with TaskSession(server.url, AUTHS["password"], policy=Policy()) as session:
        await session.page()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await session.get("a")
    assert leaks(caught.value) == []


async def test_what_a_password_callable_returned_is_not_shown(server):
    error = await failure(server, PasswordAuth("u", lambda: [PASSWORD]), CALLS["get"])
    assert isinstance(error, VcfTasksError)
    assert leaks(error) == []


async def test_the_session_and_its_parts_show_nothing(server):
    async with TaskSession(server.url, AUTHS["password"], policy=BRIEF) as session:
        await session.get("a")
        parts = [session, *vars(session).values(), *vars(session._wiring).values()]
        parts += vars(session._wiring._tokens).values()
        assert [repr(part)[:80] for part in parts if CANARY in repr(part)] == []


async def test_a_token_in_a_tasks_own_text_is_the_servers_affair_but_not_in_errors_about_other_things(server):
    server.script("GET", "/v1/tasks/a", doc(task("a", name=5)))
    error = await failure(server, AUTHS["password"], CALLS["get"])
    assert leaks(error) == []


async def test_a_proxys_password_is_not_shown(server):
    async with TaskSession(
        "http://sfo-vcf01",
        BearerAuth("t"),
        policy=BRIEF,
        allow_http=True,
        proxy=f"http://u:{PASSWORD}@127.0.0.1:1",
    ) as session:
        with pytest.raises(VcfTasksError) as caught:
            await session.get("a")
    assert leaks(caught.value) == []


def echoing(seen: Seen) -> str:
    """What a careless front end says about a request: all of it."""
    return f"Bad request: {seen.method} {seen.target} {seen.headers}"


ECHOES = {
    "a refusal": lambda seen: refusal(400, message=echoing(seen)),
    "a refusal, nested": lambda seen: doc({"nestedErrors": [{"message": echoing(seen)}]}, 409),
    "text": lambda seen: Reply(500, echoing(seen).encode(), kind="text/plain"),
    "HTML": lambda seen: Reply(502, f"<pre>{echoing(seen)}</pre>".encode(), kind="text/html"),
    "a redirect": lambda seen: Reply(302, echoing(seen).encode(), {"Location": "/x"}),
    "the place of a redirect": lambda seen: Reply(302, headers={"Location": f"/login/{seen.token}/next"}),
    "a page with 200": lambda seen: Reply(200, seen.headers.get("authorization", "").encode()),
}


ECHOED = {
    **CALLS,
    **{f"credentials: {name}": OF_CREDENTIALS[name] for name in ("stream", "get", "retry")},
    "settings": lambda s: s.settings(),
    "histories": lambda s: s.delete_history(["a"]),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("call", ECHOED.values(), ids=ECHOED)
async def test_a_token_that_the_server_repeats_is_not_shown(server, call, echo, log, monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.005)
    for method in ("GET", "PATCH", "DELETE"):
        server.always(method, "/v1/(credentials/)?tasks.*", echo)
    error = await failure(server, AUTHS["bearer"], call)
    assert isinstance(error, VcfTasksError)
    assert leaks(error) == []
    assert CANARY not in repr(getattr(error, "detail", "")) + getattr(error, "sample", "")
    assert quiet(log)


async def test_a_token_that_is_longer_than_the_piece_that_is_shown_is_not_shown_in_part(server, log):
    auth = BearerAuth(f"{CANARY}-{'x' * 200}")
    server.always("GET", "/v1/tasks/a", ECHOES["a page with 200"])
    error = await failure(server, auth, CALLS["get"])
    assert error.sample == "Bearer ***…"
    assert leaks(error) == []
    assert quiet(log)


async def test_a_short_password_leaves_the_words_of_a_refusal_alone(server):
    server.script("POST", "/v1/tokens", refusal(400, message="Entity not found, nor is y"))
    error = await failure(server, PasswordAuth("admin@local", "y"), CALLS["get"])
    assert error.message == "Entity not found, nor is ***"
    assert "Entity not found, nor is ***" in str(error)


ACCOUNT = {"username": "root", "oldPassword": f"{CANARY}-old", "newPassword": f'{CANARY}-"new"'}
SECRET_BODIES = {
    "cut": Reply(200, json.dumps(ACCOUNT).encode()[:-4]),
    "cut in the password": Reply(200, json.dumps(ACCOUNT).encode()[:-12]),
    "cut off by the connection": Reply(200, json.dumps(ACCOUNT).encode(), cut=60),
    "more behind it": Reply(200, json.dumps([ACCOUNT]).encode() + b"}"),
    "no UTF-8": Reply(200, json.dumps(ACCOUNT).encode() + b"\xff"),
    "another shape": doc([ACCOUNT]),
    "a task without an id": doc(ACCOUNT),
    "a task with a field of another type": doc({"id": "a", "name": ACCOUNT, **ACCOUNT}),
    "a subtask with a field of another type": doc({"id": "a", "subTasks": [{**ACCOUNT, "name": [ACCOUNT]}]}),
    "in a text": Reply(500, f"failed for {json.dumps(ACCOUNT)}".encode(), kind="text/plain"),
    "in HTML": Reply(502, f"<p>{json.dumps(ACCOUNT)}".encode(), kind="text/html"),
}


@pytest.mark.parametrize("reply", SECRET_BODIES.values(), ids=SECRET_BODIES)
async def test_old_and_new_passwords_in_an_answer_are_not_shown(server, reply, log):
    server.always("GET", "/v1/tasks.*", reply)
    for call in (CALLS["get"], CALLS["page"]):
        error = await failure(server, AUTHS["bearer"], call)
        if error is not None:
            assert isinstance(error, VcfTasksError)
            assert leaks(error) == []
    assert quiet(log)
