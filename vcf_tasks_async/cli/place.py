"""Scheme, host and port of what people give as an address."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import vcf_tasks_async as v

__all__ = ["place_of"]


def place_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a host name or URL.

    Raises:
        UsageError: there is no host in it.
    """
    with suppress(ValueError):
        parts = urlsplit(url.strip() if "://" in url else f"https://{url.strip()}")
        if parts.hostname and parts.scheme in ("https", "http"):
            return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}[parts.scheme]
    raise v.UsageError(
        f"{v.inert(url, limit=120)!r} is no address: give a host name such as sfo-vcf01.rainpole.io"
    )
