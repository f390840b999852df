"""`vcf-tasks list`: tasks in a table that fits the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

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
    listing = _Listing(selection, out, sort, limit, with_sites=connection.fleet is not None)
    if connection.fleet is not None:
        whole = run(_list_fleet(connection.fleet, listing))
    else:
        whole = run(_list(connection.session(), listing))
    if not whole:
        raise SystemExit(int(Exit.FAILED))


async def _list(session: v.TaskSession, listing: _Listing) -> bool:
    """Print one site's tasks. Returns whether these are all there are."""
    async with session, session.stream(listing.where) as stream:
        items = (_Item(None, session.manager, task) async for task in stream)
        async with aclosing(items):
            await listing.print(items)
        return _is_whole(stream, cut=listing.was_cut)


async def _list_fleet(fleet: v.Fleet, listing: _Listing) -> bool:
    """Print the tasks of all sites. Returns whether these are all there are."""
    managers = {name: site.url.partition("://")[2] or site.url for name, site in fleet.sites.items()}
    async with fleet, fleet.stream(listing.where, raise_troubles=False) as stream:
        items = (_Item(site, managers[site], task) async for site, task in stream)
        async with aclosing(items):
            await listing.print(items)
        for trouble in stream.troubles.values():
            warn(clean(trouble))
        whole = [_is_whole(each, cut=listing.was_cut) for each in stream.sites.values()]
        return all(whole) and not stream.troubles


def _is_whole(stream: v.TaskStream, *, cut: bool) -> bool:
    """Whether a listing has told all there is; says so where it has not."""
    for error in stream.malformed:
        warn(f"left out, for it can't be read: {clean(error)}")
    if not stream.complete and not cut:
        warn("the listing could not be made whole: tasks may be missing, list again")
    return (stream.complete or cut) and not stream.malformed


class _Item(NamedTuple):
    """A task, and where it is."""

    site: str | None
    manager: str
    task: v.Task


class _Listing:
    """What is to be listed, and how it is printed."""

    def __init__(
        self, selection: Selection, out: Output, sort: str | None, limit: int | None, *, with_sites: bool
    ) -> None:
        self.where = selection.where
        self.was_cut = False
        self._selection = selection
        self._out = out
        self._sort = sort
        self._limit = limit
        self._table = _TaskTable(selection, with_sites=with_sites)
        self._number = 0

    async def print(self, items: AsyncIterator[_Item]) -> None:
        """Print what is meant of *items*, as they come or in their order."""
        if self._sort is not None:
            meant = [item async for item in items if self._selection.matches(item.task)]
            for item in _sorted(meant, self._sort)[: self._limit]:
                self._add(item)
        else:
            async for item in items:
                if self._selection.matches(item.task):
                    self._add(item)
                if self._number == self._limit:
                    self.was_cut = True
                    break
        if self._out.is_text:
            if self._number:
                self._table.print(self._out)
            else:
                self._out.line("no tasks")

    def _add(self, item: _Item) -> None:
        self._number += 1
        if self._out.quiet:
            self._out.line(clean(item.task.id))
        elif self._out.json:
            site = {} if item.site is None else {"site": item.site}
            self._out.record({**of_task(item.task, item.manager), **site})
        else:
            self._table.add(item)


def _sorted(items: list[_Item], sort: str) -> list[_Item]:
    key = _KEYS[sort.removeprefix("-")]
    told = [item for item in items if key(item.task) is not None]
    told.sort(key=lambda item: key(item.task), reverse=sort.startswith("-"))
    return [*told, *(item for item in items if key(item.task) is None)]


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

    def add(self, item: _Item) -> None:
        """One more row."""
        task = item.task
        self._ids.append(clean(task.id))
        style = status_style(task.status)
        created = task.created_at
        age = None if created is None else (self._now - created).total_seconds()
        row = [
            *([Cell(clean(item.site), "cyan")] if self._with_sites else []),
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
        if out.width is not None and out.width < _WIDE:
            for row, shown in zip(self._table.rows, beginnings(self._ids), strict=True):
                row[int(self._with_sites)] = Cell(shown, "dim")
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
