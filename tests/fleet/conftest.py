"""Several simulated SDDC Managers on the test's own loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from fleet_site import simulator

from vcf_tasks_async.testing import SddcManagerSimulator


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[SddcManagerSimulator]]]:
    """Starts a simulator; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> SddcManagerSimulator:
            return await stack.enter_async_context(simulator(**options))

        yield begin
