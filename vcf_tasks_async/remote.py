"""The parts of a fleet's work that jobs on other machines do: what they said, and what they are told.

Here is kept what each job told: what it announced, what came of it, and until when it may go on. So a job
that is cut off is done again by another one that knows all this, and no target is asked for twice. How jobs
are started and how their words travel is a `Drive`'s affair, such as `dask`'s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from vcf_tasks_async.job_words import Answer, End, Job, Notes
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.mailbox import Empty
from vcf_tasks_async.nursery import Spawn
from vcf_tasks_async.sites import SiteTask, SiteTrouble, joined

T = TypeVar("T")

# Items that wait for the reader before jobs are told to hold.
_ROOM: Final = 1000
# Seconds that jobs get when their run is left: their grace for writes in flight, and a while to hear of it.
_GRACE: Final = 8.0


class Part:
    """What is known of one site's part.

    Attributes:
        job: what is to be done.
        end: how it ended; None while it has not.
        attempt: the job that does it, of those that ever began; None where none has.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.end: End | None = None
        self.done: set[str] = set()
        # Announced, and no outcome yet; and those of them that an earlier job had announced.
        self.open: dict[str, Sighting | None] = {}
        self.inherited: frozenset[str] = frozenset()
        self.unsent: tuple[str, ...] = ()
        self.attempt: str | None = None
        self._may_go_on_until = 0.0

    @property
    def has_begun(self) -> bool:
        """Whether a job of it was ever heard of."""
        return self.attempt is not None

    def hello(self, attempt: str, elapsed: float) -> Notes:
        """A job begins: what it has to know. From now on it is the only one."""
        now = monotonic()
        # A target that has its turn already may still wait for the pace of the run.
        rate, workers = self.job.options.get("rate"), self.job.options.get("concurrency")
        late = (workers or self.job.site.concurrency) / rate if rate else 0.0
        pause = self._may_go_on_until + late - now if self.attempt is not None and self.open else 0.0
        self.attempt = attempt
        self.inherited = frozenset(self.open)
        return Notes(frozenset(self.done), tuple(self.open.items()), max(0.0, pause), elapsed)

    def is_of(self, attempt: str) -> bool:
        """Whether the one who speaks is the one whose part this is now; if so, it may go on for a lease."""
        if attempt != self.attempt or self.end is not None:
            return False
        # Counted here from the answer, there from the question: it stops before we count on it.
        self._may_go_on_until = monotonic() + self.job.lease
        return True


Drive = Callable[["Parts[Any]"], Coroutine[Any, Any, None]]


class Parts(Generic[T]):
    """The parts of all sites of one piece of work: a box for its reader, and an ear for the jobs.

    Args:
        jobs: by the name of the site.
        drive: starts the jobs, brings what they say to `heard`, and returns when `over`.
        spawn: starts it.
    """

    def __init__(self, jobs: Mapping[str, Job], drive: Drive, spawn: Spawn) -> None:
        self.bell = asyncio.Event()
        self.changed = asyncio.Event()
        self.parts = {name: Part(job) for name, job in jobs.items()}
        self.troubles: dict[str, SiteTrouble] = {}
        self.started = monotonic()
        self.is_winding_up = False
        self._drive = drive
        self._spawn = spawn
        self._driving: asyncio.Task[None] | None = None
        self._items: deque[T] = deque()
        self._shut = False

    # --- what the jobs say ------------------------------------------------------------------------------

    def heard(self, name: str, attempt: str, what: str, about: Any) -> Any:
        """A job of this site said something; returns what it is told."""
        part = self.parts[name]
        if what == "hello":
            if self._shut or self.is_winding_up or part.end is not None:
                return Answer.STOP
            return part.hello(attempt, monotonic() - self.started)
        if not part.is_of(attempt):
            return Answer.STOP
        if what == "end":
            # What it announced and tells nothing of, it did not send.
            part.unsent = tuple(task_id for task_id in part.open if task_id not in part.inherited)
            for task_id in part.unsent:
                del part.open[task_id]
            self.ended(name, about)
            return Answer.GO_ON
        self.take_in(part, what, about)
        if self.is_winding_up:
            return Answer.WIND_UP
        return Answer.HOLD if len(self._items) >= _ROOM else Answer.GO_ON

    def take_in(self, part: Part, what: str, about: Any) -> None:
        """Keep what a job said of its work."""
        if what == "tasks":
            for task in about:
                if task.id not in part.done:
                    part.done.add(task.id)
                    self.hand(SiteTask(part.job.name, task))

    def ended(self, name: str, end: End) -> None:
        """A site's part is over: by its job's own word, or because there will be no other job."""
        part = self.parts[name]
        if part.end is None:
            part.end = end
            if end.error is not None:
                self.troubles[name] = SiteTrouble(name, part.job.verb.value, end.error)
            self.settle(part, end)
            self.changed.set()
            self.bell.set()

    def settle(self, part: Part, end: End) -> None:
        """Account for what is left of a part that is over."""

    @property
    def has_begun(self) -> bool:
        """Whether anyone reads."""
        return self._driving is not None or self._shut

    @property
    def over(self) -> bool:
        """Whether all parts are."""
        return all(part.end is not None for part in self.parts.values())

    def hand(self, item: Any) -> None:
        """Put an item where the reader finds it."""
        if not self._shut:
            self._items.append(item)
            self.bell.set()

    # --- what the reader does ---------------------------------------------------------------------------

    def open(self) -> None:
        if self._driving is None and not self._shut:
            self.started = monotonic()
            self._driving = self._spawn(self._drive(self))
            self._driving.add_done_callback(lambda _: self.bell.set())

    def take(self) -> T:
        if self._items:
            return self._items.popleft()
        if not self.over and (self._driving is None or not self._driving.done()):
            raise Empty
        self.raise_broken()
        self.finish()
        raise StopAsyncIteration

    def raise_broken(self) -> None:
        """Raise what broke the drive, if something did."""
        if self._driving is not None and self._driving.done() and not self._driving.cancelled():
            self._driving.result()

    def finish(self) -> None:
        """Raise what the reader gets at the end, if it is not a plain end."""
        if self.troubles:
            raise joined(self.troubles, len(self.parts))

    def close(self) -> None:
        self._shut = True
        self._items.clear()
        if self._driving is not None:
            self._driving.cancel()

    async def closed(self) -> None:
        if self._driving is not None:
            await asyncio.wait((self._driving,))

    async def wind_up(self) -> None:
        """The reader leaves: give the jobs their time for what is in flight."""
        self.is_winding_up = True
        self.changed.set()
        try:
            async with asyncio.timeout(_GRACE):
                while not self.over and self._driving is not None and not self._driving.done():
                    self.bell.clear()
                    await self.bell.wait()
        except TimeoutError:
            pass
