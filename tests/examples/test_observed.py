"""The traced and counted session of `examples/`: by hand, and as a program of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import aiohttp
import pytest
from access import access

from vcf_tasks_async import PasswordAuth, Policy, TaskNotFound, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

prometheus = pytest.importorskip("prometheus_client")
sdk = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
PROGRAM = Path(__file__).parents[2] / "examples" / "observed.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("observed", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/tasks", "/v1/tasks"),
        ("/v1/tasks/a-1", "/v1/tasks/{id}"),
        ("/v1/tasks/config/settings", "/v1/tasks/config/settings"),
        ("/v1/tokens/access-token/refresh", "/v1/tokens/access-token/refresh"),
        ("/v1/tokens/refresh-token/a-1", "/v1/tokens/refresh-token/{id}"),
        ("/v1/credentials/tasks/a-1/subtasks/b-2", "/v1/credentials/tasks/{id}/subtasks/{id}"),
    ],
)
def test_a_route_has_no_ids(path: str, route: str) -> None:
    assert load().route(path) == route


async def test_each_attempt_is_a_span_and_a_figure_and_none_tells_a_token_or_an_id() -> None:
    spans, registry = memory.InMemorySpanExporter(), prometheus.CollectorRegistry()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(spans))
    observer = load().Observer(registry, provider.get_tracer("test"))
    async with SddcManagerSimulator(20, live=False) as sddc:
        auth = PasswordAuth(sddc.username, sddc.password)
        task_id = sddc.ids("Failed")[0]
        sddc.faults.add(path=f"/v1/tasks/{task_id}", method="GET", status=503)
        async with (
            aiohttp.ClientSession(trace_configs=[observer.hooks()]) as http,
            TaskSession(sddc.url, auth, http=http, policy=Policy(base=0.01)) as session,
        ):
            assert len([task async for task in session.stream()]) == 20
            await session.get(task_id)
            with pytest.raises(TaskNotFound):
                await session.get("00000000-0000-4000-8000-000000000000")
        tokens = {
            request.headers.get("Authorization", "").removeprefix("Bearer ") for request in sddc.requests
        }
    tokens |= {sddc.password}
    finished = spans.get_finished_spans()
    names = [span.name for span in finished]
    assert names.count("GET /v1/tasks/{id}") == 3
    assert {"POST /v1/tokens", "GET /v1/tasks", "GET /v1/tasks/{id}"} <= set(names)
    codes = [span.attributes["http.response.status_code"] for span in finished if "{id}" in span.name]
    assert codes[:3] == [503, 200, 404]
    figures = prometheus.generate_latest(registry).decode()
    assert 'vcf_tasks_request_seconds_count{method="GET",route="/v1/tasks/{id}",status="503"} 1.0' in figures
    told = figures + "".join(span.to_json() for span in finished)
    assert [token for token in tokens if token and token in told] == []
    assert task_id not in told


async def test_the_program_lists_and_tells() -> None:
    async with SddcManagerSimulator(20, live=False) as sddc:
        program = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), env={**os.environ, **access(sddc)}, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await program.communicate()
        assert program.returncode == 0
        for task_id in sddc.ids("Failed"):
            assert task_id in said.decode()
        assert 'route="/v1/tasks",status="200"' in said.decode()
