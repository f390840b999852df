"""`vcf-tasks retry` and `vcf-tasks cancel`: one or hundreds of tasks, with one outcome for each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, confirm
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.exits import Exit, code_of_all
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clean, output_options
from vcf_tasks_async.cli.records import of_outcome, of_report
from vcf_tasks_async.cli.running import run, warn
from vcf_tasks_async.cli.selection import (
    Selection,
    failed_statuses,
    given_ids,
    ids_argument,
    resolved,
    running_statuses,
    selecting,
)
from vcf_tasks_async.cli.shares import of_results, status_style
from vcf_tasks_async.cli.times import short

__all__ = ["cancel", "retry"]

#: Targets that are shown before asking.
_SAMPLE: Final = 10
#: Outcomes up to which those that went well have a row of their own.
_FEW: Final = 20

_OPTIONS: Final = (
    click.option("-y", "--yes", is_flag=True, help="Don't ask."),
    click.option("--dry-run", is_flag=True, help="Send nothing, and say what would be done."),
    click.option(
        "-c", "--concurrency", type=click.IntRange(1, 256), metavar="N", help="Requests in flight at most."
    ),
    click.option(
        "--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Requests a second at most."
    ),
    click.option(
        "--journal", type=click.Path(dir_okay=False), metavar="FILE",
        help="Remember the run in this file; the same call again goes on where it ended.",
    ),
    click.option("--wait", "follow", is_flag=True, help="Follow each accepted task to its end."),
    click.option(
        "--stop-after", type=float, metavar="N",
        help="End after so many failures in a row; below 1, when that share has failed.",
    ),
    click.option("--deadline", type=Duration(), metavar="DURATION", help="For the whole run."),
    click.option("--force", is_flag=True, help="Also those of which SDDC Manager says that they can't be."),
)  # fmt: skip


@dataclass(frozen=True)
class _How:
    """The options of a bulk run."""

    yes: bool
    dry_run: bool
    concurrency: int | None
    rate: float | None
    journal: str | None
    follow: bool
    stop_after: float | None
    deadline: float | None
    force: bool


def _acting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    for add in (connected, output_options, selecting, ids_argument(required=False)):
        command = add(command)
    return command


_EPILOG: Final = (
    "Each request is sent at most once; when its answer is lost, the task is looked at instead. Ctrl-C starts"
    " nothing more, gives those in flight a few seconds (a second Ctrl-C does not), and prints what is known."
    " Exit codes: 0 all accepted (with --wait: and ended well) or skipped, else 1; where all failed alike,"
    " the code of that, such as 5 for a task that is not there."
)


@click.command(epilog=_EPILOG)
@_acting
def retry(
    connection: Connection, out: Output, selection: Selection, ids: tuple[str, ...], **how: Any
) -> None:
    """Retry failed tasks, any number of them.

    Takes ids, filters, or - for ids on stdin. Filters find tasks that have failed. Shows them, and asks.

    \b
    Examples:
      vcf-tasks retry 3ee54a9a --wait
      vcf-tasks retry --failed --since 1d --concurrency 16
      vcf-tasks retry --failed --journal retries.jsonl --yes --json
    """
    _act(v.Action.RETRY, connection, out, selection, ids, _How(**how))


@click.command(epilog=_EPILOG)
@_acting
def cancel(
    connection: Connection, out: Output, selection: Selection, ids: tuple[str, ...], **how: Any
) -> None:
    """Cancel running tasks, any number of them.

    Takes ids, filters, or - for ids on stdin. Filters find tasks that have not ended. Shows them, and asks.

    \b
    Examples:
      vcf-tasks cancel 16ab8935
      vcf-tasks cancel --type BUNDLE_DOWNLOAD --dry-run
      vcf-tasks list --running --name backup -q | vcf-tasks cancel - --yes
    """
    _act(v.Action.CANCEL, connection, out, selection, ids, _How(**how))


def _act(
    action: v.Action,
    connection: Connection,
    out: Output,
    selection: Selection,
    ids: tuple[str, ...],
    how: _How,
) -> None:
    if bool(ids) is not selection.is_empty:
        every = "--failed" if action is v.Action.RETRY else "--running"
        problem = "ids and filters don't go together" if ids else "which tasks?"
        raise click.UsageError(f"{problem}: give ids, - for ids on stdin, or filters; {every} for all")
    if not (how.yes or how.dry_run or can_ask()):
        raise click.UsageError("it asks before it acts, and there is no terminal to ask on: give --yes")
    if selection.where.status is None:
        statuses = failed_statuses() if action is v.Action.RETRY else running_statuses()
        selection = selection.among(statuses)
    acting = _Acting(action, connection.session(concurrency=how.concurrency), out, how)
    raise SystemExit(int(run(acting.on(given_ids(ids) if ids else selection))))


class _Acting:
    """One run: what it is about, asking, doing, telling."""

    def __init__(self, action: v.Action, session: v.TaskSession, out: Output, how: _How) -> None:
        self._action = action
        self._session = session
        self._out = out
        self._how = how
        self._names: dict[str, str] = {}
        self._told = 0

    async def on(self, what: list[str] | Selection) -> Exit:
        """Act on ids, or on what a selection finds; returns the exit code."""
        async with self._session as session:
            targets: list[str] | list[v.Task]
            targets = await resolved(session, what) if isinstance(what, list) else await self._found(what)
            if not targets:
                if self._out.is_text:
                    self._out.line("no tasks")
                return Exit.DONE
            if not (self._how.yes or self._how.dry_run) and not self._means_it(targets):
                print("nothing was done", file=sys.stderr)
                return Exit.FAILED
            return await self._run(targets)

    async def _found(self, selection: Selection) -> list[v.Task]:
        found = await self._session.collect(selection.where)
        for error in found.malformed:
            warn(f"left out, for it can't be read: {clean(error)}")
        if not found.complete:
            warn("the listing could not be made whole: tasks may be missing, run it again")
        tasks = [task for task in found.tasks if selection.matches(task)]
        self._names = {task.id: clean(task.name) for task in tasks}
        return tasks

    def _means_it(self, targets: list[str] | list[v.Task]) -> bool:
        shown = Output(stream=sys.stderr)
        table = Table([Column("ID"), Column("TASK", least=16)])
        for target in targets[:_SAMPLE]:
            task_id = target.id if isinstance(target, v.Task) else target
            table.rows.append([Cell(clean(task_id), "dim"), Cell(self._names.get(task_id, ""))])
        table.print(shown)
        if len(targets) > _SAMPLE:
            shown.line(f"… and {len(targets) - _SAMPLE} more")
        these = "this task" if len(targets) == 1 else f"these {len(targets)} tasks"
        return confirm(f"{self._action.value.capitalize()} {these} at {clean(self._session.manager)}?")

    async def _run(self, targets: list[str] | list[v.Task]) -> Exit:
        how, many = self._how, self._session.retry_many
        if self._action is v.Action.CANCEL:
            many = self._session.cancel_many
        stop_after = how.stop_after
        work = many(
            targets,
            concurrency=how.concurrency,
            force=how.force,
            dry_run=how.dry_run,
            rate=how.rate,
            stop_after=int(stop_after) if stop_after is not None and stop_after >= 1 else stop_after,
            deadline=how.deadline,
            journal=how.journal,
            wait=how.follow,
        )
        counts: Counter[v.Result] = Counter()
        try:
            with self._meter(counts, len(targets)):
                async with work as outcomes:
                    async for outcome in outcomes:
                        counts[outcome.result] += 1
                        self._tell(outcome)
        except v.UsageError:
            # Such as a journal that is another run's: nothing was begun, so there is nothing to tell.
            raise
        except BaseException:
            # However else it ends, by Ctrl-C as well: what is known is told.
            self._close(work.report)
            raise
        self._close(work.report)
        return self._code(work.report)

    def _meter(self, counts: Counter[v.Result], total: int) -> Any:
        if self._out.quiet or not sys.stderr.isatty():
            return nullcontext()
        from vcf_tasks_async.cli.show import Screen  # noqa: PLC0415 - rich, for those who use it

        return Screen(stderr=True).meter(lambda: of_results(dict(counts)), total)

    def _tell(self, outcome: v.Outcome) -> None:
        self._told += 1
        if self._out.json:
            self._out.record(of_outcome(outcome, self._session.manager), lenient=True)

    def _close(self, report: v.BulkReport) -> None:
        for outcome in report.outcomes[self._told :]:
            self._tell(outcome)
        if self._out.json:
            self._out.record(of_report(report, self._session.manager), lenient=True)
        elif not self._out.quiet:
            self._show(report)

    def _show(self, report: v.BulkReport) -> None:
        out = self._out
        table = Table(
            [Column("ID"), Column("RESULT"), Column("TASK", least=16), Column("WHY", least=30, dropped=1)]
        )
        for outcome in report.outcomes:
            if len(report) <= _FEW or self._needs_a_look(outcome):
                table.rows.append(self._row(outcome))
                table.remarks.append(table.rows[-1][-1])
        if table.rows:
            table.print(out)
            out.line()
        tally = Counter(_result_of(outcome) for outcome in report.outcomes)
        if self._how.follow:
            tally.update(
                _end_of(outcome) for outcome in report.outcomes if outcome.result is v.Result.ACCEPTED
            )
        counted = [out.style(f"{number} {cell.text}", cell.style) for cell, number in tally.items()]
        out.line(f"{' · '.join(counted) or 'nothing was done'}  {short(report.elapsed)}")
        if report.stopped:
            out.line(f"ended early: {clean(report.stopped)}")
        if report.duplicates:
            out.line(f"{report.duplicates} were given more than once, and count once")

    def _needs_a_look(self, outcome: v.Outcome) -> bool:
        if outcome.result is not v.Result.ACCEPTED:
            return not _would_be_sent(outcome)
        return self._how.follow and not (outcome.final is not None and outcome.final.succeeded)

    def _row(self, outcome: v.Outcome) -> list[Cell]:
        final = outcome.final
        result, why = _result_of(outcome), clean(outcome.reason, limit=300)
        if final is not None:
            result, why = Cell(clean(final.raw_status), status_style(final.status)), clean(final.cause)
        name = self._names.get(outcome.task_id) or clean(final.name if final else None)
        return [Cell(clean(outcome.task_id), "dim"), result, Cell(name), Cell(why)]

    def _code(self, report: v.BulkReport) -> Exit:
        failed = [outcome for outcome in report.outcomes if outcome.failed]
        if failed and len(failed) == len(report):
            return code_of_all(outcome.error or v.BulkFailures("", report=report) for outcome in failed)
        ended_badly = self._how.follow and any(
            o.result is v.Result.ACCEPTED and not (o.final is not None and o.final.succeeded)
            for o in report.outcomes
        )
        return Exit.FAILED if failed or ended_badly or report.stopped or not report.complete else Exit.DONE


def _would_be_sent(outcome: v.Outcome) -> bool:
    return outcome.result is v.Result.SKIPPED and (outcome.reason or "").startswith("dry run")


def _result_of(outcome: v.Outcome) -> Cell:
    if _would_be_sent(outcome):
        return Cell("would be sent", "cyan")
    [share] = [share for share in of_results({outcome.result: 1}) if share.number]
    return Cell(share.label, share.style)


def _end_of(outcome: v.Outcome) -> Cell:
    final = outcome.final
    if final is None or not final.is_ended:
        return Cell("with an unknown end", "magenta")
    if final.succeeded:
        return Cell("succeeded", "green")
    return Cell(
        "failed again" if outcome.action is v.Action.RETRY and final.failed else "ended otherwise", "red"
    )
