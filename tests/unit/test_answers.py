"""What became of an attempt, in words for a person, and the error that a call ends as."""

from __future__ import annotations

import json

import pytest

from vcf_tasks_async import answers
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
from vcf_tasks_async.policy import Fate


def ended_as(trouble: answers.Trouble, *, safe: bool = True, attempts: int = 1) -> VcfTasksError:
    return answers.error_for(
        trouble, what="retry of task 3ee5", safe=safe, manager="sfo-vcf01", method="PATCH",
        path="/v1/tasks/3ee5", attempts=attempts,
    )  # fmt: skip


def refusal(status: int, document: object = None, **more: object) -> answers.Trouble:
    body = b"" if document is None else json.dumps(document).encode()
    return answers.refused(answers.Answer(status, body, **more))


INNER = {"message": "The disk is full", "remediationMessage": "Free some space"}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "an empty answer"),
        ({"message": "No"}, "No"),
        ({"errorCode": "E"}, "E"),
        ({"remediationMessage": "Ask again"}, "no reason given — Ask again"),
        ({"message": "No", "remediationMessage": "Ask again"}, "No — Ask again"),
        ({"message": "No", "referenceToken": "H0IJJ1"}, "No [reference token H0IJJ1]"),
        (
            {"message": "It failed", "referenceToken": "H0IJJ1", "nestedErrors": [INNER]},
            "It failed: The disk is full — Free some space [reference token H0IJJ1]",
        ),
        ({"message": "The disk is full", "nestedErrors": [INNER]}, "The disk is full — Free some space"),
        ({"message": "n\x1bo " + "x" * 600}, r"n\x1bo " + "x" * 492 + "…"),
    ],
)
def test_a_refusal_is_told_with_its_innermost_reason_and_what_to_do(document, words):
    trouble = refusal(400, document)
    assert trouble.words == words
    error = ended_as(trouble)
    code = " E" if document == {"errorCode": "E"} else ""
    assert str(error).endswith(f"retry of task 3ee5 refused by sfo-vcf01 (400{code}): {words}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<h1>\x1b[2J sorry", r"<h1>\x1b[2J sorry"),
        (b'{"password": "VMw@re1!"', '{"password": ***'),
        (b"\xff" + b"y" * 500, "\ufffd" + "y" * 118 + "…"),
        (b"z" * 400 + b"never looked at", "z" * 119 + "…"),
    ],
)
def test_of_an_answer_that_is_no_document_the_beginning_is_shown(body, words):
    assert answers.refused(answers.Answer(500, body)).words == words


@pytest.mark.parametrize(
    ("location", "place"),
    [(None, "nowhere"), ("https://e/l?token=x", "https://e/l"), ("/" * 200, "/" * 119 + "…")],
)
def test_a_redirect_is_told_with_its_place_and_without_what_it_carries(location, place):
    trouble = answers.refused(answers.Answer(399, b"", location=location))
    assert trouble.words == f"redirected to {place}; redirects are never followed, check the address"
    assert type(ended_as(trouble)) is ApiError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, ApiError), (400, BadRequest), (401, Unauthorized), (403, Forbidden), (404, TaskNotFound),
        (409, TaskConflict), (418, BadRequest), (429, RateLimited), (499, BadRequest), (500, ServerError),
        (503, ServerError),
    ],
)  # fmt: skip
def test_each_status_has_its_error_which_keeps_what_was_said(status, kind):
    error = ended_as(refusal(status, {"message": "No", "errorCode": "E"}, retry_after=3.0), attempts=2)
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.retry_after, error.attempts) == (status, 3.0, 2)
    assert (error.manager, error.method, error.path) == ("sfo-vcf01", "PATCH", "/v1/tasks/3ee5")
    assert error.detail is not None
    assert error.detail.message == "No"
    assert str(error).endswith(" (2 attempts)")
    assert f" ({status} E): " in str(error)
    coded = ended_as(refusal(status, {"errorCode": "E\x1b" + "E" * 100}))
    assert f" ({status} E\\x1b{'E' * 74}…): " in str(coded)


def test_an_answer_never_shows_its_body():
    assert "VMw@re1!" not in repr(answers.Answer(200, b"VMw@re1!"))


def test_only_json_says_that_there_is_no_such_task():
    page = answers.refused(answers.Answer(404, b"<html>"))
    assert page.failure.not_ready
    assert page.words == "its front end answers, the service behind it is not ready"
    assert type(ended_as(page)) is ServerError
    assert not refusal(404, {}).failure.not_ready
    assert not answers.refused(answers.Answer(403, b"<html>")).failure.not_ready


@pytest.mark.parametrize(
    ("ended", "read", "write"),
    [
        (lambda: answers.not_sent("no route"), NotSentError, NotSentError),
        (lambda: answers.not_sent("a wrong name", Fate.TLS), NotSentError, NotSentError),
        (lambda: answers.lost("reset"), TransportError, OutcomeUnknownError),
        (lambda: answers.too_large(200, 5 << 20), DecodeError, DecodeError),
        (lambda: answers.too_large(503, 5 << 20), DecodeError, OutcomeUnknownError),
        (lambda: refusal(503), ServerError, OutcomeUnknownError),
        (lambda: refusal(409), TaskConflict, TaskConflict),
    ],
)
def test_a_write_that_may_have_been_applied_ends_as_unknown_and_nothing_else_does(ended, read, write):
    trouble = ended()
    for safe, kind in ((True, read), (False, write)):
        error = ended_as(trouble, safe=safe, attempts=3)
        assert type(error) is kind
        assert (error.manager, error.method, error.path) == ("sfo-vcf01", "PATCH", "/v1/tasks/3ee5")
        assert f": {trouble.words} (3 attempts)" in str(error)
        assert ("it may have been applied: look at the task" in str(error)) is (kind is OutcomeUnknownError)
        assert kind is DecodeError or error.attempts == 3


def test_an_answer_that_is_too_large_says_how_large_one_may_be():
    trouble = answers.too_large(200, 5 << 20)
    assert trouble.words == "an answer of more than 5 MiB: ask for smaller pages"
    assert (trouble.failure.status, trouble.failure.undecodable) == (200, False)


@pytest.mark.parametrize("not_json", [True, False])
def test_what_cannot_be_read_keeps_its_place_and_is_worth_a_repeat_only_when_it_is_no_json(not_json):
    error = DecodeError("broken", json_path="$.elements[3]", task_id="3ee5", sample="{", not_json=not_json)
    trouble = answers.undecodable(answers.Answer(200, b"{"), error)
    assert trouble.failure.undecodable is not_json
    ended = ended_as(trouble)
    assert isinstance(ended, DecodeError)
    assert (ended.json_path, ended.task_id, ended.sample, ended.not_json) == (
        "$.elements[3]", "3ee5", "{", not_json,
    )  # fmt: skip
    assert (ended.manager, ended.method, ended.path) == ("sfo-vcf01", "PATCH", "/v1/tasks/3ee5")
