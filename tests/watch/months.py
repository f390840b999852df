"""A real session over a simulated SDDC Manager whose months pass by hand, and the truth to compare with."""

from __future__ import annotations

import re
from collections import defaultdict
from random import Random

from timeline import HandClock

from vcf_tasks_async import EventKind, PasswordAuth, Policy, TaskSession
from vcf_tasks_async.polling import Poller
from vcf_tasks_async.testing import SddcManagerSimulator, SimulatorClock
from vcf_tasks_async.waiting import Waits

START = 1_750_000_000.0
#: What is repeated is repeated by the poller: faults reach it instead of being hidden below.
BARE = Policy(budget=0, base=0.001, cap=0.001, deadline=5.0, attempt_timeout=5.0)


class Gate:
    """Lets looks through, counts them while they are in flight, and notes what each could have seen."""

    def __init__(self, sddc, clock):
        self.sddc = sddc
        self.clock = clock
        self.sightings = []  # (task id, changes in the simulator's history by then)

    async def through(self, look):
        self.clock.in_flight += 1
        try:
            return await look
        finally:
            self.clock.in_flight -= 1

    def saw(self, task):
        # The look itself has brought the world up to the clock.
        self.sightings.append((task.id, len(self.sddc._world.history)))
        return task

    def get(self, wiring):
        async def get(task_id):
            return self.saw(await self.through(wiring.api.get(task_id)))

        return get

    def listing(self, wiring):
        return lambda where, prefetch: GatedReading(self, wiring._listing(where, prefetch))


class GatedReading:
    def __init__(self, gate, stream):
        self.gate, self.stream = gate, stream

    async def __aenter__(self):
        return self

    def __aiter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await self.gate.through(self.stream.aclose())

    async def __anext__(self):
        return self.gate.saw(await self.gate.through(anext(self.stream)))

    def __getattr__(self, name):
        return getattr(self.stream, name)


def simulator(tasks, **options):
    return SddcManagerSimulator(tasks, clock=SimulatorClock(START, speed=0), **options)


class Life:
    """A session whose poller lives by a hand-moved clock, which moves the simulator's."""

    def __init__(self, sddc, *, policy=BARE):
        self.sddc = sddc
        self.clock = HandClock()
        self.clock.moved.append(sddc.clock.advance)
        self.gate = Gate(sddc, self.clock)
        self.session = TaskSession(
            sddc.url, PasswordAuth(sddc.username, sddc.password), policy=policy, concurrency=8
        )

    async def __aenter__(self):
        await self.session.__aenter__()
        wiring = self.session._wiring
        wiring.poller = Poller(
            self.gate.get(wiring), self.gate.listing(wiring), wiring.spawn, self.clock, Random(1)
        )
        wiring.waits = Waits(wiring.poller, grace=60.0, manager="sddc.test")
        return self

    async def __aexit__(self, *exc_info):
        await self.session.close()

    def faults(self, share, rng):
        """So many of all requests end in a 502, HTML or a lost connection."""

        def maybe(request):
            if rng.random() < share:
                how = rng.choice([{"status": 502, "html": True}, {"status": 502}, {"lost": "before"}])
                self.sddc.faults.add(method="GET", **how)

        self.fault = self.sddc.on_request(maybe)


def place(pointer):
    """A JSON pointer of the simulator as a path of the client."""
    return re.sub(r"/(\w+)/(\d+)", r".\1[\2]", pointer).lstrip(".")


def expected(history, sightings, *, initial):
    """Per task, what each look at it could tell: lists of (path, before, after), look by look.

    Args:
        initial: statuses of the tasks that were there at the start, by id.
    """
    changes = defaultdict(list)
    for change in history:
        changes[change.task_id].append(change)
    done = defaultdict(int)
    known = set()
    windows = defaultdict(list)
    for task_id, number in sightings:
        mine = changes[task_id]
        first, last = done[task_id], done[task_id]
        while last < len(mine) and mine[last].number <= number:
            last += 1
        done[task_id] = last
        if task_id not in known:
            known.add(task_id)
            status = initial.get(task_id)
            for change in mine[:last]:
                if change.kind in ("status", "created"):
                    status = change.new
            windows[task_id].append([("", None, status)])
            continue
        net = {}
        for change in mine[first:last]:
            path = place(change.path)
            net[path] = (net[path][0] if path in net else change.old, change.new)
        told = sorted((path, old, new) for path, (old, new) in net.items() if old != new)
        if told:
            windows[task_id].append(told)
    return windows


def assert_told(events, windows, purged):
    """The events are what the looks could tell: per task in order, none twice, none missing."""
    told = defaultdict(list)
    gone = []
    for event in events:
        if event.kind is EventKind.GONE:
            gone.append(event.task_id)
        elif event.task_id is not None:
            assert event.task_id not in gone
            assert (event.kind is EventKind.SUBTASK) == bool(event.path)
            told[event.task_id].append((event.path, event.before, event.after))
            assert event.task.id == event.task_id
    assert set(told) == set(windows)
    for task_id, mine in told.items():
        at = 0
        for window in windows[task_id]:
            assert sorted(mine[at : at + len(window)]) == window
            at += len(window)
        assert at == len(mine)
    assert len(gone) == len(set(gone))
    assert set(gone) == purged & set(told)
