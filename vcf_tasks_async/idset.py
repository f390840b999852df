"""A set of ids that stays small: a million of them in some fifteen megabytes."""

from __future__ import annotations

from array import array
from typing import Final

# Up to here the ids themselves are kept: exact, and quicker than anything written in Python.
_EXACT: Final = 4096
# Share of a table that is taken at most. A free place must be left, or a search for one would not end.
_FULL: Final = 0.9
# More ids than this are never expected, whoever says so.
_LIKELY: Final = 1_000_000


class IdSet:
    """Tells new ids from those that came before.

    Beyond 4,096 ids it keeps 64-bit fingerprints: some fifteen bytes an id where a set of texts takes a
    hundred and thirty. Two ids of a million share one with a probability of 1 in 30 million. It grows by
    one more table, so that no id is ever moved and no call takes long.

    Example:
        >>> ids = IdSet()
        >>> ids.add("a758"), ids.add("a758"), len(ids)
        (True, False, 1)
    """

    __slots__ = ("_count", "_exact", "_expected", "_tables", "_used")

    def __init__(self) -> None:
        self._exact: set[str] | None = set()
        self._tables: list[array[int]] = []
        self._count = self._used = self._expected = 0

    def __len__(self) -> int:
        return self._count if self._exact is None else len(self._exact)

    def __contains__(self, task_id: str) -> bool:
        if self._exact is not None:
            return task_id in self._exact
        fingerprint = _fingerprint(task_id)
        return any(_place(table, fingerprint) < 0 for table in self._tables)

    def expect(self, count: int) -> None:
        """Make the first table large enough for *count* ids: one table of the right size is the smallest."""
        # A server's word: one that counts in billions gets no memory for it.
        self._expected = min(count, _LIKELY)

    def add(self, task_id: str) -> bool:
        """Take *task_id* in; False when it was there already."""
        exact = self._exact
        if exact is not None:
            if task_id in exact:
                return False
            if len(exact) < _EXACT:
                exact.add(task_id)
                return True
            self._exact = None
            for known in exact:
                self._insert(_fingerprint(known))
        return self._insert(_fingerprint(task_id))

    def _insert(self, fingerprint: int) -> bool:
        if not self._tables or self._used + 1 > _FULL * len(self._tables[-1]):
            first = max(8 * _EXACT, int(self._expected / _FULL) + 1)
            size = 2 * len(self._tables[-1]) if self._tables else first
            self._tables.append(array("q", bytes(8 * size)))
            self._used = 0
        *older, table = self._tables
        place = _place(table, fingerprint)
        if place < 0 or any(_place(old, fingerprint) < 0 for old in older):
            return False
        table[place] = fingerprint
        self._used += 1
        self._count += 1
        return True


def _fingerprint(task_id: str) -> int:
    # 0 marks an empty place.
    return hash(task_id) or 1


def _place(table: array[int], fingerprint: int) -> int:
    """The empty place for *fingerprint*, by linear probing; -1 when it is there already."""
    size = len(table)
    place = fingerprint % size
    while (there := table[place]) != 0:
        if there == fingerprint:
            return -1
        place = place + 1 if place + 1 < size else 0
    return place
