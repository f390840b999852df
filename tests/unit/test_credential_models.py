"""Credential tasks and specs: decoded and written back whole, and their secrets never show."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable

import attrs
import pytest
from documents import documents
from hypothesis import given, settings

from vcf_tasks_async import (
    AutoRotatePolicy,
    BaseCredential,
    CredentialsSubTask,
    CredentialsTask,
    CredentialsUpdateSpec,
    DecodeError,
    ResourceCredentials,
    Secret,
    UsageError,
    read_spec,
)
from vcf_tasks_async.base import secrets_in, wire_document
from vcf_tasks_async.codec import parse_json, structure
from vcf_tasks_async.credential_models import checked_spec
from vcf_tasks_async.credential_pages import CredentialsPageReader
from vcf_tasks_async.masking import masked
from vcf_tasks_async.secret import MASK, AnsweredSecret

CANARY = "cAnArY-7f3a"
TASK = {
    "id": "a758",
    "name": "Credentials rotate operation",
    "type": "ROTATE",
    "status": "FAILED",
    "creationTimestamp": "2026-01-01T00:00:00.000Z",
    "isAutoRotate": False,
    "errors": [],
    "subTasks": [
        {
            "id": "s1",
            "name": "esx-1:SSH",
            "status": "FAILED",
            "username": "root",
            "credentialType": "SSH",
            "entityType": "ESXI",
            "oldPassword": f"{CANARY}-old",
            "newPassword": f"{CANARY}-new",
            "errors": [{"message": "Password policy", "remediationMessage": "Choose a longer one"}],
            "dependentSubTasks": [{"id": "s2", "status": "PENDING", "newPassword": f"{CANARY}-3"}],
            # What a later release may add.
            "servicePassphrase": f"{CANARY}-4",
            "vault": {"rootSecret": [f"{CANARY}-5"], "place": "here"},
        }
    ],
}
SPEC = CredentialsUpdateSpec(
    "UPDATE",
    [ResourceCredentials("ESXI", [BaseCredential("root", CANARY, "SSH")], "esx-1")],
    AutoRotatePolicy(enable_auto_rotate_policy=True, frequency_in_days=30),
)


def task() -> CredentialsTask:
    return structure(TASK, CredentialsTask)


def traceback_with(value: object) -> str:
    try:
        held = [value]
        raise KeyError(*held)
    except KeyError as error:
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(seen.format()) + repr(error.args)


def logged(value: object) -> str:
    record = logging.LogRecord("vcf_tasks_async", logging.DEBUG, "", 0, "sent %s, %r", (value, value), None)
    return record.getMessage() + repr(vars(record))


SHOWN: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda value: f"{value}",
    "asdict": lambda value: repr(attrs.asdict(value)) + json.dumps(attrs.asdict(value), default=str),
    "to_json": lambda value: json.dumps(value.to_json()),
    "copy": lambda value: repr(copy.deepcopy(value)),
    "attributes": lambda value: repr([getattr(value, field.name) for field in attrs.fields(type(value))]),
    "evolve": lambda value: repr(attrs.evolve(value)) + str(attrs.astuple(value)),
    "traceback with locals": traceback_with,
    "log": logged,
    "extra": lambda value: repr(
        [getattr(value, "extra", None), *(n.extra for n in getattr(value, "sub_tasks", ()))]
    ),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("make", [task, lambda: SPEC], ids=["task", "spec"])
def test_a_password_shows_nowhere(make, show):
    shown = show(make())
    assert CANARY not in shown
    assert "***" in shown or "extra" not in shown


def test_the_wire_gets_the_passwords_and_the_rest_to_the_letter():
    assert wire_document(task()) == TASK
    assert wire_document(SPEC) == {
        "operationType": "UPDATE",
        "elements": [
            {
                "resourceType": "ESXI",
                "resourceName": "esx-1",
                "credentials": [{"username": "root", "password": CANARY, "credentialType": "SSH"}],
            }
        ],
        "autoRotatePolicy": {"enableAutoRotatePolicy": True, "frequencyInDays": 30},
    }
    assert len(secrets_in(task())) == 5
    assert task().sub_tasks[0].old_password.reveal() == f"{CANARY}-old"
    assert structure(wire_document(SPEC), CredentialsUpdateSpec) == SPEC


@pytest.mark.parametrize(
    "cls", [CredentialsTask, CredentialsSubTask, ResourceCredentials, CredentialsUpdateSpec]
)
def test_any_document_is_written_back_as_it_came(cls):
    @settings(max_examples=40, deadline=None)
    @given(documents(cls))
    def check(document):
        assert wire_document(structure(document, cls)) == document

    check()


def test_what_sddc_manager_told_travels_without_its_passwords():
    travelled = pickle.loads(pickled := pickle.dumps(task()))
    assert CANARY.encode() not in pickled
    assert travelled.to_json() == task().to_json()
    assert travelled.sub_tasks[0].errors == task().sub_tasks[0].errors
    with pytest.raises(ValueError, match="did not travel"):
        travelled.sub_tasks[0].new_password.reveal()


def test_what_you_give_does_not_travel_at_all():
    with pytest.raises(TypeError, match="a secret does not pickle"):
        pickle.dumps(SPEC)
    without = attrs.evolve(SPEC, elements=[ResourceCredentials("ESXI", [BaseCredential("root")])])
    assert pickle.loads(pickle.dumps(without)) == without


def test_a_tree_of_accounts_is_walked_and_tells_its_cause():
    assert [(path, node.id) for path, node in task().walk()] == [
        ("subTasks[0]", "s1"),
        ("subTasks[0].dependentSubTasks[0]", "s2"),
    ]
    assert task().cause == "Password policy — Choose a longer one"
    assert task().progress == 0.0


def test_a_malformed_element_costs_only_itself_and_shows_no_sample():
    broken = [
        {"id": "b1", "subTasks": [{"newPassword": 12345678}]},
        {"id": "b2", "subTasks": CANARY},
        {"id": "b3", "isAutoRotate": CANARY},
        CANARY,
    ]
    body = json.dumps({"elements": [TASK, *broken], "pageMetadata": {"totalElements": 5}}).encode()
    reader = CredentialsPageReader(body)
    for _ in reader:
        pass
    page = reader.page()
    assert [each.id for each in page.elements] == ["a758"]
    assert [error.json_path for error in page.malformed] == [
        "$.elements[1].subTasks[0].newPassword",
        "$.elements[2].subTasks",
        "$.elements[3].isAutoRotate",
        "$.elements[4]",
    ]
    for error in page.malformed:
        seen = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = [repr(error), repr(vars(error)), "".join(seen.format()), repr(pickle.dumps(error))]
        assert [text for text in shown if CANARY in text or "12345678" in text] == []


# Where no one would look for a password, and a server may put one.
ELSEWHERE = {
    "beside the elements": {"newPassword": CANARY, "pageMetadata": {}},
    "in the page's metadata": {"pageMetadata": {"last": {"newPassword": CANARY}}},
    "in an error": {"elements": [{**TASK, "errors": [{"newPassword": CANARY}]}]},
    "in an error's context": {"elements": [{**TASK, "errors": [{"context": {"newPassword": CANARY}}]}]},
    "in a cause": {"elements": [{**TASK, "errors": [{"causes": [{"newPassword": CANARY}]}]}]},
    "in a remedy": {
        "elements": [
            {**TASK, "errors": [{"notifications": [{"remediations": [{"values": {"apiKey": [CANARY]}}]}]}]}
        ]
    },
}


@pytest.mark.parametrize("document", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_password_in_an_odd_place_of_a_page_shows_nowhere_either(document):
    document = {"elements": [], **document}
    reader = CredentialsPageReader(json.dumps(document).encode())
    for _ in reader:
        pass
    page = reader.page()
    for show in SHOWN.values():
        assert CANARY not in show(page)
    assert CANARY.encode() not in pickle.dumps(page)
    assert page.malformed == ()
    assert wire_document(page) == document


def test_metadata_that_can_not_be_read_does_not_hold_on_to_the_page():
    # As those of elements: a traceback's frames hold the body, passwords and all.
    reader = CredentialsPageReader(json.dumps({"elements": [TASK], "pageMetadata": 5}).encode())
    for _ in reader:
        pass
    (error,) = reader.page().malformed
    assert error.__traceback__ is None


@pytest.mark.parametrize(
    "body",
    [
        CANARY.encode(),
        f'"{CANARY}"'.encode(),
        f'{{"elements": "{CANARY}"}}'.encode(),
        b"\xff" + CANARY.encode(),
    ],
)
def test_what_is_no_page_shows_no_sample_either(body):
    for read in (CredentialsPageReader, lambda body: parse_json(body + b"!", guarded=True)):
        try:
            read(body)
        except DecodeError as error:
            # As the caller does: the frames of the decoders hold the body.
            shown = error.with_traceback(None)
        assert CANARY not in repr(shown) + repr(vars(shown))
        del shown


ESXI = ResourceCredentials("ESXI", [BaseCredential("root")])
NAMELESS = ResourceCredentials("ESXI", [BaseCredential()])
ANSWERED = structure(wire_document(SPEC.elements[0]), ResourceCredentials)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: {"operationType": "ROTATE"}, "takes a CredentialsUpdateSpec, not dict"),
        (lambda: CredentialsUpdateSpec("", [ESXI]), "operation_type"),
        (lambda: CredentialsUpdateSpec("ROTATE"), "elements"),
        (lambda: CredentialsUpdateSpec("ROTATE", [{"resourceType": "ESXI"}]), "ResourceCredentials"),
        (lambda: CredentialsUpdateSpec("ROTATE", [ResourceCredentials()]), "resource_type"),
        (lambda: CredentialsUpdateSpec("ROTATE", [NAMELESS]), "username"),
        (lambda: CredentialsUpdateSpec("ROTATE", ESXI), "a list is asked for"),
        (lambda: CredentialsUpdateSpec("ROTATE", "ESXI"), "a list is asked for"),
        (lambda: BaseCredential("root", 5), "a password is a text or a Secret"),
        (lambda: structure(SPEC.to_json(), CredentialsUpdateSpec), "as to_json"),
        (
            lambda: attrs.evolve(SPEC, elements=[pickle.loads(pickle.dumps(ANSWERED))]),
            "did not travel",
        ),
    ],
)  # fmt: skip
def test_a_spec_that_can_not_be_meant_is_refused_with_the_fix(make, match):
    with pytest.raises(UsageError, match=match):
        checked_spec(make())


def test_a_spec_takes_plain_texts_secrets_and_what_was_answered():
    for password in (CANARY, Secret(CANARY), AnsweredSecret(CANARY), None):
        spec = CredentialsUpdateSpec(
            "UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", password)])]
        )
        assert checked_spec(spec) is spec
    assert MASK not in CANARY


def test_an_empty_password_takes_nothing_out_of_the_answer():
    spec = CredentialsUpdateSpec("UPDATE", [ResourceCredentials("ESXI", [BaseCredential("root", "")])])
    assert masked(b'{"id": "a"}', secrets_in(spec)) == b'{"id": "a"}'


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_spec_is_read_from_json_as_the_api_writes_it(mark):
    text = mark + json.dumps(wire_document(SPEC))
    for document in (text, text.encode()):
        spec = read_spec(document)
        assert wire_document(spec) == wire_document(SPEC)
        assert CANARY not in repr(spec)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object, found a list"),
        (f'{{"operationType": "UPDATE", "elements": "{CANARY}"}}', r"\$\.elements: expected a list"),
        ('{"operationType": "UPDATE"}', "a spec needs elements"),
        (f'{{"operationType": "UPDATE", "elements": [{{"resourceType": ["{CANARY}"]}}]}}', "resourceType"),
        (f'"{CANARY}', "not JSON"),
        ("\ud800", "not JSON"),
    ],
)
def test_what_is_no_spec_is_told_by_its_place_and_never_shown(text, match):
    with pytest.raises(UsageError, match=match) as raised:
        read_spec(text)
    assert CANARY not in str(raised.value)
    assert raised.value.__context__ is None
