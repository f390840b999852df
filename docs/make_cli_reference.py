"""Writes the command reference in docs/cli.md from the commands: `python docs/make_cli_reference.py`.

What stands between the two marks is made here; all else in that file is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from vcf_tasks_async.cli.app import COMMANDS, vcf_tasks
from vcf_tasks_async.cli.connection import connected
from vcf_tasks_async.cli.exits import MEANINGS
from vcf_tasks_async.cli.output import output_options
from vcf_tasks_async.cli.selection import selecting

PAGE = Path(__file__).with_name("cli.md")
BEGIN, END = "<!-- made by docs/make_cli_reference.py -->\n", "<!-- end of what is made -->\n"


def reference() -> str:
    """The command reference, as Markdown."""
    parts = ["\n## Exit codes\n\n| code | meaning |\n|---|---|\n"]
    parts += [f"| {int(code)} | {meaning} |\n" for code, meaning in MEANINGS.items()]
    shared = {
        "Options of the connection": connected,
        "Options that filter": selecting,
        "Options of the output": output_options,
    }
    groups: dict[str, set[str]] = {}
    sections = []
    for title, decorate in shared.items():
        options = [
            each for each in click.command(decorate(lambda: None)).params if isinstance(each, click.Option)
        ]
        groups[title.lower()] = {option.opts[-1] for option in options}
        sections.append(f"\n### {title}\n\n{_table(options)}")
    parts.append("\n## Commands\n")
    ctx = click.Context(vcf_tasks, info_name="vcf-tasks")
    for name in COMMANDS:
        command = vcf_tasks.get_command(ctx, name)
        assert command is not None
        parts += _command(command, click.Context(command, info_name=name, parent=ctx), groups)
    return "".join(parts + sections) + "\n"


def _command(command: click.Command, here: click.Context, groups: dict[str, set[str]]) -> Iterator[str]:
    yield f"\n### {here.command_path}\n\n"
    text, _, examples = inspect.cleandoc(command.help or "").partition("\b\nExamples:\n")
    yield f"{_flowed(text)}\n"
    usage = command.get_usage(here).removeprefix("Usage: ")
    yield f"\n```sh\n{' '.join(usage.split())}\n```\n"
    if examples:
        yield f"\n```sh\n{inspect.cleandoc(examples)}\n```\n"
    if command.epilog:
        yield f"\n{_flowed(command.epilog)}\n"
    options = [each for each in command.params if isinstance(each, click.Option)]
    names = {option.opts[-1] for option in options}
    # `tree` and `trust` have options of these names in their own right: a whole group or none.
    titles = [title for title, group in groups.items() if group <= names]
    shared = {name for title in titles for name in groups[title]}
    own = [option for option in options if option.opts[-1] not in shared]
    if own:
        yield f"\n{_table(own)}"
    if titles:
        listed = [f"the [{title}](#{title.replace(' ', '-')})" for title in titles]
        *most, last = listed
        yield f"\nIt also takes {', '.join(most)}{' and ' if most else ''}{last}.\n"
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from _command(part, click.Context(part, info_name=name, parent=here), groups)


def _table(options: list[click.Option]) -> str:
    lines = ["| option | what it does |", "|---|---|"]
    for option in options:
        names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
        takes = "" if option.is_flag else f" {option.metavar or _kind(option)}"
        more = [f"`{option.envvar}`"] if option.envvar else []
        if isinstance(option.show_default, bool) and option.show_default:
            more.append(f"default {option.default}")
        rest = f" ({', '.join(more)})" if more else ""
        lines.append(f"| {names}{takes} | {_escaped(option.help or '')}{rest} |")
    return "\n".join(lines) + "\n"


def _kind(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(str(choice) for choice in option.type.choices)
    return {"duration": "DURATION", "time": "TIME", "text": "TEXT"}.get(option.type.name, "N")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _flowed(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def made(page: str) -> str:
    """*page* with what stands between its marks made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{reference()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text("utf-8")), "utf-8")
