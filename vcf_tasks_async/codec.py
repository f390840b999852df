"""JSON bytes to models and back, and why not.

Strict: an element is what the API promises, or it is reported, with its place, and does not cost the
others. What the models have no place for is kept in their `extra`. Nothing here awaits; whoever has a
large page on an event loop takes it in steps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn, TypeVar

from vcf_tasks_async.base import Guarded, Model, json_names
from vcf_tasks_async.credential_models import CredentialsTask, CredentialsTaskPage
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.secret import MASK
from vcf_tasks_async.steps import ErrorDetail
from vcf_tasks_async.structuring import Odd, explain, is_too_deep, kind_of, make_converter
from vcf_tasks_async.text import inert

M = TypeVar("M", bound=Model)

_SAMPLE = 80
_converter = make_converter()
_OF_A_PAGE = ("elements", "pageMetadata")
_ERROR_KEYS = frozenset(json_names(ErrorDetail).values())


def parse_json(body: bytes, *, guarded: bool = False) -> Any:
    """The document in *body*: strict JSON in UTF-8.

    Args:
        guarded: there may be secrets in it, so that no error shows a sample.

    Raises:
        DecodeError: not UTF-8, not JSON, NaN or Infinity in it, or nested too deep.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        reason = "nested too deep"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start}"
    except ValueError as error:
        reason = inert(str(error), limit=_SAMPLE)
    if guarded:
        raise DecodeError("not JSON", not_json=True) from None
    raise DecodeError(f"not JSON: {reason}", sample=_sample(body), not_json=True)


def decode_task(body: bytes) -> Task:
    """The one task in *body*.

    Raises:
        DecodeError: with the place of what was wrong.
    """
    return structure(parse_json(body), Task)


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


class _Elements(Iterator[None]):
    """The elements of a page, structured one a step, so that a caller on an event loop can breathe between.

    Raises:
        DecodeError: the document is no page at all. A malformed element does not cost the others: it
            is kept for `TaskPage.malformed`.
    """

    _item: ClassVar[type[Task | CredentialsTask]]

    def __init__(self, body: bytes) -> None:
        guarded = issubclass(self._item, Guarded)
        document = parse_json(body, guarded=guarded)
        if type(document) is not dict:
            shown = MASK if guarded else document
            raise _malformed(f"expected a page, found {kind_of(document)}", "$", None, shown)
        elements = document.get("elements")
        if elements is not None and type(elements) is not list:
            shown = MASK if guarded else elements
            raise _malformed(f"expected a list, found {kind_of(elements)}", "$.elements", None, shown)
        if elements is None and "pageMetadata" not in document:
            raise _malformed("expected a page, found neither elements nor pageMetadata", "$", None, document)
        self._document: dict[str, Any] = document
        self._extra = {k: v for k, v in document.items() if k not in _OF_A_PAGE or v is None}
        if is_too_deep(self._extra):
            raise _malformed("nested too deep", "$", None, document)
        self._has_elements = elements is not None
        self._pending = enumerate(elements or ())
        self._tasks: list[Any] = []
        self._malformed: list[DecodeError] = []

    def __next__(self) -> None:
        index, element = next(self._pending)
        try:
            self._tasks.append(structure(element, self._item, f"$.elements[{index}]"))
        except DecodeError as error:
            # Without its traceback, which holds on to the whole page, and to secrets in it.
            self._malformed.append(error.with_traceback(None))

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if (metadata := self._document.get("pageMetadata")) is not None:
            try:
                fields["page_metadata"] = structure(metadata, PageMetadata, "$.pageMetadata")
            except DecodeError as error:
                # Without it a listing finds its own way; losing the page would be worse.
                self._malformed.append(error)
        if self._has_elements:
            fields["elements"] = tuple(self._tasks)
        if self._extra:
            fields["extra"] = self._extra
        return {**fields, "malformed": tuple(self._malformed)}


class PageReader(_Elements):
    """A page of tasks, structured one element a step.

    Example:
        >>> reader = PageReader(b'{"elements": [{"id": "a758"}, {"id": null}]}')
        >>> for _ in reader:
        ...     pass  # await asyncio.sleep(0) now and then
        >>> page = reader.page()
        >>> page.elements[0].id, str(page.malformed[0])
        ('a758', 'malformed answer at $.elements[1]: id is missing')
    """

    _item = Task

    def page(self) -> TaskPage:
        """The page, once all steps are done."""
        return TaskPage(**self._fields())


class CredentialsPageReader(_Elements):
    """A page of credential tasks, structured one element a step."""

    _item = CredentialsTask

    def page(self) -> CredentialsTaskPage:
        """The page, once all steps are done."""
        return CredentialsTaskPage(**self._fields())


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
        result: M = _converter.get_structure_hook(cls)(document, cls)
    except Odd:
        pass
    else:
        return result
    finding = explain(document, cls, path)
    if finding is None:  # pragma: no cover - the two passes check the same things; a test holds them to it
        finding = ("malformed", path, document)
    reason, place, value = finding
    task_id = document.get("id") if type(document) is dict else None
    raise _malformed(reason, place, task_id, MASK if issubclass(cls, Guarded) else value)


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
        return inert(value[: 4 * _SAMPLE].decode("utf-8", "replace"), limit=_SAMPLE)
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
