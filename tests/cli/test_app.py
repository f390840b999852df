"""`vcf-tasks` before a command begins: help, version, and what is not installed."""

from __future__ import annotations

import pytest
from terminal import VCF_TASKS, in_pipe, script

_WATCHED = """
import sys
from vcf_tasks_async.cli import main
sys.argv = ["vcf-tasks", {arguments}]
try:
    main()
except SystemExit as ended:
    heavy = [name for name in ("aiohttp", "rich", "cattrs", "anyio", "jinja2",
                               "vcf_tasks_async.testing.simulator")
             if name in sys.modules]
    print("exit", ended.code, "heavy", heavy)
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


@pytest.mark.parametrize(
    "arguments", ['"--help"', '"--version"', '"demo", "--help"', '"simulate", "--help"', '"report", "--help"']
)
def test_help_loads_nothing_heavy(arguments: str) -> None:
    ended = in_pipe(*script(_WATCHED.format(arguments=arguments)))
    assert ended.stdout.splitlines()[-1] == "exit 0 heavy []"


def test_help_gives_examples_and_exit_codes() -> None:
    ended = in_pipe(*VCF_TASKS, "--help")
    assert ended.returncode == 0
    assert "vcf-tasks demo " in ended.stdout
    assert "vcf-tasks simulate --port 8443" in ended.stdout
    assert "130" in ended.stdout


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        (["click", "rich"], ["demo"], "cli"),
        (["rich"], ["--help"], "cli"),
        (["jinja2"], ["report", "--url", "x"], "cli"),
        (["jwt"], ["demo"], "demo"),
        (["jwt"], ["simulate"], "demo"),
        (["trustme"], ["simulate", "--tls"], "demo"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(missing: list[str], arguments: list[str], extra: str) -> None:
    ended = in_pipe(*script(_BARE.format(missing=missing, arguments=arguments)))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert all(module in ended.stderr for module in missing)
    assert f"pip install 'vcf-tasks-async[{extra}]'" in ended.stderr
