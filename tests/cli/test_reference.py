"""docs/cli.md says what the commands say, and its records are those that the commands print."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest

import vcf_tasks_async as v
from vcf_tasks_async.cli import profiles, records
from vcf_tasks_async.cli.app import COMMANDS, vcf_tasks

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "cli.md").read_text("utf-8")


def test_the_reference_is_up_to_date() -> None:
    script = runpy.run_path(str(DOCS / "make_cli_reference.py"))
    assert script["made"](PAGE) == PAGE, "run: python docs/make_cli_reference.py"
    assert all(f"### vcf-tasks {name}\n" in PAGE for name in COMMANDS)


def test_each_command_it_shows_is_understood() -> None:
    ctx = click.Context(vcf_tasks, info_name="vcf-tasks")
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if "[OPTIONS]" not in line]
    calls = [call for line in lines for call in re.findall(r"(?<!_)vcf-tasks [^|&>#]+", line)]
    assert len(calls) > 25
    for call in calls:
        words = shlex.split(call, comments=True)[1:]
        command = vcf_tasks.get_command(ctx, words[0])
        assert command is not None, call
        command.make_context(words[0], words[1:], parent=ctx)


def test_the_configuration_it_shows_can_be_read(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "config.toml"
    file.write_text(shown, "utf-8")
    assert profiles.read_config(file).default == "sfo"
    keys = set(
        re.findall(
            r"`(\w+)(?: = false)?`", PAGE[PAGE.index("| key | what |") : PAGE.index("A password is never")]
        )
    )
    assert keys == set(profiles._KEYS)
    assert set(tomllib.loads(shown)) == {"default", "profiles"}


SUB = v.SubTask(name="a")
TASK = v.Task(id="a758", sub_tasks=(SUB,))
SPEC = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
OUTCOME = v.Outcome("a758", v.Action.RETRY, v.Result.ACCEPTED)


@pytest.mark.parametrize(
    "record",
    [
        records.of_task(TASK, "sfo"),
        records.of_step(TASK, "subTasks[0]", SUB),
        records.of_event(v.TaskEvent(v.EventKind.ENDED, TASK, "a758"), "sfo"),
        records.of_outcome(OUTCOME, "sfo"),
        records.of_report(v.BulkReport(v.Action.RETRY), "sfo"),
        records.of_trouble(v.SiteTrouble("sfo", "retry", v.NotSentError("refused")), "sfo"),
    ],
    ids=lambda record: record["record"],
)
def test_it_names_each_field_of_a_record_and_no_other(record: dict[str, Any]) -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{record['record']}` |")]
    named = set(re.findall(r"`(\w+)`", row.split(" | ", 2)[2])) - {"task"}
    assert set(record) - {"record", "site"} == named


def test_in_a_fleet_each_record_has_its_site() -> None:
    for record in (
        records.of_task(TASK, "sfo-vcf01", "sfo"),
        records.of_step(TASK, "subTasks[0]", SUB, "sfo"),
        records.of_event(v.TaskEvent(v.EventKind.ENDED, TASK, "a758"), "sfo-vcf01", "sfo"),
        records.of_outcome(OUTCOME, "sfo-vcf01", "sfo"),
        records.of_report(v.BulkReport(v.Action.RETRY), "sfo-vcf01", "sfo"),
        records.of_trouble(v.SiteTrouble("sfo", "retry", v.NotSentError("refused")), "sfo-vcf01"),
    ):
        assert record["site"] == "sfo"


def test_the_spec_it_shows_is_one() -> None:
    [shown] = SPEC
    assert v.read_spec(shown).operation_type == "UPDATE"
