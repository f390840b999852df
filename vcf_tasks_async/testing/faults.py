"""Scripted faults: which call goes wrong, how often, and how.

Decides only; `server` carries it out on the connection.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from vcf_tasks_async.testing.bodies import Answer, encode, error, not_found_page

__all__ = ["Fault", "FaultPlan", "befalling", "is_applied", "own_answer", "replaces"]


@dataclass(slots=True, eq=False)
class Fault:
    """One scripted fault. See `FaultPlan.add` for what each field means."""

    method: str | None
    path: re.Pattern[str] | None
    times: int | None
    skip: int
    status: int | None
    html: bool
    body: bytes | None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    delay_answer: float = 0.0
    lost: Literal["before", "after"] | None = None
    reset: bool = False
    apply: bool = False
    cut: int | float | None = None
    drip: float | None = None
    drip_bytes: int = 1024
    query: Mapping[str, str] = field(default_factory=dict)
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether it has happened as often as it was meant to."""
        return self.times is not None and self.hits >= self.times

    def __repr__(self) -> str:
        what = f"lost={self.lost}" if self.lost else f"status={self.status}" if self.status else "fault"
        path = self.path.pattern if self.path else "*"
        return f"<{what} on {self.method or '*'} {path}: {self.hits} of {self.times or 'ever'}>"


class FaultPlan:
    """The faults of a simulator, in the order in which they were added: the first that fits happens.

    Example:
        >>> faults = FaultPlan()
        >>> _ = faults.add(method="PATCH", path="/v1/tasks/.*", status=502, html=True, times=2)
        >>> faults.add(path="/v1/tasks", status=429, headers={"Retry-After": "3"})
        <status=429 on * /v1/tasks: 0 of 1>
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __len__(self) -> int:
        return len(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def add(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        query: Mapping[str, str] | None = None,
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        html: bool = False,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        delay_answer: float = 0.0,
        lost: Literal["before", "after"] | None = None,
        reset: bool = False,
        apply: bool = False,
        cut: float | None = None,
        drip: float | None = None,
        drip_bytes: int = 1024,
    ) -> Fault:
        """Let matching requests go wrong.

        Args:
            method: which method; None is any.
            path: a regular expression for the whole path; None is any.
            query: parameters that must be there with these values: `{"pageNumber": "3"}`.
            times: how often; None is for ever.
            skip: how many matching requests pass first.
            status: answer this instead, with an error body and without doing what was asked.
            html: the body is nginx's HTML instead of JSON (404 unless *status* says otherwise).
            body: answer this instead: garbage, an empty text, another JSON.
            headers: go with the fault's own answer: `{"Retry-After": "5"}`.
            delay: real seconds before the request is looked at (and applied).
            delay_answer: real seconds between applying it and answering.
            lost: close the connection without an answer, `"before"` or `"after"` it was applied.
            reset: with *lost*: reset the connection (RST) instead of closing it.
            apply: do what was asked in spite of *status*: a 502 for a retry that worked.
            cut: promise the whole body and close after this many bytes (int) or this share (float).
            drip: real seconds between pieces of the body; each piece has *drip_bytes* bytes.
            drip_bytes: how much a piece holds.

        Returns:
            The fault; `hits` says how often it happened.
        """
        if lost is not None and lost not in ("before", "after"):
            raise ValueError(
                f"lost={lost!r}: a connection is lost 'before' or 'after' the request is applied"
            )
        fault = Fault(
            method=method.upper() if method else None,
            path=re.compile(path) if path is not None else None,
            query=dict(query or {}),
            times=times,
            skip=skip,
            status=status,
            html=html,
            body=body.encode() if isinstance(body, str) else body,
            headers=dict(headers or {}),
            delay=delay,
            delay_answer=delay_answer,
            lost=lost,
            reset=reset,
            apply=apply,
            cut=cut,
            drip=drip,
            drip_bytes=drip_bytes,
        )
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault back."""
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Take all faults back."""
        self._faults.clear()


def befalling(faults: FaultPlan, method: str, path: str, query: Mapping[str, str]) -> Fault | None:
    """The fault that befalls this request, if one does; counts it."""
    for fault in faults:
        if fault.spent or (fault.method is not None and fault.method != method):
            continue
        if fault.path is not None and not fault.path.fullmatch(path):
            continue
        if not fault.query.items() <= query.items():
            continue
        if fault.skip > 0:
            fault.skip -= 1
            continue
        fault.hits += 1
        return fault
    return None


def is_applied(fault: Fault) -> bool:
    """Whether the request does its work in spite of the fault."""
    if fault.lost is not None:
        return fault.lost == "after"
    return fault.apply or not replaces(fault)


def replaces(fault: Fault) -> bool:
    """Whether the fault has an answer of its own."""
    return fault.status is not None or fault.body is not None or fault.html


def own_answer(fault: Fault) -> Answer:
    """The answer of a fault that has one."""
    status = fault.status if fault.status is not None else 404 if fault.html else 200
    if fault.body is not None:
        kind = "text/html" if fault.html else "application/json"
        return Answer(status, fault.body, fault.headers.get("Content-Type", kind), fault.headers)
    if fault.html:
        page = not_found_page(status)
        return Answer(status, page.body, page.content_type, fault.headers)
    code, text = _REASONS.get(status, ("VCF_ERROR_INTERNAL_SERVER_ERROR", "The call failed"))
    body = error(code, text, remediation="Look into the logs of SDDC Manager.", reference="SIM0FA")
    return Answer(status, encode(body), headers=fault.headers)


_REASONS = {
    400: ("BAD_REQUEST", "The request is not valid"),
    401: ("Unauthorized", "Not authorized to access the resource"),
    403: ("FORBIDDEN", "The user lacks the privilege for this operation"),
    404: ("TA_TASK_NOT_FOUND", "The task was not found"),
    409: ("TA_TASK_CAN_NOT_BE_RETRIED", "Task cannot be retried"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    502: ("BAD_GATEWAY", "The service behind the proxy did not answer"),
    503: ("SERVICE_UNAVAILABLE", "The service is starting"),
}
