"""This library, as its README has it used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.meters import Meter
from benchmarks.peers import Job
from benchmarks.workload import task_id
from vcf_tasks_async import PasswordAuth, Result, TaskSession, Tls


def _session(job: Job) -> TaskSession:
    tls = Tls(ca_file=job.ca_file) if job.ca_file else None
    return TaskSession(job.url, PasswordAuth("user", "password"), tls=tls, concurrency=job.window)


async def stream(job: Job, meter: Meter) -> None:
    """Every task, its subtasks left alone."""
    async with _session(job) as session:
        # Logs in, and is over before the clock starts.
        await session.retry("warm-up")
        with meter:
            async for task in session.stream(prefetch=job.window):
                meter.got((task,))


async def stream_and_read(job: Job, meter: Meter) -> None:
    """Every task, and everything in it."""
    async with _session(job) as session:
        await session.retry("warm-up")
        with meter:
            async for task in session.stream(prefetch=job.window):
                read(task)
                meter.got((task,))


async def collect(job: Job, meter: Meter) -> None:
    """All tasks at once, in the compact form."""
    async with _session(job) as session:
        await session.retry("warm-up")
        # A name of a later release than the oldest that is measured.
        gather: Any = session.collect  # type: ignore[attr-defined]
        with meter:
            meter.got_whole(await gather())


async def retries(job: Job, meter: Meter) -> None:
    """A bulk run over ids."""
    ids = [task_id(number) for number in range(job.tasks)]
    async with _session(job) as session:
        await session.retry("warm-up")
        with meter:
            report = await session.retry_many(ids, concurrency=job.window)
        meter.count = report.counts[Result.ACCEPTED]


def read(step: Any) -> None:
    """Touch every subtask, stage, error and resource of *step*, a task or one of its subtasks."""
    _touch(step.errors)
    _touch(step.resources)
    for inner in step.sub_tasks:
        _ = inner.name, inner.raw_status
        for stage in inner.stages:
            _ = stage.name, stage.raw_status
            _touch(stage.errors)
        read(inner)


def _touch(parts: Iterable[Any]) -> None:
    for part in parts:
        _ = part.extra
