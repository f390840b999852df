"""Logins, access tokens and refresh tokens: who may call the simulator, and for how long.

Access tokens are real JWTs. Needs PyJWT, which the `testing` extra brings.
"""

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from vcf_tasks_async.testing.bodies import Answer, Call, Raw, encode, error, error_answer
from vcf_tasks_async.testing.clock import SimulatorClock

__all__ = ["TokenOffice"]


class TokenOffice:
    """Issues, refreshes and revokes tokens.

    Args:
        clock: whose time counts for `iat`, `exp` and expiry.
        username: who may log in with *password*.
        password: the password of *username*.
        api_key: what `{"apiKey": …}` takes.
        id_token: what `{"idToken": …}` takes.
        access_ttl: seconds an access token lives.
        refresh_ttl: seconds a refresh token lives.
        created_status: what a login answers: 201 as documented, 200 as seen.
        failure_status: what a wrong login answers.
        lockout: wrong logins in a row after which the account is locked for 300 s; None never locks.
        refresh_as: `json` answers a refresh with a JSON string, `text` with the bare token.
    """

    LOCKED_S = 300.0

    def __init__(
        self,
        clock: SimulatorClock,
        *,
        username: str,
        password: str,
        api_key: str,
        id_token: str,
        access_ttl: float,
        refresh_ttl: float,
        created_status: int,
        failure_status: int,
        lockout: int | None,
        refresh_as: str,
    ) -> None:
        try:
            import jwt  # noqa: PLC0415 - an extra; its absence is explained
        except ImportError as missing:
            raise ImportError(
                "the simulator issues real JWTs and needs PyJWT: pip install 'vcf-tasks-async[testing]'"
            ) from missing
        self._sign = jwt.encode
        self._clock = clock
        self._users = {username: password}
        self._api_key, self._id_token = api_key, id_token
        self._access_ttl, self._refresh_ttl = access_ttl, refresh_ttl
        self._created_status, self._failure_status = created_status, failure_status
        self._lockout, self._refresh_as = lockout, refresh_as
        self._key = secrets.token_bytes(32)
        self._access: dict[str, float] = {}
        self._refresh: dict[str, tuple[str, float]] = {}
        self._wrong = 0
        self._locked_until = float("-inf")
        self.logins = 0
        self.failed_logins = 0
        self.refreshes = 0

    def __repr__(self) -> str:
        return f"<tokens: {self.logins} logins, {self.refreshes} refreshes>"

    def accepts(self, token: str | None) -> bool:
        """Whether *token* was issued here, has not expired and was not revoked."""
        expiry = self._access.get(token) if token else None
        return expiry is not None and self._clock.now() < expiry

    def login(self, call: Call) -> Answer:
        """POST /v1/tokens."""
        try:
            spec = call.json()
        except ValueError:
            spec = None
        if not isinstance(spec, dict) or not any(spec.get(k) for k in ("username", "apiKey", "idToken")):
            text = "Give username and password, or apiKey, or idToken"
            return error_answer(400, error("BAD_REQUEST", text, reference="SIMTK1"))
        subject = self._who(spec)
        now = self._clock.now()
        if subject is None or now < self._locked_until:
            return self._refuse(spec, now)
        self._wrong = 0
        self.logins += 1
        refresh = str(uuid.uuid4())
        self._refresh[refresh] = (subject, now + self._refresh_ttl)
        pair = {"accessToken": self._issue(subject, now), "refreshToken": {"id": refresh}}
        return Answer(self._created_status, encode(pair))

    def refresh(self, call: Call) -> Answer:
        """PATCH /v1/tokens/access-token/refresh; a refresh token is good again and again until it expires."""
        if not call.content_type.startswith("application/json"):
            text = f"Content type '{call.content_type or 'none'}' is not supported: send application/json"
            return error_answer(415, error("UNSUPPORTED_MEDIA_TYPE", text, reference="SIMTK2"))
        identity = _identity(call.body)
        if not identity:
            return error_answer(
                400, error("BAD_REQUEST", "The body must be the refresh token's id", reference="SIMTK3")
            )
        now = self._clock.now()
        subject, expiry = self._refresh.get(identity, ("", float("-inf")))
        if now >= expiry:
            body = error(
                "TOKEN_NOT_FOUND",
                "The refresh token is unknown, expired or revoked",
                remediation="Log in again.",
                reference="SIMTK4",
            )
            return error_answer(404, body)
        self.refreshes += 1
        token = self._issue(subject, now)
        if self._refresh_as == "text":
            return Answer(200, token.encode(), "text/plain;charset=UTF-8")
        return Answer(200, encode(token))

    def revoke(self, call: Call) -> Answer:
        """DELETE /v1/tokens/refresh-token; 204 whether it was known or not."""
        self._refresh.pop(_identity(call.body), None)
        return Answer(204, content_type=None)

    def expire_access(self) -> None:
        """Every access token issued so far is refused from now on."""
        self._access.clear()

    def revoke_refresh(self) -> None:
        """Every refresh token issued so far is refused from now on."""
        self._refresh.clear()

    def change_hands(self, users: Mapping[str, str]) -> None:
        """Another product answers from now on, with *users* of its own: no token is good any more."""
        self._users = dict(users)
        self._key = secrets.token_bytes(32)
        self._wrong, self._locked_until = 0, float("-inf")
        self.expire_access()
        self.revoke_refresh()

    def _who(self, spec: dict[str, Any]) -> str | None:
        """Whose login this is, None when it is wrong."""
        if "apiKey" in spec:
            return "apikey" if spec["apiKey"] == self._api_key else None
        if "idToken" in spec:
            return "idtoken" if spec["idToken"] == self._id_token else None
        username = str(spec.get("username"))
        right = username in self._users and spec.get("password") == self._users[username]
        return username if right else None

    def _refuse(self, spec: dict[str, Any], now: float) -> Answer:
        self.failed_logins += 1
        self._wrong += 1
        if self._lockout is not None and self._wrong >= self._lockout:
            self._wrong, self._locked_until = 0, now + self.LOCKED_S
        entity = spec.get("username") or "the given key"
        body: Raw = error(
            "IDENTITY_UNAUTHORIZED_ENTITY",
            f"Entity {entity} is not authorized",
            remediation="Check the user name and the password, and that the account is not locked.",
            arguments=[str(entity)],
            reference="SIMTK5",
        )
        return error_answer(self._failure_status, body)

    def _issue(self, subject: str, now: float) -> str:
        claims = {
            "iss": "vcf-auth",
            "sub": subject,
            "aud": "sddc-services",
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now + self._access_ttl),
            "jti": str(uuid.uuid4()),
            "scope": ["BACKUP_CONFIG_READ", "CREDENTIAL_READ", "OTHER_READ", "OTHER_WRITE"],
        }
        token = self._sign(claims, self._key, algorithm="HS256")
        if len(self._access) > 10_000:
            self._access = {kept: expiry for kept, expiry in self._access.items() if expiry > now}
        self._access[token] = now + self._access_ttl
        return token


def _identity(body: bytes) -> str:
    """The refresh token's id: a JSON string, or the bare text that some clients send."""
    text = body.decode("utf-8", "replace").strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
