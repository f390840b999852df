"""The certificate that a host shows: fetching it, reading it, judging it. No password is sent."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import vcf_tasks_async as v
from vcf_tasks_async.cli.output import clean

__all__ = ["Certificate", "handshake", "judging", "look_at", "trusting_anyone"]

# Seconds for a handshake.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Certificate:
    """A certificate as a host shows it.

    Attributes:
        der: the certificate itself.
        facts: as `ssl.SSLSocket.getpeercert` tells them; empty where it is not valid now, since then Python
            does not tell.
        problem: why the system's authorities don't vouch for it; None if they do.
    """

    der: bytes
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 as `openssl x509 -fingerprint -sha256` shows it."""
        return _with_colons(self.der)

    @property
    def subject(self) -> str:
        """Whom it is for; empty where that is not known."""
        return _name(self.facts.get("subject", ()))

    @property
    def issuer(self) -> str:
        """Who vouches for it; empty where that is not known."""
        return _name(self.facts.get("issuer", ()))

    @property
    def names(self) -> list[str]:
        """The host names and addresses that it is good for."""
        return [clean(name, limit=260) for _, name in self.facts.get("subjectAltName", ())]

    @property
    def validity(self) -> tuple[str, str]:
        """From when to when."""
        return clean(self.facts.get("notBefore")), clean(self.facts.get("notAfter"))


def _with_colons(der: bytes) -> str:
    digits = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _name(parts: Any) -> str:
    return clean(", ".join(f"{key}={value}" for part in parts for key, value in part), limit=300)


def trusting_anyone() -> ssl.SSLContext:
    """A context that takes any certificate: to look at one, or where the user said so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def judging(tls: v.Tls) -> ssl.SSLContext:
    """A context that judges as *tls* says, but for a fingerprint, which is compared afterwards.

    Raises:
        UsageError: the CA file can't be used.
    """
    if tls.fingerprint is not None or not tls.verify:
        return trusting_anyone()
    try:
        return ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ValueError) as error:
        raise v.UsageError(
            f"the CA file {tls.ca_file} can't be used: {v.inert(str(error), limit=120)}"
        ) from None


async def handshake(host: str, port: int, context: ssl.SSLContext) -> tuple[bytes, Mapping[str, Any]]:
    """The certificate that *host* shows, and what stands in it, where it was judged."""
    async with asyncio.timeout(_PATIENCE):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        tls = writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True), tls.getpeercert() or {}
    finally:
        writer.close()
        with suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def look_at(host: str, port: int) -> Certificate:
    """The certificate that *host* shows, whether it is trusted or not.

    Raises:
        OSError, TimeoutError: no connection, or no TLS there.
    """
    der, _ = await handshake(host, port, trusting_anyone())
    problem = None
    try:
        await handshake(host, port, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        problem = clean(error.verify_message)
    # Python tells what stands in a certificate only where it was verified: so it vouches for itself.
    itself = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    itself.check_hostname = False
    itself.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    itself.load_verify_locations(cadata=der)
    facts: Mapping[str, Any] = {}
    with suppress(ssl.SSLCertVerificationError):
        _, facts = await handshake(host, port, itself)
    return Certificate(der, facts, problem)
