"""The record of every request the simulator received, for assertions.

It keeps secrets as they came (it is a test double), and prints none of them.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

__all__ = ["RecordedRequest", "RequestRecord", "RequestRecorder"]


@dataclass(slots=True)
class RecordedRequest:
    """One request as it arrived, and what became of it.

    `started` and `ended` are seconds of `time.monotonic()`; `at` is the simulator's clock. `status` is
    None while the request is being served, and 0 when the connection was dropped instead of an answer.
    """

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int
    started: float
    at: float
    token: str | None = field(default=None, repr=False)
    status: int | None = None
    ended: float | None = None
    fault: str | None = None

    @property
    def json(self) -> Any:
        """The body as JSON; None when there is no body. Raises ValueError when it is not JSON."""
        return json.loads(self.body) if self.body else None

    @property
    def elapsed(self) -> float | None:
        """Seconds from arrival to the last byte of the answer; None while it is being served."""
        return None if self.ended is None else self.ended - self.started

    def __repr__(self) -> str:
        # Bodies hold passwords and refresh tokens, headers hold bearer tokens: neither is ever printed.
        query = "?" + "&".join(f"{k}={v}" for k, v in self.query.items()) if self.query else ""
        asked = f"{self.method} {self.path}{query}"
        return f"<{self.number}: {asked} -> {self.status} on connection {self.connection}>"


#: So many requests are kept; a simulator that runs for weeks forgets the older half then.
REQUEST_LIMIT = 200_000


class RequestRecord:
    """All requests in order of arrival: a read-only sequence with a few questions on top.

    Example:
        >>> record = RequestRecord()
        >>> record.count(method="PATCH", path="/v1/tasks/.*")
        0
    """

    def __init__(self) -> None:
        self._requests: list[RecordedRequest] = []
        self._total = 0
        self._in_flight = 0
        self._max_in_flight = 0

    def __len__(self) -> int:
        return len(self._requests)

    def __iter__(self) -> Iterator[RecordedRequest]:
        return iter(list(self._requests))

    @overload
    def __getitem__(self, index: int) -> RecordedRequest: ...

    @overload
    def __getitem__(self, index: slice) -> list[RecordedRequest]: ...

    def __getitem__(self, index: int | slice) -> RecordedRequest | list[RecordedRequest]:
        return self._requests[index]

    def __repr__(self) -> str:
        return f"<{len(self)} requests, at most {self._max_in_flight} at once>"

    @property
    def in_flight(self) -> int:
        """Requests being served now."""
        return self._in_flight

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being served at the same moment, since the last `clear()`.

        Without any `latency` a request is served in one step of the loop, and this stays at 1.
        """
        return self._max_in_flight

    def select(
        self, *, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> list[RecordedRequest]:
        """The requests with this method, path (a regular expression for the whole path) and status."""
        pattern = re.compile(path) if path is not None else None
        return [
            request
            for request in self
            if (method is None or request.method == method.upper())
            and (pattern is None or pattern.fullmatch(request.path))
            and (status is None or request.status == status)
        ]

    def count(self, *, method: str | None = None, path: str | None = None, status: int | None = None) -> int:
        """How many requests `select` would give."""
        return len(self.select(method=method, path=path, status=status))

    def clear(self) -> None:
        """Forget what was received; requests being served are still counted as in flight."""
        self._requests.clear()
        self._max_in_flight = self._in_flight


class RequestRecorder(RequestRecord):
    """The server's hand on the record."""

    def begin(self, request: RecordedRequest) -> None:
        """A request has arrived."""
        self._total += 1
        request.number = self._total
        self._requests.append(request)
        if len(self._requests) > REQUEST_LIMIT:
            del self._requests[: REQUEST_LIMIT // 2]
        self._in_flight += 1
        self._max_in_flight = max(self._max_in_flight, self._in_flight)

    def end(self, request: RecordedRequest, ended: float) -> None:
        """A request is done with, at *ended* of `time.monotonic()`."""
        request.ended = ended
        self._in_flight -= 1
