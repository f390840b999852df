"""A client of a dozen lines that speaks raw HTTP: what the simulator's own tests call it with."""

import json
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from vcf_tasks_async.testing import SddcManagerSimulator


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [element["id"] for element in self.json["elements"]]


class RawClient:
    """`async with RawClient(sddc) as api: await api("GET", "/v1/tasks", pageSize=5)`; logs in first."""

    def __init__(self, sddc: SddcManagerSimulator, *, login: bool = True, **session: Any) -> None:
        self.sddc, self.token = sddc, ""
        self.refresh_token = ""
        self._login, self._options = login, session

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(**self._options)
        if self._login:
            await self.login()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()  # noqa: ASYNC102 - a test's

    async def login(self, **spec: str) -> Reply:
        wanted = spec or {"username": self.sddc.username, "password": self.sddc.password}
        reply = await self("POST", "/v1/tokens", body=wanted)
        if reply.status < 300:
            self.token = reply.json["accessToken"]
            self.refresh_token = reply.json["refreshToken"]["id"]
        return reply

    async def __call__(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, **query: Any
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self.http.request(
            method,
            self.sddc.url + path,
            params={name: str(value) for name, value in query.items()},
            json=body,
            headers={**sent, **(headers or {})},
        ) as response:
            return Reply(response.status, await response.read(), response.headers)
