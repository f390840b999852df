"""Tasks, one by one, with the pages ahead of the reader.

`TaskStream` does what `paging` says: it keeps a window of page requests in flight as plain asyncio
tasks and hands out tasks in order. It is an async generator without being a generator function: no
frame is suspended in mid-fetch, so a timeout or a cancellation round one ``anext`` loses nothing, and
no scope is open while the caller has the floor (PEP 789).
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from vcf_tasks_async.errors import DecodeError, UsageError, VcfTasksError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.grid import PageRequest
from vcf_tasks_async.models import Task, TaskPage
from vcf_tasks_async.paging import Listing
from vcf_tasks_async.policy import is_broken
from vcf_tasks_async.reader import Reader
from vcf_tasks_async.turns import Turn

# Pages that are held at most, for each in flight; and while the reader has nothing, because the one page
# that is its next is slower than the others.
_HELD: Final = 2
_HELD_WHILE_STUCK: Final = 6
# Malformed elements that are kept; beyond these they are only counted.
_KEPT: Final = 1000
# Pages that may fail in a row in a listing that skips them; as many say that nothing is to be had.
_OUTAGE: Final = 3

# Gets a page, and tells when its answer is there, before it is structured.
FetchPage = Callable[[PageRequest, Callable[[], None]], Awaitable[TaskPage]]
SpawnPage = Callable[[Coroutine[Any, Any, TaskPage]], "asyncio.Task[TaskPage]"]


class TaskStream(Reader[Task]):
    """The tasks of a listing, each exactly once. Made by `TaskSession.stream`.

    Ends by itself; leaving it early with ``break`` leaves at most the window's reads in flight, which
    end by themselves; ``async with`` (or `contextlib.aclosing`) ends them at once.

    Attributes:
        malformed: elements that could not be read (the first 1000), each with its place; `malformed_count`
            has them all.
        requests: pages asked for so far.

    Example:
        >>> async with session.stream() as tasks:
        ...     async for task in tasks:
        ...         break
    """

    def __init__(
        self,
        fetch: FetchPage,
        spawn: SpawnPage,
        where: TaskFilter,
        *,
        page_size: int,
        prefetch: int,
        strict: bool,
    ) -> None:
        # A task entering the server's own filter stands in the middle of the list, not at its start.
        volatile = where.server_status is not None or where.completed_after is not None
        self._listing = Listing(page_size, volatile=volatile)
        self._fetch = fetch
        self._spawn = spawn
        self._where = where
        self._prefetch = prefetch
        self._strict = strict
        self._failed_in_row = 0
        self._pages: deque[_Page] = deque()
        self._waits = False
        self._ready: deque[Task | DecodeError] = deque()
        # An `async for` over ready tasks never suspends by itself.
        self._turn = Turn()
        self._busy = False
        self._closed = False
        self.malformed: list[DecodeError] = []
        self.malformed_count = 0
        self.requests = 0

    @property
    def complete(self) -> bool:
        """Whether every task that was there all the time has been yielded. False until the stream ended.

        Also False when elements could not be read, when the stream was left early, and when the list
        moved so fast that no reading of it proved whole.
        """
        return self._listing.complete and not self._ready and not self.malformed_count

    @property
    def total(self) -> int | None:
        """Tasks in all as the server counted last, before the client's filter; None where it does not say."""
        return self._listing.total

    async def __anext__(self) -> Task:
        if self._busy:
            raise RuntimeError("this stream is being read already: give each reader a stream of its own")
        self._busy = True
        try:
            while not self._closed:
                if self._ready:
                    return await self._next_ready()
                if not self._pages:
                    self._top_up()
                if not self._pages:
                    self._closed = True
                    break
                await self._take_page()
        finally:
            self._busy = False
        raise StopAsyncIteration

    async def _next_ready(self) -> Task:
        if self._turn.is_over():
            # Before anything is taken: a cancellation here loses nothing.
            await self._turn.give_way()
        item = self._ready.popleft()
        if isinstance(item, DecodeError):
            await self.aclose()
            raise item
        return item

    async def _take_page(self) -> None:
        """Wait for the oldest page and sort its tasks into `_ready`."""
        oldest = self._pages[0].task
        if not oldest.done():
            self._waits = True
            self._top_up()
            try:
                # Waits without owning: cancelling the reader does not cancel the page.
                await asyncio.wait((oldest,))
            finally:
                self._waits = False
        self._pages.popleft()
        try:
            page = oldest.result()
        except BaseException as error:
            self._failed_in_row += 1
            if self._passes_over(error):
                return
            await self.aclose()
            raise
        self._failed_in_row = 0
        fresh = self._listing.feed(page)
        self._top_up()
        if page.malformed and self._note(page.malformed) and self._strict:
            self._ready.extend(page.malformed)
        self._ready.extend(task for task in fresh if self._where.matches(task))

    def _passes_over(self, error: BaseException) -> bool:
        """Whether the listing goes on without the page that ended so: not one that somebody reads."""
        return False

    def _note(self, malformed: tuple[DecodeError, ...]) -> bool:
        known = {(error.task_id, str(error)) for error in self.malformed}
        # A second look at the same page tells of the same elements.
        new = [error for error in malformed if (error.task_id, str(error)) not in known]
        self.malformed_count += len(new)
        self.malformed += new[: max(0, _KEPT - len(self.malformed))]
        return bool(new)

    def _top_up(self) -> None:
        """Ask for pages while the window has room: *prefetch* in flight, a few times that with those held."""
        in_flight = sum(page.is_on_its_way for page in self._pages)
        stuck = self._waits and self._pages[0].is_on_its_way
        held = self._prefetch * (_HELD_WHILE_STUCK if stuck else _HELD)
        while in_flight < self._prefetch and len(self._pages) < held and not self._closed:
            request = self._listing.next_request()
            if request is None:
                return
            self.requests += 1
            in_flight += 1
            self._pages.append(_Page(self._fetch, self._spawn, request, self._top_up))

    async def aclose(self) -> None:
        """End at once: whatever is in flight is cancelled and gone when this returns."""
        self._closed = True
        self._ready.clear()
        pages, self._pages = [page.task for page in self._pages], deque()
        for page in pages:
            page.cancel()
        if pages:
            await asyncio.wait(pages)


class SkippingStream(TaskStream):
    """A listing that goes on without a page that is to blame itself; for looks that come again.

    Attributes:
        skipped: why pages were passed over.
    """

    skipped: tuple[VcfTasksError, ...] = ()

    def _passes_over(self, error: BaseException) -> bool:
        if self._failed_in_row >= _OUTAGE or not self._listing.can_skip:
            return False
        if not isinstance(error, VcfTasksError) or not is_broken(error):
            return False
        if self._listing.skip():
            self.skipped += (error,)
        self._top_up()
        return True


class _Page:
    """A page that was asked for: its task, and whether its answer has come, be it structured or not yet."""

    __slots__ = ("_has_come", "_top_up", "task")

    def __init__(
        self, fetch: FetchPage, spawn: SpawnPage, request: PageRequest, top_up: Callable[[], None]
    ) -> None:
        self._has_come = False
        # It must not keep an abandoned stream alive, or that would go on asking for pages.
        self._top_up = weakref.WeakMethod(top_up)
        self.task = spawn(_fetched(fetch, request, self._come))
        self.task.add_done_callback(_look_at)

    @property
    def is_on_its_way(self) -> bool:
        return not (self._has_come or self.task.done())

    def _come(self) -> None:
        """Take it that the answer has come: the next page is asked for, if the stream still wants it."""
        self._has_come = True
        if (top_up := self._top_up()) is not None:
            # The session may have been closed meanwhile: who reads is told so by the next read.
            with suppress(UsageError):
                top_up()


def _look_at(page: asyncio.Task[TaskPage]) -> None:
    """Keep asyncio from complaining of a failure that an abandoned stream never came to read."""
    if not page.cancelled():
        page.exception()


async def _fetched(fetch: FetchPage, request: PageRequest, arrived: Callable[[], None]) -> TaskPage:
    return await fetch(request, arrived)
