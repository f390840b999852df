"""aiohttp alone: what one writes by hand in an hour, and the floor of a bulk run."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from benchmarks.meters import Meter
from benchmarks.peers import Job
from benchmarks.workload import task_id


@contextlib.asynccontextmanager
async def client(job: Job) -> AsyncIterator[aiohttp.ClientSession]:
    """No limit of connections below the window, and one connection made before the clock starts."""
    context: Any = ssl.create_default_context(cafile=job.ca_file) if job.ca_file else True
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    # What no client can leave out: SDDC Manager wants to know who asks.
    headers = {"Authorization": "Bearer e30.e30."}
    async with aiohttp.ClientSession(job.url, connector=connector, headers=headers) as http:
        async with http.patch("/v1/tasks/warm-up") as response:
            await response.read()
        yield http


async def _page(http: aiohttp.ClientSession, number: int) -> dict[str, Any]:
    async with http.get("/v1/tasks", params={"pageNumber": number, "pageSize": 100}) as response:
        found: dict[str, Any] = await response.json()
        return found


async def sequential(job: Job, meter: Meter) -> None:
    """One page after another."""
    async with client(job) as http:
        with meter:
            number, pages = 0, 1
            while number < pages:
                page = await _page(http, number)
                meter.got(page["elements"])
                number, pages = number + 1, page["pageMetadata"]["totalPages"]


async def gather(job: Job, meter: Meter) -> None:
    """The first page, then all others at once."""
    async with client(job) as http:
        with meter:
            first = await _page(http, 0)
            numbers = range(1, first["pageMetadata"]["totalPages"])
            pages = await asyncio.gather(*(_page(http, number) for number in numbers))
            for page in (first, *pages):
                meter.got(page["elements"])


async def retries(job: Job, meter: Meter) -> None:
    """As many workers as requests in flight, over one iterator: the leanest way with aiohttp."""
    ids = iter([task_id(number) for number in range(job.tasks)])

    async def work(http: aiohttp.ClientSession) -> None:
        for one in ids:
            async with http.patch(f"/v1/tasks/{one}") as response:
                await response.read()
                meter.count += response.status == 200

    async with client(job) as http:
        with meter:
            await asyncio.gather(*(work(http) for _ in range(job.window)))
