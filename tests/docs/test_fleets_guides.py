"""docs/fleets.md and docs/dask.md tell the truth: their code runs, on simulators that speak TLS."""

from __future__ import annotations

import asyncio
import inspect
import shlex
from pathlib import Path
from typing import Any

import pytest
from pages import DOCS, blocks, run_blocks

from vcf_tasks_async.testing import SddcManagerSimulator


def test_the_code_of_fleets_md_runs(tmp_path, monkeypatch, capsys):
    options: dict[str, Any] = {
        "tasks": 30, "failed": 0.4, "running": 0.1, "not_retryable": 0, "credential_tasks": 0, "zombies": 0,
        "retry_succeeds": 0.5, "speed": 600, "tls": True, "access_token_ttl": 1e9,
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with SddcManagerSimulator(username="svc-tasks@vsphere.local", **options).in_thread() as sddc:
        monkeypatch.setenv("VCF_PASSWORD", sddc.password)
        host = sddc.url.removeprefix("https://")

        put = {"sfo-vcf01.rainpole.io": host, "lax-vcf01.rainpole.io": host, "rainpole-ca.pem": sddc.ca_file}
        [toml] = blocks(DOCS / "fleets.md", "toml")
        Path("sites.toml").write_text(toml.with_put(put))
        names: dict[str, Any] = {}

        def something_fails() -> None:
            # It is there to be listed, retried and watched, whatever the blocks before have done.
            for _ in range(4):
                sddc.add_task(status="Failed")

        asyncio.run(run_blocks(DOCS / "fleets.md", names, put, before_each=something_fails))
    said = capsys.readouterr().out
    assert "retry of " in said
    assert "at 2 sites" in said
    assert names["report"].troubles == {}
    assert len(list(Path("tonight").glob("*.jsonl"))) == 2
    assert names["kept"].startswith('{"version": 1, "sites": {')


def test_the_commands_and_the_code_of_dask_md_are_what_the_tools_take():
    cli = pytest.importorskip("distributed.cli.dask_worker").main
    known = {option for parameter in cli.params for option in parameter.opts}
    [worker] = [
        line
        for block in blocks(DOCS / "dask.md", "sh")
        for line in block.text.splitlines()
        if "dask worker" in line
    ]
    words = shlex.split(worker)
    assert {word for word in words if word.startswith("--")} <= known
    assert words[words.index("--resources") + 1] == "zone-sfo=1"
    [block] = blocks(DOCS / "dask.md", "python")
    block.compiled({})
    # All but the last line, which would need the cluster.
    names: dict[str, Any] = {"__name__": "dask_md"}
    exec(block.text.rpartition("asyncio.run")[0], names)
    assert inspect.iscoroutinefunction(names["main"])
