"""How a server counts its pages, and what an answered one says. Plain values, no await."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import attrs

from vcf_tasks_async.steps import parse_timestamp

NEWEST_FIRST: Final = "newest first"
OLDEST_FIRST: Final = "oldest first"


@attrs.frozen
class PageRequest:
    """A page to ask for; without a number, the one that the server calls its first."""

    number: int | None
    size: int


@attrs.frozen
class Read:
    """An answered page in the terms that prove something.

    Attributes:
        offset: place of its first element in the listing, when it was read.
        ids: of all elements that told theirs, in order.
        received: elements that came, readable or not.
        fresh: tasks never seen before.
        total: tasks in all, as the server counted at that moment.
        created: creation timestamps of the readable ones, in order.
        is_look: it was asked for only to be compared with what was read in its place.
    """

    offset: int
    ids: tuple[str, ...]
    received: int
    fresh: int
    total: int | None
    created: tuple[str | None, ...] = ()
    is_look: bool = False

    @property
    def is_last(self) -> bool:
        """Whether the listing ended with this page, when it was read."""
        return self.total is not None and self.received > 0 and self.offset + self.received >= self.total


@attrs.frozen
class Grid:
    """How this server counts its pages: the first one's number, and how many tasks a page holds."""

    base: int
    asked: int
    step: int

    def pages(self, total: int) -> int:
        """How many pages so many tasks fill; one at least."""
        return max(1, -(-total // self.step))

    def page(self, index: int) -> tuple[PageRequest, int]:
        """The request for the page *index* (from 0), and its offset."""
        return PageRequest(self.base + index, self.asked), index * self.step

    def can_overlap(self, total: int) -> bool:
        """Whether pages no larger than this server is known to serve reach across each boundary."""
        return all(self._reach(index * self.step)[0] for index in range(1, self.pages(total)))

    def straddle(self, boundary: int) -> tuple[PageRequest, int] | None:
        """The request for a page that reaches furthest to both sides of *boundary*; None if none does."""
        reach, size = self._reach(boundary)
        if not reach and self.step == self.asked:
            # Pages of a handful: larger ones may be served. If not, the overlap is missing, and no harm done.
            reach, size = max((min(boundary % s, s - boundary % s), s) for s in range(2, 9))
        if not reach:
            return None
        number = boundary // size
        return PageRequest(self.base + number, size), number * size

    def _reach(self, boundary: int) -> tuple[int, int]:
        return max((min(boundary % s, s - boundary % s), s) for s in range(1, self.step + 1))


def orders_of(created: Sequence[str | None]) -> set[str]:
    """Which of newest first and oldest first the timestamps allow; neither where one can't be read."""
    stamps: Sequence[Any] = created
    if not all(stamp and stamp.endswith("Z") and len(stamp) == len(created[0] or "") for stamp in created):
        # Only texts of one shape sort like the moments they name.
        stamps = [parse_timestamp(stamp) for stamp in created]
        if None in stamps:
            return set()
    orders = set()
    if all(a >= b for a, b in pairwise(stamps)):
        orders.add(NEWEST_FIRST)
    if all(a <= b for a, b in pairwise(stamps)):
        orders.add(OLDEST_FIRST)
    return orders
