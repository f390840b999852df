"""`vcf-tasks tree`: a task's subtasks and stages."""

from __future__ import annotations

import click

from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.details import show_heading, show_tree
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, output_options
from vcf_tasks_async.cli.records import of_step, of_task
from vcf_tasks_async.cli.running import run
from vcf_tasks_async.cli.search import label
from vcf_tasks_async.cli.selection import ids_argument
from vcf_tasks_async.cli.sites import Sites

__all__ = ["tree"]


@click.command()
@ids_argument(required=True)
@click.option("--failed", is_flag=True, help="Only the branches that failed.")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="So many levels at most.")
@output_options
@connected
def tree(connection: Connection, out: Output, ids: tuple[str, ...], failed: bool, depth: int | None) -> None:
    """Show tasks with all their subtasks and stages, as a tree.

    Each step has its status and how long it took; under one that failed stand its cause and the remedy.

    \b
    Examples:
      vcf-tasks tree 3ee54a9a
      vcf-tasks tree --failed 3ee54a9a
      vcf-tasks list --failed -q | vcf-tasks tree --failed -
    """
    raise SystemExit(int(run(_tree(connection.sites(), connection.given_ids(ids), out, failed, depth))))


async def _tree(sites: Sites, ids: list[str], out: Output, failed: bool, depth: int | None) -> Exit:
    async with sites:
        targets = await sites.find(ids)
        for number, (site, task_id) in enumerate(targets):
            task = await (await sites.session(site)).get(task_id)
            if out.json:
                out.record(of_task(task, sites.manager(site), site))
                for path, step in task.walk():
                    if (step.failed or not failed) and (depth is None or path.count(".") < depth):
                        out.record(of_step(task, path, step, site))
            elif out.quiet:
                out.line(label(site, task.id))
            else:
                if number:
                    out.line()
                show_heading(task, out, site)
                show_tree(task, out, failed_only=failed, depth=depth)
    return sites.code(of_any=bool(targets))
