"""`vcf-tasks simulate`: a simulated SDDC Manager that serves until it is told to stop."""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.running import fail, need

if TYPE_CHECKING:
    import asyncio

    from vcf_tasks_async.testing import SddcManagerSimulator

__all__ = ["simulate"]


@click.command(
    epilog="Ctrl-C and SIGTERM are how it is meant to end: exit code 0. SIGUSR1 takes it down, and up again"
    " with all as it was: a restart of SDDC Manager. A new process is a new SDDC Manager; with the same seed,"
    " its tasks have the same ids and other times. Scripts wait for the first line of its output,"
    " `listening on http://…`; everything else is for people."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0: any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--tasks", type=click.IntRange(0, 200_000), help="How many; 500 unless told.")
@click.option(
    "--snapshot", type=click.Path(dir_okay=False), metavar="FILE",
    help="Be the system of such a file, instead: `vcf-tasks snapshot`.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same tasks and fates.")
@click.option(
    "--release", type=click.Choice(["4.5", "5.2", "9.0", "9.1"]),
    help="Behave like this release; 9.0, or that of the snapshot, unless told.",
)  # fmt: skip
@click.option("--tls", is_flag=True, help="Serve HTTPS with a certificate of its own.")
@click.option(
    "--speed", type=click.FloatRange(min=0, max=100_000), default=1.0, show_default=True,
    help="Simulated seconds per second; at 60, a task of half an hour takes half a minute.",
)  # fmt: skip
@click.option(
    "--arrivals", type=click.FloatRange(min=0, max=100_000), default=0.0, show_default=True,
    help="New tasks per simulated hour, by themselves.",
)  # fmt: skip
@click.option(
    "--latency", type=click.FloatRange(min=0, max=60), default=0.0, show_default=True,
    help="Seconds before each request is looked at.",
)  # fmt: skip
def simulate(**options: Any) -> None:
    """Run a simulated SDDC Manager until Ctrl-C.

    It speaks the Tasks API over HTTP: log in, list, get, retry and cancel tasks that live and fail.

    \b
    Examples:
      vcf-tasks simulate
      vcf-tasks simulate --port 0 --tasks 10000 --release 9.1 --tls --latency 0.05
      vcf-tasks simulate --speed 60 --arrivals 60      # a new task each second, and ends of tasks
      vcf-tasks simulate --snapshot lab.json.gz
    """
    if options["snapshot"] is not None and options["tasks"] is not None:
        raise click.UsageError("--tasks and --snapshot don't go together: give one of them")
    need("demo", "jwt", *(["trustme"] if options["tls"] else []))
    import asyncio  # noqa: PLC0415 - `--help` needs none

    # On Windows, loops have no signal handlers and Ctrl-C arrives as an exception.
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(options))


async def _serve(options: dict[str, Any]) -> None:
    import asyncio  # noqa: PLC0415 - `--help` needs none

    from vcf_tasks_async.testing import SddcManagerSimulator  # noqa: PLC0415 - aiohttp, for those who use it

    told_to_stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop.set)
    told_to_turn = asyncio.Event()
    with suppress(NotImplementedError, AttributeError):  # Windows has no SIGUSR1
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told_to_turn.set)
    host, port = options["host"], options["port"]
    try:
        sddc = SddcManagerSimulator(**options)
    except OSError as error:
        fail(f"can't read {v.inert(options['snapshot'], limit=300)}: {error.strerror or error}", Exit.USAGE)
    except ValueError as error:
        # A snapshot that is none; all other options were checked.
        fail(v.inert(str(error), limit=500), Exit.USAGE)
    try:
        await sddc.start()
    except OSError as error:
        hint = ": --port 0 takes any free one" if error.errno == errno.EADDRINUSE else ""
        fail(f"can't listen on {host}, port {port}: {error.strerror or error}{hint}")
    try:
        click.echo(f"listening on {sddc.url}")
        click.echo(_welcome(sddc))
        await _serve_until(told_to_stop, told_to_turn, sddc)
    finally:
        await sddc.stop()


async def _serve_until(stop: asyncio.Event, turn: asyncio.Event, sddc: SddcManagerSimulator) -> None:
    """Serve until *stop*; each *turn* takes it down, or up again."""
    import asyncio  # noqa: PLC0415 - `--help` needs none

    stopping = asyncio.ensure_future(stop.wait())
    is_up = True
    while not stopping.done():
        turning = asyncio.ensure_future(turn.wait())
        await asyncio.wait([stopping, turning], return_when=asyncio.FIRST_COMPLETED)
        turning.cancel()
        if turn.is_set():
            turn.clear()
            await (sddc.stop() if is_up else sddc.start())
            is_up = not is_up
            click.echo(f"listening on {sddc.url}" if is_up else "down, until the next SIGUSR1")


def _welcome(sddc: SddcManagerSimulator) -> str:
    """What a person needs to begin: who may log in, and code that can be pasted."""
    # Nobody can dial 0.0.0.0; from this machine it is reached over the loopback.
    url = sddc.url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    names, more, tls = "PasswordAuth, TaskSession", "", ""
    if url.startswith("https:"):
        names, more = "PasswordAuth, TaskSession, Tls", ", tls=tls"
        tls = f'\n    tls = Tls(fingerprint="{sddc.fingerprint}")'
    elif not url.startswith(("http://127.", "http://localhost:", "http://[::1]:")):
        more = ", allow_http=True"
    code = f"""\
import asyncio
from vcf_tasks_async import {names}

async def main():
    auth = PasswordAuth("{sddc.username}", "{sddc.password}"){tls}
    async with TaskSession("{url}", auth{more}) as session:
        async for task in session.stream():
            print(task.id, task.status.value, task.name)

asyncio.run(main())"""
    facts = {
        "SDDC Manager": f"{sddc.release}, simulated, {len(sddc.tasks)} tasks",
        "user name": sddc.username,
        "password": sddc.password,
    }
    if url.startswith("https:"):
        facts["CA file"] = sddc.ca_file
        facts["fingerprint"] = sddc.fingerprint
    lines = [f"{click.style(f'{name:<13}', dim=True)} {fact}" for name, fact in facts.items()]
    ends = "Ctrl-C ends it."
    if hasattr(signal, "SIGUSR1"):
        ends += f" kill -USR1 {os.getpid()} takes it down, and up again."
    return "\n".join(["", *lines, "", click.style(code, fg="cyan"), "", ends])
