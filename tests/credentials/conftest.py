"""A simulated SDDC Manager with failed credential tasks, and a session with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from vcf_tasks_async import PasswordAuth, Policy, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

QUICK = Policy(base=0.01, cap=0.02, deadline=6, attempt_timeout=3, grace=0.2)


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look at a task comes after half a second: too long for a table."""
    monkeypatch.setattr("vcf_tasks_async.writes._FIRST_LOOK", 0.02)


@pytest.fixture(params=["9.0", "9.1"])
async def sddc(request: pytest.FixtureRequest) -> AsyncIterator[SddcManagerSimulator]:
    # Time stands still unless a test moves it.
    async with SddcManagerSimulator(tasks=0, release=request.param, speed=0) as sddc:
        yield sddc


@pytest.fixture
async def session(sddc: SddcManagerSimulator) -> AsyncIterator[TaskSession]:
    async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), policy=QUICK) as session:
        yield session
