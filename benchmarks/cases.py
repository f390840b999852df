"""What is measured: cases, each with trials that take turns."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.decoding import DECODERS
from benchmarks.peers import LISTING, OURS, RETRIES
from benchmarks.server import Serving, Site

ROOT = Path(__file__).parent.parent
WINDOW = 16
# Bytes a second: 100 Mbit/s.
SLOW_LINK = 12_500_000


class Trial(NamedTuple):
    """One thing that is run again and again.

    Attributes:
        title: how tables call it.
        work: for the worker (see `worker`), or none for a command of its own.
        how: the server beside it; None where there is none.
        command: arguments for Python. Its own time is measured, or, with *tells*, the JSON it prints is.
        needs: packages without which it is left out.
    """

    title: str
    work: dict[str, Any] | None = None
    how: Serving | None = None
    command: tuple[str, ...] = ()
    tells: bool = False
    needs: tuple[str, ...] = ()

    def arguments(self, site: Site | None) -> list[str]:
        """The command line that runs it once."""
        if self.command:
            return [sys.executable, *self.command]
        work = dict(self.work or {})
        if site is not None:
            work["job"] = {**work["job"], "url": site.url, "ca_file": site.ca_file}
        return [sys.executable, "-m", "benchmarks.worker", json.dumps(work)]


class Case(NamedTuple):
    """Trials that are compared with each other.

    Attributes:
        title: what it is about.
        trials: by label.
        reference: the label that others are measured against when two files of results are compared.
        runs: so many for each that is asked for; 0 for a single one, whatever is asked for.
    """

    title: str
    trials: dict[str, Trial]
    reference: str
    runs: int = 1

    def only(self, clients: Collection[str]) -> Case:
        """The same with these clients alone (all their variants), and the reference."""
        trials = {
            label: trial
            for label, trial in self.trials.items()
            if label == self.reference or label.partition(" ")[0] in clients
        }
        return self._replace(trials=trials)


def listing(
    label: str, how: Serving, *, window: int = WINDOW, title: str = "", **switches: bool
) -> dict[str, Trial]:
    """A trial of a listing: label and trial."""
    peer = LISTING[label.partition(" ")[0]]
    work = {"kind": "listing", "peer": label.partition(" ")[0], "job": _job(how.tasks, window), **switches}
    return {label: Trial(title or peer.title, work, how, needs=peer.needs)}


def _job(tasks: int, window: int) -> dict[str, int]:
    return {"tasks": tasks, "window": window}


def _listings(labels: str, how: Serving, **switches: bool) -> dict[str, Trial]:
    return {
        name: trial for label in labels.split() for name, trial in listing(label, how, **switches).items()
    }


def _retries(count: int, concurrency: int, how: Serving) -> dict[str, Trial]:
    return {
        label: Trial(peer.title, {"kind": "retries", "peer": label, "job": _job(count, concurrency)}, how)
        for label, peer in RETRIES.items()
    }


def _python(title: str, code: str, *arguments: str, needs: tuple[str, ...] = ()) -> Trial:
    return Trial(title, command=("-W", "ignore", "-c", code, *arguments), needs=needs)


ALL_CLIENTS = "ours ours-read vcf-sdk openapi httpx sequential gather msgspec orjson bytes"


def cases(*, quick: bool = False) -> dict[str, Case]:
    """All cases; with *quick* the few that matter most, and small."""
    if quick:
        return {
            "quick-listing": _listing_case(1_000, 50),
            "quick-bulk": _bulk_case(640, 64),
            "decoding": _decoding(30),
            "startup": _startup(1),
        }
    return {
        **{f"listing-{ms}": _listing_case(10_000, ms) for ms in (0, 5, 50, 200)},
        **_shapes(10_000),
        # One at a time, 2,000 would take 100 s and tell no more.
        "bulk-1": _bulk_case(200, 1),
        **{f"bulk-{concurrency}": _bulk_case(2_000, concurrency) for concurrency in (16, 64, 256)},
        "bulk-64-tls": Case(
            "2,000 retries at 50 ms, 64 at once, over TLS",
            _retries(2_000, 64, Serving(latency=0.05, tls=True)),
            "aiohttp",
        ),
        "decoding": _decoding(200),
        "startup": _startup(3),
        **_scripts(),
    }


def _listing_case(tasks: int, ms: int) -> Case:
    return Case(
        f"listing {tasks:,} tasks at {ms} ms", _listings(ALL_CLIENTS, Serving(tasks, ms / 1000)), "orjson"
    )


def _shapes(tasks: int) -> dict[str, Case]:
    """What else there is to say of a listing."""
    far, near = Serving(tasks, 0.05), Serving(tasks)
    slow = far._replace(slow_pages=True)
    link = Serving(tasks, 0.005, rate=SLOW_LINK)
    packed = link._replace(gzip=True)
    sizes = {"1,000": 1_000, "10,000": 10_000, "100,000": 100_000}
    return {
        "windows": Case(
            f"listing {tasks:,} tasks at 50 ms, so many requests in flight",
            {
                name: trial
                for window in (8, 16, 32)
                for name, trial in listing(
                    f"{OURS} {window}", far, window=window, title=f"vcf_tasks_async, {window} in flight"
                ).items()
            },
            f"{OURS} 16",
        ),
        "slow-pages": Case(
            f"listing {tasks:,} tasks at 50 ms, one page in 20 ten times slower",
            {
                **listing(OURS, far, title="vcf_tasks_async, no slow page"),
                **listing(f"{OURS} slow", slow),
                **listing("gather slow", slow),
                **listing("orjson slow", slow),
            },
            OURS,
        ),
        "growth": Case(
            "how the cost of a listing grows, at 0 ms",
            {
                name: trial
                for label in (OURS, "orjson")
                for size, count in sizes.items()
                for name, trial in listing(
                    f"{label} {size}", Serving(count), title=f"{LISTING[label].title}, {size}"
                ).items()
            },
            "orjson 10,000",
        ),
        "lag": Case(
            f"how long the event loop is held, listing {tasks:,} tasks at 50 ms",
            {
                **_listings("ours ours-read openapi httpx gather msgspec", far, ticker=True),
                **listing(f"{OURS} near", near, title="vcf_tasks_async, at 0 ms", ticker=True),
            },
            "msgspec",
        ),
        "lag-kept": Case(
            f"the same while all {tasks:,} are kept",
            _listings("ours gather msgspec", far, ticker=True, keep=True),
            "gather",
        ),
        "memory": Case(
            f"memory of each task kept, of {tasks:,}",
            _listings("ours ours-read ours-collect openapi gather msgspec", near, trace=True),
            "gather",
            runs=0,
        ),
        "https": Case(
            f"listing {tasks:,} tasks over HTTPS at 0 ms",
            _listings("ours vcf-sdk httpx gather msgspec orjson", near._replace(tls=True)),
            "orjson",
        ),
        "slow-link": Case(
            f"listing {tasks:,} tasks over 100 Mbit/s at 5 ms",
            {
                **listing(OURS, packed, title="vcf_tasks_async, gzip"),
                **listing(f"{OURS} plain", link, title="vcf_tasks_async, a server without gzip"),
                **listing("httpx", packed, title="httpx, gzip"),
                **listing("gather", packed, title="aiohttp, gather, gzip"),
                **listing("orjson", link, title="floor: sockets and orjson, without gzip"),
            },
            "orjson",
        ),
    }


def _bulk_case(count: int, concurrency: int) -> Case:
    trials = _retries(count, concurrency, Serving(latency=0.05))
    return Case(f"{count:,} retries at 50 ms, {concurrency} at once", trials, "aiohttp")


def _decoding(pages: int) -> Case:
    trials = {
        label: Trial(title, {"kind": "decoding", "peer": label, "pages": pages}, needs=needs)
        for label, (title, _, needs) in DECODERS.items()
    }
    return Case("decoding alone, CPU for each task", trials, "orjson")


def _startup(runs: int) -> Case:
    # All that peers/official.py needs for a login and a listing.
    sdk = (
        "import requests, vmware.sddc_manager.model_client, vmware.sddc_manager.v1_client,"
        " vmware.vapi.lib.connect, vmware.vapi.stdlib.client.factories"
    )
    return Case(
        "starting: a process that imports this and ends",
        {
            "python": _python("python -c pass", "pass"),
            "dependencies": _python(
                "import aiohttp, anyio, attrs, cattrs", "import aiohttp, anyio, attrs, cattrs"
            ),
            OURS: _python("import vcf_tasks_async", "import vcf_tasks_async"),
            "session": _python("from … import TaskSession", "from vcf_tasks_async import TaskSession"),
            "help": _python("vcf-tasks --help", "from vcf_tasks_async.cli import main; main()", "--help"),
            "vcf-sdk": _python("import vcf-sdk", sdk, needs=("vmware.sddc_manager",)),
        },
        "python",
        runs=runs,
    )


def _scripts() -> dict[str, Case]:
    watching = ("-m", "benchmarks.watching", "--seconds", "60", "--json")
    child = str(ROOT / "tests" / "bulk" / "memory_child.py")
    return {
        "watching": Case(
            "following 1,000 running tasks for a minute",
            {"watching": Trial("one poller, and one for each", command=watching, tells=True)},
            "watching",
            runs=0,
        ),
        "bulk-memory": Case(
            "memory of a bulk run over a million targets, answers at once",
            {OURS: Trial("vcf_tasks_async", command=(child, "1000000"), tells=True)},
            OURS,
            runs=0,
        ),
    }
