"""What the tests of the command line share: one process that forks the commands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from launcher import Launcher, launching


@pytest.fixture(scope="session")
def _launcher() -> Iterator[Launcher]:
    with launching() as launcher:
        yield launcher


@pytest.fixture
def launcher(_launcher: Launcher) -> Launcher:
    """Starts commands; knows no SDDC Manager yet."""
    _launcher.environment = {}
    return _launcher
