"""What `demo` and the progress of a bulk run put on the screen: headings, bars, tables. Drawn by rich.

Whatever came from a server goes through `safe`; markup is off, so that ``[red]`` in a task's name is
text. Where stdout is no terminal, nothing moves and nothing is coloured: each meter is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

import vcf_tasks_async as v
from vcf_tasks_async.cli.shares import Share, share_cells

__all__ = ["Meter", "Screen", "failed_table", "safe"]

_INDENT: Final = 3
_LONGEST_BAR: Final = 72
# Columns from which on a table has room for whole task ids.
_WIDE: Final = 140


def safe(text: str, style: str = "", *, limit: int = 500) -> Text:
    """*text* from a server as something to print: one line, inert, no markup."""
    return Text(v.inert(text, limit=limit), style)


class Meter:
    """How far many things have got: a bar in the colours of their kinds, and the numbers under it."""

    def __init__(self, look: Callable[[], Sequence[Share]], total: int | None) -> None:
        self.total = total
        self._look = look
        self._started = monotonic()
        self._ended: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since it was begun, up to its end."""
        return (self._ended or monotonic()) - self._started

    def stop(self) -> None:
        """It is over: time stands still."""
        self._ended = monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = [share for share in self._look() if share.number]
        done = sum(share.number for share in shown if not share.pending)
        total = max(sum(share.number for share in shown), self.total or 0)
        tally = f"{done} of {total}" if self.total is not None else f"{done}"
        tail = f"{tally}   {self.elapsed:.1f} s"
        if console.is_terminal:
            yield self._bar(shown, total, min(_LONGEST_BAR, options.max_width - len(tail) - 3)).append(
                f"   {tail}"
            )
        else:
            yield Text(tail)
        yield from _flow(
            [Text(f"{share.number} {share.label}", share.style) for share in shown], options.max_width
        )

    @staticmethod
    def _bar(shares: Sequence[Share], total: int, width: int) -> Text:
        bar = Text(no_wrap=True)
        for share, cells in zip(
            shares, share_cells([share.number for share in shares], total, width), strict=True
        ):
            bar.append("━" * cells, share.style)
        # Another character, for those who see no colours.
        return bar.append("─" * (width - bar.cell_len), "bright_black")


def _flow(items: Iterable[Text], width: int) -> Iterator[Text]:
    """*items* with dots between them, as many on a line as go there whole."""
    line = Text()
    for item in items:
        if line and line.cell_len + 3 + item.cell_len > width:
            yield line
            line = Text()
        if line:
            line.append(" · ", "bright_black")
        line.append_text(item)
    if line:
        yield line


class _Indented:
    """Something under a heading, without the blanks that rich fills lines up with."""

    def __init__(self, content: RenderableType) -> None:
        self._content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrower = options.update(width=max(1, options.max_width - _INDENT))
        for line in console.render_lines(self._content, narrower, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                last = line.pop()
                yield Segment(" " * _INDENT)
                yield from line
                yield Segment(last.text.rstrip(), last.style)
            yield Segment.line()


class Screen:
    """Where a command shows what it does, terminal or not: stdout, or stderr beside what stdout is for."""

    def __init__(self, *, stderr: bool = False) -> None:
        self.console = Console(markup=False, highlight=False, emoji=False, stderr=stderr)

    def title(self, name: str, text: str) -> None:
        """What this is, as the first line."""
        self.console.print(Text(name, "bold").append(f"  {text}", "default not bold"))

    def step(self, number: int, text: str, code: str | None = None) -> None:
        """The heading of a step, and the code that does it."""
        self.console.print()
        self.console.print(Text(f"{number}  ", "bold cyan").append(text, "bold default"))
        if code is not None:
            self.line(Text(code, "bright_black"))

    def line(self, *parts: Text | Table | Meter | str) -> None:
        """Something under the heading."""
        for part in parts:
            self.console.print(_Indented(part))

    @contextmanager
    def meter(self, look: Callable[[], Sequence[Share]], total: int | None = None) -> Iterator[Meter]:
        """A meter that lives on the screen while the block runs, and stays with its last numbers.

        Args:
            look: what there is to show now; called from another thread.
            total: how many things there are in all, where that is known.
        """
        meter = Meter(look, total)
        shown = _Indented(meter)
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            yield meter
            meter.stop()
            self.console.print(shown)
            return
        with Live(shown, console=self.console, refresh_per_second=15):
            try:
                yield meter
            finally:
                meter.stop()

    @property
    def width(self) -> int:
        """Columns under a heading."""
        return self.console.width - _INDENT

    def failures(self, tasks: Sequence[v.Task], *, at_most: int) -> None:
        """The failed *tasks*, the first *at_most* of them, each with its cause."""
        self.line(failed_table(tasks[:at_most], self.width))
        if len(tasks) > at_most:
            self.line(Text(f"… and {len(tasks) - at_most} more", "bright_black"))

    def report(self, rows: Iterable[tuple[str, object, str]]) -> None:
        """A closing table: what, how many, and what there is to say about it."""
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True, style="bold")
        table.add_column(overflow="fold")
        for what, number, remark in rows:
            table.add_row(what, str(number), safe(remark))
        self.line(table)


def failed_table(tasks: Sequence[v.Task], width: int) -> Table:
    """Failed tasks with their causes in *width* columns: a line each where that is enough, else two."""
    wide = width >= _WIDE
    id_width = min(max((cell_len(task.id) for task in tasks), default=8), 40) if wide else 8
    rest = width - id_width - 2
    names = [safe(task.name or "without a name", "bold") for task in tasks]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bright_black")
    table.add_column("ID", width=id_width, no_wrap=True)
    if wide:
        name_width = min(max((name.cell_len for name in names), default=0), rest // 2)
        table.add_column("TASK", width=name_width, no_wrap=True, overflow="ellipsis")
        rest -= name_width + 2
    table.add_column("CAUSE" if wide else "TASK, CAUSE", width=rest, no_wrap=True, overflow="ellipsis")
    for task, name in zip(tasks, names, strict=True):
        # On a narrow screen the first eight characters of an id are enough to tell tasks apart.
        task_id = safe(task.id if wide else task.id[:8], "bright_black")
        cause = safe(task.cause or "SDDC Manager gives no reason")
        if wide:
            table.add_row(task_id, name, cause)
        else:
            table.add_row(task_id, Text("\n").join([name, cause]))
    return table
