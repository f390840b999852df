"""The facts of a report, out of the rows of its tasks: counts, durations, causes. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from statistics import median
from typing import Final, TypeVar

import attrs

import vcf_tasks_async as v
from vcf_tasks_async.cli.report_rows import TaskRow
from vcf_tasks_async.cli.report_words import Kind, status_words

__all__ = ["CauseGroup", "Durations", "ReportData", "StatusCount", "TypeFacts", "facts_of"]

K = TypeVar("K", bound=Hashable)

# Groups a report names at most; a server that invents types would fill it with them.
_GROUPS: Final = 50
_OTHERS: Final = "other types"
# Characters of a cause that are compared.
_LONGEST: Final = 500
# What differs between two tasks that failed for the same reason: names of machines, numbers, ids.
_VARIABLE: Final = re.compile(r"[\w-]*(?:\.[\w-]+){2,}|[\w.:/-]*\d[\w.:/-]*(?<![.:])")


@attrs.frozen
class Durations:
    """How long those tasks took that have ended, and whose times can be true."""

    number: int
    median: timedelta
    p95: timedelta
    longest: TaskRow

    @classmethod
    def of(cls, rows: Iterable[TaskRow]) -> Durations | None:
        """The durations of *rows*; None where none has any."""
        timed = sorted(((row.duration, row) for row in rows if row.duration is not None), key=lambda p: p[0])
        if not timed:
            return None
        values = [duration for duration, _ in timed]
        middle = timedelta(seconds=median(value.total_seconds() for value in values))
        return cls(len(timed), middle, values[ceil(0.95 * len(values)) - 1], timed[-1][1])


@attrs.frozen
class StatusCount:
    """How many tasks are in one status."""

    words: str
    kind: Kind
    number: int


@attrs.frozen
class TypeFacts:
    """The tasks of one type. The types that are left over are one more, without a `type`."""

    type: str | None
    label: str
    rows: tuple[TaskRow, ...]
    kinds: Counter[Kind]
    durations: Durations | None


@attrs.frozen
class CauseGroup:
    """Tasks that failed for the same reason, but for names and numbers.

    Attributes:
        text: the error; where it differs from task to task, ``…`` stands for what differs.
        remedies: what SDDC Manager says to do, likewise; mostly one or none.
    """

    text: str
    code: str | None
    remedies: tuple[str, ...]
    rows: tuple[TaskRow, ...]


@attrs.frozen
class ReportData:
    """Everything a report tells.

    Attributes:
        rows: newest first, those without a time at the end.
        is_complete: False when the listing could not be made whole.
        malformed: how many tasks could not be read.
    """

    manager: str
    made_at: datetime
    rows: tuple[TaskRow, ...]
    statuses: tuple[StatusCount, ...]
    types: tuple[TypeFacts, ...]
    durations: Durations | None
    causes: tuple[CauseGroup, ...]
    is_complete: bool = True
    malformed: int = 0

    @property
    def kinds(self) -> dict[Kind, int]:
        """How many tasks there are of each kind, zeros among them."""
        counts = Counter(row.kind for row in self.rows)
        return {kind: counts[kind] for kind in Kind}

    @property
    def odd_times(self) -> int:
        """How many came with a time that can't be true."""
        return sum(row.odd_times for row in self.rows)

    @property
    def stuck(self) -> tuple[TaskRow, ...]:
        """Those that have been running for more than a day."""
        return tuple(row for row in self.rows if row.is_stuck)


def facts_of(
    rows: Iterable[TaskRow],
    *,
    manager: str,
    made_at: datetime,
    is_complete: bool = True,
    malformed: int = 0,
) -> ReportData:
    """The facts that *rows* come to.

    Example:
        >>> facts_of([], manager="sfo-vcf01", made_at=datetime(2026, 1, 1, tzinfo=UTC)).durations is None
        True
    """
    newest_first = sorted(rows, key=lambda row: row.created or _LONG_AGO, reverse=True)
    return ReportData(
        manager=manager,
        made_at=made_at,
        rows=tuple(newest_first),
        statuses=_statuses(newest_first),
        types=_types(newest_first),
        durations=Durations.of(newest_first),
        causes=_causes(newest_first),
        is_complete=is_complete,
        malformed=malformed,
    )


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


def _statuses(rows: Sequence[TaskRow]) -> tuple[StatusCount, ...]:
    """Failed ones first. All that is unknown beyond the first fifty is one more."""
    counts = Counter((row.kind, status_words(row.status, row.raw_status)) for row in rows)
    order = list(Kind)
    ranked = counts.most_common()
    named = [StatusCount(words, kind, number) for (kind, words), number in ranked[:_GROUPS]]
    rest = sum(number for _, number in ranked[_GROUPS:])
    named += [StatusCount("Other statuses", Kind.UNKNOWN, rest)] if rest else []
    return tuple(sorted(named, key=lambda status: (order.index(status.kind), -status.number)))


def _types(rows: Sequence[TaskRow]) -> tuple[TypeFacts, ...]:
    groups = _ranked((row.type if row.type and row.type.strip() else "no type", row) for row in rows)
    kept = [_type_facts(name, name, members) for name, members in groups[:_GROUPS]]
    rest = [row for _, members in groups[_GROUPS:] for row in members]
    return (*kept, *([_type_facts(None, _OTHERS, rest)] if rest else []))


def _type_facts(name: str | None, label: str, rows: list[TaskRow]) -> TypeFacts:
    return TypeFacts(name, label, tuple(rows), Counter(row.kind for row in rows), Durations.of(rows))


def _causes(rows: Sequence[TaskRow]) -> tuple[CauseGroup, ...]:
    groups = _ranked(
        ((row.failure.code, _pattern(row.failure.text)), row) for row in rows if row.failure is not None
    )
    kept = [_cause_group(code, members) for (code, _), members in groups[:_GROUPS]]
    rest = tuple(row for _, members in groups[_GROUPS:] for row in members)
    return (*kept, *([CauseGroup("Other causes", None, (), rest)] if rest else []))


def _cause_group(code: str | None, rows: list[TaskRow]) -> CauseGroup:
    failures = [row.failure for row in rows if row.failure is not None]
    remedies = _alike(failure.remedy for failure in failures if failure.remedy)
    return CauseGroup(_alike(failure.text for failure in failures)[0], code, remedies[:3], tuple(rows))


def _alike(texts: Iterable[str]) -> tuple[str, ...]:
    """The different *texts*; those that differ in names and numbers only are one, with ``…`` in it."""
    by_pattern: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        by_pattern[_pattern(text)].add(v.inert(text, limit=_LONGEST))
    return tuple(_merged(same) for same in by_pattern.values())


def _merged(texts: Collection[str]) -> str:
    """*texts* of one pattern as one: what is the same in all of them is told."""
    # All have as many variable parts, so that these stand in columns.
    columns = zip(*(_VARIABLE.findall(text) for text in texts), strict=False)
    parts = iter([values[0] if len(set(values)) == 1 else "…" for values in columns])
    return _VARIABLE.sub(lambda found: next(parts, found[0]), next(iter(texts)))


def _pattern(text: str) -> str:
    """*text* with ``…`` for what names a machine or counts something."""
    return _VARIABLE.sub("…", v.inert(text, limit=_LONGEST))


def _ranked(pairs: Iterable[tuple[K, TaskRow]]) -> list[tuple[K, list[TaskRow]]]:
    """The rows by key, largest group first."""
    groups: defaultdict[K, list[TaskRow]] = defaultdict(list)
    for key, row in pairs:
        groups[key].append(row)
    return sorted(groups.items(), key=lambda group: -len(group[1]))
