"""What the tests of bulk runs share: a sender without a network."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from vcf_tasks_async import Action, BulkRun, NotSentError, Outcome, Result, Task, TaskConflict
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.options import Options


def failed(task_id: str, completed: str | None = "2026-01-01T00:00:00.000Z", **fields: Any) -> Task:
    return Task(id=task_id, raw_status="Failed", completion_timestamp=completed, **fields)


class Sender(Nursery):
    """Does writes without a network; each takes *seconds*. Ids that start with ``no`` are refused."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.sent: Counter[str] = Counter()
        self.starts: list[float] = []
        self.in_flight = self.most_in_flight = 0
        self.resumed: Counter[str] = Counter()

    async def send(self, action, task_id, gate, **_):
        if not gate.may_leave():
            return Outcome(task_id, action, Result.NOT_SENT, "the run was ended", NotSentError("ended"))
        self.sent[task_id] += 1
        self.starts.append(asyncio.get_running_loop().time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.take_time()
        finally:
            self.in_flight -= 1
        if task_id.startswith("no"):
            error = TaskConflict("cannot be retried", status=409)
            return Outcome(task_id, action, Result.REJECTED, str(error), error, 1)
        return Outcome(task_id, action, Result.ACCEPTED, attempts=1)

    async def take_time(self):
        await asyncio.sleep(self.seconds)

    async def settle(self, action, task_id, before, lost):
        raise AssertionError("nothing is lost here")

    async def resume(self, action, task_id, before, at):
        self.resumed[task_id] += 1
        return

    def run(
        self, targets, *, concurrency=4, action=Action.RETRY, open_journal=None, follow=None, **how
    ) -> BulkRun:
        return BulkRun(
            action, targets, self, self.start, Options(**how),
            workers=concurrency, open_journal=open_journal, follow=follow,
        )  # fmt: skip
