"""Tasks that live: they get on with the clock, end, fail, are retried, cancelled and purged."""

import json

import pytest
from raw_client import RawClient

from vcf_tasks_async.testing import SddcManagerSimulator, SimulatorClock, bodies

START = 1_750_000_000.0


def by_hand(**options: object) -> SddcManagerSimulator:
    """A simulator of one step each 10 s, whose clock moves by hand."""
    chosen = {
        "tasks": 0,
        "step_seconds": (10.0, 10.0),
        "retry_succeeds": 1.0,
        "running_succeeds": 1.0,
        # Hours pass here, and tokens with them.
        "access_token_ttl": 1e9,
    }
    return SddcManagerSimulator(**{**chosen, **options}, clock=SimulatorClock(START, speed=0))


def statuses(task: dict[str, list[dict[str, str]]]) -> list[str]:
    return [subtask["status"] for subtask in task["subTasks"]]


async def test_a_running_task_gets_on_step_by_step_and_ends() -> None:
    async with by_hand() as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(subtasks=3)
        steps = sum(
            len(subtask.get("stages") or subtask.get("subTasks") or [0])
            for subtask in sddc.tasks[task_id]["subTasks"]
        )
        seen = []
        for _ in range(steps + 1):
            shown = (await api("GET", f"/v1/tasks/{task_id}")).json
            seen.append(shown["status"])
            sddc.clock.advance(10)
        assert seen == ["In Progress"] * steps + ["Successful"]
        assert statuses(shown) == ["SUCCESSFUL"] * 3
        assert shown["completionTimestamp"] == sddc.tasks[task_id]["completionTimestamp"]
        assert (shown["isCancellable"], shown["isRetryable"]) == (False, False)


async def test_history_has_each_change_in_order_with_its_exact_time() -> None:
    tasks = [
        {
            "id": "t",
            "name": "n",
            "status": "In Progress",
            "creationTimestamp": "2025-06-15T15:06:40.000Z",
            "subTasks": [
                {"name": "a", "status": "IN_PROGRESS"},
                {"name": "b", "status": "PENDING", "stages": [{"name": "s", "status": "PENDING"}]},
            ],
        }
    ]
    async with by_hand(tasks=tasks) as sddc, RawClient(sddc) as api:
        sddc.clock.advance(1000)
        assert (await api("GET", "/v1/tasks/t")).json["status"] == "Successful"
        told = [
            (change.at - START, change.kind, change.path, change.old, change.new) for change in sddc.history
        ]
        assert told == [
            (10.0, "subtask", "/subTasks/0", "IN_PROGRESS", "SUCCESSFUL"),
            (10.0, "subtask", "/subTasks/1", "PENDING", "IN_PROGRESS"),
            (10.0, "stage", "/subTasks/1/stages/0", "PENDING", "IN_PROGRESS"),
            (20.0, "stage", "/subTasks/1/stages/0", "IN_PROGRESS", "SUCCESSFUL"),
            (20.0, "subtask", "/subTasks/1", "IN_PROGRESS", "SUCCESSFUL"),
            (20.0, "status", "", "In Progress", "Successful"),
        ]
        assert [change.number for change in sddc.history] == [1, 2, 3, 4, 5, 6]
        assert sddc.tasks["t"]["completionTimestamp"] == "2025-06-15T15:07:00.000Z"


async def test_changes_of_many_tasks_are_told_in_the_order_of_their_time() -> None:
    async with by_hand(tasks=200, running=0.5, step_seconds=(1.0, 60.0)) as sddc:
        sddc.clock.advance(3600 * 10)
        times = [change.at for change in sddc.history]
        assert len(times) > 500
        assert times == sorted(times)
        assert not sddc.ids("IN_PROGRESS")


async def test_created_and_purged_tasks_are_told() -> None:
    async with by_hand() as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="Failed", name="Mine")
        assert (await api("GET", f"/v1/tasks/{task_id}")).json["name"] == "Mine"
        sddc.purge(task_id)
        assert (await api("GET", f"/v1/tasks/{task_id}")).status == 404
        assert [(c.kind, c.task_id, c.old, c.new) for c in sddc.history] == [
            ("created", task_id, None, "Failed"),
            ("purged", task_id, "Failed", None),
        ]
        with pytest.raises(KeyError):
            sddc.purge(task_id)


async def test_a_failed_task_tells_why_and_what_to_do() -> None:
    async with by_hand(release="9.1", running_succeeds=0.0) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(subtasks=4)
        sddc.clock.advance(3600)
        shown = (await api("GET", f"/v1/tasks/{task_id}")).json
        assert (shown["status"], shown["isRetryable"]) == ("Failed", True)
        failed = next(subtask for subtask in shown["subTasks"] if subtask["status"] == "FAILED")
        after = shown["subTasks"][shown["subTasks"].index(failed) + 1 :]
        assert {subtask["status"] for subtask in after} <= {"PENDING"}
        (error,) = failed["errors"]
        (nested,) = error["nestedErrors"]
        assert nested["message"]
        assert nested["remediationMessage"]
        assert nested["causes"][0]["message"]
        assert len(nested["referenceToken"]) == 6
        assert error["notifications"][0]["severity"] == "ERROR"


async def test_retry_goes_on_from_the_failed_step_under_the_same_id() -> None:
    async with by_hand() as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(subtasks=6)
        sddc.clock.advance(25)
        sddc.fail(task_id, "The disk is full")
        before = (await api("GET", f"/v1/tasks/{task_id}")).json
        failed = statuses(before).index("FAILED")
        assert before["subTasks"][failed]["errors"][0]["nestedErrors"][0]["message"] == "The disk is full"
        reply = await api("PATCH", f"/v1/tasks/{task_id}")
        assert (reply.status, reply.body) == (200, b"")
        assert "Content-Type" not in reply.headers
        after = (await api("GET", f"/v1/tasks/{task_id}")).json
        assert after["status"] == "In Progress"
        assert "completionTimestamp" not in after
        assert statuses(after)[: failed + 1] == ["SUCCESSFUL"] * failed + ["IN_PROGRESS"]
        assert after["subTasks"][failed]["errors"] == []
        sddc.clock.advance(3600)
        assert (await api("GET", f"/v1/tasks/{task_id}")).json["status"] == "Successful"


async def test_only_failed_tasks_are_retried_and_only_running_ones_cancelled() -> None:
    async with by_hand() as sddc, RawClient(sddc) as api:
        running, done = sddc.add_task(), sddc.add_task(status="Successful")
        fixed = sddc.add_task(status="FAILED", isRetryable=False)
        secret = sddc.add_task(status="FAILED", credential=True)
        for task_id in (running, done, fixed, secret):
            reply = await api("PATCH", f"/v1/tasks/{task_id}")
            assert reply.status == 409
            assert reply.json["errorCode"] == "TA_TASK_CAN_NOT_BE_RETRIED"
            assert reply.json["message"] == "Task cannot be retried"
        for task_id in (done, fixed):
            assert (await api("DELETE", f"/v1/tasks/{task_id}")).status == 409
        for method in ("GET", "PATCH", "DELETE"):
            assert (await api(method, "/v1/tasks/nobody")).status == 404
        reply = await api("DELETE", f"/v1/tasks/{running}")
        assert (reply.status, reply.body) == (200, b"")
        assert (await api("GET", f"/v1/tasks/{running}")).json["status"] == "Cancelled"
        sddc.clock.advance(3600)
        assert (await api("GET", f"/v1/tasks/{running}")).json["status"] == "Cancelled"


async def test_retry_succeeds_with_the_given_chance_and_the_same_seed_repeats_it() -> None:
    outcomes = []
    for _ in range(2):
        async with by_hand(tasks=300, failed=1.0, retry_succeeds=0.7, seed=3, not_retryable=0.0) as sddc:
            async with RawClient(sddc) as api:
                for task_id in sddc.ids():
                    await api("PATCH", f"/v1/tasks/{task_id}")
            sddc.clock.advance(7 * 24 * 3600)
            outcomes.append({task_id: sddc.tasks[task_id]["status"] for task_id in sddc.tasks})
    share = sum(status == "Successful" for status in outcomes[0].values()) / 300
    assert 0.6 < share < 0.8
    assert outcomes[0] == outcomes[1]


async def test_the_old_face_shows_for_a_while_after_a_retry() -> None:
    async with by_hand(stale_failed=30.0) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED")
        await api("PATCH", f"/v1/tasks/{task_id}")
        assert sddc.tasks[task_id]["status"] == "In Progress"
        assert (await api("GET", f"/v1/tasks/{task_id}")).json["status"] == "Failed"
        assert (await api("GET", "/v1/tasks", taskStatus="Failed")).ids == [task_id]
        assert (await api("GET", "/v1/tasks", taskStatus="Failed", doLiveRefresh="true")).ids == []
        assert (await api("PATCH", f"/v1/tasks/{task_id}")).status == 409
        sddc.clock.advance(30)
        assert (await api("GET", f"/v1/tasks/{task_id}")).json["status"] == "In Progress"
        assert (await api("GET", "/v1/tasks", taskStatus="Failed")).ids == []


async def test_a_second_retry_renews_the_old_face() -> None:
    async with by_hand(stale_failed=30.0, retry_succeeds=0.0) as sddc, RawClient(sddc) as api:
        first, second = (sddc.add_task(status="FAILED", subtasks=1) for _ in range(2))
        await api("PATCH", f"/v1/tasks/{first}")
        await api("PATCH", f"/v1/tasks/{second}")
        sddc.clock.advance(29)
        sddc.fail(first)
        await api("PATCH", f"/v1/tasks/{first}")
        sddc.clock.advance(1)
        shown = {t: (await api("GET", f"/v1/tasks/{t}")).json["status"] for t in (first, second)}
        assert shown[first] == "Failed"
        assert shown[second] == sddc.tasks[second]["status"]
        sddc.clock.advance(29)
        assert (await api("GET", f"/v1/tasks/{first}")).json["status"] == sddc.tasks[first]["status"]


async def test_cancelling_can_take_time() -> None:
    async with by_hand(cancel_seconds=15.0, step_seconds=(100.0, 100.0)) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task()
        for _ in range(2):
            assert (await api("DELETE", f"/v1/tasks/{task_id}")).status == 200
            assert (await api("GET", f"/v1/tasks/{task_id}")).json["status"] == "In Progress"
            sddc.clock.advance(7.5)
        assert (await api("GET", f"/v1/tasks/{task_id}")).json["status"] == "Cancelled"


async def test_zombies_stay_in_progress_for_ever() -> None:
    async with (
        by_hand(tasks=20, zombies=0.5, running=0.0, zombie_cancel="error") as sddc,
        RawClient(sddc) as api,
    ):
        stuck = sddc.ids("IN_PROGRESS")
        sddc.clock.advance(365 * 24 * 3600)
        assert sddc.ids("IN_PROGRESS") == stuck
        assert len(stuck) == 10
        assert (await api("DELETE", f"/v1/tasks/{stuck[0]}")).status == 500


async def test_delete_of_a_failed_task_can_remove_it() -> None:
    async with by_hand(delete_failed="remove") as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED")
        assert (await api("DELETE", f"/v1/tasks/{task_id}")).status == 200
        assert (await api("GET", f"/v1/tasks/{task_id}")).status == 404


async def test_a_world_that_is_not_live_stands_still() -> None:
    async with by_hand(tasks=50, running=0.5, live=False) as sddc:
        before = sddc.snapshot()
        sddc.clock.advance(24 * 3600)
        assert sddc.snapshot() == before
        assert not sddc.history


async def test_set_status_and_complete_do_what_they_say() -> None:
    async with by_hand() as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(subtasks=2)
        sddc.set_status(task_id, "PENDING", path="/subTasks/0")
        sddc.set_status(task_id, "Exploded")
        shown = (await api("GET", f"/v1/tasks/{task_id}")).json
        assert (shown["status"], shown["subTasks"][0]["status"]) == ("Exploded", "PENDING")
        sddc.set_status(task_id, "in progress")
        assert sddc.tasks[task_id]["status"] == "In Progress"
        sddc.complete(task_id)
        assert sddc.tasks[task_id]["status"] == "Successful"
        assert statuses(sddc.tasks[task_id]) == ["SUCCESSFUL"] * 2
        with pytest.raises(ValueError, match="JSON pointer"):
            sddc.set_status(task_id, "FAILED", path="/subTasks/9")


async def test_new_tasks_arrive_by_themselves_at_their_times() -> None:
    async with by_hand(arrivals=60.0) as sddc:
        sddc.clock.advance(300)
        created = [change for change in sddc.history if change.kind == "created"]
        assert [change.at - START for change in created] == [60.0, 120.0, 180.0, 240.0, 300.0]


def test_json_is_the_same_with_orjson_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = SddcManagerSimulator(50, failed=0.5, release="9.1").snapshot()
    quick = bodies.encode(tasks)
    monkeypatch.setattr(bodies, "_fast", None)
    assert bodies.encode(tasks) == quick
    monkeypatch.undo()
    odd = {"big": 2**80, "half": "\ud800"}
    assert json.loads(bodies.encode(odd)) == odd


def test_the_same_seed_makes_the_same_tasks() -> None:
    def world(seed: int) -> dict[str, object]:
        return dict(SddcManagerSimulator(40, seed=seed, clock=SimulatorClock(START, speed=0)).snapshot())

    assert world(1) == world(1)
    assert not world(1).keys() & world(2).keys()


def test_generated_tasks_have_a_real_system_s_size_and_shape() -> None:
    sddc = SddcManagerSimulator(2000, failed=0.2, running=0.1, clock=SimulatorClock(START, speed=0))
    tasks = list(sddc.snapshot().values())
    plain = [task for task in tasks if not task["name"].startswith("Credentials")]
    assert all(8 <= len(task["subTasks"]) <= 40 for task in plain)
    assert any("stages" in subtask for task in plain for subtask in task["subTasks"])
    assert any("subTasks" in subtask for task in plain for subtask in task["subTasks"])
    assert any("localizableDescriptionPack" in task for task in plain)
    assert len(plain) < len(tasks)
    assert sum(task["status"] == "Failed" for task in tasks) == 400
    assert sum(task["status"] == "In Progress" for task in tasks) == 200
    odd = [s for t in plain for s in t["subTasks"] if s["status"] == "PENDING" and "completionTimestamp" in s]
    assert odd, "seen on real systems: a pending subtask with a time of completion"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("release", "8.0"),
        ("page_base", 2),
        ("failed", 1.5),
        ("tasks", -1),
        ("order", "random"),
        ("speed", -1),
    ],
)
def test_an_option_that_does_not_exist_is_refused_at_once(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=option):
        SddcManagerSimulator(**{option: value})


def test_a_clock_runs_fast_and_changes_speed_without_a_jump() -> None:
    clock = SimulatorClock(START, speed=1e6)
    reached = clock.now()
    while clock.now() < reached + 1000:
        pass
    clock.speed = 0
    stopped = clock.now()
    assert START < stopped == clock.now()
    clock.advance(5)
    assert clock.now() == stopped + 5
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)
