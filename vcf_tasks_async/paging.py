"""How a listing is read whole while it moves: which pages to ask for, and what they prove. No await.

Offsets move while tasks are created, purged or leave the filter during a listing. So the pages are
read once, side by side, and then the first and the last are looked at again. Where the server lists by
creation time, that shows every move: a new task stands on one of the two, a lost one changes the count. Where
new tasks come last, the last page is looked at before the others as well: read after them alone, it would
hide that one task went and another came meanwhile.

At the first sign of a move, or where the order proves nothing, the listing is read with overlaps: each
read shares a task with the one before it. Reads that overlap from the first position to the end leave
no gap in which a task could hide that was there all the time, as long as tasks don't change places
with each other. A listing of few pages is read so from the start: it costs no more than the second look.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from vcf_tasks_async.grid import OLDEST_FIRST, Grid, PageRequest, Read, orders_of
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.models import Task, TaskPage

# Up to this many pages, overlaps cost no more than looking at the first and the last again.
_FEW: Final = 3
# Sweeps that find nothing new and still prove nothing, before a listing counts as not whole.
_PATIENCE: Final = 3
# Sweeps at most: beyond this, tasks are created faster than they can be read.
_SWEEPS: Final = 50


class _Sweep(Protocol):
    """One way through the listing; *probes*: what is open is a mere look, its tasks are read in place."""

    probes: bool
    over: bool
    whole: bool

    def next_step(self) -> tuple[PageRequest, int] | None: ...
    def feed(self, read: Read) -> None: ...


class _Plain:
    """Every page once, then the first and the last again. Over at the first sign that something moved."""

    def __init__(self, grid: Grid, first: Read, total: int) -> None:
        self._grid, self._total = grid, total
        self._pages = grid.pages(total)
        self._fed = 1
        self._first = self._last = first
        self._order = orders_of(first.created)
        self.over = not self._order
        self.whole = False
        self.probes = OLDEST_FIRST in self._order
        self._probe: Read | None = None
        # 0 is the look at the last page before all else.
        self._next = 0 if self.probes else 1

    def next_step(self) -> tuple[PageRequest, int] | None:
        index = self._next
        if index == 0:
            self._next = 1
            return self._grid.page(self._pages - 1)
        if self.probes:
            return None
        if index < self._pages:
            self._next += 1
            return self._grid.page(index)
        # The second look only makes sense when all else has arrived.
        if self._fed >= self._pages and index < self._pages + 2:
            self._next += 1
            return self._grid.page(0 if index == self._pages else self._pages - 1)
        return None

    def feed(self, read: Read) -> None:
        if self.probes:
            self.probes = False
            self._probe = read
            self.over = read.total != self._total
            return
        index = self._fed
        self._fed += 1
        if index < self._pages:
            expected = min(self._grid.step, self._total - read.offset)
            still = read.received == expected and read.fresh == len(read.ids)
            self._order &= orders_of((*self._last.created[-1:], *read.created))
            still = still and bool(self._order)
            self._last = read
        else:
            still = read.ids == (self._first if index == self._pages else self._probe or self._last).ids
        if not still or read.total != self._total:
            self.over = True
        elif self._fed == self._pages + 2:
            self.over = self.whole = True


class _Chained:
    """Pages with overlaps, each read linked to the one before by a task that both hold."""

    probes = False

    def __init__(self, grid: Grid, total: int, first: Read | None = None) -> None:
        self._grid = grid
        self._pages = grid.pages(total)
        self._index = 0
        self._straddled = True
        self._previous: Read | None = None
        self._unbroken = True
        self.over = self.whole = False
        self._open = 0
        if first is not None:
            self._index = 1
            self._straddled = False
            self._open = 1
            self.feed(first)

    def next_step(self) -> tuple[PageRequest, int] | None:
        if self._index >= self._pages:
            return None
        self._open += 1
        step, boundary = self._grid.page(self._index)[0], self._index * self._grid.step
        if not self._straddled:
            self._straddled = True
            if straddle := self._grid.straddle(boundary):
                return straddle
        self._index += 1
        self._straddled = False
        return step, boundary

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
        elif self._index >= self._pages and not self._open:
            self.over = True


class _Probing:
    """For servers that don't tell where pages are: one page after the other until nothing new comes."""

    probes = False

    def __init__(self, size: int, first: Read) -> None:
        self._size = size
        self._number = 0
        self._waiting = False
        self._overlaps = False
        self._came = bool(first.received)
        self.over = self.whole = False

    def next_step(self) -> tuple[PageRequest, int] | None:
        if self._waiting:
            return None
        self._waiting = True
        self._number += 1
        return PageRequest(self._number, self._size), 0

    def feed(self, read: Read) -> None:
        self._waiting = False
        self._came |= bool(read.received)
        repeated = len(read.ids) - read.fresh
        if read.fresh and repeated:
            self._overlaps = True
        # Page 1 with nothing new only says that this server counts from 1.
        if not read.received or (not read.fresh and self._number > 1):
            self.over = True
            # It may count tasks and send none.
            self.whole = not self._overlaps and (self._came or not read.total)


class _Rest:
    """The pages that are left after one that could not be had, once each. Proves nothing."""

    probes = whole = False

    def __init__(self, grid: Grid, index: int, total: int) -> None:
        self._grid, self._next, self._pages = grid, index, grid.pages(total)
        self._open = 0
        self.over = self._next >= self._pages

    def next_step(self) -> tuple[PageRequest, int] | None:
        if self._next >= self._pages:
            return None
        self._next += 1
        self._open += 1
        return self._grid.page(self._next - 1)

    def feed(self, read: Read | None) -> None:
        self._open -= 1
        if read is not None and read.total is not None:
            self._pages = self._grid.pages(read.total)
        self.over = self._next >= self._pages and not self._open


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
        self._seen = IdSet()
        self._asked: deque[tuple[_Sweep | None, int]] = deque()
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
            self._asked.append((None, 0))
            return PageRequest(None, self._size)
        step = self._sweep.next_step()
        if step is None:
            return None
        request, offset = step
        self._asked.append((self._sweep, offset))
        return request

    def feed(self, page: TaskPage) -> list[Task]:
        """Take the answer to the oldest open request; returns the tasks not seen before, in order."""
        sweep, offset = self._asked.popleft()
        probe = sweep is not None and sweep.probes
        fresh = [] if probe else [task for task in page.elements if self._seen.add(task.id)]
        self._found += len(fresh)
        metadata = page.page_metadata
        total = metadata.total_elements if metadata else None
        if total is not None:
            self.total = total
        ids = (*(t.id for t in page.elements), *(e.task_id for e in page.malformed if e.task_id))
        read = Read(
            offset,
            ids,
            page.received,
            fresh=len(fresh) + len(ids) - len(page.elements),
            total=total,
            created=tuple(t.creation_timestamp for t in page.elements),
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

    def skip(self) -> None:
        """Go on without the answer to the oldest open request: the rest is read once, nothing is proven."""
        sweep, offset = self._asked.popleft()
        if self.done or self._grid is None:
            return
        if not isinstance(self._sweep, _Rest):
            # A look ahead is the only request open then.
            looked = sweep is not None and sweep.probes
            asked = 0 if looked else max(offset, *(ahead for _, ahead in self._asked), 0)
            self._sweep = _Rest(self._grid, asked // self._grid.step + 1, self.total or 0)
        elif sweep is self._sweep:
            self._sweep.feed(None)
        if self._sweep.over:
            self._end(complete=False)

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
