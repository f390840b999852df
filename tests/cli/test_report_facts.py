"""What a report makes of tasks: times that can't be true, causes, durations, and places on the timeline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from report_tasks import NOW, ago, facts, full_task, made

from vcf_tasks_async import ErrorDetail, Stage, Status, SubTask, Task
from vcf_tasks_async.cli.report_rows import row_of
from vcf_tasks_async.cli.report_svg import step_bars, strip, timeline_of
from vcf_tasks_async.cli.report_words import Kind, duration_words, kind_of, moment_words


def at(minutes: float) -> str:
    """The moment *minutes* after an hour before now."""
    return ago(minutes=60 - minutes)


def task(task_id: str = "t", status: str = "Successful", created: str | None = None, **more: object) -> Task:
    return Task(id=task_id, raw_status=status, creation_timestamp=created, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_kind(status: Status) -> None:
    kind = kind_of(status)
    assert (kind is Kind.FAILED) == status.failed
    assert (kind in (Kind.SUCCEEDED, Kind.WARNED)) == status.succeeded
    assert (kind in (Kind.RUNNING, Kind.WAITING, Kind.UNKNOWN)) == (not status.is_ended)
    assert (kind is Kind.UNKNOWN) == (status is Status.UNKNOWN)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"), (9.94, "9.9 s"), (59.999, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"),
        (3600, "1 h 00 min"), (86_399, "23 h 59 min"), (86_400, "1 d 00 h"), (10**9, "11574 d 01 h"),
    ],
)  # fmt: skip
def test_durations_are_told_in_their_two_largest_units(seconds: float, words: str) -> None:
    assert duration_words(timedelta(seconds=seconds)) == words


def test_moments_are_told_in_utc() -> None:
    assert moment_words(datetime(2026, 2, 3, 4, 5, 6, 999, tzinfo=UTC)) == "2026-02-03 04:05:06"
    assert moment_words(None) == duration_words(None) == "–"


@pytest.mark.parametrize(
    ("created", "completed", "kept", "duration", "odd"),
    [
        (at(0), at(5), True, 300, False),
        (at(0), None, True, None, False),
        (None, None, False, None, False),
        (at(5), at(0), True, None, True),
        ("1970-01-21T06:52:48.075Z", at(5), False, None, True),
        (at(0), "1970-01-21T06:52:48.075Z", True, None, True),
        ("2126-01-01T00:00:00Z", None, False, None, True),
        ("yesterday", None, False, None, True),
        ("", " ", False, None, False),
        (at(0), at(0), True, 0, False),
    ],
)
def test_a_time_is_used_when_it_can_be_true(
    created: str | None, completed: str | None, kept: bool, duration: float | None, odd: bool
) -> None:
    row = row_of(task(created=created, completion_timestamp=completed), NOW)
    assert (row.created is not None) is kept
    assert row.duration == (None if duration is None else timedelta(seconds=duration))
    assert row.odd_times is odd
    # Whatever it is, it can be put into a report.
    timeline_of(facts([task(created=created, completion_timestamp=completed)]))


def test_what_still_runs_has_not_completed_whatever_its_timestamp_says() -> None:
    row = row_of(task(status="In Progress", created=at(0), completion_timestamp=at(5)), NOW)
    assert row.completed is None
    assert row.duration is None


@pytest.mark.parametrize(
    ("status", "hours", "stuck"),
    [("In Progress", 25, True), ("In Progress", 23, False), ("Failed", 25, False), ("Pending", 25, False)],
)
def test_running_for_more_than_a_day_is_stuck(status: str, hours: float, stuck: bool) -> None:
    assert row_of(task(status=status, created=ago(hours=hours)), NOW).is_stuck is stuck


def test_the_failure_is_the_tasks_own_cause_in_parts() -> None:
    tasks = made(200, seed=3, failed=1.0, running=0.0)
    tasks += [
        full_task("why"),
        task(status="Failed"),
        task(status="Failed", errors=(ErrorDetail(remediation_message="do this"),)),
        task(status="Failed", sub_tasks=(SubTask(name="a", raw_status="FAILED"),)),
        task(status="Failed", errors=(ErrorDetail(error_code="CODE_ONLY"),)),
    ]
    for failed in tasks:
        failure = row_of(failed, NOW).failure
        assert failure is not None
        if failed.cause is None:
            assert (failure.text, failure.step) == ("no reason given", None)
        elif failed.cause.endswith("failed and gave no reason"):
            assert failed.cause == f"{failure.step} failed and gave no reason"
        elif failure.text == "no reason given":
            assert failed.cause == failure.remedy
        else:
            assert failed.cause == f"{failure.text}{f' — {failure.remedy}' if failure.remedy else ''}"
    assert row_of(task(), NOW).failure is None


def test_tasks_that_failed_for_one_reason_stand_together() -> None:
    def failed(number: int, message: str, code: str = "E") -> Task:
        error = ErrorDetail(message=message, error_code=code, remediation_message=f"Look at esx{number}.")
        step = SubTask(name="s", raw_status="FAILED", errors=(error,))
        return task(str(number), "Failed", at(number), sub_tasks=(step,))

    data = facts(
        [
            failed(1, "Host esx1.rainpole.io answered 503: 2 of 3 nodes are up."),
            failed(2, "Host esx2.rainpole.io answered 503: 2 of 4 nodes are up."),
            failed(3, "Host esx3.rainpole.io answered 503: 2 of 3 nodes are up.", code="OTHER"),
            failed(4, "No such thing"),
            task("5", "Failed", at(5)),
            task("6", "Failed", at(6)),
        ]
    )
    assert [(c.text, c.code, [r.id for r in c.rows], c.remedies) for c in data.causes] == [
        ("no reason given", None, ["6", "5"], ()),
        ("Host … answered 503: 2 of … nodes are up.", "E", ["2", "1"], ("Look at ….",)),
        ("No such thing", "E", ["4"], ("Look at esx4.",)),
        ("Host esx3.rainpole.io answered 503: 2 of 3 nodes are up.", "OTHER", ["3"], ("Look at esx3.",)),
    ]


def test_counts_and_durations_are_those_of_the_tasks() -> None:
    tasks = [
        task(str(n), "Successful", ago(hours=30), completion_timestamp=ago(hours=30, seconds=-n), type="A")
        for n in range(1, 101)
    ]
    tasks += [
        task("b", "FAILED", ago(hours=1), type="B"),
        task("c", "Frob", type=" "),
        task("d", None, type="B"),
    ]  # type: ignore[arg-type]
    data = facts(tasks)
    assert [(s.words, s.kind, s.number) for s in data.statuses] == [
        ("Failed", Kind.FAILED, 1), ("Successful", Kind.SUCCEEDED, 100), ("Frob", Kind.UNKNOWN, 1),
        ("No status", Kind.UNKNOWN, 1),
    ]  # fmt: skip
    assert [(t.label, len(t.rows), t.kinds[Kind.FAILED]) for t in data.types] == [
        ("A", 100, 0), ("B", 2, 1), ("no type", 1, 0),
    ]  # fmt: skip
    durations = data.durations
    assert durations is not None
    assert durations == data.types[0].durations
    assert durations.median.total_seconds() == 50.5
    assert durations.p95.total_seconds() == 95
    assert durations.longest.id == "100"
    assert data.types[1].durations is None
    assert [row.id for row in data.rows[:1]] == ["b"]
    assert {row.id for row in data.rows[-2:]} == {"c", "d"}


def test_a_server_that_invents_types_statuses_and_causes_fills_no_report() -> None:
    data = facts(
        task(str(n), f"S{n}", at(1), type=f"T{n}") for n in range(200)
    )  # fmt: skip
    assert len(data.statuses) == len(data.types) == 51
    assert sum(s.number for s in data.statuses) == sum(len(t.rows) for t in data.types) == 200
    words = ("abc"[n % 3] * (n + 1) for n in range(200))
    failed = (task(w, "Failed", errors=(ErrorDetail(message=w),)) for w in words)
    causes = facts(failed).causes
    assert len(causes) == 51
    assert causes[-1].text == "Other causes"
    assert sum(len(c.rows) for c in causes) == 200


def test_steps_begin_where_the_one_before_ended() -> None:
    def step(name: str, status: str, ended: float | None, created: float = 0, **more: object) -> SubTask:
        completed = None if ended is None else at(ended)
        return SubTask(name=name, raw_status=status, creation_timestamp=at(created),
                       completion_timestamp=completed, **more)  # type: ignore[arg-type]  # fmt: skip

    stages = (
        Stage(name="s1", raw_status="SUCCESSFUL", creation_timestamp=at(0), completion_timestamp=at(20)),
    )
    whole = task(
        "t", "Failed", at(0), completion_timestamp=at(50),
        sub_tasks=(
            step("one", "SUCCESSFUL", 10),
            step("two", "SUCCESSFUL", 20, stages=stages),
            step("beside", "SUCCESSFUL", 15),
            step("later", "SUCCESSFUL", 40, created=30),
            step("bad", "FAILED", None),
            step("waits", "PENDING", 41),
        ),
    )  # fmt: skip
    row = row_of(whole, NOW)
    start = NOW - timedelta(hours=1)
    minutes = [
        tuple(None if m is None else (m - start).total_seconds() / 60 for m in (s.began, s.completed))
        for s in row.steps
    ]
    assert [s.name for s in row.steps] == ["one", "two", "s1", "beside", "later", "bad", "waits"]
    assert minutes == [(0, 10), (10, 20), (10, 20), (0, 15), (30, 40), (40, None), (None, None)]
    bars = step_bars(row, NOW)
    assert [bar.x for bar in bars] == pytest.approx([0, 20, 20, 0, 60, 80, None])
    assert [round(bar.width) for bar in bars] == [20, 20, 20, 30, 20, 20, 0]
    assert [(s.x, s.kind) for s in strip(row)][4] == (pytest.approx(400 / 6), Kind.FAILED)


def test_of_a_thousand_steps_those_that_failed_are_kept() -> None:
    statuses = ["SUCCESSFUL"] * 1000
    statuses[700] = "FAILED"
    steps = tuple(SubTask(name=str(i), raw_status=status) for i, status in enumerate(statuses))
    row = row_of(task(sub_tasks=steps), NOW)
    assert row.steps_in_all == 1000
    assert [step.name for step in row.steps] == [*map(str, range(59)), "700"]
    assert len(strip(row)) <= 60


def test_each_task_with_a_time_has_a_place_of_its_own() -> None:
    data = facts(made(500, zombies=0.01))
    timeline = timeline_of(data)
    assert timeline is not None
    assert sum(len(lane.bars) + lane.crowded for lane in timeline.lanes) == 500
    for lane in timeline.lanes:
        for track in range(lane.tracks):
            bars = sorted((bar for bar in lane.bars if bar.track == track), key=lambda bar: bar.x)
            assert bars
            assert all(0 <= bar.x <= bar.end <= 100.1 for bar in bars)
            assert all(one.end < other.x for one, other in pairwise(bars))


def test_where_room_is_short_failed_tasks_have_it() -> None:
    tasks = [task(f"ok{n}", "Successful", at(1)) for n in range(20)]
    tasks += [task(f"bad{n}", "Failed", at(1)) for n in range(5)]
    timeline = timeline_of(facts(tasks))
    assert timeline is not None
    (lane,) = timeline.lanes
    assert sum(bar.row.kind is Kind.FAILED for bar in lane.bars) == 5
    assert len(lane.bars) + lane.crowded == 25
    assert lane.crowded > 0


@pytest.mark.parametrize("others", [3, 200])
def test_a_zombie_of_last_year_does_not_press_all_others_into_a_corner(others: int) -> None:
    tasks = [task("z", "In Progress", ago(days=300))]
    tasks += [task(str(n), "Successful", ago(hours=n % 48 + 1)) for n in range(others)]
    timeline = timeline_of(facts(tasks))
    assert timeline is not None
    assert timeline.early == 1
    assert timeline.begin > NOW - timedelta(days=3)
    zombie = next(bar for lane in timeline.lanes for bar in lane.bars if bar.row.id == "z")
    assert (zombie.x, zombie.began_before) == (0, True)


@pytest.mark.parametrize(
    "span", [{"seconds": 0}, {"minutes": 3}, {"hours": 20}, {"days": 40}, {"days": 4000}]
)
def test_the_axis_has_few_moments_whatever_its_span(span: dict[str, float]) -> None:
    timeline = timeline_of(facts([task("a", created=ago(**span)), task("b", created=ago(seconds=0))]))
    assert timeline is not None
    assert len(timeline.ticks) <= 6
    labels = [tick.label for tick in timeline.ticks if tick.label]
    assert len(set(labels)) == len(labels)
    assert all(0 <= tick.x <= 100 for tick in timeline.ticks)
    assert span["seconds" if "seconds" in span else next(iter(span))] == 0 or timeline.ticks


def test_without_any_time_there_is_no_timeline() -> None:
    assert timeline_of(facts([])) is None
    assert timeline_of(facts([task(), task("2", created="1970-01-01T00:00:00Z")])) is None
