"""Scripted faults, the record of requests, restarts and TLS: what happens on the connection."""

import asyncio
import hashlib
import ssl
import time

import aiohttp
import pytest
from raw_client import RawClient

from vcf_tasks_async.testing import SddcManagerSimulator


async def test_a_fault_befalls_the_calls_it_names_as_often_as_told() -> None:
    async with SddcManagerSimulator(tasks=2) as sddc, RawClient(sddc) as api:
        fault = sddc.faults.add(method="get", path="/v1/tasks", status=503, times=2, skip=1)
        seen = [(await api("GET", "/v1/tasks")).status for _ in range(5)]
        assert seen == [200, 503, 503, 200, 200]
        assert fault.hits == 2
        for_ever = sddc.faults.add(path="/v1/tasks/.*", status=500, times=None)
        assert [(await api("GET", "/v1/tasks/x")).status for _ in range(5)] == [500] * 5
        sddc.faults.remove(for_ever)
        assert (await api("GET", "/v1/tasks/x")).status == 404


async def test_a_fault_can_answer_html_headers_or_garbage() -> None:
    async with SddcManagerSimulator(tasks=2) as sddc, RawClient(sddc) as api:
        sddc.faults.add(html=True)
        sddc.faults.add(html=True, status=502)
        sddc.faults.add(status=429, headers={"Retry-After": "7"})
        sddc.faults.add(body=b'{"elements": [')
        sddc.faults.add(body="")
        starting, proxy, busy, garbage, empty = [await api("GET", "/v1/tasks") for _ in range(5)]
        assert (starting.status, starting.headers["Content-Type"]) == (404, "text/html")
        assert b"<html>" in starting.body
        assert (proxy.status, proxy.headers["Content-Type"]) == (502, "text/html")
        assert (busy.status, busy.headers["Retry-After"]) == (429, "7")
        assert busy.json["errorCode"]
        assert (garbage.status, garbage.body) == (200, b'{"elements": [')
        assert (empty.status, empty.body) == (200, b"")


@pytest.mark.parametrize(("lost", "applied"), [("before", False), ("after", True)])
@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_is_lost_before_or_after_the_request_was_applied(
    lost: str, applied: bool, reset: bool
) -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED")
        sddc.faults.add(method="PATCH", lost=lost, reset=reset)
        with pytest.raises(aiohttp.ClientConnectionError):
            await api("PATCH", f"/v1/tasks/{task_id}")
        assert sddc.tasks[task_id]["status"] == ("In Progress" if applied else "Failed")
        assert sddc.requests.count(method="PATCH", status=0) == 1
        assert (await api("GET", "/v1/tasks")).status == 200


async def test_an_error_can_follow_a_request_that_worked() -> None:
    async with SddcManagerSimulator(tasks=0) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED")
        sddc.faults.add(method="PATCH", status=502, html=True, apply=True)
        assert (await api("PATCH", f"/v1/tasks/{task_id}")).status == 502
        assert sddc.tasks[task_id]["status"] == "In Progress"


@pytest.mark.parametrize("cut", [10, 0.5, 0])
async def test_a_body_is_cut_short_of_its_promised_length(cut: float) -> None:
    async with SddcManagerSimulator(tasks=3) as sddc, RawClient(sddc) as api:
        sddc.faults.add(path="/v1/tasks", cut=cut)
        with pytest.raises(aiohttp.ClientPayloadError):
            await api("GET", "/v1/tasks")
        assert len((await api("GET", "/v1/tasks")).ids) == 3


async def test_a_body_drips_and_is_whole_in_the_end() -> None:
    async with SddcManagerSimulator(tasks=3, live=False) as sddc, RawClient(sddc) as api:
        whole = await api("GET", "/v1/tasks")
        sddc.faults.add(path="/v1/tasks", drip=0.001, drip_bytes=len(whole.body) // 20)
        began = time.monotonic()
        assert (await api("GET", "/v1/tasks")).body == whole.body
        assert time.monotonic() - began > 0.02


class Doorbell:
    """A latency of nothing, which rings when a request has arrived."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def __call__(self, request: object) -> float:
        self.rung.set()
        return 0.0


@pytest.mark.parametrize(("option", "applied"), [("delay", False), ("delay_answer", True)])
async def test_a_delay_comes_before_or_after_the_request_is_applied(option: str, applied: bool) -> None:
    bell = Doorbell()
    async with SddcManagerSimulator(tasks=0, latency=bell) as sddc, RawClient(sddc) as api:
        task_id = sddc.add_task(status="FAILED")
        sddc.faults.add(method="PATCH", **{option: 30.0})
        bell.rung.clear()
        call = asyncio.create_task(api("PATCH", f"/v1/tasks/{task_id}"))
        await bell.rung.wait()
        assert sddc.requests.in_flight == 1
        assert (sddc.tasks[task_id]["status"] == "In Progress") is applied
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


def test_a_misspelt_fault_says_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="'before' or 'after'"):
        SddcManagerSimulator(tasks=0).faults.add(lost="during")


async def test_the_record_knows_each_request_and_prints_no_secret() -> None:
    async with SddcManagerSimulator(tasks=4, latency=0.05) as sddc, RawClient(sddc) as api:
        await asyncio.gather(*(api("GET", "/v1/tasks", pageSize=2, pageNumber=n) for n in (1, 2, 3)))
        await api("PATCH", "/v1/tasks/a%3Ab")
        record = sddc.requests
        assert record.count() == len(record) == 5
        assert record.count(method="GET", path="/v1/tasks") == 3
        assert record.count(path="/v1/tasks/.*", status=404) == 1
        assert record.max_in_flight == 3
        assert record.in_flight == 0
        login, first, *_, last = record
        assert login.json == {"username": sddc.username, "password": sddc.password}
        assert (first.query["pageSize"], first.token, first.status) == ("2", api.token, 200)
        assert first.elapsed >= 0.05
        assert len({request.connection for request in record}) == 3
        assert last.number == 5
        printed = repr(list(record)) + repr(record)
        assert sddc.password not in printed
        assert api.token not in printed
        record.clear()
        assert record.count() == 0


async def test_a_raising_callback_answers_500_and_is_seen_in_the_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc) as api:

        @sddc.on_request
        def broken(request: object) -> None:
            raise RuntimeError("a mistake in a test")

        assert (await api("GET", "/v1/tasks")).status == 500
        assert sddc.requests[-1].fault == "the simulator itself raised"
        assert "a mistake in a test" in caplog.text


async def test_stop_drops_connections_and_start_comes_back_on_the_same_port_with_everything() -> None:
    bell = Doorbell()
    async with SddcManagerSimulator(tasks=20, latency=bell) as sddc, RawClient(sddc) as api:
        url, ids = sddc.url, sddc.ids()
        sddc.faults.add(delay=30.0)
        bell.rung.clear()
        pending = asyncio.create_task(api("GET", "/v1/tasks"))
        await bell.rung.wait()
        await sddc.stop()
        with pytest.raises(aiohttp.ClientConnectionError):
            await pending
        with pytest.raises(aiohttp.ClientConnectorError):
            await api("GET", "/v1/tasks")
        await sddc.start()
        assert sddc.url == url
        assert (await api("GET", "/v1/tasks")).ids == ids, "tasks and tokens outlive a restart"


async def test_nothing_is_left_behind_on_the_loop() -> None:
    bell = Doorbell()
    async with SddcManagerSimulator(tasks=20, latency=bell) as sddc, RawClient(sddc) as api:
        sddc.faults.add(delay=30.0)
        bell.rung.clear()
        pending = asyncio.create_task(api("GET", "/v1/tasks"))
        await bell.rung.wait()
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_tls_is_trusted_by_its_ca_file_and_known_by_its_fingerprint() -> None:
    async with SddcManagerSimulator(tasks=1, tls=True) as sddc:
        assert sddc.url.startswith("https://")
        trusted = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=sddc.ca_file))
        async with RawClient(sddc, connector=trusted) as api:
            assert (await api("GET", "/v1/tasks")).status == 200
        pinned = aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(bytes.fromhex(sddc.fingerprint)))
        async with RawClient(sddc, connector=pinned) as api:
            assert (await api("GET", "/v1/tasks")).status == 200
        async with RawClient(sddc, login=False) as api:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await api("GET", "/v1/tasks")
        assert len(sddc.fingerprint) == len(hashlib.sha256().hexdigest())
    with pytest.raises(ValueError, match="tls=True"):
        _ = SddcManagerSimulator(tasks=0).ca_file


async def test_bodies_are_gzipped_for_those_who_accept_it_when_told() -> None:
    async with SddcManagerSimulator(tasks=30, compress=True) as sddc, RawClient(sddc) as api:
        page = await api("GET", "/v1/tasks")
        assert page.headers["Content-Encoding"] == "gzip"
        assert len(page.ids) == 30


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/tasks", 405),
        ("PUT", "/v1/tasks/x", 405),
        ("GET", "/v1/tokens", 405),
        ("GET", "/v1/hosts", 404),
        ("GET", "/v1/tasks/a/b", 404),
        ("GET", "/v1/credentials/tasks/a/nothing", 404),
    ],
)
async def test_paths_and_methods_that_do_not_exist_are_refused_in_json(
    method: str, path: str, status: int
) -> None:
    async with SddcManagerSimulator(tasks=1) as sddc, RawClient(sddc) as api:
        reply = await api(method, path)
        assert reply.status == status
        assert reply.json["message"]
