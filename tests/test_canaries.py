"""The watch over the whole suite sees a planted secret wherever a test lets one show."""

from __future__ import annotations

from pathlib import Path

import pytest
from canaries import CANARY, JWT, SIMULATED_PASSWORD

from vcf_tasks_async.testing import SddcManagerSimulator

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
# A suite in which each test leaks in a way of its own, and passes all the same.
LEAKY = """
import asyncio, logging, subprocess, sys, warnings

import pytest

from vcf_tasks_async import NotSentError, PasswordAuth, TaskSession, UsageError
from vcf_tasks_async.secret import Secret

PLANTED = "@CANARY@-planted"


def test_leak_in_output():
    print(PLANTED)


def test_leak_in_stderr_that_was_read(capsys):
    print(PLANTED, file=sys.stderr)
    assert capsys.readouterr().err


def test_leak_in_a_log_of_another_library_at_debug():
    logging.getLogger("aiohttp.client").debug("sent %s", {"password": PLANTED})


def test_leak_in_a_logged_traceback():
    try:
        raise ValueError(PLANTED)
    except ValueError:
        logging.getLogger("asyncio").error("it broke", exc_info=True)


def test_leak_in_a_warning():
    with pytest.warns(UserWarning):
        warnings.warn(PLANTED)


def test_leak_in_a_child():
    subprocess.run([sys.executable, "-c", f"print({PLANTED!r})"], capture_output=True)


def test_leak_in_an_errors_text():
    UsageError(f"{PLANTED} is no password")


def test_leak_in_an_errors_attribute():
    with pytest.raises(NotSentError):
        raise NotSentError("no", path=f"/v1/tokens/{PLANTED}")


def test_leak_in_an_attribute_that_came_later():
    with pytest.raises(UsageError):
        error = UsageError("no")
        error.body = PLANTED
        raise error


def test_leak_in_a_chain():
    with pytest.raises(UsageError):
        try:
            raise KeyError(PLANTED)
        except KeyError as cause:
            raise UsageError("no") from cause


def test_leak_in_the_clients_locals(monkeypatch):
    monkeypatch.setattr(Secret, "__repr__", Secret.reveal)
    with pytest.raises(UsageError):
        TaskSession("", PasswordAuth("u", PLANTED))


def test_leak_of_what_was_wrapped():
    # No mark of ours: a refresh token's id, as the simulator makes them.
    print(Secret("0b2f6c1e-9d43-4a5e-8a57-6f0e3c1d2b4a").reveal())


def test_leak_of_a_jwt():
    print("@JWT@JIUzI1NiJ9.e30.x")


def test_leak_of_the_simulators_password():
    print("@SIMULATED@")


@pytest.fixture
def chatty():
    yield
    print(PLANTED)


def test_leak_in_a_teardown(chatty):
    pass


@pytest.mark.shows_secrets("to be seen")
def test_allowed():
    print(PLANTED)


def test_clean():
    with pytest.raises(UsageError):
        TaskSession("", PasswordAuth("u", PLANTED))
    print(PasswordAuth("u", PLANTED))
"""


@pytest.mark.shows_secrets("so that the watch of another run sees them")
def test_every_planted_leak_fails_its_test_and_names_the_place(pytester):
    # Its own, whatever lies above the directory for temporary files.
    pytester.makeini("[pytest]")
    for name in ("canaries.py", "conftest.py"):
        pytester.makepyfile(**{name.removesuffix(".py"): (HERE / name).read_text("utf-8")})
    leaky = LEAKY.replace("@CANARY@", CANARY).replace("@JWT@", JWT).replace("@SIMULATED@", SIMULATED_PASSWORD)
    pytester.makepyfile(test_leaky=leaky)
    run = pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:cacheprovider", "-rA", timeout=18)
    outcomes = dict(reversed(line.split()[:2]) for line in run.outlines if "test_leaky.py::" in line)
    wrong = {
        name
        for name, outcome in outcomes.items()
        if ("test_leak_" in name) != (outcome in ("FAILED", "ERROR"))
    }
    assert wrong == set()
    assert len(outcomes) == LEAKY.count("\ndef test_")
    # Where, and not what.
    said = run.outlines[run.outlines.index("A planted secret shows:") :]
    assert [line for line in said if "***" in line and CANARY in line] == []
    run.stdout.fnmatch_lines(["*NotSentError, attributes of NotSentError: *'path': '/v1/tokens/[*][*][*]"])


def test_the_marks_are_those_of_the_fixtures():
    assert SddcManagerSimulator(tasks=0).password == SIMULATED_PASSWORD
