"""Each command as a process, against `vcf-tasks simulate` in another one: in a pipe, and on a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from access import access
from launcher import Launcher
from simulator_process import Simulator, simulate

from vcf_tasks_async.testing import SddcManagerSimulator

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def _slow() -> Iterator[Simulator]:
    with simulate("--port", "0", "--tasks", "60", "--seed", "4") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def _quick() -> Iterator[Simulator]:
    with simulate("--port", "0", "--tasks", "60", "--seed", "4", "--speed", "600") as simulator:
        yield simulator


@pytest.fixture
def site(launcher: Launcher, _slow: Simulator) -> Launcher:
    """Commands for a site on which time hardly moves."""
    launcher.environment = dict(_slow.environment)
    return launcher


@pytest.fixture
def fast(launcher: Launcher, _quick: Simulator) -> Launcher:
    """Commands for a site on which ten minutes pass in a second."""
    launcher.environment = dict(_quick.environment)
    return launcher


@pytest.fixture
def tasks(site: Launcher) -> list[dict[str, Any]]:
    return site.records("list")


def of(tasks: list[dict[str, Any]], status: str) -> list[str]:
    return [task["id"] for task in tasks if task["status"] == status]


def test_list_in_a_pipe_tells_all_and_cuts_nothing(site: Launcher, tasks: list[dict[str, Any]]) -> None:
    assert len({task["id"] for task in tasks}) == 60
    assert {task["record"] for task in tasks} == {"task"}
    lines = site.lines("list", "--failed", "--sort", "-created")
    failed = sorted(
        (task for task in tasks if task["status"] == "FAILED"), key=lambda task: task["created"], reverse=True
    )
    assert lines[0].split() == ["ID", "STATUS", "AGE", "TOOK", "TYPE", "TASK", "CAUSE"]
    assert [line.split()[0] for line in lines[1:]] == [task["id"] for task in failed]
    for line, task in zip(lines[1:], failed, strict=True):
        assert task["name"] in line
        assert line.endswith(task["cause"])
    # Ids alone, for the next command; filters and a limit hold together.
    assert (
        site.lines("list", "--running", "-q", "-n", "2")
        == [task["id"] for task in tasks if task["status"] in ("IN_PROGRESS", "PENDING")][:2]
    )
    newest = site.lines("list", "--since", "1d", "--status", "failed", "--status", "Successful", "-q")
    assert set(newest) < {task["id"] for task in tasks}
    assert site.lines("list", "--name", "no such task") == ["no tasks"]


@pytest.mark.parametrize("columns", [80, 200])
def test_list_on_a_terminal_fits_it(site: Launcher, tasks: list[dict[str, Any]], columns: int) -> None:
    shown = site.on_terminal("list", "--failed", columns=columns)
    assert b"\x1b[31m" in shown.raw
    first = next(task for task in tasks if task["status"] == "FAILED")
    assert first["cause"][:30] in shown.text
    assert bool(_UUID.search(shown.text)) is (columns == 200)
    assert first["id"][:8] in shown.text


def test_get_and_tree_have_the_cause_and_its_remedy_in_view(
    site: Launcher, tasks: list[dict[str, Any]]
) -> None:
    task, second, *_ = (task for task in tasks if task["status"] == "FAILED" and task["cause"])
    lines = site.lines("get", task["id"][:8], second["id"])
    text = "\n".join(lines)
    assert lines[0] == task["name"]
    assert lines[1].startswith("Failed  ")
    assert all(each["cause"] in text and each["id"] in text for each in (task, second))
    [detail] = site.records("get", task["id"])
    assert detail["task"]["subTasks"][0]["name"] in text
    assert detail["cause"] == task["cause"]

    steps = site.records("tree", task["id"])[1:]
    [wrong, *_] = [step for step in steps if step["status"] == "FAILED" and step["cause"]]
    lines = site.lines("tree", task["id"])
    assert len([line for line in lines if "─ " in line]) == len(steps)
    place = next(n for n, line in enumerate(lines) if f"─ {wrong['name']}  {wrong['rawStatus']}" in line)
    assert [line.strip("│ ") for line in lines[place + 1 : place + 3]] == [wrong["cause"], wrong["remedy"]]
    assert f"{wrong['cause']} — {wrong['remedy']}" == task["cause"]
    pruned = site.on_terminal("tree", "--failed", task["id"][:8])
    assert "FAILED" in pruned.text
    assert "SUCCESSFUL" not in pruned.text
    assert b"\x1b[33m" in pruned.raw
    assert task["cause"].split(" — ")[1].split()[-1] in pruned.text, "a cause is wrapped, never cut"
    # On a terminal as well, and the second task apart from the first.
    assert "\r\n\r\n" in site.on_terminal("get", task["id"][:8], second["id"][:8]).text


def test_watch_is_a_log_in_a_pipe(launcher: Launcher) -> None:
    with SddcManagerSimulator(40, seed=4, running=0.5, zombies=0, speed=200).in_thread() as running:
        launcher.environment = access(running)
        lines = launcher.lines("watch", "--every", "0.2", "--for", "1.5s")
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  " + _UUID.pattern + "  ", line) for line in lines)
    assert any("  appeared  In Progress  " in line for line in lines)
    assert any("  subtask   IN_PROGRESS → SUCCESSFUL  " in line for line in lines)


def test_watch_of_ids_tells_of_these_and_ends_with_them(site: Launcher, tasks: list[dict[str, Any]]) -> None:
    running, well, badly = (of(tasks, status)[0] for status in ("IN_PROGRESS", "SUCCESSFUL", "FAILED"))
    events = site.records("watch", running[:8], "--every", "0.2", "--for", "0.3")
    assert [event["record"] for event in events] == ["event"]
    assert (events[0]["event"], events[0]["taskId"]) == ("appeared", running)
    assert site.records("watch", well)[0]["status"] == "SUCCESSFUL"
    assert site.records("watch", badly, well, code=1)[0]["after"]


@pytest.mark.parametrize("columns", [80, 200])
def test_watch_on_a_terminal_is_a_table_that_moves(site: Launcher, columns: int) -> None:
    shown = site.on_terminal("watch", "--every", "0.2", "--for", "1.2", columns=columns)
    assert re.search(r" [1-9]\d* running", shown.text)
    assert all(title in shown.text for title in ("TASK", "PROGRESS", "NOW", "TIME"))
    assert re.search(r"━+─* +\d+%", shown.text)
    assert b"\x1b[?25l" in shown.raw
    # One screen, drawn again and again: never more lines than the terminal has.
    assert len(re.split(r"PROGRESS", shown.text)[-1].splitlines()) < 24


def test_wait_ends_with_the_tasks_and_says_how(
    fast: Launcher, site: Launcher, tasks: list[dict[str, Any]]
) -> None:
    well, badly = of(tasks, "SUCCESSFUL")[0], of(tasks, "FAILED")[0]
    [line] = fast.lines("wait", well, "--every", "0.2")
    assert line.startswith(f"{well}  Successful  ")
    assert well in fast.complaint, "its progress is on stderr"
    ended = fast.records("wait", "-", "--every", "0.2", code=1, typed=f"{well}\n{badly}\n")
    assert {task["id"]: task["status"] for task in ended} == {well: "SUCCESSFUL", badly: "FAILED"}
    running = of(tasks, "IN_PROGRESS")[0]
    assert site.lines("wait", running, "--every", "0.2", "--timeout", "0.5", code=6) == []
    assert running in site.complaint
    shown = site.on_terminal("wait", running[:8], "--every", "0.2", "--timeout", "0.6", code=6)
    assert "1 running" in shown.text


def test_retry_shows_asks_acts_and_tells(fast: Launcher) -> None:
    failed = [task for task in fast.records("list", "--failed") if task["retryable"]]
    ids = [task["id"] for task in failed]
    assert fast.lines("retry", ids[0], code=2) == []
    assert "give --yes" in fast.complaint
    lines = fast.lines("retry", "--failed", "--dry-run")
    assert lines[-1].startswith(f"{len(ids)} would be sent  ")

    refused = fast.on_terminal("retry", *(each[:8] for each in ids[:2]), code=1, answers={"[y/N]": "n\n"})
    assert "Retry these 2 tasks at " in refused.text
    assert "nothing was done" in refused.text
    meant = fast.on_terminal("retry", ids[0], "--wait", answers={"[y/N]": "y\n"}, code=0)
    assert "accepted" in meant.text
    assert "━" in meant.text, "a progress bar"
    assert "succeeded" in meant.text or "failed again" in meant.text

    told = fast.records(
        "retry", "-", "--yes", "-c", "2", typed="".join(json.dumps(t) + "\n" for t in failed[1:4])
    )
    assert [record["record"] for record in told] == ["outcome"] * 3 + ["report"]
    assert {record["taskId"] for record in told[:3]} == set(ids[1:4])
    assert told[3]["counts"] == {"accepted": 3}
    shown = fast.on_terminal("retry", failed[1]["id"], "--yes", code=None, columns=80)
    assert shown.width <= 80
    assert re.search(rf"\n{ids[1][:8]}  (accepted|skipped|rejected)\b", shown.text)
    missing = "00000000-0000-4000-8000-000000000000"
    assert "rejected" in fast.lines("retry", missing, "--yes", code=5)[1]
    assert fast.lines("retry", "-", "--yes", "-q", typed="\n") == []


def test_retry_goes_on_with_its_journal(fast: Launcher, tmp_path: Any) -> None:
    ids = [task["id"] for task in fast.records("list", "--failed") if task["retryable"]][-2:]
    journal = str(tmp_path / "run.jsonl")
    again = [fast.records("retry", *ids, "-y", "--journal", journal)[-1]["counts"] for _ in range(2)]
    assert again[0] == {"accepted": 2}
    assert again[1] == {"skipped": 2} or again[1] == {"accepted": 2}
    assert fast.lines("retry", *ids, "-y", "--journal", journal)[-1].startswith("2 accepted before  ")
    assert [line for line in (tmp_path / "run.jsonl").read_text().splitlines() if "intent" in line]
    assert fast.lines("cancel", *ids, "-y", "--journal", journal, code=2) == []


def test_cancel_asks_and_acts(site: Launcher, tasks: list[dict[str, Any]]) -> None:
    running = of(tasks, "IN_PROGRESS")
    shown = site.on_terminal("cancel", running[-1][:8], answers={"[y/N]": "y\n"})
    assert "Cancel this task at " in shown.text
    assert "1 accepted" in shown.text
    lines = site.lines("cancel", of(tasks, "SUCCESSFUL")[0], running[-2], "--yes", code=1)
    assert lines[0].split() == ["ID", "RESULT", "TASK", "WHY"]
    assert lines[-1].startswith(("1 accepted · 1 rejected  ", "1 rejected · 1 accepted  "))


def test_login_tells_step_by_step(site: Launcher) -> None:
    steps = site.records("login", "--check")
    assert [step["step"] for step in steps] == ["name", "TCP", "TLS", "login", "tasks", "release"]
    assert all(step["ok"] and step["remedy"] is None for step in steps)
    assert steps[-1]["text"].startswith("VCF 5 to 9.0, or a VCF Installer: ")
    assert site.lines("login") == ["ok      login   as administrator@vsphere.local"]
    shown = site.on_terminal("login", "--check")
    assert b"\x1b[32mok" in shown.raw
    nobody = site.records("login", "--check", "-u", "nobody@vsphere.local", code=4)
    assert [step["ok"] for step in nobody] == [True, True, True, False]
    assert "IDENTITY_UNAUTHORIZED_ENTITY" in nobody[-1]["text"]
    silent = site.lines("login", "--check", "-H", "127.0.0.1:9", code=3)
    assert silent[1] == "failed  TCP     port 9 refuses connections"
    assert "is SDDC Manager up" in silent[2]
    assert site.lines("login", "--check", "-q", "-H", "nosuch.invalid", code=3) == []


def test_trust_shows_and_pins_a_certificate_and_keeps_the_rest_of_the_file(
    launcher: Launcher, tmp_path: Any
) -> None:
    config = tmp_path / "config.toml"
    with simulate("--port", "0", "--tasks", "3", "--tls") as simulator:
        site = launcher
        site.environment = {**simulator.environment, "VCF_CONFIG": str(config)}
        host = simulator.url.removeprefix("https://")
        fingerprint = re.search(r"^fingerprint +(\S+)$", simulator.welcome, re.MULTILINE)
        assert fingerprint
        config.write_text(f'# mine\n[profiles.lab]  # here\nurl = "{host}"\nverify = false\n')
        config.chmod(0o640)

        assert site.lines("trust", host, "-q")[0].replace(":", "").lower() == fingerprint[1]
        assert config.read_text().endswith("verify = false\n"), "shown only: nobody was asked"
        del site.environment["VCF_HOST"]
        assert site.lines("list", "-H", host, code=3) == []
        assert "certificate" in site.complaint
        insecure = site.lines("list", "-p", "lab", "-q")
        assert len(insecure) == 3
        assert "warning" in site.complaint
        assert "not verified" in site.complaint

        shown = site.on_terminal("trust", host, answers={"[y/N]": "y\n"})
        assert "localhost" in shown.text
        assert "pinned in profile lab" in shown.text.replace("\r\n", "")
        assert config.read_text().startswith("# mine\n[profiles.lab]  # here\n")
        assert "verify" not in config.read_text()
        assert config.stat().st_mode & 0o777 == 0o640
        assert site.lines("list", "-p", "lab", "-q") == insecure
        assert site.complaint == ""
        assert site.lines("list", "-p", "lab", "--fingerprint", "ab" * 32, code=3) == []


def test_a_password_is_typed_unseen(site: Launcher) -> None:
    password = site.environment.pop("VCF_PASSWORD")
    try:
        shown = site.on_terminal("login", answers={"Password of": f"{password}\n"})
        assert password not in shown.text
        assert "ok      login" in shown.text
        assert site.lines("login", code=2) == []
        assert "no terminal to ask" in site.complaint
    finally:
        site.environment["VCF_PASSWORD"] = password


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete "), ("zsh", "#compdef"), ("fish", "complete ")]
)
def test_completion_gives_a_script_for_each_shell(launcher: Launcher, shell: str, mark: str) -> None:
    script = launcher.run("completion", shell).out
    assert mark in script
    assert "_VCF_TASKS_COMPLETE" in script


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("vcf-tasks re", "plain,retry"),
        ("vcf-tasks list --fa", "plain,--failed"),
        ("vcf-tasks list --status TI", "plain,TIMED_OUT"),
        ("vcf-tasks credentials ca", "plain,cancel"),
        ("vcf-tasks credentials --fa", "plain,--failed"),
        ("vcf-tasks credentials --failed --ty", "plain,--type"),
        ("vcf-tasks credentials retry --sp", "plain,--spec"),
    ],
)
def test_completion_completes_commands_options_and_statuses(
    launcher: Launcher, words: str, completed: str
) -> None:
    at = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    launcher.environment = {"_VCF_TASKS_COMPLETE": "bash_complete", **at}
    assert completed in launcher.run().out.splitlines()


def test_settings_are_shown_and_set_where_there_are_any(launcher: Launcher, site: Launcher) -> None:
    assert site.lines("settings", code=7) == []
    assert "9.1" in site.complaint
    with simulate("--port", "0", "--tasks", "3", "--release", "9.1") as simulator:
        launcher.environment = dict(simulator.environment)
        assert launcher.records("login", "--check")[-1]["text"].startswith("VCF 9.1 or newer")
        [before] = launcher.records("settings")
        days = before["retentionDays"] + 1
        assert launcher.lines("settings", "--retention-days", str(days), code=2) == []
        shown = launcher.on_terminal("settings", "--retention-days", str(days), answers={"[y/N]": "y\n"})
        assert f"tasks are kept for {days} days" in shown.text
        assert launcher.lines("settings", "--retention-days", "7", "--yes") == ["tasks are kept for 7 days"]
        assert launcher.records("settings")[0] == {**before, "retentionDays": 7}
