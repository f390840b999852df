"""Fleets beyond one machine: each site's part is one job on a Dask worker that reaches it (extra ``dask``).

Sites sit in network zones. A worker says which zones it reaches by a resource for each
(``dask worker tcp://scheduler:8786 --resources "zone-sfo=1"``); a job goes to a worker of its site's zone. It
asks for the site's secret there: no secret goes over the network. docs/dask.md says how to start it all.

A job's words travel through Dask's own queues, by way of the scheduler: zones need no other connection.
"""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self
from uuid import uuid4

try:
    from distributed import Client, Queue, get_client
except ImportError:
    raise ImportError("vcf_tasks_async.dask needs an extra: pip install 'vcf-tasks-async[dask]'") from None

from vcf_tasks_async import Site, UsageError
from vcf_tasks_async.job_words import End, Job
from vcf_tasks_async.jobs import run_job
from vcf_tasks_async.remote import Part, Parts
from vcf_tasks_async.remote_fleet import RemoteFleet, sites_of

__all__ = ["DaskFleet"]

# The share of a zone's resource that a job takes: with zone-sfo=1 a worker takes up to 64 jobs of the zone at
# a time, as far as its threads go. A power of two, so that shares add up to the whole exactly.
_SHARE: Final = 1 / 64
# Seconds that a job waits for an answer.
_PATIENCE: Final = 30.0
# Seconds without an answer after which a job asks the cluster whether anybody still waits for it.
_DOUBT: Final = 1.0
# Seconds for telling jobs that nobody answers any more.
_FAREWELL: Final = 2.0
# Jobs of one part that may lose touch without their worker being lost.
_ATTEMPTS: Final = 3


# Its methods have no types.
_Queue: Any = Queue


def _close(queue: Any) -> None:
    # Made and awaited, it counts as opened twice.
    queue.close()
    queue.close()


class DaskFleet(RemoteFleet):
    """Many SDDC Managers as one, reached from the workers of a Dask cluster.

    `stream`, `wait_many`, `retry_many` and `cancel_many` take and give what those of `Fleet` do. Each site's
    part is one job. A job whose worker dies is done again on another worker of the zone, which looks first at
    what the lost one may have sent: no task is asked for twice. An async context manager, which ends what it
    started and leaves the client open.

    Args:
        sites: `Site` by name, or the path of a TOML file (docs/fleets.md). What is secret in them must be a
            callable that pickles, such as `EnvSecret`: it is asked on the worker.
        client: an asynchronous ``distributed.Client``: ``await Client(address, asynchronous=True)``.
        lease: seconds for which a job that hears nothing may still begin writes. When its worker is lost, the
            next one waits so long before it looks at what may have been sent.
        patience: seconds to wait for a worker that reaches a site's zone.

    Raises:
        UsageError: a site can't be meant, or would take its secret over the network.

    Example:
        >>> async with (
        ...     Client("tcp://scheduler:8786", asynchronous=True) as client,
        ...     DaskFleet("sites.toml", client) as fleet,
        ... ):
        ...     report = await fleet.retry_many(TaskFilter(status=Status.FAILED), wait=True)
        ...     print(report)
    """

    def __init__(
        self,
        sites: Mapping[str, Site] | str | os.PathLike[str],
        client: Client,
        *,
        lease: float = 10.0,
        patience: float = 60.0,
    ) -> None:
        super().__init__(sites_of(sites), lease=lease)
        if not isinstance(client, Client) or not client.asynchronous:
            raise UsageError("client takes a distributed.Client made with asynchronous=True")
        if not 0 < patience < float("inf"):
            raise UsageError(f"patience takes seconds above 0, not {patience!r}")
        self._client = client
        self._patience = patience

    def __repr__(self) -> str:
        return f"<DaskFleet of {len(self._sites)} site{'' if len(self._sites) == 1 else 's'}>"

    async def drive(self, parts: Parts[Any]) -> None:
        """Submit a job for each part, and answer what they say, until all are over."""
        work = _Work(self._client, parts, self._patience)
        await work.run()


class _Work:
    """One piece of work on the cluster: its jobs, and the queue through which they speak."""

    def __init__(self, client: Client, parts: Parts[Any], patience: float) -> None:
        self._client = client
        self._parts = parts
        self._patience = patience
        self._name = f"vcf-tasks-{uuid4().hex}"
        self._replies: dict[str, Any] = {}
        self._futures: dict[str, Any] = {}
        self._answers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        inbox = await _Queue(self._name, client=self._client)
        parts = self._parts
        tasks = [asyncio.create_task(work) for work in (self._listen(inbox), self._look_for_workers())]
        tasks += [asyncio.create_task(self._site(part)) for part in parts.parts.values()]
        try:
            while not parts.over:
                parts.changed.clear()
                if parts.is_winding_up:
                    self._drop_what_has_not_begun()
                waiting = asyncio.ensure_future(parts.changed.wait())
                try:
                    await asyncio.wait((waiting, *tasks[:2]), return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
                for broken in tasks[:2]:
                    if broken.done():
                        broken.result()
            if self._answers:
                # The last words of the jobs are answered, so that they end at once.
                await asyncio.wait(tuple(self._answers))
        finally:
            for task in (*tasks, *self._answers):
                task.cancel()
            await asyncio.wait((*tasks, *self._answers))  # noqa: ASYNC102 - they were told to end
            unfinished = [future for future in self._futures.values() if not future.done()]
            if unfinished and self._client.status == "running":
                with suppress(Exception):
                    cancel: Any = self._client.cancel
                    await cancel(unfinished)  # noqa: ASYNC102 - one message to the scheduler
            self._futures.clear()
            await self._say_goodbye()  # noqa: ASYNC102 - it has its own time limit
            for queue in (inbox, *self._replies.values()):
                _close(queue)

    async def _say_goodbye(self) -> None:
        """Tell the jobs that still run that nobody answers any more: they need not find out by waiting."""
        left = [part.attempt for part in self._parts.parts.values() if part.end is None]
        queues = [self._replies[attempt] for attempt in left if attempt in self._replies]
        if queues and self._client.status == "running":
            with suppress(Exception):
                async with asyncio.timeout(_FAREWELL):
                    await asyncio.gather(*(queue.put(pickle.dumps((None, None))) for queue in queues))

    def _drop_what_has_not_begun(self) -> None:
        for name, part in self._parts.parts.items():
            if not part.has_begun:
                self._parts.ended(name, End(facts={"stopped": "it was left before its end"}))

    async def _site(self, part: Part) -> None:
        """Have a site's part done; the scheduler itself gives it to another worker when one dies."""
        job = part.job
        resources = {f"zone-{job.site.zone}": _SHARE} if job.site.zone is not None else None
        for attempt in range(_ATTEMPTS):
            key = f"{self._name}-{job.name}-{attempt}"
            future = self._futures[job.name] = self._client.submit(
                _do,
                job,
                self._name,
                key,
                key=key,
                resources=resources,
                pure=False,
            )
            try:
                await future
            except BaseException as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # A future that Dask cancelled is a CancelledError as well, but none of ours.
                what = error if isinstance(error, Exception) else UsageError("the cluster cancelled the job")
                self._parts.ended(job.name, End(what))
                return
            if part.end is not None:
                return
        self._parts.ended(job.name, End(UsageError(f"its job lost touch with this client {_ATTEMPTS} times")))

    async def _look_for_workers(self) -> None:
        """A site that no worker reaches is in trouble, once it has been so for too long."""
        missing: dict[str, float] = {}
        clock = asyncio.get_running_loop().time
        while True:
            scheduler: Any = self._client.scheduler
            workers = (await scheduler.identity())["workers"].values()
            offered = {name for worker in workers for name in worker.get("resources", {})}
            for name, part in self._parts.parts.items():
                zone = part.job.site.zone
                if part.end is not None or (f"zone-{zone}" in offered if zone is not None else workers):
                    missing.pop(name, None)
                elif clock() - missing.setdefault(name, clock()) >= self._patience:
                    where = (
                        f'zone {zone}: start one with --resources "zone-{zone}=1"' if zone else "this site"
                    )
                    self._parts.ended(name, End(UsageError(f"no worker of the cluster reaches {where}")))
            await asyncio.sleep(min(2.0, self._patience / 4))

    async def _listen(self, inbox: Any) -> None:
        while True:
            messages = [await inbox.get(), *await inbox.get(batch=True)]
            for message in messages:
                # From our own jobs; Dask itself unpickles all that they return.
                name, attempt, number, what, about = pickle.loads(message)  # noqa: S301
                answer = self._parts.heard(name, attempt, what, about)
                task = asyncio.create_task(self._answer(attempt, number, answer))
                self._answers.add(task)
                task.add_done_callback(self._answers.discard)
            # Hundreds of jobs may speak at once.
            await asyncio.sleep(0)

    async def _answer(self, attempt: str, number: int, answer: Any) -> None:
        queue = self._replies.get(attempt)
        if queue is None:
            queue = self._replies[attempt] = _Queue(attempt, client=self._client)
            await queue
        await queue.put(pickle.dumps((number, answer)))


async def _do(job: Job, inbox: str, key: str) -> None:
    """What runs on the worker."""
    async with _QueueLine(job.name, inbox, key) as line:
        await run_job(job, line)


class _QueueLine:
    """A job's line to the client: questions into one queue of all jobs, answers out of one of its own."""

    def __init__(self, site: str, inbox: str, key: str) -> None:
        self._site = site
        self._key = key
        self._attempt = f"{inbox}-{uuid4().hex}"
        self._inbox_name = inbox
        self._number = 0
        self._open: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        client = get_client()
        self._inbox = await _Queue(self._inbox_name, client=client)
        self._replies = await _Queue(self._attempt, client=client)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._reading.cancel()
        await asyncio.wait((self._reading,))
        _close(self._inbox)
        _close(self._replies)

    async def ask(self, what: str, about: Any = None) -> Any:
        """Say something and get the answer.

        Raises:
            ConnectionError, TimeoutError: there is nobody (any more).
        """
        self._number += 1
        number = self._number
        self._open[number] = answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._inbox.put(pickle.dumps((self._site, self._attempt, number, what, about)))
                while not await self._has_come(answer):
                    if await self._is_forgotten():
                        # It was left before this job's first word, which nobody reads.
                        raise ConnectionError("nobody waits for this job any more")
        except KeyError:
            raise ConnectionError("the client's queue is gone") from None
        finally:
            self._open.pop(number, None)
        if not answer.done():
            raise ConnectionError("nobody answers any more")
        return answer.result()

    async def _has_come(self, answer: asyncio.Future[Any]) -> bool:
        """Whether *answer* is there, or no more will come; False when that takes long."""
        waited = (answer, self._reading)
        done, _ = await asyncio.wait(waited, timeout=_DOUBT, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _is_forgotten(self) -> bool:
        scheduler: Any = get_client().scheduler
        return (await scheduler.get_task_status(keys=[self._key]))[self._key] is None

    async def _read(self) -> None:
        while True:
            number, answer = pickle.loads(await self._replies.get())  # noqa: S301 - from the client
            if number is None:
                return
            waiting = self._open.get(number)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
