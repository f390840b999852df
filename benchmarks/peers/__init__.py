"""The clients that are measured: each as its own documentation would have it used, and the floors below.

A peer is a function, async where its library is. It takes a `Job` and a `Meter`, gets ready (imports,
login, a first connection) and then lists or retries inside `with meter:`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple


class Job(NamedTuple):
    """What a peer has to do.

    Attributes:
        url, ca_file: where the server is.
        tasks: how many there are to list, or to retry.
        window: requests in flight at most, for those that have such a thing.
    """

    url: str
    ca_file: str | None
    tasks: int
    window: int


class Peer(NamedTuple):
    """A client.

    Attributes:
        title: how tables call it.
        place: ``module:function`` in this package.
        needs: what must be installed.
    """

    title: str
    place: str
    needs: tuple[str, ...] = ()

    @property
    def is_floor(self) -> bool:
        """Whether it is no client, but what none can be faster than."""
        return self.title.startswith("floor")

    def load(self) -> Any:
        """The function."""
        module, _, name = self.place.partition(":")
        return getattr(import_module(f"{__name__}.{module}"), name)


def missing(needs: tuple[str, ...]) -> list[str]:
    """Which of the packages *needs* are not installed."""
    return [name for name in needs if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


OURS = "ours"
LISTING = {
    OURS: Peer("vcf_tasks_async", "ours:stream"),
    "ours-read": Peer("vcf_tasks_async, every subtask read", "ours:stream_and_read"),
    "ours-collect": Peer("vcf_tasks_async, collected", "ours:collect"),
    "vcf-sdk": Peer("official vcf-sdk (sync)", "official:listing", ("vmware.sddc_manager",)),
    "openapi": Peer("openapi-python-client, typed", "openapi:listing", ("httpx",)),
    "httpx": Peer("httpx, one page after another, dicts", "httpx_dicts:listing", ("httpx",)),
    "sequential": Peer("aiohttp, one page after another, dicts", "bare_aiohttp:sequential"),
    "gather": Peer("aiohttp, gather of all pages, dicts", "bare_aiohttp:gather"),
    "msgspec": Peer("floor: aiohttp and msgspec, typed", "typed_msgspec:listing", ("msgspec",)),
    "orjson": Peer("floor: sockets and orjson, dicts", "sockets:with_orjson", ("orjson",)),
    "bytes": Peer("floor: sockets, bytes alone", "sockets:only_bytes"),
}
RETRIES = {
    OURS: Peer("vcf_tasks_async", "ours:retries"),
    "aiohttp": Peer("aiohttp alone", "bare_aiohttp:retries"),
    "sockets": Peer("floor: sockets", "sockets:retries"),
}
