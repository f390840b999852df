"""The ways to prove who we are: what they take, show and send, told without a wire."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import attrs
import pytest

from vcf_tasks_async.auth import ApiKeyAuth, BearerAuth, IdTokenAuth, PasswordAuth, ask, login_spec
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.secret import Secret

SHOWN = "cAnArY-credential-of-ours"
WAYS = {
    "password": (lambda secret: PasswordAuth("me", secret), "password"),
    "key": (ApiKeyAuth, "apiKey"),
    "id token": (IdTokenAuth, "idToken"),
    "bearer": (BearerAuth, None),
}
every_way = pytest.mark.parametrize(("make", "sent_as"), WAYS.values(), ids=WAYS)


def told() -> str:
    return SHOWN


async def told_later() -> str:
    return SHOWN


def returns_told_later():
    return told_later()


@every_way
@pytest.mark.parametrize("secret", ["", None, 5, b"bytes", str, Secret, [], True], ids=repr)
def test_what_can_be_no_secret_is_refused_and_the_rest_of_it_still_shows(make, sent_as, secret):
    with pytest.raises(UsageError, match="a secret is a text that is not empty") as caught:
        make(secret)
    # An error tracker calls repr on the half-made object in the frame.
    halves = [frame.frame.f_locals.get("self") for frame in caught.traceback]
    assert [repr(half) for half in halves if attrs.has(type(half))] != []


@every_way
@pytest.mark.parametrize("source", [SHOWN, Secret(SHOWN)], ids=["text", "secret"])
async def test_a_secret_shows_as_nothing_and_is_sent_still_wrapped(make, sent_as, source):
    auth = make(source)
    assert SHOWN not in repr(auth)
    assert "=Secret('***')" in repr(auth)
    if sent_as is not None:
        spec = await login_spec(auth)
        assert spec[sent_as] == Secret(SHOWN)
        assert spec.keys() - {sent_as} == ({"username"} if sent_as == "password" else set())


@every_way
@pytest.mark.parametrize(
    "source",
    [told, told_later, returns_told_later, partial(lambda text: text, SHOWN), SHOWN.strip],
    ids=["sync", "async", "sync that returns an awaitable", "partial", "bound method"],
)
async def test_a_callable_is_asked_anew_each_time_and_shows_nothing_of_what_it_is_bound_to(
    make, sent_as, source
):
    auth = make(source)
    assert repr(auth).count("=<callable>") == 1
    assert SHOWN not in repr(auth)
    if sent_as is not None:
        assert (await login_spec(auth))[sent_as] == Secret(SHOWN)


@pytest.mark.parametrize("username", ["", None, 5, b"me", str, [], PasswordAuth], ids=repr)
def test_a_user_name_is_a_text_or_a_callable(username):
    with pytest.raises(UsageError, match="username takes a text"):
        PasswordAuth(username, SHOWN)


async def test_a_user_name_is_shown_and_one_that_is_asked_for_is_not():
    assert repr(PasswordAuth("me", SHOWN)) == "PasswordAuth(username='me', password=Secret('***'))"
    asked = PasswordAuth(told, SHOWN)
    assert repr(asked) == "PasswordAuth(username=<callable>, password=Secret('***'))"
    assert await login_spec(asked) == {"username": SHOWN, "password": Secret(SHOWN)}
    assert await login_spec(PasswordAuth("me", SHOWN)) == {"username": "me", "password": Secret(SHOWN)}


async def test_the_user_name_is_asked_for_before_the_password():
    asked = []
    auth = PasswordAuth(lambda: asked.append("name") or "me", lambda: asked.append("password") or SHOWN)
    await login_spec(auth)
    assert asked == ["name", "password"]


async def test_only_a_sync_callable_is_called_in_a_thread():
    async def later() -> str:
        threads.append(threading.current_thread())
        return SHOWN

    def now() -> str:
        threads.append(threading.current_thread())
        return SHOWN

    threads: list[threading.Thread] = []
    assert await ask(later) == await ask(now) == Secret(SHOWN)
    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


@pytest.mark.parametrize("rubbish", ["", None, 5, b"bytes", [SHOWN], Secret(SHOWN)], ids=repr)
async def test_a_callable_that_returns_no_text_is_a_usage_error_that_does_not_hold_it(rubbish: Any):
    async def later() -> Any:
        return rubbish

    for source in (lambda: rubbish, later):
        with pytest.raises(UsageError, match="returned no text") as caught:
            await ask(source)
        held = [frame.frame.f_locals for frame in caught.traceback if "auth.py" in str(frame.path)]
        assert [each["answer"] for each in held if "answer" in each] == [None]


@every_way
def test_an_account_cannot_be_changed_by_whoever_shares_it_and_equals_its_like(make, sent_as):
    auth = make(SHOWN)
    field = attrs.fields(type(auth))[-1].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(auth, field, "theirs")
    assert auth == make(SHOWN)
    assert auth != make("cAnArY-another")
    assert hash(auth) == hash(make(SHOWN))


@every_way
def test_the_text_of_a_secret_is_in_no_frame_of_what_is_raised(make, sent_as):
    # A user name that is refused beside a password that is not.
    with pytest.raises(UsageError) as caught:
        PasswordAuth("", SHOWN) if sent_as == "password" else make([SHOWN])
    ours = [frame.frame.f_locals for frame in caught.traceback if "auth.py" in str(frame.path)]
    assert ours
    assert SHOWN not in repr([{k: v for k, v in each.items() if k != "value"} for each in ours])
