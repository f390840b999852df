"""A report tells the truth, in a terminal and as JSON, also when it kept only a part of the outcomes."""

from __future__ import annotations

import json
import pickle

import pytest

from vcf_tasks_async import (
    Action,
    BulkFailures,
    BulkReport,
    Outcome,
    OutcomeUnknownError,
    RateLimited,
    Result,
    ServerError,
    Status,
    Task,
    TaskConflict,
)

MANAGER = "sfo-vcf01.rainpole.io"


def task_id(i: int) -> str:
    return f"3ee54a9a-5d0f-4d54-8d26-{i:012x}"


def refused(i: int, kind: type, status: int, words: str) -> Outcome:
    text = (
        f"retry of task {task_id(i)} refused by {MANAGER} ({status} TA_CODE): {words} [reference token T{i}]"
    )
    return Outcome(task_id(i), Action.RETRY, Result.REJECTED, text, kind(text, status=status), 1)


def outcomes(count: int):
    for i in range(count):
        match i % 20:
            case 0:
                yield refused(i, TaskConflict, 409, "Task cannot be retried: " + "a long story " * 30)
            case 1:
                yield refused(
                    i, ServerError, 500, f"The call for {task_id(i)} failed\x1b[31m\nand that twice"
                )
            case 2:
                error = OutcomeUnknownError(f"retry of task {task_id(i)} at {MANAGER}: no answer in time")
                yield Outcome(task_id(i), Action.RETRY, Result.UNKNOWN, str(error), error, 1)
            case 3:
                error = RateLimited("later", status=429)
                yield Outcome(task_id(i), Action.RETRY, Result.NOT_SENT, "later", error, 3)
            case 4:
                yield Outcome(task_id(i), Action.RETRY, Result.SKIPPED, f"it has not failed ({i})")
            case _:
                raw = "Successful" if i % 3 else "FAILED"
                yield Outcome(
                    task_id(i),
                    Action.RETRY,
                    Result.ACCEPTED,
                    attempts=1,
                    final=Task(id=task_id(i), raw_status=raw),
                )


def report_of(count: int, *, summary: bool = False) -> BulkReport:
    report = BulkReport(Action.RETRY, summary=summary)
    for outcome in outcomes(count):
        report.add(outcome)
    report.duplicates, report.elapsed, report.stopped = 3, 61.5, "its deadline of 60 s passed"
    return report


@pytest.mark.parametrize("summary", [False, True])
def test_its_text_fits_eighty_columns_and_counts_all(summary):
    text = str(report_of(2000, summary=summary))
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 60
    assert all(line.isprintable() for line in text.splitlines())
    words = " ".join(text.split())
    assert words.startswith(
        "retry of 2000 tasks in 61.5 s: 1500 accepted, 100 skipped, 200 rejected, 100 not sent, 100 unknown"
    )
    assert "ended early: its deadline of 60 s passed" in words
    assert "3 more had been given before and count once" in words
    assert "of the accepted, these have ended: 1000 successful, 500 failed" in words
    # One trouble of many tasks is one group, whatever differs in their ids and tokens.
    assert "100 rejected: 500 TA_CODE: The call for … failed" in words
    assert f"100 unknown: no answer in time {task_id(2)} and 99 more" in words
    assert f"100 not sent: later {task_id(3)} and 99 more" in words
    assert ("more kinds: see outcomes" in words) is not summary


def test_a_group_of_one_names_it_and_a_run_without_trouble_is_one_line():
    report = BulkReport(Action.CANCEL)
    report.add(Outcome("a", Action.CANCEL, Result.ACCEPTED))
    assert str(report) == "cancel of 1 task in 0.0 s: 1 accepted"
    report.add(Outcome("b" * 300, Action.CANCEL, Result.SKIPPED, "it has ended (Failed)"))
    *_, why, who = str(report).splitlines()
    assert why == "     1  skipped: it has ended (Failed)"
    assert who.strip().startswith("bbb")
    assert len(who) <= 80


def test_what_only_an_earlier_run_had_sent_does_not_pass_for_sent():
    report = BulkReport(Action.RETRY)
    report.add(Outcome("now", Action.RETRY, Result.ACCEPTED, "a look at the task proved it", attempts=1))
    assert len(str(report).splitlines()) == 1
    for name in ("task-1", "task-2"):
        report.add(Outcome(name, Action.RETRY, Result.ACCEPTED, "in an earlier run, by the journal"))
    assert str(report).splitlines() == [
        "retry of 3 tasks in 0.0 s: 3 accepted",
        "     2  accepted: in an earlier run, by the journal",
        "         task-1 and 1 more",
    ]


def test_in_summary_mode_it_says_that_it_kept_a_part_and_the_counts_are_of_all():
    report = report_of(10_000, summary=True)
    assert len(report.outcomes) == 1000
    assert all(outcome.failed for outcome in report.outcomes)
    assert len(report) == 10_000
    assert "of the first 1000 that went wrong; 2000 did" in str(report)
    assert report.ended == {Status.SUCCESSFUL: 5000, Status.FAILED: 2500}
    with pytest.raises(BulkFailures, match="1000 rejected, 500 not sent, 500 unknown; the first that failed"):
        report.raise_for_failures()
    assert "went wrong" not in str(report_of(1000, summary=True))


@pytest.mark.parametrize("summary", [False, True])
def test_as_json_it_holds_what_it_holds(summary):
    report = report_of(2000, summary=summary)
    document = json.loads(json.dumps(report.to_json()))
    assert document["counts"] == {
        "accepted": 1500, "skipped": 100, "rejected": 200, "not_sent": 100, "unknown": 100,
    }  # fmt: skip
    assert document["ended"] == {"SUCCESSFUL": 1000, "FAILED": 500}
    assert document["summary"] is summary
    assert document["stopped"] == "its deadline of 60 s passed"
    assert len(document["outcomes"]) == (400 if summary else 2000)


def test_its_failure_pickles_with_the_whole_report():
    with pytest.raises(BulkFailures) as caught:
        report_of(40).raise_for_failures()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.report == caught.value.report
    assert str(again) == str(caught.value)


@pytest.mark.parametrize("result", Result)
def test_only_what_failed_raises(result):
    report = BulkReport(Action.RETRY)
    report.add(Outcome("a", Action.RETRY, result, "why"))
    if result in (Result.ACCEPTED, Result.SKIPPED):
        report.raise_for_failures()
    else:
        with pytest.raises(
            BulkFailures, match=f"1 {result.value.replace('_', ' ')}; the first that failed, a: why"
        ):
            report.raise_for_failures()
