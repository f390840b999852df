"""`vcf-tasks demo`: the library at work on a simulated SDDC Manager, from the first page to the report."""

from __future__ import annotations

from collections import Counter
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.running import fail, need, run
from vcf_tasks_async.cli.shares import Share, of_results, of_statuses

if TYPE_CHECKING:
    from vcf_tasks_async.cli.show import Screen
    from vcf_tasks_async.testing import RecordedRequest, SddcManagerSimulator

__all__ = ["demo", "simulated", "tour"]

# Simulated seconds per second: a task of twenty minutes is over in four seconds.
_SPEED: Final = 300.0
_CONCURRENCY: Final = 16
_ROWS: Final = 10
# Seconds between two looks at the tasks that are followed, and those after which the demo gives them up.
_PAUSE: Final = 0.4
_PATIENCE: Final = 60.0


@click.command()
@click.option("--tasks", type=click.IntRange(1, 100_000), default=500, show_default=True, help="How many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same tasks and fates.")
def demo(tasks: int, seed: int) -> None:
    """See the library at work on a simulated SDDC Manager.

    Lists all tasks, shows why some failed, retries those, follows them to their end, and checks the
    simulator's record: was each task asked for once? No account, no network. Takes some five seconds.
    """
    need("demo", "jwt")
    from vcf_tasks_async.cli.show import Screen  # noqa: PLC0415 - rich, for those who use it

    problems = run(_demo(Screen(), tasks, seed))
    if problems:
        fail("; ".join(problems))


async def _demo(screen: Screen, tasks: int, seed: int) -> list[str]:
    async with simulated(tasks, seed) as sddc:
        return await tour(screen, sddc)


def simulated(tasks: int, seed: int) -> SddcManagerSimulator:
    """An SDDC Manager that takes its time to answer, and loses two answers on the way."""
    from vcf_tasks_async.testing import SddcManagerSimulator  # noqa: PLC0415 - aiohttp, likewise

    rng = Random(seed)

    def latency(request: RecordedRequest) -> float:
        return rng.uniform(0.08, 0.25) if request.method == "PATCH" else rng.uniform(0.02, 0.06)

    sddc = SddcManagerSimulator(
        tasks, seed=seed, failed=0.24, speed=_SPEED, latency=latency, access_token_ttl=3600 * _SPEED
    )
    # Both retries are done all the same; who asks again after that asks twice.
    sddc.faults.add(method="PATCH", path=_A_TASK, skip=20, status=502, html=True, apply=True)
    sddc.faults.add(method="PATCH", path=_A_TASK, skip=40, lost="after")
    return sddc


async def tour(screen: Screen, sddc: SddcManagerSimulator) -> list[str]:
    """Show the library at work on *sddc*. Returns what went wrong: nothing, when all is accounted for."""
    started = monotonic()
    screen.title("vcf-tasks demo", f"a simulated SDDC Manager {sddc.release} at {sddc.url}")
    auth = v.PasswordAuth(sddc.username, sddc.password)
    async with v.TaskSession(sddc.url, auth, concurrency=_CONCURRENCY) as session:
        screen.step(1, "Stream every task", "async for task in session.stream():")
        failed, whole = await _stream(screen, session)
        if not failed:
            screen.line("nothing has failed, so there is nothing to retry")
            return [] if whole else [_NOT_WHOLE]

        screen.step(2, f"The {len(failed)} failed ones, and why", "print(task.id, task.name, task.cause)")
        screen.failures(failed, at_most=_ROWS)

        screen.step(3, f"Retry them all, {_CONCURRENCY} at a time", _RETRY_CODE)
        report = await _retry(screen, session, len(failed))

        accepted = {o.task_id for o in report.outcomes if o.result is v.Result.ACCEPTED}
        screen.step(
            4, f"Follow the {len(accepted)} accepted ones until they end", "task.is_ended, task.succeeded"
        )
        fates = await _follow(screen, session, accepted)

    screen.step(5, "Report")
    targets = {outcome.task_id for outcome in report.outcomes}
    known = {task.id for task in failed}
    late = len(targets - known)
    patched = Counter(request.path for request in sddc.requests.select(method="PATCH", path=_A_TASK))
    lost = sum(request.fault is not None for request in sddc.requests)
    once = "none asked for twice" if patched.total() == len(patched) else "some asked for twice"
    rows = [
        ("failed", len(targets), f"{late} of them since the first listing" if late else ""),
        *_results(report, fates),
        ("retry requests", patched.total(), f"for {len(patched)} tasks, {once}"),
        ("lost answers", lost, "a look at the task settled it, not a second request"),
        ("requests in all", len(sddc.requests), f"at most {sddc.requests.max_in_flight} at once"),
        ("seconds", f"{monotonic() - started:.1f}", ""),
    ]
    screen.report(row for row in rows if row[1])
    complaints = {
        _NOT_WHOLE: not whole,
        "a failed task has no outcome": not known <= targets,
        "a retry was lost": bool(report.counts[v.Result.UNKNOWN] or report.counts[v.Result.NOT_SENT]),
        "a task was retried twice": patched.total() != len(patched),
        "a retried task has not ended": bool(fates[_RUNNING] or fates[_GONE]),
    }
    return [complaint for complaint, holds in complaints.items() if holds]


async def _stream(screen: Screen, session: v.TaskSession) -> tuple[list[v.Task], bool]:
    """All tasks, counted by status. Returns the failed ones, and whether the listing was whole."""
    counts: Counter[v.Status] = Counter()
    failed: list[v.Task] = []
    stream = session.stream()
    with screen.meter(lambda: of_statuses(dict(counts))) as meter:
        async for task in stream:
            meter.total = stream.total
            counts[task.status] += 1
            if task.status is v.Status.FAILED:
                failed.append(task)
    screen.line(f"each once, in {stream.requests} request{'s' * (stream.requests != 1)}")
    return failed, stream.complete


async def _retry(screen: Screen, session: v.TaskSession, expected: int) -> v.BulkReport:
    """Retry whatever has failed, and show the outcomes as they come."""
    run = session.retry_many(session.stream(v.TaskFilter(status=v.Status.FAILED)), concurrency=_CONCURRENCY)
    counts: Counter[v.Result] = Counter()
    with screen.meter(lambda: of_results(dict(counts)), expected):
        async with run as outcomes:
            async for outcome in outcomes:
                counts[outcome.result] += 1
    return run.report


async def _follow(screen: Screen, session: v.TaskSession, ids: set[str]) -> Counter[str]:
    """Look at the tasks with these ids until all have ended. Returns how many came to what."""
    import asyncio  # noqa: PLC0415 - `--help` needs none

    fates: Counter[str] = Counter({_RUNNING: len(ids)})
    gives_up = monotonic() + _PATIENCE

    def look() -> list[Share]:
        return [Share(fate, fates[fate], style, fate == _RUNNING) for fate, style in _FATES.items()]

    with screen.meter(look, len(ids)):
        while fates[_RUNNING] and monotonic() < gives_up:
            await asyncio.sleep(_PAUSE)
            # One listing tells about all of them, in fewer requests than one for each. The simulator shows a
            # retry at once; a real SDDC Manager may show the old `Failed` for another minute.
            seen = Counter([_fate(task) async for task in session.stream() if task.id in ids])
            seen[_GONE] = len(ids) - seen.total()
            fates = seen
    return fates


def _fate(task: v.Task) -> str:
    if not task.is_ended:
        return _RUNNING
    return _SUCCEEDED if task.succeeded else _FAILED_AGAIN if task.failed else _OTHERWISE


def _results(report: v.BulkReport, fates: Counter[str]) -> list[tuple[str, int, str]]:
    """The rows that tell how many retries had which result, and why."""
    rows = []
    for result, count in report.counts.most_common():
        if result is v.Result.ACCEPTED:
            rows.append(("accepted", count, ", ".join(f"{n} {fate}" for fate, n in fates.items() if n)))
            continue
        reasons = Counter(_reason(o) for o in report.outcomes if o.result is result)
        rows += [(result.value.replace("_", " "), n, reason) for reason, n in reasons.most_common()]
    return rows


def _reason(outcome: v.Outcome) -> str:
    said = outcome.error.message if isinstance(outcome.error, v.ApiError) else None
    return said or outcome.reason or str(outcome.error)


_NOT_WHOLE: Final = "the listing was not whole"
_A_TASK: Final = r"/v1/tasks/[^/]+"
_RETRY_CODE: Final = f"session.retry_many(session.stream(failed), concurrency={_CONCURRENCY})"
_SUCCEEDED: Final = "succeeded"
_FAILED_AGAIN: Final = "failed again"
_OTHERWISE: Final = "ended otherwise"
_RUNNING: Final = "running"
_GONE: Final = "gone"
_FATES: Final = {
    _SUCCEEDED: "green", _FAILED_AGAIN: "red", _OTHERWISE: "magenta", _GONE: "magenta", _RUNNING: "cyan",
}  # fmt: skip
