"""A few thousand odd inputs each time the suite runs; a million by hand: ``python tests/fuzz``."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from campaign import TIME, bounded, failure, given, run, shares
from fuzz_targets import TARGETS, Target

from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.folding import decode_task

HERE = Path(__file__).parent
FEW = shares(3000, list(TARGETS))


@pytest.mark.shows_secrets(
    "the decoders' frames hold the document; the caller drops them, and this is no caller"
)
@pytest.mark.parametrize("name", TARGETS)
def test_no_odd_input_does_what_none_may_do(name):
    with bounded():
        assert [finding.as_test() for finding in run(name, 7, range(FEW[name]))] == []


def test_the_same_number_is_the_same_input_for_ever():
    for target in TARGETS.values():
        assert given(target, 7, 11) == given(target, 7, 11)
    assert given(TARGETS["status"], 7, 11) != given(TARGETS["status"], 8, 11)


def test_many_inputs_are_good_and_many_are_not():
    """Only what is almost right gets far in."""
    target = TARGETS["task"]
    good = sum(_is_task(given(target, 7, number)) for number in range(300))
    assert 60 < good < 240


def _is_task(body: bytes) -> bool:
    try:
        return decode_task(body) is not None
    except DecodeError:
        return False


# --- what would be found ------------------------------------------------------------------------------------


def _endless(_: object) -> None:
    while True:
        pass


def _greedy(_: object) -> None:
    bytearray(1 << 40)


def _foreign(_: object) -> None:
    raise KeyError("foreign")


@pytest.mark.parametrize(
    ("check", "words"),
    [(_endless, "TooLongError"), (_greedy, "MemoryError"), (_foreign, "KeyError: 'foreign'")],
    ids=["endless", "greedy", "foreign"],
)
def test_what_hangs_takes_all_memory_or_raises_a_foreign_error_is_found(monkeypatch, check, words):
    monkeypatch.setattr("campaign.TIME", 0.05)
    began = time.process_time()
    with bounded():
        assert words in (failure(check, b"") or "")
    assert time.process_time() - began < TIME


def test_a_finding_becomes_a_test_that_fails(monkeypatch):
    broken = Target("status", 1, lambda rng: "\ud800 it's", _foreign)
    monkeypatch.setitem(TARGETS, "status", broken)
    (finding,) = run("status", 7, range(1))
    module: dict[str, Any] = {}
    exec(finding.as_test(), module)
    assert module["GIVEN"] == "\ud800 it's"
    with pytest.raises(KeyError, match="foreign"):
        module["test_status_7_0"]()


def test_the_command_says_how_many_of_each_and_fails_for_none(tmp_path):
    done = subprocess.run(
        [sys.executable, str(HERE), "--inputs", "100", "--jobs", "1", "--into", str(tmp_path / "found")],
        check=False,
        capture_output=True,
        text=True,
        timeout=18,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == [*TARGETS, "all"]
    assert not (tmp_path / "found").exists()
