"""What is remembered of a task is enough to tell every change, and fits into a cursor."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async import EventKind, Progress, Stage, SubTask, Task, TaskEvent
from vcf_tasks_async.cursor import Told, from_cursor
from vcf_tasks_async.events import Mark, changes, told_up_to

# Distinct statuses, so that no two of them are spellings of one.
STATUSES = st.sampled_from(["PENDING", "IN_PROGRESS", "SUCCESSFUL", "FAILED", "Odd", "Odder", "", None])
STAGES = st.lists(st.builds(Stage, raw_status=STATUSES), max_size=3).map(tuple)
SUBTASKS = st.recursive(
    st.builds(SubTask, raw_status=STATUSES, stages=STAGES),
    lambda inner: st.builds(
        SubTask, raw_status=STATUSES, stages=STAGES, sub_tasks=st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=8,
)
TASKS = st.builds(
    Task, id=st.just("a"), raw_status=STATUSES, sub_tasks=st.lists(SUBTASKS, max_size=4).map(tuple)
)


def shown(task):
    """Every status in a task, by path."""
    return {"": task.raw_status} | {path: node.raw_status for path, node in task.walk()}


@given(TASKS)
def test_a_mark_knows_the_paths_and_statuses_of_the_walk(task):
    mark = Mark.of(task)
    assert list(zip(mark.paths(), mark.steps, strict=True)) == [
        (path, node.raw_status) for path, node in task.walk()
    ]


@given(TASKS, TASKS)
def test_the_changes_lead_from_one_look_to_the_next(before, after):
    state = {path: status for path, status in shown(before).items() if status is not None}
    for kind, path, old, new in changes(Mark.of(before), Mark.of(after)):
        assert state.get(path) == old
        assert (kind is EventKind.SUBTASK) == bool(path)
        if new is None:
            state.pop(path, None)
        else:
            state[path] = new
    # A text and none at all are both no known status, so they differ; a step without one may come and go.
    assert state == {path: status for path, status in shown(after).items() if status is not None}


@given(TASKS)
def test_nothing_changed_is_nothing_told(task):
    assert changes(Mark.of(task), Mark.of(task)) == []


@given(TASKS, TASKS, st.integers(0, 30))
def test_half_told_changes_are_neither_lost_nor_repeated(before, after, count):
    old, new = Mark.of(before), Mark.of(after)
    told = changes(old, new)
    half = told_up_to(old, new, count)
    rest = changes(half, new)
    if (old.nested, len(old.steps)) == (new.nested, len(new.steps)):
        assert told[:count] + rest == told
    else:
        assert rest in (told, [])


@given(st.dictionaries(st.text(max_size=5), TASKS.map(Mark.of), max_size=5))
def test_a_cursor_holds_what_it_was_made_of(marks):
    cursor = Told(marks).cursor()
    assert from_cursor(json.loads(json.dumps(cursor))) == marks == from_cursor(json.dumps(cursor))


@pytest.mark.parametrize(
    ("status", "steps", "expected"),
    [
        ("In Progress", ["SUCCESSFUL", "IN_PROGRESS", "PENDING"], (1, 3, "1", 60.0)),
        ("Failed", ["SUCCESSFUL", "FAILED", "PENDING"], (1, 3, "1", 30.0)),
        ("Successful", ["SUCCESSFUL", "SKIPPED"], (2, 2, None, 30.0)),
        ("In Progress", [], (0, 0, None, 60.0)),
        ("Frobnicating", ["PENDING", "Running"], (0, 2, "1", 60.0)),
    ],
)
def test_progress_counts_subtasks_and_names_the_one_that_matters(status, steps, expected):
    task = Task(
        id="a",
        raw_status=status,
        creation_timestamp="2025-06-15T15:00:00.000Z",
        completion_timestamp="2025-06-15T15:00:30.000Z",
        sub_tasks=tuple(SubTask(name=str(i), raw_status=step) for i, step in enumerate(steps)),
    )
    progress = Progress.of(task, now=datetime(2025, 6, 15, 15, 1, tzinfo=UTC))
    assert (progress.done, progress.total, progress.current, progress.elapsed) == expected


def test_an_event_pickles():
    event = TaskEvent(EventKind.ENDED, Task(id="a", raw_status="Failed"), "a", after="Failed")
    assert pickle.loads(pickle.dumps(event)) == event


def test_a_cursor_that_is_kept_up_says_what_a_new_one_would():
    rng = Random(7)
    told = Told()
    for step in range(2000):
        task_id = f"t{rng.randrange(30)}"
        if rng.random() < 0.4:
            told.forget(task_id)
        else:
            told[task_id] = Mark(
                f"s{rng.randrange(50)}", steps=("a",) * rng.randrange(4, 8), nested=((0, 1, 2),)
            )
        # Asked for often, seldom, and not at all for long.
        if rng.random() < (0.5, 0.01)[step // 500 % 2]:
            other = f"t{rng.randrange(30)}"
            instead = rng.choice([None, {other: None}, {other: Mark("x")}])
            expected = {k: v for k, v in {**told, **(instead or {})}.items() if v is not None}
            assert from_cursor(json.loads(json.dumps(told.cursor(instead)))) == expected
            assert from_cursor(told.cursor()) == told


def test_a_cursor_after_each_event_packs_each_task_once(monkeypatch):
    packed = []
    pack = Told._pack
    monkeypatch.setattr(Told, "_pack", lambda self, mark: packed.append(mark) or pack(self, mark))
    told = Told()
    for number in range(1000):
        told[f"t{number}"] = Mark("In Progress", run=number)
        assert len(told.cursor()["tasks"]) == number + 1
    assert len(packed) == 1000
