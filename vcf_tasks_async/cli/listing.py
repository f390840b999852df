"""`vcf-tasks list`: tasks in a table that fits the terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clean, output_options
from vcf_tasks_async.cli.records import of_task
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.search import fitting, label
from vcf_tasks_async.cli.selection import Selection, selecting
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.sites import Found, Listing, Sites
from vcf_tasks_async.cli.times import short

__all__ = ["list_tasks"]

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
    listing = _Listing(connection.sites(), selection, out, sort, limit)
    if not run(listing.print()):
        raise SystemExit(int(Exit.FAILED))


class _Listing:
    """What is to be listed, and how it is printed."""

    def __init__(
        self, sites: Sites, selection: Selection, out: Output, sort: str | None, limit: int | None
    ) -> None:
        self._sites = sites
        self._selection = selection
        self._out = out
        self._sort = sort
        self._limit = limit
        self._table = _TaskTable(selection, with_sites=sites.are_many)
        self._meant: list[Found] = []
        self._number = 0

    async def print(self) -> bool:
        """Print what is meant, as it comes or in its order. Returns whether that is all there is."""
        import asyncio  # noqa: PLC0415 - `--help` needs none

        try:
            async with self._sites as sites, sites.listing(self._selection.where) as tasks:
                await self._take(tasks)
        except asyncio.CancelledError:
            # By Ctrl-C: what was read by then is told.
            if self._number or self._meant:
                self._close()
            raise
        self._close()
        return sites.is_whole and not sites.troubles

    async def _take(self, tasks: Listing) -> None:
        async for site, task in tasks:
            if not self._selection.matches(task):
                continue
            if self._sort is not None:
                self._meant.append(Found(site, task))
                continue
            self._add(Found(site, task))
            if self._number == self._limit:
                tasks.was_cut = True
                break

    def _close(self) -> None:
        if self._sort is not None:
            for found in _sorted(self._meant, self._sort)[: self._limit]:
                self._add(found)
        if self._out.is_text:
            if self._number:
                self._table.print(self._out)
            else:
                self._out.line("no tasks")

    def _add(self, found: Found) -> None:
        self._number += 1
        site, task = found
        if self._out.quiet:
            self._out.line(label(site, task.id))
        elif self._out.json:
            self._out.record(of_task(task, self._sites.manager(site), site))
        else:
            self._table.add(found)


def _sorted(found: list[Found], sort: str) -> list[Found]:
    key = _KEYS[sort.removeprefix("-")]
    told = [each for each in found if key(each.task) is not None]
    told.sort(key=lambda each: key(each.task), reverse=sort.startswith("-"))
    return [*told, *(each for each in found if key(each.task) is None)]


class _TaskTable:
    """Tasks as rows; what a row shows is kept, not the task."""

    def __init__(self, selection: Selection, *, with_sites: bool) -> None:
        self._with_sites = with_sites
        columns = [
            *([Column("SITE", least=6)] if with_sites else []),
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

    def add(self, found: Found) -> None:
        """One more row."""
        site, task = found
        self._ids.append(clean(task.id))
        style = status_style(task.status)
        created = task.created_at
        age = None if created is None else (self._now - created).total_seconds()
        row = [
            *([Cell(clean(site), "cyan")] if self._with_sites else []),
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
        """All rows, with ids cut to what tells them apart where there is little room."""
        for row, shown in zip(self._table.rows, fitting(self._ids, out.width), strict=True):
            row[int(self._with_sites)] = Cell(shown, "dim")
        self._table.print(out)
