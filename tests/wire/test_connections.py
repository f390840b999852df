"""The connections of a session of our own: how they read."""

from __future__ import annotations

import pytest

from vcf_tasks_async import PasswordAuth, TaskSession, Tls
from vcf_tasks_async.testing import SddcManagerSimulator

# From here on malloc gets memory from the system for each read, and gives it back.
MMAP_THRESHOLD = 128 * 1024


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_a_read_takes_no_memory_from_the_system(tls: bool) -> None:
    async with SddcManagerSimulator(tasks=1, tls=tls) as sddc:
        trust = Tls(ca_file=sddc.ca_file) if tls else None
        async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password), tls=trust) as session:
            assert len([task async for task in session.stream()]) == 1
            assert session._wiring is not None
            kept = session._wiring._http.connector._conns
            readers = [protocol.transport for idle in kept.values() for protocol, _ in idle]
            if tls:
                readers = [transport._ssl_protocol for transport in readers]
            assert readers
            assert all(reader.max_size < MMAP_THRESHOLD for reader in readers)
