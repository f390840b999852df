"""What the client may cost, in counts: a clock would flake on a busy machine, these do not.

Each bound is the value of the day it was set, and some head-room for other releases of Python and of the
dependencies. When the code gets cheaper, the bound comes down with it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from counting import counted_calls, kept_by

from benchmarks.peers.ours import read
from benchmarks.server import Serving, serving
from benchmarks.workload import PAGE, Pages, page_body, task_id
from vcf_tasks_async import (
    Action,
    BulkRun,
    Outcome,
    PasswordAuth,
    Result,
    TaskFilter,
    TaskSession,
    turns,
)
from vcf_tasks_async.options import Options
from vcf_tasks_async.pages import decode_page
from vcf_tasks_async.stream import TaskStream

# A checkout, and so all that is installed in it, may be called as the package is.
HOUSE = f"{Path(turns.__file__).parent}{os.sep}"
# Per task of a page of real size, 17 objects each.
DECODED = {"call": 8, "c_call": 5}
READ = {"call": 90, "c_call": 10}
KEPT = {"containers": 3, "blocks": 12, "kb": 6.0}
# Per task of a listing whose pages are there and decoded.
STREAMED = {"call": 16, "c_call": 12}
# Per target of a bulk run whose sender is done at once.
SENT = {"call": 56, "c_call": 36}
# Per target of a bulk run over the wire, in our own code alone; a coroutine counts anew when it goes on.
RETRIED = {"call": 70, "c_call": 52}


@cache
def page() -> bytes:
    return page_body()


def within(found: dict[str, float], bounds: dict[str, float]) -> bool:
    return all(found[name] <= most for name, most in bounds.items())


def for_each(counts: dict[str, float], number: int) -> dict[str, float]:
    return {name: count / number for name, count in counts.items()}


def test_decoding_a_task_takes_no_more_calls_than_it_did():
    decode_page(page())
    with counted_calls() as counts:
        decoded = decode_page(page())
    assert len(decoded.elements) == PAGE
    found = for_each(counts, PAGE)
    assert within(found, DECODED), found


def test_decoding_and_reading_a_task_takes_no_more_calls_than_it_did():
    for task in decode_page(page()).elements:
        read(task)
    with counted_calls() as counts:
        for task in decode_page(page()).elements:
            read(task)
    found = for_each(counts, PAGE)
    assert within(found, READ), found


def test_a_kept_task_keeps_no_more_objects_than_it_did():
    decode_page(page())
    found = for_each(kept_by(lambda: decode_page(page())), PAGE)
    assert within(found, KEPT), found


async def test_handing_out_a_task_takes_no_more_calls_than_it_did():
    listing = Pages(10 * PAGE)
    pages = [decode_page(listing.page(number, PAGE)) for number in range(10)]

    async def fetch(request, arrived):
        arrived()
        return pages[request.number or 0]

    async def all_of() -> int:
        stream = TaskStream(
            fetch, asyncio.create_task, TaskFilter(), page_size=PAGE, prefetch=4, strict=False
        )
        return len([task async for task in stream])

    with counted_calls() as counts:
        assert await all_of() == 10 * PAGE
    found = for_each(counts, 10 * PAGE)
    assert within(found, STREAMED), found


async def test_a_bulk_run_takes_no_more_calls_a_target_than_it_did():
    class Sender:
        async def send(self, action, task_id, gate, *, since, before=None, after_lost=False):
            await asyncio.sleep(0)
            return Outcome(task_id, action, Result.ACCEPTED, None, None, 1)

    async def run() -> None:
        report = await BulkRun(
            Action.RETRY, map(str, range(500)), Sender(), asyncio.create_task, Options(), workers=16
        )
        assert report.counts == {Result.ACCEPTED: 500}

    await run()
    with counted_calls() as counts:
        await run()
    found = for_each(counts, 500)
    assert within(found, SENT), found


async def test_a_retry_takes_no_more_of_our_own_calls_than_it_did():
    ids = [task_id(number) for number in range(300)]
    with serving(Serving()) as site:
        async with TaskSession(site.url, PasswordAuth("user", "password"), concurrency=16) as session:
            await session.retry_many(ids)
            with counted_calls(HOUSE) as counts:
                report = await session.retry_many(ids)
    assert report.counts == {Result.ACCEPTED: 300}
    found = for_each(counts, 300)
    assert within(found, RETRIED), found


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import vcf_tasks_async", "aiohttp, anyio, attrs, cattrs, asyncio"),
        ("from vcf_tasks_async import Status, TaskFilter, UsageError", "aiohttp, cattrs"),
        ("import sys; sys.argv = ['vcf-tasks', '--help']; HELP", "aiohttp, cattrs, anyio, trustme, jwt"),
    ],
)
def test_an_import_leaves_alone_what_it_does_not_need(code, absent):
    program = f"""
import contextlib, sys
def run_help():
    from vcf_tasks_async.cli import main
    with contextlib.suppress(SystemExit):
        main()
{code.replace("HELP", "run_help()")}
print(", ".join({{*"{absent}".split(", ")}} & sys.modules.keys()) or "none of them")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "none of them"
