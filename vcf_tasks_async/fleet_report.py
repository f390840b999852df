"""What became of all targets of a run over a fleet: by site, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import attrs

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.outcomes import BulkReport, Result, counted, failed_in
from vcf_tasks_async.sites import SiteOutcome, SiteTrouble
from vcf_tasks_async.text import inert

# Sites that the text of a report shows.
_SHOWN: Final = 24


class FleetFailures(VcfTasksError):
    """Some targets of a run over a fleet were not accepted, or some sites were in trouble.

    Attributes:
        report: the whole report.
    """

    def __init__(self, message: str, *, report: FleetReport, **where: Any) -> None:
        super().__init__(message, **where)
        self.report = report


@attrs.define
class FleetReport:
    """What became of all targets, by site and in all.

    Attributes:
        action: what was asked.
        sites: each site's own report, by its name; of sites that had targets, or were asked for theirs.
        troubles: sites that could not do their part, by name. What was known of their targets is in `sites`.
        elapsed: seconds the run took.
        stopped: why the run as a whole ended early, or None; a site's own reason is in its report.

    Example:
        >>> report = FleetReport(Action.RETRY)
        >>> report.sites["sfo"] = BulkReport(Action.RETRY, complete=True)
        >>> report.sites["sfo"].add(Outcome("a758", Action.RETRY, Result.ACCEPTED))
        >>> print(report)
        retry of 1 task at 1 site in 0.0 s: 1 accepted
               1 sfo: 1 accepted
    """

    action: Action
    sites: dict[str, BulkReport] = attrs.field(factory=dict)
    troubles: dict[str, SiteTrouble] = attrs.field(factory=dict)
    elapsed: float = 0.0
    stopped: str | None = None

    @property
    def counts(self) -> Counter[Result]:
        """How many targets ended how, of all sites."""
        total: Counter[Result] = Counter()
        for report in self.sites.values():
            total.update(report.counts)
        return total

    @property
    def duplicates(self) -> int:
        """Targets that came more than once, of all sites."""
        return sum(report.duplicates for report in self.sites.values())

    @property
    def complete(self) -> bool:
        """Whether every target of every site has its outcome, and no site was in trouble."""
        return (
            self.stopped is None
            and not self.troubles
            and all(report.complete for report in self.sites.values())
        )

    @property
    def outcomes(self) -> Iterator[SiteOutcome]:
        """All outcomes that are kept, site by site."""
        for name, report in self.sites.items():
            for outcome in report.outcomes:
                yield SiteOutcome(name, outcome)

    def __len__(self) -> int:
        return sum(map(len, self.sites.values()))

    def __str__(self) -> str:
        """The report for a person: all in one line, then the sites, those in trouble first."""
        lines = [self._headline()]
        lines += [f"  in trouble: {trouble}" for trouble in list(self.troubles.values())[:_SHOWN]]
        largest = sorted(self.sites.items(), key=lambda each: (-failed_in(each[1].counts), each[0]))
        for name, report in largest[:_SHOWN]:
            line = f"  {len(report):6d} {name}: {counted(report.counts) or 'none'}"
            if before := sum(outcome.accepted_before for outcome in report.outcomes):
                line += f" ({before} of them before, by the journal)"
            lines.append(
                f"{line}; ended early: {inert(report.stopped, limit=200)}" if report.stopped else line
            )
        if len(largest) > _SHOWN:
            lines.append(f"         and {len(largest) - _SHOWN} more sites")
        return "\n".join(lines)

    def _headline(self) -> str:
        total, sites = len(self), len(self.sites.keys() | self.troubles.keys())
        line = (
            f"{self.action.value} of {total} task{'' if total == 1 else 's'} at {sites}"
            f" site{'' if sites == 1 else 's'} in {self.elapsed:.1f} s"
        )
        line += f": {counts}" if (counts := counted(self.counts)) else ""
        if self.troubles:
            line += f"; {len(self.troubles)} site{'' if len(self.troubles) == 1 else 's'} in trouble"
        if self.stopped:
            line += f"; ended early: {inert(self.stopped, limit=200)}"
        return line

    def raise_for_failures(self) -> None:
        """Raise when a target was rejected, not sent, or is unknown, or a site was in trouble.

        Raises:
            FleetFailures: with this report.
        """
        first = next((each for each in self.outcomes if each.outcome.failed), None)
        if self.troubles:
            why = f"; {next(iter(self.troubles.values()))}"
        elif first is not None:
            name = inert(first.outcome.task_id, limit=128)
            why = f"; the first that failed, {name} at {first.site}: {first.outcome.reason}"
        else:
            return
        raise FleetFailures(self._headline() + why, report=self)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values, ready for `json.dumps`."""
        return {
            "action": self.action.value,
            "counts": {result.value: n for result, n in self.counts.items()},
            "duplicates": self.duplicates,
            "elapsed": round(self.elapsed, 6),
            "complete": self.complete,
            "stopped": self.stopped,
            "troubles": {name: trouble.to_json() for name, trouble in self.troubles.items()},
            "sites": {name: report.to_json() for name, report in self.sites.items()},
        }
