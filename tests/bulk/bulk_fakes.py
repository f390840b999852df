"""What the tests of bulk runs share: a loop whose time is not waited for, and a sender without a network."""

from __future__ import annotations

import asyncio
import selectors
from collections import Counter
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from vcf_tasks_async import Action, BulkRun, NotSentError, Outcome, Result, Task, TaskConflict
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.options import Options

T = TypeVar("T")

#: Wall-clock seconds that virtual time 0 stands for.
EPOCH = 1_750_000_000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on which nobody waits: when all are asleep, its clock jumps to the next alarm."""

    def __init__(self) -> None:
        self.now = 0.0
        VirtualWall.loop = self
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.now


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None):
        if timeout is None:  # only a thread can bring anything now
            return super().select(None)
        found = super().select(0)
        if not found and timeout > 0:
            self._loop.now += timeout
        return found


def virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class VirtualWall:
    """Stands for the module `time`, in any thread: the clock of the virtual loop made last."""

    loop: ClassVar[VirtualLoop]

    @classmethod
    def time(cls) -> float:
        return EPOCH + cls.loop.now

    @classmethod
    def monotonic(cls) -> float:
        return cls.loop.now


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
