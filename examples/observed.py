"""Tracing by OpenTelemetry and figures for Prometheus, through aiohttp's own trace hooks.

    pip install vcf-tasks-async prometheus-client opentelemetry-sdk
    export VCF_HOST=sfo-vcf01.rainpole.io VCF_USERNAME=svc-tasks@vsphere.local VCF_PASSWORD=…
    python examples/observed.py          # lists the failed tasks, then prints what was measured

The library needs to know nothing of this: lend it an `aiohttp.ClientSession` that has the hooks. Ids stand in
no label and in no span's name: each task would be a time series of its own. Headers, and so tokens,
stand nowhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from types import SimpleNamespace

import aiohttp
from opentelemetry import trace
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest

from vcf_tasks_async import EnvSecret, PasswordAuth, Status, TaskFilter, TaskSession

# The fixed words of the API's paths; whatever else stands in one is an id.
_WORDS = frozenset({
    "v1", "tasks", "config", "settings", "history", "tokens", "access-token", "refresh-token", "refresh",
    "credentials", "subtasks",
})  # fmt: skip


class Observer:
    """Counts, times and traces requests, attempt by attempt: a call that is repeated shows as several.

    Args:
        registry: where Prometheus finds the figures.
        tracer: makes the spans.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("vcf_tasks")
        self._seconds = Histogram(
            "vcf_tasks_request_seconds",
            "Attempts at SDDC Manager: seconds until the head of the answer.",
            ("method", "route", "status"),
            registry=registry,
        )

    def hooks(self) -> aiohttp.TraceConfig:
        """For ``aiohttp.ClientSession(trace_configs=[observer.hooks()])``."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._start)
        config.on_request_end.append(self._end)
        config.on_request_exception.append(self._failed)
        return config

    async def _start(
        self, http: aiohttp.ClientSession, of: SimpleNamespace, sent: aiohttp.TraceRequestStartParams
    ) -> None:
        of.method, of.route, of.since = sent.method, route(sent.url.path), time.perf_counter()
        kind = trace.SpanKind.CLIENT
        of.span = self._tracer.start_span(f"{of.method} {of.route}", kind=kind)
        of.span.set_attribute("http.request.method", of.method)
        of.span.set_attribute("server.address", sent.url.host or "")

    async def _end(
        self, http: aiohttp.ClientSession, of: SimpleNamespace, came: aiohttp.TraceRequestEndParams
    ) -> None:
        of.span.set_attribute("http.response.status_code", came.response.status)
        self._done(of, str(came.response.status), failed=came.response.status >= 400)

    async def _failed(
        self, http: aiohttp.ClientSession, of: SimpleNamespace, met: aiohttp.TraceRequestExceptionParams
    ) -> None:
        of.span.set_attribute("error.type", type(met.exception).__name__)
        self._done(of, type(met.exception).__name__, failed=True)

    def _done(self, of: SimpleNamespace, status: str, *, failed: bool) -> None:
        self._seconds.labels(of.method, of.route, status).observe(time.perf_counter() - of.since)
        if failed:
            of.span.set_status(trace.StatusCode.ERROR)
        of.span.end()


def route(path: str) -> str:
    """*path* with its ids as ``{id}``.

    >>> route("/v1/tasks/16ab8935-805b-4edf-aace-72c98134f667")
    '/v1/tasks/{id}'
    """
    return "/".join(part if part in _WORDS or not part else "{id}" for part in path.split("/"))


async def main() -> None:
    """List the failed tasks, and print what that took."""
    auth = PasswordAuth(os.environ["VCF_USERNAME"], EnvSecret("VCF_PASSWORD"))
    # No limit below the session's own: it would starve.
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, trace_configs=[Observer().hooks()]) as http,
        TaskSession(os.environ["VCF_HOST"], auth, http=http) as session,
    ):
        async for task in session.stream(TaskFilter(status=Status.FAILED)):
            print(task.id, task.name)
    print(generate_latest().decode())


if __name__ == "__main__":
    asyncio.run(main())
