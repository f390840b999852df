"""How commands end: by which exit code, by Ctrl-C, and when the reader of a pipe leaves."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from access import access
from launcher import Launcher

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import MEANINGS, Exit, code_of, code_of_all
from vcf_tasks_async.testing import RecordedRequest, SddcManagerSimulator

_NOBODY = "00000000-0000-4000-8000-000000000000"


_CODES: list[tuple[Exception, int]] = [
    (v.UsageError("x"), 2),
    (v.NotSentError("x"), 3),
    (v.OutcomeUnknownError("x"), 3),
    (v.TransportError("x"), 3),
    (v.DeadlineError("x"), 6),
    (v.Unauthorized("x"), 4),
    (v.Forbidden("x"), 4),
    (v.TaskNotFound("x"), 5),
    (v.TaskConflict("x"), 7),
    (v.BadRequest("x"), 7),
    (v.RateLimited("x"), 7),
    (v.ServerError("x"), 7),
    (v.ApiError("x"), 7),
    (v.DecodeError("x"), 7),
    (v.UnsupportedError("x"), 7),
    (v.TaskFailed("x"), 1),
    (v.TaskGone("x"), 5),
    (v.TaskStalled("x"), 6),
    (v.WaitTimeout("x"), 6),
    (v.WaitError("x"), 1),
    (v.BulkFailures("x", report=v.BulkReport(v.Action.RETRY)), 1),
    (v.SiteTroubles.__new__(v.SiteTroubles), 1),
    (v.FleetFailures.__new__(v.FleetFailures), 1),
    (v.VcfTasksError("x"), 1),
    (OSError("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), _CODES)
def test_each_class_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert code_of(error) == code


def test_no_class_of_error_was_forgotten() -> None:
    told = {type(error) for error, _ in _CODES}
    errors = {getattr(v, name) for name in v.__all__ if isinstance(getattr(v, name), type)}
    assert {error for error in errors if issubclass(error, v.VcfTasksError)} <= told
    assert set(MEANINGS) == set(Exit)


def test_a_wait_that_gave_up_has_the_code_of_what_kept_it_from_looking() -> None:
    error = v.WaitError("x")
    error.__cause__ = v.NotSentError("x")
    assert code_of(error) == 3


def test_many_targets_have_the_code_of_all_or_just_failed() -> None:
    gone, refused = v.TaskNotFound("x"), v.TaskConflict("x")
    assert code_of_all([]) == code_of_all([None, None]) == 0
    assert code_of_all([gone, gone]) == 5
    assert code_of_all([gone, refused]) == code_of_all([gone, None]) == 1


# --- real ones ------------------------------------------------------------------------------------------


def _latency(request: RecordedRequest) -> float:
    return 0.15 if request.method == "PATCH" else 0.0


@pytest.fixture
def sddc(launcher: Launcher) -> Iterator[SddcManagerSimulator]:
    simulator = SddcManagerSimulator(
        300, failed=0.2, running=0.1, not_retryable=0, credential_tasks=0, latency=_latency, live=False
    )
    with simulator.in_thread() as running:
        launcher.environment = access(running)
        yield running


def test_commands_end_with_these_codes(launcher: Launcher, sddc: SddcManagerSimulator) -> None:
    def complaint(*argv: str, code: int) -> str:
        assert launcher.lines(*argv, code=code) == []
        assert launcher.complaint.startswith(("vcf-tasks: ", "Usage: "))
        return launcher.complaint

    assert "no profile" in complaint("list", "-p", "nosuch", code=2)
    assert "'-created'" in complaint("list", "--sort", "age", code=2)
    assert "don't go together" in complaint("retry", _NOBODY, "--failed", "--yes", code=2)
    assert "which tasks?" in complaint("cancel", code=2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        silent = complaint("list", "-H", f"http://127.0.0.1:{port}", "--call-timeout", "0.3", code=6)
    assert silent.count("\n") == 1
    refused = complaint("list", "-H", f"http://127.0.0.1:{port}", "--call-timeout", "1", code=3)
    assert "no connection" in refused
    assert "not authorized" in complaint("list", "-u", "nobody", code=4)
    assert _NOBODY in complaint("get", _NOBODY, code=5)
    assert "begins with abcd1234" in complaint("tree", "abcd1234", code=5)
    assert "has not ended" in complaint("wait", sddc.ids("In Progress")[0], "-q", "--timeout", "0.2", code=6)
    sddc.faults.add(method="GET", path="/v1/tasks/.*", status=400)
    assert "400" in complaint("get", sddc.ids()[0], code=7)
    sddc.faults.add(method="GET", path="/v1/tasks/.*", status=500, times=None)
    complaint("get", sddc.ids()[0], "--call-timeout", "1", code=7)


def test_an_incomplete_listing_is_never_silent(launcher: Launcher, sddc: SddcManagerSimulator) -> None:
    broken = json.dumps(
        {"elements": [{"id": "a758", "name": "fine"}, {"name": "no id"}], "pageMetadata": None}
    )
    sddc.faults.add(method="GET", path="/v1/tasks", body=broken, status=200, times=None)
    lines = launcher.lines("list", "-q", code=1)
    assert lines == ["a758"]
    assert "left out" in launcher.complaint


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_tells_what_is_known_of_every_target(
    launcher: Launcher, sddc: SddcManagerSimulator, number: signal.Signals
) -> None:
    argv = ("retry", "--failed", "--yes", "-c", "2", "--json")
    started = time.monotonic()
    ended = launcher.run(*argv, code=128 + number, signals={'"accepted"': number})
    assert time.monotonic() - started < 4
    *outcomes, report = [json.loads(line) for line in ended.out.splitlines()]
    failed = {task_id for task_id, task in sddc.tasks.items() if task["status"] == "Failed"}
    assert len(outcomes) == len({outcome["taskId"] for outcome in outcomes}) == 60
    sent = sddc.requests.count(method="PATCH", path="/v1/tasks/.*")
    assert 1 <= report["counts"]["accepted"] == sent <= 6
    assert report["counts"]["not_sent"] == 60 - sent == len(failed)
    assert report["stopped"]
    assert ended.err == ""


def test_ctrl_c_ends_what_waits_at_once(launcher: Launcher, sddc: SddcManagerSimulator) -> None:
    running = sddc.ids("In Progress")[0]
    for argv, sign in (
        (("watch", "--every", "0.2"), "appeared"),
        (("watch", "--every", "0.2", "--json"), '"appeared"'),
    ):
        ended = launcher.run(*argv, code=130, signals={sign: signal.SIGINT})
        assert ended.err == ""
        assert running in ended.out
    ended = launcher.run("wait", running, code=130, signals={running: signal.SIGINT})
    assert ended.out == ""


def test_a_reader_that_leaves_early_is_no_error(launcher: Launcher, sddc: SddcManagerSimulator) -> None:
    for argv in (("list", "--json"), ("list",), ("watch", "--every", "0.1", "--for", "1")):
        ended = launcher.run(*argv, code=0, leave="\n")
        assert ended.err == ""


def test_a_retry_goes_on_when_its_reader_leaves(launcher: Launcher, sddc: SddcManagerSimulator) -> None:
    ended = launcher.run("retry", "--failed", "--yes", "--json", "-c", "32", code=0, leave="\n")
    assert ended.err == ""
    assert sddc.requests.count(method="PATCH", path="/v1/tasks/.*") == 60


def test_no_answer_and_ctrl_c_at_the_question_do_nothing(
    launcher: Launcher, sddc: SddcManagerSimulator
) -> None:
    failed = sddc.ids("Failed")[:1]
    assert "nothing was done" in launcher.on_terminal("retry", *failed, code=1, answers={"[y/N]": "\n"}).text
    launcher.on_terminal("retry", *failed, code=130, signals={"[y/N]": signal.SIGINT})
    # It dies of the signal, which a shell tells as 143 as well.
    launcher.on_terminal("retry", "--failed", code=-signal.SIGTERM, signals={"[y/N]": signal.SIGTERM})
    assert sddc.requests.count(method="PATCH", path="/v1/tasks/.*") == 0
