"""`vcf-tasks snapshot`: a real system in a file, without its names and secrets, for `vcf-tasks simulate`."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.records import of_snapshot
from vcf_tasks_async.cli.running import fail, run, warn
from vcf_tasks_async.cli.selection import Selection, selecting
from vcf_tasks_async.cli.shares import of_statuses

__all__ = ["snapshot"]


@click.command(
    epilog="The file is whole or not there at all, and its owner alone may read it. Ctrl-C leaves none, and"
    " one that was there stays as it was. What becomes of what: docs/snapshots.md."
)
@click.argument("file", type=click.Path(dir_okay=False))
@selecting
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--keep-names", is_flag=True,
    help="Leave names and addresses, as fields for them have them; for a lab of your own.",
)  # fmt: skip
@click.option(
    "--keep-ids", is_flag=True,
    help="Leave UUIDs, to find tasks again; without it each becomes another one, the same everywhere.",
)  # fmt: skip
@click.option(
    "--keep-word", "keep_words", multiple=True, metavar="WORD",
    help="A word that may stay besides, such as a product's name; may be given several times.",
)  # fmt: skip
@click.option(
    "--release", type=click.Choice(["4.5", "5.2", "9.0", "9.1"]),
    help="What it is; only 9.1 is recognised without.",
)  # fmt: skip
@output_options
@connected
def snapshot(
    connection: Connection,
    out: Output,
    selection: Selection,
    file: str,
    overwrite: bool,
    keep_names: bool,
    keep_ids: bool,
    keep_words: tuple[str, ...],
    release: str | None,
) -> None:
    """Write tasks to a file without names and secrets, for a simulator.

    The simulator is that system then, with its shapes, statuses and errors. Passwords, names of hosts and
    people, addresses and ids become stand-ins, the same for the same everywhere.

    \b
    Examples:
      vcf-tasks snapshot lab.json.gz
      vcf-tasks simulate --snapshot lab.json.gz
      vcf-tasks snapshot failed.json --failed --since 7d
    """
    path = Path(file)
    # Said before minutes are spent on reading.
    if path.exists() and not overwrite:
        raise click.UsageError(
            f"{clean(file, limit=300)} is there already: give --overwrite, or another name"
        )
    if not path.absolute().parent.is_dir():
        fail(f"can't write {clean(file, limit=300)}: there is no such directory")
    session = connection.session()
    how = {"keep_names": keep_names, "keep_ids": keep_ids, "keep_words": keep_words, "release": release}
    try:
        report = run(_write(session, path, selection, out, how))
    except OSError as error:
        fail(f"can't write {clean(file, limit=300)}: {error.strerror or error}")
    if out.json:
        out.record(of_snapshot(report, session.manager))
    elif out.is_text:
        _tell(report, out, keep_names=keep_names)
    is_whole = report.complete and not report.left_out
    raise SystemExit(int(Exit.DONE if is_whole else Exit.FAILED))


async def _write(
    session: v.TaskSession, path: Path, selection: Selection, out: Output, how: dict[str, Any]
) -> v.SnapshotReport:
    counts: Counter[v.Status] = Counter()

    def is_meant(task: v.Task) -> bool:
        meant = selection.matches(task)
        counts[task.status] += meant
        return meant

    async with session:
        with _meter(counts, out):
            return await v.write_snapshot(session, path, where=selection.where, only=is_meant, **how)


def _meter(counts: Counter[v.Status], out: Output) -> Any:
    if out.quiet or not sys.stderr.isatty():
        return nullcontext()
    from vcf_tasks_async.cli.show import Screen  # noqa: PLC0415 - rich, for those who use it

    return Screen(stderr=True).meter(lambda: of_statuses(dict(counts)))


def _tell(report: v.SnapshotReport, out: Output, *, keep_names: bool) -> None:
    out.line(f"{clean(report.path, limit=300)}: {report}")
    told = [f"{what} {number:,}" for what, number in report.replaced.items() if number]
    out.line(f"replaced: {', '.join(told) or 'nothing'}")
    if keep_names:
        warn("names and addresses are in it: it is for you alone")
    warn("have a look at it before you pass it on: a name that is a plain word stays in a sentence")
