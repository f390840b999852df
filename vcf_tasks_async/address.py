"""Where an SDDC Manager is, and how its certificate is judged. Reads no file and opens nothing."""

from __future__ import annotations

import ipaddress
import re
import ssl
from urllib.parse import urlsplit

import attrs

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.text import inert

_TASK_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_HOST = re.compile(r"([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.|$))+", re.ASCII)
# What stands beside the tasks in their own path: DELETE /v1/tasks/history deletes histories (9.1).
_NO_TASKS = frozenset({".", "..", "history", "config"})
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
# Such as one that was copied from curl: a login would go to …/v1/tasks/v1/tokens.
_OF_THE_API = re.compile(r"/v1(/|$)")
_EXAMPLE = "give a host name such as sfo-vcf01.rainpole.io, or a URL such as https://sfo-vcf01.rainpole.io"


@attrs.frozen
class Address:
    """Base URL and display name of one SDDC Manager.

    Attributes:
        base: without a slash at its end.
        name: the host, and the port where it is not the usual one, for errors and logs.
    """

    base: str
    name: str


def parse_address(url: str, *, allow_http: bool = False) -> Address:
    """The address that *url*, a host name or a URL, stands for.

    Raises:
        UsageError: it names no host, carries a password, or is plain http to another machine.

    Example:
        >>> parse_address("sfo-vcf01.rainpole.io").base
        'https://sfo-vcf01.rainpole.io'
    """
    found = _find(url, allow_http)
    # What is raised shows the locals of its frames, and the URL may hold a password.
    del url
    if isinstance(found, str):
        raise UsageError(found)
    return found


def _find(url: str, allow_http: bool) -> Address | str:
    """The address, or what is wrong with *url*. Raises nothing."""
    if not isinstance(url, str) or not url.strip():
        return f"no address: {_EXAMPLE}"
    text = url.strip()
    shown = inert(text.rpartition("@")[2], limit=120)
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return f"{shown!r} is no address: {_EXAMPLE}"
    if parts.username is not None or parts.password is not None:
        return f"{shown} comes with credentials in its URL: give PasswordAuth(username, password)"
    if parts.scheme not in ("https", "http"):
        return f"{inert(parts.scheme, limit=20)!r} is no scheme for SDDC Manager: {_EXAMPLE}"
    prefix = parts.path.rstrip("/")
    if not _is_host(host) or parts.query or parts.fragment or not _PREFIX.fullmatch(prefix):
        return f"{shown!r} is no address: {_EXAMPLE}"
    if _OF_THE_API.search(prefix):
        return f"{shown} leads into the API: give the address without /v1 and what follows"
    if parts.scheme == "http" and not allow_http and not _is_loopback(host):
        return f"http://{host} sends the password in the clear: use https, or say allow_http=True if you must"
    bracketed = f"[{host}]" if ":" in host else host
    usual = port is None or port == {"https": 443, "http": 80}[parts.scheme]
    place = bracketed if port is None else f"{bracketed}:{port}"
    return Address(base=f"{parts.scheme}://{place}{prefix}", name=bracketed if usual else place)


def parse_proxy(proxy: object) -> Secret | None:
    """*proxy*, when it can be the URL of an HTTP proxy. It may hold a password, so it does not show.

    Raises:
        UsageError: it can't.
    """
    if proxy is None:
        return None
    found = Secret(proxy) if isinstance(proxy, str) and _is_proxy(proxy) else None
    del proxy
    if found is None:
        raise UsageError("proxy takes a URL such as http://proxy.rainpole.io:3128")
    return found


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return url.isprintable() and parts.scheme in ("http", "https") and _is_host(host)


def _is_host(host: str) -> bool:
    if ":" not in host:
        return bool(_HOST.fullmatch(host)) and len(host) <= 253
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def task_path(task_id: str, prefix: str = "/v1/tasks") -> str:
    """The path of one task.

    Raises:
        UsageError: *task_id* could lead somewhere else, or is no task id at all.

    Example:
        >>> task_path("16ab8935-805b-4edf-aace-72c98134f667")
        '/v1/tasks/16ab8935-805b-4edf-aace-72c98134f667'
    """
    # Nothing that is in an id has to be quoted in a path.
    return f"{prefix}/{checked_id(task_id)}"


def checked_id(task_id: object) -> str:
    """*task_id*, when it can be one.

    Raises:
        UsageError: it can't.
    """
    if not isinstance(task_id, str):
        raise UsageError(f"a task id is a text (Task.id), not {type(task_id).__name__}")
    if not _TASK_ID.fullmatch(task_id) or task_id in _NO_TASKS:
        raise UsageError(
            f"{inert(task_id, limit=60)!r} is no task id: 1 to 128 of A-Z a-z 0-9 . _ : -, such as"
            " 16ab8935-805b-4edf-aace-72c98134f667"
        )
    return task_id


_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _digest(text: str | None) -> str | None:
    """A fingerprint in the one spelling that `Tls` keeps."""
    if text is None:
        return None
    digits = text.lower().removeprefix("sha256:").replace(":", "").strip() if isinstance(text, str) else ""
    if not _SHA256.fullmatch(digits):
        raise UsageError(
            "a fingerprint is the SHA-256 of the certificate in hex: openssl x509 -fingerprint -sha256"
        )
    return digits


@attrs.frozen
class Tls:
    """How the server's certificate is judged, where the system's own authorities don't know it.

    One of three; without any, the system's authorities decide.

    Args:
        ca_file: path of a PEM file with the authority (or the self-signed certificate) to trust.
        fingerprint: SHA-256 of the very certificate, in hex, with or without colons. Kept in lower case,
            without them.
        verify: False takes any certificate. Every session that is opened so logs a warning.

    Example:
        >>> Tls(fingerprint="SHA256:" + ":".join(["AB"] * 32)).fingerprint[:4]
        'abab'
    """

    ca_file: str | None = None
    fingerprint: str | None = attrs.field(default=None, converter=_digest)
    verify: bool = True

    def __attrs_post_init__(self) -> None:
        if (self.ca_file is not None) + (self.fingerprint is not None) + (not self.verify) > 1:
            raise UsageError("Tls takes one of ca_file, fingerprint and verify=False")


def make_context(tls: Tls) -> ssl.SSLContext:
    """The TLS context that *tls* asks for. Reads files and takes some 30 ms: not for the event loop.

    Raises:
        UsageError: the CA file can't be read or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ValueError) as error:
        raise UsageError(f"the CA file {tls.ca_file} can't be used: {inert(str(error), limit=120)}") from None
