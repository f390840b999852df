"""Where the simulator's tasks are kept: by id, in list order, with the history of what changed.

Knows nothing of how a task lives (that is `world`) nor of HTTP. A task that nobody touches is kept as
its encoded JSON alone, so that ten thousand of them cost neither memory nor garbage collection.
"""

import copy
import json
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vcf_tasks_async.testing.bodies import Raw, encode
from vcf_tasks_async.testing.clock import SimulatorClock, parse_iso
from vcf_tasks_async.testing.spelling import canonical

__all__ = ["Change", "Entry", "Order", "Plan", "Store", "TaskMapping"]

Order = Literal["newest", "oldest", "name", "given"]

#: So many changes are kept; a simulator that runs for weeks forgets the older half then.
HISTORY_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the simulated world: the truth that a client's view is compared against.

    `at` is simulated time in epoch seconds. `kind` is created, purged, status (of the task), subtask or
    stage; `path` is the JSON pointer of what changed inside the task (`""` for the task itself). `old`
    and `new` are statuses as the wire spells them; None before creation and after a purge.
    """

    number: int
    at: float
    task_id: str
    kind: Literal["created", "purged", "status", "subtask", "stage"]
    path: str
    old: str | None
    new: str | None


@dataclass(slots=True)
class Plan:
    """How a running task goes on: seconds for each leaf still to do, and the leaf that will fail."""

    seconds: list[float]
    cursor: int
    fails_at: int | None


@dataclass(slots=True, eq=False)
class Stale:
    """The old face a task still shows for a while after it was retried."""

    status: str
    encoded: bytes


@dataclass(slots=True, eq=False)
class Entry:
    """One task: its JSON (as bytes, as a dict, or both) and what lists are filtered and sorted by."""

    id: str
    number: int
    created: float
    raw: Raw | None = None
    encoded: bytes | None = None
    exposed: bool = False
    name: str = ""
    type: str = ""
    status: str = ""
    completed: float | None = None
    resources: tuple[tuple[str, str], ...] = ()
    plan: Plan | None = None
    generation: int = 0
    attempts: int = 0
    cancelling: bool = False
    zombie: bool = False
    stale: Stale | None = None
    credential: Raw | None = field(default=None, repr=False)

    def index(self) -> None:
        """Take over from the dict what lists are filtered and sorted by."""
        raw = self.raw
        if not isinstance(raw, dict):
            return
        self.name, self.type = _text(raw.get("name")), _text(raw.get("type"))
        self.status = canonical(raw.get("status"))
        self.completed = parse_iso(raw.get("completionTimestamp"))
        found = raw.get("resources")
        self.resources = tuple(
            (_text(item.get("resourceId")), _text(item.get("type")))
            for item in (found if isinstance(found, list) else ())
            if isinstance(item, dict)
        )

    def settle(self) -> None:
        """Let go of the dict when the bytes say the same and nobody outside holds the dict."""
        if self.encoded is not None and not self.exposed:
            self.raw = None


class Store:
    """All tasks, in list order, with a change counter that keeps filtered lists cheap."""

    def __init__(self, clock: SimulatorClock, order: Order) -> None:
        self.clock = clock
        self.entries: dict[str, Entry] = {}
        self.history: list[Change] = []
        self._key: Callable[[Entry], Any] = _ORDERS[order]
        self._ordered: list[Entry] = []
        self._exposed: set[Entry] = set()
        self._numbers = 0
        self._changes = 0
        self._version = 0
        self._selections: dict[Hashable, tuple[int, list[Entry]]] = {}

    def insert(self, raw: Any) -> Entry:
        """Take *raw* in as it is, whatever it is; what has no id is listed, but can't be asked for."""
        self._numbers += 1
        identity = raw.get("id") if isinstance(raw, dict) else None
        key = identity if isinstance(identity, str) else f"\0{self._numbers}"
        if key in self.entries:
            raise ValueError(f"a task with id {key} exists already: ids are unique")
        stamp = parse_iso(raw.get("creationTimestamp")) if isinstance(raw, dict) else None
        entry = Entry(key, self._numbers, self.clock.now() if stamp is None else stamp, raw=raw)
        entry.index()
        self.entries[key] = entry
        insort(self._ordered, entry, key=self._key)
        self._version += 1
        return entry

    def remove(self, entry: Entry) -> None:
        """Forget a task; it answers 404 from now on."""
        del self.entries[entry.id]
        self._exposed.discard(entry)
        position = bisect_left(self._ordered, self._key(entry), key=self._key)
        if position < len(self._ordered) and self._ordered[position] is entry:
            del self._ordered[position]
        else:
            # A name changed through the live dict may have put the list out of order.
            self._ordered.remove(entry)
        entry.generation += 1
        self._version += 1

    def raw(self, entry: Entry) -> Raw:
        """The task as a dict that may be changed; say so with `touch` afterwards."""
        if entry.raw is None:
            entry.raw = json.loads(entry.encoded or b"null")
        raw = entry.raw
        return raw if isinstance(raw, dict) else {}

    def touch(self, entry: Entry) -> None:
        """The dict was changed: encode it anew when it is next asked for."""
        entry.encoded = None
        entry.index()
        self._version += 1

    def drifted(self) -> None:
        """What lists show changed without a task changing (an old face was dropped)."""
        self._version += 1

    def encoded(self, entry: Entry, *, live: bool = False) -> bytes:
        """The task's JSON as served; *live* looks through an old face that it may still show."""
        if entry.stale is not None and not live:
            return entry.stale.encoded
        if entry.encoded is None or entry.exposed:
            entry.encoded = encode(entry.raw)
            entry.settle()
        return entry.encoded

    def select(self, key: Hashable, match: Callable[[Entry], bool] | None) -> list[Entry]:
        """The tasks that *match*, in list order; the answer for *key* is kept until something changes."""
        if self._exposed:
            for entry in self._exposed:
                entry.index()
            self._version += 1
        kept = self._selections.get(key)
        if kept is not None and kept[0] == self._version:
            return kept[1]
        chosen = list(self._ordered) if match is None else [e for e in self._ordered if match(e)]
        if len(self._selections) > 64:
            self._selections.clear()
        self._selections[key] = (self._version, chosen)
        return chosen

    def note(
        self,
        entry: Entry,
        kind: Literal["created", "purged", "status", "subtask", "stage"],
        at: float,
        old: str | None,
        new: str | None,
        path: str = "",
    ) -> None:
        """Write one line of history."""
        self._changes += 1
        self.history.append(Change(self._changes, at, entry.id, kind, path, old, new))
        if len(self.history) > HISTORY_LIMIT:
            del self.history[: HISTORY_LIMIT // 2]

    def expose(self, entry: Entry) -> Raw:
        """Hand the live dict to somebody outside: from now on it is read afresh for every answer."""
        raw = self.raw(entry)
        entry.exposed = True
        self._exposed.add(entry)
        return raw

    def snapshot(self) -> dict[str, Raw]:
        """A deep copy of every task, by id, as it would be served now."""
        return {
            entry.id: json.loads(entry.encoded)
            if entry.raw is None and entry.encoded is not None
            else copy.deepcopy(self.raw(entry))
            for entry in self._ordered
        }


class TaskMapping(Mapping[str, Raw]):
    """`sddc.tasks`: id to live raw dict. What is changed in the dict is served from then on.

    Looking a task up brings the world up to the clock first. `in`, `len` and iteration over ids are
    cheap; each dict handed out costs a little on every later listing, so copy big worlds with
    `sddc.snapshot()` instead.
    """

    def __init__(self, entries: Mapping[str, Entry], look_up: Callable[[str], Raw]) -> None:
        self._entries = entries
        self._look_up = look_up

    def __getitem__(self, task_id: str) -> Raw:
        return self._look_up(task_id)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._entries

    def __repr__(self) -> str:
        return f"<{len(self)} live tasks>"


_ORDERS: dict[Order, Callable[[Entry], Any]] = {
    "newest": lambda entry: (-entry.created, -entry.number),
    "oldest": lambda entry: (entry.created, entry.number),
    "name": lambda entry: (entry.name, entry.number),
    "given": lambda entry: entry.number,
}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
