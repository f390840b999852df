"""Every Python block of the guides runs as it stands, in order, against a simulated SDDC Manager."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, ROOT, blocks, passed_tests, run_blocks

from vcf_tasks_async import PasswordAuth, TaskSession, Tls
from vcf_tasks_async.testing import SddcManagerSimulator

CA_FILE, FINGERPRINT = "/etc/ssl/rainpole-ca.pem", "B5:0C:1F:6A:…:9E"
HOSTS = ("sfo-vcf01.rainpole.io", "lax-vcf01.rainpole.io")
# What each guide shows at least; a guide that runs without having done anything is a broken one.
SAID = {
    "index.md": (r"^retry of \d+ tasks in .*: \d+ accepted",),
    "start.md": (r"\d+ accepted", r"-- stopped, and started again --"),
    "streaming.md": (r"the newest failure: ", r"^20 1 \d+$", r"\d+%", r"^Failed Failed Status.FAILED$"),
    "bulk.md": (
        r"^retry of \d+ tasks in .*: \d+ accepted", r"runs again", r"not sent: ", r"^went through$",
        r"^Counter\({<Status",
        r"TA_TASK_CAN_NOT_BE_RETRIED", r"would",
    ),
    "watching.md": (r"Status\.", r"\d+ of \d+: ", r"^\{\}$", r"ended"),
    "connecting.md": (r"<callable>", r"total_elements"),
    "upkeep.md": (r"retention_days=30", r"^\d+ deleted", r"^\[\] \[\]$"),
    "tuning.md": (r"Status\.", r"total_elements"),
}  # fmt: skip
# Pages that have a test of their own, mostly because they need another world.
ELSEWHERE = {
    "credentials.md", "dask.md", "fleets.md", "moving.md", "report.md", "test-your-code.md", "testing-kit.md",
}  # fmt: skip


@pytest.fixture
def sddc(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SddcManagerSimulator]:
    release = "9.1" if "upkeep.md" in request.node.name else "9.0"
    simulator = SddcManagerSimulator(
        tasks=120, release=release, failed=0.3, running=0.3, not_retryable=0.2, retry_succeeds=0.5, speed=600,
        access_token_ttl=1e9, tls=True,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with simulator.in_thread() as running:
        monkeypatch.setenv("VCF_PASSWORD", running.password)
        # What the system's authorities know is not the guides' affair.
        monkeypatch.setenv("SSL_CERT_FILE", running.ca_file)
        yield running


@pytest.mark.parametrize("name", SAID)
async def test_every_block_of_the_guide_runs(
    name: str, sddc: SddcManagerSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    host = sddc.url.removeprefix("https://")
    put = {**dict.fromkeys(HOSTS, host), CA_FILE: sddc.ca_file, FINGERPRINT: sddc.fingerprint}

    def something_happens() -> None:
        sddc.add_task(status="Failed")
        sddc.add_task(status="In Progress", subtasks=8)

    async with TaskSession(host, PasswordAuth(sddc.username, sddc.password)) as session:
        names: dict[str, Any] = {"session": session}
        await run_blocks(DOCS / name, names, put, before_each=something_happens)
    said = capsys.readouterr().out
    assert [words for words in SAID[name] if not re.search(words, said, re.MULTILINE)] == [], said


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_fingerprint_command_gives_what_tls_takes(sddc: SddcManagerSimulator) -> None:
    [command] = [
        block.text.strip()
        for block in blocks(DOCS / "connecting.md", "sh")
        if block.text.startswith("openssl")
    ]
    host = sddc.url.removeprefix("https://")
    said = subprocess.run(
        ["bash", "-c", command.replace(f"{HOSTS[0]}:443", host)],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    ).stdout
    printed = said.strip().partition("=")[2]
    assert printed.replace(":", "").lower() == sddc.fingerprint
    assert Tls(fingerprint=printed).fingerprint == sddc.fingerprint


def test_the_tests_that_pages_show_pass(tmp_path: Path) -> None:
    pages = [ROOT / "README.md", DOCS / "start.md", DOCS / "test-your-code.md"]
    shown = sum(block.text.count("def test_") for page in pages for block in blocks(page, "python"))
    assert passed_tests(pages, tmp_path) == shown > 3


async def test_the_guide_to_tests_runs_without_pytest_too(capsys: pytest.CaptureFixture[str]) -> None:
    *_, last = blocks(DOCS / "test-your-code.md", "python")
    from_before: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "from vcf_tasks_async import *\n"
        "def session_with(sddc): return TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password))",
        from_before,
    )
    await last.run(from_before)
    assert re.fullmatch(r"100 tasks in \d requests\n", capsys.readouterr().out)


def test_the_bot_of_the_guide_is_the_one_that_is_killed_again_and_again() -> None:
    # tests/watch/test_bot.py kills README's.
    shown = [
        [
            block.text.partition("\nasync def bot(")[2]
            for block in blocks(page, "python")
            if " bot(" in block.text
        ]
        for page in (DOCS / "watching.md", ROOT / "README.md")
    ]
    assert shown[0] == shown[1] != []


def test_no_page_with_code_is_left_out() -> None:
    # Under another name it would not be run.
    assert [block for page in DOCS.rglob("*.md") for block in blocks(page, "py")] == []
    with_code = {page.name for page in DOCS.glob("*.md") if blocks(page, "python")}
    assert with_code == SAID.keys() | (ELSEWHERE & with_code)


def names_of(page: Path, function: str, until: str) -> dict[str, Any]:
    """What the block of *page* that defines *function* defines up to *until*."""
    [text] = [block.text for block in blocks(page, "python") if f"def {function}(" in block.text]
    names: dict[str, Any] = {}
    exec(f"from vcf_tasks_async import *\n{text.partition(until)[0]}", names)
    return names


@pytest.mark.sddc_manager(tasks=0, speed=0, order="oldest")
async def test_the_bot_of_the_start_tells_what_came_and_failed_while_it_was_away_and_nothing_older(
    sddc_manager: SddcManagerSimulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = names_of(DOCS / "start.md", "bot", "\nasync def watch(")["bot"]
    place = tmp_path / "bot.json"
    sddc_manager.clock.advance(3600)
    sddc_manager.add_task(name="old", status="Failed")
    sddc_manager.tasks[sddc_manager.ids()[0]]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    async with TaskSession(
        sddc_manager.url, PasswordAuth(sddc_manager.username, sddc_manager.password)
    ) as session:
        sddc_manager.add_task(name="first", status="Failed")
        await bot(session, place, ends=1)
        sddc_manager.add_task(name="while away", status="Failed")
        await bot(session, place, ends=1)
    told = [line.split(" FAILED")[0] for line in capsys.readouterr().out.splitlines()]
    assert told == ["first", "while away"]


@pytest.mark.sddc_manager(tasks=1, failed=1.0)
async def test_the_bot_of_the_guide_stops_on_sigterm(
    sddc_manager: SddcManagerSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = DOCS / "watching.md"
    names = names_of(guide, "bot", "\0") | names_of(guide, "until_sigterm", "\0")
    names["until_sigterm"].__globals__["bot"] = names["bot"]
    db = sqlite3.connect(":memory:")
    async with TaskSession(
        sddc_manager.url, PasswordAuth(sddc_manager.username, sddc_manager.password)
    ) as session:
        running = asyncio.create_task(names["until_sigterm"](session, db))
        while not sddc_manager.requests.count(path="/v1/tasks", status=200):
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    db.close()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)
    assert capsys.readouterr().out == "stopped\n"
