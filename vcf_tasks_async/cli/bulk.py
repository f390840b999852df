"""One run of a retry or cancel: finding what it is about, asking, doing, telling.

The same for one SDDC Manager and for a fleet, for tasks and for credential tasks: their `Sites` differ.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, confirm
from vcf_tasks_async.cli.exits import Exit, code_of_all
from vcf_tasks_async.cli.output import Cell, Column, Output, Table, clean
from vcf_tasks_async.cli.records import of_outcome, of_report, of_trouble
from vcf_tasks_async.cli.search import Target, fitting
from vcf_tasks_async.cli.selection import Selection
from vcf_tasks_async.cli.shares import of_results, status_style
from vcf_tasks_async.cli.sites import Found, Sites
from vcf_tasks_async.cli.times import short

__all__ = ["Acting", "How"]

#: Targets that are shown before asking.
_SAMPLE: Final = 10
#: Outcomes up to which those that went well have a row of their own.
_FEW: Final = 20


@dataclass(frozen=True)
class How:
    """The options of a run."""

    yes: bool = False
    dry_run: bool = False
    concurrency: int | None = None
    rate: float | None = None
    journal: str | None = None
    follow: bool = False
    stop_after: float | None = None
    deadline: float | None = None
    force: bool = False

    def check_terminal(self) -> None:
        """Whether a person could be asked, where one will be.

        Raises:
            click.UsageError: there is nobody.
        """
        if not (self.yes or self.dry_run or can_ask()):
            raise click.UsageError("it asks before it acts, and there is no terminal to ask on: give --yes")

    def options(self) -> dict[str, Any]:
        """As the library calls them."""
        stop_after = self.stop_after
        return {
            "concurrency": self.concurrency,
            "force": self.force,
            "dry_run": self.dry_run,
            "rate": self.rate,
            "stop_after": int(stop_after) if stop_after is not None and stop_after >= 1 else stop_after,
            "deadline": self.deadline,
            "journal": self.journal,
            "wait": self.follow,
        }


class Acting:
    """A run, from its targets to its exit code.

    Args:
        action: what is asked.
        sites: where.
        what: ids, or what selects tasks.
        out: where outcomes go.
        how: the options.
        remarks: clean lines that stand before the question.
    """

    def __init__(
        self,
        action: v.Action,
        sites: Sites,
        what: list[str] | Selection,
        out: Output,
        how: How,
        remarks: Sequence[str] = (),
    ) -> None:
        self._action = action
        self._noun = "task" if action in (v.Action.RETRY, v.Action.CANCEL) else "credential task"
        self._sites = sites
        self._what = what
        self._out = out
        self._how = how
        self._remarks = remarks
        self._names: dict[Target, str] = {}
        self._told: Counter[str | None] = Counter()

    async def through(self) -> Exit:
        """Do all of it; returns the exit code."""
        async with self._sites as sites:
            targets = await self._targets()
            if not targets:
                if self._out.is_text:
                    self._out.line(f"no {self._noun}s")
                self._tell_troubles()
                return sites.code(of_any=False)
            for each in targets:
                if isinstance(each, Found):
                    self._names[Target(each.site, each.id)] = clean(each.task.name)
            if not (self._how.yes or self._how.dry_run) and not self._means_it(targets):
                print("nothing was done", file=sys.stderr)
                return Exit.FAILED
            return await self._run(targets)

    async def _targets(self) -> Sequence[Found | Target]:
        if isinstance(self._what, list):
            return await self._sites.find(self._what)
        found = await self._sites.collect(self._what.where)
        return [each for each in found if self._what.matches(each.task)]

    def _means_it(self, targets: Sequence[Found | Target]) -> bool:
        shown = Output(stream=sys.stderr)
        table = self._table([Column("ID"), Column("TASK", least=16)])
        for target in targets[:_SAMPLE]:
            name = self._names.get(Target(target.site, target.id), "")
            table.rows.append([*self._site_cell(target.site), Cell(clean(target.id), "dim"), Cell(name)])
        table.print(shown)
        if len(targets) > _SAMPLE:
            shown.line(f"… and {len(targets) - _SAMPLE} more")
        for remark in self._remarks:
            shown.line(remark)
        where = clean(self._sites.title)
        if self._sites.are_many:
            named = list(dict.fromkeys(target.site for target in targets))
            where = clean(named[0]) if len(named) == 1 else f"{len(named)} sites"
        these = f"this {self._noun}" if len(targets) == 1 else f"these {len(targets)} {self._noun}s"
        return confirm(f"{'Retry' if self._action.is_retry else 'Cancel'} {these} at {where}?")

    # --- doing ------------------------------------------------------------------------------------------

    async def _run(self, targets: Sequence[Found | Target]) -> Exit:
        work = self._sites.act(self._action, targets, **self._how.options())
        counts: Counter[v.Result] = Counter()
        try:
            with self._meter(counts, len(targets)):
                async with work as outcomes:
                    async for each in outcomes:
                        site, outcome = (None, each) if isinstance(each, v.Outcome) else each
                        counts[outcome.result] += 1
                        self._tell(site, outcome)
        except v.UsageError:
            # Such as a journal that is another run's: nothing was begun, so there is nothing to tell.
            raise
        except BaseException:
            # However else it ends, by Ctrl-C as well: what is known is told.
            self._close(work.report)
            raise
        self._close(work.report)
        return self._code(work.report)

    def _meter(self, counts: Counter[v.Result], total: int) -> Any:
        if self._out.quiet or not sys.stderr.isatty():
            return nullcontext()
        from vcf_tasks_async.cli.show import Screen  # noqa: PLC0415 - rich, for those who use it

        return Screen(stderr=True).meter(lambda: of_results(dict(counts)), total)

    # --- telling ----------------------------------------------------------------------------------------

    def _tell(self, site: str | None, outcome: v.Outcome) -> None:
        self._told[site] += 1
        if self._out.json:
            self._out.record(of_outcome(outcome, self._sites.manager(site), site), lenient=True)

    def _close(self, report: v.BulkReport | v.FleetReport) -> None:
        by_site = _by_site(report)
        for site, part in by_site.items():
            for outcome in part.outcomes[self._told[site] :]:
                self._tell(site, outcome)
        if isinstance(report, v.FleetReport):
            self._sites.note(report.troubles)
        self._tell_troubles()
        if self._out.json:
            for site, part in by_site.items():
                self._out.record(of_report(part, self._sites.manager(site), site), lenient=True)
        elif not self._out.quiet:
            self._show(report, by_site)

    def _tell_troubles(self) -> None:
        if self._out.json:
            for name, trouble in self._sites.troubles.items():
                self._out.record(of_trouble(trouble, self._sites.manager(name)), lenient=True)

    def _show(self, report: v.BulkReport | v.FleetReport, by_site: dict[str | None, v.BulkReport]) -> None:
        out = self._out
        columns = [Column("ID"), Column("RESULT"), Column("TASK", least=16)]
        table = self._table([*columns, Column("WHY", least=60, dropped=1)])
        shown: list[tuple[str | None, v.Outcome]] = []
        tally: Counter[Cell] = Counter()
        ends: Counter[Cell] = Counter()
        for site, part in by_site.items():
            for outcome in part.outcomes:
                tally[_result_of(outcome)] += 1
                if self._how.follow and outcome.result is v.Result.ACCEPTED:
                    ends[_end_of(outcome)] += 1
                if len(report) <= _FEW or self._needs_a_look(outcome):
                    shown.append((site, outcome))
        ids = fitting([clean(outcome.task_id) for _, outcome in shown], out.width)
        for (site, outcome), task_id in zip(shown, ids, strict=True):
            table.rows.append([*self._site_cell(site), Cell(task_id, "dim"), *self._row(site, outcome)])
            table.remarks.append(table.rows[-1][-1])
        if table.rows:
            if out.is_terminal:
                # The progress bar is right above.
                out.line()
            table.print(out)
            out.line()
        counted = [out.style(f"{n} {cell.text}", cell.style) for cell, n in (*tally.items(), *ends.items())]
        out.line(f"{' · '.join(counted) or 'nothing was done'}  {short(report.elapsed)}")
        for site, part in by_site.items():
            if part.stopped:
                whose = "" if site is None else f"{clean(site)} "
                out.line(f"{whose}ended early: {clean(part.stopped)}")
        if report.duplicates:
            out.line(f"{report.duplicates} were given more than once, and count once")

    def _table(self, columns: list[Column]) -> Table:
        return Table([Column("SITE", least=6), *columns] if self._sites.are_many else columns)

    def _site_cell(self, site: str | None) -> list[Cell]:
        return [Cell(clean(site), "cyan")] if self._sites.are_many else []

    def _needs_a_look(self, outcome: v.Outcome) -> bool:
        if outcome.result is not v.Result.ACCEPTED:
            return not _would_be_sent(outcome)
        return self._how.follow and not (outcome.final is not None and outcome.final.succeeded)

    def _row(self, site: str | None, outcome: v.Outcome) -> list[Cell]:
        final = outcome.final
        result, why = _result_of(outcome), _why(outcome)
        if final is not None:
            result, why = Cell(clean(final.raw_status), status_style(final.status)), clean(final.cause)
        name = self._names.get(Target(site, outcome.task_id)) or clean(final.name if final else None)
        return [result, Cell(name), Cell(why)]

    def _code(self, report: v.BulkReport | v.FleetReport) -> Exit:
        outcomes = [outcome for part in _by_site(report).values() for outcome in part.outcomes]
        failed = [outcome for outcome in outcomes if outcome.failed]
        if failed and len(failed) == len(report):
            errors = [
                outcome.error or v.BulkFailures("", report=v.BulkReport(outcome.action)) for outcome in failed
            ]
            return code_of_all([*errors, *self._sites.errors])
        ended_badly = self._how.follow and any(
            o.result is v.Result.ACCEPTED and not (o.final is not None and o.final.succeeded)
            for o in outcomes
        )
        bad = failed or ended_badly or report.stopped or not report.complete
        return self._sites.code(Exit.FAILED if bad else Exit.DONE)


def _by_site(report: v.BulkReport | v.FleetReport) -> dict[str | None, v.BulkReport]:
    if isinstance(report, v.BulkReport):
        return {None: report}
    return dict(report.sites.items())


def _would_be_sent(outcome: v.Outcome) -> bool:
    return outcome.result is v.Result.SKIPPED and (outcome.reason or "").startswith("dry run")


def _result_of(outcome: v.Outcome) -> Cell:
    if _would_be_sent(outcome):
        return Cell("would be sent", "cyan")
    [share] = [share for share in of_results({outcome.result: 1}) if share.number]
    return Cell(share.label, share.style)


def _why(outcome: v.Outcome) -> str:
    """Why it ended so: of a refusal what SDDC Manager says, since the rest stands in the row."""
    detail = outcome.error.detail if isinstance(outcome.error, v.ApiError) else None
    if outcome.result is not v.Result.REJECTED or detail is None or not detail.says_something:
        return clean(outcome.reason, limit=300)
    inner, remedy = detail.innermost()
    return clean(v.Failure(inner.text or detail.text, remedy), limit=300)


def _end_of(outcome: v.Outcome) -> Cell:
    final = outcome.final
    if final is None or not final.is_ended:
        return Cell("with an unknown end", "magenta")
    if final.succeeded:
        return Cell("succeeded", "green")
    return Cell("failed again" if outcome.action.is_retry and final.failed else "ended otherwise", "red")
