"""`vcf-tasks get`: everything about a task, its causes and remedies in view."""

from __future__ import annotations

import click

from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.details import show_facts, show_heading, show_tree
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, output_options
from vcf_tasks_async.cli.records import of_task
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.search import label
from vcf_tasks_async.cli.selection import ids_argument
from vcf_tasks_async.cli.sites import Sites

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
    raise SystemExit(int(run(_get(connection.sites(), connection.given_ids(ids), out))))


async def _get(sites: Sites, ids: list[str], out: Output) -> Exit:
    async with sites:
        targets = await sites.find(ids)
        for number, (site, task_id) in enumerate(targets):
            task = await (await sites.session(site)).get(task_id)
            if out.json:
                out.record({**of_task(task, sites.manager(site), site), "task": task.to_json()})
            elif out.quiet:
                out.line(label(site, task.id))
            else:
                if number:
                    out.line()
                show_heading(task, out, site)
                show_facts(task, out)
                if task.sub_tasks:
                    out.line()
                    # The first level tells the story; `tree` has the rest.
                    show_tree(task, out, depth=1)
    return sites.code(of_any=bool(targets))
