"""`vcf-tasks watch`: what happens to tasks, while it happens."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, output_options
from vcf_tasks_async.cli.records import of_event
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.search import Target, label
from vcf_tasks_async.cli.selection import (
    Selection,
    ids_argument,
    running_statuses,
    selecting,
)
from vcf_tasks_async.cli.sites import Sites

if TYPE_CHECKING:
    from vcf_tasks_async.cli.board import Board

__all__ = ["watch"]


@click.command(
    epilog="Without ids and without a status, it shows what has not ended, and what comes. It goes on until"
    " Ctrl-C (exit code 130), for as long as --for says (0), or until all tasks with the given ids have ended"
    " (0 if all succeeded, else 1). A site of a fleet that can't be watched makes it 1."
)
@ids_argument(required=False)
@selecting
@click.option("--every", type=Duration(), default="5s", show_default=True, help="Time between two looks.")
@click.option("--for", "span", type=Duration(), metavar="DURATION", help="End after so long.")
@output_options
@connected
def watch(
    connection: Connection,
    selection: Selection,
    out: Output,
    ids: tuple[str, ...],
    every: float,
    span: float | None,
) -> None:
    """Watch tasks live: a table that moves, or a log in a pipe.

    \b
    Examples:
      vcf-tasks watch
      vcf-tasks watch --type UPGRADE
      vcf-tasks watch 3ee54a9a
      vcf-tasks watch --fleet sites.toml
      vcf-tasks watch --json | jq -r 'select(.event == "ended") | .name'
    """
    if ids and not selection.is_empty:
        raise click.UsageError("ids and filters don't go together: give one or the other")
    if every <= 0:
        raise click.UsageError("--every takes more than no time")
    if selection.where.status is None and selection.where.server_status is None:
        selection = selection.among(running_statuses())
    wanted = connection.given_ids(ids)
    if ids and not wanted:
        return
    watching = _Watching(connection.sites(), selection, out, span)
    raise SystemExit(int(run(watching.of(wanted, every))))


class _Watching:
    """A watch: of what, told where, and how well it went."""

    def __init__(self, sites: Sites, selection: Selection, out: Output, span: float | None) -> None:
        self._sites = sites
        self._selection = selection
        self._out = out
        self._span = span
        # Of given ids: those that have not ended.
        self._left: set[Target] | None = None
        self._ended: list[bool] = []

    async def of(self, ids: list[str], every: float) -> Exit:
        """Watch tasks with *ids*, or all that are selected; returns the exit code."""
        import asyncio  # noqa: PLC0415 - `--help` needs none

        from vcf_tasks_async.cli.board import Board  # noqa: PLC0415 - rich, for those who use it
        from vcf_tasks_async.cli.live import can_move, moving  # noqa: PLC0415

        sites, where = self._sites, self._selection.where
        polling = v.Polling(initial=every, maximum=every, factor=1.0, jitter=0.1)
        board = Board(sites.title, None if ids else where, with_sites=sites.are_many)
        moves = self._out.is_text and can_move()
        shown: AbstractContextManager[None] = moving(board) if moves else nullcontext()
        async with sites:
            targets = await sites.find(ids)
            if ids and not targets:
                return sites.code(of_any=False)
            self._left = set(targets) if ids else None
            with shown:
                try:
                    async with asyncio.timeout(self._span):
                        await self._follow(targets if ids else where, polling, board if moves else None)
                except TimeoutError as error:
                    # Its own deadline; one of the library's is an error.
                    if isinstance(error, v.VcfTasksError):
                        raise
        of_any = self._left is None or bool(self._left or self._ended)
        return sites.code(Exit(not all(self._ended)), of_any=of_any)

    async def _follow(
        self, which: list[Target] | v.TaskFilter, polling: v.Polling, board: Board | None
    ) -> None:
        async with self._sites.watching(which, polling) as watched:
            async for site, event in watched.events:
                if event.task is not None and not self._selection.matches(event.task):
                    continue
                given_up = site in watched.given_up()
                if board is not None:
                    board.feed(event, site, given_up=given_up)
                else:
                    self._tell(site, event)
                if self._left is not None:
                    self._strike(site, event, given_up=given_up)
                    if not self._left:
                        break

    def _strike(self, site: str | None, event: v.TaskEvent, *, given_up: bool) -> None:
        """Take from those that are left what has ended, is gone, or can't be watched any more."""
        assert self._left is not None
        if given_up:
            self._left = {target for target in self._left if target.site != site}
            return
        if event.task_id is None or (event.task is None and event.kind is not v.EventKind.GONE):
            return
        target = Target(site, event.task_id)
        if target in self._left and (event.task is None or event.task.is_ended):
            self._left.discard(target)
            self._ended.append(event.task is not None and event.task.succeeded)

    def _tell(self, site: str | None, event: v.TaskEvent) -> None:
        out = self._out
        if out.json:
            out.record(of_event(event, self._sites.manager(site), site))
        elif out.quiet:
            if event.kind is v.EventKind.ENDED:
                out.line(label(site, event.task_id))
                out.flush()
        else:
            from vcf_tasks_async.cli.live import event_line  # noqa: PLC0415 - rich

            out.line(event_line(event, site))
            out.flush()
