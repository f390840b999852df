"""What comes from a fleet travels: items, troubles, reports and errors pickle as what they are."""

from __future__ import annotations

import pickle

import pytest

from vcf_tasks_async import (
    Action,
    BulkReport,
    EnvSecret,
    EventKind,
    FleetFailures,
    FleetReport,
    NotSentError,
    Outcome,
    PasswordAuth,
    Result,
    Site,
    SiteEvent,
    SiteOutcome,
    SiteTask,
    SiteTrouble,
    Task,
    TaskEvent,
)
from vcf_tasks_async.job_words import Answer, End, Notes
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.sites import joined
from vcf_tasks_async.status import Status

TASK = Task(id="a758", raw_status="Failed")
OUTCOME = Outcome("a758", Action.RETRY, Result.NOT_SENT, "refused", NotSentError("refused", manager="sfo"))
TROUBLE = SiteTrouble("sfo", "retry", NotSentError("refused", manager="sfo"))


def report() -> FleetReport:
    made = FleetReport(Action.RETRY, {"sfo": BulkReport(Action.RETRY)}, {"sfo": TROUBLE}, 1.5, "left")
    made.sites["sfo"].add(OUTCOME)
    return made


@pytest.mark.parametrize(
    "whole",
    [
        SiteTask("sfo", TASK),
        SiteEvent("sfo", TaskEvent(EventKind.APPEARED, TASK, "a758")),
        SiteOutcome("sfo", OUTCOME),
        TROUBLE,
        report(),
        Site("sfo-vcf01.rainpole.io", PasswordAuth("a", EnvSecret("A")), zone="sfo"),
        Notes(frozenset({"a"}), (("b", Sighting(Status.FAILED, "2026", None)),), 1.0, 2.0),
        End(NotSentError("refused"), {"complete": True}).facts,
        Answer.WIND_UP,
    ],
    ids=lambda whole: type(whole).__name__,
)
def test_it_pickles_as_what_it_is(whole):
    clone = pickle.loads(pickle.dumps(whole))
    assert clone == whole
    assert type(clone) is type(whole)


def test_the_errors_of_a_fleet_travel_whole():
    troubles = pickle.loads(pickle.dumps(joined({"sfo": TROUBLE}, 3)))
    assert str(troubles) == "1 of 3 sites in trouble: retry at sfo: refused"
    assert troubles.troubles["sfo"].error.manager == "sfo"
    with pytest.raises(FleetFailures) as caught:
        report().raise_for_failures()
    failures = pickle.loads(pickle.dumps(caught.value))
    assert str(failures) == str(caught.value)
    assert failures.report == caught.value.report


def test_a_report_of_many_sites_reads_with_those_in_trouble_first():
    made = FleetReport(Action.CANCEL)
    for n in range(30):
        made.sites[f"s{n:02d}"] = BulkReport(Action.CANCEL, complete=True)
        made.sites[f"s{n:02d}"].add(Outcome("a", Action.CANCEL, Result.ACCEPTED))
    assert made.complete
    made.raise_for_failures()
    made.sites["s20"].add(OUTCOME)
    made.troubles["s07"] = TROUBLE
    lines = str(made).splitlines()
    assert lines[0] == "cancel of 31 tasks at 30 sites in 0.0 s: 30 accepted, 1 not sent; 1 site in trouble"
    assert lines[1:3] == ["  in trouble: retry at sfo: refused", "       2 s20: 1 accepted, 1 not sent"]
    assert lines[-1] == "         and 6 more sites"
