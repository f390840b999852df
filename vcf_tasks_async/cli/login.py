"""`vcf-tasks login`: logs in, and says why where that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vcf_tasks_async.cli.connection import Connection, connected
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.running import run

if TYPE_CHECKING:
    from vcf_tasks_async.cli.probe import Check

__all__ = ["login"]


@click.command(epilog="Nothing is kept: each command logs in for itself, and logs out at its end.")
@click.option("--check", is_flag=True, help="Step by step: name, TCP, TLS, login, tasks, release.")
@output_options
@connected
def login(connection: Connection, out: Output, check: bool) -> None:
    """Log in, and say what is wrong when that fails.

    \b
    Examples:
      vcf-tasks login --check -H sfo-vcf01.rainpole.io -u administrator@vsphere.local
      vcf-tasks login -q -p sfo && echo fine
    """
    if check:
        if connection.keys.get("proxy"):
            from vcf_tasks_async.cli.probe import Check  # noqa: PLC0415 - asyncio, which `--help` needs not

            _tell(Check("name", Exit.DONE, "through the proxy: name, TCP and TLS are seen from there"), out)
        else:
            _end(run(_reach(connection, out)))
    _end(run(_log_in(connection, out, all_of_it=check)))


async def _reach(connection: Connection, out: Output) -> Exit:
    from vcf_tasks_async.cli.probe import reach  # noqa: PLC0415 - likewise

    code = Exit.DONE
    async for step in reach(connection.url, connection.tls):
        _tell(step, out)
        code = step.code
    return code


async def _log_in(connection: Connection, out: Output, *, all_of_it: bool) -> Exit:
    from vcf_tasks_async.cli.probe import log_in  # noqa: PLC0415 - likewise

    code = Exit.DONE
    for step in await log_in(connection.session(), connection.username, all_of_it=all_of_it):
        _tell(step, out)
        code = step.code
    return code


def _end(code: Exit) -> None:
    if code:
        raise SystemExit(int(code))


def _tell(check: Check, out: Output) -> None:
    if out.json:
        out.record(
            {
                "record": "check",
                "step": check.step,
                "ok": check.code is Exit.DONE,
                "text": check.text,
                "remedy": check.remedy or None,
            }
        )
    elif not out.quiet:
        mark = out.style("failed", "red") if check.code else out.style("ok", "green") + "    "
        out.line(f"{mark}  {check.step:<8}{clean(check.text)}")
        if check.remedy:
            out.line(f"{'':16}{out.style(clean(check.remedy), 'yellow')}")
