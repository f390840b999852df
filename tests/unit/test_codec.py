"""JSON to models and back: nothing lost, nothing guessed, and one bad element costs only itself."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from documents import (
    ABOUT_A_LIST,
    CLASSES,
    PLACES,
    TASK_ID,
    documents,
    fields_of,
    json_path,
    json_values,
    mutated,
    task_with,
    wrong_values,
)
from hypothesis import example, given
from hypothesis import strategies as st

from vcf_tasks_async import shapes
from vcf_tasks_async.codec import (
    decode_error,
    encode,
    is_json,
    parse_json,
    structure,
)
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.folding import decode_task
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.pages import decode_page
from vcf_tasks_async.status import Status
from vcf_tasks_async.steps import ErrorDetail
from vcf_tasks_async.structuring import DEPTH, explain
from vcf_tasks_async.text import inert

SAMPLES = Path(__file__).parents[3] / "shared" / "reference"
TREE = [cls for cls in CLASSES if cls is not TaskPage]


@pytest.fixture(scope="module", params=["quick", "plain"], autouse=True)
def way(request):
    """Everything holds with msgspec and without it."""
    there = shapes.AVAILABLE
    shapes.AVAILABLE = there and request.param == "quick"
    yield request.param
    shapes.AVAILABLE = there


def sample(name: str) -> bytes:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the official sample {name} is not beside this checkout")
    return path.read_bytes()


def as_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def named(pairs: list[tuple[Any, ...]], name: Any) -> list[Any]:
    return [pytest.param(*pair, id=name(*pair)) for pair in pairs]


# --- nothing is lost ------------------------------------------------------------------------------


def test_the_official_list_decodes_and_encodes_back_to_equal_json():
    body = sample("sample-get-tasks.json")
    page = decode_page(body)
    assert page.malformed == ()
    assert json.loads(encode(page)) == json.loads(body)
    assert [task.status for task in page.elements] == [Status.FAILED, Status.SUCCESSFUL]
    assert [sub.status for sub in page.elements[0].sub_tasks][:2] == [Status.SUCCESSFUL, Status.FAILED]
    assert page.page_metadata == PageMetadata(1, 10, 2, 1)
    assert page.elements[0].cause == "Unable to modify CEIP operation on VCF"


def test_the_official_task_decodes_and_encodes_back_to_equal_json():
    body = sample("sample-get-task.json")
    task = decode_task(body)
    assert json.loads(encode(task)) == json.loads(body)
    assert task.created_at.year == 1970
    assert task.cause == "HostMaintenanceModeValidationAction failed and gave no reason"


@pytest.mark.parametrize("name", ["sample-get-tasks.json", "sample-get-task.json"])
def test_the_official_samples_leave_no_field_unknown(name):
    body = sample(name)
    nodes: list[Any] = [decode_page(body) if name == "sample-get-tasks.json" else decode_task(body)]
    for node in nodes:
        assert dict(node.extra) == {}
        for field in attrs.fields(type(node)):
            value = getattr(node, field.name)
            nodes += value if isinstance(value, tuple) else [value] if attrs.has(type(value)) else []


def test_a_list_in_the_servers_own_writing_keeps_every_field():
    page = decode_page(ABOUT_A_LIST.encode())
    assert json.loads(encode(page)) == json.loads(ABOUT_A_LIST)
    first = page.elements[0]
    assert first.sub_tasks[0].description == "Fetches DNS & NTP of the hosts"
    assert first.cause == "Unable to commission the host"
    assert (first.is_retryable, first.is_cancellable) == (False, False)
    assert first.errors[0].causes == ()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(st.data())
def test_any_valid_document_comes_back_as_it_was(cls, data):
    document = data.draw(documents(cls))
    if cls is TaskPage:
        # Without elements it is a page only by its metadata: a table below.
        document["elements"] = document.get("elements") or []
    before = copy.deepcopy(document)
    if cls is TaskPage:
        page = decode_page(as_bytes(document))
        assert page.malformed == ()
        assert page.to_json() == before
        assert decode_page(encode(page)) == page
    else:
        node = structure(document, cls)
        assert node.to_json() == before
        assert structure(json.loads(encode(node)), cls) == node
    assert document == before


@pytest.mark.parametrize("cls", PLACES, ids=lambda cls: cls.__name__)
def test_unknown_fields_are_kept_at_every_level(cls):
    unknown = {"newIn92": {"deep": [1, None, {"x": True}]}, "": "empty name", "extra": "a name of our own"}
    document = task_with(cls, {**least(cls), **unknown})
    task = decode_task(as_bytes(document))
    assert task.to_json() == document
    node: Any = task
    for key in PLACES[cls]:
        node = node[key] if isinstance(key, int) else getattr(node, snake(key))
    assert dict(node.extra) == unknown


def least(cls: type[Any]) -> dict[str, Any]:
    return {key: TASK_ID for key, (_, needed) in fields_of(cls).items() if needed}


def snake(key: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key)


@pytest.mark.parametrize(
    "text",
    ["\\ud800", "\\u0000", "\\u0026", "\\ud83d\\ude00", "é", "\\u001b[31m", "</script>"],
    ids=["lone surrogate", "NUL", "escaped", "pair", "plain", "escape sequence", "markup"],
)
def test_odd_text_is_kept_to_the_letter(text):
    body = f'{{"id": "a", "name": "{text}", "new": "{text}"}}'.encode()
    task = decode_task(body)
    assert task.to_json() == json.loads(body)
    assert json.loads(encode(task)) == json.loads(body)


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_floats_never_becomes_invalid_json(number):
    # 1e999 is valid JSON; read as a float it is infinite, and "Infinity" is no JSON to write back.
    body = f'{{"id": "a", "new": {number}}}'.encode()
    try:
        written = encode(decode_task(body))
    except DecodeError:
        return
    parse_json(written)


def test_integers_of_any_size_are_kept():
    body = b'{"id": "a", "new": %d}' % 10**300
    assert decode_task(body).extra["new"] == 10**300
    assert json.loads(encode(decode_task(body)))["new"] == 10**300


# --- missing, null, oddly typed -------------------------------------------------------------------

FIELDS = [(cls, key) for cls in PLACES for key in fields_of(cls)]


@pytest.mark.parametrize(("cls", "key"), named(FIELDS, lambda cls, key: f"{cls.__name__}.{key}"))
def test_any_field_but_the_id_may_be_missing_or_null(cls, key):
    needed = fields_of(cls)[key][1]
    for inner in ({k: v for k, v in least(cls).items() if k != key}, {**least(cls), key: None}):
        document = task_with(cls, inner)
        if cls is Task:
            document = inner
        if needed:
            with pytest.raises(DecodeError, match=f"{key} is missing"):
                decode_task(as_bytes(document))
        else:
            assert decode_task(as_bytes(document)).to_json() == document


WRONG = [
    (cls, key, value, culprit)
    for cls in PLACES
    for key, (t, _) in fields_of(cls).items()
    for value, culprit in wrong_values(t)
]


@pytest.mark.parametrize(
    ("cls", "key", "value", "culprit"),
    named(WRONG, lambda cls, key, value, culprit: f"{cls.__name__}.{key}={json.dumps(value)}"),
)
def test_a_wrongly_typed_value_is_named_by_its_place_and_its_task(cls, key, value, culprit):
    document = task_with(cls, {**least(cls), key: value})
    if cls is Task:
        document = {"id": TASK_ID, key: value}
    with pytest.raises(DecodeError) as caught:
        decode_task(as_bytes(document))
    error = caught.value
    assert error.json_path == json_path(*PLACES[cls], key, *culprit)
    assert error.task_id == (None if (cls, key) == (Task, "id") else TASK_ID)
    assert error.json_path in str(error)


METADATA = [(key, value) for key, (t, _) in fields_of(PageMetadata).items() for value, _ in wrong_values(t)]


@pytest.mark.parametrize(("key", "value"), named(METADATA, lambda key, value: f"{key}={json.dumps(value)}"))
def test_odd_page_metadata_costs_no_task(key, value):
    page = decode_page(as_bytes({"elements": [{"id": "a"}], "pageMetadata": {key: value}}))
    assert [task.id for task in page.elements] == ["a"]
    assert page.page_metadata is None
    assert [error.json_path for error in page.malformed] == [f"$.pageMetadata.{key}"]
    assert page.received == 1


@pytest.mark.parametrize("metadata", ["x", 5, [], True])
def test_page_metadata_of_another_kind_costs_no_task(metadata):
    page = decode_page(as_bytes({"elements": [{"id": "a"}], "pageMetadata": metadata}))
    assert len(page.elements) == 1
    assert [error.json_path for error in page.malformed] == ["$.pageMetadata"]


@pytest.mark.parametrize(
    "document",
    [
        {"elements": []},
        {"elements": [], "pageMetadata": None},
        {"elements": None, "pageMetadata": None},
        {"pageMetadata": {"totalElements": 0}},
        {"elements": [], "pageMetadata": {}, "new": 1},
    ],
    ids=json.dumps,
)
def test_pages_of_older_and_newer_releases(document):
    page = decode_page(as_bytes(document))
    assert page.malformed == ()
    assert tuple(page.elements) == ()
    assert page.to_json() == document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (None, "$"),
        ([], "$"),
        ("x", "$"),
        (5, "$"),
        ({}, "$"),
        ({"id": "a"}, "$"),
        ({"elements": {}}, "$.elements"),
        ({"elements": "x"}, "$.elements"),
        ({"errorCode": "E", "message": "no"}, "$"),
    ],
    ids=json.dumps,
)
def test_what_is_no_page_is_refused_as_a_whole(document, path):
    with pytest.raises(DecodeError) as caught:
        decode_page(as_bytes(document))
    assert caught.value.json_path == path


def test_malformed_elements_do_not_cost_the_good_ones():
    elements = [{"id": "a"}, None, {"id": "b", "status": 5}, "x", {"id": "c"}, {"name": "no id"}, {"id": ""}]
    page = decode_page(as_bytes({"elements": elements}))
    assert [task.id for task in page.elements] == ["a", "c", ""]
    assert [(error.json_path, error.task_id) for error in page.malformed] == [
        ("$.elements[1]", None),
        ("$.elements[2].status", "b"),
        ("$.elements[3]", None),
        ("$.elements[5]", None),
    ]
    assert page.received == len(elements)


@given(st.lists(documents(Task, 1) | json_values, max_size=5))
def test_every_element_is_read_or_reported(elements):
    page = decode_page(as_bytes({"elements": elements}))
    assert page.received == len(elements) == len(page.elements) + len(page.malformed)
    good = [e for e in elements if explain(e, Task) is None]
    assert [task.to_json() for task in page.elements] == good


@pytest.mark.parametrize("cls", TREE, ids=lambda cls: cls.__name__)
@given(st.data())
def test_the_fast_pass_refuses_exactly_what_the_slow_pass_explains(cls, data):
    document = data.draw(mutated(cls))
    before = copy.deepcopy(document)
    finding = explain(document, cls, "$")
    if finding is None:
        assert structure(document, cls).to_json() == document
    else:
        _, place, _ = finding
        with pytest.raises(DecodeError) as caught:
            structure(document, cls)
        assert caught.value.json_path == inert(place, limit=200)
        # Not the fallback for two passes that disagree.
        assert not str(caught.value).endswith(": malformed")
    assert document == before


# --- depth ----------------------------------------------------------------------------------------


def tower(key: str, levels: int, **innermost: Any) -> dict[str, Any]:
    document: dict[str, Any] = innermost
    for _ in range(levels):
        document = {key: [document]}
    return document


def deep_task(subtasks: int, errors: int = 0, **innermost: Any) -> dict[str, Any]:
    bottom = {"errors": [tower("nestedErrors", errors, **innermost)]} if errors else innermost
    return {"id": TASK_ID, **tower("subTasks", subtasks, **bottom)}


@pytest.mark.parametrize(("subtasks", "errors"), [(60, 0), (1, 60), (60, 60)])
def test_sixty_levels_are_read_written_compared_hashed_copied_and_pickled(subtasks, errors):
    document = (
        deep_task(subtasks, errors, name="x") if not errors else deep_task(subtasks, errors, message="x")
    )
    task = decode_task(as_bytes(document))
    assert task == decode_task(as_bytes(document))
    assert task.to_json() == document
    assert json.loads(encode(task)) == document
    assert hash(task) == hash(decode_task(as_bytes(document)))
    assert pickle.loads(pickle.dumps(task)) == task
    assert copy.copy(task) == task
    assert len(list(task.walk())) == subtasks
    assert len(repr(task)) > 1000


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (deep_task(100), "$.subTasks[0].subTasks[0]"),
        (deep_task(1, 100, message="x"), "$.subTasks[0].errors[0].nestedErrors"),
    ],
    ids=["subtasks", "errors"],
)
def test_a_hundred_levels_are_a_typed_error_with_its_place(document, place):
    with pytest.raises(DecodeError, match=f"nested deeper than {DEPTH} levels") as caught:
        decode_task(as_bytes(document))
    assert caught.value.json_path.startswith(place)
    assert caught.value.task_id == TASK_ID


@pytest.mark.parametrize("levels", [5_000, 100_000])
@pytest.mark.parametrize(
    "shape",
    [(b'{"id":"a","subTasks":[', b"]}"), (b'{"id":"a","new":[', b"]}"), (b"[", b"]")],
    ids=["subtasks", "unknown", "lists"],
)
def test_thousands_of_levels_are_a_typed_error(levels, shape):
    body = shape[0] * levels + shape[1] * levels
    # How deep the parser itself goes is Python's affair: 3.12 reads 5,000 levels, 3.11 does not.
    with pytest.raises(DecodeError, match=r"nested|expected an object"):
        decode_task(body)
    assert levels < 100_000 or not is_json(body)
    assert decode_error(body) is None


def at_depth(frames: int, do: Any) -> Any:
    return do() if frames == 0 else at_depth(frames - 1, do)


@pytest.mark.parametrize("innermost", [{"message": 5}, {"message": "x"}], ids=["malformed", "good"])
def test_the_deepest_tree_is_judged_also_from_deep_within_an_application(innermost):
    # Web frameworks call us from a hundred frames down.
    document = deep_task(DEPTH, DEPTH, **innermost)
    room = sys.getrecursionlimit() - 100
    assert len(inspect.stack()) + 100 < room

    def judge() -> str:
        try:
            return decode_task(as_bytes(document)).id
        except DecodeError as error:
            return error.json_path[:12]

    assert at_depth(100, judge) == (TASK_ID if innermost["message"] == "x" else "$.subTasks[0]"[:12])


@pytest.mark.parametrize("levels", [60, 300, 450])
def test_an_unknown_field_of_any_depth_is_refused_or_kept_for_good(levels):
    # What can be read must survive being written, compared and sent to another process.
    body = b'{"id":"a","new":' + b"[" * levels + b"]" * levels + b"}"
    try:
        task = decode_task(body)
    except DecodeError:
        return
    assert json.loads(encode(task)) == json.loads(body)
    assert task == decode_task(body)
    assert pickle.loads(pickle.dumps(task)) == task
    assert copy.deepcopy(task) == task


# --- no JSON --------------------------------------------------------------------------------------

NO_JSON = {
    "nothing": b"",
    "blank": b" \r\n",
    "HTML": b"<html><head><title>404 Not Found</title></head></html>",
    "NaN": b'{"id": "a", "new": NaN}',
    "Infinity": b'{"id": "a", "new": -Infinity}',
    "cut off": b'{"id": "a", "na',
    "two documents": b'{"id": "a"}{"id": "b"}',
    "trailing comma": b'{"id": "a",}',
    "Latin-1": '{"id": "a", "name": "Köln"}'.encode("latin-1"),
    "UTF-16": '{"id": "a"}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"id": "a"}',
    "overlong UTF-8": b'{"id": "\xc0\xaf"}',
    "an integer of 5,000 digits": b'{"id": "a", "new": ' + b"9" * 5000 + b"}",
    "control character in a text": b'{"id": "a\x01"}',
    "bare text": b"OK",
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_a_typed_error_with_a_harmless_sample(body):
    for decode in (decode_task, decode_page):
        with pytest.raises(DecodeError, match=r"^not JSON: ") as caught:
            decode(body)
        assert str(caught.value).isprintable()
        assert caught.value.sample.isprintable()
        assert len(caught.value.sample) <= 80
    assert decode_error(body) is None


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
def test_no_bytes_whatever_raise_anything_but_a_decode_error(body):
    for decode in (decode_task, decode_page, parse_json):
        with contextlib.suppress(DecodeError):
            decode(body)
    decode_error(body)
    is_json(body)


HOSTILE = "\x1b]52;c;aGk=\x07\u202e\u200b\ud800\r\nline two"


@pytest.mark.parametrize(
    "document",
    [
        {"id": HOSTILE, "status": 5},
        {"id": "a", "errors": [{"context": {HOSTILE: 5}}]},
        {"id": "a", "subTasks": HOSTILE},
        {"id": "a", "isRetryable": HOSTILE * 500},
    ],
    ids=["id", "key of a map", "value", "long value"],
)
def test_errors_about_hostile_text_are_one_harmless_line(document):
    with pytest.raises(DecodeError) as caught:
        decode_task(as_bytes(document))
    error = caught.value
    for text in (str(error), error.json_path, error.task_id or "", error.sample):
        assert text.isprintable()
        assert len(text) < 500


# --- error bodies ---------------------------------------------------------------------------------


def test_an_error_body_is_read_with_all_that_it_nests():
    document = {
        "errorCode": "TA_TASK_CAN_NOT_BE_RETRIED",
        "errorType": "ERROR",
        "arguments": ["x", None],
        "context": {"severity": "ERROR", "none": None},
        "message": "no",
        "remediationMessage": "yes",
        "causes": [{"type": "IOException", "message": "gone"}],
        "referenceToken": "ABC123",
        "label": "l",
        "remediationUrl": "https://kb",
        "nestedErrors": [{"errorCode": "INNER", "message": "deep"}],
        "notifications": [
            {"severity": "ERROR", "message": "m", "impactMessage": "i", "remediations": [{"any": [1]}]}
        ],
    }
    detail = decode_error(as_bytes(document))
    assert isinstance(detail, ErrorDetail)
    assert detail.to_json() == document
    assert dict(detail.extra) == {}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "x",
        {},
        {"id": "a", "status": "Failed", "errors": [{"message": "m"}]},
        {"timestamp": 1, "path": "/"},
    ],
    ids=json.dumps,
)
def test_a_body_without_an_error_is_none(document):
    assert decode_error(as_bytes(document)) is None
