"""Who we are: the ways to prove it to SDDC Manager. What they buy, and its renewal, is `tokens`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

import anyio
import attrs

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.secret import Secret

SecretSource = Secret | Callable[[], str | Awaitable[str]]
SecretInput = str | SecretSource
NameSource = str | Callable[[], str | Awaitable[str]]


def _wrapped(value: SecretInput) -> SecretSource | None:
    """*value* so that it does not show, or None when it can be no secret. Raises nothing.

    What is raised in a frame shows that frame's locals to whoever looks, an error tracker for one.
    """
    if isinstance(value, str) and value:
        return Secret(value)
    if isinstance(value, Secret) or (callable(value) and not isinstance(value, type)):
        return value
    return None


def _hold(auth: object, name: str, held: SecretSource | None) -> None:
    # Set in any case: whoever renders a traceback with its locals calls repr on the half-made object.
    object.__setattr__(auth, name, held or Secret(""))
    if held is None:
        raise UsageError("a secret is a text that is not empty, or a callable that returns one")


def _shown(source: SecretSource) -> str:
    # A partial or a bound method would show what it is bound to.
    return repr(source) if isinstance(source, Secret) else "<callable>"


def _named(source: object) -> str:
    return repr(source) if isinstance(source, str) else "<callable>"


async def ask(source: SecretSource) -> Secret:
    """The secret itself, from wherever it comes."""
    if isinstance(source, Secret):
        return source
    if inspect.iscoroutinefunction(source):
        answer = await source()
    else:
        # A keyring or a password command may take its time: not on the event loop.
        answer = await anyio.to_thread.run_sync(source)
        if inspect.isawaitable(answer):
            answer = await answer
    if isinstance(answer, str) and answer:
        return Secret(answer)
    # It may hold the secret all the same: not in the locals of what is raised.
    answer = None
    raise UsageError("the callable that was given for a secret returned no text")


@attrs.frozen(init=False)
class PasswordAuth:
    """Log in with user name and password.

    Args:
        username: such as ``administrator@vsphere.local`` (``admin@local`` on the VCF Installer), or a
            callable as for the password.
        password: the password, or a callable (sync or async) that is asked for it at each login, after
            the username; a sync one is called in a worker thread.

    Example:
        >>> PasswordAuth("administrator@vsphere.local", "VMw@re1!")
        PasswordAuth(username='administrator@vsphere.local', password=Secret('***'))
    """

    username: NameSource = attrs.field(repr=_named)
    password: SecretSource = attrs.field(repr=_shown)

    def __init__(self, username: NameSource, password: SecretInput) -> None:
        held = _wrapped(password)
        del password
        object.__setattr__(self, "username", username)
        _hold(self, "password", held)
        is_maker = callable(username) and not isinstance(username, type)
        if not is_maker and (not isinstance(username, str) or not username):
            raise UsageError("username takes a text such as administrator@vsphere.local, or a callable")


@attrs.frozen(init=False)
class ApiKeyAuth:
    """Log in with an API key, or a callable that returns it.

    Example:
        >>> ApiKeyAuth("0123-4567")
        ApiKeyAuth(key=Secret('***'))
    """

    key: SecretSource = attrs.field(repr=_shown)

    def __init__(self, key: SecretInput) -> None:
        held = _wrapped(key)
        del key
        _hold(self, "key", held)


@attrs.frozen(init=False)
class IdTokenAuth:
    """Log in with an identity provider's id token, or a callable that returns a fresh one.

    Example:
        >>> IdTokenAuth(lambda: "eyJ0eXAi...").token is not None
        True
    """

    token: SecretSource = attrs.field(repr=_shown)

    def __init__(self, token: SecretInput) -> None:
        held = _wrapped(token)
        del token
        _hold(self, "token", held)


@attrs.frozen(init=False)
class BearerAuth:
    """Use an access token that somebody else got: no login, no refresh, no revocation.

    A callable is asked again when its token was rejected.

    Example:
        >>> BearerAuth("eyJ0eXAi...")
        BearerAuth(token=Secret('***'))
    """

    token: SecretSource = attrs.field(repr=_shown)

    def __init__(self, token: SecretInput) -> None:
        held = _wrapped(token)
        del token
        _hold(self, "token", held)


Login = PasswordAuth | ApiKeyAuth | IdTokenAuth
Auth = Login | BearerAuth


async def login_spec(login: Login) -> dict[str, str | Secret]:
    """The body of ``POST /v1/tokens``, its secrets still wrapped."""
    if isinstance(login, ApiKeyAuth):
        return {"apiKey": await ask(login.key)}
    if isinstance(login, IdTokenAuth):
        return {"idToken": await ask(login.token)}
    username = login.username
    if not isinstance(username, str):
        username = (await ask(username)).reveal()
    return {"username": username, "password": await ask(login.password)}
