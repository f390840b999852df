"""The quick way in: what it takes is the same as by the slow way, and what it does not take goes that way."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
import threading
import weakref
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from documents import ABOUT_A_LIST, documents, mutated
from hypothesis import given
from hypothesis import strategies as st

from vcf_tasks_async import models, shapes
from vcf_tasks_async.base import is_folded
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.events import Mark
from vcf_tasks_async.folding import compact, decode_task
from vcf_tasks_async.models import SubTask, Task, TaskPage
from vcf_tasks_async.pages import decode_page
from vcf_tasks_async.steps import ErrorDetail

pytestmark = pytest.mark.skipif(not shapes.AVAILABLE, reason="msgspec is not installed")

TASK = json.dumps(json.loads(ABOUT_A_LIST)["elements"][0]).encode()
TREES = ("sub_tasks", "errors", "resources", "localizable_description_pack")


@contextmanager
def slow_way():
    shapes.AVAILABLE = False
    try:
        yield
    finally:
        shapes.AVAILABLE = True


def told(decode: Any, body: bytes) -> Any:
    """What comes of *body*, in terms that can be compared."""
    try:
        result = decode(body)
    except DecodeError as error:
        return str(error), error.json_path, error.task_id, error.sample, error.not_json
    if isinstance(result, TaskPage):
        return result, [(str(odd), odd.json_path, odd.sample) for odd in result.malformed], result.to_json()
    return result, result.to_json()


def assert_same_both_ways(decode: Any, body: bytes) -> None:
    quick = told(decode, body)
    with slow_way():
        assert told(decode, body) == quick


# --- the same ---------------------------------------------------------------------------------------


@given(documents(Task))
def test_any_good_task_is_the_same_both_ways(document):
    assert_same_both_ways(decode_task, json.dumps(document).encode())


@given(st.lists(mutated(Task), max_size=3))
def test_a_page_of_damaged_tasks_is_the_same_both_ways(elements):
    assert_same_both_ways(decode_page, json.dumps({"elements": elements}).encode())


def marks(document: dict[str, Any]) -> tuple[Mark, Mark, Mark]:
    """The marks of one task as it comes, of its like that was folded up, and of all its steps as objects."""
    body = json.dumps(document).encode()
    with slow_way():
        slow = decode_task(body)
    return Mark.of(decode_task(body)), Mark.of(compact(slow)), Mark.of(slow)


@given(documents(Task))
def test_the_mark_of_any_task_is_the_same_folded_and_unfolded(document):
    assert len(set(marks(document))) == 1


@given(mutated(Task))
def test_the_mark_of_any_damaged_task_is_the_same_folded_and_unfolded(document):
    try:
        found = marks(document)
    except DecodeError:
        return
    assert len(set(found)) == 1


def test_a_mark_unfolds_no_task_and_knows_every_step():
    task = decode_task(TASK)
    mark = Mark.of(task)
    assert is_folded(task)
    steps = list(task.walk())
    assert mark.steps == tuple(step.raw_status for _, step in steps)
    assert list(mark.paths()) == [path for path, _ in steps]


ODD_TEXTS = {
    "a raw line break in a text": b'{"id": "a", "name": "x\ny"}',
    "a raw NUL": b'{"id": "a", "name": "x\x00y"}',
    "half of a surrogate pair": b'{"id": "a", "name": "\\ud800"}',
    "a whole pair": b'{"id": "a", "name": "\\ud83d\\ude00"}',
    "a surrogate in the bytes": b'{"id": "\xed\xa0\x80"}',
    "overlong UTF-8": b'{"id": "\xc0\xaf"}',
    "Latin-1": b'{"id": "a", "name": "K\xf6ln"}',
    "a key written with escapes": b'{"\\u0069d": "a"}',
    "a key twice": b'{"id": "a", "id": "b", "name": "q", "name": "r"}',
    "subtasks twice": b'{"id": "a", "subTasks": [{"name": "x"}], "subTasks": []}',
    "an unknown escape": b'{"id": "a\\x"}',
    "a short escape": b'{"id": "a\\u12"}',
    "single quotes": b"{'id': 'a'}",
    "a comma too many": b'{"id": "a",}',
    "something behind it": b'{"id": "a"} x',
    "white space round it": b' \t\r\n{"id": "a"} \n',
    "a form feed before it": b'\x0c{"id": "a"}',
    "a byte order mark": b'\xef\xbb\xbf{"id": "a"}',
    "an unknown number of many digits": b'{"id": "a", "new": 123456789012345678901234567890}',
    "an unknown number beyond all floats": b'{"id": "a", "new": 1e999}',
    "NaN": b'{"id": "a", "new": NaN}',
    "Infinity in a known place": b'{"id": "a", "name": Infinity}',
    "null in a known place": b'{"id": "a", "name": null}',
    "a number for a flag": b'{"id": "a", "isRetryable": 1}',
    "a text for a flag": b'{"id": "a", "isRetryable": "true"}',
    "a number for a text": b'{"id": "a", "name": 5}',
    "an object for a list": b'{"id": "a", "subTasks": {}}',
    "no id": b"{}",
    "null for the id": b'{"id": null}',
    "nothing": b"",
    "null": b"null",
    "six levels": b'{"id": "a", "subTasks": ' + b'[{"subTasks": ' * 6 + b"[]" + b"}]" * 6 + b"}",
    "a hundred levels": b'{"id": "a", "subTasks": ' + b'[{"subTasks": ' * 100 + b"[]" + b"}]" * 100 + b"}",
    "100,000 levels": b'{"id": "a", "subTasks": '
    + b'[{"subTasks": ' * 100_000
    + b"[]"
    + b"}]" * 100_000
    + b"}",
    "100,000 levels of nobody's": b'{"id": "a", "new": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@pytest.mark.parametrize("body", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_text_is_the_same_both_ways(body):
    assert_same_both_ways(decode_task, body)
    assert_same_both_ways(decode_page, b'{"elements": [{"id": "z"}, ' + body + b', {"id": "y"}]}')


PAGES = [
    b'{"elements": []}',
    b'{"elements": [], "pageMetadata": null}',
    b'{"elements": null}',
    b'{"elements": null, "pageMetadata": {}}',
    b'{"elements": {}}',
    b'{"pageMetadata": {"totalElements": 5}}',
    b'{"elements": [{"id": "a"}], "pageMetadata": {"totalElements": 123456789012345678901234567890}}',
    b'{"elements": [{"id": "a"}], "pageMetadata": {"totalElements": 5.0}}',
    b'{"elements": [{"id": "a"}], "pageMetadata": [5]}',
    b'{"elements": [{"id": "a"}], "pageMetadata": {"pageNumber": NaN}}',
    b'{"elements": [{"id": "a"}], "new": 1}',
    b'{"elements": [{"id": "a"}, 5, null, "x", [], {"id": "b"}]}',
    b'{"elements": [{"id": "a"} {"id": "b"}]}',
    b'{"elements": [{"id": "a"}], "elements": [{"id": "b"}]}',
    b'{"elements": [{"id": "\xed\xa0\x80"}], "elements": [{"id": "b"}]}',
    b'{"elements":[],"pageMetadata":["\xff"],"pageMetadata":1}',
    b'{"elements":[],"pageMetadata":1e999,"pageMetadata":{}}',
    b'{"pageMetadata":[' + b"9" * 5000 + b'],"elements":[],"pageMetadata":{}}',
    b'{"elements":["\xff"],"\\u0065lements":[]}',
    b' {\n "elements" : [ ] ,\n "pageMetadata" : { } }\n',
    b'{"pageMetadata":{"totalElements":1},"elements":[{"id":"a"}]}',
    b'{"elements": [{"id": "a"',
    b"[]",
]


@pytest.mark.parametrize("body", PAGES, ids=lambda body: ascii(body[:60]))
def test_an_odd_page_is_the_same_both_ways(body):
    assert_same_both_ways(decode_page, body)


# --- folded -----------------------------------------------------------------------------------------


def test_a_good_task_comes_folded_and_its_own_fields_do_not_unfold_it():
    for task in (decode_task(TASK), *decode_page(ABOUT_A_LIST.encode()).elements):
        assert is_folded(task)
        leaves = [field.name for field in attrs.fields(Task) if field.name not in TREES]
        assert all(hasattr(task, name) for name in leaves)
        assert task.status.is_ended
        assert task.created_at
        assert is_folded(task)
        assert task.sub_tasks == task.sub_tasks
        assert not is_folded(task)


@pytest.mark.parametrize("name", TREES)
def test_any_of_its_trees_unfolds_all_of_them(name):
    task = decode_task(TASK)
    getattr(task, name)
    assert not is_folded(task)
    with slow_way():
        assert task == decode_task(TASK)


def ways_to_use(task: Task) -> dict[str, Any]:
    return {
        "repr": repr(task),
        "hash": hash(task),
        "json": task.to_json(),
        "asdict": attrs.asdict(task),
        "copy": copy.copy(task),
        "deepcopy": copy.deepcopy(task),
        "pickle": pickle.loads(pickle.dumps(task)),
        "evolve": attrs.evolve(task, name="other"),
        "walk": list(task.walk()),
        "cause": task.cause,
        "progress": task.progress,
    }


@pytest.mark.parametrize("use", ways_to_use(Task(id="a")))
def test_a_folded_task_is_used_like_any_other(use):
    with slow_way():
        plain = ways_to_use(decode_task(TASK))[use]
    assert ways_to_use(decode_task(TASK))[use] == plain


def test_a_folded_task_is_as_frozen_as_any_other():
    task = decode_task(TASK)
    for name in ("name", "sub_tasks", "extra"):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(task, name, ())
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(task, name)
    assert is_folded(task)
    with pytest.raises(AttributeError):
        task.nonsense  # noqa: B018


def test_what_the_decoders_make_is_of_the_models_own_classes():
    task = decode_task(TASK)
    for node in (task, task.sub_tasks[0], task.errors[0], task.resources[0]):
        assert getattr(models, type(node).__name__, None) is type(node) or type(node) is ErrorDetail
        assert attrs.evolve(node) == node
        assert weakref.ref(node)() is node
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            node.name = "other"
    assert type(task.sub_tasks[0]) is SubTask


def test_threads_that_touch_a_task_at_once_see_one_tree():
    for _ in range(50):
        task = decode_task(TASK)
        gate = threading.Barrier(4)
        seen: list[Any] = []

        def touch(task: Task = task, gate: threading.Barrier = gate, seen: list[Any] = seen) -> None:
            gate.wait()
            seen.append(task.sub_tasks)

        threads = [threading.Thread(target=touch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 4
        assert all(tree == seen[0] for tree in seen)


def test_a_folded_task_does_not_keep_its_page():
    body = b'{"elements": [{"id": "a", "subTasks": []}], "pageMetadata": {}}' + b" " * 1_000_000
    (task,) = decode_page(body).elements
    assert sys.getsizeof(object.__getattribute__(task, "_folded")) < 200


# --- compact ----------------------------------------------------------------------------------------


@given(documents(Task))
def test_compact_changes_nothing_but_the_size(document):
    with slow_way():
        task = decode_task(json.dumps(document).encode())
        small = compact(task)
        assert is_folded(small)
        assert small == task
        assert small.to_json() == task.to_json()
    assert compact(task) == task


def test_compact_leaves_what_is_compact_alone():
    task = decode_task(TASK)
    assert compact(task) is task
    assert is_folded(task)


def test_all_of_it_works_without_msgspec():
    code = (
        "import sys; sys.modules['msgspec'] = None\n"
        "from vcf_tasks_async import shapes\n"
        "from vcf_tasks_async.folding import decode_task, compact\n"
        "assert not shapes.AVAILABLE\n"
        "task = decode_task(sys.stdin.buffer.read())\n"
        "print(len(compact(task).sub_tasks))"
    )
    done = subprocess.run([sys.executable, "-c", code], input=TASK, capture_output=True, check=True)
    assert done.stdout.strip() == b"3"
