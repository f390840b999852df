"""docs/credentials.md tells the truth: its code runs as it stands, piece after piece."""

from __future__ import annotations

import re

import pytest
from pages import DOCS, run_blocks

from vcf_tasks_async import PasswordAuth, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator


@pytest.mark.parametrize("release", ["9.0", "9.1"])
async def test_every_piece_of_the_guide_runs(release, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEW_PASSWORD", "cAnArY")
    async with SddcManagerSimulator(tasks=0, release=release, speed=0) as sddc:
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:

            def something_has_failed() -> None:
                sddc.clock.advance(300)
                for _ in range(2):
                    sddc.add_task(status="FAILED", credential=True, subtasks=2)

            await run_blocks(DOCS / "credentials.md", {"session": session}, before_each=something_has_failed)
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
