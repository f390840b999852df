"""What became of one attempt, in the terms that decide and in words; and the error it ends as. No I/O."""

from __future__ import annotations

import ssl
from typing import Any, Final

import attrs

from vcf_tasks_async.codec import decode_error, is_json
from vcf_tasks_async.errors import (
    ApiError,
    BadRequest,
    DecodeError,
    Forbidden,
    NotSentError,
    OutcomeUnknownError,
    RateLimited,
    ServerError,
    TaskConflict,
    TaskNotFound,
    TransportError,
    Unauthorized,
    VcfTasksError,
)
from vcf_tasks_async.policy import Failure, Fate, is_ambiguous
from vcf_tasks_async.text import inert, without_secrets

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: TaskNotFound,
    409: TaskConflict,
    429: RateLimited,
}
# Not yet valid, expired, of another host (OpenSSL's X509_V_ERR_…): another authority makes it no better.
_NOT_MENDED_BY_TRUST: Final = {
    9: "look at the clock of this machine",
    10: "renew it, or look at the clock of this machine",
    62: "give the address by a name that is in it",
    64: "give the address by a name that is in it",
}


@attrs.define
class Answer:
    """The answer to one attempt, read to its end."""

    status: int
    body: bytes = attrs.field(repr=False)
    retry_after: float | None = None
    location: str | None = None


@attrs.frozen
class Trouble:
    """A failed attempt: the terms that decide, and the words for the person."""

    failure: Failure
    words: str
    answer: Answer | None = None
    decode_error: DecodeError | None = None


def not_sent(words: str, fate: Fate = Fate.NOT_SENT) -> Trouble:
    """It never reached the server."""
    return Trouble(Failure(fate), words)


def no_tls(error: BaseException) -> Trouble:
    """The handshake came to nothing, so no credential went out."""
    words = f"TLS: {inert(str(error), limit=200)}"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = inert(error.verify_message, limit=200)
        words = f"its certificate is not trusted ({why}): give its CA file or its fingerprint"
        if (remedy := _NOT_MENDED_BY_TRUST.get(error.verify_code)) is not None:
            words = f"its certificate is not valid ({why}): {remedy}"
    elif isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        words = "TLS: what answers at that port speaks another protocol"
    return not_sent(words, Fate.TLS)


def lost(words: str, fate: Fate = Fate.LOST) -> Trouble:
    """It was sent, and no whole answer came."""
    return Trouble(Failure(fate), words)


def too_large(status: int, cap: int) -> Trouble:
    """An answer over *cap* bytes; not worth a repeat, the next one would be as large."""
    error = DecodeError(f"an answer of more than {cap >> 20} MiB: ask for smaller pages")
    return Trouble(Failure(Fate.ANSWERED, status), str(error), None, error)


def undecodable(answer: Answer, error: DecodeError) -> Trouble:
    """A good status over a body that can't be read."""
    # JSON of another shape will not get better by asking again.
    return Trouble(
        Failure(Fate.ANSWERED, answer.status, undecodable=error.not_json), str(error), answer, error
    )


def refused(answer: Answer) -> Trouble:
    """An answer of 300 and more."""
    # A stopped nginx answers 404 with HTML while the services behind it start; only JSON means "no such
    # task".
    not_ready = answer.status == 404 and not is_json(answer.body)
    failure = Failure(Fate.ANSWERED, answer.status, answer.retry_after, not_ready)
    return Trouble(failure, _words(answer, not_ready), answer)


def _words(answer: Answer, not_ready: bool) -> str:
    if not_ready:
        return "its front end answers, the service behind it is not ready"
    if answer.status < 400:
        place = inert((answer.location or "nowhere").partition("?")[0], limit=120)
        return f"redirected to {place}; redirects are never followed, check the address"
    detail = decode_error(answer.body)
    if detail is None:
        beginning = without_secrets(answer.body[:400].decode("utf-8", "replace"))
        return inert(beginning, limit=120) or "an empty answer"
    inner, remedy = detail.innermost()
    words = inner.text or detail.text or "no reason given"
    if detail.message and detail.message != words:
        words = f"{detail.message}: {words}"
    if remedy:
        words += f" — {remedy}"
    if detail.reference_token:
        words += f" [reference token {detail.reference_token}]"
    return inert(words, limit=500)


def error_for(
    trouble: Trouble, *, what: str, safe: bool, manager: str, method: str, path: str, attempts: int
) -> VcfTasksError:
    """What is raised for a call whose last attempt ended in *trouble*.

    Args:
        what: the call in words, such as ``retry of task 3ee5``.
        safe: it was no write, so that nothing can have been applied.
    """
    where: dict[str, Any] = {"manager": manager, "method": method, "path": path}
    failure, answer = trouble.failure, trouble.answer
    tries = "" if attempts == 1 else f" ({attempts} attempts)"
    line = f"{what} at {manager}: {trouble.words}{tries}"
    if failure.fate in (Fate.NOT_SENT, Fate.TLS):
        return NotSentError(line, attempts=attempts, **where)
    if not safe and is_ambiguous(failure):
        return OutcomeUnknownError(
            f"{line}; it may have been applied: look at the task", attempts=attempts, **where
        )
    if (error := trouble.decode_error) is not None:
        return DecodeError(
            line,
            json_path=error.json_path,
            task_id=error.task_id,
            sample=error.sample,
            not_json=error.not_json,
            **where,
        )
    if answer is None:
        return TransportError(line, attempts=attempts, **where)
    detail = decode_error(answer.body)
    code = f" {inert(detail.error_code, limit=80)}" if detail and detail.error_code else ""
    return _kind(failure)(
        f"{what} refused by {manager} ({failure.status}{code}): {trouble.words}{tries}",
        status=failure.status,
        detail=detail,
        retry_after=failure.retry_after,
        attempts=attempts,
        **where,
    )


def _kind(failure: Failure) -> type[ApiError]:
    if failure.not_ready or failure.status >= 500:
        return ServerError
    return _BY_STATUS.get(failure.status, BadRequest if failure.status >= 400 else ApiError)
