"""TLS: who is not trusted gets no byte of the credentials; who is chosen is taken, and loudly."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from fault_server import ACCESS, CANARY, PASSWORD, FaultServer, Reply, is_servers

from vcf_tasks_async import (
    BearerAuth,
    NotSentError,
    OutcomeUnknownError,
    PasswordAuth,
    Policy,
    TaskSession,
    Tls,
    TransportError,
    UsageError,
)

# An attempt that a busy machine cuts short is made again, and is no word on who is trusted.
BRIEF = Policy(base=0.01, cap=0.02, deadline=10, attempt_timeout=5, grace=0.01)


class Identity:
    """An authority and the certificate it issued for *host*, good from and until so many days from now."""

    def __init__(self, directory: Path, host: str, days: tuple[int, int] = (-30, 30)) -> None:
        authority = trustme.CA()
        begins, ends = (datetime.now(UTC) + timedelta(days=each) for each in days)
        issued = authority.issue_cert(host, not_before=begins, not_after=ends)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(self.context)
        self.ca_file = str(directory / f"ca-{host}-{days[1]}.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        leaf = load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())
        self.fingerprint = hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest()


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def other_host(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(tmp_path_factory.mktemp("tls"), "sfo-vcf01.rainpole.io")


@pytest.fixture
async def sddc(right: Identity) -> AsyncIterator[FaultServer]:
    async with FaultServer(right.context) as server:
        yield server


def session_to(server: FaultServer, tls: Tls | None = None, **options: object) -> TaskSession:
    return TaskSession(server.url, PasswordAuth("admin@local", PASSWORD), tls=tls, policy=BRIEF, **options)


CALLS = {
    # A bearer token is there from the start: it is the calls themselves that must keep it.
    "login": lambda s: s.get("a"),
    "list": lambda s: s.page(),
    "task": lambda s: s.get("a"),
    "retry": lambda s: s.retry("a"),
    "cancel": lambda s: s.cancel("a"),
}


async def refused(server: FaultServer, tls: Tls | None, call: str = "login") -> NotSentError:
    auth = PasswordAuth("admin@local", PASSWORD) if call == "login" else BearerAuth(ACCESS)
    async with TaskSession(server.url, auth, tls=tls, policy=BRIEF, concurrency=1) as session:
        with pytest.raises(NotSentError) as caught:
            await CALLS[call](session)
        # No slot and no asyncio task is left with it.
        left = {t for t in asyncio.all_tasks() - {asyncio.current_task()} if not is_servers(t)}
        assert left == set()
        with pytest.raises(NotSentError):
            await CALLS[call](session)
    await server.left()
    # Not one byte of ours came out of the tunnel.
    assert bytes(server.raw) == b""
    # TLS is never repeated: it would end no better.
    assert caught.value.attempts == 1
    assert (server.hellos or server.connections) == 2
    assert caught.value.manager == f"127.0.0.1:{server.port}"
    assert CANARY not in str(caught.value) + repr(caught.value)
    return caught.value


# (the server's certificate or what it says instead, what the client was told, what its error says)
UNTRUSTED = {
    "an unknown authority": ("127.0.0.1", None, "not trusted .*: give its CA file or its fingerprint"),
    "another authority than the chosen one": ("127.0.0.1", "another ca_file", "certificate"),
    "a certificate for another host": (
        "sfo-vcf01.rainpole.io",
        "its ca_file",
        r"127\.0\.0\.1.*\): give the .* by a name",
    ),
    "a certificate that is not the pinned one": ("127.0.0.1", "another fingerprint", "pinned one: renewed"),
    "an expired certificate": ((-30, -1), "its ca_file", r"is not valid \(.*expired\): renew it, or"),
    "a certificate of tomorrow": ((1, 30), "its ca_file", r"not yet valid\): look at the clock"),
    "HTTP without TLS": (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, "TLS"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", None, "TLS: what answers .* another protocol"),
    "a refusal of the handshake": (b"\x15\x03\x03\x00\x02\x02\x28", None, "TLS"),
    "no common version": (b"\x15\x03\x01\x00\x02\x02\x46", None, "TLS"),
    "no common version, verification off": (b"\x15\x03\x01\x00\x02\x02\x46", "no verification", "TLS"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("shown", "choice", "says"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_who_is_not_trusted_gets_nothing_and_is_not_asked_again(
    tmp_path, other_host, shown, choice, says, call
):
    days = shown if isinstance(shown, tuple) else (-30, 30)
    identity = Identity(tmp_path, shown if isinstance(shown, str) else "127.0.0.1", days)
    tls = {
        None: lambda: None,
        "its ca_file": lambda: Tls(ca_file=identity.ca_file),
        "another ca_file": lambda: Tls(ca_file=other_host.ca_file),
        "another fingerprint": lambda: Tls(fingerprint=other_host.fingerprint),
        "no verification": lambda: Tls(verify=False),
    }[choice]()
    async with FaultServer(None if isinstance(shown, bytes) else identity.context, scheme="https") as server:
        if isinstance(shown, bytes):
            server.on_connect.extend([shown] * 2)
        error = await refused(server, tls, call)
    assert re.search(says, str(error))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", ["reset", "close"])
async def test_a_handshake_that_breaks_off_sent_nothing_and_is_tried_again(right, fault, call):
    async with FaultServer(scheme="https") as server:
        server.on_connect.extend([fault] * 4)
        policy = Policy(base=0.001, cap=0.002, deadline=2, attempt_timeout=1, budget=3)
        auth = PasswordAuth("admin@local", PASSWORD) if call == "login" else BearerAuth(ACCESS)
        async with TaskSession(server.url, auth, policy=policy) as session:
            with pytest.raises(NotSentError) as caught:
                await CALLS[call](session)
    assert caught.value.attempts == server.connections == 4
    assert bytes(server.raw) == b""


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("when", ["before the answer", "within the body"])
async def test_a_connection_whose_tls_breaks_is_not_trusted_with_the_call_again(right, call, when):
    # As when it is tampered with; or when the server asks for a certificate of ours, which in TLS 1.3 it
    # says only when the first request is under way.
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{" if when == "within the body" else b""
    async with FaultServer(right.context) as server:
        server.always(".*", ".*", Reply(None, raw=head, beneath=b"\x17\x03\x03\x00\x20" + b"x" * 32))
        auth = PasswordAuth("admin@local", PASSWORD) if call == "login" else BearerAuth(ACCESS)
        async with TaskSession(server.url, auth, tls=Tls(ca_file=right.ca_file), policy=BRIEF) as session:
            with pytest.raises(TransportError, match="TLS") as caught:
                await CALLS[call](session)
        await server.left()
    is_write = call in ("retry", "cancel")
    assert type(caught.value) is (OutcomeUnknownError if is_write else TransportError)
    assert caught.value.attempts == 1
    assert [seen.method != "GET" for seen in server.requests].count(True) <= 1
    assert is_write or len(server.requests) == 1


@pytest.mark.parametrize("choice", ["ca_file", "fingerprint", "fingerprint of another host", "verify"])
async def test_what_was_chosen_is_taken(right, other_host, choice):
    identity = other_host if "another" in choice else right
    tls = {
        "ca_file": lambda: Tls(ca_file=identity.ca_file),
        "verify": lambda: Tls(verify=False),
    }.get(choice, lambda: Tls(fingerprint=identity.fingerprint))()
    async with FaultServer(identity.context) as server, session_to(server, tls) as session:
        assert (await session.get("a")).id == "a"
        assert server.logins == 1


async def test_verification_off_is_logged_as_a_warning_each_time_it_is_opened(sddc, caplog):
    session = session_to(sddc, Tls(verify=False))
    for _ in range(2):
        async with session:
            pass
    warnings = [
        r for r in caplog.records if r.levelno == logging.WARNING and r.name.startswith("vcf_tasks_async")
    ]
    assert len(warnings) == 2
    assert f"127.0.0.1:{sddc.port}" in warnings[0].getMessage()


async def test_verification_on_is_not_worth_a_warning(sddc, right, caplog):
    async with session_to(sddc, Tls(ca_file=right.ca_file)) as session:
        await session.get("a")
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_a_ca_file_that_cannot_be_read_is_said_on_opening(sddc, tmp_path):
    with pytest.raises(UsageError, match=r"missing\.pem"):
        await session_to(sddc, Tls(ca_file=str(tmp_path / "missing.pem"))).__aenter__()
    assert bytes(sddc.raw) == b""


WHO = {
    "another host": ("sfo-vcf01.rainpole.io", (-30, 30)),
    "expired yesterday": ("127.0.0.1", (-30, -1)),
    "not valid before tomorrow": ("127.0.0.1", (1, 30)),
    "good, but of an unknown authority": ("127.0.0.1", (-30, 30)),
    "good, but not the pinned one": ("127.0.0.1", (-30, 30)),
}


@pytest.mark.parametrize("lent", [False, True], ids=["own HTTP session", "lent HTTP session"])
@pytest.mark.parametrize("who", WHO)
async def test_who_is_not_trusted_gets_no_byte_of_a_credential(tmp_path, right, who, lent):
    identity = Identity(tmp_path, *WHO[who])
    if "authority" in who:
        tls = Tls(ca_file=right.ca_file)
    elif "pinned" in who:
        tls = Tls(fingerprint=right.fingerprint)
    else:
        tls = Tls(ca_file=identity.ca_file)
    calls = [
        lambda s: s.get("a"),
        lambda s: s.retry("a"),
        lambda s: s.cancel("a"),
        lambda s: s.page(),
    ]
    async with FaultServer(identity.context) as server, aiohttp.ClientSession() as http:
        for auth in (PasswordAuth("admin@local", PASSWORD), BearerAuth("cAnArY-bearer")):
            async with TaskSession(
                server.url, auth, tls=tls, policy=BRIEF, http=http if lent else None
            ) as session:
                for call in calls:
                    with pytest.raises(NotSentError) as caught:
                        await call(session)
                    assert caught.value.attempts == 1
        assert server.connections >= ("pinned" in who)
        assert bytes(server.raw) == b""


async def test_a_certificate_that_is_swapped_in_mid_session_gets_nothing(sddc, right, other_host):
    # The connection is kept for as long as it lasts; the next one is judged anew.
    async with session_to(sddc, Tls(fingerprint=right.fingerprint)) as session:
        await session.get("a")
        await sddc.stop()
        impostor = FaultServer(other_host.context)
        impostor.port = sddc.port
        async with impostor:
            with pytest.raises(NotSentError, match="pinned"):
                await session.get("a")
        assert bytes(impostor.raw) == b""


async def test_a_lent_session_gets_the_choice_too(sddc, right):
    async with aiohttp.ClientSession() as http:
        async with session_to(sddc, Tls(fingerprint=right.fingerprint), http=http) as session:
            assert (await session.get("a")).id == "a"
        async with session_to(sddc, http=http) as session:
            with pytest.raises(NotSentError):
                await session.get("a")


async def test_an_environment_that_turns_verification_off_or_swaps_authorities_is_not_asked(
    sddc, monkeypatch
):
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    await refused(sddc, None)
