"""Bodies: whatever comes with 200 is right data or a typed error with a harmless sample; never a crash.

The same with msgspec and without it.
"""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import compression_utils
from bodies import NOT_JSON, ODD, RIGHT
from fault_server import ACCESS, CANARY, PASSWORD, FaultServer, Reply, refusal

from vcf_tasks_async import (
    BadRequest,
    BearerAuth,
    DecodeError,
    Forbidden,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    TaskNotFound,
    TaskSession,
    VcfTasksError,
    codec,
    folding,
    shapes,
    transport,
)

POLICY = Policy(base=0.001, cap=0.002, deadline=15, attempt_timeout=10, budget=1, grace=0.001)
WRITES = {"retry": "PATCH", "cancel": "DELETE"}


@pytest.fixture(params=["quick", "plain"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The quick way in, where msgspec is installed, and the plain one."""
    monkeypatch.setattr(shapes, "AVAILABLE", shapes.AVAILABLE and request.param == "quick")
    return request.param


@pytest.fixture
async def session(server: FaultServer) -> AsyncIterator[TaskSession]:
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=POLICY, concurrency=1) as session:
        yield session
        # Whatever came, the session is as good as before.
        assert (await session.get("a")).id == "a"
    await server.left()


def page_of(body: bytes) -> bytes:
    return b'{"elements": [' + body + b', {"id": "good"}]}'


def harmless(error: VcfTasksError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 800
    if isinstance(error, DecodeError):
        assert error.sample.isprintable()
        assert len(error.sample) <= 80


# --- 200 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "holds"), RIGHT.values(), ids=RIGHT)
async def test_right_data_comes_as_it_was_sent(server, session, body, holds) -> None:
    server.script("GET", "/v1/tasks/a", Reply(200, body))
    server.script("GET", "/v1/tasks", Reply(200, page_of(body)))
    task = await session.get("a")
    page = await session.page()
    for each in (task, page.elements[0]):
        assert each.id == "a"
        assert holds(each)
        # What is written back says the same.
        assert folding.decode_task(codec.encode(each)) == each
    assert page.elements[1].id == "good"
    assert len(server.requests) == 2


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
async def test_what_is_no_json_is_asked_for_again_and_then_said(server, session, body) -> None:
    server.script("GET", "/v1/tasks/a", *[Reply(200, body)] * 2)
    with pytest.raises(DecodeError) as caught:
        await session.get("a")
    error = caught.value
    assert error.not_json
    assert (error.method, error.path) == ("GET", "/v1/tasks/a")
    harmless(error)
    assert bool(error.sample) == bool(body.strip())
    assert server.count("GET") == 2

    server.script("GET", "/v1/tasks", Reply(200, body))
    with pytest.raises(DecodeError) as caught:
        await session.page()
    assert caught.value.not_json
    harmless(caught.value)


@pytest.mark.parametrize(("body", "place"), ODD.values(), ids=ODD)
async def test_json_of_another_shape_is_named_by_its_place_and_asked_for_once(
    server, session, body, place
) -> None:
    server.script("GET", "/v1/tasks/a", Reply(200, body))
    server.script("GET", "/v1/tasks", Reply(200, page_of(body)))
    with pytest.raises(DecodeError) as caught:
        await session.get("a")
    page = await session.page()
    (malformed,) = page.malformed
    for error, path in ((caught.value, place), (malformed, f"$.elements[0]{place[1:]}")):
        assert error.json_path.startswith(path)
        assert not error.not_json
        harmless(error)
    # It does not cost the good ones.
    assert [task.id for task in page.elements] == ["good"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("action", WRITES)
async def test_a_write_is_done_with_any_json_or_none_and_unknown_with_anything_else(
    server, session, action
) -> None:
    fine = [b"", b" \r\n", *(body for body, _ in RIGHT.values()), *(body for body, _ in ODD.values())]
    broken = [body for body in NOT_JSON.values() if body.strip()]
    server.script(WRITES[action], "/v1/tasks/a", *(Reply(200, body) for body in fine + broken))
    for _ in fine:
        await getattr(session, action)("a")
    for _ in broken:
        with pytest.raises(OutcomeUnknownError) as caught:
            await getattr(session, action)("a")
        harmless(caught.value)
    assert server.count(WRITES[action]) == len(fine) + len(broken)


OTHER_READS = {
    "settings": ("/v1/tasks/config/settings", lambda s: s.settings()),
    "credential tasks": ("/v1/credentials/tasks", lambda s: listed(s.credentials.stream())),
    "credential task": ("/v1/credentials/tasks/a", lambda s: s.credentials.get("a")),
    "subtask": ("/v1/credentials/tasks/a/subtasks/b", lambda s: s.credentials.subtask("a", "b")),
    "accounts": (
        "/v1/credentials/tasks/a/resource-credentials",
        lambda s: s.credentials.resource_credentials("a"),
    ),
}


async def listed(stream) -> list[str]:
    return [task.id async for task in stream]


@pytest.mark.parametrize(("path", "read"), OTHER_READS.values(), ids=OTHER_READS)
async def test_every_other_read_makes_typed_errors_of_such_bodies(server, path, read) -> None:
    async def ended(body: bytes) -> DecodeError | None:
        server.reset_scripts()
        server.always("GET", path, Reply(200, body))
        try:
            await read(session)
        except DecodeError as error:
            harmless(error)
            return error
        return None

    policy = attrs.evolve(POLICY, base=1e-6, cap=1e-6)
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=policy) as session:
        for name, body in NOT_JSON.items():
            error = await ended(body)
            assert error is not None, name
            assert error.not_json, name
        # Most of these are right data to one read or other.
        for body in [body for body, _ in RIGHT.values()] + [body for body, _ in ODD.values()]:
            error = await ended(body)
            assert error is None or not error.not_json


async def test_a_login_answered_with_anything_but_tokens_is_a_typed_error_that_shows_nothing(server) -> None:
    bodies = [*NOT_JSON.values(), *(body for body, _ in (*RIGHT.values(), *ODD.values()))]
    # Half a token pair: what there is of it is secret.
    bodies += [b'{"accessToken": "cAnArY-access-1", "refres', b'{"accessToken": ["cAnArY-access"]}']
    policy = Policy(base=0.001, deadline=15, attempt_timeout=10, budget=0)
    server.script("POST", "/v1/tokens", *(Reply(200, body) for body in bodies))
    auth = PasswordAuth("admin@local", PASSWORD)
    async with TaskSession(server.url, auth, policy=policy, concurrency=1) as session:
        for _ in bodies:
            with pytest.raises(DecodeError) as caught:
                await session.get("a")
            harmless(caught.value)
            assert CANARY not in str(caught.value) + repr(caught.value) + repr(vars(caught.value))
        assert (await session.get("a")).id == "a"
    assert server.logins == len(bodies) + 1


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(400, BadRequest), (403, Forbidden)])
async def test_a_refusal_in_any_words_is_one_harmless_line(server, session, status, kind) -> None:
    bodies = [*NOT_JSON.values(), *(body for body, _ in (*RIGHT.values(), *ODD.values()))]
    bodies += [b'{"errorCode": "\\u001b]52;c;aGk=\\u0007", "message": 5}', b"\xff\xfe", b"x" * 200_000]
    for call, method in (("get", "GET"), ("retry", "PATCH")):
        server.script(method, "/v1/tasks/a", *(Reply(status, body) for body in bodies))
        for _ in bodies:
            with pytest.raises(kind) as caught:
                await getattr(session, call)("a")
            harmless(caught.value)


async def test_of_a_refusal_that_is_too_long_the_beginning_is_shown(server, session) -> None:
    server.script("GET", "/v1/tasks/a", Reply(400, b"<h1>Blocked by policy</h1>" + b" " * 200_000))
    with pytest.raises(BadRequest, match="<h1>Blocked by policy</h1>"):
        await session.get("a")


async def test_only_a_404_in_json_says_that_there_is_no_such_task(server, session) -> None:
    server.script("GET", "/v1/tasks/a", refusal(404))
    with pytest.raises(TaskNotFound):
        await session.get("a")
    # Anything else comes from a front end: nobody knows what became of a write.
    for body in NOT_JSON.values():
        server.script("PATCH", "/v1/tasks/a", Reply(404, body))
        with pytest.raises(OutcomeUnknownError):
            await session.retry("a")


# --- caps -----------------------------------------------------------------------------------------


def bomb(encoding: str, size: int) -> bytes:
    """*size* blanks, packed."""
    block = bytes(1 << 20).replace(b"\0", b" ")
    if encoding == "br":
        return compression_utils.brotli.compress(block * (size >> 20))
    if encoding == "zstd":
        from backports import zstd  # noqa: PLC0415 - there only where aiohttp has it too

        return zstd.compress(block * (size >> 20))
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


ENCODINGS = [
    "gzip",
    "deflate",
    *(["br"] if compression_utils.HAS_BROTLI else []),
    *(["zstd"] if compression_utils.HAS_ZSTD else []),
]


async def peak_of(session: TaskSession, kind: type[VcfTasksError], says: str | None = None) -> int:
    """Bytes that a read at most took on its way to a *kind* of error."""
    tracemalloc.start()
    try:
        with pytest.raises(kind, match=says):
            await session.get("a")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_bomb_costs_no_more_than_the_cap(server, session, encoding) -> None:
    server.script("GET", "/v1/tasks/a", Reply(200, bomb(encoding, 96 << 20), {"Content-Encoding": encoding}))
    assert await peak_of(session, DecodeError) < transport.BODY_CAP + (4 << 20)
    assert server.count("GET") == 1


async def test_a_bomb_in_a_thousand_parts_costs_no_more(server, session) -> None:
    parts = gzip.compress(bytes(1 << 20)) * 1000
    server.script("GET", "/v1/tasks/a", Reply(200, parts, {"Content-Encoding": "gzip"}))
    assert await peak_of(session, DecodeError) < transport.BODY_CAP + (4 << 20)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("status", [400, 403, 500])
async def test_a_bomb_with_a_refusal_costs_next_to_nothing(server, session, encoding, status) -> None:
    server.always(
        "GET", "/v1/tasks/a", Reply(status, bomb(encoding, 8 << 20), {"Content-Encoding": encoding})
    )
    assert await peak_of(session, VcfTasksError) < 3 << 20
    server._scripts.clear()


@pytest.mark.parametrize("value", [b"{},", b"[],", b"1.5,", b'"ab",'])
async def test_a_document_of_too_many_values_is_refused_before_it_is_made(server, session, value) -> None:
    body = page_of(b'{"id": "a", "x": [' + value * (codec.MOST_VALUES + 1) + b"0]}")
    server.script("GET", "/v1/tasks/a", Reply(200, body))
    assert await peak_of(session, DecodeError, "8,000,000 values") < 3 * len(body)
    assert server.count("GET") == 1


async def test_as_many_values_as_are_allowed_are_read(server, session, monkeypatch) -> None:
    body = b'{"id": "a", "x": [' + b"{}," * 100 + b"0]}"
    signs = sum(body.count(sign) for sign in (b",", b"[", b"{"))
    monkeypatch.setattr(codec, "MOST_VALUES", signs)
    server.script("GET", "/v1/tasks/a", Reply(200, body))
    assert len((await session.get("a")).extra["x"]) == 101
    monkeypatch.setattr(codec, "MOST_VALUES", signs - 1)
    server.script("GET", "/v1/tasks/a", Reply(200, body))
    with pytest.raises(DecodeError, match="values"):
        await session.get("a")
    # A write is done with JSON of any size.
    for action, method in WRITES.items():
        server.script(method, "/v1/tasks/a", Reply(200, body))
        await getattr(session, action)("a")


async def test_a_body_that_never_ends_is_read_no_further_than_the_cap(server, session, monkeypatch) -> None:
    monkeypatch.setattr(transport, "BODY_CAP", 1 << 20)
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.script("GET", "/v1/tasks/a", Reply(None, raw=head + piece * 200))
    with pytest.raises(DecodeError, match="more than 1 MiB: ask for smaller pages"):
        await session.get("a")
    assert server.count("GET") == 1


async def test_a_page_as_large_as_the_cap_is_read(server, session, monkeypatch) -> None:
    body = json.dumps({"id": "a", "name": "x" * 1000}).encode()
    monkeypatch.setattr(transport, "BODY_CAP", len(body))
    server.script("GET", "/v1/tasks/a", Reply(200, body), Reply(200, body + b" "))
    assert (await session.get("a")).name == "x" * 1000
    with pytest.raises(DecodeError, match="smaller pages"):
        await session.get("a")
