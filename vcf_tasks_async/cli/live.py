"""A board that moves on a terminal, and the line log that stands in for it in a pipe. Drawn by rich."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

import vcf_tasks_async as v
from vcf_tasks_async.cli.board import Board
from vcf_tasks_async.cli.output import clean
from vcf_tasks_async.cli.search import label

__all__ = ["can_move", "event_line", "moving", "progress_line"]

_REFRESH: Final = 4
_COLOURS: Final = {"dim": "bright_black"}


def can_move(*, stderr: bool = False) -> bool:
    """Whether there is a terminal on which something can move."""
    console = Console(stderr=stderr)
    return console.is_terminal and not console.is_dumb_terminal


class _Drawn:
    """A board as rich draws it: no markup, no wrapping, one line less than the screen has."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for cells in self._board.lines(options.max_width, max(5, console.size.height - 1)):
            line = Text(no_wrap=True, overflow="crop", end="")
            for cell in cells:
                line.append(cell.text, _COLOURS.get(cell.style, cell.style))
                line.append(cell.faded, "bright_black")
            yield line
            yield Text("\n", end="")


@contextmanager
def moving(board: Board, *, stderr: bool = False, stays: bool = True) -> Iterator[None]:
    """Show *board* while the block runs.

    Args:
        board: what to show.
        stderr: where, instead of stdout.
        stays: leave it on the screen as it was last.
    """
    console = Console(markup=False, highlight=False, emoji=False, stderr=stderr)
    drawn = _Drawn(board)
    with Live(
        drawn, console=console, refresh_per_second=_REFRESH, transient=not stays, vertical_overflow="crop"
    ):
        yield


def event_line(event: v.TaskEvent, site: str | None = None) -> str:
    """*event*, in a fleet at *site*, as one line of a log."""
    parts = [f"{event.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]
    if event.task_id is not None or site is not None:
        parts.append(label(site, event.task_id))
    parts.append(f"{event.kind.value:<8}")
    if event.after is not None or event.before is not None:
        before = f"{clean(event.before)} → " if event.before else ""
        parts.append(f"{before}{clean(event.after) or 'no status'}")
    if event.path:
        parts.append(clean(getattr(event.node, "name", None)) or event.path)
    if event.task is not None:
        parts.append(clean(event.task.name) or "without a name")
        if event.kind is v.EventKind.ENDED and event.task.failed:
            parts.append(clean(event.task.cause) or "SDDC Manager gives no reason")
    if event.error is not None:
        parts.append(clean(event.error, limit=300))
    return "  ".join(parts)


def progress_line(progress: v.Progress, site: str | None = None) -> str:
    """How far a task is, in a fleet at *site*, as one line of a log."""
    task = progress.task
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    parts = [moment, label(site, task.id), clean(task.raw_status) or "no status"]
    if progress.total:
        parts.append(f"{progress.done}/{progress.total}")
    if progress.current:
        parts.append(clean(progress.current))
    return "  ".join([*parts, clean(task.name) or "without a name"])


def log(line: str) -> None:
    """*line* on stderr, beside what stdout is for."""
    print(line, file=sys.stderr, flush=True)
