"""A report as JSON, CSV or Markdown. Pure: facts in, text out.

JSON keeps the server's texts to the letter, as ASCII with escapes, so that no character acts on a terminal.
CSV and Markdown have them inert, on one line, and with nothing that a spreadsheet or a renderer would act on.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import vcf_tasks_async as v
from vcf_tasks_async.cli.report_data import Durations, ReportData
from vcf_tasks_async.cli.report_rows import Failure, TaskRow
from vcf_tasks_async.cli.report_words import Kind, duration_words, moment_words, status_words
from vcf_tasks_async.cli.times import iso

__all__ = ["CSV_COLUMNS", "SCHEMA", "to_csv", "to_json", "to_markdown"]

#: The version of the JSON document: fields are added under the same number, never taken away or changed.
SCHEMA: Final = 1
#: The columns of the CSV, in order; new ones come at the end.
CSV_COLUMNS: Final = (
    "id", "name", "type", "status", "raw_status", "created", "completed", "duration_s", "steps", "progress",
    "is_retryable", "failed_step", "cause", "remedy", "error_code", "reference_token", "resources",
)  # fmt: skip
# A cell of a spreadsheet takes 32,767 characters; a line of Markdown is to be read.
_CELL: Final = 2000
_MARKDOWN_CELL: Final = 200
_MARKDOWN_ROWS: Final = 1000
# What makes a spreadsheet take a cell for a formula; the wide ones do so in some languages.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]|~#$])")
# GitHub makes links of bare addresses.
_AUTOLINK: Final = re.compile(r"(?i):(?=//)|(?<=www)\.|@|(?<=mailto):|(?<=xmpp):")


def to_json(data: ReportData) -> str:
    """*data* as one JSON document of plain ASCII, times as ISO 8601 in UTC and durations in seconds."""
    document = {
        "schema": SCHEMA,
        "manager": data.manager,
        "made_at": iso(data.made_at),
        "is_complete": data.is_complete,
        "malformed": data.malformed,
        "total": len(data.rows),
        "kinds": {kind.slug: number for kind, number in data.kinds.items()},
        "statuses": [
            {"status": s.words, "kind": s.kind.slug, "tasks": s.number} for s in data.statuses
        ],
        "durations": _durations(data.durations),
        "types": [
            {
                "type": t.type,
                "label": t.label,
                "tasks": len(t.rows),
                "kinds": {kind.slug: t.kinds[kind] for kind in data.kinds if t.kinds[kind]},
                "durations": _durations(t.durations),
            }
            for t in data.types
        ],
        "causes": [
            {
                "cause": c.text,
                "error_code": c.code,
                "remedies": list(c.remedies),
                "task_ids": [row.id for row in c.rows],
            }
            for c in data.causes
        ],
        "tasks": [_task(row) for row in data.rows],
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _task(row: TaskRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "type": row.type,
        "status": row.status.value,
        "raw_status": row.raw_status,
        "created": iso(row.created),
        "completed": iso(row.completed),
        "duration_s": _seconds(row),
        "has_odd_times": row.odd_times,
        "is_stuck": row.is_stuck,
        "progress": round(row.progress, 4),
        "is_retryable": row.is_retryable,
        "resources": list(row.resources),
        "failure": _failure(row.failure),
        "steps_in_all": row.steps_in_all,
        "steps": [
            {
                "name": step.name,
                "depth": step.depth,
                "status": step.status.value,
                "raw_status": step.raw_status,
                "began": iso(step.began),
                "completed": iso(step.completed),
                "error": step.error,
            }
            for step in row.steps
        ],
    }


def _failure(failure: Failure | None) -> dict[str, str | None] | None:
    if failure is None:
        return None
    return {
        "cause": failure.text,
        "remedy": failure.remedy,
        "step": failure.step,
        "error_code": failure.code,
        "reference_token": failure.reference,
    }


def _durations(durations: Durations | None) -> dict[str, Any] | None:
    if durations is None:
        return None
    return {
        "tasks": durations.number,
        "median_s": durations.median.total_seconds(),
        "p95_s": durations.p95.total_seconds(),
        "longest_s": _seconds(durations.longest),
        "longest_task_id": durations.longest.id,
    }


def _seconds(row: TaskRow) -> float | None:
    return None if row.duration is None else row.duration.total_seconds()


def to_csv(data: ReportData) -> str:
    """One line for each task, newest first, with a heading; all of them, whatever their number.

    A cell that a spreadsheet would take for a formula has an apostrophe in front, as spreadsheets write it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for row in data.rows:
        failure = row.failure or Failure("")
        retryable = "" if row.is_retryable is None else str(row.is_retryable).lower()
        seconds = _seconds(row)
        texts = (row.id, row.name, row.type, row.status.value, row.raw_status)
        why = (failure.step, failure.text, failure.remedy, failure.code, failure.reference)
        writer.writerow(
            (
                *map(_cell, texts),
                iso(row.created) or "",
                iso(row.completed) or "",
                "" if seconds is None else f"{seconds:.3f}",
                row.steps_in_all,
                f"{row.progress:.4g}",
                retryable,
                *map(_cell, why),
                _cell(" ".join(row.resources)),
            )
        )
    return out.getvalue()


def _cell(text: str | None) -> str:
    shown = v.inert(text or "", limit=_CELL)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def to_markdown(data: ReportData) -> str:
    """*data* as GitHub's Markdown: counts, durations, causes, and the tasks, up to a thousand of them."""
    kinds = [f"{number:,} {kind.words}" for kind, number in data.kinds.items() if number]
    parts = [
        f"# Tasks of {_text(data.manager)}",
        f"{len(data.rows):,} task{'s' * (len(data.rows) != 1)} on {moment_words(data.made_at)} UTC"
        + (f": {', '.join(kinds)}." if kinds else "."),
    ]
    if data.malformed:
        parts.append(f"**{data.malformed:,} could not be read** and are missing here.")
    elif not data.is_complete:
        parts.append("**This list is not whole:** it changed faster than it could be read.")
    if data.stuck:
        parts.append(f"**{len(data.stuck):,}** have been running for more than a day and may be stuck.")
    if data.causes:
        causes = (
            (f"{len(c.rows):,}", _text(c.text, c.code), _text(" / ".join(c.remedies)), _examples(c.rows))
            for c in data.causes
        )
        parts += ["## Why tasks failed", _table(("Tasks", "Cause", "Remedy", "Which"), causes)]
    if data.rows:
        parts += ["## Durations", _table(_DURATIONS, _duration_rows(data))]
        parts += ["## Tasks", _table(_TASKS, map(_markdown_row, data.rows[:_MARKDOWN_ROWS]))]
    if len(data.rows) > _MARKDOWN_ROWS:
        parts.append(f"The newest {_MARKDOWN_ROWS:,}; `--format csv` has all {len(data.rows):,}.")
    return "\n\n".join(parts) + "\n"


_DURATIONS: Final = ("Type", "Tasks", "Failed", "Median", "95 %", "Longest")
_TASKS: Final = ("Task", "Type", "Status", "Created (UTC)", "Took", "Id", "Cause")
_EXAMPLES: Final = 5


def _duration_rows(data: ReportData) -> Iterable[tuple[str, ...]]:
    failed = Kind.FAILED
    for facts in data.types:
        numbers = f"{len(facts.rows):,}", f"{facts.kinds[failed]:,}"
        yield (_text(facts.label), *numbers, *_duration_cells(facts.durations))
    numbers = f"{len(data.rows):,}", f"{data.kinds[failed]:,}"
    yield ("**all types**", *numbers, *_duration_cells(data.durations))


def _duration_cells(durations: Durations | None) -> tuple[str, str, str]:
    if durations is None:
        return ("–", "–", "–")
    times = durations.median, durations.p95, durations.longest.duration
    median, p95, longest = map(duration_words, times)
    return median, p95, longest


def _markdown_row(row: TaskRow) -> tuple[str, ...]:
    return (
        _text(row.title),
        _text(row.type),
        f"{row.kind.sign} {_text(status_words(row.status, row.raw_status))}",
        moment_words(row.created),
        duration_words(row.duration),
        _text(row.id),
        _text(row.failure.text if row.failure else None),
    )


def _examples(rows: tuple[TaskRow, ...]) -> str:
    more = f" and {len(rows) - _EXAMPLES:,} more" if len(rows) > _EXAMPLES else ""
    return ", ".join(_text(row.id) for row in rows[:_EXAMPLES]) + more


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _text(*texts: str | None) -> str:
    """*texts* as text and nothing else: no markup, no HTML, no link, no end of the cell."""
    joined = " ".join(v.inert(text, limit=_MARKDOWN_CELL) for text in texts if text)
    escaped = joined.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _MARKDOWN.sub(r"\\\1", escaped)
    return _AUTOLINK.sub(lambda found: f"&#{ord(found[0])};", escaped)
