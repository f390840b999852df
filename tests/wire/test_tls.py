"""TLS: who is not trusted gets no byte of the credentials; who is chosen is taken, and loudly."""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from fault_server import PASSWORD, FaultServer

from vcf_tasks_async import (
    BearerAuth,
    NotSentError,
    PasswordAuth,
    Policy,
    TaskSession,
    Tls,
    TransportError,
    UsageError,
)

BRIEF = Policy(base=0.01, cap=0.02, deadline=2, attempt_timeout=1)


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


async def refused(server: FaultServer, tls: Tls | None) -> NotSentError:
    async with session_to(server, tls) as session:
        with pytest.raises(NotSentError) as caught:
            await session.get("a")
    # Not one byte of ours came out of the tunnel.
    assert bytes(server.raw) == b""
    # TLS is never repeated: it would end no better.
    assert caught.value.attempts == 1
    assert caught.value.manager == f"127.0.0.1:{server.port}"
    return caught.value


async def test_an_unknown_authority_gets_nothing(sddc):
    assert "certificate" in str(await refused(sddc, None)).lower()


async def test_another_authority_than_the_chosen_one_gets_nothing(sddc, other_host):
    await refused(sddc, Tls(ca_file=other_host.ca_file))


async def test_a_certificate_for_another_host_gets_nothing(other_host):
    async with FaultServer(other_host.context) as server:
        error = await refused(server, Tls(ca_file=other_host.ca_file))
    assert "127.0.0.1" in str(error)


async def test_a_certificate_that_is_not_the_pinned_one_gets_nothing(sddc, other_host):
    assert "pinned" in str(await refused(sddc, Tls(fingerprint=other_host.fingerprint)))


async def test_a_server_without_tls_gets_nothing():
    async with FaultServer() as server:
        url = server.url.replace("http:", "https:")
        policy = Policy(base=0.01, deadline=0.3, attempt_timeout=0.1)
        async with TaskSession(url, PasswordAuth("admin@local", PASSWORD), policy=policy) as session:
            with pytest.raises(TransportError):
                await session.get("a")
        assert PASSWORD.encode() not in bytes(server.raw)
        assert server.requests == []


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
