"""How followed tasks stand right now, as the live table of `watch` and `wait` shows it. Knows no screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import vcf_tasks_async as v
from vcf_tasks_async.cli.output import Cell, Column, Table, clean, clip
from vcf_tasks_async.cli.search import label
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.times import short

__all__ = ["Board"]

#: Tasks that are over and still shown.
_KEPT: Final = 200
#: Rows for these at least, however many tasks run; a quarter of a taller screen.
_FOR_ENDED: Final = 3
_ID: Final = 8
#: Columns from which on a cause has room beside its task.
_WIDE: Final = 140
_COLUMNS: Final = (
    Column("ID"),
    Column("TASK", least=26),
    Column("PROGRESS"),
    Column("STEPS", right=True, dropped=2),
    Column("NOW", least=16, dropped=1),
    Column("TIME", right=True),
)


class _Running(NamedTuple):
    site: str | None
    progress: v.Progress


class _Ended(NamedTuple):
    site: str | None
    task_id: str
    task: v.Task | None


class _Lost(NamedTuple):
    since: datetime
    why: str
    given_up: bool


class Board:
    """Tasks under way, tasks that are over, and the connection.

    Fed on the event loop, read by the thread that draws: a reading takes a copy of what it walks over.

    Args:
        manager: whose tasks they are.
        where: which tasks are meant; one that leaves it is over for this board.
        with_sites: whether they are at several sites, which are told.
    """

    def __init__(self, manager: str, where: v.TaskFilter | None = None, *, with_sites: bool = False) -> None:
        # By what a fleet calls them: the same id may be at two sites.
        self.running: dict[str, _Running] = {}
        self.ended: dict[str, _Ended] = {}
        self.counts: Counter[str] = Counter()
        self._manager = manager
        self._where = where
        self._with_sites = with_sites
        self._lost: dict[str | None, _Lost] = {}
        self._unreadable: set[str] = set()

    def feed(self, event: v.TaskEvent, site: str | None = None, *, given_up: bool = False) -> None:
        """Something happened, in a fleet at *site*, which may be watched no more."""
        if event.task is not None:
            self.progressed(site, v.Progress.of(event.task))
        elif event.task_id is None:
            if event.kind is v.EventKind.LOST:
                since = self._lost[site].since if site in self._lost else event.at
                self._lost[site] = _Lost(since, clean(event.error, limit=300), given_up)
            else:
                self._lost.pop(site, None)
        elif event.kind is v.EventKind.GONE:
            self.running.pop(label(site, event.task_id), None)
            self._over(_Ended(site, event.task_id, None))
        elif event.kind is v.EventKind.LOST:
            self._unreadable.add(label(site, event.task_id))
        else:
            self._unreadable.discard(label(site, event.task_id))

    def progressed(self, site: str | None, progress: v.Progress) -> None:
        """A task is so far now."""
        task = progress.task
        name = label(site, task.id)
        self._unreadable.discard(name)
        if task.is_ended or not (self._where is None or self._where.matches(task)):
            self.running.pop(name, None)
            self._over(_Ended(site, task.id, task))
        else:
            self.running[name] = _Running(site, progress)
            self.ended.pop(name, None)

    def _over(self, ended: _Ended) -> None:
        name = label(ended.site, ended.task_id)
        # What its subtasks did at the end is told with the task as it ended, event by event.
        if name not in self.ended or _fate(self.ended[name].task) != _fate(ended.task):
            self.ended.pop(name, None)
            self.counts[_fate(ended.task)] += 1
        self.ended[name] = ended
        if len(self.ended) > _KEPT:
            del self.ended[next(iter(self.ended))]

    # --- what there is to show --------------------------------------------------------------------------

    def lines(self, width: int, height: int, *, now: datetime | None = None) -> Iterator[list[Cell]]:
        """All of it, in at most *height* lines of *width* cells."""
        now = now or datetime.now(UTC)
        yield from self._heading(width, now)
        height -= 2
        running, ended = list(self.running.values()), list(self.ended.values())
        ended.reverse()
        # The newest first, but what failed before all else: that is what one looks for.
        ended.sort(key=lambda each: _fate(each.task) != "failed")
        running.sort(key=lambda each: each.progress.task.created_at or now, reverse=True)
        room = max(1, height - 1 - min(len(ended), max(_FOR_ENDED, height // 4)))
        shown = running[: room if len(running) <= room else room - 1]
        over = _fitting(ended, height - 1 - len(shown) - (len(shown) < len(running)), width)
        if not shown and not over:
            yield [Cell("waiting for tasks", "dim")] if not running else [Cell(f"{len(running)} more", "dim")]
            return
        bar = 10 if width < 100 else 20 if width < 160 else 30
        rows = [
            *((each.site, _row(each.progress, bar, now)) for each in shown),
            *((each.site, _ended_row(each, bar, width)) for each in over),
        ]
        if self._with_sites:
            table = Table([Column("SITE", least=6), *_COLUMNS])
            table.rows = [[Cell(clean(site), "cyan"), *row] for site, row in rows]
        else:
            table = Table(_COLUMNS, [row for _, row in rows])
        lines = list(table.lines(width))
        yield from lines[: 1 + len(shown)]
        if len(shown) < len(running):
            yield [Cell(f"… and {len(running) - len(shown)} more that run", "dim")]
        for each, line in zip(over, lines[1 + len(shown) :], strict=True):
            yield line
            if cause := _cause_below(each, width):
                yield [Cell(" " * (_ID + 2)), Cell(clip(cause, width - _ID - 2), "red")]

    def _heading(self, width: int, now: datetime) -> Iterator[list[Cell]]:
        clock = f"{now.astimezone():%H:%M:%S}"
        cells = [
            Cell(clean(self._manager, limit=80), "bold"),
            Cell("  "),
            Cell(f"{len(self.running)} running", "cyan"),
        ]
        for fate, style in _FATES.items():
            if self.counts[fate]:
                cells += [Cell(" · ", "dim"), Cell(f"{self.counts[fate]} {fate}", style)]
        used = sum(cell.width for cell in cells)
        if used + 2 + len(clock) <= width:
            cells += [Cell(" " * (width - used - len(clock))), Cell(clock, "dim")]
        yield cells
        lost = dict(self._lost)
        if not lost:
            unreadable = f"{len(self._unreadable)} can't be read just now" if self._unreadable else ""
            yield [Cell(clip(unreadable, width), "yellow")]
            return
        # The one that was lost last; how many there are says the rest.
        site, (since, why, given_up) = max(reversed(lost.items()), key=lambda each: each[1].since)
        ago = short((now - since).total_seconds())
        what = "given up" if given_up else f"connection lost {ago} ago, still trying"
        whose = "" if site is None else f"{clean(site)}: "
        more = "" if len(lost) == 1 else f"{len(lost)} sites can't be watched; "
        yield [Cell(clip(f"{more}{whose}{what}: {why}", width), "red")]


def _row(progress: v.Progress, bar: int, now: datetime) -> list[Cell]:
    task = progress.task
    elapsed = v.Progress.of(task, now=now).elapsed
    done = round(task.progress * bar)
    style = status_style(task.status)
    state = clean(progress.current) or clean(task.raw_status) or "no status"
    return [
        Cell(clean(task.id)[:_ID], "dim"),
        Cell(clean(task.name) or "without a name"),
        Cell("━" * done, style, f"{'─' * (bar - done)} {task.progress:4.0%}"),
        Cell(f"{progress.done}/{progress.total}" if progress.total else ""),
        Cell(state, style),
        Cell(short(elapsed)),
    ]


def _fitting(ended: list[_Ended], height: int, width: int) -> list[_Ended]:
    """As many of *ended* as *height* lines have room for."""
    fitting: list[_Ended] = []
    for each in ended:
        height -= 2 if _cause_below(each, width) else 1
        if height < 0:
            break
        fitting.append(each)
    return fitting


def _cause_below(ended: _Ended, width: int) -> str:
    """The cause of a failure, where the table has no room for it and it stands below."""
    task = ended.task
    return clean(task.cause) if task is not None and task.failed and width < _WIDE else ""


def _ended_row(ended: _Ended, bar: int, width: int) -> list[Cell]:
    task = ended.task
    if task is None:
        gone = [Cell(clean(ended.task_id)[:_ID], "dim"), Cell("gone", "magenta")]
        return [*gone, *[Cell("")] * (len(_COLUMNS) - len(gone))]
    style = status_style(task.status)
    status = clean(task.raw_status) or "no status"
    why = clean(task.cause) if task.failed and width >= _WIDE else ""
    return [
        Cell(clean(task.id)[:_ID], "dim"),
        Cell(clean(task.name) or "without a name", "dim"),
        Cell(clip(status, bar + 5), style),
        Cell(""),
        Cell(why, style),
        Cell(short(task.duration), "dim"),
    ]


def _fate(task: v.Task | None) -> str:
    if task is None:
        return "gone"
    if not task.is_ended:
        return "left"
    return "succeeded" if task.succeeded else "failed" if task.failed else "ended otherwise"


_FATES: Final = {
    "succeeded": "green", "failed": "red", "ended otherwise": "magenta", "gone": "magenta", "left": "yellow",
}  # fmt: skip
