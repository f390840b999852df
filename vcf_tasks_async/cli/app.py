"""`vcf-tasks` itself: the group of all commands. A command's module is loaded when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final, NamedTuple

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.running import fail, fail_with, let_the_reader_go

__all__ = ["COMMANDS", "vcf_tasks"]


class Place(NamedTuple):
    """Where a command is, and what `vcf-tasks --help` says of it without loading it."""

    module: str
    name: str
    help: str


#: All commands, in the order in which help lists them. `help` is the first line of the command's own help.
COMMANDS: Final = {
    "list": Place("listing", "list_tasks", "List tasks."),
    "get": Place("get", "get", "Show tasks: what they are, how they stand, and why they failed."),
    "tree": Place("tree", "tree", "Show tasks with all their subtasks and stages, as a tree."),
    "watch": Place("watch", "watch", "Watch tasks live: a table that moves, or a log in a pipe."),
    "wait": Place("wait", "wait", "Wait until tasks have ended, and tell by exit code how."),
    "retry": Place("acting", "retry", "Retry failed tasks, any number of them."),
    "cancel": Place("acting", "cancel", "Cancel running tasks, any number of them."),
    "report": Place(
        "report", "report", "Write a report on all tasks: a timeline, why tasks failed, counts, durations."
    ),
    "snapshot": Place(
        "snapshot", "snapshot", "Write tasks to a file without names and secrets, for a simulator."
    ),
    "credentials": Place("credentials", "credentials", "List, retry and cancel credential (password) tasks."),
    "settings": Place("settings", "settings", "Show or set for how long tasks are kept."),
    "login": Place("login", "login", "Log in, and say what is wrong when that fails."),
    "trust": Place("trust", "trust", "Show a host's certificate, and pin it in a profile."),
    "demo": Place("demo", "demo", "See the library at work on a simulated SDDC Manager."),
    "simulate": Place("simulate", "simulate", "Run a simulated SDDC Manager until Ctrl-C."),
    "completion": Place("completion", "completion", "Print the completion script for a shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name, and imports one only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, loaded now."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command = getattr(import_module(f"vcf_tasks_async.cli.{place.module}"), place.name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`, from `COMMANDS` alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. What the library raises is one line; a reader that left early is no error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            let_the_reader_go()
            ctx.exit(int(Exit.DONE))
        except KeyboardInterrupt:
            raise SystemExit(int(Exit.INTERRUPTED)) from None
        except v.VcfTasksError as error:
            fail_with(error)
        except OSError as error:
            fail(v.inert(str(error), limit=500))
        return result


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 some failed, 2 wrong usage, 3 no connection, 4 login refused, 5 not found,"
    " 6 time ran out, 7 refused, 130 stopped by Ctrl-C. Which SDDC Manager, and who you are, stands in"
    " options, in VCF_… variables or in ~/.config/vcf-tasks/config.toml: docs/cli.md.",
)
@click.version_option(package_name="vcf-tasks-async")
def vcf_tasks() -> None:
    """Tasks of VMware Cloud Foundation's SDDC Manager.

    \b
    Examples:
      vcf-tasks demo                               see it work: no SDDC Manager needed
      vcf-tasks login --check -H sfo-vcf01.rainpole.io -u administrator@vsphere.local
      vcf-tasks list --failed --since 1d           what failed since yesterday, and why
      vcf-tasks watch                              what runs now, live
      vcf-tasks retry --failed --wait              retry all that failed, and follow them to their end
      vcf-tasks report --output tasks.html         all tasks as one page
      vcf-tasks simulate --port 8443               an SDDC Manager to write code against
    """
