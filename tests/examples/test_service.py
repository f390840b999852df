"""The service of `examples/`, as a process of its own, over a simulated SDDC Manager."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from access import access

from vcf_tasks_async.testing import SddcManagerSimulator

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
EXAMPLES = Path(__file__).parents[2] / "examples"


class Service:
    """The running service, and its SDDC Manager."""

    def __init__(
        self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession, sddc: SddcManagerSimulator
    ) -> None:
        self.process, self.http, self.sddc = process, http, sddc

    async def records(self, path: str) -> list[dict[str, Any]]:
        async with self.http.get(path) as response:
            assert (response.status, response.content_type) == (200, "application/x-ndjson")
            return [json.loads(line) async for line in response.content]


@asynccontextmanager
async def serving(sddc: SddcManagerSimulator) -> AsyncIterator[Service]:
    """The service, until the block is left or it ended by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "service:app", "--port", "0",
        "--timeout-graceful-shutdown", "10",
        env={**os.environ, **access(sddc)}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = b""
    while b"running on http://" not in (line := await process.stderr.readline()):
        said += line
        assert line, said.decode()
    url = line.decode().split("running on ")[1].split()[0]
    draining = asyncio.create_task(process.stderr.read())
    try:
        async with aiohttp.ClientSession(url) as http:
            yield Service(process, http, sddc)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await draining


async def test_the_service_streams_retries_and_says_what_is_wrong() -> None:
    options: dict[str, Any] = {"failed": 0.2, "not_retryable": 0, "credential_tasks": 0, "live": False}
    async with SddcManagerSimulator(150, **options) as sddc, serving(sddc) as service:
        *records, last = await service.records("/tasks")
        assert {record["id"] for record in records} == set(sddc.ids())
        assert last == {"complete": True}
        failed = sddc.ids("Failed")
        assert [record["id"] for record in (await service.records("/tasks?status=failed"))[:-1]] == failed
        assert await service.records("/tasks?status=cancelled&status=pending") != []

        async with service.http.post(f"/tasks/{failed[0]}/retry") as response:
            assert (response.status, (await response.json())["result"]) == (202, "accepted")
        done = sddc.ids("Successful")[0]
        async with service.http.post(f"/tasks/{done}/retry") as response:
            assert (response.status, (await response.json())["result"]) == (409, "rejected")
        assert len(sddc.requests.select(method="PATCH")) == 2
        assert len(sddc.requests.select(method="POST", path="/v1/tokens")) == 1

        async with service.http.get("/tasks?status=broken") as response:
            assert response.status == 422
            assert "'broken' is no status" in (await response.json())["detail"]
        sddc.faults.add(path="/v1/tasks", status=403)
        async with service.http.get("/tasks") as response:
            assert response.status == 502
            assert "refused" in (await response.json())["detail"]


async def test_a_client_that_leaves_ends_its_listing_and_sigterm_lets_another_come_to_its_end() -> None:
    async with SddcManagerSimulator(600, live=False, latency=0.2) as sddc, serving(sddc) as service:
        held = [
            sddc.faults.add(path="/v1/tasks", query={"pageNumber": page}, times=None, delay=60)
            for page in "2345"
        ]
        async with AsyncExitStack() as clients:
            for _ in range(4):
                response = await clients.enter_async_context(service.http.get("/tasks"))
                assert json.loads(await response.content.readline())["id"] in sddc.ids()
            # All 16 requests that the session may have open are theirs: nobody else is served until they end.
            while sum(fault.hits for fault in held) < 16:
                await asyncio.sleep(0.01)
        sddc.faults.clear()
        async with service.http.get("/tasks") as response:
            lines = [json.loads(await response.content.readline())]
            service.process.send_signal(signal.SIGTERM)
            lines += [json.loads(line) async for line in response.content]
        *records, last = lines
        assert {record["id"] for record in records} == set(sddc.ids())
        assert last == {"complete": True}
        await asyncio.wait_for(service.process.wait(), 10)
        # The refresh token was given back: the session was closed, not dropped.
        assert sddc.requests.select(method="DELETE", path="/v1/tokens/.*") != []
