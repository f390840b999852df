"""How a listing is read whole while it moves: which pages to ask for, and what they prove. No await.

Offsets move while tasks are created, purged or leave the filter during a listing. So the pages are
read once, side by side, and the first and the last are looked at again. Where the server lists by
creation time, that shows every move: a new task stands on one of the two, a lost one changes the count.
(Not where a page and more share one time of creation, and a new task of that time comes in their middle.)

Where new tasks come first, a page that is read after a move and counts as many tasks as before begins with
some that came already, or that are too new for its place: it betrays the move itself. So the looks
need not wait for the pages, and cost no time. Where new tasks come last, they wait, and the last page
is looked at before the others as well: read after them alone, it would hide that one task went and another
came meanwhile.

At the first sign of a move, or where the order proves nothing, the listing is read with overlaps: each
read shares a task with the one before it. Reads that overlap from the first position to the end leave
no gap in which a task could hide that was there all the time, as long as tasks don't change places
with each other. A listing of few pages is read so from the start: it costs no more than the second look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Final, Protocol

import attrs

from vcf_tasks_async.grid import OLDEST_FIRST, Grid, PageRequest, Read, orders_of
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.models import Task, TaskPage

# Up to this many pages, overlaps cost no more than looking at the first and the last again.
_FEW: Final = 3
# Sweeps that find nothing new and still prove nothing, before a listing counts as not whole.
_PATIENCE: Final = 3
# Sweeps at most: beyond this, tasks are created faster than they can be read.
_SWEEPS: Final = 50


@attrs.frozen
class _Step:
    """A page to ask for, and its place; a mere look is only compared with what was read there."""

    request: PageRequest
    offset: int
    is_look: bool = False


class _Sweep(Protocol):
    """One way through the listing; *asked*: of how many pages it has asked for so far, the first ones."""

    asked: int
    over: bool
    whole: bool

    def next_step(self) -> _Step | None: ...
    def feed(self, read: Read) -> None: ...


class _Plain:
    """Every page once, and looks at the first and the last. Over at the first sign that something moved."""

    def __init__(self, grid: Grid, first: Read, total: int) -> None:
        self._grid, self._total = grid, total
        self._pages = grid.pages(total)
        self._order = orders_of(first.created)
        self._last = first
        self._shown = {first.offset: first.ids}
        pages = (_Step(*grid.page(index)) for index in range(1, self._pages))
        start, end = _Step(*grid.page(0), is_look=True), _Step(*grid.page(self._pages - 1), is_look=True)
        # What is asked for side by side; the next round waits for all answers to the one before.
        self._rounds: deque[Iterator[_Step]] = deque((chain(pages, (start, end)),))
        self._left = self._pages + 1
        if OLDEST_FIRST in self._order:
            self._rounds = deque((iter((end,)), pages, iter((start, end))))
            self._left += 1
        self._open = 0
        self.asked = 1
        self.over = not self._order
        self.whole = False

    def next_step(self) -> _Step | None:
        while self._rounds:
            if (step := next(self._rounds[0], None)) is not None:
                self._open += 1
                self.asked += not step.is_look
                return step
            if self._open:
                return None
            self._rounds.popleft()
        return None

    def feed(self, read: Read) -> None:
        self._open -= 1
        self._left -= 1
        still = self._shows_the_same(read) if read.is_look else self._fits(read)
        self.whole = still and read.total == self._total and not self._left
        self.over = self.whole or not still or read.total != self._total

    def _shows_the_same(self, look: Read) -> bool:
        return self._shown.setdefault(look.offset, look.ids) == look.ids

    def _fits(self, page: Read) -> bool:
        """Whether *page* is what must follow on the page before it, if nothing moved."""
        self._order &= orders_of((*self._last.created[-1:], *page.created))
        self._last = page
        if page.is_last:
            self._shown.setdefault(page.offset, page.ids)
        expected = min(self._grid.step, self._total - page.offset)
        return page.received == expected and page.fresh == len(page.ids) and bool(self._order)


class _Chained:
    """Pages with overlaps, each read linked to the one before by a task that both hold."""

    def __init__(self, grid: Grid, total: int, first: Read | None = None) -> None:
        self._grid = grid
        self._pages = grid.pages(total)
        self.asked = 0
        self._straddled = True
        self._previous: Read | None = None
        self._unbroken = True
        self.over = self.whole = False
        self._open = 0
        if first is not None:
            self.asked = 1
            self._straddled = False
            self._open = 1
            self.feed(first)

    def next_step(self) -> _Step | None:
        if self.asked >= self._pages:
            return None
        self._open += 1
        if not self._straddled:
            self._straddled = True
            if straddle := self._grid.straddle(self.asked * self._grid.step):
                return _Step(*straddle)
        self.asked += 1
        self._straddled = False
        return _Step(*self._grid.page(self.asked - 1))

    def feed(self, read: Read) -> None:
        self._open -= 1
        if self.over:
            return
        before, self._previous = self._previous, read
        if before is not None and (set(before.ids).isdisjoint(read.ids) or before.ids[0] == read.ids[0]):
            # Disjoint: something may hide between. The same start: this server does not count pages.
            self._unbroken = False
        if read.total is not None:
            self._pages = self._grid.pages(read.total)
        if read.is_last or not read.received:
            self.over = True
            self.whole = self._unbroken and read.is_last
        elif self.asked >= self._pages and not self._open:
            self.over = True


class _Probing:
    """For servers that don't tell where pages are: one page after the other until nothing new comes."""

    def __init__(self, size: int, first: Read) -> None:
        self._size = size
        self.asked = 0
        self._waiting = False
        self._overlaps = False
        self._came = bool(first.received)
        self.over = self.whole = False

    def next_step(self) -> _Step | None:
        if self._waiting:
            return None
        self._waiting = True
        self.asked += 1
        return _Step(PageRequest(self.asked, self._size), 0)

    def feed(self, read: Read) -> None:
        self._waiting = False
        self._came |= bool(read.received)
        repeated = len(read.ids) - read.fresh
        if read.fresh and repeated:
            self._overlaps = True
        # Page 1 with nothing new only says that this server counts from 1.
        if not read.received or (not read.fresh and self.asked > 1):
            self.over = True
            # It may count tasks and send none.
            self.whole = not self._overlaps and (self._came or not read.total)


class _Rest:
    """The pages that are left after one that could not be had, once each. Proves nothing."""

    whole = False

    def __init__(self, grid: Grid, asked: int, total: int) -> None:
        self._grid, self.asked, self._pages = grid, asked, grid.pages(total)
        self._open = 0
        self.over = self.asked >= self._pages

    def next_step(self) -> _Step | None:
        if self.asked >= self._pages:
            return None
        self.asked += 1
        self._open += 1
        return _Step(*self._grid.page(self.asked - 1))

    def feed(self, read: Read | None) -> None:
        self._open -= 1
        if read is not None and read.total is not None:
            self._pages = self._grid.pages(read.total)
        self.over = self.asked >= self._pages and not self._open


class Listing:
    """One listing. Ask `next_request` while there is room, `feed` the answers in the same order.

    Args:
        size: tasks on a page, 1 to 100.
        volatile: tasks can enter and leave in the middle (the server filters by status).

    Attributes:
        done: nothing more is to be asked.
        complete: the listing is known to be whole; False until done.
        total: tasks in all, as the server counted last; None where it does not say.
        sweeps: how often it was read from the start.

    Example:
        >>> listing = Listing(100)
        >>> listing.next_request()
        PageRequest(number=None, size=100)
        >>> [task.id for task in listing.feed(TaskPage(elements=(Task(id="a"), Task(id="b"))))]
        ['a', 'b']
    """

    def __init__(self, size: int, *, volatile: bool = False) -> None:
        self._size = size
        self._volatile = volatile
        self._seen, self._unreadable = IdSet(), IdSet()
        self._asked: deque[tuple[_Sweep | None, _Step]] = deque()
        self._sweep: _Sweep | None = None
        self._grid: Grid | None = None
        self._found = 0
        self._barren = 0
        self.done = False
        self.complete = False
        self.total: int | None = None
        self.sweeps = 0

    def next_request(self) -> PageRequest | None:
        """The next page to ask for; None at the end, and while it depends on answers still to come."""
        if self.done:
            return None
        if self._sweep is None:
            if self.sweeps:
                return None
            self.sweeps = 1
            step: _Step | None = _Step(PageRequest(None, self._size), 0)
        else:
            step = self._sweep.next_step()
        if step is None:
            return None
        self._asked.append((self._sweep, step))
        return step.request

    def feed(self, page: TaskPage) -> list[Task]:
        """Take the answer to the oldest open request; returns the tasks not seen before, in order."""
        sweep, step = self._asked.popleft()
        # What a look shows for the first time is read in its place.
        fresh = [] if step.is_look else [task for task in page.elements if self._seen.add(task.id)]
        self._found += len(fresh)
        metadata = page.page_metadata
        total = metadata.total_elements if metadata else None
        if total is not None:
            self.total = total
        # A larger page than asked for elsewhere: where the server caps it, it stands at another place.
        is_placed = step.request.size <= self._size or page.received == step.request.size
        lost = [error.task_id for error in page.malformed if error.task_id]
        new = 0 if step.is_look else sum(i not in self._seen and self._unreadable.add(i) for i in lost)
        read = Read(
            step.offset,
            (*(task.id for task in page.elements), *lost),
            page.received,
            fresh=len(fresh) + new,
            total=total if is_placed else None,
            created=tuple(t.creation_timestamp for t in page.elements),
            is_look=step.is_look,
        )
        if self._sweep is None and not self.done:
            self._begin(read, metadata.page_number if metadata else None)
        elif sweep is self._sweep and sweep is not None:
            # Answers to what an abandoned sweep had asked are good for their tasks, and prove nothing.
            sweep.feed(read)
            if sweep.over:
                self._finish(sweep)
        return fresh

    @property
    def can_skip(self) -> bool:
        """Whether it is known where the other pages are."""
        return self._grid is not None

    def skip(self) -> bool:
        """Go on without the answer to the oldest open request: the rest is read once, nothing is proven.

        Returns:
            Whether anything is lost by it: tasks, or the proof.
        """
        sweep, step = self._asked.popleft()
        if self.done or self._grid is None or self._sweep is None:
            return not step.is_look
        if not isinstance(self._sweep, _Rest):
            self._sweep = _Rest(self._grid, self._sweep.asked, self.total or 0)
        elif sweep is self._sweep:
            self._sweep.feed(None)
        if self._sweep.over:
            self._end(complete=False)
        return True

    def _begin(self, first: Read, number: int | None) -> None:
        """Learn from the first answer how this server counts, and choose the way."""
        if first.is_last or first.received > self._size or first.total == 0:
            # All in one answer, at one moment. Releases that know no pages send everything at any rate.
            self._end(complete=first.total is None or first.received >= first.total)
        elif first.total is None or number is None or not first.received:
            self._sweep = _Probing(self._size, first)
        else:
            self._seen.expect(first.total)
            self._grid = grid = Grid(number, self._size, first.received)
            plain = _Plain(grid, first, first.total)
            few = grid.pages(first.total) <= _FEW and grid.can_overlap(first.total)
            chained = self._volatile or plain.over or few
            self._sweep = _Chained(grid, first.total, first) if chained else plain

    def _finish(self, sweep: _Sweep) -> None:
        self._barren = 0 if self._found else self._barren + 1
        last = sweep.whole or isinstance(sweep, _Rest)
        if last or self._grid is None or self._barren >= _PATIENCE or self.sweeps >= _SWEEPS:
            self._end(complete=sweep.whole)
            return
        self._found = 0
        self.sweeps += 1
        self._sweep = _Chained(self._grid, self.total or 0)

    def _end(self, *, complete: bool) -> None:
        self.done, self.complete = True, complete
