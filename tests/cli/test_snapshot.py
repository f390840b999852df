"""`vcf-tasks snapshot`, and `simulate --snapshot` of what it wrote, as processes."""

from __future__ import annotations

import gzip
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from access import access
from launcher import Launcher
from simulator_process import simulate
from terminal import VCF_TASKS, in_pipe

from vcf_tasks_async.testing import SddcManagerSimulator

SECRET = "hunter2 Zwiebel"
HOSTILE = {
    "id": "zwiebel-1",
    "name": "\x1b[31mzwiebel\x1b[0m lost sfo01-esx07.zwiebel.io: password hunter2 rejected",
    "status": "Failed",
    "subTasks": [
        {"status": "FAILED", "zwiebel": [{"accessToken": SECRET, "x": json.dumps({"pwd": SECRET})}]}
    ],
    "errors": [{"message": "no", "nestedErrors": [{"message": "root:VMware1!@10.11.12.13 (zwiebel\\jdoe)"}]}],
}


@pytest.fixture(scope="module")
def sddc() -> Iterator[SddcManagerSimulator]:
    simulator = SddcManagerSimulator(30, live=False, release="9.1", credential_tasks=0.2)
    simulator.add_task(HOSTILE)
    with simulator.in_thread() as running:
        yield running


@pytest.fixture
def site(launcher: Launcher, sddc: SddcManagerSimulator) -> Launcher:
    launcher.environment = access(sddc)
    return launcher


def test_a_simulator_of_the_file_lists_the_same_tasks_without_a_name(site: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "lab.json.gz"
    ended = site.run("snapshot", str(file))
    assert ended.out.startswith(f"{file}: 31 tasks, ")
    assert re.search(r"\nreplaced: names \d+, addresses 1, ids \d+, secrets \d+\n", ended.out)
    assert ended.err.count("\n") == 1
    assert "have a look at it" in ended.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = gzip.decompress(file.read_bytes()).decode()
    hidden = ("zwiebel", "hunter2", "VMware1", "10.11.12", "jdoe", "rainpole", "sfo01", "\\u001b[31mz")
    assert [word for word in hidden if word in text.lower() or word in text] == []
    tasks = site.records("list")
    with simulate("--port", "0", "--snapshot", str(file), "--speed", "0") as again:
        assert "9.1, simulated, 31 tasks" in again.welcome
        site.environment = again.environment
        shown = site.records("list")
        failed = site.lines("tree", *(task["id"] for task in shown if task["status"] == "FAILED"))
    same = ("type", "status", "rawStatus", "created", "completed", "progress", "retryable")
    assert [[task[key] for key in same] for task in shown] == [[task[key] for key in same] for task in tasks]
    assert not {task["id"] for task in shown} & {task["id"] for task in tasks}
    assert "zwiebel" not in "".join(failed)


def test_a_selection_is_told_as_an_object(site: Launcher, sddc: SddcManagerSimulator, tmp_path: Path) -> None:
    file = tmp_path / "failed.json"
    options = ("--failed", "--since", "40d", "--keep-names", "--keep-ids", "--keep-word", "Zwiebel")
    [record] = site.records("snapshot", str(file), *options)
    failed = [task for task in sddc.snapshot().values() if task["status"] in ("Failed", "Timed Out")]
    assert record["record"] == "snapshot"
    assert (record["tasks"], record["complete"], record["leftOut"]) == (len(failed) - 1, True, [])
    assert record["replaced"].keys() == {"names", "addresses", "ids", "secrets"}
    assert {task["id"] for task in json.loads(file.read_text())["tasks"]} <= {task["id"] for task in failed}
    names = site.run("snapshot", str(file), "--overwrite", "--keep-names")
    assert "names and addresses are in it" in names.err
    assert "hunter2" not in file.read_text()
    assert "sfo01-esx07.zwiebel.io" not in file.read_text(), "no field for names has said it"
    quiet = site.run("snapshot", "-q", str(file), "--overwrite")
    assert (quiet.out, quiet.err) == ("", "")


def test_what_is_there_stays_and_what_can_not_be_is_told_at_once(
    site: Launcher, sddc: SddcManagerSimulator, tmp_path: Path
) -> None:
    sddc.requests.clear()
    file = tmp_path / "lab.json"
    file.write_text("mine")
    assert "give --overwrite, or another name" in site.run("snapshot", str(file), code=2).err
    assert "no such directory" in site.run("snapshot", str(tmp_path / "none" / "x.json"), code=1).err
    assert "is no file" in site.run("snapshot", "/dev/null", "--overwrite", code=2).err
    assert sddc.requests.count() == 0
    assert file.read_text() == "mine"
    for arguments, why in (
        ((str(file),), "lab.json is no snapshot: "),
        ((str(tmp_path / "no.json"),), "no.json: No such file"),
        ((str(file), "--tasks", "3"), "don't go together"),
    ):
        ended = in_pipe(*VCF_TASKS, "simulate", "--port", "0", "--snapshot", *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert why in ended.stderr


def test_what_was_refused_is_exit_code_1_and_progress_is_shown_on_a_terminal(
    site: Launcher, sddc: SddcManagerSimulator, tmp_path: Path
) -> None:
    refused = sddc.faults.add(path="/v1/credentials/tasks", status=403, times=1)
    ended = site.on_terminal("snapshot", str(tmp_path / "lab.json"), code=1)
    assert refused.hits == 1
    assert "31 tasks, no credential tasks (403)" in ended.text
    assert " Successful · " in ended.text


def test_ctrl_c_leaves_no_half_file(site: Launcher, sddc: SddcManagerSimulator, tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    file.write_text("old")
    sddc.requests.clear()
    slow = sddc.faults.add(path="/v1/tasks", delay=60, times=None)
    hangs = lambda: sddc.requests.count(path="/v1/tasks") > 0  # noqa: E731
    site.run("snapshot", str(file), "--overwrite", code=130, interrupt=hangs)
    sddc.faults.remove(slow)
    assert [path.name for path in tmp_path.iterdir()] == ["lab.json"]
    assert file.read_text() == "old"
