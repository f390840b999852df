"""Pages of tasks: JSON to elements to models, one element a step.

Nothing here awaits; whoever has a large page on an event loop takes it in steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

import attrs

from vcf_tasks_async import shapes
from vcf_tasks_async.base import Guarded, Model
from vcf_tasks_async.codec import has_too_many, malformed, parse_json, structure
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.folding import quick_task
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.secret import MASK
from vcf_tasks_async.structuring import hidden, is_too_deep, kind_of

_OF_A_PAGE = ("elements", "pageMetadata")


class ElementReader(Iterator[None]):
    """The elements of a page, structured one a step, so that a caller on an event loop can breathe between.

    Raises:
        DecodeError: the document is no page at all. A malformed element does not cost the others: it
            is kept for `TaskPage.malformed`.
    """

    _item: ClassVar[type[Model]]

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._guarded = issubclass(self._item, Guarded)
        quick = _quick_outline(body) if self._item is Task else None
        self._start(quick or _outline(body, guarded=self._guarded))

    def _start(self, outline: _Outline) -> None:
        self._outline = outline
        self._pending = enumerate(outline.elements or ())
        self._tasks: list[Any] = []
        self._malformed: list[DecodeError] = []

    def __next__(self) -> None:
        index, element = next(self._pending)
        if self._outline.quick:
            if task := quick_task(element):
                self._tasks.append(task)
                return
            try:
                element = parse_json(bytes(element))
            except DecodeError:
                # What is odd as JSON is odd in the whole page: begin anew, the slow way.
                self._start(_outline(self._body, guarded=self._guarded))
                return
        try:
            self._tasks.append(structure(element, self._item, f"$.elements[{index}]"))
        except DecodeError as error:
            # Without its traceback, which holds on to the whole page, and to secrets in it.
            self._malformed.append(error.with_traceback(None))

    def _fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self._outline.metadata is not None:
            try:
                fields["page_metadata"] = structure(
                    self._outline.metadata, PageMetadata, "$.pageMetadata", guarded=self._guarded
                )
            except DecodeError as error:
                # Without it a listing finds its own way; losing the page would be worse.
                self._malformed.append(error.with_traceback(None))
        if self._outline.elements is not None:
            fields["elements"] = tuple(self._tasks)
        if self._outline.extra:
            fields["extra"] = self._outline.extra
        return {**fields, "malformed": tuple(self._malformed)}


class PageReader(ElementReader):
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


@attrs.frozen
class _Outline:
    """A page, its elements not structured yet; *quick*: each is a piece of JSON, and not parsed either."""

    elements: list[Any] | None
    metadata: Any
    extra: dict[str, Any] = attrs.field(factory=dict)
    quick: bool = False


def _outline(body: bytes, *, guarded: bool = False) -> _Outline:
    document = parse_json(body, guarded=guarded)
    if type(document) is not dict:
        shown = MASK if guarded else document
        raise malformed(f"expected a page, found {kind_of(document)}", "$", None, shown)
    elements = document.get("elements")
    if elements is not None and type(elements) is not list:
        shown = MASK if guarded else elements
        raise malformed(f"expected a list, found {kind_of(elements)}", "$.elements", None, shown)
    if elements is None and "pageMetadata" not in document:
        raise malformed("expected a page, found neither elements nor pageMetadata", "$", None, document)
    extra = {k: v for k, v in document.items() if k not in _OF_A_PAGE or v is None}
    if is_too_deep(extra):
        raise malformed("nested too deep", "$", None, document)
    return _Outline(elements, document.get("pageMetadata"), hidden(extra) if guarded else extra)


def _quick_outline(body: bytes) -> _Outline | None:
    """None where the slow way must be taken."""
    if not shapes.AVAILABLE or has_too_many(body):
        return None
    try:
        elements, metadata = shapes.split(body)
        return _Outline(elements, None if metadata is None else parse_json(metadata), quick=True)
    except (shapes.MisfitError, DecodeError):
        return None


def decode_page(body: bytes) -> TaskPage:
    """The page in *body*, in one go; the errors are `PageReader`'s."""
    reader = PageReader(body)
    for _ in reader:
        pass
    return reader.page()


@cache
def prepare() -> None:
    """Make the decoders: some 10 ms, the first time. For a thread, before anybody waits for a page."""
    decode_page(b'{"elements": [{"id": "a758"}], "pageMetadata": {}}')


def is_prepared() -> bool:
    """Whether the decoders are there, and no thread is needed any more."""
    return prepare.cache_info().currsize > 0
