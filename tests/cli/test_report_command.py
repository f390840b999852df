"""`vcf-tasks report` as a process, against a simulator in another one."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from access import access
from launcher import Ended, Launcher
from report_tasks import Document
from simulator_process import simulate
from terminal import VCF_TASKS, in_pipe

from vcf_tasks_async.testing import SddcManagerSimulator

_TASKS = 40


@pytest.fixture(scope="module")
def sddc() -> Iterator[dict[str, str]]:
    """The environment in which a simulator of 40 tasks is the one meant."""
    with simulate("--port", "0", "--tasks", str(_TASKS)) as simulator:
        yield simulator.environment


@pytest.fixture
def site(launcher: Launcher, sddc: dict[str, str]) -> Launcher:
    launcher.environment = dict(sddc)
    return launcher


def test_a_file_gets_the_page_and_the_terminal_one_line(site: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "tasks.html"
    ended = site.run("report", "--output", str(file))
    assert ended.out == ""
    assert ended.err.startswith(f"{file}: {_TASKS} tasks: ")
    assert ended.err.count("\n") == 1
    page = Document(file.read_text("utf-8"))
    assert f"Tasks of {site.environment['VCF_HOST'].removeprefix('http://')}" in page.text
    assert f"{_TASKS} tasks, read on" in page.text
    assert list(tmp_path.iterdir()) == [file]
    quiet = site.run("report", "-q", "--output", str(file))
    assert (quiet.out, quiet.err) == ("", "")
    (tmp_path / "new").touch()
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE((tmp_path / "new").stat().st_mode)


def test_the_formats_go_to_stdout_and_agree(site: Launcher, tmp_path: Path) -> None:
    told = json.loads(site.run("report", "--format", "json").out)
    assert told["total"] == len(told["tasks"]) == _TASKS
    file = tmp_path / "tasks.csv"
    site.run("report", "-o", str(file))
    lines = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert {line["id"] for line in lines} == {task["id"] for task in told["tasks"]}
    page = in_pipe(*VCF_TASKS, "report", **site.environment, PYTHONUTF8="0", LC_ALL="C")
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert page.stderr == ""


def test_html_is_not_poured_into_a_terminal_but_markdown_is(site: Launcher) -> None:
    refused = site.on_terminal("report", code=2)
    assert "--output tasks.html" in refused.text
    assert "<" not in refused.text
    shown = site.on_terminal("report", "--format", "md")
    assert shown.text.startswith("# Tasks of 127.0.0.1:")


def test_a_kind_of_file_that_no_report_is_written_as_is_told_before_anything_is_read(
    site: Launcher, tmp_path: Path
) -> None:
    file = tmp_path / "tasks.pdf"
    assert "no report is written as .pdf" in site.run("report", "-o", str(file), code=2).err
    assert not file.exists()
    assert site.run("report", "-o", str(file), "-f", "md", code=0).out == ""
    assert file.read_text().startswith("# Tasks of ")


def test_a_reader_that_goes_away_is_no_error(sddc: dict[str, str]) -> None:
    command = f"set -o pipefail; {VCF_TASKS[0]} report --format json | head -c 20"
    ended = in_pipe("bash", "-c", command, **sddc)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout) == 20


def test_what_fails_is_told_in_one_line_and_leaves_the_old_report(site: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "tasks.md"
    file.write_text("old")
    site.environment["VCF_PASSWORD"] = "wrong"
    ended = site.run("report", "-o", str(file), code=4)
    assert (ended.out, ended.err.count("\n")) == ("", 1)
    assert file.read_text() == "old"
    ended = site.run("report", "-o", str(tmp_path / "none" / "x.html"), code=1)
    assert (ended.out, ended.err.count("\n")) == ("", 1)
    assert "no such directory" in ended.err
    site.environment["VCF_PASSWORD"] = ""
    assert "VCF_PASSWORD" in site.run("report", "-f", "md", code=2).err


def test_a_report_that_was_there_keeps_its_mode_and_its_links(site: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    file.touch(0o600)
    link = tmp_path / "latest.json"
    link.symlink_to(file)
    site.run("report", "-o", str(link))
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["total"] == _TASKS


def test_ctrl_c_writes_what_was_read_and_leaves_a_report_that_is_there(
    launcher: Launcher, tmp_path: Path
) -> None:
    simulator = SddcManagerSimulator(250, live=False)
    with simulator.in_thread() as running:
        launcher.environment = access(running)
        running.faults.add(path="/v1/tasks", query={"pageNumber": "2"}, delay=60, times=None)

        def stopped(*argv: str) -> Ended:
            running.requests.clear()
            hangs = lambda: any(each.query.get("pageNumber") == "2" for each in running.requests)  # noqa: E731
            return launcher.run("report", *argv, code=130, interrupt=hangs)

        told = json.loads(stopped("--format", "json").out)
        assert 0 < told["total"] < 250
        assert told["is_complete"] is False
        file = tmp_path / "tasks.md"
        ended = stopped("-o", str(file))
        assert "some are missing" in ended.err
        part = file.read_text()
        assert stopped("-o", str(file)).err == ""
        assert file.read_text() == part
