"""Which tasks are meant: what goes to the server, and what is checked again here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.filters import TaskFilter, query_of
from vcf_tasks_async.models import Resource, Stage, SubTask, Task
from vcf_tasks_async.status import Status

NOON = datetime(2026, 5, 1, 12, 0, 0, 1500, UTC)


@pytest.mark.parametrize(
    ("where", "query"),
    [
        ({}, ()),
        ({"status": Status.FAILED}, ()),
        ({"server_status": "In Progress"}, (("taskStatus", "In Progress"),)),
        ({"type": "HOST_COMMISSION"}, (("taskType", "HOST_COMMISSION"),)),
        ({"name": "a&b=c #1"}, (("taskName", "a&b=c #1"),)),
        ({"resource_id": "r1"}, (("resourceId", "r1"),)),
        ({"resource_type": "ESXI"}, (("resourceType", "ESXI"),)),
        ({"completed_after": NOON}, (("completedAfter", "1777636800001"),)),
        (
            {"completed_after": NOON.astimezone(timezone(timedelta(hours=5)))},
            (("completedAfter", "1777636800001"),),
        ),
        ({"completed_after": datetime(1960, 1, 1, tzinfo=UTC)}, (("completedAfter", "-315619200000"),)),
        (
            {"order_by": "creationTimestamp", "order_direction": "ASC"},
            (("orderBy", "creationTimestamp"), ("orderDirection", "ASC")),
        ),
        ({"live_refresh": True}, (("doLiveRefresh", "true"),)),
        ({"live_refresh": False}, (("doLiveRefresh", "false"),)),
    ],
    ids=str,
)
def test_what_goes_to_the_server(where, query):
    assert query_of(TaskFilter(**where)) == query


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        (Status.FAILED, {Status.FAILED}),
        ("Failed", {Status.FAILED}),
        ("in progress", {Status.IN_PROGRESS}),
        (["Failed", Status.TIMED_OUT], {Status.FAILED, Status.TIMED_OUT}),
        ((s for s in ("Failed", "FAILED")), {Status.FAILED}),
        ({Status.UNKNOWN}, {Status.UNKNOWN}),
        (Status.UNKNOWN, {Status.UNKNOWN}),
    ],
    ids=["one", "text", "other spelling", "several", "generator", "unknown in a set", "unknown"],
)
def test_status_takes_one_or_several_in_any_spelling(given_, meant):
    assert TaskFilter(status=given_).status == meant


BAD = [
    ("status", "Frobnicating"),
    ("status", ""),
    ("status", []),
    ("status", [None]),
    ("status", 5),
    ("status", object()),
    ("status", [["Failed"]]),
    ("status", b"Failed"),
    ("type", ""),
    ("type", 5),
    ("name", ""),
    ("name", b"x"),
    ("resource_id", ""),
    ("resource_type", 5),
    ("server_status", ""),
    ("order_by", ""),
    ("order_direction", 1),
    ("live_refresh", "true"),
    ("live_refresh", 1),
    ("completed_after", datetime(2026, 5, 1)),
    ("completed_after", "2026-05-01"),
    ("completed_after", 1777636800001),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{n}={ascii(v)[:8]}" for n, v in BAD])
def test_a_value_that_cannot_be_meant_is_a_usage_error(name, value):
    with pytest.raises(UsageError) as caught:
        TaskFilter(**{name: value})
    assert str(caught.value).isprintable()


def test_an_error_about_status_offers_only_what_is_taken():
    with pytest.raises(UsageError, match="those there are: ") as caught:
        TaskFilter(status="Frobnicating")
    for name in str(caught.value).partition("those there are: ")[2].split(", "):
        assert TaskFilter(status=name).status == {Status[name]}


def task(**fields: object) -> Task:
    return Task(id="a", **fields)


HOST, VCENTER = Resource(resource_id="r1", type="ESXI"), Resource(resource_id="r2", type="VCENTER")
MATCHES = [
    ("no condition", {}, task(), True),
    ("status", {"status": "Failed"}, task(raw_status="FAILED"), True),
    ("another status", {"status": "Failed"}, task(raw_status="Successful"), False),
    ("one of several", {"status": ["Failed", "Timed Out"]}, task(raw_status="TIMED_OUT"), True),
    ("no status is not any status", {"status": "Failed"}, task(), False),
    ("unknown asked for", {"status": Status.UNKNOWN}, task(raw_status="Frobnicating"), True),
    ("server status, other spelling", {"server_status": "In Progress"}, task(raw_status="IN_PROGRESS"), True),
    (
        "server status ignored by the server",
        {"server_status": "In Progress"},
        task(raw_status="Failed"),
        False,
    ),
    (
        "server status nobody knows is the server's affair",
        {"server_status": "Stuck"},
        task(raw_status="Failed"),
        True,
    ),
    ("type", {"type": "UPGRADE"}, task(type="UPGRADE"), True),
    ("another type", {"type": "UPGRADE"}, task(type="BACKUP"), False),
    ("type not told", {"type": "UPGRADE"}, task(), True),
    ("name", {"name": "backup"}, task(name="SDDC Manager Backup"), True),
    ("another name", {"name": "backup"}, task(name="Upgrade"), False),
    ("name not told", {"name": "backup"}, task(), True),
    ("name in any case of any script", {"name": "STRASSE"}, task(name="Straße"), True),
    ("resource", {"resource_id": "r1"}, task(resources=(VCENTER, HOST)), True),
    ("another resource", {"resource_id": "r1"}, task(resources=(VCENTER,)), False),
    ("no resource", {"resource_id": "r1"}, task(resources=()), False),
    ("resources not told", {"resource_id": "r1"}, task(), True),
    (
        "resource of a subtask",
        {"resource_id": "r1"},
        task(resources=(), sub_tasks=(SubTask(resources=(HOST,)),)),
        True,
    ),
    (
        "beside a stage",
        {"resource_id": "r1"},
        task(resources=(), sub_tasks=(SubTask(stages=(Stage(),), resources=(HOST,)),)),
        True,
    ),
    ("resource type", {"resource_type": "ESXI"}, task(resources=(HOST,)), True),
    ("another resource type", {"resource_type": "ESXI"}, task(resources=(VCENTER,)), False),
    (
        "a resource that does not tell its type",
        {"resource_type": "ESXI"},
        task(resources=(Resource(resource_id="r1"),)),
        True,
    ),
    (
        "a resource that does not tell its id",
        {"resource_id": "r1"},
        task(resources=(Resource(type="ESXI"),)),
        True,
    ),
    (
        "id and type of one resource",
        {"resource_id": "r1", "resource_type": "ESXI"},
        task(resources=(HOST, VCENTER)),
        True,
    ),
    (
        "completed later",
        {"completed_after": NOON},
        task(raw_status="Failed", completion_timestamp="2026-05-01T12:00:01Z"),
        True,
    ),
    (
        "completed earlier",
        {"completed_after": NOON},
        task(raw_status="Failed", completion_timestamp="2026-05-01T11:59:59Z"),
        False,
    ),
    ("not completed", {"completed_after": NOON}, task(raw_status="In Progress"), False),
    (
        "running, with a completion time (seen)",
        {"completed_after": NOON},
        task(raw_status="PENDING", completion_timestamp="2026-05-01T12:00:01Z"),
        False,
    ),
    (
        "completion unreadable",
        {"completed_after": NOON},
        task(raw_status="Failed", completion_timestamp="soon"),
        True,
    ),
    ("all of several", {"status": "Failed", "name": "x"}, task(raw_status="Failed", name="y"), False),
]


@pytest.mark.parametrize(
    ("where", "seen", "meant"), [row[1:] for row in MATCHES], ids=[row[0] for row in MATCHES]
)
def test_what_is_checked_again_here(where, seen, meant):
    assert TaskFilter(**where).matches(seen) is meant


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_any_moment_becomes_milliseconds_or_a_usage_error(moment):
    try:
        ((_, value),) = query_of(TaskFilter(completed_after=moment))
    except UsageError:
        assert moment.tzinfo is None
    else:
        assert abs(int(value) - moment.timestamp() * 1000) <= 1
