"""`vcf-tasks demo` as a person and as a script see it."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from pages import ROOT, blocks
from rich.cells import cell_len
from terminal import VCF_TASKS, OnTerminal, environment, in_pipe, script

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
# Tasks as an enemy would name them: a window title, a line that erases itself, markup, text turned round.
_HOSTILE = """
import asyncio, sys
from vcf_tasks_async.cli.demo import tour
from vcf_tasks_async.cli.show import Screen
from vcf_tasks_async.testing import SddcManagerSimulator

EVIL = "\\x1b[31m\\x1b]0;own\\x07\\x1b[2K\\r[red]x[/red] [link=http://e]:skull: \\u202eback\\nline"
TASKS = [
    {
        "id": "3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1", "name": EVIL, "type": EVIL, "status": "Failed",
        "creationTimestamp": "2025-06-20T12:03:18.890Z", "isRetryable": True, "errors": [],
        "subTasks": [{"name": EVIL, "status": "FAILED", "errors": [{"errorCode": "E", "message": EVIL}]}],
    },
    {"id": "evil\\x1b[31m[red]", "name": EVIL, "status": "Failed", "isRetryable": True},
    {"id": "no-name", "status": "Failed", "isRetryable": False},
]

async def main():
    async with SddcManagerSimulator(TASKS, speed=2000) as sddc:
        # What it refuses, it refuses in the enemy's words.
        sddc.faults.add(method="PATCH", path="/v1/tasks/[^/]+", status=409,
                        body='{"errorCode": "E", "message": "no \\\\u001b[31m[red]way"}')
        return await tour(Screen(), sddc)

sys.exit(bool(asyncio.run(main())))
"""


class Runs(NamedTuple):
    """Runs of the demo, which mostly waits: side by side they take as long as one."""

    whole: subprocess.CompletedProcess[str]
    first: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]
    ascii: subprocess.CompletedProcess[str]
    narrow: OnTerminal
    wide: OnTerminal


@pytest.fixture(scope="module")
def runs() -> Runs:
    demo, few = [*VCF_TASKS, "demo"], [*VCF_TASKS, "demo", "--tasks", "60"]
    with ThreadPoolExecutor(6) as pool:
        begun = (
            pool.submit(in_pipe, *demo),
            pool.submit(in_pipe, *few, "--seed", "3"),
            pool.submit(in_pipe, *few, "--seed", "3"),
            pool.submit(in_pipe, *few, PYTHONUTF8="0", PYTHONIOENCODING="ascii"),
            pool.submit(OnTerminal, *few, columns=80),
            pool.submit(OnTerminal, *few, columns=200),
        )
        return Runs(*(each.result() for each in begun))


def test_in_a_pipe_it_is_plain_text_that_accounts_for_everything(runs: Runs) -> None:
    ended = runs.whole
    assert ended.stderr == ""
    assert ended.returncode == 0
    assert not _CONTROL.search(ended.stdout)
    lines = ended.stdout.splitlines()
    assert all(line == line.rstrip() and cell_len(line) <= 80 for line in lines)
    assert "   each once, in 7 requests" in lines
    assert any(line.startswith("   500 of 500") for line in lines)
    rows = {words[0]: words[1:] for line in lines[lines.index("5  Report") :] if (words := line.split())}
    failed, accepted, skipped = (int(rows[name][0]) for name in ("failed", "accepted", "skipped"))
    assert failed == accepted + skipped
    assert f"for {accepted} tasks, none asked for twice" in ended.stdout
    assert rows["lost"][:2] == ["answers", "2"]
    assert float(rows["seconds"][0]) < 10
    assert "running" not in ended.stdout


def test_readme_shows_what_it_says(runs: Runs) -> None:
    [shown] = blocks(ROOT / "README.md", "text")
    assert shown.line <= 35
    # Times, and how many ran, were pending or failed again by then, differ from run to run.
    real = {_without_numbers(line) for line in runs.whole.stdout.splitlines()}
    lines = [line for line in shown.text.splitlines() if line.strip() not in ("", "…")]
    assert lines
    assert [line for line in lines if _without_numbers(line) not in real] == []


def _without_numbers(line: str) -> str:
    return re.sub(r"[\d.]+", "#", re.sub(r" +", " ", line)).removesuffix(" · # Pending")


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_it_has_colours_and_bars_and_stays_within_the_screen(runs: Runs, columns: int) -> None:
    shown = {80: runs.narrow, 200: runs.wide}[columns]
    assert shown.code == 0
    assert "Traceback" not in shown.text
    assert b"\x1b[32m" in shown.raw
    assert "━" in shown.text
    assert " running" in shown.text
    assert max(cell_len(line) for line in shown.lines) <= columns
    assert shown.raw.rindex(b"\x1b[?25h") > shown.raw.rindex(b"\x1b[?25l"), "the cursor is back"


def test_the_same_seed_tells_the_same_story(runs: Runs) -> None:
    told = [runs.first.stdout, runs.again.stdout]
    causes = [text[text.index("2  The") : text.index("3  Retry")] for text in told]
    assert causes[0] == causes[1]


def test_nothing_failed_is_told_as_such() -> None:
    ended = in_pipe(*VCF_TASKS, "demo", "--tasks", "1")
    assert ended.returncode == 0
    assert "nothing has failed, so there is nothing to retry" in ended.stdout
    assert "each once, in 1 request\n" in ended.stdout


def test_text_of_an_enemy_stays_text_in_a_pipe() -> None:
    ended = in_pipe(*script(_HOSTILE))
    assert "Traceback" not in ended.stderr
    assert not _CONTROL.search(ended.stdout)
    assert "\u202e" not in ended.stdout
    assert "\\x1b[31m\\x1b]0;own\\x07" in ended.stdout
    assert "[red]x[/red] [link=http://e]:skull:" in ended.stdout
    assert "evil\\x1" in ended.stdout
    assert "no \\x1b[31m[red]way" in ended.stdout
    assert ended.returncode == 0


def test_text_of_an_enemy_stays_text_on_a_terminal() -> None:
    shown = OnTerminal(*script(_HOSTILE), columns=200)
    assert b"\x1b]" not in shown.raw
    assert b"\x07" not in shown.raw
    assert "\u202e" not in shown.text
    assert "[red]x[/red]" in shown.text
    assert "[31m[red]way" in shown.text
    assert shown.code == 0


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        [*VCF_TASKS, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("3  Retry"):
                break
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=10)
    assert (process.returncode, complaint) == (130, "")


def test_a_reader_that_leaves_early_costs_no_traceback() -> None:
    with subprocess.Popen(
        [*VCF_TASKS, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        process.wait(timeout=10)
    assert b"Traceback" not in complaint
    assert b"Exception" not in complaint


def test_a_terminal_without_unicode_gets_question_marks_and_no_traceback(runs: Runs) -> None:
    ended = runs.ascii
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.isascii()


def test_wrong_usage_is_told_with_exit_code_2() -> None:
    started = time.monotonic()
    ended = in_pipe(*VCF_TASKS, "demo", "--tasks", "none")
    assert ended.returncode == 2
    assert "--tasks" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert time.monotonic() - started < 5
