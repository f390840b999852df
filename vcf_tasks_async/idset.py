"""A set of ids that stays small: a million of them in some twelve megabytes."""

from __future__ import annotations

from array import array
from typing import Final

# Up to here the ids themselves are kept: exact, and quicker than anything written in Python.
_EXACT: Final = 20_000
_FULL: Final = 0.75


class IdSet:
    """Tells new ids from those that came before.

    Beyond 20,000 ids it keeps 64-bit fingerprints instead: eleven bytes an id where a set of texts takes
    a hundred and thirty. Two ids of a million share one with a probability of 1 in 30 million.

    Example:
        >>> ids = IdSet()
        >>> ids.add("a758"), ids.add("a758"), len(ids)
        (True, False, 1)
    """

    __slots__ = ("_count", "_exact", "_table")

    def __init__(self) -> None:
        self._exact: set[str] | None = set()
        self._table = array("q")
        self._count = 0

    def __len__(self) -> int:
        return self._count if self._exact is None else len(self._exact)

    def __contains__(self, task_id: str) -> bool:
        if self._exact is not None:
            return task_id in self._exact
        return _find(self._table, _fingerprint(task_id)) < 0

    def add(self, task_id: str) -> bool:
        """Take *task_id* in; False when it was there already."""
        exact = self._exact
        if exact is not None:
            if task_id in exact:
                return False
            if len(exact) < _EXACT:
                exact.add(task_id)
                return True
            self._condense(exact)
        if self._count >= _FULL * len(self._table):
            self._grow()
        if not _put(self._table, _fingerprint(task_id)):
            return False
        self._count += 1
        return True

    def _condense(self, exact: set[str]) -> None:
        self._exact = None
        self._table = array("q", bytes(8 * 3 * _EXACT))
        for task_id in exact:
            self._count += _put(self._table, _fingerprint(task_id))

    def _grow(self) -> None:
        old = self._table
        self._table = array("q", bytes(8 * (len(old) * 8 // 5)))
        for fingerprint in old:
            if fingerprint:
                _put(self._table, fingerprint)


def _fingerprint(task_id: str) -> int:
    # 0 marks an empty place.
    return hash(task_id) or 1


def _find(table: array[int], fingerprint: int) -> int:
    """The empty place for *fingerprint*, by linear probing; -1 when it is there already."""
    size = len(table)
    place = fingerprint % size
    while (there := table[place]) != 0:
        if there == fingerprint:
            return -1
        place = place + 1 if place + 1 < size else 0
    return place


def _put(table: array[int], fingerprint: int) -> bool:
    """Put *fingerprint* into its place; False when it is there already."""
    place = _find(table, fingerprint)
    if place < 0:
        return False
    table[place] = fingerprint
    return True
