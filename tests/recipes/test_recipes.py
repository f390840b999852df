"""The recipes do what they say: cron and Ansible by exit codes and JSON, Airflow by its trigger."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from vcf_tasks_async import FleetFailures
from vcf_tasks_async.testing import SddcManagerSimulator

EXAMPLES = Path(__file__).parents[2] / "examples"
OPTIONS: dict[str, Any] = {
    "tasks": 12, "failed": 0.5, "running": 0, "not_retryable": 0, "credential_tasks": 0, "live": False,
}  # fmt: skip


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A file of two sites, and their simulators."""
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(SddcManagerSimulator(seed=n, **OPTIONS).in_thread())
            for n, name in enumerate(("sfo", "lax"))
        }
        monkeypatch.setenv("VCF_PASSWORD", running["sfo"].password)
        file = tmp_path / "sites.toml"
        write(file, {name: sddc.url for name, sddc in running.items()}, running["sfo"].username)
        yield file, running


def write(file: Path, urls: dict[str, str], username: str) -> None:
    text = f'[defaults]\nusername = "{username}"\npassword_env = "VCF_PASSWORD"\ndeadline = 1\n'
    file.write_text(text + "".join(f'[sites.{name}]\nurl = "{url}"\n' for name, url in urls.items()))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the program in this process: its exit code, its JSON, and what it says to people."""
    spec = importlib.util.spec_from_file_location("retry_failed", EXAMPLES / "retry_failed.py")
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)

    def run(*arguments: str | Path) -> tuple[int, Any, str]:
        monkeypatch.setattr(sys, "argv", ["retry_failed.py", *map(str, arguments)])
        try:
            code = program.main()
        except SystemExit as ended:
            code = ended.code
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return run


def test_the_program_runs_by_itself(sites):
    ended = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / "retry_failed.py", "--fleet", sites[0], "--dry-run"],
        capture_output=True, text=True, timeout=18, check=True,
    )  # fmt: skip
    assert json.loads(ended.stdout)["counts"] == {"skipped": 12}


def test_the_program_for_cron_says_by_its_exit_code_how_it_went(run, sites, tmp_path):
    file, running = sites
    failed = {name: sddc.ids("Failed") for name, sddc in running.items()}
    sfo = running["sfo"]
    sfo.faults.add(method="PATCH", path=f"/v1/tasks/{failed['sfo'][0]}", status=500)
    code, said, errors = run("--fleet", file, "--journal", tmp_path / "tonight")
    assert (code, said["counts"]) == (1, {"accepted": 11, "rejected": 1})
    assert "retry of 12 tasks at 2 sites" in errors
    code, said, errors = run("--fleet", file, "--speed")
    assert code == 2
    file.write_text(file.read_text() + 'adress = "x"\n')
    code, said, errors = run("--fleet", file)
    assert (code, said) == (2, None)
    assert "[sites.lax] adress is no key here" in errors


def test_a_site_that_is_down_has_an_exit_code_of_its_own(run, sites):
    file, running = sites
    write(file, {"sfo": running["sfo"].url, "down": "http://127.0.0.1:1"}, running["sfo"].username)
    code, said, _ = run("--fleet", file)
    assert code == 3
    assert said["counts"] == {"accepted": 6}
    assert said["troubles"]["down"]["doing"] == "retry"


def test_the_ansible_play_reads_what_the_program_says(run, sites, tmp_path):
    yaml = pytest.importorskip("yaml")
    jinja2 = pytest.importorskip("jinja2")
    (play,) = yaml.safe_load((EXAMPLES / "ansible_retry_failed.yml").read_text("utf-8"))
    retry, _, check = play["tasks"]
    environment = jinja2.Environment(autoescape=False)
    environment.filters["from_json"] = json.loads
    names: dict[str, Any] = {"sites": str(sites[0]), "journal": str(tmp_path / "tonight")}
    python, program, *arguments = (
        environment.from_string(word).render(names) for word in retry["ansible.builtin.command"]["argv"]
    )
    assert (python, program) == ("python3", "retry_failed.py")
    arguments.remove("--wait")  # nothing moves at these sites
    code, said, _ = run(*arguments)
    names["retried"] = {"rc": code, "stdout": json.dumps(said)}

    def true(expression: str) -> bool:
        return environment.from_string("{{ " + expression + " }}").render(names) == "True"

    assert (code, true(retry["changed_when"]), true(retry["failed_when"])) == (0, True, False)
    assert true(check["ansible.builtin.assert"]["that"])
    names["retried"]["stdout"] = json.dumps({**said, "counts": {}})
    assert not true(retry["changed_when"])


# --- Airflow ------------------------------------------------------------------------------------------


class Event:
    """As Airflow's: it carries the payload."""

    def __init__(self, payload: Any) -> None:
        self.payload = payload


class Deferred(Exception):
    """What an operator raises to give its slot back."""


class Operator:
    """As little of Airflow's operator as the example needs."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id

    def defer(self, *, trigger: Any, method_name: str) -> None:
        raise Deferred(trigger, method_name)


@pytest.fixture
def airflow_trigger(monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The example, on Airflow where it is installed, and else on as little of it as the example needs."""
    if importlib.util.find_spec("airflow") is None:
        base, sdk = types.ModuleType("airflow.triggers.base"), types.ModuleType("airflow.sdk")
        base.BaseTrigger, base.TriggerEvent, sdk.BaseOperator = object, Event, Operator
        modules = {
            "airflow": types.ModuleType("airflow"), "airflow.triggers": types.ModuleType("airflow.triggers"),
            "airflow.triggers.base": base, "airflow.sdk": sdk,
        }  # fmt: skip
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("airflow_trigger")
    sys.modules.pop("airflow_trigger", None)


async def test_the_airflow_trigger_fires_once_with_the_ends_and_keeps_no_secret(sites, airflow_trigger):
    file, running = sites
    ended = running["sfo"].ids("Failed")[:2]
    arguments = {"sites": str(file), "site": "sfo", "task_ids": [*ended, "a758"], "timeout": 5.0}
    trigger = airflow_trigger.TasksEnded(**arguments)
    where, kept = trigger.serialize()
    assert (where, kept) == ("airflow_trigger.TasksEnded", arguments)
    assert os.environ["VCF_PASSWORD"] not in json.dumps(kept)
    # What Airflow does after a restart: the trigger again, from what was kept.
    again = getattr(importlib.import_module(where.rpartition(".")[0]), where.rpartition(".")[2])(**kept)
    again.task_ids = ended
    # They have been retried, and failed before this: `after_retry` takes that for stale; here nothing moves.
    for task_id in ended:
        running["sfo"].tasks[task_id]["status"] = "Successful"
    events = [event async for event in again.run()]
    assert [event.payload for event in events] == [
        {"ended": dict.fromkeys(ended, "SUCCESSFUL"), "missed": {}}
    ]


def test_the_airflow_operator_retries_defers_and_reads_the_event(sites, airflow_trigger):
    file, running = sites
    operator = airflow_trigger.RetryFailedTasks(task_id="retry", sites=str(file), site="lax", timeout=60)
    failed = running["lax"].ids("Failed")
    with pytest.raises(BaseException) as deferred:  # noqa: PT011 - Airflow's own, or the stand-in's
        operator.execute({})
    assert "Deferred" in type(deferred.value).__name__
    assert sorted(running["lax"].ids("In Progress")) == sorted(failed)
    assert operator.resumed({}, {"ended": {"a": "SUCCESSFUL"}, "missed": {}}) == {"a": "SUCCESSFUL"}
    with pytest.raises(RuntimeError, match="after the retry at lax"):
        operator.resumed({}, {"ended": {"a": "FAILED"}, "missed": {"b": "gone"}})
    operator.execute({})  # nothing is failed any more: there is nothing to wait for
    write(file, {"lax": "http://127.0.0.1:1"}, "a")
    with pytest.raises(FleetFailures, match="1 site in trouble"):
        operator.execute({})
