"""`vcf-tasks report` as a process, against a simulator in another one."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_tasks import Document
from simulator_process import simulate
from terminal import VCF_TASKS, OnTerminal, in_pipe

_TASKS = 40


@pytest.fixture(scope="module")
def sddc() -> Iterator[dict[str, str]]:
    """The environment in which a simulator of 40 tasks is the one meant."""
    with simulate("--port", "0", "--tasks", str(_TASKS)) as simulator:
        facts = dict(line.rsplit("  ", 1) for line in simulator.welcome.splitlines() if "  " in line[:14])
        said = {name.strip(): value.strip() for name, value in facts.items()}
        yield {
            "VCF_HOST": simulator.url, "VCF_USERNAME": said["user name"], "VCF_PASSWORD": said["password"],
        }  # fmt: skip


def test_a_file_gets_the_page_and_the_terminal_one_line(sddc: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "tasks.html"
    ended = in_pipe(*VCF_TASKS, "report", "--output", str(file), **sddc)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.startswith(f"{file}: {_TASKS} tasks: ")
    assert ended.stderr.count("\n") == 1
    page = Document(file.read_text("utf-8"))
    assert f"Tasks of {sddc['VCF_HOST'].removeprefix('http://')}" in page.text
    assert f"{_TASKS} tasks, read on" in page.text
    assert list(tmp_path.iterdir()) == [file]
    (tmp_path / "new").touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "new").stat().st_mode)


def test_the_formats_go_to_stdout_and_agree(sddc: dict[str, str], tmp_path: Path) -> None:
    told = json.loads(in_pipe(*VCF_TASKS, "report", "--format", "json", **sddc).stdout)
    assert told["total"] == len(told["tasks"]) == _TASKS
    file = tmp_path / "tasks.csv"
    assert in_pipe(*VCF_TASKS, "report", "-o", str(file), **sddc).returncode == 0
    lines = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert {line["id"] for line in lines} == {task["id"] for task in told["tasks"]}
    page = in_pipe(*VCF_TASKS, "report", **sddc, PYTHONUTF8="0", LC_ALL="C")
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert page.stderr == ""


def test_html_is_not_poured_into_a_terminal_but_markdown_is(sddc: dict[str, str]) -> None:
    refused = OnTerminal(*VCF_TASKS, "report", **sddc)
    assert refused.code == 2
    assert "--output tasks.html" in refused.text
    assert "<" not in refused.text
    shown = OnTerminal(*VCF_TASKS, "report", "--format", "md", **sddc)
    assert shown.code == 0
    assert shown.text.startswith("# Tasks of 127.0.0.1:")


def test_a_reader_that_goes_away_is_no_error(sddc: dict[str, str]) -> None:
    command = f"set -o pipefail; {VCF_TASKS[0]} report --format json | head -c 20"
    ended = in_pipe("bash", "-c", command, **sddc)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout) == 20


def test_what_fails_is_told_in_one_line_and_leaves_the_old_report(
    sddc: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "tasks.md"
    file.write_text("old")
    ended = in_pipe(*VCF_TASKS, "report", "-o", str(file), **sddc | {"VCF_PASSWORD": "wrong"})
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (4, "", 1)
    assert file.read_text() == "old"
    ended = in_pipe(*VCF_TASKS, "report", "-o", str(tmp_path / "none" / "x.html"), **sddc)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "no such directory" in ended.stderr
    ended = in_pipe(*VCF_TASKS, "report", "-f", "md", **sddc | {"VCF_PASSWORD": ""})
    assert ended.returncode == 2
    assert "VCF_PASSWORD" in ended.stderr


def test_a_report_that_was_there_keeps_its_mode_and_its_links(sddc: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.touch(0o600)
    link = tmp_path / "latest.json"
    link.symlink_to(file)
    assert in_pipe(*VCF_TASKS, "report", "-o", str(link), **sddc).returncode == 0
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["total"] == _TASKS
