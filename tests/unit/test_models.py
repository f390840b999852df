"""The task tree: one status vocabulary, causes and progress a human can use, values that stay values."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from documents import CLASSES, documents
from hypothesis import example, given
from hypothesis import strategies as st

from vcf_tasks_async.codec import structure
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.models import Stage, SubTask, Task, TaskPage
from vcf_tasks_async.status import Status
from vcf_tasks_async.steps import ErrorCause, ErrorDetail, Failure, parse_timestamp

ENDED_WELL = ("SUCCESSFUL", "COMPLETED_WITH_WARNING", "COMPLETED_WITH_SUCCESS")
ENDED_BADLY = ("FAILED", "TIMED_OUT", "INCONSISTENT", "COMPLETED_WITH_FAILURE")
ENDED_NEITHER = ("CANCELLED", "USER_CANCELLED", "SKIPPED", "NOT_APPLICABLE")
GOING_ON = ("PENDING", "QUEUED", "IN_PROGRESS", "RUNNING", "SCHEDULED")
KNOWN = (*ENDED_WELL, *ENDED_BADLY, *ENDED_NEITHER, *GOING_ON)


def spellings(name: str) -> list[str]:
    blank = name.replace("_", " ")
    return [name, name.lower(), blank, blank.title(), blank.lower(), name.replace("_", "-"), f"  {name}\n"]


# --- status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KNOWN)
def test_every_spelling_of_a_known_status_means_the_same(name):
    assert {Status.parse(text) for text in spellings(name)} == {Status[name]}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("In Progress", Status.IN_PROGRESS),
        ("IN_PROGRESS", Status.IN_PROGRESS),
        ("Failed", Status.FAILED),
        ("FAILED", Status.FAILED),
        ("Successful", Status.SUCCESSFUL),
        ("Timed Out", Status.TIMED_OUT),
        ("CANCELED", Status.CANCELLED),
        ("Canceled", Status.CANCELLED),
        ("User Canceled", Status.USER_CANCELLED),
        ("USER_CANCELED", Status.USER_CANCELLED),
        ("Completed with Warning", Status.COMPLETED_WITH_WARNING),
    ],
)
def test_the_spellings_seen_on_real_systems(text, status):
    assert Status.parse(text) is status


@pytest.mark.parametrize(
    "text",
    [None, "", " ", "\t\n", "_", "-", "Frobnicating", "FAILED!", "NOT FAILED", "succesful", "0", "None"],
)
def test_an_unknown_status_is_neither_ended_nor_succeeded_nor_failed(text):
    status = Status.parse(text)
    assert status is Status.UNKNOWN
    assert (status.is_ended, status.succeeded, status.failed) == (False, False, False)
    task = Task(id="a", raw_status=text)
    assert (task.is_ended, task.succeeded, task.failed, task.raw_status) == (False, False, False, text)


@pytest.mark.parametrize(
    ("names", "verdict"),
    [
        (ENDED_WELL, (True, True, False)),
        (ENDED_BADLY, (True, False, True)),
        (ENDED_NEITHER, (True, False, False)),
        (GOING_ON, (False, False, False)),
        (("UNKNOWN",), (False, False, False)),
    ],
    ids=["ended well", "ended badly", "ended neither way", "going on", "unknown"],
)
def test_what_each_status_says_about_the_end(names, verdict):
    assert {(s.is_ended, s.succeeded, s.failed) for s in map(Status.__getitem__, names)} == {verdict}


def test_the_tables_above_hold_every_status():
    assert {*KNOWN, "UNKNOWN"} == set(Status.__members__)


@given(st.text())
@example("\ud800")
@example("faıled")
@example("ſucceſſful")
def test_parsing_a_status_never_raises_and_what_is_not_ascii_is_no_status(text):
    status = Status.parse(text)
    assert isinstance(status, Status)
    if not text.isascii():
        # "faıled", whose dotless i is an I in upper case, is nothing SDDC Manager says.
        assert status is Status.UNKNOWN or text.strip().isascii()


@given(
    st.sampled_from(sorted(Status.__members__)),
    st.randoms(use_true_random=False),
    st.text(" \t\n", max_size=3),
)
def test_case_blank_and_dash_make_no_difference(name, rng, pad):
    text = (
        pad
        + "".join(rng.choice((c.lower(), c.upper())) if c != "_" else rng.choice("_ -") for c in name)
        + pad
    )
    assert Status.parse(text) is Status[name]


@given(st.text(st.characters(max_codepoint=127)))
def test_parsing_is_stable_under_case(text):
    assert Status.parse(text) is Status.parse(text.upper()) is Status.parse(text.lower())


# --- timestamps and duration ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-06-20T12:03:18.890Z", datetime(2019, 6, 20, 12, 3, 18, 890000, UTC)),
        ("1970-01-21T06:52:48.075Z", datetime(1970, 1, 21, 6, 52, 48, 75000, UTC)),
        ("2019-06-20T14:03:18+02:00", datetime(2019, 6, 20, 12, 3, 18, tzinfo=UTC)),
        ("2019-06-20T12:03:18", datetime(2019, 6, 20, 12, 3, 18, tzinfo=UTC)),
        (" 2019-06-20T12:03:18Z ", datetime(2019, 6, 20, 12, 3, 18, tzinfo=UTC)),
    ],
)
def test_timestamps_are_read_in_utc(text, moment):
    assert parse_timestamp(text) == moment
    assert parse_timestamp(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "1561032198890",
        "2019-13-45T99:99:99Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "\ud800",
        "2019-06-20T12:03:18.890Z junk",
        "２０１９-06-20T12:03:18Z",
    ],
)
def test_an_unreadable_timestamp_is_none_and_costs_nothing(text):
    task = Task(id="a", raw_status="Failed", creation_timestamp=text, completion_timestamp=text)
    assert (task.created_at, task.completed_at, task.duration) == (None, None, None)


@given(st.text() | st.from_regex(r"[0-9]{1,5}-[0-9]{1,2}-[0-9]{1,2}[T ]?[0-9:.]{0,15}[-+Z]?[0-9:]{0,9}"))
def test_reading_a_timestamp_never_raises(text):
    moment = parse_timestamp(text)
    assert moment is None or moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("status", "created", "completed", "seconds"),
    [
        ("Successful", "2019-06-20T12:00:00Z", "2019-06-20T12:01:30.5Z", 90.5),
        ("Failed", "2019-06-20T12:00:00Z", "2019-06-20T12:00:00Z", 0),
        ("Failed", "2019-06-20T12:00:00Z", "2019-06-20T14:00:01+02:00", 1),
        ("In Progress", "2019-06-20T12:00:00Z", "2019-06-20T12:01:30Z", None),
        ("PENDING", "2019-06-20T12:00:00Z", "2019-06-20T12:01:30Z", None),
        ("Frobnicating", "2019-06-20T12:00:00Z", "2019-06-20T12:01:30Z", None),
        ("Failed", "2019-06-20T12:00:01Z", "2019-06-20T12:00:00Z", None),
        ("Failed", None, "2019-06-20T12:00:00Z", None),
        ("Failed", "2019-06-20T12:00:00Z", "soon", None),
    ],
    ids=[
        "ended",
        "at once",
        "other zone",
        "running",
        "pending with completion (seen)",
        "unknown",
        "backwards",
        "no start",
        "unreadable",
    ],
)
def test_duration_is_told_only_of_what_ended_and_makes_sense(status, created, completed, seconds):
    for cls in (Task, SubTask, Stage):
        named = {"id": "a"} if cls is Task else {}
        node = cls(**named, raw_status=status, creation_timestamp=created, completion_timestamp=completed)
        assert node.duration == (None if seconds is None else timedelta(seconds=seconds))


# --- progress, walk, cause ------------------------------------------------------------------------


def subs(*statuses: str | None) -> tuple[SubTask, ...]:
    return tuple(SubTask(name=f"s{i}", raw_status=status) for i, status in enumerate(statuses))


@pytest.mark.parametrize(
    ("status", "children", "progress"),
    [
        ("Successful", (), 1.0),
        ("Successful", ("PENDING",), 1.0),
        ("In Progress", (), 0.0),
        ("In Progress", ("SUCCESSFUL", "IN_PROGRESS", "PENDING", "PENDING"), 0.25),
        ("In Progress", ("SUCCESSFUL", "SKIPPED", "NOT_APPLICABLE", "PENDING"), 0.75),
        ("Failed", ("SUCCESSFUL", "FAILED", "PENDING", "PENDING"), 0.25),
        ("Failed", (), 0.0),
        ("Frobnicating", ("Frobnicating", None), 0.0),
        (None, ("SUCCESSFUL",), 1.0),
    ],
)
def test_progress_is_the_share_of_subtasks_that_are_done(status, children, progress):
    assert Task(id="a", raw_status=status, sub_tasks=subs(*children)).progress == progress


def test_walk_goes_depth_first_in_server_order_with_places():
    tree = Task(
        id="a",
        sub_tasks=(
            SubTask(
                name="A",
                stages=(Stage(name="A1"), Stage(name="A2")),
                sub_tasks=(SubTask(name="A3", stages=(Stage(name="A3a"),)), SubTask(name="A4")),
            ),
            SubTask(name="B", stages=(Stage(name="B1"),)),
        ),
    )
    assert [(path, node.name) for path, node in tree.walk()] == [
        ("subTasks[0]", "A"),
        ("subTasks[0].stages[0]", "A1"),
        ("subTasks[0].stages[1]", "A2"),
        ("subTasks[0].subTasks[0]", "A3"),
        ("subTasks[0].subTasks[0].stages[0]", "A3a"),
        ("subTasks[0].subTasks[1]", "A4"),
        ("subTasks[1]", "B"),
        ("subTasks[1].stages[0]", "B1"),
    ]


def nested(*messages: str | None, **last: object) -> ErrorDetail:
    """An error in an error in an error; the last one gets *last* besides."""
    *outer, inner = messages
    error = ErrorDetail(message=inner, **last)
    for message in reversed(outer):
        error = ErrorDetail(message=message, nested_errors=(error,))
    return error


def failed(*errors: ErrorDetail, children: tuple[SubTask, ...] = (), status: str = "Failed") -> Task:
    return Task(id="a", raw_status=status, errors=errors, sub_tasks=children)


CAUSES = {
    "plain": (failed(ErrorDetail(message="no space")), "no space"),
    "with its remedy": (
        failed(ErrorDetail(message="no space", remediation_message="free some")),
        "no space — free some",
    ),
    "the innermost says it": (failed(nested("failed", "worse", "no space")), "no space"),
    "the remedy closest to it": (
        failed(
            ErrorDetail(
                message="x",
                remediation_message="call support",
                nested_errors=(ErrorDetail(message="disk full"),),
            )
        ),
        "disk full — call support",
    ),
    "the inner remedy wins": (
        failed(
            ErrorDetail(
                message="x",
                remediation_message="call support",
                nested_errors=(ErrorDetail(message="disk full", remediation_message="free some"),),
            )
        ),
        "disk full — free some",
    ),
    "the cause where there is no message": (
        failed(ErrorDetail(error_code="E1", causes=(ErrorCause(type="IOException", message="broken pipe"),))),
        "broken pipe",
    ),
    "the code where there is nothing else": (failed(ErrorDetail(error_code="VCF_E1")), "VCF_E1"),
    "one line, whatever came": (failed(ErrorDetail(message="a\r\n\tb   c")), "a b c"),
    "the first failed subtask before the task's own": (
        failed(
            ErrorDetail(message="the task"),
            children=(
                SubTask(raw_status="SUCCESSFUL", errors=(ErrorDetail(message="a warning"),)),
                SubTask(raw_status="FAILED", errors=(nested("composite", "host unreachable"),)),
                SubTask(raw_status="FAILED", errors=(ErrorDetail(message="later"),)),
            ),
        ),
        "host unreachable",
    ),
    "the task's own where the subtask is silent": (
        failed(ErrorDetail(message="the task"), children=(SubTask(name="s", raw_status="FAILED"),)),
        "the task",
    ),
    "a silent failure is named": (
        failed(children=(SubTask(name="UpdateCeip", raw_status="FAILED"),)),
        "UpdateCeip failed and gave no reason",
    ),
    "the deepest silent failure is named": (
        failed(
            children=(
                SubTask(
                    name="outer", raw_status="FAILED", stages=(Stage(name="inner", raw_status="FAILED"),)
                ),
            )
        ),
        "inner failed and gave no reason",
    ),
    "a stage may tell": (
        failed(
            children=(
                SubTask(
                    name="outer",
                    raw_status="FAILED",
                    stages=(Stage(raw_status="FAILED", errors=(ErrorDetail(message="in the stage"),)),),
                ),
            )
        ),
        "in the stage",
    ),
    "nobody says anything": (failed(), None),
    "an empty error says nothing": (failed(ErrorDetail()), None),
    "not failed, no cause": (failed(ErrorDetail(message="x"), status="Successful"), None),
    "unknown, no cause": (failed(ErrorDetail(message="x"), status="Frobnicating"), None),
    "timed out is failed": (failed(ErrorDetail(message="too slow"), status="Timed Out"), "too slow"),
    "a silent innermost error does not hide the one round it": (
        failed(nested("failed", "no space", None, nested_errors=(ErrorDetail(),))),
        "no space",
    ),
    "an innermost error of empty causes does not hide the one round it": (
        failed(nested("failed", "no space", None, causes=(ErrorCause(type="IOException"),))),
        "no space",
    ),
    "a blank innermost message does not hide the one round it": (
        failed(nested("failed", "no space", "  ")),
        "no space",
    ),
    "a silent first error does not hide the second": (
        failed(ErrorDetail(causes=(ErrorCause(),)), ErrorDetail(message="no space")),
        "no space",
    ),
    "a remedy alone is better than nothing": (
        failed(ErrorDetail(message="", remediation_message="restart it")),
        "restart it",
    ),
}


@pytest.mark.parametrize(("task", "cause"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_the_one_line_a_human_needs(task, cause):
    assert task.cause == cause


@pytest.mark.parametrize("task", [task for task, _ in CAUSES.values()], ids=CAUSES)
def test_the_failure_is_the_cause_in_parts(task):
    failure = task.failure
    assert (failure is None) is not task.failed
    if failure is not None:
        assert (str(failure) or None) == task.cause
        steps = dict(task.walk())
        assert failure.step is (steps[failure.path] if failure.path else None)
        told = failure.error
        assert told is None or told.text == failure.text or failure.text is None or not told.text


def test_the_failure_has_the_place_the_code_and_the_token_of_the_innermost_error():
    inner = ErrorDetail(error_code="DNS_1", message="no such\nhost", remediation_message="add it")
    outer = ErrorDetail(error_code="X", message="failed", reference_token="R7", nested_errors=(inner,))
    broken = SubTask(name="Resolve", raw_status="FAILED", errors=(outer,))
    quiet = SubTask(name="Deploy", raw_status="FAILED", sub_tasks=(broken,))
    fine = SubTask(name="Validate", raw_status="SUCCESSFUL", errors=(ErrorDetail(message="a warning"),))
    task = Task(id="a758", raw_status="Failed", sub_tasks=(fine, quiet), errors=(ErrorDetail(message="!"),))
    assert task.failure == Failure(
        "no such host", "add it", "subTasks[1].subTasks[0]", broken, inner, "DNS_1", "R7"
    )
    # A step's own errors, whatever its status and those below it.
    assert (fine.reason.text, quiet.reason) == ("a warning", None)
    assert task.reason.text == "!"
    assert pickle.loads(pickle.dumps(task.failure)) == task.failure


@pytest.mark.parametrize("status", ["Successful", "In Progress", None])
def test_what_has_not_failed_has_no_failure(status):
    assert Task(id="a758", raw_status=status, errors=(ErrorDetail(message="x"),)).failure is None


@given(documents(Task))
def test_cause_progress_walk_and_duration_hold_for_any_task(document):
    task = structure(document, Task)
    assert 0.0 <= task.progress <= 1.0
    assert task.cause is None or (task.failed and task.cause == " ".join(task.cause.split()) != "")
    assert task.duration is None or task.duration >= timedelta(0)
    assert len({path for path, _ in task.walk()}) == len(list(task.walk()))


# --- values that stay values ----------------------------------------------------------------------


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_models_are_frozen_and_have_no_room_for_more(cls):
    node = cls(id="a") if cls is Task else cls()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(node, attrs.fields(cls)[0].name, "x")
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
        node.brand_new = 1
    assert not hasattr(node, "__dict__")


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not TaskPage], ids=lambda cls: cls.__name__)
@given(st.data())
def test_a_node_equals_hashes_copies_and_pickles_as_what_it_is(cls, data):
    document = data.draw(documents(cls))
    node, twin = structure(document, cls), structure(copy.deepcopy(document), cls)
    assert node == twin
    assert hash(node) == hash(twin)
    for clone in (
        copy.copy(node),
        copy.deepcopy(node),
        *(pickle.loads(pickle.dumps(node, p)) for p in (2, 5)),
    ):
        assert clone == node
        assert clone.to_json() == node.to_json() == document
        assert hash(clone) == hash(node)
    assert repr(node).startswith(cls.__name__)


def test_a_page_pickles_with_its_malformed_elements():
    page = TaskPage(
        elements=(Task(id="a"),), malformed=(DecodeError("odd", json_path="$.elements[1]", task_id="b"),)
    )
    clone = pickle.loads(pickle.dumps(page))
    assert clone == page
    assert clone.malformed[0].__dict__ == page.malformed[0].__dict__
    assert clone.received == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Task(id="a"), Task(id="b")),
        (Task(id="a"), Task(id="a", name="x")),
        (Task(id="a"), Task(id="a", extra={"new": 1})),
        (SubTask(name="x"), Stage(name="x")),
        (Task(id="a", is_retryable=None), Task(id="a", is_retryable=False)),
    ],
)
def test_what_differs_is_not_equal(one, other):
    assert one != other


def test_a_list_that_did_not_come_reads_like_an_empty_one_and_is_not_written():
    assert Task(id="a") == Task(id="a", sub_tasks=())
    assert Task(id="a").to_json() == {"id": "a"}
    assert Task(id="a", sub_tasks=()).to_json() == {"id": "a", "subTasks": []}


def test_changing_what_to_json_returned_does_not_change_the_frozen_model():
    task = structure({"id": "a", "newIn92": {"deep": [1]}, "errors": [{"context": {"k": "v"}}]}, Task)
    document = task.to_json()
    document["newIn92"]["deep"].append(2)
    document["errors"][0]["context"]["k"] = "changed"
    assert task.to_json() == {"id": "a", "newIn92": {"deep": [1]}, "errors": [{"context": {"k": "v"}}]}
