"""What commands print: lines, tables that fit the terminal, JSON. The one way to stdout for text that stays.

Texts from a server go through `clean`, so that they are one harmless line; JSON keeps them to the letter and
escapes all that is not printable ASCII. In a pipe nothing is coloured and nothing is cut.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, Final

import click

import vcf_tasks_async as v

__all__ = ["Cell", "Column", "Output", "Table", "clean", "clip", "output_options", "widths"]

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
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.is_terminal = sys.stdout.isatty()
        self.is_broken = False
        self._colour = self.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

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
        # Not click.echo: the tests' and the pipes' encodings are settled by `harden_output`.
        print(text)

    def record(self, record: Mapping[str, Any]) -> None:
        """One object on a line of its own, at once: whoever reads a pipe sees it when it happens."""
        # DEL is the one control character that is ASCII and that JSON lets through.
        print(json.dumps(record, separators=(",", ":")).replace("\x7f", "\\u007f"), flush=True)

    def style(self, text: str, style: str) -> str:
        """*text* in the colours that *style* names, such as ``bold red``; plain in a pipe."""
        if not self._colour or not style or not text:
            return text
        return click.style(text, **_STYLES[style])


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
    wrapped = click.option("-q", "--quiet", is_flag=True, help="Ids only, or nothing where there are none.")(wrapped)
    return click.option("--json", is_flag=True, help="One JSON object a line; docs/cli.md has the schema.")(wrapped)


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
    """What stands in one place of a table: clean text, and its style."""

    text: str
    style: str = ""


@dataclass
class Table:
    """Rows under headings.

    Attributes:
        remarks: for each row a line that stands under it, indented, where the last column was dropped.
    """

    columns: Sequence[Column]
    rows: list[Sequence[Cell]] = field(default_factory=list)
    remarks: list[Cell] = field(default_factory=list)

    def print(self, out: Output) -> None:
        """Print it as wide as *out* has room, or as wide as it is."""
        natural = [
            max((_cells(row[place].text) for row in self.rows), default=0) for place in range(len(self.columns))
        ]
        natural = [max(width, _cells(c.title)) for width, c in zip(natural, self.columns, strict=True)]
        shown = widths(self.columns, natural, out.width)
        self._print_line([Cell(column.title, "dim") for column in self.columns], shown, out)
        remarks = self.remarks if shown and shown[-1] is None else []
        for number, row in enumerate(self.rows):
            self._print_line(row, shown, out)
            if number < len(remarks) and remarks[number].text:
                remark, indent = remarks[number], " " * ((shown[0] or 0) + _GAP)
                room = None if out.width is None else out.width - len(indent)
                out.line(indent + out.style(clip(remark.text, room), remark.style))

    def _print_line(self, cells: Sequence[Cell], shown: Sequence[int | None], out: Output) -> None:
        line, owed = "", 0
        for cell, column, width in zip(cells, self.columns, shown, strict=True):
            if width is None:
                continue
            text = clip(cell.text, width)
            blank = width - _cells(text)
            if text:
                line += " " * (owed + (blank if column.right else 0)) + out.style(text, cell.style)
                owed = _GAP + (0 if column.right else blank)
            else:
                owed += _GAP + width
        out.line(line)


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
    if width is None or _cells(text) <= width:
        return text
    from rich.cells import set_cell_size  # noqa: PLC0415 - only what is too long needs it

    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - only what is not ASCII needs it

    return cell_len(text)
