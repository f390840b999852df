"""A fault server for each test, sessions with it, and a watch over what a test leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fault_server import PASSWORD, FaultServer, is_servers

from vcf_tasks_async import PasswordAuth, Policy, TaskSession

QUICK = Policy(base=0.01, cap=0.05, deadline=2, attempt_timeout=0.3, grace=1)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look at a task comes after half a second: too long for a table."""
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.005)


@pytest.fixture
async def server() -> AsyncIterator[FaultServer]:
    async with FaultServer() as server:
        yield server


@pytest.fixture
def session_with(server: FaultServer) -> Callable[..., TaskSession]:
    """Makes sessions (not opened yet) with the server; keywords are TaskSession's."""

    def make(auth: Any = None, **options: Any) -> TaskSession:
        return TaskSession(
            options.pop("url", server.url),
            auth or PasswordAuth("admin@local", PASSWORD),
            **{"policy": QUICK, **options},
        )

    return make


@pytest.fixture
async def leaves_nothing() -> AsyncIterator[None]:
    """After the test, no asyncio task is there that was not there before it (but the server's own)."""
    before = asyncio.all_tasks()
    yield
    finalizer = asyncio.current_task()
    left = {t for t in asyncio.all_tasks() - before - {finalizer} if not is_servers(t)}
    assert left == set()
