"""`vcf-tasks settings`: for how long SDDC Manager keeps tasks (9.1)."""

from __future__ import annotations

import sys

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, confirm
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.running import run

__all__ = ["settings"]


@click.command(epilog="Releases before 9.1 have no such settings, nor has the VCF Installer: exit code 7.")
@click.option(
    "--retention-days", type=click.IntRange(1, 730), metavar="N", help="Keep tasks for so many days."
)
@click.option("-y", "--yes", is_flag=True, help="Don't ask before a change.")
@output_options
@connected
def settings(connection: Connection, out: Output, retention_days: int | None, yes: bool) -> None:
    """Show or set for how long tasks are kept.

    A shorter time deletes what is older, so a change is asked about.

    \b
    Examples:
      vcf-tasks settings
      vcf-tasks settings --retention-days 90
    """
    if retention_days is not None and not yes and not can_ask():
        raise click.UsageError("it asks before a change, and there is no terminal to ask on: give --yes")
    raise SystemExit(int(run(_settings(connection.session(), out, retention_days, yes=yes))))


async def _settings(session: v.TaskSession, out: Output, days: int | None, *, yes: bool) -> Exit:
    async with session:
        now = await session.settings()
        if days is not None and days != now.retention_days:
            question = (
                f"Keep tasks at {clean(session.manager)} for {days} days instead of {now.retention_days}?"
            )
            if not yes and not confirm(question):
                print("nothing was done", file=sys.stderr)
                return Exit.FAILED
            now = await session.update_settings(retention_days=days)
        if out.json:
            out.record(
                {"record": "settings", "manager": session.manager, "retentionDays": now.retention_days}
            )
        elif not out.quiet:
            out.line(f"tasks are kept for {now.retention_days} days")
    return Exit.DONE
