"""Many sites in one process: memory does not grow with what is read, and the loop breathes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from fleet_site import site_of

from vcf_tasks_async import Fleet, caller

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fleet.py"


def test_memory_is_flat_over_a_fleet():
    ended = subprocess.run(
        [sys.executable, BENCHMARK, "--quick", "--json"],
        capture_output=True,
        text=True,
        timeout=18,
        check=True,
    )
    found = json.loads(ended.stdout)
    assert found["retried"] > 100
    for what in ("list", "retry"):
        assert found[f"{what}_highest_mb"] < 1.2 * found[f"{what}_early_mb"]


async def test_large_answers_of_sites_are_decoded_one_after_the_other(start, monkeypatch):
    whole, decoding, most = caller._result, 0, 0

    async def counted(call, answer, token):
        nonlocal decoding, most
        if len(answer.body) < 16_384:
            return await whole(call, answer, token)
        decoding += 1
        most = max(most, decoding)
        await asyncio.sleep(0.001)
        try:
            return await whole(call, answer, token)
        finally:
            decoding -= 1

    monkeypatch.setattr(caller, "_result", counted)
    sites = {f"s{n}": site_of(await start(seed=n, tasks=100)) for n in range(4)}
    async with Fleet(sites) as fleet:
        assert len([item async for item in fleet.stream(page_size=20)]) == 400
    assert most == 1
