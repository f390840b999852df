"""docs/credentials.md tells the truth: its code runs as it stands, piece after piece."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from vcf_tasks_async import PasswordAuth, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

PAGE = Path(__file__).parents[1] / "docs" / "credentials.md"


@pytest.mark.parametrize("release", ["9.0", "9.1"])
async def test_every_piece_of_the_guide_runs(release, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEW_PASSWORD", "cAnArY")
    text = PAGE.read_text("utf-8")
    pieces = re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    async with SddcManagerSimulator(tasks=0, release=release, speed=0) as sddc:
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
            names: dict[str, Any] = {"session": session}
            for piece in pieces:
                for _ in range(2):
                    sddc.add_task(status="FAILED", credential=True, subtasks=2)
                # Blank lines in front, so that a traceback names the page's own line.
                source = "\n" * text.count("\n", 0, piece.start(1)) + piece[1]
                running = eval(compile(source, PAGE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
                if inspect.iscoroutine(running):
                    await running
                sddc.clock.advance(300)
        retries = sddc.requests.select(method="PATCH", path="/v1/credentials/tasks/.*")
        assert {retry.status for retry in retries} == {202}
        assert len(retries) > 4
        cancels = sddc.requests.select(method="DELETE", path="/v1/credentials/tasks/.*")
        assert {cancel.status for cancel in cancels} == {202}
    said = capsys.readouterr().out
    assert "Secret('***')" in said
    assert "cAnArY" not in said + (tmp_path / "credentials.jsonl").read_text()
    assert re.search(r"^credentials retry of \d+ tasks in .*: \d+ accepted", said, re.MULTILINE)
    assert re.search(r"^credentials cancel of \d+ tasks in .*: \d+ accepted", said, re.MULTILINE)
