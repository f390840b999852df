"""A clock that is moved by hand, and small worlds to be watched by it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from random import Random

from vcf_tasks_async import Polling, Status, SubTask, Task, TaskNotFound
from vcf_tasks_async.polling import Poller
from vcf_tasks_async.waiting import Waits
from vcf_tasks_async.watch import TaskWatch

#: Looks every 10 s, no more and no less.
STEADY = Polling(initial=10.0, maximum=10.0, jitter=0.0, patience=900.0)


class HandTimer:
    def __init__(self, callback):
        self.callback = callback

    def cancel(self):
        self.callback = None


class HandClock:
    """Time that passes only in `advance`: all that is due happens in its order, and is waited for."""

    def __init__(self):
        self.now = 0.0
        self.in_flight = 0
        self.moved = []  # told of each move, in seconds
        self._timers = []
        self._numbers = itertools.count()

    def time(self):
        return self.now

    def call_at(self, when, callback):
        timer = HandTimer(callback)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    @property
    def timers(self):
        return sum(1 for *_, timer in self._timers if timer.callback is not None)

    async def settle(self):
        """Until nothing is in flight, and everybody has had a few turns to take note of it."""
        quiet = 0
        while quiet < 8:
            await asyncio.sleep(0)
            quiet = 0 if self.in_flight else quiet + 1

    def _move(self, to):
        seconds, self.now = to - self.now, to
        for move in self.moved:
            move(seconds)

    async def advance(self, seconds):
        """Let so much time pass."""
        until = self.now + seconds
        await self.settle()
        while self._timers and self._timers[0][0] <= until:
            when, _, timer = heapq.heappop(self._timers)
            if timer.callback is None:
                continue
            if when > self.now:
                self._move(when)
            timer.callback()
            await self.settle()
        self._move(until)
        await self.settle()


class World:
    """Tasks as plain values, newest first; how they are asked for is counted."""

    def __init__(self, clock: HandClock):
        self.clock = clock
        self.tasks: dict[str, Task] = {}
        self.gets = []
        self.pages = 0
        self.error = None  # raised by every look while it is there
        self.errors = {}  # raised by looks at one task
        self.whole = True  # whether listings are proven whole
        self.turns = 2
        self.hold = None
        self.running = set()

    def put(self, task_id, status="In Progress", steps=(), **fields):
        subs = tuple(SubTask(name=f"step {i}", raw_status=step) for i, step in enumerate(steps))
        if Status.parse(status).is_ended:
            fields.setdefault("completion_timestamp", f"2025-06-15T15:00:{self.clock.now % 60:06.3f}Z")
        task = Task(id=task_id, name=f"name of {task_id}", raw_status=status, sub_tasks=subs, **fields)
        if task_id in self.tasks:
            self.tasks[task_id] = task
        else:
            self.tasks = {task_id: task, **self.tasks}

    async def _answer(self):
        self.clock.in_flight += 1
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            if self.hold is not None:
                self.clock.in_flight -= 1
                try:
                    await self.hold.wait()
                finally:
                    self.clock.in_flight += 1
            if self.error is not None:
                raise self.error
        finally:
            self.clock.in_flight -= 1

    async def get(self, task_id):
        self.gets.append(task_id)
        await self._answer()
        if task_id in self.errors:
            raise self.errors[task_id]
        if task_id not in self.tasks:
            raise TaskNotFound(f"task {task_id} is not there", status=404)
        return self.tasks[task_id]

    def listing(self, where, prefetch):
        return WorldReading(self, where)

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task


class WorldReading:
    """A listing of the world, page by page."""

    def __init__(self, world, where):
        self.world = world
        self.where = where
        self.total = None
        self.complete = False
        self.skipped = []
        self.place = 0
        self.tasks = []

    async def __aenter__(self):
        return self

    def __aiter__(self):
        return self

    async def __aexit__(self, *exc_info):
        pass

    async def __anext__(self):
        if self.place % 100 == 0:
            self.world.pages += 1
            await self.world._answer()
            if self.place == 0:
                self.tasks = [
                    task
                    for task in self.world.tasks.values()
                    if task.id not in self.world.errors and self.where.matches(task)
                ]
            self.total = len(self.tasks)
        if self.place >= len(self.tasks):
            self.complete = self.world.whole and not self.world.errors
            raise StopAsyncIteration
        self.place += 1
        # What came is as it is now, not as it was when the listing began.
        task = self.tasks[self.place - 1]
        return self.world.tasks.get(task.id, task)


class Site:
    """A world, its clock, and a poller over it."""

    def __init__(self, *, grace=60.0):
        self.clock = HandClock()
        self.world = World(self.clock)
        self.poller = Poller(self.world.get, self.world.listing, self.world.spawn, self.clock, Random(1))
        self.waits = Waits(self.poller, grace=grace, manager="sddc.test")

    def wait(self, task_id, **options):
        chosen = {
            "timeout": None, "polling": STEADY, "raise_failed": False, "after_retry": None,
            "stalled_after": None, "on_stalled": None, "on_progress": None,
        } | options  # fmt: skip
        return asyncio.create_task(self.waits.one(task_id, **chosen))

    def watch(self, where=None, **options):
        return TaskWatch(self.poller, where, **{"polling": STEADY, "manager": "sddc.test"} | options)

    async def idle(self):
        """Nothing is left: no asyncio task, no timer."""
        await self.poller.settled()
        await asyncio.sleep(0)
        return not self.world.running and not self.clock.timers


class Log:
    """Reads a watch in the background, as it comes."""

    def __init__(self, watch):
        self.watch = watch
        self.events = []
        self.error = None
        self.task = asyncio.create_task(self._read())

    async def _read(self):
        try:
            async for event in self.watch:
                self.events.append(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test asks for it
            self.error = error

    def told(self):
        """What came since the last time, in short."""
        events, self.events = self.events, []
        return [short(event) for event in events]

    async def close(self):
        self.task.cancel()
        await asyncio.wait([self.task])
        await self.watch.aclose()


def short(event):
    parts = [event.kind.name, event.task_id, event.path or None]
    change = f"{event.before} > {event.after}" if event.before or event.after else None
    return " ".join(part for part in (*parts, change) if part)
