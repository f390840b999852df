"""The rules of the token pair, on a clock that is moved by hand: how often is asked, and for what."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from office import DAY, HOUR, Never, Office, jwt, segment, signed

from vcf_tasks_async.errors import (
    ApiError,
    BadRequest,
    DecodeError,
    Forbidden,
    RateLimited,
    ServerError,
    TaskNotFound,
    TransportError,
    Unauthorized,
)
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.tokens import HOLD_OFF, lifetime

UNSURE = 299.0


def padded(size: int) -> str:
    """A JWT that lives ten minutes, its claims written with so many letters."""
    bare = '{"exp": 605, "iat": 5, "pad": ""}'
    token = signed(bare[:-2] + "x" * (size * 3 // 4 - len(bare)) + bare[-2:])
    assert len(token.split(".")[1]) == size
    return token


# --- how long a token lives -----------------------------------------------------------------------

NOW = 1_760_000_000
LIVES = {
    "an hour": (jwt(iat=NOW, exp=NOW + 3600), HOUR),
    "an hour, by a clock that is years behind": (jwt(iat=5, exp=3605), HOUR),
    "an hour, by a clock that is years ahead": (jwt(iat=NOW * 2, exp=NOW * 2 + 3600), HOUR),
    "an hour, in fractions": (jwt(iat=NOW + 0.25, exp=NOW + 3600.5), 3600.25),
    "one second": (jwt(iat=NOW, exp=NOW + 1), 1.0),
    "less than a second": (jwt(iat=NOW, exp=NOW + 0.9), None),
    "nothing": (jwt(iat=NOW, exp=NOW), None),
    "less than nothing": (jwt(iat=NOW, exp=NOW - 3600), None),
    "ten years": (jwt(iat=NOW, exp=NOW + 10 * 365 * 86400), None),
    "just under ten years": (jwt(iat=NOW, exp=NOW + 10 * 365 * 86400 - 1), 10 * 365 * DAY - 1),
    "eleven years": (jwt(iat=NOW, exp=NOW + 11 * 365 * 86400), None),
    "both in milliseconds": (jwt(iat=NOW * 1000, exp=(NOW + 3600) * 1000), 3_600_000.0),
    "beyond what any clock says": (jwt(iat=1e15 - 3600, exp=1e15), None),
    "just within what a clock may say": (jwt(iat=1e15 - 3601, exp=1e15 - 1), 3600.0),
    "an iat beyond what any clock says": (jwt(iat=1e15, exp=NOW + 3600), "by our clock"),
    "five minutes by our clock": (jwt(exp=NOW + 60 + 300), 300.0),
    "less than five minutes by our clock": (jwt(exp=NOW + 60 + 299), None),
    "claims as large as are looked at": (
        padded(16_384),
        600.0,
    ),
    "claims larger than are looked at": (
        padded(16_386),
        None,
    ),
    "milliseconds": (jwt(iat=NOW, exp=(NOW + 3600) * 1000), None),
    "no exp": (jwt(iat=NOW), None),
    "no claims": (jwt(), None),
    "null": (jwt(iat=NOW, exp=None), None),
    "negative": (jwt(iat=NOW, exp=-1), None),
    "zero": (jwt(iat=NOW, exp=0), None),
    "zero without iat": (jwt(exp=0), None),
    "past without iat": (jwt(exp=1), None),
    "huge": (jwt(iat=NOW, exp=10**400), None),
    "huge without iat": (jwt(exp=10**400), None),
    "hugely negative": (jwt(iat=NOW, exp=-(10**400)), None),
    "too long a number to be read": (signed('{"exp": ' + "9" * 5000 + "}"), None),
    "huge iat": (jwt(iat=10**400, exp=NOW + 3600), "by our clock"),
    "negative iat": (jwt(iat=-NOW, exp=NOW + 3600), None),
    "NaN": (jwt(iat=NOW, exp=float("nan")), None),
    "Infinity": (jwt(iat=NOW, exp=float("inf")), None),
    "1e999": (signed('{"exp": 1e999}'), None),
    "NaN for iat": (jwt(iat=float("nan"), exp=NOW + 3600), "by our clock"),
    "a string": (jwt(iat=NOW, exp=str(NOW + 3600)), None),
    "true": (jwt(iat=0, exp=True), None),
    "a list": (jwt(iat=NOW, exp=[NOW + 3600]), None),
    "an object": (jwt(iat=NOW, exp={"seconds": 3600}), None),
    "an iat that is a string": (jwt(iat="now", exp=NOW + 3600), "by our clock"),
    "an iat that is true": (jwt(iat=True, exp=NOW + 3600), "by our clock"),
    "without iat": (jwt(exp=NOW + 3600), "by our clock"),
    "nested deep": (signed("[" * 12_000), None),
    "claims that are a list": (signed("[1]"), None),
    "claims that are a text": (signed('"exp"'), None),
    "claims that are a number": (signed("5"), None),
    "claims that are no JSON": (signed("{exp"), None),
    "claims that are no UTF-8": (signed(bytes([255, 254])), None),
    "claims that are no base64": ("x.!!!!.x", None),
    "one letter of base64": ("x.a.x", None),
    "empty claims": ("x..x", None),
    "megabytes of claims": (signed(json.dumps({"pad": "x" * 2_000_000, "exp": 5})), None),
    "no JWT": ("cAnArY-opaque-token", None),
    "only dots": ("...", None),
    "two parts": (f"x.{segment(json.dumps({'iat': 5, 'exp': 605}))}", 600.0),
}


@pytest.mark.parametrize(("token", "expected"), LIVES.values(), ids=LIVES)
def test_the_life_of_a_token_by_its_own_word(token, expected, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW + 60.0)
    assert lifetime(token) == (HOUR - 60 if expected == "by our clock" else expected)


@pytest.mark.parametrize("token", [token for token, _ in LIVES.values()], ids=LIVES)
async def test_no_token_however_odd_is_asked_for_twice_while_it_is_taken(token):
    office = Office()
    office.script = [json.dumps({"accessToken": token, "refreshToken": {"id": "cAnArY-r"}}).encode()]
    office.good[token] = float("inf")
    for _ in range(200):
        assert await office.call()
        office.now += 0.002
    assert office.counts() == {"login": 1}


@pytest.mark.parametrize(
    "skew", [-30 * DAY, -DAY, -12 * HOUR, -HOUR, -HOUR + 5, -60, -1, 0, 1, 60, HOUR, 12 * HOUR, DAY, 30 * DAY]
)
@pytest.mark.parametrize("with_iat", [True, False], ids=["iat", "no iat"])
async def test_a_clock_that_is_off_causes_no_needless_login(skew, with_iat):
    # A day of a call each minute; the token lives an hour, by a clock that differs from ours by *skew*.
    office = Office()

    def token() -> str:
        theirs = time.time() + skew
        claims = {"exp": theirs + HOUR, "n": len(office.asked)} | ({"iat": theirs} if with_iat else {})
        office.good[jwt(**claims)] = office.now + HOUR
        return jwt(**claims)

    office.token = token  # type: ignore[method-assign]
    for _ in range(int(DAY // 60)):
        assert await office.call()
        office.now += 60
    counts = office.counts()
    assert counts["login"] == 1
    # Once an hour is needed; where only our clock tells and is off, it may be a bit more often.
    assert 23 <= counts["refresh"] <= (25 if with_iat or not -HOUR < skew < 0 else 24 * HOUR / UNSURE + 1)


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_a_wall_clock_that_jumps_changes_nothing(jump, monkeypatch):
    office = Office()
    assert await office.call()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    office.now += HOUR / 2
    assert await office.call()
    assert office.counts() == {"login": 1}


# --- one for all ----------------------------------------------------------------------------------


async def test_ten_thousand_cold_callers_log_in_once():
    office = Office()
    assert await asyncio.gather(*(office.call() for _ in range(10_000))) == [True] * 10_000
    assert office.counts() == {"login": 1}


async def test_ten_thousand_401s_refresh_once():
    office = Office()
    await office.call()
    office.good.clear()
    assert await asyncio.gather(*(office.call() for _ in range(10_000))) == [True] * 10_000
    assert office.counts() == {"login": 1, "refresh": 1}


async def test_a_late_401_for_an_old_token_asks_for_nothing():
    office = Office()
    await office.call()
    old = office.tokens.current()
    assert old is not None
    office.good.clear()
    await office.call()
    for _ in range(1_000):
        assert await office.tokens.renew(old, certain=True)
    assert office.counts() == {"login": 1, "refresh": 1}


async def test_when_the_leader_of_a_refresh_is_cancelled_the_others_go_on():
    office = Office()
    await office.call()
    office.good.clear()
    leader, *others = [asyncio.create_task(office.call()) for _ in range(100)]
    while office.asked[-1] != "refresh":
        await asyncio.sleep(0)
    leader.cancel()
    assert await asyncio.gather(*others) == [True] * 99
    assert leader.cancelled()
    assert office.counts() == {"login": 1, "refresh": 1}


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 423, 499])
async def test_a_login_that_was_refused_is_asked_once_and_answered_to_all(status):
    office = Office()
    office.script = [BadRequest("no", status=status)]
    answers = await asyncio.gather(*(office.call() for _ in range(1_000)), return_exceptions=True)
    office.now += HOLD_OFF - 1
    answers += await asyncio.gather(*(office.call() for _ in range(1_000)), return_exceptions=True)
    assert {(type(each), getattr(each, "status", None)) for each in answers} == {(Unauthorized, status)}
    assert office.counts() == {"login": 1}
    office.now += 1
    assert await office.call()
    assert office.counts() == {"login": 2}


@pytest.mark.parametrize(
    "error",
    [
        ApiError("redirected", status=302),
        RateLimited("later", status=429),
        BadRequest("too slow", status=408),
        BadRequest("too early", status=425),
        ServerError("no", status=503),
        ServerError("not ready", status=404),
        TransportError("gone"),
    ],
    ids=str,
)
async def test_what_is_no_verdict_on_the_password_holds_nobody_off(error):
    office = Office()
    office.script = [error]
    with pytest.raises(type(error)):
        await office.call()
    assert await office.call()
    assert office.counts() == {"login": 2}


async def test_a_401_for_ever_ends_after_one_login():
    office = Office()
    office.good = Never()
    assert await asyncio.gather(*(office.call() for _ in range(1_000))) == [False] * 1_000
    assert office.counts() == {"login": 1}


# --- the refresh ----------------------------------------------------------------------------------

REFRESHES: dict[str, tuple[bytes | Exception, bool]] = {
    # What comes, and whether a login follows: else the call fails and the next one refreshes again.
    "JSON text": (b'"opaque-1"', False),
    "JSON text with blanks round it": (b' \n"opaque-1"\n', False),
    "a bare JWT": (jwt(iat=5, exp=3605).encode() + b"\n", False),
    "a bare JWT without a signature": (jwt(iat=5, exp=3605)[:-1].encode(), False),
    "a bare word": (b"OK", True),
    "a bare word with signs": (b"opaque-1\n", True),
    "two parts of a JWT": (jwt(iat=5, exp=3605)[:-2].encode(), True),
    "four parts": (b"a.b.c.d", True),
    "a bare tag": (b"<html>", True),
    "a tag in the shape of a JWT": (b"<a>.<b>.<c>", True),
    "a JWT in half a text": (b'"' + jwt(iat=5, exp=3605).encode(), True),
    "nothing": (b"", True),
    "blanks": (b" \n", True),
    "null": (b"null", True),
    "HTML": (b"<html><body>log in</body></html>", True),
    "an object": (b'{"accessToken": "opaque-1"}', True),
    "a list": (b'["opaque-1"]', True),
    "a number": (b"5", True),
    "two words": (b'"opaque 1"', True),
    "a line break in it": (b'"opaque\\r\\nX: y"', True),
    "no ASCII": ('"opäque"'.encode(), True),
    "no UTF-8": (b"\xff\xfe", True),
    "400": (BadRequest("no", status=400), True),
    "401": (Unauthorized("no", status=401), True),
    "403": (Forbidden("no", status=403), True),
    "404": (TaskNotFound("no", status=404), True),
    "409": (BadRequest("no", status=409), True),
    "500": (ServerError("no", status=500), True),
}


@pytest.mark.parametrize(("answer", "logs_in"), REFRESHES.values(), ids=REFRESHES)
async def test_a_refresh_that_brings_no_token_is_followed_by_one_login(answer, logs_in):
    office = Office()
    await office.call()
    office.good.clear()
    office.script = [answer]
    if not logs_in:
        office.good[answer.strip().strip(b'"').decode()] = float("inf")  # type: ignore[union-attr]
    assert await asyncio.gather(*(office.call() for _ in range(100))) == [True] * 100
    assert office.counts() == {"login": 1 + logs_in, "refresh": 1}


@pytest.mark.parametrize(
    "error",
    [
        ServerError("bad gateway", status=502),
        ServerError("not there", status=503),
        ServerError("HTML", status=404),
        RateLimited("later", status=429),
        ApiError("redirected", status=307),
        TransportError("gone"),
    ],
    ids=str,
)
async def test_a_refresh_that_could_not_be_asked_is_asked_again_and_costs_no_login(error):
    office = Office()
    await office.call()
    office.good.clear()
    office.script = [error]
    with pytest.raises(type(error)):
        await office.call()
    assert await office.call()
    assert office.counts() == {"login": 1, "refresh": 2}


async def test_a_wait_of_days_outlives_both_tokens():
    office = Office()
    # A look each half hour for a week: 24 hours of refreshes to a login, and never more than that.
    for _ in range(7 * 48):
        assert await office.call()
        office.now += HOUR / 2
    assert office.counts()["login"] in (7, 8)
    assert office.counts()["refresh"] <= 7 * 48
    # And one that sleeps over the end of both.
    logins = office.counts()["login"]
    office.now += 3 * DAY
    assert await office.call()
    assert office.counts()["login"] == logins + 1


@pytest.mark.parametrize("refresh", [None, {}, {"id": None}, {"id": ""}, {"id": 5}, [], "text"], ids=repr)
async def test_without_a_refresh_token_a_spent_one_means_a_login_and_no_farewell(refresh):
    office = Office()
    for n in (1, 2):
        office.script = [json.dumps({"accessToken": f"opaque-{n}", "refreshToken": refresh}).encode()]
        office.good = {f"opaque-{n}": float("inf")}
        assert await office.call()
    await office.tokens.revoke()
    assert office.counts() == {"login": 2}


async def test_the_farewell_gives_back_the_latest_refresh_token_once_and_fails_quietly():
    office = Office()
    await office.call()
    office.script = [ServerError("no", status=503)]
    await office.tokens.revoke()
    await office.tokens.revoke()
    assert office.tokens.current() is None
    assert office.counts() == {"login": 1, "farewell": 1}


async def test_a_login_answer_without_a_token_says_so_and_shows_nothing_of_it():
    office = Office()
    office.script = [b'{"access_token": "cAnArY-x"}']
    with pytest.raises(DecodeError, match="holds no access token"):
        await office.call()


def test_a_token_that_is_shown_shows_nothing():
    assert "cAnArY" not in repr(Secret("cAnArY-token"))
