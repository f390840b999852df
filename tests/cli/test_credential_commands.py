"""`vcf-tasks credentials`: listed, retried with a spec, and cancelled; no password is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from access import access
from launcher import Launcher

from vcf_tasks_async.testing import SddcManagerSimulator

_SECRET = "VMw@re-s3cret!"
_SPEC = {
    "operationType": "UPDATE",
    "elements": [
        {
            "resourceType": "ESXI",
            "resourceName": "sfo01-m01-esx01.rainpole.io",
            "credentials": [{"username": "root", "credentialType": "SSH", "password": _SECRET}],
        }
    ],
}


@pytest.fixture
def sddc(launcher: Launcher) -> Iterator[SddcManagerSimulator]:
    simulator = SddcManagerSimulator(60, seed=2, credential_tasks=0.3, failed=0.3, live=False)
    with simulator.in_thread() as running:
        launcher.environment = access(running)
        yield running


@pytest.fixture
def failed(launcher: Launcher, sddc: SddcManagerSimulator) -> list[str]:
    return [task["id"] for task in launcher.records("credentials", "--failed")]


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps(_SPEC))
    file.chmod(0o600)
    return str(file)


def sent(sddc: SddcManagerSimulator, method: str) -> list[Any]:
    """What was asked of credential tasks."""
    return [each for each in sddc.requests if each.method == method and "/credentials/tasks/" in each.path]


def test_a_retry_shows_the_accounts_asks_and_sends_the_spec(
    launcher: Launcher, sddc: SddcManagerSimulator, failed: list[str], spec: str
) -> None:
    argv = ("credentials", "retry", failed[0][:8], "--spec", spec)
    refused = launcher.on_terminal(*argv, code=1, answers={"[y/N]": "n\n"})
    assert "UPDATE of" in refused.text
    assert "root at ESXI sfo01-m01-esx01.rainpole.io" in refused.text
    assert "nothing was done" in refused.text
    assert "would be sent" in "\n".join(launcher.lines(*argv, "--dry-run"))
    assert launcher.lines(*argv, code=2) == []
    assert "give --yes" in launcher.complaint
    assert sent(sddc, "PATCH") == []

    meant = launcher.on_terminal(*argv, answers={"[y/N]": "y\n"})
    assert "Retry this credential task at " in meant.text
    assert "1 accepted" in meant.text
    [request] = sent(sddc, "PATCH")
    assert request.path.endswith(failed[0])
    for shown in (refused, meant):
        assert _SECRET not in shown.text


def test_a_spec_comes_from_stdin_and_the_outcome_is_told_as_that_of_a_retry(
    launcher: Launcher, sddc: SddcManagerSimulator, failed: list[str]
) -> None:
    argv = ("credentials", "retry", failed[0], "--spec", "-", "--yes")
    outcome, report = launcher.records(*argv, typed=json.dumps(_SPEC))
    assert (outcome["record"], outcome["taskId"], outcome["result"]) == ("outcome", failed[0], "accepted")
    assert outcome["action"] == "credentials retry"
    assert report["counts"] == {"accepted": 1}
    nobody = "00000000-0000-4000-8000-000000000000"
    argv = ("credentials", "retry", nobody, "--spec", "-", "--yes")
    assert "rejected" in "\n".join(launcher.lines(*argv, code=7, typed=json.dumps(_SPEC)))
    assert len(sent(sddc, "PATCH")) == 2


def test_what_is_no_spec_costs_nothing_and_is_not_shown(
    launcher: Launcher, sddc: SddcManagerSimulator, failed: list[str], spec: str
) -> None:
    argv = ("credentials", "retry", failed[0], "--yes", "--spec")
    for text, said in (
        (f'"{_SECRET}"', "expected an object, found text"),
        (_SECRET, "not JSON"),
        (json.dumps({**_SPEC, "elements": _SECRET}), "$.elements"),
    ):
        assert launcher.lines(*argv, "-", code=2, typed=text) == []
        assert said in launcher.complaint
        assert _SECRET not in launcher.complaint
        assert launcher.complaint.count("\n") == 1
    assert launcher.lines(*argv, f"{spec}.not", code=2) == []
    assert "can't be read" in launcher.complaint
    assert launcher.lines("credentials", "retry", failed[0], "--yes", code=2) == []
    assert "--spec" in launcher.complaint
    assert sent(sddc, "PATCH") == []
    Path(spec).chmod(0o644)
    launcher.lines(*argv, spec)
    assert "others on this machine can read it" in launcher.complaint


def test_cancel_takes_failed_ones_and_says_why_others_are_not(
    launcher: Launcher, sddc: SddcManagerSimulator, failed: list[str]
) -> None:
    well = next(t["id"] for t in launcher.records("credentials") if t["status"] == "SUCCESSFUL")
    shown = launcher.on_terminal("credentials", "cancel", failed[0], answers={"[y/N]": "y\n"})
    assert "Cancel this credential task at " in shown.text
    assert "1 accepted" in shown.text
    lines = launcher.lines("credentials", "cancel", "-", "--yes", code=1, typed=f"{failed[1]}\n{well}\n")
    assert lines[-1].startswith(("1 accepted · 1 rejected", "1 rejected · 1 accepted"))
    assert launcher.lines("credentials", "cancel", failed[2], "--yes", "-q") == []
    assert len(sent(sddc, "DELETE")) >= 3


def test_help_names_the_commands_and_a_mistyped_one_is_no_option_of_the_list(launcher: Launcher) -> None:
    text = "\n".join(launcher.lines("credentials", "--help"))
    assert all(f"\n  {name} " in text for name in ("list", "retry", "cancel"))
    assert launcher.lines("credentials", "rtery", code=2) == []
    assert "rtery" in launcher.complaint


def test_credential_tasks_are_listed_account_by_account_and_show_no_password(launcher: Launcher) -> None:
    simulator = SddcManagerSimulator(60, seed=2, credential_tasks=0.3, failed=0.3)
    with simulator.in_thread() as running:
        launcher.environment = access(running)
        every = launcher.records("credentials")
        failed = launcher.records("credentials", "--failed")
        assert {task["id"] for task in failed} == {t["id"] for t in every if t["status"] == "FAILED"}
        assert 0 < len(failed) < len(every)
        assert "assword" not in "".join(key for task in every for step in task["steps"] for key in step)
        lines = launcher.lines("credentials", "--failed")
        accounts = [f"{s['username']} at {s['resource']}" for task in failed for s in task["steps"]]
        assert accounts
        assert all(account in "\n".join(lines) for account in accounts)
        assert len(lines) == 1 + len(failed) + len(accounts)
        assert launcher.lines("credentials", "-q") == [task["id"] for task in every]
        shown = launcher.on_terminal("credentials")
        assert shown.width <= 80
        assert failed[0]["id"][:8] in shown.text
