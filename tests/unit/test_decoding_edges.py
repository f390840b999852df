"""Where decoding begins to say no, to the last value, and what it says: tables of edges."""

from __future__ import annotations

import gc
import json
from functools import cache
from typing import Any

import attrs
import pytest

from vcf_tasks_async import codec, pages, shapes
from vcf_tasks_async.codec import (
    decode_error,
    encode,
    has_too_many,
    is_json,
    malformed,
    parse_json,
    structure,
)
from vcf_tasks_async.credential_models import CredentialsTask
from vcf_tasks_async.credential_pages import CredentialsPageReader
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.folding import compact, decode_task, quick_task
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.pages import PageReader, decode_page, is_prepared, prepare
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.steps import ErrorDetail
from vcf_tasks_async.structuring import DEPTH, Odd, explain, is_too_deep, kind_of, make_converter

needs_msgspec = pytest.mark.skipif(not shapes.AVAILABLE, reason="msgspec is not installed")


@pytest.fixture
def ten_values(monkeypatch):
    monkeypatch.setattr(codec, "MOST_VALUES", 10)


# --- too many values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "too_many"),
    [
        (b"[1,2,3,4,5,6,7,8,9,0]", False),
        (b"[1,2,3,4,5,6,7,8,9,0,1]", True),
        (b"[" * 10 + b" ", False),
        (b"[" * 11, True),
        (b"{" * 10 + b" ", False),
        (b"{" * 11, True),
        (b"," * 11, True),
        (b"[{,[{,[{,[{", True),
        (b"[{,[{,[{,[", False),
        (b"x" * 1000, False),
    ],
)
def test_values_are_counted_by_what_begins_and_parts_them(ten_values, body, too_many):
    assert has_too_many(body) is too_many


def test_too_many_values_are_refused_with_a_harmless_sample(ten_values):
    body = json.dumps({"id": "a", "password": "hush-hush", "new": list(range(20))}).encode()
    for decode in (parse_json, decode_task):
        with pytest.raises(DecodeError, match=r"^more than 10 values: ask for smaller pages$") as caught:
            decode(body)
        assert caught.value.sample.startswith('{"id": "a", "password": ')
        assert "hush" not in caught.value.sample
        assert caught.value.not_json is False
    with pytest.raises(DecodeError, match=r"^more than 10 values") as caught:
        parse_json(body, guarded=True)
    assert not caught.value.sample
    assert not is_json(body)
    assert decode_error(body) is None
    with pytest.raises(DecodeError, match=r"^more than 10 values"):
        decode_page(b'{"elements": [' + b", ".join([b'{"id": "a"}'] * 6) + b"]}")


# --- no JSON, and what is said of it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a\xff": 1}', "not UTF-8 at byte 3"),
        (b"[" * 100_000, "nested too deep"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "1e999 is beyond all floating-point numbers"),
        (b"[-1e999]", "-1e999 is beyond all floating-point numbers"),
        (b"[1234567890123456789012e999]", "12345678901234567890 is beyond all floating-point numbers"),
        (b"OK", "Expecting value: line 1 column 1 (char 0)"),
    ],
    ids=lambda each: repr(each)[:30],
)
def test_what_is_no_json_says_why_and_shows_its_beginning_unless_it_is_guarded(body, reason):
    with pytest.raises(DecodeError) as caught:
        parse_json(body)
    assert (str(caught.value), caught.value.not_json) == (f"not JSON: {reason}", True)
    assert caught.value.sample[:3] in {body[:3].decode("ascii", "replace"), '{"a', "[[["}
    with pytest.raises(DecodeError) as caught:
        parse_json(body, guarded=True)
    assert (str(caught.value), caught.value.not_json) == ("not JSON", True)
    assert not caught.value.sample
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(("size", "shown"), [(80, "x" * 80), (81, "x" * 79 + "…"), (9999, "x" * 79 + "…")])
def test_a_sample_is_eighty_characters_at_most(size, shown):
    with pytest.raises(DecodeError) as caught:
        parse_json(b"x" * size)
    assert caught.value.sample == shown


def test_a_sample_is_as_long_in_any_alphabet():
    with pytest.raises(DecodeError) as caught:
        parse_json(("\U0001f5a5" * 80).encode())
    assert caught.value.sample == "\U0001f5a5" * 80


@pytest.mark.parametrize("body", [b"{}", b"5", b"null", b' "x" ', b"[1.5, -1e308]"])
def test_any_document_is_json(body):
    assert is_json(body)
    assert parse_json(body) == json.loads(body)


# --- what is said of a misplaced value ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "sample"),
    [
        ({"a": 1, "b": 2}, "an object of 2"),
        ([1, 2, 3], "a list of 3"),
        ("text", "text"),
        (5, "5"),
        (True, "True"),
        (None, "None"),
        ("y" * 99, "y" * 79 + "…"),
    ],
)
def test_a_misplaced_value_is_told_by_its_place_its_task_and_a_sample(value, sample):
    error = malformed("expected this", "$.x", "task-1", value)
    assert str(error) == "malformed answer at $.x (task task-1): expected this"
    assert (error.json_path, error.task_id, error.sample) == ("$.x", "task-1", sample)
    assert str(malformed("that", "$", None, value)) == "malformed answer at $: that"
    assert malformed("that", "$", 5, value).task_id is None


def test_a_place_and_an_id_are_cut():
    error = malformed("that", "p" * 300, "i" * 300, None)
    assert error.json_path == "p" * 199 + "…"
    assert error.task_id == "i" * 127 + "…"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({}, "an object"), ([], "a list"), ("", "text"), (False, "a boolean"), (None, "null"),
        (5, "a number"), (1.5, "a number"),
    ],
)  # fmt: skip
def test_values_are_named_by_their_kind_in_json(value, kind):
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (5, "$: expected an object, found a number"),
        ({}, "$: id is missing"),
        ({"id": 5}, "$.id: expected text, found a number"),
        ({"id": "a", "isRetryable": 1}, "$.isRetryable (task a): expected a boolean, found a number"),
        ({"id": "a", "subTasks": {}}, "$.subTasks (task a): expected a list, found an object"),
        (
            {"id": "a", "errors": [{"context": 5}]},
            "$.errors[0].context (task a): expected an object, found a number",
        ),
    ],
)
def test_a_malformed_task_says_what_was_expected_where(document, said):
    with pytest.raises(DecodeError) as caught:
        structure(document, Task)
    assert str(caught.value) == f"malformed answer at {said}"
    assert not caught.value.not_json


def test_a_whole_number_is_expected_where_things_are_counted():
    with pytest.raises(DecodeError, match=r"\$\.totalElements: expected a whole number, found a number$"):
        structure({"totalElements": 5.0}, PageMetadata)


def test_nothing_of_a_guarded_document_is_shown():
    with pytest.raises(DecodeError) as caught:
        structure({"id": "a", "subTasks": "hush"}, CredentialsTask)
    assert caught.value.sample == "***"
    assert caught.value.task_id == "a"


# --- encoding -----------------------------------------------------------------------------------------


def test_models_and_plain_values_are_written_without_blanks():
    task = Task(id="a", name="n")
    assert encode([task, {"k": 1}, None]) == b'[{"id":"a","name":"n"},{"k":1},null]'
    with pytest.raises(TypeError, match=r"^object is not JSON$"):
        encode(object())


# --- depth --------------------------------------------------------------------------------------------


def lists(levels: int, leaf: Any = None) -> Any:
    value = [] if leaf is None else [leaf]
    for _ in range(levels - 1):
        value = [value]
    return value


def objects(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = {"x": 1, "y": value}
    return value


@pytest.mark.parametrize(
    "nest", [lists, objects, lambda n: lists(n, "leaf")], ids=["lists", "objects", "leaf"]
)
def test_what_nobody_models_may_nest_sixty_four_levels(nest):
    assert DEPTH == 64
    assert not is_too_deep(nest(1))
    assert not is_too_deep(nest(64))
    assert is_too_deep(nest(65))
    assert is_too_deep([1, nest(64)])
    assert not is_too_deep("text")


@pytest.mark.parametrize(("levels", "fits"), [(63, True), (64, False)])
def test_unknown_fields_of_sixty_four_levels_are_refused_with_their_object(levels, fits):
    # The object of the unknown fields is a level, too.
    for document, place in (
        ({"id": "a", "new": lists(levels)}, "$"),
        ({"id": "a", "subTasks": [{"new": lists(levels)}]}, "$.subTasks[0]"),
    ):
        body = json.dumps(document).encode()
        if fits:
            assert decode_task(body).to_json() == document
            continue
        with pytest.raises(DecodeError, match="nested deeper than 64 levels") as caught:
            decode_task(body)
        assert caught.value.json_path == place
    page = json.dumps({"elements": [], "new": lists(levels)}).encode()
    if fits:
        assert decode_page(page).extra == {"new": lists(levels)}
    else:
        with pytest.raises(DecodeError, match=r"malformed answer at \$: nested too deep"):
            decode_page(page)


@pytest.mark.parametrize(("levels", "fits"), [(64, True), (65, False)])
def test_where_anything_may_stand_it_may_nest_as_deep(levels, fits):
    remedy = {"severity": "ERROR", "remediations": [{"steps": lists(levels)}]}
    document = {"id": "a", "errors": [{"notifications": [remedy]}]}
    if fits:
        assert structure(document, Task).to_json() == document
        return
    with pytest.raises(DecodeError, match="nested deeper than 64 levels") as caught:
        structure(document, Task)
    assert caught.value.json_path == "$.errors[0].notifications[0].remediations[0].steps"


@pytest.mark.parametrize("key", ["subTasks", "nestedErrors"])
def test_a_class_may_nest_in_itself_sixty_four_times(key):
    # Counted from 0, for the outermost of its class.
    for levels in (65, 66):
        inner: dict[str, Any] = {}
        for _ in range(levels - 1):
            inner = {key: [inner]}
        outer = "subTasks" if key == "subTasks" else "errors"
        document = {"id": "a", outer: [inner]}
        finding = explain(document, Task, "$")
        if levels == 65:
            assert finding is None
            assert structure(document, Task).to_json() == document
            continue
        assert finding is not None
        with pytest.raises(DecodeError, match="nested deeper than 64 levels") as caught:
            structure(document, Task)
        assert caught.value.json_path is not None
        assert caught.value.json_path.startswith(
            f"$.{'subTasks' if key == 'subTasks' else 'errors'}[0].{key}[0]"
        )


# --- unknown fields with secrets ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "password", "newPassword", "PASSWORD", "passphrase", "passwd", "clientSecret", "refreshToken",
        "privateKey", "private_key", "private-key", "apiKey", "api-key", "APIKEY",
    ],
)  # fmt: skip
def test_unknown_fields_that_sound_secret_are_wrapped_with_all_below_them(name):
    document = {"id": "a", "x": {name: "hush", "n": {name: {"inner": ["hush", 5, {"z": "hush"}]}}}}
    task = structure(document, CredentialsTask)
    assert task.extra["x"][name] == Secret("hush")
    assert task.extra["x"]["n"][name] == {"inner": [Secret("hush"), 5, {"z": Secret("hush")}]}
    assert "hush" not in repr(task)


@pytest.mark.parametrize("name", ["key", "publicKey", "monkey", "pass", "apiVersion"])
def test_unknown_fields_that_do_not_stay_as_they_came(name):
    task = structure({"id": "a", "x": {name: "hush"}, name: ["open"]}, CredentialsTask)
    assert task.extra == {"x": {name: "hush"}, name: ["open"]}
    # Nor anything of a class that holds no secrets.
    assert structure({"id": "a", "password": "open"}, Task).extra == {"password": "open"}


# --- the converter --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "t"),
    [
        (5, str),
        ("5", int),
        (True, int),
        (1, bool),
        (None, str),
        (5, Secret),
        (5, tuple[str, ...]),
        ("x", Task),
    ],
)  # fmt: skip
def test_nothing_is_made_into_what_it_is_not(value, t):
    converter = make_converter(guarded=False)
    with pytest.raises(Odd):
        converter.get_structure_hook(t)(value, t)


# --- pages ----------------------------------------------------------------------------------------------


def test_a_page_is_read_one_element_a_step():
    reader = PageReader(b'{"elements": [{"id": "a"}, 5, {"id": "b"}]}')
    assert [None for _ in reader] == [None] * 3
    assert next(reader, "over") == "over"
    page = reader.page()
    assert [task.id for task in page.elements] == ["a", "b"]
    (odd,) = page.malformed
    assert (odd.json_path, odd.__traceback__) == ("$.elements[1]", None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "$: expected a page, found a list"),
        (b'{"elements": {}}', "$.elements: expected a list, found an object"),
        (b"{}", "$: expected a page, found neither elements nor pageMetadata"),
    ],
)
def test_what_is_no_page_says_what_it_is(body, message):
    for read, sample in ((PageReader, None), (CredentialsPageReader, "***")):
        with pytest.raises(DecodeError) as caught:
            read(body)
        assert str(caught.value) == f"malformed answer at {message}"
        if sample is not None and body != b"{}":
            assert caught.value.sample == sample


def test_an_unknown_field_of_a_page_is_kept_null_or_not():
    body = b'{"elements": [], "pageMetadata": null, "new": 1, "old": null}'
    assert decode_page(body) == TaskPage(elements=(), extra={"pageMetadata": None, "new": 1, "old": None})


# --- the quick way --------------------------------------------------------------------------------------


def nested_subtasks(levels: int) -> bytes:
    return (
        b'{"id": "a", "subTasks": [' + b'{"subTasks": [' * (levels - 1) + b"{}" + b"]}" * (levels - 1) + b"]}"
    )


@needs_msgspec
def test_the_quick_way_takes_subtasks_of_four_levels_and_leaves_more_to_the_slow_one():
    for levels in (1, 2, 3, 4):
        assert shapes.leaves(nested_subtasks(levels)).id == "a"
    with pytest.raises(shapes.MisfitError):
        shapes.leaves(nested_subtasks(5))
    assert quick_task(nested_subtasks(4)) is not None
    assert quick_task(nested_subtasks(5)) is None
    assert decode_task(nested_subtasks(5)) == structure(json.loads(nested_subtasks(5)), Task)


@needs_msgspec
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"id": "a", "new": 1}',
        b'{"id": "a", "name": null}',
        b'{"name": "n"}',
        b'{"id": "\xff"}',
    ],
)
def test_a_task_that_does_not_fit_is_left_to_the_slow_way(body):
    for read in (shapes.leaves, shapes.trees):
        with pytest.raises(shapes.MisfitError):
            read(body)


@needs_msgspec
def test_a_page_is_split_only_where_it_is_as_the_api_promises():
    elements, metadata = shapes.split(b'{"elements": [{"id": "a"}], "pageMetadata": {"x": 1}}')
    assert ([bytes(each) for each in elements], metadata) == ([b'{"id": "a"}'], b'{"x": 1}')
    assert shapes.split(b'{"elements": []}') == ([], None)
    for body in (
        b"{}",
        b"[]",
        b'{"elements": [], "pageMetadata": null}',
        b'{"elements": [], "new": 1}',
        b"{",
    ):
        with pytest.raises(shapes.MisfitError):
            shapes.split(body)


@needs_msgspec
def test_good_pages_and_tasks_take_the_quick_way(monkeypatch):
    for room, name in ((codec, "parse_json"), (pages, "structure"), (pages, "_outline")):
        monkeypatch.setattr(room, name, None)
    body = b'{"elements": [{"id": "a", "subTasks": [{"name": "s"}]}]}'
    (task,) = decode_page(body).elements
    assert task.sub_tasks[0].name == "s"
    assert decode_task(b'{"id": "b"}').id == "b"


def test_the_defaults_of_a_field_that_did_not_come_are_the_models_own():
    bare = {"quick": decode_task(b'{"id": "a"}'), "slow": structure({"id": "a"}, Task)}
    for way, task in bare.items():
        made = Task(id="a")
        for field in attrs.fields(Task):
            assert getattr(task, field.name) == getattr(made, field.name), (way, field.name)
    assert structure({"message": "m"}, ErrorDetail) == ErrorDetail(message="m")


@needs_msgspec
def test_what_is_folded_up_carries_nothing_but_its_bytes():
    # Hundreds of thousands are kept: a dict each would cost more than what folding saves.
    task = compact(decode_task(b'{"id": "a"}'))
    (folded,) = (each for each in gc.get_referents(task) if isinstance(each, bytes))
    assert folded == b'{"id": "a"}'
    assert not hasattr(folded, "__dict__")


# --- getting ready ------------------------------------------------------------------------------------


def test_what_takes_long_to_make_is_made_once_ahead_of_the_first_page(monkeypatch):
    made = []

    def counted(*, guarded):
        made.append(guarded)
        return make_converter(guarded=guarded)

    monkeypatch.setattr(codec, "_converter", cache(counted))
    prepare.cache_clear()
    assert not is_prepared()
    prepare()
    assert is_prepared()
    assert made == [False]
    decode_page(b'{"elements": [{"id": "a758"}], "pageMetadata": {"pageNumber": 0}}')
    prepare()
    assert len(made) == 1
