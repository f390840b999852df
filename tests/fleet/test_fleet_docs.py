"""docs/fleets.md and docs/dask.md tell the truth: their code runs, on simulators that speak TLS."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from vcf_tasks_async.testing import SddcManagerSimulator

DOCS = Path(__file__).parents[2] / "docs"


def blocks(name: str, language: str) -> list[str]:
    text = (DOCS / name).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_code_of_fleets_md_runs(tmp_path, monkeypatch, capsys):
    options: dict[str, Any] = {
        "tasks": 30, "failed": 0.4, "running": 0.1, "not_retryable": 0, "credential_tasks": 0, "zombies": 0,
        "retry_succeeds": 0.5, "speed": 600, "tls": True, "access_token_ttl": 1e9,
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with SddcManagerSimulator(username="svc-tasks@vsphere.local", **options).in_thread() as sddc:
        monkeypatch.setenv("VCF_PASSWORD", sddc.password)
        host = sddc.url.removeprefix("https://")

        def real(text: str) -> str:
            for name, place in {
                "sfo-vcf01.rainpole.io": host,
                "lax-vcf01.rainpole.io": host,
                "rainpole-ca.pem": sddc.ca_file,
            }.items():
                text = text.replace(name, place)
            return text

        [toml] = blocks("fleets.md", "toml")
        Path("sites.toml").write_text(real(toml))
        names: dict[str, Any] = {}

        async def run() -> None:
            for block in blocks("fleets.md", "python"):
                # Something is there to be listed, retried and watched, whatever the blocks before have done.
                for _ in range(4):
                    sddc.add_task(status="Failed")
                code = compile(real(block), "fleets.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                running = eval(code, names)
                if inspect.iscoroutine(running):
                    await running

        asyncio.run(run())
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
        line for block in blocks("dask.md", "sh") for line in block.splitlines() if "dask worker" in line
    ]
    words = shlex.split(worker)
    assert {word for word in words if word.startswith("--")} <= known
    assert words[words.index("--resources") + 1] == "zone-sfo=1"
    [code] = blocks("dask.md", "python")
    compile(code, "dask.md", "exec")
    # All but the last line, which would need the cluster.
    names: dict[str, Any] = {"__name__": "dask_md"}
    exec(code.rpartition("asyncio.run")[0], names)
    assert inspect.iscoroutinefunction(names["main"])


@pytest.mark.parametrize("name", ["fleets.md", "dask.md"])
def test_the_links_of_the_guides_lead_somewhere(name):
    targets = re.findall(r"\]\((?!http)([^)]+)\)", (DOCS / name).read_text("utf-8"))
    assert targets
    assert [target for target in targets if not (DOCS / target).is_file()] == []
