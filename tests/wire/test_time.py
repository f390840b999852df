"""Time: whatever a server drags out is over at the deadline, and its socket is closed then."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cases import CALLS, READS
from fair_clock import fair
from fault_server import ACCESS, HANG, PASSWORD, RESET, FaultServer, Reply, black_hole, html, refusal

from vcf_tasks_async import (
    BearerAuth,
    DeadlineError,
    NotSentError,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    RateLimited,
    ServerError,
    TaskSession,
    TransportError,
    VcfTasksError,
)

DEADLINE = 0.25
OVERSHOOT = 0.1
"""Seconds that a call may take longer than its deadline."""

_OK = b"HTTP/1.1 200 OK\r\n"
_CONTINUE, _HINTS = b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
SLOW = {
    "never answers": HANG,
    "drips its status line": Reply(None, raw=_OK, drip=0.1),
    "drips its headers": Reply(None, raw=_OK + b"X: y\r\n" * 1000, drip=0.01),
    "stops within its headers": Reply(None, raw=_OK + b"Content-Le", endless=60),
    "stops before its body": Reply(None, raw=_OK + b"Content-Length: 20\r\n\r\n", endless=60),
    "stops within its body": Reply(None, raw=_OK + b'Content-Length: 20\r\n\r\n{"id"', endless=60),
    "stops within a chunk": Reply(None, raw=_OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", endless=60),
    "never ends its body": Reply(None, raw=_OK + b"\r\n{}", endless=60),
    "drips its body": Reply(200, b" " * 1000, drip=0.01),
    "drips the body of a refusal": Reply(400, b" " * 1000, drip=0.01),
    "says 100 and no more": Reply(None, raw=_CONTINUE, endless=60),
    "says 100 for ever": Reply(None, raw=_CONTINUE, endless=0.01),
    "says 103 for ever": Reply(None, raw=_HINTS, endless=0.01),
    "floods with 103": Reply(None, raw=_HINTS * 20, endless=0.001),
}
NO_CONNECTION = ("accepts and reads nothing", "stalls the handshake", "accepts no connection")


async def best_of_three(run: Callable[[], Awaitable[None]]) -> None:
    """A stall of the machine is no fault of the client's; what is, fails three times."""
    for last in (False, False, True):
        try:
            await run()
            break
        except (AssertionError, VcfTasksError, TimeoutError):
            if last:
                raise


async def over_at_the_deadline(server: FaultServer, session: TaskSession, call: str) -> VcfTasksError:
    """The error of one call that meets a slow server, in time and with its socket closed."""
    started, fairly = time.monotonic(), fair()
    with pytest.raises(VcfTasksError) as caught:
        await CALLS[call][0](session)
    assert fair() - fairly <= DEADLINE + OVERSHOOT
    # By the clock on the wall: while others have the processor, the deadline comes nearer all the same.
    assert time.monotonic() - started >= 0.7 * DEADLINE
    return caught.value


async def is_closed(server: FaultServer, connection: int) -> None:
    async with asyncio.timeout(0.5):
        while connection in server.open:
            await asyncio.sleep(0.001)


def brief(**other: Any) -> Policy:
    return Policy(
        **{"deadline": DEADLINE, "attempt_timeout": 5, "base": 0.001, "cap": 0.002, "grace": 0.001, **other}
    )


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
@pytest.mark.usefixtures("leaves_nothing")
async def test_what_a_server_drags_out_is_over_at_the_deadline(fault: Reply) -> None:
    async def run(call: str) -> None:
        _, method, path = CALLS[call]
        async with FaultServer() as server:
            server.script(method, path, fault)
            async with TaskSession(server.url, BearerAuth(ACCESS), policy=brief(), concurrency=1) as session:
                error = await over_at_the_deadline(server, session, call)
                assert type(error) is (DeadlineError if call in READS else OutcomeUnknownError)
                assert error.attempts == server.count(method, path) == 1
                await is_closed(server, 1)
                # The slot is free again.
                assert (await session.get("a")).id == "a"
            await server.left()

    await asyncio.gather(*(best_of_three(lambda call=call: run(call)) for call in CALLS))


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
@pytest.mark.usefixtures("leaves_nothing")
async def test_an_attempt_that_takes_too_long_is_given_up_and_a_read_made_again(fault: Reply) -> None:
    async def run(call: str) -> None:
        make, method, path = CALLS[call]
        policy = brief(attempt_timeout=0.1, deadline=5)
        async with FaultServer() as server:
            server.script(method, path, fault)
            async with TaskSession(server.url, BearerAuth(ACCESS), policy=policy, concurrency=1) as session:
                if call in READS:
                    assert await make(session)
                else:
                    with pytest.raises(OutcomeUnknownError):
                        await make(session)
                assert server.count(method, path) == 1 + (call in READS)
                await is_closed(server, 1)

    await asyncio.gather(*(best_of_three(lambda call=call: run(call)) for call in CALLS))


@pytest.mark.parametrize("how", NO_CONNECTION)
@pytest.mark.usefixtures("leaves_nothing")
async def test_a_connection_that_never_comes_is_over_at_the_deadline(how: str) -> None:
    async def run(call: str) -> None:
        async with FaultServer(scheme="https" if "handshake" in how else "http") as server:
            # A look at the task is answered.
            server.on_connect.extend(["hang"] * (1 if how == "accepts and reads nothing" else 100))
            with black_hole() as port:
                url = f"http://127.0.0.1:{port}" if "no connection" in how else server.url
                async with TaskSession(url, BearerAuth(ACCESS), policy=brief(), concurrency=1) as session:
                    error = await over_at_the_deadline(server, session, call)
                    if server.connections:
                        await is_closed(server, 1)
            assert server.count("PATCH|DELETE") == 0
            if how == "accepts and reads nothing":
                # It went out into the connection.
                assert type(error) is (DeadlineError if call in READS else OutcomeUnknownError)
            else:
                assert type(error) in (NotSentError, DeadlineError)

    await asyncio.gather(*(best_of_three(lambda call=call: run(call)) for call in CALLS))


@pytest.mark.usefixtures("leaves_nothing")
async def test_a_login_that_is_dragged_out_is_over_at_the_callers_deadline() -> None:
    async def run(name: str) -> None:
        async with FaultServer() as server:
            server.script("POST", "/v1/tokens", SLOW[name])
            auth = PasswordAuth("admin@local", PASSWORD)
            async with TaskSession(server.url, auth, policy=brief(), concurrency=1) as session:
                error = await over_at_the_deadline(server, session, "retry")
                assert isinstance(error, DeadlineError), name
                await is_closed(server, 1)
            assert server.count("PATCH") == 0, name

    await asyncio.gather(*(best_of_three(lambda name=name: run(name)) for name in SLOW))


# --- queueing, attempts and pauses together --------------------------------------------------------

WEATHER = {
    "hangs": HANG,
    "resets": RESET,
    "is not ready": html(503),
    "puts off": refusal(429, headers={"Retry-After": "1"}),
    "drips": Reply(200, b" " * 1000, drip=0.01),
}


@pytest.mark.parametrize("reply", WEATHER.values(), ids=WEATHER)
@pytest.mark.usefixtures("leaves_nothing")
async def test_attempts_and_pauses_together_keep_the_deadline(reply) -> None:
    async def run(call: str) -> None:
        make, method, path = CALLS[call]
        policy = brief(base=0.05, cap=0.2, attempt_timeout=0.1)
        async with FaultServer() as server:
            server.always(method, path, reply)
            async with TaskSession(server.url, BearerAuth(ACCESS), policy=policy, concurrency=1) as session:
                started = asyncio.get_running_loop().time()
                with pytest.raises(VcfTasksError):
                    await make(session)
                assert asyncio.get_running_loop().time() - started <= DEADLINE + OVERSHOOT

    await asyncio.gather(*(best_of_three(lambda call=call: run(call)) for call in CALLS))


@pytest.mark.usefixtures("leaves_nothing")
async def test_queueing_counts_into_the_deadline() -> None:
    async def run() -> None:
        async with FaultServer() as server:
            server.always("GET", "/v1/tasks/a", HANG)
            async with TaskSession(server.url, BearerAuth(ACCESS), policy=brief(), concurrency=2) as session:
                started = asyncio.get_running_loop().time()
                errors = await asyncio.gather(*(session.get("a") for _ in range(50)), return_exceptions=True)
                assert asyncio.get_running_loop().time() - started <= DEADLINE + OVERSHOOT
                assert all(isinstance(error, TransportError) for error in errors)
                queued = [error for error in errors if "waited for its turn" in str(error)]
                # One or two may get the slot of those whose time is up, a moment before their own is.
                assert 44 <= len(queued) <= 48
                assert {type(error) for error in queued} == {DeadlineError}
                assert {error.attempts for error in queued} == {0}
                assert isinstance(queued[0], TimeoutError)
                # No slot was lost to those that gave up.
                assert (await session.page()).elements
            assert server.count("GET", "/v1/tasks/a") <= 50 - len(queued)

    await best_of_three(run)


# --- Retry-After ----------------------------------------------------------------------------------

FAR = 3600.0
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
IMF = "%a, %d %b %Y %H:%M:%S GMT"
RFC_850 = "%A, %d-%b-%y %H:%M:%S GMT"
ASCTIME = "%a %b %d %H:%M:%S %Y"
_OUR_CLOCK_IS_OFF = dt.timedelta(days=400)


def at(moment: dt.datetime, form: str = IMF) -> str:
    return moment.strftime(form)


def dated(seconds: float, form: str = IMF, skew: dt.timedelta = dt.timedelta(0)) -> dict[str, str]:
    """A Retry-After so many seconds after the server's own Date, its clock being off by *skew*."""
    date = NOW + skew
    return {"Date": at(date), "Retry-After": at(date + dt.timedelta(seconds=seconds), form)}


# (headers, the seconds that the error tells, or None when the header is nonsense and not heeded)
TOO_LONG = {
    "seconds": ({"Retry-After": "3600"}, FAR),
    "seconds with blanks": ({"Retry-After": " 3600 "}, FAR),
    "seconds beyond all use": ({"Retry-After": "9" * 5000}, float("inf")),
    "longer than the deadline, within the cap": ({"Retry-After": "60"}, 60.0),
    "a date": (dated(FAR), FAR),
    "a date of RFC 850": (dated(FAR, RFC_850), FAR),
    "a date of asctime": (dated(FAR, ASCTIME), FAR),
    "a date of a server far ahead": (dated(FAR, skew=_OUR_CLOCK_IS_OFF), FAR),
    "a date of a server far behind": (dated(FAR, skew=-_OUR_CLOCK_IS_OFF), FAR),
}
HEEDED_AT_ONCE = {
    "none": {},
    "0": {"Retry-After": "0"},
    "nothing": {"Retry-After": ""},
    "words": {"Retry-After": "soon"},
    "below nothing": {"Retry-After": "-3600"},
    "a plus": {"Retry-After": "+3600"},
    "a fraction": {"Retry-After": "3600.5"},
    "an exponent": {"Retry-After": "1e9"},
    "digits that are no ASCII": {"Retry-After": "٣٦٠٠"},
    "digits of full width": {"Retry-After": "３６００"},
    "superscript digits": {"Retry-After": "³"},
    "a unit": {"Retry-After": "3600s"},
    "two numbers": {"Retry-After": "3600, 7200"},
    "infinity": {"Retry-After": "inf"},
    "a date that never was": {"Retry-After": "Fri, 99 Foo 2026 99:99:99 GMT"},
    "a date of ISO 8601": {"Retry-After": "2199-01-01T00:00:00Z"},
    "a date in the past": dated(-FAR),
    "a date of RFC 850 in the past": dated(-FAR, RFC_850),
    "a date of asctime in the past": dated(-FAR, ASCTIME),
    "now, by a server far ahead": dated(0, skew=_OUR_CLOCK_IS_OFF),
    "now, by a server far behind": dated(0, skew=-_OUR_CLOCK_IS_OFF),
}
PATIENT = Policy(base=0.001, cap=0.002, deadline=10, attempt_timeout=5, budget=2, grace=0.001)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("headers", "asked"), TOO_LONG.values(), ids=TOO_LONG)
@pytest.mark.usefixtures("leaves_nothing")
async def test_a_wait_that_is_too_long_ends_the_call_at_once_and_is_told(
    server, headers, asked, status, call
) -> None:
    make, method, path = CALLS[call]
    server.script(method, path, refusal(status, headers=headers))
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=PATIENT, concurrency=1) as session:
        with pytest.raises(RateLimited if status == 429 else ServerError) as caught:
            await make(session)
        assert caught.value.retry_after == asked
        assert server.count(method, path) == caught.value.attempts == 1
        assert (await session.get("a")).id == "a"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("headers", HEEDED_AT_ONCE.values(), ids=HEEDED_AT_ONCE)
@pytest.mark.usefixtures("leaves_nothing")
async def test_no_wait_a_past_one_and_nonsense_cost_no_time(server, headers, call) -> None:
    make, method, path = CALLS[call]
    server.script(method, path, refusal(429, headers=headers))
    async with TaskSession(server.url, BearerAuth(ACCESS), policy=PATIENT, concurrency=1) as session:
        await make(session)
    assert server.count(method, path) == 2


@pytest.mark.parametrize("call", ["task", "retry"])
async def test_a_wait_is_kept_in_full_by_the_servers_own_clock(call) -> None:
    make, method, path = CALLS[call]

    async def run(headers: dict[str, str]) -> None:
        async with FaultServer() as server:
            server.script(method, path, html(503, headers=headers))
            started, fairly = time.monotonic(), fair()
            async with TaskSession(server.url, BearerAuth(ACCESS), policy=PATIENT) as session:
                await make(session)
            assert time.monotonic() - started >= 1.0
            assert fair() - fairly < 2.0
            assert server.count(method, path) == 2

    dates = [dated(1, form, skew=_OUR_CLOCK_IS_OFF) for form in (IMF, RFC_850, ASCTIME)]
    await asyncio.gather(*(run(headers) for headers in [{"Retry-After": "1"}, *dates]))


# --- the wall clock -------------------------------------------------------------------------------


@pytest.fixture
def mad_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each look the wall clock shows another year."""
    rng = random.Random(5)
    monkeypatch.setattr(time, "time", lambda: rng.uniform(0, 4e9))

    class Mad(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.fromtimestamp(rng.uniform(0, 4e9), tz)

    monkeypatch.setattr("vcf_tasks_async.transport.datetime", Mad)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.usefixtures("mad_wall_clock", "leaves_nothing")
async def test_a_wall_clock_that_jumps_changes_nothing(call) -> None:
    _, method, path = CALLS[call]

    async def run() -> None:
        async with FaultServer() as server:
            auth = PasswordAuth("admin@local", PASSWORD)
            policy = brief(deadline=DEADLINE)
            async with TaskSession(server.url, auth, policy=policy, concurrency=1) as session:
                await session.page()
                server.script(method, path, refusal(429, headers=dated(0)), HANG)
                error = await over_at_the_deadline(server, session, call)
                assert type(error) is (DeadlineError if call in READS else OutcomeUnknownError)
                assert server.count(method, path) == 2 + (call == "list")
                for _ in range(20):
                    await session.get("a")
            # Nor is a token thrown away, or a kept connection.
            assert (server.logins, server.refreshes) == (1, 0)
            assert server.connections == 2

    await best_of_three(run)
