"""Several simulated SDDC Managers on the test's own loop, and the sites that describe them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from vcf_tasks_async import PasswordAuth, Policy, Site
from vcf_tasks_async.testing import SddcManagerSimulator

QUICK = Policy(deadline=1.5, attempt_timeout=1.0, base=0.02, cap=0.2, grace=0.3, budget=5)

#: What every simulator of these tests is, unless the test says otherwise.
STILL = {"tasks": 30, "failed": 0.5, "running": 0, "not_retryable": 0, "credential_tasks": 0, "live": False}


def site_of(sddc: SddcManagerSimulator, **how: Any) -> Site:
    auth = how.pop("auth", None) or PasswordAuth(sddc.username, sddc.password)
    return Site(sddc.url, auth, policy=how.pop("policy", QUICK), **how)


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts a simulator; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> SddcManagerSimulator:
            return await stack.enter_async_context(SddcManagerSimulator(**{**STILL, **options}))

        yield begin
