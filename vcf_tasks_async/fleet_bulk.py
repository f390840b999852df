"""Retry and cancel over a fleet: a bulk run at each site, side by side, and one report.

Each site has its own `BulkRun`, with its workers, brakes and journal; here is only what joins them: whose
target is whose, the outcomes in one stream, and a site that can't be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

import anyio
import attrs

from vcf_tasks_async.bulk import BulkRun
from vcf_tasks_async.errors import DeadlineError, VcfTasksError
from vcf_tasks_async.fleet_merge import OutcomesOnce
from vcf_tasks_async.fleet_report import FleetReport
from vcf_tasks_async.fleet_targets import Lane, checked_pair, id_of
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.merging import Merge, Spawn
from vcf_tasks_async.outcomes import BulkReport, Outcome, Result
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import SiteOutcome, SiteTrouble, SiteTroubles
from vcf_tasks_async.targets import Target, Targets

# So many targets of a site in a row that never got there: it is given up.
_GIVE_UP: Final = 8

Begin = Callable[[TaskSession], Targets]


@attrs.frozen
class Plan:
    """A run over a fleet, as `Fleet` has understood it.

    Attributes:
        action: what is asked.
        begin: for each site, how its targets are got once its session is open.
        shared: targets of all sites from one source, given out as they come; or None.
        options: for each site's own run.
        deadline: seconds for the whole run, or None.
        journals: directory of the sites' journals, or None.
    """

    action: Action
    begin: dict[str, Begin]
    shared: Iterable[Any] | AsyncIterable[Any] | None
    options: dict[str, Any]
    deadline: float | None
    journals: Path | None


class FleetRun(OutcomesOnce):
    """A run over a fleet. Made by `Fleet.retry_many` and `cancel_many`; does nothing until it is used.

    Await it for the report, or use it with ``async with`` for the outcomes as they come. A site that can't be
    reached, or refuses the login, is given up after 8 targets in a row that never got there: it is in the
    report's `troubles`, its targets are NOT_SENT, and the others never notice. Leaving early ends all sites'
    runs as `BulkRun` says: no new write, and 5 seconds for those in flight.

    Attributes:
        report: what is known so far; final once the run has ended.

    Example:
        >>> report = await fleet.retry_many(fleet.stream(TaskFilter(status=Status.FAILED)))
        >>> async with fleet.retry_many(targets) as outcomes:
        ...     async for site, outcome in outcomes:
        ...         print(site, outcome.task_id, outcome.result)
    """

    def __init__(
        self, plan: Plan, open_session: Callable[[str], Awaitable[TaskSession]], spawn: Spawn
    ) -> None:
        self.report = FleetReport(plan.action)
        self._runs = _Runs(plan, self.report, open_session, spawn)
        super().__init__(self._runs)

    async def _to_the_end(self) -> FleetReport:
        runs = self._runs
        runs.discard()
        async with self:
            while not runs.over:
                runs.bell.clear()
                await runs.bell.wait()
        runs.raise_broken()
        return self.report

    def stop(self, why: str) -> None:
        """End early: no new write starts, those in flight have 5 seconds, and the outcomes still come.

        Args:
            why: for `FleetReport.stopped`. The first reason counts.
        """
        if not self._runs.over:
            self.report.stopped = self.report.stopped or why
            self._runs.stop(why)

    async def aclose(self) -> None:
        """End as leaving the ``async with`` does: no new write, and 5 seconds for those in flight."""
        runs = self._runs
        if not runs.over:
            self.report.stopped = self.report.stopped or "it was left before its end"
        runs.discard()
        try:
            # The sites' runs end by themselves within their grace.
            await super().aclose()
        finally:
            # Also when this very wait is cancelled: nothing is left running either way.
            runs.close()
            await runs.closed()  # noqa: ASYNC102
            self.report.elapsed = monotonic() - runs.started


class _Runs(Merge[SiteOutcome]):
    """The sites' runs, and what reads a source that they share."""

    def __init__(
        self,
        plan: Plan,
        report: FleetReport,
        open_session: Callable[[str], Awaitable[TaskSession]],
        spawn: Spawn,
    ) -> None:
        super().__init__(spawn)
        self.started = monotonic()
        self._plan = plan
        self._report = report
        self._open_session = open_session
        self._lanes: dict[str, Lane] = {}
        self._going: dict[str, BulkRun] = {}
        self._stopped: str | None = None

    def stop(self, why: str) -> None:
        """End all sites' runs early, and those that are still to begin."""
        self._stopped = why
        for run in self._going.values():
            run.stop(why)

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        self.started = monotonic()
        if self._plan.shared is None:
            return [self._site(name, begin) for name, begin in self._plan.begin.items()]
        self._lanes = {name: Lane() for name in self._plan.begin}
        works = [self._lane_of(name, lane) for name, lane in self._lanes.items()]
        return [self._share_out(self._plan.shared), *works]

    def raise_broken(self) -> None:
        if isinstance(self._broken, Exception):
            # The partial report goes with it, as a bulk run's does.
            self._broken.report = self._report  # type: ignore[attr-defined]
        super().raise_broken()

    # --- one site ---------------------------------------------------------------------------------------

    async def _site(self, name: str, begin: Begin) -> None:
        run: BulkRun | None = None
        try:
            run = await self._run_at(name, begin)
            earlier = self._report.sites.get(name)
            # Of a shared source, duplicates may have come before the run could begin.
            run.report.duplicates += earlier.duplicates if earlier is not None else 0
            self._report.sites[name] = run.report
            self._going[name] = run
            if self._stopped is not None:
                run.stop(self._stopped)
            with self._in_time(run):
                await self._told(name, run)
            if self._is_late and not run.report.complete:
                # What targets it would still have had is not known.
                raise self._late()
        except (VcfTasksError, OSError) as error:
            self._trouble(name, error)
            if run is None:
                await self._none_sent(name, begin, error)

    async def _told(self, name: str, run: BulkRun) -> None:
        """Tell the outcomes of a site's run, and end it when nothing gets there any more."""
        streak, failure = 0, None
        async with run as outcomes:
            async for outcome in outcomes:
                # What is not sent for the end of the run carries no error.
                never_got_there = outcome.result is Result.NOT_SENT and outcome.error is not None
                streak = streak + 1 if never_got_there else 0
                failure = outcome.error if never_got_there else failure
                if streak == _GIVE_UP:
                    self._trouble(name, failure)
                    run.stop(f"{streak} in a row never got there")
                await self.put(SiteOutcome(name, outcome))
        if streak and streak == len(run.report):
            self._trouble(name, failure)

    async def _run_at(self, name: str, begin: Begin) -> BulkRun:
        """The site's run, ready to begin: with an open session, within the deadline of all."""
        plan = self._plan
        options = dict(plan.options)
        if plan.deadline is None:
            session = await self._open_session(name)
        else:
            try:
                async with asyncio.timeout(max(0.0, self.started + plan.deadline - monotonic())):
                    session = await self._open_session(name)
            except TimeoutError:
                raise self._late() from None
        if plan.journals is not None:
            await anyio.to_thread.run_sync(partial(plan.journals.mkdir, parents=True, exist_ok=True))
            options["journal"] = plan.journals / f"{name}.jsonl"
        many = session.retry_many if plan.action is Action.RETRY else session.cancel_many
        return many(begin(session), **options)

    @contextmanager
    def _in_time(self, run: BulkRun) -> Iterator[None]:
        """End the run at the deadline of all."""
        deadline = self._plan.deadline
        if deadline is None:
            yield
            return
        left = self.started + deadline - monotonic()
        why = f"its deadline of {deadline:g} s passed"
        timer = asyncio.get_running_loop().call_later(max(0.0, left), run.stop, why)
        try:
            yield
        finally:
            timer.cancel()

    @property
    def _is_late(self) -> bool:
        deadline = self._plan.deadline
        return deadline is not None and monotonic() >= self.started + deadline

    def _late(self) -> DeadlineError:
        return DeadlineError(f"the run's deadline of {self._plan.deadline:g} s passed")

    def _trouble(self, name: str, error: Exception | None) -> None:
        if error is not None:
            self._report.troubles.setdefault(name, SiteTrouble(name, self._plan.action.value, error))

    async def _none_sent(self, name: str, begin: Begin, error: Exception) -> None:
        """Account for the targets of a site that was never opened, where they are known."""
        report = self._report_of(name)
        if isinstance(begin, Known):
            seen = IdSet()
            for target in begin.targets:
                if seen.add(id_of(target)):
                    await self._not_sent(name, target, str(error), error)
                else:
                    report.duplicates += 1
            report.complete = True

    def _report_of(self, name: str) -> BulkReport:
        summary = self._plan.options.get("summary", False)
        return self._report.sites.setdefault(name, BulkReport(self._plan.action, summary=summary))

    async def _not_sent(self, name: str, target: Target, why: str, error: Exception | None = None) -> None:
        await self.put(SiteOutcome(name, self._note(name, target, why, error)))

    def _note(self, name: str, target: Target, why: str, error: Exception | None = None) -> Outcome:
        kept = error if isinstance(error, VcfTasksError) else None
        outcome = Outcome(id_of(target), self._plan.action, Result.NOT_SENT, why, kept)
        self._report_of(name).add(outcome)
        return outcome

    # --- a source that all sites share ------------------------------------------------------------------

    async def _share_out(self, source: Iterable[Any] | AsyncIterable[Any]) -> None:
        known = frozenset(self._lanes)
        try:
            if isinstance(source, AsyncIterable):
                async for target in source:
                    await self._hand(*checked_pair(target, known))
            else:
                for number, target in enumerate(source):
                    await self._hand(*checked_pair(target, known))
                    if number % 100 == 0:
                        await asyncio.sleep(0)
        except SiteTroubles as error:
            # The source was a listing of the fleet's: it is through, but for these.
            for name, trouble in error.troubles.items():
                self._report.troubles.setdefault(name, trouble)
        finally:
            # An early end leaves the runs to be cancelled: only a source that is through ends the lanes.
            aclose = getattr(source, "aclose", None)
            if aclose is not None:
                await aclose()  # noqa: ASYNC102
        for lane in self._lanes.values():
            lane.end()

    async def _hand(self, name: str, target: Target) -> None:
        lane = self._lanes[name]
        if not lane.seen.add(id_of(target)):
            self._report_of(name).duplicates += 1
        else:
            await lane.put(target)

    async def _lane_of(self, name: str, lane: Lane) -> None:
        """A site's run over what is handed to it; its session is opened for its first target."""
        if not await lane.any():
            return
        why = "the run ended before its turn"
        try:
            await self._site(name, lambda session: lane)
            if name in self._report.troubles:
                why = str(self._report.troubles[name].error)
            async for target in lane:
                await self._not_sent(name, target, why)
        finally:
            for target in lane.left():
                self._note(name, target, why)


@attrs.frozen
class Known:
    """Targets of one site that can be read without its session."""

    targets: Sequence[Target]

    def __call__(self, session: TaskSession) -> Targets:
        return self.targets
