"""README.md tells the truth: its code runs, and its commands work.

All Python runs as it stands, against a simulator that speaks TLS. Only two things are put in place of
README's own: the hosts' names and the CA file; and `session` is there for the pieces which
stand inside the first block's `async with`. What it shows of the demo is compared where the demo runs:
tests/cli/test_demo.py.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pages import ROOT, blocks

from vcf_tasks_async import PasswordAuth, TaskSession
from vcf_tasks_async.cli.app import vcf_tasks
from vcf_tasks_async.testing import SddcManagerSimulator

README = ROOT / "README.md"
HOST, CA_FILE = "sfo-vcf01.rainpole.io", "/etc/ssl/rainpole-ca.pem"


BLOCKS = blocks(README)
PYTHON = [block for block in BLOCKS if block.language == "python"]
SHELL = [block.text.strip() for block in BLOCKS if block.language == "sh"]
[SITES] = [block for block in BLOCKS if block.language == "toml"]


@pytest.fixture
def sddc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[SddcManagerSimulator]:
    # On a clock of its own, so that what is retried and waited for ends within seconds.
    simulator = SddcManagerSimulator(
        tasks=120,
        release="9.1",
        failed=0.3,
        running=0,
        zombies=0.05,
        retry_succeeds=1.0,
        speed=600,
        access_token_ttl=1e9,
        tls=True,
    )
    monkeypatch.chdir(tmp_path)
    with simulator.in_thread() as running:
        monkeypatch.setenv("VCF_PASSWORD", running.password)
        # What the system's authorities know is not README's affair.
        monkeypatch.setenv("SSL_CERT_FILE", running.ca_file)
        yield running


def test_every_python_block_runs(sddc: SddcManagerSimulator, capsys: pytest.CaptureFixture[str]) -> None:
    host = sddc.url.removeprefix("https://")
    replacements = {HOST: host, CA_FILE: sddc.ca_file}
    Path("sites.toml").write_text(SITES.text.replace(HOST, host).replace("lax-vcf01.rainpole.io", host))
    # Those which are tests run with the guides': tests/docs/test_guides.py.
    whole, *pieces = [block for block in PYTHON if not block.is_test]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(whole.compiled(replacements), names)
    said = capsys.readouterr().out
    assert said.count("\n") == 37, "36 failed tasks, and the counts"
    assert "Counter({<Result.ACCEPTED: 'accepted'>: " in said

    async def run_pieces() -> None:
        async with TaskSession(host, PasswordAuth(sddc.username, sddc.password)) as session:
            names["session"] = session
            for piece in pieces:
                # Something fails again and again, or the first piece would leave nothing to the others.
                sddc.add_task(status="Failed")
                await piece.run(names, replacements)

    asyncio.run(run_pieces())
    said = capsys.readouterr().out
    assert said.count("Result.ACCEPTED") == 1
    assert "TA_TASK_CAN_NOT_BE_RETRIED" in said


def test_every_command_is_one_that_is_checked() -> None:
    assert [shlex.split(command)[-1] for command in SHELL] == ["demo", "worksteal", "500", ".id"]
    # These two run word for word in continuous integration, which reads them here.
    demo, tests = SHELL[:2]
    assert demo.startswith("python3 -m venv .venv && ")
    assert demo.endswith(" && .venv/bin/vcf-tasks demo")
    assert tests.endswith(" && .venv/bin/python -m pytest -n 3 --dist worksteal")


def test_its_vcf_tasks_commands_are_understood() -> None:
    lines = [line for block in SHELL for line in block.splitlines() if line.startswith("vcf-tasks ")]
    commands = [shlex.split(line.partition(" | ")[0], comments=True)[1:] for line in lines]
    assert commands
    group = click.Context(vcf_tasks, info_name="vcf-tasks")
    for name, *arguments in commands:
        command = vcf_tasks.get_command(group, name)
        assert command is not None
        command.make_context(name, list(arguments), parent=group)
