"""What a watch has told of, and the cursor that is made of it: marks as small JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from sys import intern
from typing import Any, Final

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.events import Mark

_CURSOR: Final = 1
# Subtasks and stages of one task: a damaged cursor must not ask for all the memory there is.
_MOST_STEPS: Final = 1_000_000


class Told(dict[str, Mark]):
    """Marks by task id, as they were told.

    A bot asks for the cursor after each event: only what has changed since the last one is packed anew.

    Example:
        >>> told = Told({"a758": Mark("In Progress")})
        >>> told.cursor()
        {'version': 1, 'words': ['In Progress'], 'tasks': {'a758': (0, 0, ())}}
    """

    __slots__ = ("_changed", "_packed", "_words")

    def __init__(self, marks: Mapping[str, Mark] | None = None) -> None:
        super().__init__(marks or {})
        self._packed: dict[str, tuple[Any, ...]] | None = None
        self._changed: set[str] = set()
        self._words: dict[str | None, int] = {}

    def __setitem__(self, task_id: str, mark: Mark) -> None:
        super().__setitem__(task_id, mark)
        self._note(task_id)

    def __delitem__(self, task_id: str) -> None:
        super().__delitem__(task_id)
        self._note(task_id)

    def forget(self, task_id: str) -> None:
        """Take *task_id* out; one that is not there does no harm."""
        self.pop(task_id, None)
        self._note(task_id)

    def _note(self, task_id: str) -> None:
        if self._packed is not None:
            self._changed.add(task_id)
            if len(self._changed) > len(self):
                # Nobody has asked for long: all of it is packed when somebody does.
                self._packed = None
                self._changed.clear()

    def cursor(self, instead: Mapping[str, Mark | None] | None = None) -> dict[str, Any]:
        """All of it, as plain values ready for `json.dumps`.

        Args:
            instead: marks to put in place of those of some tasks; None leaves the task out.
        """
        if self._packed is None:
            self._packed = {task_id: self._pack(mark) for task_id, mark in self.items()}
        for task_id in self._changed:
            if task_id in self:
                self._packed[task_id] = self._pack(self[task_id])
            else:
                self._packed.pop(task_id, None)
        self._changed.clear()
        tasks = dict(self._packed)
        for task_id, mark in (instead or {}).items():
            tasks.pop(task_id, None)
            if mark is not None:
                tasks[task_id] = self._pack(mark)
        return {"version": _CURSOR, "words": list(self._words), "tasks": tasks}

    def _pack(self, mark: Mark) -> tuple[Any, ...]:
        words = self._words
        runs: list[int] = []
        for word, group in groupby(mark.steps):
            runs += (words.setdefault(word, len(words)), sum(1 for _ in group))
        nested = (tuple(number for nest in mark.nested for number in nest),) if mark.nested else ()
        # Tuples: the garbage collector leaves them alone, and nobody can change what is kept here.
        return (words.setdefault(mark.status, len(words)), mark.run, tuple(runs), *nested)


def from_cursor(cursor: Any) -> dict[str, Mark]:
    """The marks in a cursor, given as plain values or as JSON text.

    Raises:
        UsageError: it is none of this library's.
    """
    try:
        plain = json.loads(cursor) if isinstance(cursor, str | bytes) else cursor
        version = plain["version"]
        words = [None if word is None else intern(word) for word in plain["words"]]
        if version == _CURSOR:
            return {task_id: _unpacked(packed, words) for task_id, packed in plain["tasks"].items()}
        if type(version) is not int or not 0 <= version < 1000:
            raise ValueError
    except (TypeError, KeyError, ValueError, IndexError, AttributeError, RecursionError):
        raise UsageError("cursor takes what TaskWatch.cursor gave, as a dict or as JSON text") from None
    raise UsageError(f"this cursor is of version {version}, not {_CURSOR}: start without one")


def _unpacked(packed: list[Any], words: list[str | None]) -> Mark:
    status, run, runs, *rest = packed
    flat = rest[0] if rest else []
    if any(type(number) is not int or number < 0 for number in (status, run, *runs, *flat)):
        raise TypeError
    if sum(runs[1::2]) > _MOST_STEPS:
        raise ValueError
    steps: list[str | None] = []
    for word, count in zip(runs[::2], runs[1::2], strict=True):
        steps += [words[word]] * count
    nested = tuple(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    mark = Mark(words[status], run, tuple(steps), nested)
    for _ in mark.paths() if nested else ():
        pass  # raises where the nesting is none of these steps'
    return mark
