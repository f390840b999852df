"""A report as one HTML file that loads nothing: style and drawings are in it, and there is no script.

Every text goes through `inert` and then Jinja's escaping, in elements and attributes alike, since the
environment does both to whatever a template puts out. No address in the page comes from a server.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import attrs
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import vcf_tasks_async as v
from vcf_tasks_async.cli.report_data import ReportData
from vcf_tasks_async.cli.report_rows import TaskRow
from vcf_tasks_async.cli.report_svg import step_bars, strip, timeline_of
from vcf_tasks_async.cli.report_words import Kind, duration_words, moment_words, status_words

__all__ = ["Bounds", "to_html"]

# Characters of any one text; a page is no place for a megabyte.
_LONGEST: Final = 500


@attrs.frozen
class Bounds:
    """What a page holds at most; what it leaves out, it says.

    Attributes:
        rows: of the table of all tasks, newest first.
        steps: in all tasks together; failed and stuck tasks come first, then running ones, then the newest.
        open_tasks: up to so many failed tasks are shown unfolded.
        named: tasks named under one cause.
    """

    rows: int = 5000
    steps: int = 4000
    open_tasks: int = 3
    named: int = 200


@attrs.frozen
class _Stepped:
    """The tasks whose steps are shown, and where they stand in the page."""

    failed: tuple[TaskRow, ...]
    others: tuple[TaskRow, ...]
    left_out: int
    failed_left_out: int


def to_html(data: ReportData, bounds: Bounds | None = None) -> str:
    """*data* as a page.

    Args:
        bounds: what it may hold; with the usual ones it has a few megabytes at most.
    """
    bounds = bounds or Bounds()
    env = _environment()
    css = Markup(env.get_template("report.css").render())  # noqa: S704 - our own file
    stepped = _stepped(data.rows, bounds.steps)
    shown = {id(row) for row in (*stepped.failed, *stepped.others)}
    # Places in the page are numbered by us: an id of the server's might be anything.
    numbers = {id(row): number for number, row in enumerate(data.rows, 1)}
    return env.get_template("report.html").render(
        data=data,
        bounds=bounds,
        css=css,
        css_hash=_hash(css),
        kinds=Kind,
        timeline=timeline_of(data),
        stepped=stepped,
        number=lambda row: numbers[id(row)],
        has_steps=lambda row: id(row) in shown,
        strip=strip,
        step_bars=lambda row: step_bars(row, data.made_at),
        status=status_words,
    )


def _stepped(rows: Sequence[TaskRow], limit: int) -> _Stepped:
    """Those tasks with steps, or a cause, that fit into *limit* steps, in the order they matter."""
    candidates = [row for row in rows if row.steps or row.failure]
    chosen, room = set(), limit
    for row in sorted(candidates, key=_urgency):
        # One without any step takes room as well.
        room -= max(1, len(row.steps))
        if room < 0:
            break
        chosen.add(id(row))
    shown = [row for row in candidates if id(row) in chosen]
    return _Stepped(
        failed=tuple(row for row in shown if row.kind is Kind.FAILED),
        others=tuple(row for row in shown if row.kind is not Kind.FAILED),
        left_out=len(candidates) - len(shown),
        failed_left_out=sum(1 for r in candidates if r.kind is Kind.FAILED and id(r) not in chosen),
    )


def _urgency(row: TaskRow) -> int:
    return 0 if row.kind is Kind.FAILED or row.is_stuck else 1 if row.kind is Kind.RUNNING else 2


@functools.cache
def _environment() -> Environment:
    env = Environment(
        loader=PackageLoader("vcf_tasks_async.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["cut"] = lambda text, limit: v.inert(text or "", limit=limit)
    env.filters["breakable"] = _breakable
    env.filters["moment"] = moment_words
    env.filters["duration"] = duration_words
    # Percents to a thousandth of the width, without zeros that say nothing.
    env.filters["pc"] = lambda number: f"{number:.2f}".rstrip("0").rstrip(".") + "%"
    env.filters["n"] = _counted
    return env


def _harmless(value: Any) -> Any:
    """What the template puts out, before it is escaped."""
    if isinstance(value, Markup | int):
        return value
    return "" if value is None else v.inert(str(value), limit=_LONGEST)


def _breakable(text: str | None, limit: int) -> Markup:
    """An identifier of the server's, which a narrow column may break after an underscore."""
    return escape(v.inert(text or "", limit=limit)).replace("_", Markup("_<wbr>"))


def _counted(number: int, noun: str = "task") -> str:
    """*number* with its noun, as in ``1 task`` and ``1,234 tasks``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _hash(style: str) -> str:
    """The style sheet's hash, by which the page's policy allows it, and nothing else."""
    return Markup(base64.b64encode(hashlib.sha256(style.encode()).digest()).decode())  # noqa: S704 - base64
