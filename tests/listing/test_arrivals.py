"""Pages that arrive together: read one a turn of the loop, after their successors were asked for."""

from __future__ import annotations

import asyncio
import json

from vcf_tasks_async.api import Api
from vcf_tasks_async.calls import Reply


class Caller:
    """Answers all calls at once, when it is told to."""

    def __init__(self) -> None:
        self.now = asyncio.Event()
        self.log: list[str] = []

    async def call(self, call, tokens):
        await self.now.wait()
        call.arrived()
        value = await call.read(json.dumps({"elements": [{"id": "a758"}]}).encode())
        self.log.append("structured")
        return Reply(value, 1)


async def test_pages_that_arrive_together_are_structured_one_a_turn_and_after_all_are_taken_in():
    caller = Caller()
    api = Api(caller, None)
    pages = [asyncio.create_task(api.page(n, arrived=lambda: caller.log.append("came"))) for n in range(8)]
    await asyncio.sleep(0)
    caller.now.set()
    longest = 0
    while not all(page.done() for page in pages):
        before = caller.log.count("structured")
        await asyncio.sleep(0)
        longest = max(longest, caller.log.count("structured") - before)
    assert caller.log == 8 * ["came"] + 8 * ["structured"]
    assert longest == 1
