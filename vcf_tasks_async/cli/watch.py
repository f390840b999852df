"""`vcf-tasks watch`: what happens to tasks, while it happens."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.records import of_event
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.selection import (
    Selection,
    given_ids,
    ids_argument,
    resolved,
    running_statuses,
    selecting,
)

if TYPE_CHECKING:
    from vcf_tasks_async.cli.board import Board

__all__ = ["watch"]


@click.command(
    epilog="Without ids and without a status, it shows what has not ended, and what comes. It goes on until"
    " Ctrl-C (exit code 130), for as long as --for says (0), or until all tasks with the given ids have ended"
    " (0 if all succeeded, else 1)."
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
      vcf-tasks watch --json | jq -r 'select(.event == "ended") | .name'
    """
    if ids and not selection.is_empty:
        raise click.UsageError("ids and filters don't go together: give one or the other")
    if every <= 0:
        raise click.UsageError("--every takes more than no time")
    if selection.where.status is None and selection.where.server_status is None:
        selection = selection.among(running_statuses())
    wanted = given_ids(ids)
    if ids and not wanted:
        return
    well = run(_watch(connection.session(), wanted, selection, out, every, span))
    raise SystemExit(0 if well else 1)


async def _watch(
    session: v.TaskSession,
    ids: list[str],
    selection: Selection,
    out: Output,
    every: float,
    span: float | None,
) -> bool:
    """Watch until the end. Returns whether all tasks with given ids that ended did so well."""
    from vcf_tasks_async.cli.board import Board  # noqa: PLC0415 - rich, for those who use it
    from vcf_tasks_async.cli.live import can_move, moving  # noqa: PLC0415

    polling = v.Polling(initial=every, maximum=every, factor=1.0, jitter=0.1)
    board = Board(session.manager, None if ids else selection.where)
    moves = out.is_text and can_move()
    shown: AbstractContextManager[None] = moving(board) if moves else nullcontext()
    async with session:
        which = await resolved(session, ids) if ids else selection.where
        left = set(which) if isinstance(which, list) else None
        well = True
        with shown:
            try:
                async with asyncio.timeout(span), session.watch(which, polling=polling) as events:
                    async for event in events:
                        if event.task is not None and not selection.matches(event.task):
                            continue
                        _tell(event, board, out, session.manager, moves=moves)
                        if left is None or event.task_id is None:
                            continue
                        over = (
                            event.task is None if event.kind is v.EventKind.GONE else event.task is not None
                        )
                        if over and (event.task is None or event.task.is_ended) and event.task_id in left:
                            left.discard(event.task_id)
                            well = well and event.task is not None and event.task.succeeded
                        if not left:
                            break
            except TimeoutError as error:
                # Its own deadline; one of the library's is an error.
                if isinstance(error, v.VcfTasksError):
                    raise
    return well


def _tell(event: v.TaskEvent, board: Board, out: Output, manager: str, *, moves: bool) -> None:
    if moves:
        board.feed(event)
    elif out.json:
        out.record(of_event(event, manager))
    elif out.quiet:
        if event.kind is v.EventKind.ENDED:
            out.line(clean(event.task_id))
            out.flush()
    else:
        from vcf_tasks_async.cli.live import event_line  # noqa: PLC0415 - rich

        out.line(event_line(event))
        out.flush()
