"""`vcf-tasks credentials`: credential (password) tasks, account by account. No password is ever shown."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.credential_acts import cancel_credentials, retry_credentials
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clean, output_options
from vcf_tasks_async.cli.records import cause_and_remedy, state
from vcf_tasks_async.cli.running import run, warn
from vcf_tasks_async.cli.selection import failed_statuses
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.times import short

__all__ = ["credentials"]


class _ListsByDefault(click.Group):
    """A group whose first command is meant where none is named: `vcf-tasks credentials --failed` lists."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command before *args* where it is missing."""
        if not args and ctx.resilient_parsing:
            # A shell asks what could come next: any of the commands.
            return super().parse_args(ctx, args)
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = [list_credentials.name or "", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, and the options of the one that is meant without a name."""
        mine = super().shell_complete(ctx, incomplete)
        known = {item.value for item in mine}
        more = list_credentials.shell_complete(ctx, incomplete) if incomplete.startswith("-") else []
        return [*mine, *(item for item in more if item.value not in known)]


@click.group(cls=_ListsByDefault)
def credentials() -> None:
    """List, retry and cancel credential (password) tasks.

    Without a command it lists: `vcf-tasks credentials --failed`.

    \b
    Examples:
      vcf-tasks credentials --failed
      vcf-tasks credentials retry 3ee54a9a --spec spec.json --wait
      vcf-tasks credentials cancel 3ee54a9a
    """


@credentials.command("list")
@click.option("--failed", is_flag=True, help="Only those that have failed.")
@click.option("--type", metavar="TYPE", help="UPDATE, ROTATE, REMEDIATE or UPDATE_AUTO_ROTATE_POLICY.")
@output_options
@connected
def list_credentials(connection: Connection, out: Output, failed: bool, type: str | None) -> None:  # noqa: A002 - the API's
    """List credential (password) tasks, with the accounts they are about.

    \b
    Examples:
      vcf-tasks credentials --failed
      vcf-tasks credentials --type ROTATE --json | jq -r '.steps[].resource'
    """
    where = v.TaskFilter(status=failed_statuses() if failed else None, type=type)
    if not run(_list(connection.session(), where, out)):
        raise SystemExit(int(Exit.FAILED))


for _command in (retry_credentials, cancel_credentials):
    credentials.add_command(_command)


async def _list(session: v.TaskSession, where: v.TaskFilter, out: Output) -> bool:
    """Print them. Returns whether these are all there are."""
    columns = [Column("ID"), Column("STATUS", least=9), Column("TOOK", right=True, dropped=2)]
    columns += [
        Column("TYPE", least=8, dropped=3),
        Column("ACCOUNT", least=24),
        Column("CAUSE", least=30, dropped=1),
    ]
    table = Table(columns)
    async with session, session.credentials.stream(where) as stream:
        async for task in stream:
            if out.json:
                out.record(_record(task, session.manager))
            elif out.quiet:
                out.line(clean(task.id))
            else:
                _add(table, task)
        for error in stream.malformed:
            warn(f"left out, for it can't be read: {clean(error)}")
        whole = stream.complete and not stream.malformed
    if out.is_text:
        if table.rows:
            table.print(out)
        else:
            out.line("no credential tasks")
    return whole


def _add(table: Table, task: v.CredentialsTask) -> None:
    """A row for the task, and one for each account."""
    cells = [
        Cell(clean(task.id), "dim"), _status(task), Cell(short(task.duration)), Cell(clean(task.type), "dim"),
        Cell(clean(task.name) or "without a name", "bold"), Cell(clean(task.cause), "red"),
    ]  # fmt: skip
    table.rows.append(cells)
    table.remarks.append(cells[-1])
    for _, step in task.walk():
        cause, _ = cause_and_remedy(step)
        row = [
            Cell(""),
            _status(step),
            Cell(""),
            Cell(""),
            Cell(clean(_account(step))),
            Cell(clean(cause), "red"),
        ]
        table.rows.append(row)
        table.remarks.append(Cell(""))


def _record(task: v.CredentialsTask, manager: str) -> dict[str, Any]:
    return {
        "record": "credential_task",
        "manager": manager,
        "id": task.id,
        "name": task.name,
        "type": task.type,
        **state(task),
        "cause": task.cause,
        "steps": [_step_record(path, step) for path, step in task.walk()],
    }


def _step_record(path: str, step: v.CredentialsSubTask) -> dict[str, Any]:
    cause, remedy = cause_and_remedy(step)
    return {
        "path": path,
        "id": step.id,
        "resource": step.resource_name,
        "resourceType": step.entity_type,
        "username": step.username,
        "credentialType": step.credential_type,
        **state(step),
        "cause": cause,
        "remedy": remedy,
    }


def _account(step: v.CredentialsSubTask) -> str:
    who = step.username or "an account"
    return f"{who} at {step.resource_name}" if step.resource_name else step.name or who


def _status(node: v.CredentialsTask | v.CredentialsSubTask) -> Cell:
    return Cell(clean(node.raw_status) or "no status", status_style(node.status))
