"""What the simulator says: JSON bytes, error bodies, and the answer a route gives.

Plain values without any HTTP library, so that routes can be read and tested as functions.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any
from urllib.parse import unquote

__all__ = ["Answer", "Call", "Raw", "encode", "error", "error_answer", "not_found_page"]

#: A JSON object as it goes over the wire.
Raw = dict[str, Any]

_fast: Callable[[Any], bytes] | None
try:
    # Optional, and by name: type checkers run where it is not installed.
    _fast = import_module("orjson").dumps
except ImportError:
    _fast = None


def encode(value: Any) -> bytes:
    """*value* as compact UTF-8 JSON, the same bytes with orjson and without."""
    try:
        if _fast is not None:
            return _fast(value)
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    except (TypeError, UnicodeEncodeError):
        # A fixture may hold integers over 64 bits, which orjson refuses, or halves of surrogate pairs.
        return json.dumps(value, separators=(",", ":")).encode()


JSON = "application/json"


@dataclass(slots=True)
class Call:
    """One request, as a route sees it."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    token: str | None = None

    def segment(self, index: int) -> str:
        """One part of the path, percent-decoding undone: part 2 of `/v1/tasks/a%3Ab` is `a:b`."""
        return unquote(self.path.split("/")[index + 1])

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


@dataclass(slots=True)
class Answer:
    """One answer: status, body bytes, content type (None: no header at all) and further headers."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def error(
    code: str,
    message: str,
    *,
    kind: str = "ERROR",
    remediation: str | None = None,
    arguments: Sequence[str] = (),
    context: Mapping[str, str] | None = None,
    causes: Sequence[tuple[str, str]] = (),
    nested: Sequence[Raw] = (),
    reference: str | None = None,
) -> Raw:
    """An `Error` object with every field the API documents up to 9.0; unset ones are left out.

    Args:
        code: errorCode, such as `TA_TASK_CAN_NOT_BE_RETRIED`.
        message: what a person reads first.
        kind: errorType.
        remediation: remediationMessage, what to do about it.
        arguments: what was filled into the message.
        context: where it happened.
        causes: pairs of exception type and message.
        nested: the errors inside this one.
        reference: referenceToken, what support asks for.
    """
    body: Raw = {"errorCode": code, "errorType": kind, "message": message}
    if arguments:
        body["arguments"] = list(arguments)
    if context:
        body["context"] = dict(context)
    if remediation is not None:
        body["remediationMessage"] = remediation
    body["causes"] = [{"type": type_, "message": text} for type_, text in causes]
    body["nestedErrors"] = list(nested)
    if reference is not None:
        body["referenceToken"] = reference
    return body


def error_answer(status: int, body: Raw, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that holds an error object."""
    return Answer(status, encode(body), headers=headers or {})


def not_found_page(status: int = 404) -> Answer:
    """The HTML that nginx gives while the services behind it are not there (404, 502, 503)."""
    reason = {404: "Not Found", 502: "Bad Gateway", 503: "Service Temporarily Unavailable"}.get(
        status, "Error"
    )
    text = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return Answer(status, text.encode(), "text/html")
