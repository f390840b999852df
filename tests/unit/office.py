"""An office that answers token calls as scripted, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from vcf_tasks_async.auth import Auth, PasswordAuth
from vcf_tasks_async.calls import Call
from vcf_tasks_async.errors import TaskNotFound
from vcf_tasks_async.tokens import Tokens

HOUR, DAY = 3600.0, 86400.0


def segment(text: str | bytes) -> str:
    return base64.urlsafe_b64encode(text.encode() if isinstance(text, str) else text).decode().rstrip("=")


def signed(payload: str | bytes) -> str:
    return f"{segment('{}')}.{segment(payload)}.x"


def jwt(**claims: Any) -> str:
    return signed(json.dumps(claims))


class Office:
    """Answers token calls, in turn as scripted and otherwise well; counts them."""

    def __init__(self, life: float = HOUR, refresh_life: float = DAY, auth: Auth | None = None) -> None:
        self.now = 1000.0
        self.life, self.refresh_life = life, refresh_life
        self.asked: list[str] = []
        self.script: list[bytes | Exception] = []
        self.good: dict[str, float] = {}
        self.refreshable: dict[str, float] = {}
        self.calls: list[Call[Any]] = []
        auth = auth or PasswordAuth("u", "cAnArY-password")
        self.tokens = Tokens(auth, self._exchange, asyncio.create_task, self.clock)

    def clock(self) -> float:
        return self.now

    def token(self) -> str:
        token = jwt(iat=5.0, exp=5.0 + self.life, n=len(self.asked))
        self.good[token] = self.now + self.life
        return token

    async def _exchange(self, call: Call[Any], /) -> Any:
        kind = {"POST": "login", "PATCH": "refresh", "DELETE": "farewell"}[call.method]
        self.asked.append(kind)
        self.calls.append(call)
        await asyncio.sleep(0)
        answer = self.script.pop(0) if self.script else self._usual(kind, call)
        if isinstance(answer, Exception):
            raise answer
        return await call.read(answer)

    def _usual(self, kind: str, call: Call[Any]) -> bytes | Exception:
        assert call.body is not None
        if kind == "refresh":
            if self.refreshable.get(json.loads(call.body), 0) <= self.now:
                return TaskNotFound("no such token", status=404)
            return json.dumps(self.token()).encode()
        if kind == "farewell":
            return b""
        refresh = f"cAnArY-refresh-{len(self.asked)}"
        self.refreshable[refresh] = self.now + self.refresh_life
        return json.dumps({"accessToken": self.token(), "refreshToken": {"id": refresh}}).encode()

    async def call(self) -> bool:
        """One call of the API, as the caller makes it; whether its token was taken in the end."""
        for _ in range(3):
            await self.tokens.ready()
            token = self.tokens.current()
            assert token is not None
            if self.good.get(token.reveal(), 0) > self.now:
                self.tokens.accepted(token)
                return True
            if not await self.tokens.renew(token, certain=True):
                return False
        return False

    def counts(self) -> dict[str, int]:
        return {kind: self.asked.count(kind) for kind in dict.fromkeys(self.asked)}


class Never(dict[str, float]):
    """Takes no token."""

    def get(self, *_: object) -> Any:
        return 0
