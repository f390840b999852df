"""How followed tasks stand right now, as the live table of `watch` and `wait` shows it. Knows no screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import vcf_tasks_async as v
from vcf_tasks_async.cli.output import Cell, Column, Table, clean, clip
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.times import short

__all__ = ["Board"]

#: Tasks that are over and still shown.
_KEPT: Final = 200
#: Rows for these at least, however many tasks run; a quarter of a taller screen.
_FOR_ENDED: Final = 3
_ID: Final = 8


class Board:
    """Tasks under way, tasks that are over, and the connection.

    Fed on the event loop, read by the thread that draws: a reading takes a copy of what it walks over.

    Args:
        manager: whose tasks they are.
        where: which tasks are meant; one that leaves it is over for this board.
    """

    def __init__(self, manager: str, where: v.TaskFilter | None = None) -> None:
        self.running: dict[str, v.Progress] = {}
        self.ended: dict[str, v.Task | None] = {}
        self.counts: Counter[str] = Counter()
        self._manager = manager
        self._where = where
        self._lost: tuple[datetime, str] | None = None
        self._unreadable: set[str] = set()

    def feed(self, event: v.TaskEvent) -> None:
        """Something happened."""
        if event.task is not None:
            self.progressed(v.Progress.of(event.task))
        elif event.kind is v.EventKind.GONE and event.task_id is not None:
            self.running.pop(event.task_id, None)
            self._over(event.task_id, None)
        elif event.kind is v.EventKind.LOST and event.task_id is None:
            self._lost = (event.at, clean(event.error, limit=300))
        elif event.kind is v.EventKind.RESTORED and event.task_id is None:
            self._lost = None
        elif event.kind is v.EventKind.LOST and event.task_id is not None:
            self._unreadable.add(event.task_id)
        elif event.task_id is not None:
            self._unreadable.discard(event.task_id)

    def progressed(self, progress: v.Progress) -> None:
        """A task is so far now."""
        task = progress.task
        self._unreadable.discard(task.id)
        if task.is_ended or not (self._where is None or self._where.matches(task)):
            self.running.pop(task.id, None)
            self._over(task.id, task)
        else:
            self.running[task.id] = progress
            self.ended.pop(task.id, None)

    def _over(self, task_id: str, task: v.Task | None) -> None:
        # What its subtasks did at the end is told with the task as it ended, event by event.
        if task_id not in self.ended or _fate(self.ended[task_id]) != _fate(task):
            self.ended.pop(task_id, None)
            self.counts[_fate(task)] += 1
        self.ended[task_id] = task
        if len(self.ended) > _KEPT:
            del self.ended[next(iter(self.ended))]

    # --- what there is to show --------------------------------------------------------------------------

    def lines(self, width: int, height: int, *, now: datetime | None = None) -> Iterator[list[Cell]]:
        """All of it, in at most *height* lines of *width* cells."""
        now = now or datetime.now(UTC)
        yield from self._heading(width, now)
        height -= 2
        running, ended = list(self.running.values()), list(self.ended.items())
        ended.reverse()
        # The newest first, but what failed before all else: that is what one looks for.
        ended.sort(key=lambda each: _fate(each[1]) != "failed")
        running.sort(key=lambda progress: progress.task.created_at or now, reverse=True)
        room = max(1, height - 1 - min(len(ended), max(_FOR_ENDED, height // 4)))
        shown = running[: room if len(running) <= room else room - 1]
        over = ended[: max(0, height - 1 - len(shown) - (len(shown) < len(running)))]
        if not shown and not over:
            yield [Cell("waiting for tasks", "dim")] if not running else [Cell(f"{len(running)} more", "dim")]
            return
        bar = 10 if width < 100 else 20 if width < 160 else 30
        table = Table(
            [
                Column("ID"),
                Column("TASK", least=26),
                Column("PROGRESS"),
                Column("STEPS", right=True, dropped=2),
                Column("NOW", least=16, dropped=1),
                Column("TIME", right=True),
            ],
            [
                *(self._row(progress, bar, now) for progress in shown),
                *(_ended_row(*each, bar) for each in over),
            ],
        )
        lines = list(table.lines(width))
        yield from lines[: 1 + len(shown)]
        if len(shown) < len(running):
            yield [Cell(f"… and {len(running) - len(shown)} more that run", "dim")]
        yield from lines[1 + len(shown) :]

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
        if self._lost is None:
            unreadable = f"{len(self._unreadable)} can't be read just now" if self._unreadable else ""
            yield [Cell(clip(unreadable, width), "yellow")]
            return
        since, why = self._lost
        lost = f"connection lost {short((now - since).total_seconds())} ago, still trying: {why}"
        yield [Cell(clip(lost, width), "red")]

    def _row(self, progress: v.Progress, bar: int, now: datetime) -> list[Cell]:
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


def _ended_row(task_id: str, task: v.Task | None, bar: int) -> list[Cell]:
    if task is None:
        return [
            Cell(clean(task_id)[:_ID], "dim"),
            Cell("gone", "magenta"),
            Cell(""),
            Cell(""),
            Cell(""),
            Cell(""),
        ]
    style = status_style(task.status)
    status = clean(task.raw_status) or "no status"
    why = clean(task.cause) if task.failed else ""
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
