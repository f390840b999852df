"""Reads: repeated while that helps, within one deadline and budget, and read whatever way they come."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from urllib.parse import parse_qsl

import aiohttp
import pytest
from fault_server import (
    CLOSE,
    GARBAGE,
    RESET,
    TRUNCATED,
    Reply,
    doc,
    gzipped,
    html,
    refusal,
    task,
)

from vcf_tasks_async import (
    BearerAuth,
    DecodeError,
    NotSentError,
    Policy,
    Status,
    TaskConflict,
    TaskFilter,
    TaskNotFound,
    VcfTasksError,
)


@pytest.mark.parametrize("fault", ["refused", "reset", "close"])
async def test_a_connection_that_fails_is_made_again(server, session_with, fault):
    async with session_with() as session:
        await session.get("a")
    if fault == "refused":
        await server.stop()
    server.on_connect.extend([fault] * 2)
    async with session_with() as session:
        call = asyncio.create_task(session.get("a"))
        if fault == "refused":
            server.on_connect.clear()
            await asyncio.sleep(0.05)
            await server.__aenter__()
        assert (await call).id == "a"


async def test_a_page_is_repeated_and_succeeds(server, session_with):
    server.script("GET", "/v1/tasks", RESET, html(502), GARBAGE)
    async with session_with() as session:
        page = await session.page()
    assert [t.id for t in page.elements] == ["a"]
    assert server.count("GET") == 4


@pytest.mark.parametrize("body", [{"no": "page"}, {"elements": "x"}], ids=str)
async def test_json_that_is_no_page_is_no_reason_to_ask_again(server, session_with, body):
    server.always("GET", "/v1/tasks", doc(body))
    async with session_with() as session:
        with pytest.raises(DecodeError):
            await session.page()
    assert server.count("GET") == 1


async def test_one_malformed_element_is_no_reason_to_ask_again(server, session_with):
    server.script("GET", "/v1/tasks", doc({"elements": [task("a"), {"id": None}, task("b")]}))
    async with session_with() as session:
        page = await session.page()
    assert [t.id for t in page.elements] == ["a", "b"]
    assert [error.json_path for error in page.malformed] == ["$.elements[1]"]
    assert server.count("GET") == 1


async def test_a_task_that_cannot_be_read_is_not_asked_for_until_the_deadline(server, session_with):
    # Whole and valid JSON of another shape is what this release says; it will say so again.
    server.tasks["a"] = task("a", status=5)
    started = time.monotonic()
    async with session_with(policy=Policy(base=0.05, deadline=10)) as session:
        with pytest.raises(DecodeError) as caught:
            await session.get("a")
    assert (caught.value.json_path, caught.value.task_id) == ("$.status", "a")
    assert time.monotonic() - started < 2
    assert server.count("GET") <= 3


# --- what is said in the end ----------------------------------------------------------------------

# Ends by its budget: a clock would cut the last attempt short at random.
BRIEF = Policy(base=0.005, cap=0.02, deadline=8, attempt_timeout=4, budget=3)


async def test_what_the_server_said_is_readable(server, session_with):
    body = {
        "errorCode": "TA_TASK_CAN_NOT_BE_RETRIED",
        "message": "Task cannot be retried",
        "remediationMessage": "Start it anew.",
        "referenceToken": "Q3ZVBE",
        "arguments": ["a"],
        "nestedErrors": [{"errorCode": "INNER", "message": "The workflow is\r\n gone \x1b[31m"}],
    }
    server.script("GET", "/v1/tasks/a", doc(body, 409))
    async with session_with() as session:
        with pytest.raises(TaskConflict) as caught:
            await session.get("a")
    error = caught.value
    assert (error.error_code, error.message) == ("TA_TASK_CAN_NOT_BE_RETRIED", "Task cannot be retried")
    assert (error.remediation, error.reference_token) == ("Start it anew.", "Q3ZVBE")
    assert error.nested[0].error_code == "INNER"
    assert error.detail.to_json() == body
    for words in (
        "409",
        "TA_TASK_CAN_NOT_BE_RETRIED",
        "Task cannot be retried",
        "The workflow is gone",
        "Start it anew.",
        "Q3ZVBE",
        "task a",
        f"127.0.0.1:{server.port}",
    ):
        assert words in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_never_followed(server, session_with, status):
    server.script(
        "GET", "/v1/tasks/a", Reply(status, headers={"Location": "http://127.0.0.1:1/steal?secret=1"})
    )
    async with session_with() as session:
        with pytest.raises(
            VcfTasksError, match=r"redirected to http://127\.0\.0\.1:1/steal; redirects are never followed"
        ):
            await session.get("a")
    assert server.count("GET") == 1
    assert server.connections == 1


async def test_a_host_that_does_not_exist_was_never_reached(session_with):
    async with session_with(BearerAuth("t"), url="https://no-such-host.invalid", policy=BRIEF) as session:
        with pytest.raises(NotSentError, match=r"no-such-host\.invalid"):
            await session.get("a")


# --- bodies ---------------------------------------------------------------------------------------


async def test_compressed_bodies_are_read(server, session_with):
    server.script("GET", "/v1/tasks", gzipped({"elements": [task(f"t{i}") for i in range(100)]}))
    async with session_with() as session:
        assert len((await session.page()).elements) == 100
    assert "gzip" in server.select("GET")[0].headers["accept-encoding"]


@pytest.mark.parametrize(
    "reply",
    [
        doc(task("a", name="x" * 50_000)),
        Reply(
            200,
            gzip.compress(json.dumps(task("a", name="x" * 5_000_000)).encode()),
            {"Content-Encoding": "gzip"},
        ),
        Reply(
            raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 20
        ),
        Reply(raw=b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b" " * 100_000, then="close"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ],
    ids=["plain", "compressed", "chunked", "without a length", "length alone"],
)
async def test_a_body_over_the_cap_is_a_typed_error_and_not_read_again(
    server, session_with, monkeypatch, reply
):
    monkeypatch.setattr("vcf_tasks_async.transport.BODY_CAP", 10_000)
    server.script("GET", "/v1/tasks/a", reply)
    async with session_with() as session:
        with pytest.raises(DecodeError, match="smaller pages"):
            await session.get("a")
        assert (await session.get("a")).id == "a"
    assert server.count("GET") == 2


async def test_a_body_that_drips_is_read_while_there_is_time(server, session_with):
    body = json.dumps(task("a")).encode()
    server.script("GET", "/v1/tasks/a", Reply(200, body, drip=0.002))
    async with session_with(policy=Policy(deadline=15, attempt_timeout=10)) as session:
        assert (await session.get("a")).id == "a"
    assert server.count("GET") == 1


# --- bounded --------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 3, 16])
async def test_requests_in_flight_never_exceed_the_concurrency(server, session_with, concurrency):
    server.always("GET", "/v1/tasks/a", lambda seen: Reply(**{**vars(server.usual(seen)), "delay": 0.005}))
    async with session_with(concurrency=concurrency, policy=Policy()) as session:
        await asyncio.gather(*(session.get("a") for _ in range(20 * concurrency)))
    assert server.most_at_once == concurrency
    # The login, and one connection for each slot.
    assert server.connections <= concurrency + 1


async def test_requests_in_flight_never_exceed_the_concurrency_in_bad_weather(server, session_with):
    faults = [RESET, html(502), GARBAGE, TRUNCATED, CLOSE, refusal(429)]
    async with session_with(concurrency=5, policy=Policy(base=0.01, cap=0.02)) as session:
        await session.page()
        server.script("GET", "/v1/tasks/a", refusal(401), *faults * 5)
        got = await asyncio.gather(*(session.get("a") for _ in range(100)), return_exceptions=True)
    assert {type(each).__name__ for each in got} == {"Task"}
    assert server.most_at_once <= 5


# --- other people's sessions and environments -----------------------------------------------------


async def test_a_lent_session_is_used_as_it_is_and_never_closed(server, session_with):
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"X-Theirs": "yes"},
        raise_for_status=True,
    ) as http:
        async with session_with(http=http) as session:
            await session.get("a")
            with pytest.raises(TaskNotFound):
                await session.get("b")
        assert not http.closed
        async with session_with(http=http) as session:
            await session.get("a")
    assert {seen.headers.get("x-theirs") for seen in server.select("GET")} == {"yes"}


async def test_no_proxy_no_netrc_and_no_cookie_of_the_environment_is_taken(
    server, session_with, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NETRC", str(netrc))
    server.script("GET", "/v1/tasks/a", doc(task("a"), headers={"Set-Cookie": "track=me; Path=/"}))
    async with session_with() as session:
        await session.get("a")
        await session.get("a")
    assert {seen.headers.get("cookie") for seen in server.requests} == {None}
    assert {seen.headers.get("authorization", "Bearer")[:6] for seen in server.requests} == {"Bearer"}


async def test_an_explicit_proxy_is_asked(server, session_with):
    async with session_with(url="http://sfo-vcf01.rainpole.io", allow_http=True, proxy=server.url) as session:
        assert (await session.get("a")).id == "a"
    assert {seen.target.startswith("http://sfo-vcf01.rainpole.io/v1/") for seen in server.requests} == {True}


async def test_all_parameters_of_the_listing_arrive(server, session_with):
    where = TaskFilter(
        status=Status.FAILED,
        server_status="In Progress",
        type="A&B",
        name="ü #?=%2e",
        resource_id="r",
        resource_type="ESXI",
        order_by="x",
        order_direction="ASC",
        live_refresh=True,
    )
    async with session_with() as session:
        await session.page(3, where, 7)
        await session.page(0)
        await session.page(limit=5)
    first, second, third = (seen.target.partition("?")[2] for seen in server.select("GET"))
    assert parsed(first) == {
        "taskStatus": "In Progress",
        "taskType": "A&B",
        "taskName": "ü #?=%2e",
        "resourceId": "r",
        "resourceType": "ESXI",
        "orderBy": "x",
        "orderDirection": "ASC",
        "doLiveRefresh": "true",
        "pageNumber": "3",
        "pageSize": "7",
    }
    assert parsed(second) == {"pageNumber": "0", "pageSize": "100"}
    assert parsed(third) == {"limit": "5"}


def parsed(query: str) -> dict[str, str]:
    return dict(parse_qsl(query, strict_parsing=True))


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "a\r\nX: y"], ids=ascii)
async def test_odd_text_in_a_filter_is_sent_or_refused_but_never_a_crash(server, session_with, name):
    async with session_with() as session:
        try:
            await session.page(where=TaskFilter(name=name))
        except VcfTasksError:
            return
    assert "x" not in server.select("GET")[0].headers
    assert parsed(server.select("GET")[0].target.partition("?")[2])["taskName"]
