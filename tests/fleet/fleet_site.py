"""What the tests of a fleet share: sites for simulators, and addresses where nobody is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vcf_tasks_async import PasswordAuth, Policy, Site, Status, TaskFilter
from vcf_tasks_async.testing import SddcManagerSimulator

QUICK = Policy(deadline=1.5, attempt_timeout=1.0, base=0.02, cap=0.2, grace=0.3, budget=5)
FAILED = TaskFilter(status=Status.FAILED)

#: What every simulator of these tests is, unless the test says otherwise.
STILL = {"tasks": 30, "failed": 0.5, "running": 0, "not_retryable": 0, "credential_tasks": 0, "live": False}


def simulator(**options: Any) -> SddcManagerSimulator:
    return SddcManagerSimulator(**{**STILL, **options})


def site_of(sddc: SddcManagerSimulator, **how: Any) -> Site:
    auth = how.pop("auth", None) or PasswordAuth(sddc.username, sddc.password)
    return Site(sddc.url, auth, policy=how.pop("policy", QUICK), **how)


@contextmanager
def nobody() -> Iterator[Site]:
    """A site that refuses connections: its port is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Site(f"http://127.0.0.1:{taken.getsockname()[1]}", PasswordAuth("a", "b"), policy=QUICK)


@contextmanager
def black_hole() -> Iterator[Site]:
    """A site that takes connections and never says a word."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        yield Site(f"http://127.0.0.1:{silent.getsockname()[1]}", PasswordAuth("a", "b"), policy=QUICK)


def others() -> set[asyncio.Task[Any]]:
    """The asyncio tasks of the library that run besides the test's own."""
    return {
        task
        for task in asyncio.all_tasks() - {asyncio.current_task()}
        if "vcf_tasks_async/testing" not in (task.get_coro().cr_code.co_filename if task.get_coro() else "")
        and "aiohttp" not in (task.get_coro().cr_code.co_filename if task.get_coro() else "")
    }


def patched(sddc: SddcManagerSimulator) -> list[str]:
    """The tasks that were asked to be retried, once for each request."""
    return [r.path.rpartition("/")[2] for r in sddc.requests.select(method="PATCH", path="/v1/tasks/[^/]+")]
