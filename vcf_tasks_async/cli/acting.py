"""`vcf-tasks retry` and `vcf-tasks cancel`: which tasks, and how. `bulk` does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.bulk import Acting, How
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.output import Output, output_options
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.selection import (
    Selection,
    failed_statuses,
    ids_argument,
    running_statuses,
    selecting,
)

__all__ = ["cancel", "retry"]

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
        "--journal", type=click.Path(), metavar="FILE",
        help="Remember the run in this file, that of a fleet in this directory; the same call again goes on"
        " where it ended.",
    ),
    click.option("--wait", "follow", is_flag=True, help="Follow each accepted task to its end."),
    click.option(
        "--stop-after", type=float, metavar="N",
        help="End after so many failures in a row; below 1, when that share has failed.",
    ),
    click.option("--deadline", type=Duration(), metavar="DURATION", help="For the whole run."),
    click.option("--force", is_flag=True, help="Also those of which SDDC Manager says that they can't be."),
)  # fmt: skip


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
      vcf-tasks retry --fleet sites.toml --failed --since 1d
      vcf-tasks retry --fleet sites.toml sfo:3ee54a9a
    """
    _act(v.Action.RETRY, connection, out, selection, ids, How(**how))


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
    _act(v.Action.CANCEL, connection, out, selection, ids, How(**how))


def _act(
    action: v.Action,
    connection: Connection,
    out: Output,
    selection: Selection,
    ids: tuple[str, ...],
    how: How,
) -> None:
    if bool(ids) is not selection.is_empty:
        every = "--failed" if action is v.Action.RETRY else "--running"
        problem = "ids and filters don't go together" if ids else "which tasks?"
        raise click.UsageError(f"{problem}: give ids, - for ids on stdin, or filters; {every} for all")
    how.check_terminal()
    if selection.where.status is None:
        statuses = failed_statuses() if action is v.Action.RETRY else running_statuses()
        selection = selection.among(statuses)
    sites = connection.sites(concurrency=how.concurrency)
    raise SystemExit(
        int(run(Acting(action, sites, connection.given_ids(ids) if ids else selection, out, how).through()))
    )
