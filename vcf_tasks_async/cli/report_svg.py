"""Where things stand in a report's drawings. Pure: numbers in, places out; the template draws them.

Places along time are percent of a drawing's width, so that it fits a phone, a wide screen and paper, and
its texts stay as large as those around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final, NamedTuple

import attrs

from vcf_tasks_async.cli.report_data import ReportData
from vcf_tasks_async.cli.report_rows import TaskRow
from vcf_tasks_async.cli.report_words import Kind

__all__ = ["Bar", "Lane", "Segment", "StepBar", "Tick", "Timeline", "step_bars", "strip", "timeline_of"]

# Percent of the width that a bar takes at least, its gap to the next one included: a cross still fits.
_FOOTPRINT: Final = 1.2
# A bar of no width is not drawn at all, not even its outline.
_THINNEST: Final = 0.05
# Bars above each other within one type; beyond that nobody can tell them apart.
_TRACKS: Final = 8
_LANES: Final = 14
_SEGMENTS: Final = 60
_TICKS: Final = 5
# Percent: half of what a label takes on a phone.
_EDGE: Final = 9
_STEPS_OF_TIME: Final = (
    *(timedelta(minutes=m) for m in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=h) for h in (1, 2, 3, 6, 12)),
    *(timedelta(days=d) for d in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1825)),
)
_EPOCH: Final = datetime(2000, 1, 3, tzinfo=UTC)
# Drawn first is seen first, and has a place where room is short.
_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}


@attrs.frozen
class Bar:
    """One task on the timeline.

    Attributes:
        x, width: percent of the drawing.
        track: 0 is the topmost.
        began_before: it began before the drawing does.
    """

    row: TaskRow
    x: float
    width: float
    track: int
    began_before: bool

    @property
    def end(self) -> float:
        return self.x + self.width


@attrs.frozen
class Lane:
    """The tasks of one type. *crowded* is how many found no room."""

    label: str
    total: int
    kinds: dict[Kind, int]
    bars: tuple[Bar, ...]
    tracks: int
    crowded: int


class Tick(NamedTuple):
    """A moment on the axis. At its edges it has a line and no label."""

    x: float
    label: str


@attrs.frozen
class Timeline:
    """All tasks over time, by type.

    Attributes:
        early: how many began before it does, and are drawn at its left edge.
        untimed: how many have no usable time and are not drawn.
    """

    begin: datetime
    end: datetime
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    early: int
    untimed: int


class Segment(NamedTuple):
    """A step in the strip of its task, in percent; several where they are too many."""

    x: float
    width: float
    kind: Kind


class StepBar(NamedTuple):
    """When a step ran, in percent of its task's time; *x* is None when nothing is known."""

    x: float | None
    width: float


class _Scale:
    """From moments to percent."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin = begin
        self.span = max(end - begin, timedelta(seconds=1))

    def at(self, moment: datetime) -> float:
        return min(100.0, max(0.0, 100 * ((moment - self.begin) / self.span)))


def timeline_of(data: ReportData) -> Timeline | None:
    """The timeline of *data*; None when no task has a usable time."""
    timed = [row for row in data.rows if row.created is not None]
    if not timed:
        return None
    begin, end = _range(timed, data.made_at)
    scale = _Scale(begin, end)
    types = data.types[:_LANES]
    lanes = [_lane(facts.label, facts.rows, scale, data.made_at) for facts in types]
    rest = [row for facts in data.types[_LANES:] for row in facts.rows]
    lanes += [_lane("other types", rest, scale, data.made_at)] if rest else []
    return Timeline(
        begin=begin,
        end=end,
        ticks=_ticks(begin, end, scale),
        lanes=tuple(lanes),
        early=sum(1 for row in timed if row.created and row.created < begin),
        untimed=len(data.rows) - len(timed),
    )


def _range(timed: Sequence[TaskRow], now: datetime) -> tuple[datetime, datetime]:
    """From when to when: a few tasks that are far older than all others don't press these into a corner."""
    begins = sorted(row.created for row in timed if row.created)
    end = max(_end(row, now) for row in timed)
    begin = begins[0]
    usual = sorted(row.created for row in timed if row.created and not row.is_stuck)[len(timed) // 50 :]
    if usual and end - usual[0] < (end - begin) / 2:
        # Those a little older are no strangers.
        begin = min(moment for moment in begins if moment >= usual[0] - (end - usual[0]) / 4)
    margin = max((end - begin) / 100, timedelta(seconds=1))
    return begin - margin, end + margin


def _end(row: TaskRow, now: datetime) -> datetime:
    """Up to when its bar reaches: a running one still grows, one without an end is a point."""
    assert row.created is not None
    return row.completed or (max(now, row.created) if row.kind is Kind.RUNNING else row.created)


def _lane(label: str, rows: Iterable[TaskRow], scale: _Scale, now: datetime) -> Lane:
    rows = list(rows)
    # By track: from where to where it is taken, in percent.
    taken: list[list[tuple[float, float]]] = []
    bars: list[Bar] = []
    crowded = 0
    for row in sorted((r for r in rows if r.created), key=lambda r: (_RANK[r.kind], r.created)):
        assert row.created is not None
        x = scale.at(row.created)
        width = max(_THINNEST, scale.at(_end(row, now)) - x)
        span = (x, x + max(width + _FOOTPRINT / 2, _FOOTPRINT))
        track = next((i for i, spans in enumerate(taken) if not _overlaps(span, spans)), len(taken))
        if track >= _TRACKS:
            crowded += 1
            continue
        if track == len(taken):
            taken.append([])
        taken[track].append(span)
        bars.append(Bar(row, x, width, track, row.created < scale.begin))
    counts = {kind: sum(1 for row in rows if row.kind is kind) for kind in Kind}
    return Lane(label, len(rows), counts, tuple(bars), max(1, len(taken)), crowded)


def _overlaps(span: tuple[float, float], others: Iterable[tuple[float, float]]) -> bool:
    return any(span[0] < end and begin < span[1] for begin, end in others)


def _ticks(begin: datetime, end: datetime, scale: _Scale) -> tuple[Tick, ...]:
    span = end - begin
    step = next((step for step in _STEPS_OF_TIME if span / step <= _TICKS), _STEPS_OF_TIME[-1])
    first = _EPOCH + ceil((begin - _EPOCH) / step) * step
    moments = []
    while first <= end:
        moments.append(first)
        first += step
    if step >= timedelta(days=1):
        form = "%d %b %Y" if span > timedelta(days=300) else "%d %b"
    else:
        form = "%H:%M" if begin.date() == end.date() else "%d %b %H:%M"
    places = [(scale.at(moment), moment.strftime(form)) for moment in moments]
    # At the edges a label would run out of the drawing, or into its neighbour on a phone.
    return tuple(Tick(x, label if _EDGE < x < 100 - _EDGE else "") for x, label in places)


def strip(row: TaskRow) -> tuple[Segment, ...]:
    """The task's own steps side by side, equally wide: how far it came, and where it failed."""
    kinds = [step.kind for step in row.steps if step.depth == 0]
    if len(kinds) > _SEGMENTS:
        size = ceil(len(kinds) / _SEGMENTS)
        kinds = [min(kinds[i : i + size], key=_RANK.__getitem__) for i in range(0, len(kinds), size)]
    return tuple(Segment(100 * i / len(kinds), 100 / len(kinds), kind) for i, kind in enumerate(kinds))


def step_bars(row: TaskRow, now: datetime) -> tuple[StepBar, ...]:
    """When each of the task's steps ran, one for each of `row.steps`."""
    ends = [step.completed for step in row.steps] + [row.completed]
    begins = [step.began for step in row.steps] + [row.created]
    known = [moment for moment in (*begins, *ends) if moment is not None]
    if not known:
        return tuple(StepBar(None, 0.0) for _ in row.steps)
    last = max(now, *known) if row.kind is Kind.RUNNING else max(known)
    # From the first step on: a task may have waited for days before that.
    first = min((moment for moment in begins if moment is not None), default=min(known))
    scale = _Scale(first, last)
    bars = []
    for step in row.steps:
        if step.began is None:
            bars.append(StepBar(None, 0.0))
            continue
        end = step.completed or (last if step.kind is Kind.RUNNING else row.completed or step.began)
        x = scale.at(step.began)
        bars.append(StepBar(x, max(_THINNEST, scale.at(end) - x)))
    return tuple(bars)
