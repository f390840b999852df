"""What is fuzzed, and what must hold of it for any input; `fuzz_files` has what our own files hold.

A check passes when it returns. It takes the errors that are promised; whatever else comes out is a finding.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import attrs
import corpus
from corpus import PLANTED
from fuzz_files import check_cursor, check_journal, check_sites, odd_journal, odd_sites
from harmless import check_error
from mutators import body_of, mutated_bytes, text_of

from vcf_tasks_async import shapes
from vcf_tasks_async.answers import Answer, error_for, refused
from vcf_tasks_async.codec import decode_error, encode, is_json, parse_json, structure
from vcf_tasks_async.credential_api import _read_resources, _subtask_in
from vcf_tasks_async.credential_models import CredentialsTask
from vcf_tasks_async.credential_pages import CredentialsPageReader
from vcf_tasks_async.cursor import Told, from_cursor
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.events import Mark, Progress, changes
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.folding import compact, decode_task
from vcf_tasks_async.histories import HistoryDeletion
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.masking import masked
from vcf_tasks_async.models import HistoryAnswer, Task, TaskPage, TaskSettings
from vcf_tasks_async.pages import PageReader
from vcf_tasks_async.policy import parse_retry_after
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.status import Status
from vcf_tasks_async.steps import AnyTask, ErrorDetail, parse_timestamp
from vcf_tasks_async.text import inert, without_secrets
from vcf_tasks_async.tokens import lifetime

NOW: Final = datetime(2026, 11, 25, tzinfo=UTC)


@attrs.frozen
class Target:
    """One thing that is fuzzed.

    Attributes:
        share: of a thousand inputs.
        make: an input; always the same one for the same state of the generator.
        check: raises what is wrong with what comes of it.
    """

    name: str
    share: int
    make: Callable[[Random], Any]
    check: Callable[[Any], None]


# --- what must hold of what comes out ---------------------------------------------------------------------


def _check_task(task: AnyTask) -> None:
    """All that can be read of a task can be read."""
    for _, node in [("", task), *task.walk()]:
        assert isinstance(node.status, Status)
        assert node.created_at is None or node.created_at.tzinfo is UTC
        assert node.duration is None or node.duration.total_seconds() >= 0
        for error in node.errors:
            _check_detail(error)
    assert 0 <= task.progress <= 1
    assert (task.cause is not None) <= task.failed
    assert task.cause is None or "\n" not in task.cause
    repr(task)
    assert Sighting.of(task) == Sighting.of(task)


def _check_detail(error: ErrorDetail) -> None:
    inner, remedy = error.innermost()
    assert error.says_something == (inner.text is not None or error.text is not None)
    assert remedy != ""


def _check_uses(task: Task) -> None:
    """What others make of a task."""
    _check_task(task)
    mark = Mark.of(task)
    assert changes(mark, mark) == []
    changes(None, mark)
    changes(Mark("Failed", 0, ("SUCCESSFUL", None)), mark)
    assert list(mark.paths()) == [path for path, _ in task.walk()]
    assert from_cursor(encode(Told({task.id: mark}).cursor())) == {task.id: mark}
    Progress.of(task, now=NOW)
    for where in _FILTERS:
        where.matches(task)


_FILTERS: Final = (
    TaskFilter(status=Status.FAILED, name="host", type="HOST_COMMISSION", completed_after=NOW),
    TaskFilter(resource_id="a", resource_type="ESXI", server_status="In Progress"),
)


def _check_copies(task: Task) -> None:
    small = compact(task)
    for again in (pickle.loads(pickle.dumps(task)), copy.deepcopy(task), attrs.evolve(task), small):
        assert again == task
    hash(task)
    assert attrs.asdict(task)["id"] == task.id


@contextmanager
def _slow_way() -> Iterator[None]:
    before, shapes.AVAILABLE = shapes.AVAILABLE, False
    try:
        yield
    finally:
        shapes.AVAILABLE = before


def _told(decode: Callable[[bytes], Any], body: bytes) -> Any:
    """What comes of *body*: the result, or what the error says."""
    try:
        return decode(body)
    except DecodeError as error:
        check_error(error)
        return str(error), error.json_path, error.task_id, error.sample, error.not_json


def _both_ways(decode: Callable[[bytes], Any], body: bytes) -> Any:
    quick = _told(decode, body)
    with _slow_way():
        slow = _told(decode, body)
        if not isinstance(slow, tuple):
            # What is read with one decoder may be unfolded without it.
            assert slow.to_json() == quick.to_json()
    assert quick == slow
    return quick


# --- tasks ------------------------------------------------------------------------------------------------


def check_task(body: bytes) -> None:
    task = _both_ways(decode_task, body)
    if isinstance(task, Task):
        _check_uses(task)
        # Nothing that came is lost or changed.
        assert task.to_json() == parse_json(body)
        assert decode_task(encode(task)) == task
        if len(body) % 8 == 0:
            _check_copies(task)


def _stepped(body: bytes) -> TaskPage:
    reader = PageReader(body)
    # Begun anew at most once, and one step for each element; a comma stands between two.
    for _ in range(2 * body.count(b",") + 10):
        if next(reader, StopIteration) is StopIteration:
            return reader.page()
    raise AssertionError("it does not end")


def check_page(body: bytes) -> None:
    page = _both_ways(_stepped, body)
    if not isinstance(page, TaskPage):
        return
    for error in page.malformed:
        check_error(error)
    document = parse_json(body)
    came = document.get("elements") or []
    assert page.received == len(came)
    odd = {error.json_path.split("]")[0] for error in page.malformed}
    good = [each for number, each in enumerate(came) if f"$.elements[{number}" not in odd]
    assert [task.to_json() for task in page.elements] == good
    for task in page.elements:
        _check_task(task)


# --- credential tasks -------------------------------------------------------------------------------------

_SECRETIVE: Final = re.compile("password", re.IGNORECASE)


def _is_open(value: Any) -> bool:
    """Whether the plant stands elsewhere than in a text under a password's name; then it may show."""
    if isinstance(value, dict):
        return any(PLANTED in key or (not _SECRETIVE.search(key) and _is_open(v)) for key, v in value.items())
    return (
        any(map(_is_open, value)) if isinstance(value, list) else isinstance(value, str) and PLANTED in value
    )


def _check_hidden(body: bytes, *shown: object) -> None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not _is_open(document):
        for each in shown:
            assert PLANTED not in repr(each), "a secret shows"


def _guarded(body: bytes, read: Callable[[bytes], Any]) -> Any:
    """What *read* makes of *body*; None where it can't."""
    try:
        return read(body)
    except DecodeError as error:
        check_error(error)
        _check_hidden(body, error, error.args, vars(error), pickle.dumps(error))
        return None


def check_credential_task(body: bytes) -> None:
    task = _guarded(body, lambda body: structure(parse_json(body, guarded=True), CredentialsTask))
    sub = _guarded(body, lambda body: _subtask_in(parse_json(body, guarded=True), "a"))
    if task is not None:
        _check_task(task)
        _check_hidden(body, task, task.to_json(), pickle.dumps(task), attrs.asdict(task), task.cause)
        assert pickle.loads(pickle.dumps(task)).to_json() == task.to_json()
    if sub is not None:
        _check_hidden(body, sub, sub.to_json())


def check_credential_page(body: bytes) -> None:
    def read(body: bytes) -> Any:
        reader = CredentialsPageReader(body)
        for _ in reader:
            pass
        return reader.page()

    page = _guarded(body, read)
    if page is not None:
        for error in page.malformed:
            check_error(error)
            _check_hidden(body, error, vars(error), pickle.dumps(error))
        for task in page.elements:
            _check_task(task)
        _check_hidden(body, page, page.to_json(), pickle.dumps(page))


def check_resource_credentials(body: bytes) -> None:
    def read(body: bytes) -> Any:
        # It awaits nothing: one step brings it to its end.
        try:
            _read_resources(body).send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("it awaits something")

    found = _guarded(body, read)
    if found is not None:
        _check_hidden(body, found, [each.to_json() for each in found], pickle.dumps(found))


# --- other bodies -----------------------------------------------------------------------------------------


def check_json(body: bytes) -> None:
    try:
        value = parse_json(body)
    except DecodeError as error:
        check_error(error)
        assert not is_json(body)
    else:
        assert is_json(body)
        assert encode(value) == encode(parse_json(encode(value)))
    try:
        parse_json(body, guarded=True)
    except DecodeError as error:
        _check_hidden(body, error.sample)
        assert not error.sample  # noqa: PT017 - nothing is wrong with no error


def check_refusal(body: bytes) -> None:
    detail = decode_error(body)
    if detail is not None:
        _check_detail(detail)
        assert detail.to_json() == parse_json(body)
        repr(detail)
    for status in (302, 404, 409, 503):
        answer = Answer(status, body, location=body[:400].decode("latin-1"))
        error = error_for(
            refused(answer), what="retry of task a", safe=status == 404,
            manager="sfo-vcf01", method="PATCH", path="/v1/tasks/a", attempts=2,
        )  # fmt: skip
        check_error(error)
        assert getattr(error, "detail", None) in (detail, None)


def check_upkeep(body: bytes) -> None:
    for cls in (HistoryAnswer, TaskSettings):
        answer = _told(lambda body, cls=cls: structure(parse_json(body), cls), body)
        if isinstance(answer, HistoryAnswer):
            result = HistoryDeletion([i for i in answer.successful if i], list(answer.failed))
            assert str(result).isprintable()
            assert json.dumps(result.to_json())
        if isinstance(answer, cls):
            assert answer.to_json() == parse_json(body)


def check_redaction(given: tuple[str, bytes]) -> None:
    text, body = given
    shown = masked(body, [Secret(text)])
    assert text or shown == body
    # A shorter one may be part of a word.
    if len(text) >= 8:
        for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            assert form.encode("utf-8", "surrogatepass") not in shown
    if is_json(body):
        assert is_json(shown) or len(text) >= 8


def check_named_secrets(text: str) -> None:
    assert PLANTED not in without_secrets(text)


# --- headers and words ------------------------------------------------------------------------------------


def check_retry_after(given: tuple[str, str | None]) -> None:
    value, date = given
    seconds = parse_retry_after(value, date=date, now=NOW)
    assert seconds is None or (type(seconds) is float and seconds >= 0 and not math.isnan(seconds))
    assert seconds is None or value.isascii()


def check_token(token: str) -> None:
    life = lifetime(token)
    assert life is None or 1 <= life < 10 * 366 * 86400


def check_status(text: str) -> None:
    status = Status.parse(text)
    assert Status.parse(f" {text}\n") is status or not text.isascii()
    letters = re.sub(r"[\s_-]", "", text).upper().replace("CANCELED", "CANCELLED")
    assert status is Status.UNKNOWN or status.value.replace("_", "") == letters


def check_timestamp(text: str) -> None:
    moment = parse_timestamp(text)
    assert moment is None or moment.tzinfo is UTC
    assert moment is None or parse_timestamp(moment.isoformat()) == moment


def check_text(given: tuple[str, int | None]) -> None:
    text, limit = given
    line = inert(text, limit=limit)
    assert line.isprintable()
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in line)
    assert not set(line) & _HIDDEN
    assert limit is None or len(line) <= limit
    assert inert(line, limit=limit) == line
    line.encode()
    # What a person could read before is still there.
    if text.isascii() and text.isprintable() and limit is None:
        assert line.split() == text.split()


_HIDDEN: Final = {
    chr(c)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for c in range(first, last + 1)
} | set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


# --- what goes in -----------------------------------------------------------------------------------------


def _of(bodies: Callable[[], list[bytes]]) -> Callable[[Random], bytes]:
    return lambda rng: body_of(rng, bodies())


def _token(rng: Random) -> str:
    token = corpus.as_token(body_of(rng, corpus.tokens()))
    if rng.random() < 0.3:
        token = mutated_bytes(rng, token.encode(), [b"a.b.c"]).decode("latin-1")
    return token if rng.random() < 0.95 else text_of(rng, [token, *corpus.TEXTS])


def _named_secret(rng: Random) -> str:
    names = ("password", "newPassword", "old_password", "PASSPHRASE", "clientSecret", "apiKey", "accessToken")
    before = re.sub(r'["\\]', "", text_of(rng, ["{", "[", '{"a": 1, ', "<p>"]))
    value = rng.choice(["", "a", '"', "\\", '\\"', "\n"]) + PLANTED + text_of(rng, [*corpus.TEXTS, '"', "\\"])
    key = rng.choice(names)
    colon = rng.choice([":", ": ", " : ", ":\n\t"])
    text = f'{before}"{key}"{colon}{json.dumps(value, ensure_ascii=rng.random() < 0.5)}'
    return (
        text[: rng.randrange(len(text) + 1)] if rng.random() < 0.5 else text + rng.choice(["", "}", ", 5]"])
    )


def _redaction(rng: Random) -> tuple[str, bytes]:
    secret = text_of(rng, ["VMw@re1!", 'with "quotes" and \\', "Köln", "a", "aa", ""]).replace("*", "+")
    forms = [secret, json.dumps(secret), json.dumps(secret, ensure_ascii=False)]
    body = body_of(rng, corpus.refusals()[:2])[:2000]
    for _ in range(rng.choice([1, 2, 3])):
        at = rng.randrange(len(body) + 1)
        body = body[:at] + rng.choice(forms).encode("utf-8", "surrogatepass") + body[at:]
    return secret, body


def _retry_after(rng: Random) -> tuple[str, str | None]:
    date = None if rng.random() < 0.5 else text_of(rng, corpus.RETRY_AFTERS)
    return text_of(rng, corpus.RETRY_AFTERS), date


def _text(rng: Random) -> tuple[str, int | None]:
    return text_of(rng, corpus.TEXTS), rng.choice([None, None, 1, 2, 7, 20, 80])


TARGETS: Final = {
    target.name: target
    for target in (
        Target("task", 220, _of(corpus.tasks), check_task),
        Target("page", 120, _of(corpus.pages), check_page),
        Target("credential task", 60, _of(corpus.credential_tasks), check_credential_task),
        Target("credential page", 40, _of(corpus.credential_pages), check_credential_page),
        Target("resource credentials", 20, _of(corpus.resource_credentials), check_resource_credentials),
        Target("json", 60, _of(corpus.tasks), check_json),
        Target("refusal", 60, _of(corpus.refusals), check_refusal),
        Target("upkeep", 20, _of(corpus.upkeep), check_upkeep),
        Target("redaction", 30, _redaction, check_redaction),
        Target("named secrets", 30, _named_secret, check_named_secrets),
        Target("retry-after", 60, _retry_after, check_retry_after),
        Target("token", 60, _token, check_token),
        Target("status", 40, lambda rng: text_of(rng, corpus.STATUSES), check_status),
        Target("timestamp", 40, lambda rng: text_of(rng, corpus.TIMESTAMPS), check_timestamp),
        Target("text", 60, _text, check_text),
        Target("cursor", 50, _of(corpus.cursors), check_cursor),
        Target("journal", 30, odd_journal, check_journal),
        Target("sites", 20, odd_sites, check_sites),
    )
}
