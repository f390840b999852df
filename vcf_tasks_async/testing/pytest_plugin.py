"""The pytest fixture `sddc_manager`: a simulated SDDC Manager for each test that asks for it.

It serves from a thread of its own, so plain, pytest-asyncio and anyio tests use the same fixture. The
marker `sddc_manager` passes options to the simulator. Nothing heavy is imported until it is used.

Example::

    @pytest.mark.sddc_manager(tasks=50, release="9.1")
    async def test_listing(sddc_manager):
        auth = PasswordAuth(sddc_manager.username, sddc_manager.password)
        async with TaskSession(sddc_manager.url, auth) as session:
            assert len([task async for task in session.stream()]) == 50
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator

__all__ = ["pytest_configure", "sddc_manager"]


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "sddc_manager(tasks=500, **options): options of the simulator behind the fixture sddc_manager",
    )


@pytest.fixture
def sddc_manager(request: pytest.FixtureRequest) -> Iterator["SddcManagerSimulator"]:
    """A running `SddcManagerSimulator`, new for each test; options come from the marker of that name."""
    # Every pytest run loads this plugin: aiohttp is for those that use it.
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator  # noqa: PLC0415

    marker = request.node.get_closest_marker("sddc_manager")
    simulator = SddcManagerSimulator(*marker.args, **marker.kwargs) if marker else SddcManagerSimulator()
    with simulator.in_thread() as running:
        yield running
