"""What a user gets of work that jobs on other machines do: streams, waits and runs."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

from vcf_tasks_async.errors import UsageError, VcfTasksError, WaitError
from vcf_tasks_async.fleet_merge import OutcomesOnce
from vcf_tasks_async.fleet_report import FleetReport
from vcf_tasks_async.fleet_targets import id_of
from vcf_tasks_async.job_words import End, Job, Verb
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.mailbox import Mailbox
from vcf_tasks_async.merging import Spawn
from vcf_tasks_async.outcomes import BulkReport, Outcome, Result
from vcf_tasks_async.remote import Drive, Part, Parts
from vcf_tasks_async.sites import SiteOutcome, SiteTask, SiteTrouble
from vcf_tasks_async.targets import Target


class RemoteStream(Mailbox[SiteTask]):
    """The tasks of many sites, each exactly once, listed by jobs on other machines; else as `FleetStream`."""

    def __init__(self, parts: Parts[SiteTask]) -> None:
        self._parts = parts
        super().__init__(parts)

    @property
    def troubles(self) -> dict[str, SiteTrouble]:
        """Sites that could not be listed (to their end), by name."""
        return dict(self._parts.troubles)

    @property
    def complete(self) -> bool:
        """Whether every task that was there all the time has been yielded, of every site."""
        ends = [part.end for part in self._parts.parts.values()]
        return all(end is not None and end.error is None and end.facts["complete"] for end in ends)

    def hand_over(self) -> dict[str, Any]:
        """The filter of each site, for a run that lists by itself. This stream ends.

        Raises:
            UsageError: it has a reader already.
        """
        if self._parts.has_begun:
            raise UsageError("this stream is being read: give its filter, or the tasks that it yielded")
        self._parts.close()
        return {name: part.job.targets for name, part in self._parts.parts.items()}


class WaitParts(Parts[SiteTask]):
    """The parts of a `RemoteWaits`."""

    def __init__(self, jobs: Mapping[str, Job], drive: Drive, spawn: Spawn) -> None:
        super().__init__(jobs, drive, spawn)
        self.missed: dict[tuple[str, str], WaitError] = {}

    def settle(self, part: Part, end: End) -> None:
        name, missed = part.job.name, end.facts.get("missed", {})
        for target in _known(part):
            task_id = id_of(target)
            if task_id in part.done or (name, task_id) in self.missed:
                continue
            why = f"task {task_id} at {name} can't be waited for: {end.error or 'it was left'}"
            self.missed[name, task_id] = missed.get(task_id) or WaitError(why)

    def finish(self) -> None:
        super().finish()
        if self.missed:
            raise next(iter(self.missed.values()))


class RemoteWaits(Mailbox[SiteTask]):
    """Tasks of many sites, each once it has ended, waited for by jobs on other machines; as `FleetWaits`."""

    def __init__(self, parts: WaitParts) -> None:
        self._parts = parts
        super().__init__(parts)

    @property
    def troubles(self) -> dict[str, SiteTrouble]:
        """Sites where nothing can be waited for, by name."""
        return dict(self._parts.troubles)

    @property
    def missed(self) -> dict[tuple[str, str], WaitError]:
        """What did not end, and why, by site and task id."""
        return dict(self._parts.missed)


class RunParts(Parts[SiteOutcome]):
    """The parts of a `RemoteRun`, and its report."""

    def __init__(self, jobs: Mapping[str, Job], drive: Drive, spawn: Spawn, action: Action) -> None:
        super().__init__(jobs, drive, spawn)
        self.report = FleetReport(action, troubles=self.troubles)
        self.discards = False
        for name, job in jobs.items():
            self.report.sites[name] = BulkReport(action, summary=job.options.get("summary", False))

    def take_in(self, part: Part, what: str, about: Any) -> None:
        if what == "intents":
            part.open.update((task_id, before) for task_id, before in about if task_id not in part.done)
        elif what == "outcomes":
            for outcome in about:
                self._known(part, outcome)

    def _known(self, part: Part, outcome: Outcome) -> None:
        if outcome.task_id in part.done:
            return
        part.done.add(outcome.task_id)
        part.open.pop(outcome.task_id, None)
        self.report.sites[part.job.name].add(outcome)
        if not self.discards:
            self.hand(SiteOutcome(part.job.name, outcome))

    def settle(self, part: Part, end: End) -> None:
        report = self.report.sites[part.job.name]
        report.duplicates += end.facts.get("duplicates", 0)
        report.stopped = end.facts.get("stopped")
        report.complete = end.facts.get("complete", False)
        error = end.error if isinstance(end.error, VcfTasksError) else None
        for task_id in tuple(part.open):
            why = "the job was cut off after it had announced the request, which may have been sent"
            self._known(part, Outcome(task_id, self.report.action, Result.UNKNOWN, why, error))
        why = "the run ended before its turn" if end.error is None else str(end.error)
        for task_id in (*part.unsent, *map(id_of, _known(part))):
            self._known(part, Outcome(task_id, self.report.action, Result.NOT_SENT, why, error))
        if not isinstance(part.job.targets, tuple):
            return
        report.complete = True

    def finish(self) -> None:
        """Troubles stand in the report."""


class RemoteRun(OutcomesOnce):
    """A run over a fleet whose parts are jobs on other machines; else as `FleetRun`.

    Attributes:
        report: what is known so far; final once the run has ended.
    """

    def __init__(self, parts: RunParts) -> None:
        self.report = parts.report
        self._parts = parts
        super().__init__(parts)

    async def _to_the_end(self) -> FleetReport:
        parts = self._parts
        parts.discards = True
        async with self:
            while not parts.over:
                parts.bell.clear()
                parts.raise_broken()
                await parts.bell.wait()
        return self.report

    async def aclose(self) -> None:
        """End as leaving the ``async with`` does: no new write, and some seconds for those in flight."""
        parts = self._parts
        try:
            if not parts.over:
                self.report.stopped = self.report.stopped or "it was left before its end"
                parts.discards = True
                await parts.wind_up()
        finally:
            await super().aclose()
            for name in parts.parts:
                parts.ended(name, End(facts={"stopped": self.report.stopped}))
            self.report.elapsed = monotonic() - parts.started


def _known(part: Part) -> tuple[Target, ...]:
    return part.job.targets if isinstance(part.job.targets, tuple) else ()


def verb_of(action: Action) -> Verb:
    """The verb of a job that does *action*."""
    return Verb.RETRY if action is Action.RETRY else Verb.CANCEL
