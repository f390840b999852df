"""JSON bytes to models and back, and why not.

Strict: an element is what the API promises, or it is reported, with its place, and does not cost the
others. What the models have no place for is kept in their `extra`. Nothing here awaits; whoever has a
large page on an event loop takes it in steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn, TypeVar

import attrs

from vcf_tasks_async import shapes
from vcf_tasks_async.base import Model, fold, is_folded, json_names
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.models import ErrorDetail, PageMetadata, Task, TaskPage
from vcf_tasks_async.structuring import LEAVES, Odd, explain, fields_of, is_too_deep, kind_of, make_converter
from vcf_tasks_async.text import inert, without_secrets

M = TypeVar("M", bound=Model)

_SAMPLE = 80
# Made when the first document comes: generating its functions takes longer than importing this module.
_converter = cache(make_converter)
# 64 MiB of `{},` would take 1.8 GB and half a minute of the event loop; of real tasks they hold half as many.
MOST_VALUES = 8_000_000
_OF_A_PAGE = ("elements", "pageMetadata")
_ERROR_KEYS = frozenset(json_names(ErrorDetail).values())


def parse_json(body: bytes) -> Any:
    """The document in *body*: strict JSON in UTF-8.

    Raises:
        DecodeError: not UTF-8, not JSON, NaN or Infinity in it, nested too deep, or of too many values.
    """
    if _has_too_many(body):
        raise DecodeError(f"more than {MOST_VALUES:,} values: ask for smaller pages", sample=_sample(body))
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        reason = "nested too deep"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start}"
    except ValueError as error:
        reason = inert(str(error), limit=_SAMPLE)
    raise DecodeError(f"not JSON: {reason}", sample=_sample(body), not_json=True)


def _has_too_many(body: bytes) -> bool:
    return len(body) > MOST_VALUES and sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES


def decode_task(body: bytes) -> Task:
    """The one task in *body*.

    Raises:
        DecodeError: with the place of what was wrong.
    """
    quick = None if _has_too_many(body) else _quick_task(body)
    return quick or structure(parse_json(body), Task)


def decode_error(body: bytes) -> ErrorDetail | None:
    """The error in *body*, or None when it holds none: HTML, nothing, or a task (seen with 403)."""
    try:
        document = parse_json(body)
        if type(document) is not dict or not document.keys() & _ERROR_KEYS:
            return None
        return structure(document, ErrorDetail)
    except DecodeError:
        return None


def is_json(body: bytes) -> bool:
    """Whether *body* is a JSON document, whatever its header says."""
    try:
        parse_json(body)
    except DecodeError:
        return False
    return True


class PageReader(Iterator[None]):
    """A page, structured one element a step, so that a caller on an event loop can breathe between.

    Raises:
        DecodeError: the document is no page at all. A malformed element does not cost the others: it
            is kept for `TaskPage.malformed`.

    Example:
        >>> reader = PageReader(b'{"elements": [{"id": "a758"}, {"id": null}]}')
        >>> for _ in reader:
        ...     pass  # await asyncio.sleep(0) now and then
        >>> page = reader.page()
        >>> page.elements[0].id, str(page.malformed[0])
        ('a758', 'malformed answer at $.elements[1]: id is missing')
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._start(_quick_outline(body) or _outline(body))

    def _start(self, outline: _Outline) -> None:
        self._outline = outline
        self._pending = enumerate(outline.elements or ())
        self._tasks: list[Task] = []
        self._malformed: list[DecodeError] = []

    def __next__(self) -> None:
        index, element = next(self._pending)
        if self._outline.quick:
            if task := _quick_task(element):
                self._tasks.append(task)
                return
            try:
                element = parse_json(bytes(element))
            except DecodeError:
                # What is odd as JSON is odd in the whole page: begin anew, the slow way.
                self._start(_outline(self._body))
                return
        try:
            self._tasks.append(structure(element, Task, f"$.elements[{index}]"))
        except DecodeError as error:
            self._malformed.append(error)

    def page(self) -> TaskPage:
        """The page, once all steps are done."""
        fields: dict[str, Any] = {}
        if self._outline.metadata is not None:
            try:
                fields["page_metadata"] = structure(self._outline.metadata, PageMetadata, "$.pageMetadata")
            except DecodeError as error:
                # Without it a listing finds its own way; losing the page would be worse.
                self._malformed.append(error)
        if self._outline.elements is not None:
            fields["elements"] = tuple(self._tasks)
        if self._outline.extra:
            fields["extra"] = self._outline.extra
        return TaskPage(malformed=tuple(self._malformed), **fields)


@attrs.frozen
class _Outline:
    """A page, its elements not structured yet; *quick*: each is a piece of JSON, and not parsed either."""

    elements: list[Any] | None
    metadata: Any
    extra: dict[str, Any] = attrs.field(factory=dict)
    quick: bool = False


def _outline(body: bytes) -> _Outline:
    document = parse_json(body)
    if type(document) is not dict:
        raise _malformed(f"expected a page, found {kind_of(document)}", "$", None, document)
    elements = document.get("elements")
    if elements is not None and type(elements) is not list:
        raise _malformed(f"expected a list, found {kind_of(elements)}", "$.elements", None, elements)
    if elements is None and "pageMetadata" not in document:
        raise _malformed("expected a page, found neither elements nor pageMetadata", "$", None, document)
    extra = {k: v for k, v in document.items() if k not in _OF_A_PAGE or v is None}
    if is_too_deep(extra):
        raise _malformed("nested too deep", "$", None, document)
    return _Outline(elements, document.get("pageMetadata"), extra)


def _quick_outline(body: bytes) -> _Outline | None:
    """None where the slow way must be taken."""
    if not shapes.AVAILABLE or _has_too_many(body):
        return None
    try:
        elements, metadata = shapes.split(body)
        return _Outline(elements, None if metadata is None else parse_json(metadata), quick=True)
    except (shapes.MisfitError, DecodeError):
        return None


def _quick_task(element: Any) -> Task | None:
    """The task in a piece of JSON, its sub-trees folded; None where the slow way must be taken."""
    if not shapes.AVAILABLE:
        return None
    try:
        task = shapes.leaves(element)
    except shapes.MisfitError:
        return None
    # A copy: the element may be a view of its page, which would be kept for the sake of one task.
    fold(task, _FoldedTask(element))
    return task


class _FoldedTask(bytes):
    """The JSON of a task whose sub-trees nobody has asked for yet: a third of what they take as objects."""

    __slots__ = ()

    def unfold(self) -> Mapping[str, Any]:
        """The task's sub-trees, by field name."""
        if shapes.AVAILABLE:
            with suppress(shapes.MisfitError):
                return shapes.trees(self)
        task = structure(parse_json(self), Task)
        return {name: getattr(task, name) for name in _parts_of_a_task()[1]}


@cache
def _parts_of_a_task() -> tuple[list[str], list[str]]:
    """The names of a task's own fields, and of those that are folded up."""
    fields = [(field.name, t in LEAVES) for field, _, t in fields_of(Task)]
    return [name for name, leaf in fields if leaf], [name for name, leaf in fields if not leaf]


def compact(task: Task) -> Task:
    """*task*, or its like with the sub-trees folded up, for those who keep thousands."""
    if is_folded(task):
        return task
    folded = Task.__new__(Task)
    for name in (*_parts_of_a_task()[0], "extra"):
        object.__setattr__(folded, name, getattr(task, name))
    fold(folded, _FoldedTask(encode(task)))
    return folded


def decode_page(body: bytes) -> TaskPage:
    """The page in *body*, in one go; the errors are `PageReader`'s."""
    reader = PageReader(body)
    for _ in reader:
        pass
    return reader.page()


def structure(document: Any, cls: type[M], path: str = "$") -> M:
    """*document* as a *cls*.

    Raises:
        DecodeError: naming the place (*path* and on), the task's id where known, and a sample.
    """
    try:
        result: M = _converter().get_structure_hook(cls)(document, cls)
    except Odd:
        pass
    else:
        return result
    finding = explain(document, cls, path)
    if finding is None:  # pragma: no cover - the two passes check the same things; a test holds them to it
        finding = ("malformed", path, document)
    reason, place, value = finding
    task_id = document.get("id") if type(document) is dict else None
    raise _malformed(reason, place, task_id, value)


def encode(document: object) -> bytes:
    """*document* (models, dicts, lists, plain values) as JSON bytes."""
    return json.dumps(document, default=_to_json, separators=(",", ":")).encode()


def _to_json(value: object) -> Any:
    if isinstance(value, Model):
        return value.to_json()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _malformed(reason: str, path: str, task_id: object, value: Any) -> DecodeError:
    named = inert(task_id, limit=128) if type(task_id) is str else None
    path = inert(path, limit=200)
    return DecodeError(
        f"malformed answer at {path}{f' (task {named})' if named else ''}: {reason}",
        json_path=path,
        task_id=named,
        sample=_sample(value),
    )


def _sample(value: Any) -> str:
    if isinstance(value, bytes):
        return inert(without_secrets(value[: 4 * _SAMPLE].decode("utf-8", "replace")), limit=_SAMPLE)
    if isinstance(value, dict | list):
        return f"{kind_of(value)} of {len(value)}"
    return inert(value if isinstance(value, str) else repr(value), limit=_SAMPLE)


def _finite(text: str) -> float:
    number = float(text)
    if number in (math.inf, -math.inf):
        # Valid JSON, but what it would be written back as is not.
        raise ValueError(f"{text[:20]} is beyond all floating-point numbers")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
