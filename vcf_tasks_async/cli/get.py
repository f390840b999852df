"""`vcf-tasks get`: everything about a task, its causes and remedies in view."""

from __future__ import annotations

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.details import show_facts, show_heading, show_tree
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.records import of_task
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.selection import given_ids, ids_argument, resolved

__all__ = ["get"]


@click.command()
@ids_argument(required=True)
@output_options
@connected
def get(connection: Connection, out: Output, ids: tuple[str, ...]) -> None:
    """Show tasks: what they are, how they stand, and why they failed.

    An id may be its beginning, as long as that tells it from all others; - reads ids from stdin.

    \b
    Examples:
      vcf-tasks get 3ee54a9a
      vcf-tasks get 3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1 --json | jq .task.subTasks
    """
    run(_get(connection.session(), given_ids(ids), out))


async def _get(session: v.TaskSession, ids: list[str], out: Output) -> None:
    async with session:
        for number, task_id in enumerate(await resolved(session, ids)):
            task = await session.get(task_id)
            if out.json:
                out.record({**of_task(task, session.manager), "task": task.to_json()})
            elif out.quiet:
                out.line(clean(task.id))
            else:
                if number:
                    out.line()
                show_heading(task, out)
                show_facts(task, out)
                if task.sub_tasks:
                    out.line()
                    # The first level tells the story; `tree` has the rest.
                    show_tree(task, out, depth=1)
