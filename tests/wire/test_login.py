"""Tokens: one login for any number of callers, one refresh for any number of 401s, never a login loop."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import threading
import time
from collections.abc import Awaitable

import pytest
from fair_clock import fair
from fault_server import HANG, PASSWORD, RESET, Reply, doc, html, refusal

from vcf_tasks_async import (
    ApiKeyAuth,
    BearerAuth,
    DecodeError,
    Forbidden,
    IdTokenAuth,
    NotSentError,
    PasswordAuth,
    Policy,
    ServerError,
    TaskSession,
    TransportError,
    Unauthorized,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.testing import SddcManagerSimulator

REFRESH_PATH = "/v1/tokens/access-token/refresh"
REVOKE_PATH = "/v1/tokens/refresh-token"


def jwt(life: float, *, number: int = 1, issued: float | None = None) -> str:
    """An access token that says how long it lives, by a clock that need not be ours."""
    issued = time.time() if issued is None else issued

    def part(claims: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'iat': issued, 'exp': issued + life, 'n': number})}.x"


async def many(count: int, call) -> list[object]:
    return await asyncio.gather(*(call() for _ in range(count)), return_exceptions=True)


# --- one for all ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_thousand_cold_callers_log_in_once(server, session_with):
    server.script("POST", "/v1/tokens", lambda _: Reply(**{**vars(server.pair()), "delay": 0.05}))
    async with session_with(policy=Policy(), concurrency=16) as session:
        got = await many(1_000, lambda: session.get("a"))
    assert {task.id for task in got} == {"a"}
    assert server.logins == 1
    assert server.select("POST")[0].json == {"username": "admin@local", "password": PASSWORD}
    assert server.count("GET") == 1_000


async def test_any_number_of_401s_refresh_once(server, session_with):
    async with session_with(concurrency=50) as session:
        await session.get("a")
        server.expire_tokens()
        got = await many(200, lambda: session.get("a"))
    assert {task.id for task in got} == {"a"}
    assert (server.logins, server.refreshes) == (1, 1)
    (refresh,) = server.select("PATCH", REFRESH_PATH)
    assert refresh.headers["content-type"] == "application/json"
    assert refresh.json.startswith("cAnArY-refresh")
    assert refresh.token is None


async def test_a_late_401_for_an_old_token_only_sends_again(server, session_with):
    async with session_with(concurrency=4) as session:
        await session.get("a")
        old = server.requests[-1].token
        late = Reply(**{**vars(refusal(401)), "delay": 0.15})
        server.script("GET", "/v1/tasks/a", late, refusal(401))
        slow = asyncio.create_task(session.get("a"))
        await asyncio.sleep(0)
        quick = asyncio.create_task(session.get("a"))
        await asyncio.gather(slow, quick)
    assert server.refreshes == 1
    assert server.logins == 1
    tokens = [seen.token for seen in server.select("GET")]
    assert tokens.count(old) == 3
    assert len(tokens) == 5


async def test_a_spent_token_is_refreshed_before_it_expires(server, session_with):
    # A tenth of its life before the end: after 0.9 s of 1 s.
    server.script("POST", "/v1/tokens", lambda _: server.pair(jwt(1.0)))
    server.script("PATCH", REFRESH_PATH, lambda _: doc(jwt(3600, number=2)))
    started = time.monotonic()
    async with session_with() as session:
        while time.monotonic() - started < 1.0:
            await session.get("a")
            await asyncio.sleep(0.05)
    assert (server.logins, server.refreshes) == (1, 1)
    # Not one request went out with a token that had expired.
    assert len({seen.token for seen in server.select("GET")}) == 2


async def test_a_clock_that_differs_from_ours_does_no_harm(server, session_with):
    for skew in (-86_400, 86_400):
        server.script(
            "POST", "/v1/tokens", lambda _, skew=skew: server.pair(jwt(3600, issued=time.time() + skew))
        )
        async with session_with() as session:
            await many(5, lambda: session.get("a"))
    assert (server.logins, server.refreshes) == (2, 0)


@pytest.mark.parametrize(
    "answer",
    [refusal(404, "TOKEN_NOT_FOUND"), refusal(400), refusal(401), refusal(403)],
    ids=lambda r: str(r.status),
)
async def test_a_dead_refresh_token_means_one_new_login(server, session_with, answer):
    async with session_with() as session:
        await session.get("a")
        server.expire_tokens()
        server.always("PATCH", REFRESH_PATH, answer)
        got = await many(50, lambda: session.get("a"))
    assert {task.id for task in got} == {"a"}
    assert (server.logins, server.refreshes) == (2, 1)


async def test_tokens_that_die_again_and_again_are_renewed_each_time(server, session_with):
    good = [0]
    server.accepts = lambda token: token == f"cAnArY-access-{good[0]}"
    async with session_with() as session:
        for round_ in range(1, 6):
            good[0] = round_
            assert (await session.get("a")).id == "a"
    assert (server.logins, server.refreshes) == (1, 4)


async def test_the_refreshed_token_may_come_as_bare_text(server, session_with):
    async with session_with() as session:
        await session.get("a")
        server.accepts = lambda token: token == "bare.text.token"
        server.script("PATCH", REFRESH_PATH, Reply(200, b"bare.text.token\n", kind="text/plain"))
        assert (await session.get("a")).id == "a"
    assert (server.logins, server.refreshes) == (1, 1)


@pytest.mark.parametrize("body", [b"<html>", b"<html>\n<p>log in</p></html>", b"OK", b"", b"{}"], ids=repr)
async def test_a_refresh_answered_with_anything_but_a_token_is_asked_once_and_followed_by_a_login(
    server, session_with, body
):
    async with session_with() as session:
        await session.get("a")
        server.expire_tokens()
        server.always("PATCH", REFRESH_PATH, Reply(200, body, kind="text/html"))
        assert (await session.get("a")).id == "a"
    assert (server.logins, server.refreshes) == (2, 1)
    assert {seen.token for seen in server.select("GET")} <= {f"cAnArY-access-{n}" for n in range(1, 9)}


async def test_a_refresh_that_meets_a_starting_service_is_repeated(server, session_with):
    async with session_with() as session:
        await session.get("a")
        server.expire_tokens()
        server.script("PATCH", REFRESH_PATH, html(502), RESET, html(503), html(404))
        await session.get("a")
    assert (server.logins, server.refreshes) == (1, 5)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_wrong_password_is_asked_once_and_the_answer_is_everyones(server, session_with, status):
    server.always(
        "POST", "/v1/tokens", refusal(status, "IDENTITY_UNAUTHORIZED_ENTITY", "admin@local is not authorized")
    )
    async with session_with() as session:
        got = await many(100, lambda: session.get("a"))
        got += [await many(1, lambda: session.retry("a")), await many(1, session.page)]
    errors = [*got[:100], got[100][0], got[101][0]]
    assert {type(error) for error in errors} == {Unauthorized}
    assert len({id(error) for error in errors}) == len(errors)
    assert (server.logins, len(server.requests)) == (1, 1)
    error = errors[0]
    assert (error.status, error.error_code, error.reference_token) == (
        status,
        "IDENTITY_UNAUTHORIZED_ENTITY",
        "REF123",
    )
    assert "admin@local is not authorized" in str(error)
    assert (error.method, error.path) == ("POST", "/v1/tokens")


async def test_another_password_is_tried_at_once(server, session_with):
    words = iter(["wrong", "wrong", PASSWORD])
    async with session_with(PasswordAuth("admin@local", lambda: next(words))) as session:
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await session.get("a")
        assert server.logins == 1
        assert (await session.get("a")).id == "a"
    assert server.logins == 2


async def test_a_401_for_ever_ends_after_one_login(server, session_with):
    server.accepts = lambda token: False
    async with session_with() as session:
        for error in await many(50, lambda: session.get("a")):
            assert isinstance(error, Unauthorized)
        with pytest.raises(Unauthorized):
            await session.get("a")
    assert server.logins == 1
    assert server.refreshes == 0
    # Nobody sends a second time what the fresh login did not help.
    assert server.count("GET") <= 51


async def test_a_401_for_ever_after_good_times_ends_too(server, session_with):
    async with session_with() as session:
        await session.get("a")
        server.accepts = lambda token: False
        for _ in range(5):
            with pytest.raises(Unauthorized):
                await session.get("a")
    assert server.logins <= 2
    assert server.refreshes <= 1


async def test_a_403_is_no_reason_to_log_in_again(server, session_with):
    server.always("GET", "/v1/tasks/a", refusal(403, "FORBIDDEN"))
    async with session_with() as session:
        for error in await many(20, lambda: session.get("a")):
            assert isinstance(error, Forbidden)
    assert (server.logins, server.refreshes) == (1, 0)


@pytest.mark.parametrize("reject_status", [401, 403])
async def test_the_simulators_expired_tokens_are_renewed_whichever_way_it_says_so(reject_status, monkeypatch):
    # A 403 for a young token means a missing permission: let it age at once.
    monkeypatch.setattr("vcf_tasks_async.tokens._MARGIN", 0.01)
    async with SddcManagerSimulator(tasks=3, reject_status=reject_status) as sddc:
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
            (first, *_) = (await session.page()).elements
            await asyncio.sleep(0.02)
            sddc.expire_tokens()
            assert (await session.get(first.id)).id == first.id
        assert (sddc.logins, sddc.refreshes) == (1, 1)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(html(503), ServerError), (refusal(500), ServerError), (RESET, VcfTasksError), (html(404), ServerError)],
    ids=["503", "500", "reset", "HTML 404"],
)
async def test_a_login_that_cannot_be_asked_is_repeated_then_reported_and_holds_nobody_off(
    server, session_with, reply, kind
):
    server.script("POST", "/v1/tokens", *[reply] * 100)
    policy = Policy(base=0.01, cap=0.05, deadline=8, budget=3)
    async with session_with(policy=policy) as session:
        with pytest.raises(kind):
            await session.get("a")
        assert server.logins == 1 + policy.budget
        server._scripts.clear()
        assert (await session.get("a")).id == "a"


async def test_a_login_that_hangs_is_named_as_what_hangs(server, session_with):
    # "while it waited for its turn; raise … the concurrency" would send people looking at the wrong place.
    server.always("POST", "/v1/tokens", HANG)
    async with session_with(policy=Policy(base=0.01, deadline=0.5, attempt_timeout=5)) as session:
        with pytest.raises(TransportError) as caught:
            await session.get("a")
    assert "login" in str(caught.value) or "token" in str(caught.value)
    assert "concurrency" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        doc({}),
        doc([]),
        doc({"accessToken": None}),
        doc({"accessToken": 5}),
        doc({"accessToken": ""}),
        doc({"accessToken": "a b"}),
        doc({"accessToken": "a\r\nX: y"}),
        doc({"accessToken": "é"}),
        html(200),
        doc("token"),
    ],
    ids=lambda r: r.body.decode()[:24] or "empty",
)
async def test_a_login_answer_without_a_token_is_a_decode_error(server, session_with, reply):
    server.always("POST", "/v1/tokens", reply)
    async with session_with(policy=Policy(base=0.001, cap=0.002, budget=1)) as session:
        with pytest.raises(DecodeError):
            await session.get("a")
    assert server.count("GET") == 0


async def test_a_login_answered_by_a_page_of_html_is_asked_again(server, session_with):
    server.script("POST", "/v1/tokens", html(200))
    async with session_with() as session:
        assert (await session.get("a")).id == "a"
    assert server.logins == 2


async def test_a_login_answer_without_a_refresh_token_is_good_until_the_token_dies(server, session_with):
    server.script(
        "POST", "/v1/tokens", doc({"accessToken": "t1"}), doc({"accessToken": "t2", "refreshToken": None})
    )
    async with session_with() as session:
        await session.get("a")
        server.accepts = lambda token: token == "t2"
        await session.get("a")
    assert (server.logins, server.refreshes, server.count("DELETE")) == (2, 0, 0)


# --- cancellation of one is not the others' -------------------------------------------------------


@pytest.mark.usefixtures("leaves_nothing")
async def test_when_the_leader_is_cancelled_the_others_go_on(server, session_with):
    server.script("POST", "/v1/tokens", lambda _: Reply(**{**vars(server.pair()), "delay": 0.1}))
    async with session_with() as session:
        leader, *others = [asyncio.create_task(session.get("a")) for _ in range(10)]
        while not server.requests:
            await asyncio.sleep(0.005)
        leader.cancel()
        got = await asyncio.gather(*others)
        assert leader.cancelled()
    assert {task.id for task in got} == {"a"}
    assert server.logins == 1


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_failed_login_that_nobody_waits_for_any_more_is_no_noise(server, session_with, caplog):
    server.script("POST", "/v1/tokens", Reply(**{**vars(refusal(401)), "delay": 0.1}))
    async with session_with() as session:
        caller = asyncio.create_task(session.get("a"))
        while not server.requests:
            await asyncio.sleep(0.005)
        caller.cancel()
        await asyncio.wait([caller])
        with pytest.raises(Unauthorized):
            await session.get("a")
        server.script("POST", "/v1/tokens", Reply(**{**vars(refusal(401)), "delay": 0.05}))
    async with session_with() as session:
        caller = asyncio.create_task(session.get("a"))
        while server.logins < 2:
            await asyncio.sleep(0.005)
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(0.1)
    del session, caller
    gc.collect()
    assert "never retrieved" not in caplog.text


# --- other ways in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "body"),
    [
        (ApiKeyAuth("the-key"), {"apiKey": "the-key"}),
        (IdTokenAuth("the-id"), {"idToken": "the-id"}),
        (PasswordAuth("u", 'p\ud800é"\\'), None),
    ],
    ids=["API key", "id token", "odd password"],
)
async def test_each_way_to_log_in_sends_its_body(server, session_with, auth, body):
    if body is None:
        server.password = 'p\ud800é"\\'
        body = {"username": "u", "password": server.password}
    async with session_with(auth) as session:
        await session.get("a")
    assert server.select("POST")[0].json == body


async def test_a_bearer_token_never_logs_in_refreshes_or_revokes(server, session_with):
    async with session_with(BearerAuth("theirs")) as session:
        await session.get("a")
        server.accepts = lambda token: False
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await session.get("a")
    assert {seen.token for seen in server.requests} == {"theirs"}
    assert server.count("GET") == len(server.requests) == 4


@pytest.mark.parametrize("tried_before", [True, False], ids=["after good times", "at once"])
async def test_a_bearer_callable_is_asked_again_when_its_token_was_rejected(
    server, session_with, tried_before
):
    tokens = iter(["old", "new", "newer"])
    async with session_with(BearerAuth(lambda: next(tokens))) as session:
        if tried_before:
            await session.get("a")
        server.accepts = lambda token: token == "new"
        assert (await session.get("a")).id == "a"
        assert (await session.get("a")).id == "a"
    assert server.logins == 0


@pytest.mark.parametrize(
    "token", ["two words", "a\r\nX-Evil: yes", "a\nb", "tökén", "a\x00", "\ud800"], ids=ascii
)
async def test_a_bearer_token_that_fits_no_header_is_a_usage_error(server, session_with, token):
    try:
        async with session_with(BearerAuth(token)) as session:
            await session.get("a")
    except UsageError:
        pass
    else:
        pytest.fail("it was taken")
    assert bytes(server.raw) == b""


async def async_password() -> str:
    await asyncio.sleep(0)
    return PASSWORD


def promised_password() -> Awaitable[str]:
    return async_password()


class Keyring:
    async def __call__(self) -> str:
        return PASSWORD


@pytest.mark.parametrize(
    "source",
    [lambda: PASSWORD, async_password, promised_password, Keyring()],
    ids=["sync", "async", "sync that returns an awaitable", "object"],
)
async def test_a_password_may_come_from_a_callable(server, session_with, source):
    async with session_with(PasswordAuth("admin@local", source)) as session:
        await many(10, lambda: session.get("a"))
    assert server.logins == 1
    assert server.select("POST")[0].json["password"] == PASSWORD


async def test_a_slow_sync_password_callable_does_not_hold_the_loop(session_with):
    beats = 0

    def slow() -> str:
        time.sleep(0.3)
        return PASSWORD

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    async with session_with(PasswordAuth("admin@local", slow)) as session:
        heart = asyncio.create_task(beat())
        await session.get("a")
        heart.cancel()
    assert beats > 10


@pytest.mark.parametrize("rubbish", [None, "", 5, b"bytes", ["x"]], ids=repr)
async def test_a_callable_that_returns_rubbish_is_a_usage_error(server, session_with, rubbish):
    async with session_with(PasswordAuth("admin@local", lambda: rubbish)) as session:
        for error in await many(5, lambda: session.get("a")):
            assert isinstance(error, UsageError)
            assert "callable" in str(error)
    assert server.requests == []


async def test_what_a_callable_raises_comes_out_and_the_next_call_asks_again(server, session_with):
    answers = iter([OSError("the keyring is locked"), PASSWORD])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with session_with(PasswordAuth("admin@local", ask)) as session:
        with pytest.raises(OSError, match="keyring is locked"):
            await session.get("a")
        assert (await session.get("a")).id == "a"
    assert server.logins == 1


# --- the farewell ---------------------------------------------------------------------------------


async def test_the_refresh_token_is_given_back_on_close(server, session_with):
    async with session_with() as session:
        await session.get("a")
    (revoked,) = server.select("DELETE", REVOKE_PATH)
    assert revoked.json.startswith("cAnArY-refresh")
    assert revoked.headers["content-type"] == "application/json"
    assert server.requests[-1] is revoked


async def test_a_session_that_never_logged_in_gives_nothing_back(server, session_with):
    async with session_with():
        pass
    assert bytes(server.raw) == b""


@pytest.mark.parametrize("reply", [HANG, RESET, html(503), refusal(400)], ids=["hang", "reset", "503", "400"])
@pytest.mark.usefixtures("leaves_nothing")
async def test_a_revocation_that_fails_ends_the_session_quietly_and_soon(
    server, session_with, reply, caplog, monkeypatch
):
    monkeypatch.setattr("vcf_tasks_async.wiring._FAREWELL", 0.3)
    server.always("DELETE", REVOKE_PATH, reply)
    session = session_with(policy=Policy(base=0.01, cap=0.05))
    await session.__aenter__()
    await session.get("a")
    started = fair()
    await session.close()
    assert fair() - started < 1
    assert "cAnArY" not in caplog.text


async def test_a_hanging_password_callable_does_not_hold_close(server, session_with):
    answer = threading.Event()

    def hanging() -> str:
        answer.wait(5)
        return PASSWORD

    try:
        async with session_with(PasswordAuth("admin@local", hanging)) as session:
            with pytest.raises(VcfTasksError):
                async with asyncio.timeout(0.1):
                    try:
                        await session.get("a")
                    except asyncio.CancelledError:
                        raise NotSentError("left by its caller") from None
            started = fair()
        assert fair() - started < 1
    finally:
        answer.set()
