"""Whether SDDC Manager is there, and lets us in: step by step, each with a word on what to do.

The first steps send nothing but a greeting; the password goes out with the login alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import vcf_tasks_async as v
from vcf_tasks_async.cli.certificate import handshake, judging
from vcf_tasks_async.cli.exits import Exit, code_of
from vcf_tasks_async.cli.output import clean
from vcf_tasks_async.cli.place import place_of

__all__ = ["Check", "log_in", "reach"]

# Seconds for a connection.
_PATIENCE = 5.0
_CERTIFICATE_REMEDIES = {
    10: "it has expired, or this machine's clock is wrong: renew it, or look at the clock",
    62: "call the host by a name that is in the certificate",
}


@dataclass(frozen=True)
class Check:
    """One step.

    Attributes:
        step: which.
        code: DONE, or the exit code for what is wrong.
        text: what was found.
        remedy: what to do; empty where nothing is wrong.
    """

    step: str
    code: Exit
    text: str
    remedy: str = ""


async def reach(url: str, tls: v.Tls) -> AsyncIterator[Check]:
    """Name, TCP and TLS; ends with the first step that fails."""
    scheme, host, port = place_of(url)
    name = await _name(host, port)
    yield name
    if name.code:
        return
    connection = await _connect(host, port)
    yield connection
    if connection.code:
        return
    if scheme == "http":
        yield Check("TLS", Exit.DONE, "not used: plain http")
    else:
        yield await _certificate(host, port, tls)


async def _name(host: str, port: int) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        why = clean(getattr(error, "strerror", None)) or "no answer from the name server"
        remedy = "check the spelling, and that this machine's name server knows it"
        return Check("name", Exit.CONNECTION, f"{host}: {why}", remedy)
    addresses = dict.fromkeys(clean(address[0], limit=60) for *_, address in found)
    return Check("name", Exit.DONE, f"{host} is {', '.join(addresses)}")


async def _connect(host: str, port: int) -> Check:
    try:
        async with asyncio.timeout(_PATIENCE):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        remedy = "a firewall may drop it, or the address is another machine's"
        return Check("TCP", Exit.CONNECTION, f"port {port} does not answer", remedy)
    except ConnectionRefusedError:
        remedy = "the machine is there, its web server is not: is SDDC Manager up, and is that its port?"
        return Check("TCP", Exit.CONNECTION, f"port {port} refuses connections", remedy)
    except OSError as error:
        return Check("TCP", Exit.CONNECTION, clean(error.strerror or error), "check the network between")
    return Check("TCP", Exit.DONE, f"port {port} answers")


async def _certificate(host: str, port: int, tls: v.Tls) -> Check:
    place = host if port == 443 else f"{host}:{port}"
    try:
        der, _ = await handshake(host, port, judging(tls))
    except ssl.SSLCertVerificationError as error:
        remedy = _CERTIFICATE_REMEDIES.get(
            error.verify_code, f"vcf-tasks trust {place} shows and pins it; or give --ca-file"
        )
        return Check("TLS", Exit.CONNECTION, f"not trusted: {clean(error.verify_message)}", remedy)
    except (OSError, TimeoutError) as error:
        text = f"port {port} does not speak TLS: {clean(getattr(error, 'reason', None) or error, limit=200)}"
        return Check("TLS", Exit.CONNECTION, text, "is that SDDC Manager's port? A proxy in between?")
    if tls.pinned is not None and hashlib.sha256(der).digest() != tls.pinned:
        remedy = f"it was renewed, or somebody is in between: vcf-tasks trust {place} shows what it is now"
        return Check("TLS", Exit.CONNECTION, "not the certificate that is pinned", remedy)
    if not tls.verify:
        return Check("TLS", Exit.DONE, "not verified, as you say: whoever answers gets the password")
    return Check("TLS", Exit.DONE, "the pinned certificate" if tls.pinned else "the certificate is trusted")


async def log_in(session: v.TaskSession, username: str, *, all_of_it: bool = True) -> list[Check]:
    """Login, the tasks, and what kind of release answers; ends with the first step that fails.

    Args:
        session: not opened yet.
        username: who logs in.
        all_of_it: False: find out no more than whether that works.
    """
    logged_in = Check("login", Exit.DONE, f"as {clean(username, limit=120)}")
    async with session:
        try:
            page = await session.page(size=1)
        except v.VcfTasksError as error:
            wrong = (code_of(error), clean(error), _remedy(error))
            if error.path is None or error.path.startswith("/v1/tokens"):
                return [Check("login", *wrong)]
            return [logged_in, Check("tasks", *wrong)]
        if not all_of_it:
            return [logged_in]
        about = page.page_metadata
        number = "some" if about is None or about.total_elements is None else about.total_elements
        return [
            logged_in,
            Check("tasks", Exit.DONE, f"{number} tasks"),
            Check("release", Exit.DONE, await _release(session, page)),
        ]


async def _release(session: v.TaskSession, page: v.TaskPage) -> str:
    """What answers, as far as its answers tell: no call of this API says it."""
    if page.page_metadata is None:
        return "VCF 4.x: it does not page its list"
    if any(task.is_retryable is None for task in page.elements):
        return "older than VCF 5: it does not say what can be retried"
    try:
        await session.settings()
    except v.UnsupportedError:
        oldest = "VCF 5" if page.elements else "VCF 4.5"
        return f"{oldest} to 9.0, or a VCF Installer: it has no settings of tasks, which 9.1 added"
    except v.VcfTasksError as error:
        return f"VCF 5 or newer; whether it is 9.1 can't be told: {clean(error, limit=200)}"
    return "VCF 9.1 or newer: it has settings of tasks"


def _remedy(error: v.VcfTasksError) -> str:
    code = code_of(error)
    if isinstance(error, v.Forbidden):
        return "give the account a role in SDDC Manager"
    if code is Exit.LOGIN:
        return "check user name and password; a few wrong ones lock the account for a while"
    if code is Exit.REFUSED:
        return "SDDC Manager may be starting: try again in a few minutes"
    return ""
