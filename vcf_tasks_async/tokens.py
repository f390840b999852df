"""The token pair of a session: one login for any number of callers, one refresh for any number of 401s.

The calls themselves go through a callable it is given; the rules against login loops are all here. An
account locks after a few wrong passwords, so a refused login is not tried again for a while.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

import attrs

from vcf_tasks_async.auth import Auth, BearerAuth, Login, ask, login_spec
from vcf_tasks_async.calls import Call
from vcf_tasks_async.codec import encode, is_json, parse_json
from vcf_tasks_async.errors import ApiError, DecodeError, ServerError, Unauthorized, UsageError, VcfTasksError
from vcf_tasks_async.secret import Secret

_log = logging.getLogger("vcf_tasks_async")
T = TypeVar("T")

REFRESH_PATH: Final = "/v1/tokens/access-token/refresh"
REVOKE_PATH: Final = "/v1/tokens/refresh-token"

# Seconds for which a refused login stands, unless the secret changes meanwhile. Five wrong ones in three
# minutes lock an account.
HOLD_OFF: Final = 300.0
# Seconds before its expiry from which a token counts as spent; a tenth of its life where that is less.
_MARGIN: Final = 60.0
# Seconds. A life that is shorter, as a token says or as our clock makes it, is not believed: tokens that are
# spent as soon as they come would be asked for without end.
_SHORTEST: Final = 1.0
_SHORTEST_UNSURE: Final = 300.0
_LONGEST_LIFE: Final = 10 * 365 * 86400.0
_BEYOND: Final = 1e15
# Three parts in base64url, the last of which is empty where nothing is signed.
_JWT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", re.ASCII)
# Statuses that put off rather than refuse.
_LATER: Final = frozenset({408, 425, 429})


class Exchange(Protocol):
    """Sends one token call, without a token of its own, and returns what was read from the answer."""

    async def __call__(self, call: Call[T], /) -> T: ...


@attrs.frozen
class _Access:
    """An access token and how we came by it."""

    token: Secret
    obtained: float
    spent_at: float
    by_login: bool


class Tokens:
    """The one token pair of a session.

    Args:
        auth: the credentials.
        exchange: sends the token calls.
        spawn: starts a task that the session ends when it closes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        auth: Auth,
        exchange: Exchange,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        clock: Callable[[], float],
    ) -> None:
        self._auth = auth
        self._exchange = exchange
        self._spawn = spawn
        self._clock = clock
        self._access: _Access | None = None
        self._refresh: Secret | None = None
        self._proven = False
        self._flight: asyncio.Task[None] | None = None
        self._refused: tuple[dict[str, str | Secret], float, VcfTasksError] | None = None

    def current(self) -> Secret | None:
        """The access token, or None when there is none that will last the next call."""
        access = self._access
        if access is None or self._clock() >= access.spent_at:
            return None
        return access.token

    async def ready(self) -> None:
        """Make sure that there is a token: log in or refresh, together with whoever else waits.

        Raises:
            Unauthorized: the login was refused, now or a short while ago.
            TransportError, ServerError: it could not be asked.
        """
        if self.current() is None:
            await self._share(self._obtain)

    def accepted(self, token: Secret) -> None:
        """The server took *token*: from now on a 401 for it means that it has expired."""
        if not self._proven and self._access is not None and self._access.token is token:
            self._proven = True

    async def renew(self, rejected: Secret, *, certain: bool) -> bool:
        """Replace a token that the server rejected; do nothing if somebody did already.

        Args:
            certain: False for a 403, which more often means a missing permission than a spent token.

        Returns:
            whether it is worth sending the request again.
        """
        access = self._access
        if access is None or access.token is not rejected:
            return True
        if isinstance(self._auth, BearerAuth):
            self._access = None
            await self._share(self._obtain)
            return self._access is None or self._access.token != rejected
        fresh = self._clock() - access.obtained < (_MARGIN if not self._proven or not certain else 0.0)
        if fresh and (access.by_login or not certain):
            # Rejected straight from the login: another one would end no better.
            return False
        if not self._proven:
            self._refresh = None
        self._access = None
        await self._share(self._obtain)
        return True

    async def revoke(self) -> None:
        """Give the refresh token back, and forget both. What fails here fails quietly."""
        refresh, self._refresh, self._access = self._refresh, None, None
        if refresh is None:
            return
        try:
            await self._exchange(
                _refresh_call("DELETE", REVOKE_PATH, "revocation of the token", _unread, refresh)
            )
        except VcfTasksError as error:
            _log.debug("the refresh token was not revoked: %s", error)

    async def _share(self, make: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run *make* once for all who wait at the same time; its error is everyone's.

        It runs in a task of its own, so that one caller's cancellation is not the others'.
        """
        flight = self._flight
        if flight is None or flight.done():
            flight = self._flight = self._spawn(make())
            # Whoever waited may be gone by then: its error is not to be reported as never retrieved.
            flight.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait((flight,))
        if flight.cancelled():
            raise UsageError("the session was closed while it logged in")
        error = flight.exception()
        if error is not None:
            # A copy each: a traceback that many tasks write to is nobody's.
            raise copy.copy(error) if isinstance(error, VcfTasksError) else error

    async def _obtain(self) -> None:
        if isinstance(self._auth, BearerAuth):
            token = await ask(self._auth.token)
            if not _is_header_safe(token.reveal()):
                raise UsageError("the token of BearerAuth fits no HTTP header: one word of ASCII does")
            self._keep(token, by_login=True)
        elif self._refresh is None or not await self._refreshed(self._refresh):
            await self._login(self._auth)

    async def _refreshed(self, refresh: Secret) -> bool:
        try:
            token = await self._exchange(
                _refresh_call("PATCH", REFRESH_PATH, "refresh of the token", _access_token, refresh)
            )
        except DecodeError:
            _log.info("the refresh brought no token, logging in again")
            return False
        except ApiError as error:
            # Some release says 500 where it means that the refresh token is spent: a login will tell.
            if error.status != 500 and not _is_verdict(error):
                raise
            _log.info("the refresh token has died (%s), logging in again", error.status)
            return False
        self._keep(token, by_login=False)
        return True

    async def _login(self, auth: Login) -> None:
        self._refresh = None
        spec = await login_spec(auth)
        if self._refused is not None:
            refused_spec, since, error = self._refused
            if refused_spec == spec and self._clock() - since < HOLD_OFF:
                raise copy.copy(error)
        try:
            access, refresh = await self._exchange(_login_call(spec))
        except ApiError as error:
            if not _is_verdict(error):
                raise
            # 400, 401, 403, whichever the release likes: the credentials are not taken.
            refusal = Unauthorized(
                str(error), status=error.status, detail=error.detail, attempts=error.attempts,
                manager=error.manager, method=error.method, path=error.path,
            )  # fmt: skip
        else:
            self._refresh, self._refused = refresh, None
            self._keep(access, by_login=True)
            return
        self._refused = (spec, self._clock(), refusal)
        raise refusal

    def _keep(self, token: Secret, *, by_login: bool) -> None:
        now = self._clock()
        life = lifetime(token.reveal())
        spent_at = float("inf") if life is None else now + life - min(_MARGIN, life / 10)
        self._access = _Access(token, now, spent_at, by_login)
        self._proven = False


def _is_verdict(error: ApiError) -> bool:
    """Whether the server has judged what it was given, and won't judge otherwise when asked again."""
    return 400 <= error.status < 500 and not isinstance(error, ServerError) and error.status not in _LATER


def lifetime(token: str) -> float | None:
    """Seconds that a JWT lives, by its own word; None when it does not say or makes no sense.

    Measured from its own ``iat``, so that a clock that differs from ours does no harm. Without one there is
    only our clock, and little time left may as well mean that the clocks differ: then a 401 will tell.
    """
    try:
        payload = token.split(".")[1]
        # A claim set is some hundred bytes: what is larger is not looked at.
        # JWTs come without padding; what is too much of it is ignored.
        claims = json.loads(base64.urlsafe_b64decode(payload[:16384] + "=="))
        expires, issued = _seconds(claims["exp"]), _seconds(claims.get("iat"))
    except (IndexError, KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    if expires is None:
        return None
    life, least = (
        (expires - time.time(), _SHORTEST_UNSURE) if issued is None else (expires - issued, _SHORTEST)
    )
    return life if least <= life < _LONGEST_LIFE else None


def _seconds(value: object) -> float | None:
    # A whole number may be beyond all floating-point numbers.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _BEYOND:
        return None
    return float(value)


# A call holds its body where no repr shows it; the frames that it passes through hold nothing else.


def _login_call(spec: dict[str, str | Secret]) -> Call[tuple[Secret, Secret | None]]:
    return Call(
        "POST",
        "/v1/tokens",
        "login",
        _token_pair,
        body=encode({k: v.reveal() if isinstance(v, Secret) else v for k, v in spec.items()}),
        safe=True,
        secrets=tuple(value for value in spec.values() if isinstance(value, Secret)),
    )


def _refresh_call(
    method: str, path: str, what: str, read: Callable[[bytes], Awaitable[T]], refresh: Secret
) -> Call[T]:
    return Call(method, path, what, read, body=encode(refresh.reveal()), safe=True, secrets=(refresh,))


async def _unread(body: bytes) -> None:
    """Its status told enough."""


async def _token_pair(body: bytes) -> tuple[Secret, Secret | None]:
    pair, spoken = _pair_in(body), is_json(body)
    # What is raised shows the locals of its frames.
    del body
    if not spoken:
        # A proxy's page with 200 is worth another try.
        raise DecodeError("the answer is no JSON", not_json=True)
    if pair is None:
        raise DecodeError(
            "the login was accepted, but its answer holds no access token", json_path="$.accessToken"
        )
    return pair


def _pair_in(body: bytes) -> tuple[Secret, Secret | None] | None:
    try:
        document = parse_json(body)
    except DecodeError:
        return None
    access = document.get("accessToken") if type(document) is dict else None
    if type(access) is not str or not _is_header_safe(access):
        return None
    refresh = document.get("refreshToken")
    refresh_id = refresh.get("id") if type(refresh) is dict else None
    return Secret(access), Secret(refresh_id) if type(refresh_id) is str and refresh_id else None


async def _access_token(body: bytes) -> Secret:
    token = _token_in(body)
    del body
    if token is None:
        raise DecodeError("the refresh was accepted, but its answer holds no access token")
    return token


def _token_in(body: bytes) -> Secret | None:
    """The access token of a refresh: a JSON string, or the bare JWT that some releases send."""
    try:
        text = parse_json(body)
    except DecodeError:
        # A page of HTML, or a word, of whatever stands in between is no token.
        text = body.decode("ascii", "replace").strip()
        if not _JWT.fullmatch(text):
            return None
    return Secret(text) if type(text) is str and _is_header_safe(text) else None


def _is_header_safe(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
