"""The table of faults for the writes that few use: they go out as often as a retry or a cancellation does."""

from __future__ import annotations

import pytest
from cases import LOST, TABLE, WORKS
from fault_server import ACCESS, FaultServer, doc

from vcf_tasks_async import (
    BaseCredential,
    BearerAuth,
    CredentialsUpdateSpec,
    OutcomeUnknownError,
    Policy,
    ResourceCredentials,
    TaskSession,
    VcfTasksError,
)

SPEC = CredentialsUpdateSpec("ROTATE", [ResourceCredentials("ESXI", [BaseCredential("root")])])
WRITES = {
    "credentials retry": ("PATCH", "/v1/credentials/tasks/a", lambda s: s.credentials.retry("a", SPEC)),
    "credentials cancel": ("DELETE", "/v1/credentials/tasks/a", lambda s: s.credentials.cancel("a")),
    "settings": ("PATCH", "/v1/tasks/config/settings", lambda s: s.update_settings(retention_days=30)),
}
# One session meets the whole table: the budget is not what ends a call here.
POLICY = Policy(base=0.001, cap=0.002, deadline=10, attempt_timeout=5, budget=1_000, grace=0.001)


@pytest.mark.parametrize(("method", "path", "write"), WRITES.values(), ids=WRITES)
@pytest.mark.usefixtures("leaves_nothing")
async def test_each_fault_ends_every_other_write_as_the_table_says(
    server: FaultServer, method, path, write
) -> None:
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=POLICY, concurrency=1) as session:
        for row in TABLE:
            server.reset_scripts()
            server.script(method, path, row.fault)
            server.always("GET", "/v1/credentials/tasks/a", doc({"id": "a", "status": "FAILED"}))
            server.always("GET", "/v1/credentials/tasks", doc({"elements": []}))
            server.always("GET", "/v1/tasks/config/settings", doc({"retentionDays": 90}))
            server.always(method, path, doc({"id": "a", "retentionDays": 30}))
            before = server.count(method, path)
            try:
                await write(session)
                ended = None
            except VcfTasksError as error:
                ended = error
            await server.has_said_all()
            assert server.count(method, path) - before == 1 + row.write.again, row.name
            if row.write is WORKS and "settings" in path:
                # Its answer has something to say: with none, the settings are read again.
                continue
            due = None if row.write.again else row.write.kind
            assert type(ended) is (type(None) if due is None else due), f"{row.name}: {ended!r}"
            assert isinstance(ended, OutcomeUnknownError) == (row.write is LOST), row.name
