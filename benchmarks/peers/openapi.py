"""openapi-python-client's output in use: httpx, and models made by the generated `from_dict`.

The models are its own (`generated`); the call itself is what its `get_tasks.asyncio` does.
"""

from __future__ import annotations

from benchmarks.meters import Meter
from benchmarks.peers import Job
from benchmarks.peers.generated.models.page_of_task import PageOfTask
from benchmarks.peers.httpx_dicts import client


async def listing(job: Job, meter: Meter) -> None:
    """Every page, one after another, as models."""
    async with client(job) as http:
        await http.patch("/v1/tasks/warm-up")
        with meter:
            number, pages = 0, 1
            while number < pages:
                answer = await http.request(
                    method="get",
                    url="/v1/tasks",
                    params={"pageNumber": number, "pageSize": 100, "doLiveRefresh": False},
                )
                page = PageOfTask.from_dict(answer.json())
                meter.got(page.elements)
                number, pages = number + 1, page.page_metadata.total_pages
