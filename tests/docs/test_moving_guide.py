"""docs/moving.md tells the truth: what it shows of the official SDK and of this library comes to the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pages import DOCS, run_blocks

from vcf_tasks_async import PasswordAuth, TaskSession, Tls
from vcf_tasks_async.testing import SddcManagerSimulator


async def test_both_clients_do_what_the_guide_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The SDK doesn't renew its token, which on this clock would last for two seconds.
    simulator = SddcManagerSimulator(
        tasks=150, failed=0.2, running=0, credential_tasks=0, speed=2000, access_token_ttl=1e9, live=True,
        tls=True,
    )  # fmt: skip
    with simulator.in_thread() as sddc:
        # What is told of one task to both clients in turn must not have changed between the two.
        for waiting in sddc.ids("Pending"):
            sddc.complete(waiting)
        monkeypatch.setenv("VCF_PASSWORD", sddc.password)
        # They would win over the CA file that the SDK is given.
        for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(variable, raising=False)
        put = {
            "sfo-vcf01.rainpole.io": sddc.url.removeprefix("https://"),
            "/etc/ssl/rainpole-ca.pem": sddc.ca_file,
        }
        auth, tls = PasswordAuth(sddc.username, sddc.password), Tls(ca_file=sddc.ca_file)
        async with TaskSession(sddc.url, auth, tls=tls) as session:
            # Where the guide's own `async with` has ended, its reader is still inside.
            inside: dict[str, Any] = {"session": session}
            names: dict[str, Any] = {}
            await run_blocks(DOCS / "moving.md", names, put, before_each=lambda: names.update(inside))
        names["http"].close()
        assert len(names["theirs"]) == len(names["ours"]) == 150
        retried = {request.path for request in sddc.requests.select(method="PATCH", path="/v1/tasks/.*")}
        assert retried == {f"/v1/tasks/{task_id}" for task_id in names["failed"]}
    assert re.search(r"^retry of \d+ tasks in .*: \d+ accepted$", capsys.readouterr().out, re.MULTILINE)
