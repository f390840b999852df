"""What a watch on the real clock was told, kept on disk, and compared with the simulator's own history."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from vcf_tasks_async import EventKind, TaskEvent
from vcf_tasks_async.testing import Change

#: Seconds for which a status must stand to be told for sure: a restart, the pause after it, a look by a busy
#: machine.
SURELY_SEEN = 120.0


class EventLog:
    """Events as lines of a file: a log in memory would look like a leak."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, event: TaskEvent) -> None:
        """Keep *event*, without its task."""
        line = [event.kind.value, event.task_id, event.path, event.before, event.after, event.at.timestamp()]
        self._file.write(json.dumps(line) + "\n")

    def lines(self) -> list[list[Any]]:
        """All of them, in order."""
        self._file.seek(0)
        lines = [json.loads(line) for line in self._file]
        self._file.seek(0, 2)
        return lines


def lies(
    log: Iterable[Sequence[Any]],
    history: Iterable[Change],
    initial: Mapping[str, str],
    *,
    surely_seen: float = SURELY_SEEN,
) -> list[str]:
    """What the log tells otherwise than the history: told twice, out of order, missed, invented.

    Args:
        log: lines of an `EventLog` whose watch went on until the world stood still and was seen so.
        history: of the whole time.
        initial: statuses of the tasks at the start, by id.
        surely_seen: seconds for which a status must stand to be told for sure; the last one always is.
    """
    wrong: list[str] = []
    truth: dict[tuple[str, str], list[Change]] = defaultdict(list)
    purged: dict[str, float] = {}
    for change in history:
        if change.kind == "purged":
            purged[change.task_id] = change.at
        else:
            truth[change.task_id, _place(change.path)].append(change)
    told: dict[tuple[str, str], list[Sequence[Any]]] = defaultdict(list)
    appeared: dict[str, float] = {}
    gone: set[str] = set()
    for line in log:
        kind, task_id, path, *_, at = line
        if task_id is None or kind in (EventKind.LOST.value, EventKind.RESTORED.value):
            continue
        if task_id in gone or (kind == EventKind.APPEARED.value) == (task_id in appeared):
            wrong.append(f"{task_id}: {kind} after its end, twice, or before it appeared")
        if kind == EventKind.GONE.value:
            gone.add(task_id)
            continue
        appeared.setdefault(task_id, at)
        told[task_id, path].append(line)
    born = {
        task_id for (task_id, path), changes in truth.items() if not path and changes[0].kind == "created"
    }
    there = initial.keys() | born
    # One that came and was purged between two looks was never there for a watcher.
    wrong += [f"{task_id}: never appeared" for task_id in there - appeared.keys() - purged.keys()]
    wrong += [f"{task_id}: invented" for task_id in appeared.keys() - there]
    wrong += [f"{task_id}: gone was not told" for task_id in (purged.keys() & appeared.keys()) - gone]
    wrong += [f"{task_id}: gone, and still there" for task_id in gone - purged.keys()]
    for (task_id, path), lines in told.items():
        if (task_id, path) not in truth and (path or lines[0][4] != initial.get(task_id) or len(lines) > 1):
            wrong.append(f"{task_id} {path}: told of what never happened")
    for (task_id, path), changes in truth.items():
        if task_id in appeared:
            wrong += _amiss(
                told[task_id, path],
                changes,
                f"{task_id} {path}",
                appeared[task_id],
                purged.get(task_id),
                surely_seen,
            )
    return wrong


def _amiss(
    lines: list[Sequence[Any]],
    changes: list[Change],
    what: str,
    appeared: float,
    until: float | None,
    surely_seen: float,
) -> list[str]:
    """The same for one task, subtask or stage."""
    wrong = []
    statuses = [changes[0].old, *(change.new for change in changes)]
    at = 0
    for number, (kind, _, _, before, after, _) in enumerate(lines):
        if before == after or (number and before != lines[number - 1][4]):
            wrong.append(f"{what}: {before} to {after} does not follow what was told before")
        first = kind == EventKind.APPEARED.value
        if not number and not first and any(c.new == before and c.at > appeared for c in changes):
            wrong.append(f"{what}: how it came to {before} was missed")
        if after not in statuses[at + (not first) :]:
            wrong.append(f"{what}: {after} told twice, or before its time")
            continue
        at = statuses.index(after, at + (not first))
    known = {line[4] for line in lines}
    for change, following in zip(changes, [*changes[1:], None], strict=True):
        ends = following.at if following is not None else until
        # What was so when the task appeared is in its APPEARED.
        late = change.at > appeared
        if late and change.new not in known and (ends is None or ends - change.at > surely_seen):
            wrong.append(f"{what}: {change.new} was missed")
    return wrong


def _place(pointer: str) -> str:
    """A JSON pointer of the simulator as a path of the client."""
    return re.sub(r"/(\w+)/(\d+)", r".\1[\2]", pointer).lstrip(".")
