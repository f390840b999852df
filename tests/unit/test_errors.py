"""Every error travels whole and holds no secret; credentials show nothing of themselves."""

from __future__ import annotations

import copy
import copyreg
import functools
import inspect
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import attrs
import pytest

from vcf_tasks_async import Action, errors, outcomes
from vcf_tasks_async.auth import ApiKeyAuth, BearerAuth, IdTokenAuth, PasswordAuth
from vcf_tasks_async.errors import ApiError, TransportError, UsageError, VcfTasksError, WaitError
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import BulkFailures, BulkReport, Outcome, Result
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.steps import ErrorDetail

CANARY = "cAnArY-7f3a"
CLASSES = [
    cls
    for module in (errors, outcomes)
    for _, cls in inspect.getmembers(module, inspect.isclass)
    if issubclass(cls, VcfTasksError) and cls.__module__ == module.__name__
]
DETAIL = ErrorDetail(
    error_code="TA_1",
    message="no",
    remediation_message="do",
    reference_token="REF",
    nested_errors=(ErrorDetail(message="n"),),
)


def make(cls: type[VcfTasksError]) -> VcfTasksError:
    facts: dict[str, object] = {"manager": "sfo-vcf01", "method": "PATCH", "path": "/v1/tasks/a"}
    if issubclass(cls, TransportError):
        facts["attempts"] = 3
    elif issubclass(cls, ApiError):
        facts |= {"status": 409, "detail": DETAIL, "retry_after": 1.5, "attempts": 2}
    elif issubclass(cls, WaitError):
        facts["task"] = Task(id="a", raw_status="Failed")
    elif issubclass(cls, errors.DecodeError):
        facts |= {"json_path": "$.id", "task_id": "a", "sample": "x"}
    elif issubclass(cls, BulkFailures):
        facts["report"] = BulkReport(Action.RETRY, [Outcome("a", Action.RETRY, Result.REJECTED)])
    return cls("what failed, what the server said", **facts)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    "clone",
    [copy.copy, copy.deepcopy, *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(6))],
    ids=["copy", "deepcopy", *(f"pickle {p}" for p in range(6))],
)
def test_every_error_copies_and_pickles_with_all_its_facts(cls, clone):
    error = make(cls)
    error.add_note("from the caller")
    twin = clone(error)
    assert type(twin) is cls
    assert str(twin) == str(error) == "what failed, what the server said"
    assert twin.args == error.args
    assert twin.__dict__ == error.__dict__
    assert (twin.manager, twin.method, twin.path) == ("sfo-vcf01", "PATCH", "/v1/tasks/a")
    assert "what failed" in repr(twin)
    if isinstance(twin, ApiError):
        assert (twin.error_code, twin.message, twin.remediation, twin.reference_token) == (
            "TA_1",
            "no",
            "do",
            "REF",
        )
        assert twin.nested == DETAIL.nested_errors


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSES if cls is not BulkFailures], ids=lambda cls: cls.__name__
)
def test_every_error_needs_no_more_than_its_message(cls):
    error = cls("x")
    assert (str(error), error.manager, error.method, error.path) == ("x", None, None, None)


def test_the_tree_is_the_one_of_the_design():
    drawn = {
        "VcfTasksError": "Exception",
        "UsageError": "VcfTasksError",
        "TransportError": "VcfTasksError",
        "NotSentError": "TransportError",
        "OutcomeUnknownError": "TransportError",
        "DeadlineError": "TransportError",
        "ApiError": "VcfTasksError",
        **dict.fromkeys(
            [
                "BadRequest",
                "Unauthorized",
                "Forbidden",
                "TaskNotFound",
                "TaskConflict",
                "RateLimited",
                "ServerError",
            ],
            "ApiError",
        ),
        "UnsupportedError": "ApiError",
        "DecodeError": "VcfTasksError",
        "WaitError": "VcfTasksError",
        **dict.fromkeys(["TaskFailed", "TaskGone", "WaitTimeout"], "WaitError"),
        "BulkFailures": "VcfTasksError",
    }
    tree = {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}
    assert {name: tree[name] for name in drawn} == drawn
    assert {cls.__name__ for cls in CLASSES if issubclass(cls, TimeoutError)} == {
        "DeadlineError",
        "WaitTimeout",
    }


# --- credentials ----------------------------------------------------------------------------------


@dataclass
class Vault:
    """A caller's own keeper of secrets, whose repr is as careless as most."""

    token: str

    def read(self) -> str:
        return self.token


def read_vault(token: str) -> str:
    return token


SOURCES = {
    "text": CANARY,
    "Secret": Secret(CANARY),
    "partial": functools.partial(read_vault, CANARY),
    "bound method": Vault(CANARY).read,
}
MAKERS = {
    "PasswordAuth": functools.partial(PasswordAuth, "admin@local"),
    "ApiKeyAuth": ApiKeyAuth,
    "IdTokenAuth": IdTokenAuth,
    "BearerAuth": BearerAuth,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_credentials_show_nothing_of_their_secret(maker, source):
    auth = maker(source)
    shown = [repr(auth), str(auth), f"{auth}", repr([auth])]
    assert [text for text in shown if CANARY in text] == []


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_credentials_survive_asdict_copy_and_tracebacks_without_telling(maker):
    auth = maker(CANARY)
    assert CANARY not in repr(attrs.asdict(auth))
    assert CANARY not in json.dumps(attrs.asdict(auth), default=str)
    assert copy.copy(auth) == copy.deepcopy(auth) == auth
    try:
        raise_with(auth)
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "auth" in shown
    assert CANARY not in shown


def raise_with(auth: object) -> None:
    raise ValueError("somewhere, holding auth in a local")


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_credentials_do_not_pickle_their_secret(maker):
    with pytest.raises(TypeError, match="give a callable"):
        pickle.dumps(maker(CANARY))


@pytest.mark.parametrize(
    "value", ["", None, 5, b"bytes", ["x"], str, object()], ids=lambda v: repr(v).partition(" at ")[0]
)
@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_what_can_be_no_secret_is_a_usage_error(maker, value):
    with pytest.raises(UsageError, match="a text that is not empty, or a callable"):
        maker(value)


@pytest.mark.parametrize("username", ["", None, 5], ids=repr)
def test_what_can_be_no_user_name_is_a_usage_error(username):
    with pytest.raises(UsageError, match=r"administrator@vsphere\.local"):
        PasswordAuth(username, "x")


def test_a_secret_shows_nothing_wherever_it_is_formatted(caplog):
    secret = Secret(CANARY)
    logging.getLogger("some.where").warning("%s %r %s", secret, secret, {"password": secret})
    shown = [str(secret), repr(secret), f"{secret}", caplog.text, repr({"p": secret})]
    assert [text for text in shown if CANARY in text] == []
    assert secret.reveal() == CANARY
    assert secret == Secret(CANARY) != Secret("other")
    assert hash(secret) == hash(Secret(CANARY))
    assert not hasattr(secret, "__dict__")


def test_a_copy_has_no_traceback_also_where_another_library_registers_how_errors_are_copied(monkeypatch):
    # As tblib does, which comes with Dask: with the traceback, and the locals of its frames.
    def with_traceback(error):
        return _with_traceback, (UsageError, error.args, error.__traceback__)

    monkeypatch.setitem(copyreg.dispatch_table, UsageError, with_traceback)
    try:
        raise UsageError("no", manager="sfo")
    except UsageError as caught:
        error = caught
    clone = copy.copy(error)
    assert clone.__traceback__ is None
    assert (str(clone), clone.manager, type(clone)) == ("no", "sfo", UsageError)


def _with_traceback(cls, args, trace):
    return cls(*args).with_traceback(trace)
