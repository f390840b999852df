"""When a token counts as spent, what a 401 and a 403 mean, and what the token calls say."""

from __future__ import annotations

import asyncio
import json

import pytest
from office import HOUR, Never, Office

from vcf_tasks_async.auth import BearerAuth
from vcf_tasks_async.errors import ApiError, BadRequest, DecodeError, Unauthorized, UsageError
from vcf_tasks_async.secret import Secret

MINUTE = 60.0


@pytest.mark.parametrize(
    ("life", "used"), [(HOUR, HOUR - MINUTE), (600, 540), (610, 550), (590, 531), (100, 90), (1, 0.9)]
)
async def test_a_token_counts_as_spent_a_minute_or_a_tenth_of_its_life_before_its_end(life, used):
    office = Office(life=life)
    assert office.tokens.current() is None
    await office.tokens.ready()
    began = office.now
    office.now = began + used - 0.01
    assert office.tokens.current() is not None
    office.now = began + used
    assert office.tokens.current() is None
    await office.tokens.ready()
    assert office.counts() == {"login": 1, "refresh": 1}


async def test_a_token_whose_life_is_unknown_lasts_until_it_is_rejected():
    office = Office()
    office.script = [b'{"accessToken": "opaque-1", "refreshToken": {"id": "cAnArY-r"}}']
    await office.tokens.ready()
    office.now += 1e9
    assert office.tokens.current() == Secret("opaque-1")


@pytest.mark.parametrize(
    ("by_login", "age", "proven", "certain", "worth_it", "then"),
    [
        # Straight from the login: another one would end no better.
        (True, 0, False, True, False, []),
        (True, 59.9, False, True, False, []),
        (True, 60, False, True, True, ["login"]),
        # It was taken once: it has expired, however young it is.
        (True, 0, True, True, True, ["refresh"]),
        (True, HOUR / 2, True, True, True, ["refresh"]),
        # A 403 more often means a missing permission.
        (True, 0, True, False, False, []),
        (True, 59.9, True, False, False, []),
        (True, 60, True, False, True, ["refresh"]),
        (True, 59.9, False, False, False, []),
        # From a refresh: the refresh token may be to blame, which a login mends.
        (False, 0, False, True, True, ["login"]),
        (False, 0, True, True, True, ["refresh"]),
        (False, 0, True, False, False, []),
        (False, 59.9, False, False, False, []),
        (False, 60, True, False, True, ["refresh"]),
        (False, 60, False, False, True, ["login"]),
    ],
)
async def test_what_a_rejected_token_is_worth(by_login, age, proven, certain, worth_it, then):
    office = Office()
    await office.tokens.ready()
    if not by_login:
        office.now += HOUR
        await office.tokens.ready()
    token = office.tokens.current()
    assert token is not None
    if proven:
        office.tokens.accepted(token)
    before = len(office.asked)
    office.now += age
    assert await office.tokens.renew(token, certain=certain) is worth_it
    assert office.asked[before:] == then
    assert (office.tokens.current() is token) is not worth_it


async def test_only_the_token_that_was_taken_is_proven_by_it():
    office = Office()
    office.tokens.accepted(Secret("before there was any"))
    await office.tokens.ready()
    token = office.tokens.current()
    assert token is not None
    office.tokens.accepted(Secret("another"))
    assert not await office.tokens.renew(token, certain=True)
    office.tokens.accepted(token)
    assert await office.tokens.renew(token, certain=True)


async def test_before_there_is_a_token_a_rejected_one_is_worth_another_try():
    assert await Office().tokens.renew(Secret("of yore"), certain=True)


async def test_what_the_token_calls_say_and_that_they_may_be_repeated():
    office = Office()
    await office.tokens.ready()
    office.now += HOUR
    await office.tokens.ready()
    await office.tokens.revoke()
    refresh = Secret("cAnArY-refresh-1")
    assert [(c.method, c.path, json.loads(c.body or b""), c.safe, c.secrets) for c in office.calls] == [
        (
            "POST", "/v1/tokens", {"username": "u", "password": "cAnArY-password"}, True,
            (Secret("cAnArY-password"),),
        ),
        ("PATCH", "/v1/tokens/access-token/refresh", "cAnArY-refresh-1", True, (refresh,)),
        ("DELETE", "/v1/tokens/refresh-token", "cAnArY-refresh-1", True, (refresh,)),
    ]  # fmt: skip
    assert [call.what for call in office.calls] == [
        "login",
        "refresh of the token",
        "revocation of the token",
    ]


async def test_a_refused_login_is_told_as_unauthorized_with_all_that_was_known():
    office = Office()
    given = BadRequest(
        "no such user", status=400, attempts=2, manager="sfo-vcf01", method="POST", path="/v1/tokens"
    )
    office.script = [given]
    for _ in range(2):
        with pytest.raises(Unauthorized) as caught:
            await office.tokens.ready()
        error = caught.value
        assert str(error) == str(given)
        assert [getattr(error, name) for name in ("status", "attempts", "manager", "method", "path")] == [
            400, 2, "sfo-vcf01", "POST", "/v1/tokens",
        ]  # fmt: skip
    assert office.counts() == {"login": 1}


async def test_after_a_login_that_was_taken_no_refusal_stands():
    office = Office()
    office.script = [BadRequest("no", status=400)]
    with pytest.raises(Unauthorized):
        await office.tokens.ready()
    office.now += 300
    await office.tokens.ready()
    office.refreshable.clear()
    office.now += HOUR
    await office.tokens.ready()
    assert office.counts() == {"login": 3, "refresh": 1}


@pytest.mark.parametrize("status", [399, 500])
async def test_only_what_lies_between_400_and_499_judges_the_password(status):
    office = Office()
    office.script = [ApiError("hm", status=status)]
    with pytest.raises(ApiError, match="hm") as caught:
        await office.tokens.ready()
    assert not isinstance(caught.value, Unauthorized)
    await office.tokens.ready()
    assert office.counts() == {"login": 2}


async def test_each_who_waits_gets_an_error_of_its_own():
    office = Office()
    office.script = [BadRequest("no", status=400)]
    errors = await asyncio.gather(*(office.tokens.ready() for _ in range(3)), return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    with pytest.raises(Unauthorized) as caught:
        await office.tokens.ready()
    assert id(caught.value) not in {id(error) for error in errors}


async def test_what_waits_when_the_login_is_ended_is_told_that_the_session_closed():
    office = Office()
    waiter = asyncio.create_task(office.tokens.ready())
    while not office.asked:
        await asyncio.sleep(0)
    (login,) = asyncio.all_tasks() - {waiter, asyncio.current_task()}
    login.cancel()
    with pytest.raises(UsageError, match="the session was closed while it logged in"):
        await waiter


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff"])
async def test_a_login_answered_by_no_json_may_be_asked_again(body):
    office = Office()
    office.script = [body]
    with pytest.raises(DecodeError, match="no JSON") as caught:
        await office.tokens.ready()
    assert caught.value.not_json


@pytest.mark.parametrize(
    "document",
    [[], "text", 5, None, {}, *({"accessToken": odd} for odd in (None, 5, "", "a b", "a\n", "ä", "\x7f"))],
    ids=repr,
)
async def test_an_answer_whose_token_fits_no_header_holds_none(document):
    office = Office()
    office.script = [json.dumps(document).encode()]
    with pytest.raises(DecodeError, match="holds no access token") as caught:
        await office.tokens.ready()
    assert (caught.value.json_path, caught.value.not_json) == ("$.accessToken", False)
    assert office.tokens.current() is None


async def test_after_revocation_a_login_is_needed():
    office = Office()
    await office.tokens.ready()
    await office.tokens.revoke()
    assert office.tokens.current() is None
    await office.tokens.ready()
    assert office.asked == ["login", "farewell", "login"]


@pytest.mark.parametrize("changes", [True, False])
async def test_a_bearer_token_is_worth_another_try_only_where_another_one_comes(changes):
    given = iter(f"bearer-{n if changes else 0}" for n in range(9))
    office = Office(auth=BearerAuth(lambda: next(given)))
    await office.tokens.ready()
    token = office.tokens.current()
    assert token == Secret("bearer-0")
    office.now += HOUR
    assert await office.tokens.renew(token, certain=True) is changes
    assert office.tokens.current() == Secret("bearer-1" if changes else "bearer-0")
    assert office.asked == []


@pytest.mark.parametrize("text", ["two words", "line\nbreak", "ä", "\x00"])
async def test_a_bearer_token_that_fits_no_header_is_never_used(text):
    office = Office(auth=BearerAuth(lambda: text))
    with pytest.raises(UsageError, match="fits no HTTP header"):
        await office.tokens.ready()
    assert office.tokens.current() is None


async def test_a_refresh_that_is_refused_is_not_tried_with_that_token_again():
    office = Office()
    await office.tokens.ready()
    office.good = Never()
    office.now += HOUR
    office.script = [BadRequest("dead", status=400), BadRequest("no", status=400)]
    with pytest.raises(Unauthorized):
        await office.tokens.ready()
    office.now += 300
    await office.tokens.ready()
    assert office.asked == ["login", "refresh", "login", "login"]


async def test_a_bearer_token_that_was_rejected_is_not_used_while_another_one_is_asked_for():
    given: list[str | Exception] = ["bearer-0", OSError("keyring is locked"), "bearer-1"]

    def give() -> str:
        if isinstance(answer := given.pop(0), Exception):
            raise answer
        return answer

    office = Office(auth=BearerAuth(give))
    await office.tokens.ready()
    token = office.tokens.current()
    assert token is not None
    with pytest.raises(OSError, match="keyring"):
        await office.tokens.renew(token, certain=True)
    assert office.tokens.current() is None
    await office.tokens.ready()
    assert office.tokens.current() == Secret("bearer-1")


async def test_a_new_token_is_not_proven_by_what_the_one_before_it_was():
    office = Office()
    assert await office.call()
    office.now += HOUR
    await office.tokens.ready()
    token = office.tokens.current()
    assert token is not None
    # Straight from the refresh and rejected: the refresh token is to blame.
    assert await office.tokens.renew(token, certain=True)
    assert office.asked == ["login", "refresh", "login"]


async def test_why_another_login_was_needed_stands_in_the_log(caplog):
    caplog.set_level("INFO", logger="vcf_tasks_async")
    office = Office()
    for answer in (BadRequest("dead", status=404), b"null"):
        await office.tokens.ready()
        office.now += HOUR
        office.script = [answer]
        await office.tokens.ready()
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("vcf_tasks_async", "the refresh token has died (404), logging in again"),
        ("vcf_tasks_async", "the refresh brought no token, logging in again"),
    ]
