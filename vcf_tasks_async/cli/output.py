"""What commands print: lines, tables that fit the terminal, JSON. The one way to stdout for text that stays.

Texts from a server go through `clean`, so that they are one harmless line; JSON keeps them to the letter and
escapes all that is not printable ASCII. In a pipe nothing is coloured and nothing is cut.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Final, TextIO

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.running import let_the_reader_go

__all__ = ["Cell", "Column", "Output", "Table", "cells_of", "clean", "clip", "output_options", "widths"]

_GAP: Final = 2
#: Characters of a server's text at most, where nothing else bounds it.
LONGEST: Final = 1000


def clean(text: object, *, limit: int = LONGEST) -> str:
    """*text* from a server as one harmless line; empty for None."""
    return "" if text is None else v.inert(str(text), limit=limit)


class Output:
    """Where a command prints to.

    Args:
        json: one object a line instead of text.
        quiet: ids only, or nothing.
        stream: where to; None is stdout.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.json = json
        self.quiet = quiet
        self._stream = sys.stdout if stream is None else stream
        self.is_terminal = self._stream.isatty()
        self._colour = (
            self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )

    @property
    def is_text(self) -> bool:
        """Whether a person reads it."""
        return not self.json and not self.quiet

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None in a pipe, where nothing is cut."""
        return shutil.get_terminal_size().columns if self.is_terminal else None

    def line(self, text: str = "") -> None:
        """One line of text, which is clean already."""
        print(text, file=self._stream)

    def record(self, record: Mapping[str, Any], *, lenient: bool = False) -> None:
        """One object on a line of its own, at once: whoever reads a pipe sees it when it happens.

        Args:
            record: the object.
            lenient: go on without a word when the reader has left, since there is work to finish.
        """
        # DEL is the one control character that is ASCII and that JSON lets through.
        line = json.dumps(record, separators=(",", ":")).replace("\x7f", "\\u007f")
        try:
            print(line, file=self._stream, flush=True)
        except BrokenPipeError:
            if not lenient:
                raise
            let_the_reader_go()

    def flush(self) -> None:
        """Let whoever reads a pipe see what was printed so far."""
        self._stream.flush()

    def style(self, text: str, style: str) -> str:
        """*text* in the colours that *style* names, such as ``bold red``; plain in a pipe."""
        if not self._colour or not style or not text:
            return text
        return click.style(text, **_STYLES[style])

    def draw(self, cells: Sequence[Cell]) -> None:
        """One line of what a `Table` makes."""
        self.line(
            "".join(self.style(cell.text, cell.style) + self.style(cell.faded, "dim") for cell in cells)
        )


_STYLES: Final[dict[str, dict[str, Any]]] = {
    "bold": {"bold": True},
    "dim": {"fg": "bright_black"},
    "bright_black": {"fg": "bright_black"},
    **{colour: {"fg": colour} for colour in ("red", "green", "yellow", "magenta", "cyan")},
}


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` and ``-q``; the command gets an `Output` as *out*."""

    def with_output(json: bool, quiet: bool, **options: Any) -> Any:
        if json and quiet:
            raise click.UsageError("--json and --quiet don't go together: give one of them")
        return command(out=Output(json=json, quiet=quiet), **options)

    wrapped = update_wrapper(with_output, command)
    wrapped = click.option("-q", "--quiet", is_flag=True, help="Ids only, or nothing where there are none.")(
        wrapped
    )
    return click.option("--json", is_flag=True, help="One JSON object a line; docs/cli.md has the schema.")(
        wrapped
    )


# --- tables ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        least: cells that it keeps when others have to give way; 0: it is never cut.
        dropped: the one with the highest number goes first where even that is too wide; 0: never.
        right: whether it is aligned to the right.
    """

    title: str
    least: int = 0
    dropped: int = 0
    right: bool = False


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table: clean text, its style, and more text that is faded."""

    text: str
    style: str = ""
    faded: str = ""

    @property
    def width(self) -> int:
        return cells_of(self.text + self.faded)


@dataclass
class Table:
    """Rows under headings.

    Attributes:
        columns: what there is to show, the last of which may go under its row.
        rows: one cell for each column.
        remarks: for each row, what stands in a line of its own where the last column had no room.
    """

    columns: Sequence[Column]
    rows: list[list[Cell]] = field(default_factory=list)
    remarks: list[Cell] = field(default_factory=list)

    def print(self, out: Output) -> None:
        """Print it as wide as *out* has room, or as wide as it is."""
        for line in self.lines(out.width):
            out.draw(line)

    def lines(self, room: int | None) -> Iterator[list[Cell]]:
        """Its lines in *room* cells, the heading first, blanks included but for those at the end."""
        natural = [
            max([cells_of(column.title), *(row[place].width for row in self.rows)])
            for place, column in enumerate(self.columns)
        ]
        shown = widths(self.columns, natural, room)
        yield self._line([Cell(column.title, "dim") for column in self.columns], shown)
        indent = Cell(" " * ((shown[0] or 0) + _GAP))
        for number, row in enumerate(self.rows):
            yield self._line(row, shown)
            remark = self.remarks[number] if number < len(self.remarks) and shown[-1] is None else Cell("")
            if remark.text:
                left = None if room is None else room - indent.width
                yield [indent, Cell(clip(remark.text, left), remark.style)]

    def _line(self, row: Sequence[Cell], shown: Sequence[int | None]) -> list[Cell]:
        line: list[Cell] = []
        owed = 0
        for cell, column, width in zip(row, self.columns, shown, strict=True):
            if width is None:
                continue
            fitted = cell if cell.width <= width else Cell(clip(cell.text, width), cell.style)
            blank = width - fitted.width
            if fitted.width:
                line += [Cell(" " * (owed + (blank if column.right else 0))), fitted]
                owed = _GAP + (0 if column.right else blank)
            else:
                owed += _GAP + width
        return line


def widths(columns: Sequence[Column], natural: Sequence[int], room: int | None) -> list[int | None]:
    """The width of each column in *room* cells; None for one that is left out.

    Columns give way to their least width, the widest first; where that is not enough, whole ones go.

    Example:
        >>> widths([Column("ID"), Column("NAME", least=8)], [8, 40], 30)
        [8, 20]
    """
    shown: list[int | None] = list(natural)
    if room is None:
        return shown
    while True:
        kept = [place for place, width in enumerate(shown) if width is not None]
        least = [min(natural[p], columns[p].least) if columns[p].least else natural[p] for p in kept]
        over = sum(least) + _GAP * (len(kept) - 1) - room
        going = max(kept, key=lambda place: columns[place].dropped)
        if over <= 0 or not columns[going].dropped:
            break
        shown[going] = None
    over = sum(natural[p] for p in kept) + _GAP * (len(kept) - 1) - room
    floor = dict(zip(kept, least, strict=True))
    while over > 0:
        able = [place for place in kept if (shown[place] or 0) > floor[place]]
        if not able:
            break
        widest = max(able, key=lambda place: shown[place] or 0)
        shown[widest] = (shown[widest] or 0) - 1
        over -= 1
    return shown


def clip(text: str, width: int | None) -> str:
    """*text* in at most *width* cells, a cut shown as ``…``."""
    if width is None or cells_of(text) <= width:
        return text
    from rich.cells import set_cell_size  # noqa: PLC0415 - only what is too long needs it

    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def cells_of(text: str) -> int:
    """The cells that *text* takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only what is not ASCII needs it

    return cell_len(text)
