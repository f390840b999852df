"""httpx, one page after another, answers as dicts."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from benchmarks.meters import Meter
from benchmarks.peers import Job


def client(job: Job) -> httpx.AsyncClient:
    """As users make it; the server's authority is trusted."""
    verify: Any = ssl.create_default_context(cafile=job.ca_file) if job.ca_file else True
    return httpx.AsyncClient(base_url=job.url, verify=verify, timeout=60, trust_env=False)


async def listing(job: Job, meter: Meter) -> None:
    """Every page, as dicts."""
    async with client(job) as http:
        await http.patch("/v1/tasks/warm-up")
        with meter:
            number, pages = 0, 1
            while number < pages:
                answer = await http.get("/v1/tasks", params={"pageNumber": number, "pageSize": 100})
                page = answer.json()
                meter.got(page["elements"])
                number, pages = number + 1, page["pageMetadata"]["totalPages"]
