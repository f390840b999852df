"""Every Python block of the guides runs as it stands, in order, against a simulated SDDC Manager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, ROOT, blocks, passed_tests, run_blocks

from vcf_tasks_async import PasswordAuth, TaskSession
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
    "tuning.md": (r"Status\.", r"total_elements"),
}  # fmt: skip
# Pages that have a test of their own, mostly because they need another world.
ELSEWHERE = {
    "credentials.md", "dask.md", "fleets.md", "moving.md", "report.md", "test-your-code.md", "testing-kit.md",
}  # fmt: skip


@pytest.fixture
def sddc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SddcManagerSimulator]:
    simulator = SddcManagerSimulator(
        tasks=120, failed=0.3, running=0.3, not_retryable=0.2, retry_succeeds=0.5, speed=600,
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
