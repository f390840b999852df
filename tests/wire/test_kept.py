"""Kept connections: one that died meanwhile, or over which something was said unasked, is not used again."""

from __future__ import annotations

import aiohttp
import pytest
from cases import CALLS, READS
from fault_server import ACCESS, CLOSE, RESET, FaultServer, Reply
from test_tls import Identity

from vcf_tasks_async import BearerAuth, OutcomeUnknownError, Policy, TaskSession, Tls, TransportError

POLICY = Policy(base=0.001, cap=0.002, deadline=10, attempt_timeout=5, budget=0, grace=0.01)
STRAY = b'HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n{"id": "stray", "elements": [      ]}'


def session_with(server: FaultServer, **options: object) -> TaskSession:
    return TaskSession(server.url, BearerAuth(ACCESS), policy=POLICY, concurrency=1, **options)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("what", ["its end", "an answer to nobody", "both", "half an answer"])
@pytest.mark.usefixtures("leaves_nothing")
async def test_what_was_said_while_nobody_asked_is_no_answer_and_no_loss(server, what, call) -> None:
    async with session_with(server) as session:
        await session.get("a")
        if "answer" in what or what == "both":
            server.say(STRAY if what != "half an answer" else STRAY[:20])
        if what in ("its end", "both"):
            server.hang_up()
        # The loop has not turned: aiohttp can't have seen it.
        result = await CALLS[call][0](session)
        if call in READS:
            assert "stray" not in repr(result)
        # Not even a write that would have to be called lost.
        assert server.count(*CALLS[call][1:]) == 1 + (call == "task")
        assert server.requests[-1].connection == 2


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_good_connection_is_used_again_and_again(server, identity: Identity) -> None:
    async with session_with(server) as session:
        for _ in range(50):
            await session.get("a")
    assert server.connections == 1
    async with (
        FaultServer(identity.context) as secure,
        session_with(secure, tls=Tls(ca_file=identity.ca_file)) as session,
    ):
        for _ in range(50):
            await session.get("a")
        assert secure.hellos == secure.connections == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.usefixtures("leaves_nothing")
async def test_over_tls_too_an_answer_to_nobody_is_no_answer(identity: Identity, call) -> None:
    async with (
        FaultServer(identity.context) as server,
        session_with(server, tls=Tls(ca_file=identity.ca_file)) as session,
    ):
        server.script("GET", "/v1/tasks/a", Reply(200, b'{"id": "a"}', afterwards=STRAY))
        await session.get("a")
        await server.has_said_all()
        assert "stray" not in repr(await CALLS[call][0](session))
        assert server.connections == 2


@pytest.mark.parametrize("lent", [False, True], ids=["own HTTP session", "lent HTTP session"])
@pytest.mark.parametrize("fault", [RESET, CLOSE], ids=["reset", "close"])
@pytest.mark.parametrize("call", CALLS)
async def test_aiohttp_sends_nothing_a_second_time_by_itself(server, call, fault, lent) -> None:
    make, method, path = CALLS[call]
    async with aiohttp.ClientSession() as http, session_with(server, http=http if lent else None) as session:
        await session.get("a")
        before = server.count(method, path)
        server.script(method, path, fault)
        with pytest.raises(TransportError) as caught:
            await make(session)
        assert type(caught.value) is (TransportError if call in READS else OutcomeUnknownError)
        assert server.select(method, path)[before].connection == 1
        # The look at a task after a lost write is another call.
        assert server.count(method, path) - before == 1
