"""The words in which the poller and those who follow tasks speak to each other. Nothing happens here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Protocol, Self

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.models import Task

if TYPE_CHECKING:
    from vcf_tasks_async.events import Mark
    from vcf_tasks_async.filters import TaskFilter
    from vcf_tasks_async.policy import Polling


class Timer(Protocol):
    """What `Clock.call_at` returns."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """The part of an event loop that tells the time: a test moves months with its own."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer: ...


class Reading(Protocol):
    """The part of a `TaskStream` that a look at a listing needs."""

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> Task: ...
    @property
    def total(self) -> int | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def skipped(self) -> tuple[VcfTasksError, ...]: ...


Get = Callable[[str], Awaitable[Task]]
# The filter, without its statuses, and the pages to read ahead.
OpenListing = Callable[["TaskFilter", int], Reading]


class Follower(Protocol):
    """Who is told what the looks bring. Told on the loop, between two looks; must not raise."""

    @property
    def polling(self) -> Polling: ...

    def seen(self, task: Task, mark: Mark) -> bool:
        """Take a look at *task*; returns whether it brought news."""
        ...

    def missing(self, task_id: str) -> None:
        """Take it that the task is gone for good; it is not looked at any more."""
        ...

    def lost(self, error: VcfTasksError) -> None:
        """Take it that looks fail from now on."""
        ...

    def restored(self, seconds: float) -> None:
        """Take it that looks work again, after *seconds*."""
        ...

    def fail(self, error: Exception, task_id: str | None, seconds: float) -> None:
        """Take it that nothing more will come, of one task or (None) of any.

        Looks have failed for *seconds*; 0 where there was no use in trying on.
        """
        ...


class SweepFollower(Follower, Protocol):
    """Who follows a whole listing."""

    def begin(self) -> None:
        """Be ready: a listing begins."""
        ...

    def absent(self) -> Iterable[str]:
        """The listing is through: return the tasks that were due in it and did not come."""
        ...

    def unreadable(self, task_id: str, error: VcfTasksError) -> None:
        """Take it that this one task can't be read just now."""
        ...


class Following(Protocol):
    """The poller, as those who follow see it."""

    @property
    def clock(self) -> Clock: ...

    def follow(self, task_id: str, follower: Follower, *, delay: float = 0.0) -> None:
        """Look at a task from now on (its first look is due in *delay* seconds) and tell *follower*."""
        ...

    def unfollow(self, task_id: str, follower: Follower) -> None:
        """Tell *follower* nothing more of this task. Twice does no harm."""
        ...

    def sweep(self, query: TaskFilter, follower: SweepFollower) -> None:
        """Look at all tasks that *query* means from now on, and tell *follower*."""
        ...

    def leave(self, query: TaskFilter, follower: SweepFollower) -> None:
        """Tell *follower* nothing more of this listing. Twice does no harm."""
        ...

    def hurry(self, query: TaskFilter) -> None:
        """Look at this listing again soon: a follower has room for what it had to pass over."""
        ...

    async def settled(self) -> None:
        """Return when what was told to stop has stopped."""
        ...
