"""`vcf-tasks list`: tasks in a table that fits the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clean, output_options
from vcf_tasks_async.cli.records import of_task
from vcf_tasks_async.cli.running import run, warn
from vcf_tasks_async.cli.selection import Selection, selecting
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.times import short

__all__ = ["beginnings", "list_tasks"]

#: What tasks can be sorted by; what a task does not tell comes last.
_KEYS: Final[dict[str, Callable[[v.Task], Any]]] = {
    "created": lambda task: task.created_at,
    "ended": lambda task: task.completed_at if task.is_ended else None,
    "duration": lambda task: task.duration,
    "progress": lambda task: task.progress,
    "status": lambda task: task.status.value,
    "name": lambda task: None if task.name is None else task.name.casefold(),
    "type": lambda task: task.type,
}


@click.command(
    "list",
    epilog="Without --sort, tasks come in the server's order, usually the newest first."
    " On a narrow terminal ids are cut to what tells them apart; all commands take them so.",
)
@selecting
@click.option(
    "--sort", type=click.Choice([sign + key for key in _KEYS for sign in ("", "-")]), metavar="KEY",
    help=f"By {', '.join(_KEYS)}; with - before it the other way round.",
)  # fmt: skip
@click.option("-n", "--limit", type=click.IntRange(1), metavar="N", help="At most so many.")
@output_options
@connected
def list_tasks(
    connection: Connection, selection: Selection, out: Output, sort: str | None, limit: int | None
) -> None:
    """List tasks.

    \b
    Examples:
      vcf-tasks list --failed --since 1d
      vcf-tasks list --running --sort -created
      vcf-tasks list --type HOST_COMMISSION --json | jq -r .cause
      vcf-tasks list --failed -q | vcf-tasks retry - --yes
    """
    whole = run(_list(connection.session(), selection, out, sort, limit))
    if not whole:
        raise SystemExit(int(Exit.FAILED))


async def _list(
    session: v.TaskSession, selection: Selection, out: Output, sort: str | None, limit: int | None
) -> bool:
    """Print the tasks. Returns whether these are all there are."""
    async with session, session.stream(selection.where) as stream:
        tasks = (task async for task in stream if selection.matches(task))
        async with aclosing(tasks):
            if sort is not None:
                await _print(
                    _listed(_sorted([task async for task in tasks], sort)), out, session, selection, limit
                )
            else:
                await _print(tasks, out, session, selection, limit)
        for error in stream.malformed:
            warn(f"left out, for it can't be read: {clean(error)}")
        cut = limit is not None and not stream.complete and not stream.malformed
        if not stream.complete and not cut:
            warn("the listing could not be made whole: tasks may be missing, list again")
        return (stream.complete or cut) and not stream.malformed


async def _print(
    tasks: AsyncIterator[v.Task], out: Output, session: v.TaskSession, selection: Selection, limit: int | None
) -> None:
    table = _TaskTable(selection)
    number = 0
    async for task in tasks:
        number += 1
        if out.quiet:
            out.line(clean(task.id))
        elif out.json:
            out.record(of_task(task, session.manager))
        else:
            table.add(task)
        if number == limit:
            break
    if out.is_text:
        if number:
            table.print(out)
        else:
            out.line("no tasks")


async def _listed(tasks: list[v.Task]) -> AsyncIterator[v.Task]:
    for task in tasks:
        yield task


def _sorted(tasks: list[v.Task], sort: str) -> list[v.Task]:
    key = _KEYS[sort.removeprefix("-")]
    told = [task for task in tasks if key(task) is not None]
    return [*sorted(told, key=key, reverse=sort.startswith("-")), *(t for t in tasks if key(t) is None)]


class _TaskTable:
    """Tasks as rows; what a row shows is kept, not the task."""

    def __init__(self, selection: Selection) -> None:
        columns = [
            Column("ID"),
            Column("STATUS", least=9),
            Column("AGE", right=True, dropped=1),
            Column("TOOK", right=True, dropped=2),
            Column("TYPE", least=12, dropped=3),
            Column("TASK", least=36),
        ]
        # On a narrow screen the cause goes under its task.
        self._causes = selection.only_failed
        self._table = Table([*columns, Column("CAUSE", least=40, dropped=4)] if self._causes else columns)
        self._ids: list[str] = []
        self._now = datetime.now(UTC)

    def add(self, task: v.Task) -> None:
        self._ids.append(clean(task.id))
        style = status_style(task.status)
        created = task.created_at
        age = None if created is None else (self._now - created).total_seconds()
        row = [
            Cell(self._ids[-1], "dim"),
            Cell(clean(task.raw_status) or "no status", style),
            Cell("" if age is None or age < 0 else short(age).split()[0]),
            Cell(short(task.duration)),
            Cell(clean(task.type), "dim"),
            Cell(clean(task.name) or "without a name"),
        ]
        if self._causes:
            cause = Cell(clean(task.cause) or "SDDC Manager gives no reason", "red")
            row.append(cause)
            self._table.remarks.append(cause)
        self._table.rows.append(row)

    def print(self, out: Output) -> None:
        if out.width is not None and out.width < _WIDE:
            for row, shown in zip(self._table.rows, beginnings(self._ids), strict=True):
                row[0] = Cell(shown, "dim")
        self._table.print(out)


#: Columns from which on there is room for whole ids.
_WIDE: Final = 140


def beginnings(ids: list[str], *, least: int = 8) -> list[str]:
    """As much of each id as tells it from all others, and *least* characters at least.

    Example:
        >>> beginnings(["3ee54a9a-5d0f", "3ee54a9a-77aa", "16ab8935-805b"])
        ['3ee54a9a-5', '3ee54a9a-7', '16ab8935']
    """
    length = dict.fromkeys(ids, least)
    ordered = sorted(length)
    for before, after in pairwise(ordered):
        same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
        for task_id in (before, after):
            length[task_id] = max(length[task_id], same + 1)
    return [task_id[: length[task_id]] for task_id in ids]
