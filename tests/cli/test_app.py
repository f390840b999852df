"""`vcf-tasks` before a command begins: help, version, and what is not installed."""

from __future__ import annotations

import click
import pytest
from terminal import VCF_TASKS, in_pipe, script

from vcf_tasks_async.cli.app import COMMANDS, vcf_tasks

_WATCHED = """
import sys
from vcf_tasks_async.cli import main
for arguments in {every!r}:
    sys.argv = ["vcf-tasks", *arguments]
    try:
        main()
    except SystemExit as ended:
        heavy = [name for name in ("aiohttp", "attrs", "rich", "cattrs", "anyio", "jinja2", "asyncio", "ssl",
                                   "vcf_tasks_async.session", "vcf_tasks_async.testing.simulator")
                 if name in sys.modules]
        print("exit", ended.code, *arguments, "heavy", heavy)
"""
_LOADED = """
import sys
{imported}
sys.argv = ["vcf-tasks", *{arguments!r}]
try:
    main()
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""
# A group with nothing in it: the least that click loads.
_BARE_CLICK = """
import click

@click.group(epilog="x")
@click.version_option(package_name="vcf-tasks-async")
def main():
    "x"

main.command("x", help="x")(lambda: None)
"""
_BARE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from vcf_tasks_async.cli import main
sys.argv = ["vcf-tasks", *{arguments!r}]
main()
"""


def test_help_loads_nothing_heavy_and_no_command() -> None:
    every = [
        ["--help"],
        ["--version"],
        *([name, "--help"] for name in COMMANDS),
        ["credentials", "retry", "-h"],
    ]
    ended = in_pipe(*script(_WATCHED.format(every=every)))
    told = [line for line in ended.stdout.splitlines() if line.startswith("exit ")]
    assert told == [f"exit 0 {' '.join(arguments)} heavy []" for arguments in every]


def test_help_and_version_load_what_click_does_and_five_small_modules() -> None:
    ours = ["vcf_tasks_async", *(f"vcf_tasks_async.cli{room}" for room in ("", ".app", ".exits", ".running"))]
    for arguments in (["--help"], ["--version"]):
        loaded, bare = (
            set(in_pipe(*script(_LOADED.format(imported=imported, arguments=arguments))).stderr.split())
            for imported in ("from vcf_tasks_async.cli import main", _BARE_CLICK)
        )
        assert loaded - bare - {"importlib.util", "importlib._abc"} == set(ours)


def test_help_gives_examples_and_exit_codes() -> None:
    ended = in_pipe(*VCF_TASKS, "--help")
    assert ended.returncode == 0
    assert "vcf-tasks demo " in ended.stdout
    assert "vcf-tasks simulate --port 8443" in ended.stdout
    assert "130" in ended.stdout
    assert all(f"\n  {name} " in ended.stdout for name in COMMANDS)
    assert "asyncio" not in ended.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_each_command_what_the_command_says(name: str) -> None:
    command = vcf_tasks.get_command(click.Context(vcf_tasks), name)
    assert command is not None
    assert command.name == name
    assert COMMANDS[name].help == (command.help or "").partition("\n")[0]
    assert "Examples:\n" in (command.help or "") or name == "demo"
    assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option)), (
        "each option says what it does"
    )


def test_an_unknown_command_is_told_with_exit_code_2() -> None:
    with pytest.raises(click.UsageError, match="No such command"):
        vcf_tasks.main(["lst"], standalone_mode=False)


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        (["click", "rich"], ["demo"], "cli"),
        (["rich"], ["--help"], "cli"),
        (["jinja2"], ["report", "-H", "x"], "cli"),
        (["jwt"], ["demo"], "demo"),
        (["jwt"], ["simulate"], "demo"),
        (["trustme"], ["simulate", "--tls"], "demo"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(missing: list[str], arguments: list[str], extra: str) -> None:
    ended = in_pipe(*script(_BARE.format(missing=missing, arguments=arguments)))
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert all(module in ended.stderr for module in missing)
    assert f"pip install 'vcf-tasks-async[{extra}]'" in ended.stderr
