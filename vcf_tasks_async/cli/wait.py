"""`vcf-tasks wait`: until tasks have ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.exits import Exit, code_of
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.records import of_task
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.search import Target, label
from vcf_tasks_async.cli.selection import ids_argument
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.sites import Sites
from vcf_tasks_async.cli.times import short

__all__ = ["wait"]


@click.command(
    epilog="Exit codes: 0 all succeeded, 1 some did not, 5 some are not there (any more), 6 time ran out"
    " first, 3 SDDC Manager could not be reached for 15 minutes; where these differ from task to task, 1."
)
@ids_argument(required=True)
@click.option("--timeout", type=Duration(), metavar="DURATION", help="For all of them together.")
@click.option(
    "--every", type=Duration(), default="30s", show_default=True, help="Time between two looks at most."
)
@click.option(
    "--after-retry", is_flag=True, help="They were just retried: an old failure may show for a while."
)
@output_options
@connected
def wait(
    connection: Connection,
    out: Output,
    ids: tuple[str, ...],
    timeout: float | None,
    every: float,
    after_retry: bool,
) -> None:
    """Wait until tasks have ended, and tell by exit code how.

    Progress goes to stderr; stdout has one line for each task as it ends.

    \b
    Examples:
      vcf-tasks wait 3ee54a9a --timeout 2h && echo done
      vcf-tasks list --running -q | vcf-tasks wait -
    """
    if every <= 0 or timeout == 0:
        raise click.UsageError("--every and --timeout take more than no time")
    polling = v.Polling(initial=min(2.0, every), maximum=every)
    waiting = _Waiting(connection.sites(), out, timeout, polling, after_retry or None)
    raise SystemExit(int(run(waiting.all_of(connection.given_ids(ids)))))


class _Waiting:
    """Tasks that are waited for, and what became of them."""

    def __init__(
        self,
        sites: Sites,
        out: Output,
        timeout: float | None,
        polling: v.Polling,
        after_retry: bool | None,
    ) -> None:
        self._sites = sites
        self._out = out
        self._timeout = timeout
        self._polling = polling
        self._after_retry = after_retry
        self._failures: set[Exit] = set()

    async def all_of(self, ids: list[str]) -> Exit:
        """Wait for all; returns the exit code."""
        import asyncio  # noqa: PLC0415 - `--help` needs none

        from vcf_tasks_async.cli.board import Board  # noqa: PLC0415 - rich, for those who use it
        from vcf_tasks_async.cli.live import can_move, log, moving, progress_line  # noqa: PLC0415

        sites = self._sites
        board = Board(sites.title, with_sites=sites.are_many)
        shown: AbstractContextManager[None] = nullcontext()
        on_progress: Callable[[str | None, v.Progress], None] | None = None
        if not self._out.quiet:
            if can_move(stderr=True):
                shown, on_progress = moving(board, stderr=True, stays=False), board.progressed
            else:
                on_progress = lambda site, progress: log(progress_line(progress, site))  # noqa: E731
        async with sites:
            targets = await sites.find(ids)
            with shown:
                async with asyncio.TaskGroup() as group:
                    for target in targets:
                        group.create_task(self._one(target, on_progress))
        self._failures |= {code_of(error) for error in sites.errors}
        return next(iter(self._failures)) if len(self._failures) == 1 else Exit(bool(self._failures))

    async def _one(
        self, target: Target, on_progress: Callable[[str | None, v.Progress], None] | None
    ) -> None:
        site = target.site
        session = await self._sites.session(site)
        try:
            task = await session.wait(
                target.id,
                timeout=self._timeout,
                polling=self._polling,
                after_retry=self._after_retry,
                on_progress=None if on_progress is None else partial(on_progress, site),
            )
        except v.VcfTasksError as error:
            self._failures.add(code_of(error))
            where = f"{clean(site)}: " if site is not None else ""
            print(f"vcf-tasks: {where}{clean(error)}", file=sys.stderr)
            if self._out.json and isinstance(error, v.WaitError) and error.task is not None:
                self._out.record(of_task(error.task, session.manager, site))
            return
        if not task.succeeded:
            self._failures.add(Exit.FAILED)
        self._tell(site, task)

    def _tell(self, site: str | None, task: v.Task) -> None:
        out = self._out
        if out.json:
            out.record(of_task(task, self._sites.manager(site), site))
        elif not out.quiet:
            status = out.style(clean(task.raw_status) or "no status", status_style(task.status))
            why = f"  {clean(task.cause)}" if task.failed else ""
            took = short(task.duration) or "-"
            out.line(f"{label(site, task.id)}  {status}  {took}  {clean(task.name) or 'without a name'}{why}")
            out.flush()
