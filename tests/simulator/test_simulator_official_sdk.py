"""The official SDK, which no one here wrote, finds in the simulator what it expects of SDDC Manager."""

from collections.abc import Iterator

import pytest
from official_sdk import OfficialSdk, login
from vmware.sddc_manager.model_client import Error
from vmware.vapi.bindings.error import UnresolvedError, VapiError

from vcf_tasks_async.testing import SddcManagerSimulator


@pytest.fixture(params=["4.5", "5.2", "9.0", "9.1"])
def sddc(request: pytest.FixtureRequest) -> Iterator[SddcManagerSimulator]:
    simulator = SddcManagerSimulator(tasks=60, failed=0.3, tls=True, live=False, release=request.param)
    with simulator.in_thread() as running:
        yield running


@pytest.fixture
def sdk(sddc: SddcManagerSimulator) -> Iterator[OfficialSdk]:
    with login(sddc.url, sddc.username, sddc.password, ca_file=sddc.ca_file) as logged_in:
        yield logged_in


def test_it_agrees_with_every_field_of_every_task(sddc: SddcManagerSimulator, sdk: OfficialSdk) -> None:
    truth = sddc.snapshot()
    listed = sdk.list()
    assert {task["id"]: task for task in listed} == truth
    assert [task["id"] for task in listed] == sddc.ids()
    for task_id in sddc.ids()[:10]:
        assert sdk.get(task_id) == truth[task_id]


def test_it_pages_through(sddc: SddcManagerSimulator, sdk: OfficialSdk) -> None:
    if sddc.release == "4.5":
        assert len(sdk.page(2, 7)["elements"]) == 60
        return
    pages = [sdk.page(number, 7) for number in range(1, 10)]
    assert [task["id"] for page in pages for task in page["elements"]] == sddc.ids()
    assert pages[-1]["pageMetadata"] == {"pageNumber": 9, "pageSize": 4, "totalElements": 60, "totalPages": 9}
    assert {task["status"] for task in sdk.list(task_status="Failed")} == {"Failed"}


def test_it_retries_and_cancels(sddc: SddcManagerSimulator, sdk: OfficialSdk) -> None:
    failed, running, done = (
        sddc.add_task(status="FAILED"),
        sddc.add_task(),
        sddc.add_task(status="SUCCESSFUL"),
    )
    sdk.retry(failed)
    sdk.cancel(running)
    assert sdk.get(failed)["status"] == "In Progress"
    assert sdk.get(running)["status"] == "Cancelled"
    for refused in (sdk.retry, sdk.cancel):
        with pytest.raises(Error) as conflict:
            refused(done)
        assert conflict.value.error_code.startswith("TA_TASK_CAN_NOT_BE_")
        assert conflict.value.nested_errors[0].message.endswith("Successful")
    with pytest.raises(Error) as unknown:
        sdk.get("nobody")
    assert unknown.value.error_code == "TA_TASK_NOT_FOUND"
    assert sddc.requests.count(method="PATCH", path="/v1/tasks/.*") == 2


def test_it_refreshes_its_token(sddc: SddcManagerSimulator, sdk: OfficialSdk) -> None:
    sddc.expire_tokens()
    with pytest.raises(UnresolvedError):
        sdk.list()
    sdk.refresh()
    assert len(sdk.list()) == 60
    assert (sddc.logins, sddc.refreshes) == (1, 1)


def test_it_knows_what_9_1_adds(sddc: SddcManagerSimulator, sdk: OfficialSdk) -> None:
    if sddc.release != "9.1":
        with pytest.raises(VapiError):
            sdk.delete_histories("x")
        return
    done = sddc.add_task(status="SUCCESSFUL")
    result = sdk.delete_histories(done, "nobody")
    assert result["successful"] == [done]
    assert result["failed"][0]["taskId"] == "nobody"
    assert sdk.settings() == {"retentionDays": 90}
    assert sdk.settings(30) == {"retentionDays": 30}
