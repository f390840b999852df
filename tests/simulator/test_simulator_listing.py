"""GET /v1/tasks: pages, filters, order, and every doubt about them as a switch."""

import pytest
from raw_client import RawClient

from vcf_tasks_async.testing import SddcManagerSimulator, SimulatorClock


def task(number: int, **fields: object) -> dict[str, object]:
    return {
        "id": f"task-{number}",
        "name": f"Task {number}",
        "status": "Successful",
        "creationTimestamp": f"2025-06-01T00:00:{number:02d}.000Z",
        **fields,
    }


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("size", [1, 7, 30, 100])
async def test_pages_hold_each_task_once_in_order_whatever_the_base(base: int, size: int) -> None:
    async with SddcManagerSimulator(tasks=30, page_base=base, live=False) as sddc, RawClient(sddc) as api:
        seen: list[str] = []
        total_pages = -(-30 // size)
        for number in range(base, base + total_pages):
            page = await api("GET", "/v1/tasks", pageNumber=number, pageSize=size)
            metadata = page.json["pageMetadata"]
            assert metadata["pageNumber"] == number
            assert (metadata["totalElements"], metadata["totalPages"]) == (30, total_pages)
            seen += page.ids
        assert seen == sddc.ids()
        beyond = await api("GET", "/v1/tasks", pageNumber=base + total_pages, pageSize=size)
        assert (beyond.status, beyond.ids) == (200, [])


async def test_without_parameters_everything_comes_in_one_page_numbered_with_the_base() -> None:
    async with SddcManagerSimulator(tasks=120, page_base=0) as sddc, RawClient(sddc) as api:
        page = await api("GET", "/v1/tasks")
        assert len(page.ids) == 120
        assert page.json["pageMetadata"] == {
            "pageNumber": 0,
            "pageSize": 120,
            "totalElements": 120,
            "totalPages": 1,
        }


async def test_default_page_size_and_reported_size_are_switches() -> None:
    async with (
        SddcManagerSimulator(tasks=25, default_page_size=10, reported_page_size="requested") as sddc,
        RawClient(sddc) as api,
    ):
        first = await api("GET", "/v1/tasks")
        last = await api("GET", "/v1/tasks", pageNumber=3)
        assert (len(first.ids), len(last.ids)) == (10, 5)
        assert last.json["pageMetadata"]["pageSize"] == 10
    async with SddcManagerSimulator(tasks=25, default_page_size=10) as sddc, RawClient(sddc) as api:
        last = await api("GET", "/v1/tasks", pageNumber=3)
        assert last.json["pageMetadata"]["pageSize"] == 5


async def test_an_oversized_page_is_clamped_or_refused() -> None:
    async with SddcManagerSimulator(tasks=150) as sddc, RawClient(sddc) as api:
        assert len((await api("GET", "/v1/tasks", pageSize=500)).ids) == 100
    async with SddcManagerSimulator(tasks=1, oversize="reject") as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks", pageSize=101)).status == 400
        assert (await api("GET", "/v1/tasks", pageSize=100)).status == 200


async def test_metadata_can_be_null_or_missing() -> None:
    async with SddcManagerSimulator(tasks=2, metadata=False) as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks")).json["pageMetadata"] is None
    async with SddcManagerSimulator(tasks=2, metadata="missing") as sddc, RawClient(sddc) as api:
        assert list((await api("GET", "/v1/tasks")).json) == ["elements"]


async def test_release_4_5_ignores_what_it_does_not_know() -> None:
    async with SddcManagerSimulator(tasks=130, release="4.5", failed=0.5) as sddc, RawClient(sddc) as api:
        page = await api("GET", "/v1/tasks", pageNumber=2, pageSize=10, taskName="x", orderBy="nonsense")
        assert page.ids == sddc.ids()
        assert all("isRetryable" not in element for element in page.json["elements"])
        failed = await api("GET", "/v1/tasks", taskStatus="Failed")
        assert failed.ids == sddc.ids("FAILED")


@pytest.mark.parametrize(
    ("accepts", "wanted", "found"),
    [
        ("title", "In Progress", True),
        ("title", "IN_PROGRESS", False),
        ("upper", "IN_PROGRESS", True),
        ("upper", "In Progress", False),
        ("any", "in progress", True),
    ],
)
async def test_task_status_takes_the_spelling_it_was_told(accepts: str, wanted: str, found: bool) -> None:
    tasks = [task(1, status="In Progress"), task(2, status="IN_PROGRESS"), task(3, status="Failed")]
    async with SddcManagerSimulator(tasks, status_filter=accepts, live=False) as sddc, RawClient(sddc) as api:
        page = await api("GET", "/v1/tasks", taskStatus=wanted)
        assert page.ids == (["task-2", "task-1"] if found else [])


async def test_an_ignored_status_filter_returns_everything() -> None:
    async with SddcManagerSimulator(tasks=9, status_filter="ignored") as sddc, RawClient(sddc) as api:
        assert len((await api("GET", "/v1/tasks", taskStatus="Failed")).ids) == 9


async def test_each_filter_keeps_exactly_what_it_names() -> None:
    tasks = [
        task(1, name="Commissioning HOST", type="HOST_COMMISSION"),
        task(2, resources=[{"resourceId": "r-1", "type": "ESXI"}]),
        task(3, resources=[{"resourceId": "r-2", "type": "VCENTER"}, {"resourceId": "r-1", "type": "ESXI"}]),
        task(4, completionTimestamp="2025-06-02T00:00:00.000Z"),
        task(5, status="Cancelled", completionTimestamp="2025-06-02T00:00:00.000Z"),
        task(6, status="Failed", completionTimestamp="2025-06-01T12:00:00.000Z"),
    ]
    async with SddcManagerSimulator(tasks, order="oldest", live=False) as sddc, RawClient(sddc) as api:
        for parameters, expected in (
            ({"taskType": "HOST_COMMISSION"}, [1]),
            ({"taskType": "HOST"}, []),
            ({"taskName": "ing host"}, [1]),
            ({"resourceId": "r-1"}, [2, 3]),
            ({"resourceType": "VCENTER"}, [3]),
            ({"completedAfter": 1748779200000}, [4]),
            ({"completedAfter": 1748736000000}, [4, 6]),
            ({"limit": 2}, [1, 2]),
            ({"limit": 0}, []),
            ({"taskName": "task", "resourceId": "r-1", "resourceType": "VCENTER"}, [3]),
        ):
            page = await api("GET", "/v1/tasks", **parameters)
            assert page.ids == [f"task-{number}" for number in expected], parameters
    async with (
        SddcManagerSimulator(tasks, name_filter="sensitive", live=False) as sddc,
        RawClient(sddc) as api,
    ):
        assert (await api("GET", "/v1/tasks", taskName="ing host")).ids == []


@pytest.mark.parametrize(
    "junk",
    [
        {"limit": "x"},
        {"limit": -1},
        {"pageNumber": "1.5"},
        {"pageNumber": 0},
        {"pageNumber": ""},
        {"pageSize": 0},
        {"pageSize": 2**31},
        {"completedAfter": "yesterday"},
        {"doLiveRefresh": "maybe"},
        {"orderDirection": "sideways"},
        {"orderBy": "colour"},
    ],
)
async def test_junk_parameters_are_refused_with_an_error_body(junk: dict[str, object]) -> None:
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc) as api:
        reply = await api("GET", "/v1/tasks", **junk)
        assert reply.status == 400
        assert next(iter(junk)) in reply.json["message"]


async def test_unknown_parameters_are_ignored_unless_told_otherwise() -> None:
    async with SddcManagerSimulator(tasks=3) as sddc, RawClient(sddc) as api:
        assert len((await api("GET", "/v1/tasks", taskstatus="Failed")).ids) == 3
    async with SddcManagerSimulator(tasks=3, unknown_parameters="reject") as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks", taskstatus="Failed")).status == 400
        assert (await api("GET", "/v1/tasks", taskStatus="Failed")).status == 200


@pytest.mark.parametrize(
    ("order", "expected"),
    [("newest", [3, 2, 1]), ("oldest", [1, 2, 3]), ("name", [2, 3, 1]), ("given", [3, 1, 2])],
)
async def test_the_default_order_is_a_switch(order: str, expected: list[int]) -> None:
    tasks = [task(3, name="B"), task(1, name="C"), task(2, name="A")]
    async with SddcManagerSimulator(tasks, order=order) as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks")).ids == [f"task-{number}" for number in expected]


async def test_order_by_works_fails_or_is_ignored() -> None:
    tasks = [task(1, name="B"), task(2, name="C"), task(3, name="A")]
    async with SddcManagerSimulator(tasks) as sddc, RawClient(sddc) as api:
        by_name = await api("GET", "/v1/tasks", orderBy="name")
        backwards = await api("GET", "/v1/tasks", orderBy="name", orderDirection="DESC")
        assert by_name.ids == ["task-3", "task-1", "task-2"]
        assert backwards.ids == by_name.ids[::-1]
    async with SddcManagerSimulator(tasks, order_by="fails") as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks", orderBy="name")).status == 500
        assert (await api("GET", "/v1/tasks")).status == 200
    async with SddcManagerSimulator(tasks, order_by="ignored") as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks", orderBy="name")).ids == sddc.ids()


@pytest.mark.parametrize(
    ("spelling", "of_task", "of_subtask"),
    [
        ("mixed", "In Progress", "IN_PROGRESS"),
        ("upper", "IN_PROGRESS", "IN_PROGRESS"),
        ("title", "In Progress", "In Progress"),
    ],
)
async def test_statuses_are_spelled_as_told(spelling: str, of_task: str, of_subtask: str) -> None:
    async with SddcManagerSimulator(tasks=0, spelling=spelling) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(subtasks=3)
        shown = (await api("GET", f"/v1/tasks/{task_id}")).json
        assert (shown["status"], shown["subTasks"][0]["status"]) == (of_task, of_subtask)


async def test_raw_tasks_are_served_as_they_are_and_malformed_ones_too() -> None:
    odd = [
        task(1, future={"a": [1, None]}, errors=None, subTasks=[{"name": "x"}, None]),
        None,
        "text",
        {"id": 7},
    ]
    async with SddcManagerSimulator(odd, order="given") as sddc, RawClient(sddc) as api:
        assert (await api("GET", "/v1/tasks")).json["elements"] == odd
        sddc.tasks["task-1"]["future"] = "changed"
        assert (await api("GET", "/v1/tasks")).json["elements"][0]["future"] == "changed"
        assert (await api("GET", "/v1/tasks/task-1")).json["future"] == "changed"
    assert odd[0]["future"] == {"a": [1, None]}


async def test_what_is_changed_in_the_live_dict_is_filtered_and_served() -> None:
    async with SddcManagerSimulator(tasks=4, failed=0.0, live=False) as sddc, RawClient(sddc) as api:
        first = sddc.ids()[0]
        await api("GET", "/v1/tasks", taskStatus="Failed")
        sddc.tasks[first]["status"] = "Failed"
        assert (await api("GET", "/v1/tasks", taskStatus="Failed")).ids == [first]


async def test_the_world_can_drift_under_a_listing() -> None:
    clock = SimulatorClock(speed=0)
    async with SddcManagerSimulator(tasks=20, clock=clock) as sddc, RawClient(sddc) as api:
        before = sddc.ids()

        @sddc.on_request
        def drift(request: object) -> None:
            clock.advance(1)
            sddc.add_task()

        pages = [await api("GET", "/v1/tasks", pageNumber=number, pageSize=5) for number in (1, 2)]
        assert pages[0].ids[1:] == before[:4]
        assert pages[1].ids[0] == before[3], "one new task moved everything by one"
        sddc.off_request(drift)
        assert len((await api("GET", "/v1/tasks")).ids) == 22
