"""The quick way in, where msgspec is installed: whole tasks checked in C, and left folded.

A shape is a msgspec struct made from one of our attrs classes. Decoding into it checks a task to its last
leaf in less time than `json` takes to parse it. What fits is as the API promises; of what does not fit (an
unknown field, null, a wrong type, odd text) nothing is said here: `codec` looks closer then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import GenericAlias
from typing import Any, Final, NamedTuple, get_args

import attrs

from vcf_tasks_async.base import ABSENT, NO_EXTRA, Model, twin
from vcf_tasks_async.models import Task
from vcf_tasks_async.structuring import LEAVES, fields_of, is_model, is_tuple

# False leaves everything to the slow way: the extra `speed` need not be there.
AVAILABLE = find_spec("msgspec") is not None
# The keys of a page; and a letter of theirs as JSON need not, but may, write it.
_KEYS: Final = (b'"elements"', b'"pageMetadata"')
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")
# How deep a class may nest in itself and still fit. Real tasks reach 3.
_LEVELS: Final = 4
# What `outline` reads of a task and of its steps; all else is passed over without a look.
_OUTLINE: Final = frozenset({"raw_status", "sub_tasks", "stages"})


class MisfitError(Exception):
    """It does not fit; which does not mean that it is wrong."""


def split(body: bytes) -> tuple[list[Any], bytes | None]:
    """The elements of a page and its metadata, each as JSON; nothing but the outline is checked.

    Raises:
        MisfitError: it is no page as the API promises it.
    """
    page = _decoded(_ways().page, body)
    metadata = None if page.pageMetadata is None else bytes(page.pageMetadata)
    if metadata == b"null" or not _is_all(body, page.elements, metadata):
        raise MisfitError
    return page.elements, metadata


def _is_all(body: bytes, elements: list[Any], metadata: bytes | None) -> bool:
    """Whether *body* holds these alone: of a key that comes twice, nobody looked at the first value."""
    for comma, colon in ((b",", b":"), (b", ", b": ")):
        head = b'{"elements"' + colon + b"["
        if body.startswith(head):
            tail = b"" if metadata is None else comma + b'"pageMetadata"' + colon + metadata
            if body == b"".join((head, comma.join(elements), b"]", tail, b"}")):
                return True
    # Written in another way: counting takes longer than comparing.
    return all(body.count(key) <= 1 for key in _KEYS) and _ESCAPED_LETTER.search(body) is None


def leaves(element: Any) -> Task:
    """The task in *element*, checked to its last leaf, without what `trees` makes of it.

    Raises:
        MisfitError: it is no task as the API promises it.
    """
    ways = _ways()
    return ways.leaves(_decoded(ways.task, element))


def trees(element: Any) -> Mapping[str, Any]:
    """The fields that `leaves` left empty: subtasks, errors, resources and so on.

    Raises:
        MisfitError: as `leaves`.
    """
    ways = _ways()
    return ways.trees(_decoded(ways.task, element))


def outline(element: Any) -> Any:
    """A task's `sub_tasks`, with the statuses of all steps and nothing else; for one that fits.

    Raises:
        MisfitError: it does not fit.
    """
    return _decoded(_ways().outline, element)


def _decoded(decoder: Any, body: Any) -> Any:
    try:
        return decoder.decode(body)
    except (_msgspec().DecodeError, UnicodeDecodeError, RecursionError):
        # Raised anew below: the trace of this one would hold a part of the body.
        pass
    raise MisfitError


class _Ways(NamedTuple):
    page: Any
    task: Any
    outline: Any
    leaves: Callable[[Any], Task]
    trees: Callable[[Any], Mapping[str, Any]]


@cache
def _msgspec() -> Any:
    """Imported with the first task. Any to the type checkers, who may not have it."""
    return import_module("msgspec")


@cache
def _ways() -> _Ways:
    msgspec = _msgspec()
    page = msgspec.defstruct(
        "Page",
        [("elements", GenericAlias(list, msgspec.Raw)), ("pageMetadata", msgspec.Raw, None)],
        forbid_unknown_fields=True,
    )
    decoder = msgspec.json.Decoder
    task, outlined = _shape(Task, {}), _shape(Task, {}, only=_OUTLINE)
    scope = _builders()
    return _Ways(decoder(page), decoder(task), decoder(outlined), scope["leaves"], scope["trees"])


# --- JSON to shapes ------------------------------------------------------------------------------------


def _shape(
    cls: type[Model],
    known: dict[tuple[type[Model], int], Any],
    level: int = 1,
    *,
    only: Collection[str] | None = None,
) -> Any:
    """A struct with the fields of *cls*, or some of them; one that did not come takes the model's default."""
    if (cls, level) not in known:
        fields = [
            (
                field.name,
                _kind(t, cls, known, level, only),
                *(() if field.default is attrs.NOTHING else (field.default,)),
            )
            for field, _, t in fields_of(cls)
            if not _is_open(t) and (only is None or field.name in only)
        ]
        known[cls, level] = _msgspec().defstruct(
            f"{cls.__name__}{level}",
            fields,
            rename={field.name: key for field, key, _ in fields_of(cls)},
            kw_only=True,
            forbid_unknown_fields=only is None,
            # Structs, texts and tuples of them make no cycles; the collector need not walk them.
            gc=False,
        )
    return known[cls, level]


def _kind(
    t: Any,
    cls: type[Model],
    known: dict[tuple[type[Model], int], Any],
    level: int,
    only: Collection[str] | None,
) -> Any:
    """The type of a field in a shape."""
    if t in LEAVES:
        return t
    if is_model(t):
        return _shape(t, known, only=only)
    if not is_tuple(t):
        return dict[get_args(t)]  # type: ignore[misc]
    (item, _) = get_args(t)
    if item is cls:
        # mypy takes an empty tuple's type for none at all.
        many: Any = tuple
        return many[()] if level == _LEVELS else many[_shape(cls, known, level + 1, only=only), ...]
    return tuple[_shape(item, known, only=only) if is_model(item) else item, ...]  # type: ignore[misc]


def _is_open(t: Any) -> bool:
    """Whether anything may stand in a field of this type; what does is for the slow way."""
    return t is Any or any(_is_open(part) for part in get_args(t))


# --- shapes to models ----------------------------------------------------------------------------------


def _builders() -> dict[str, Any]:
    """The functions ``leaves`` and ``trees``, which make of a task's shape what their namesakes return."""
    scope: dict[str, Any] = {"NO_EXTRA": NO_EXTRA, "ABSENT": ABSENT}
    code: list[str] = []
    _build("leaves", Task, [(field, t) for field, _, t in fields_of(Task) if t in LEAVES], code, scope)
    trees = [(field, t) for field, _, t in fields_of(Task) if t not in LEAVES]
    values = ", ".join(f"{field.name!r}: {_value(field, t, code, scope)}" for field, t in trees)
    code.append(f"def trees(s): return {{{values}}}")
    exec(compile("\n".join(code), "<shapes>", "exec"), scope)  # noqa: S102 - of nothing but our own field names
    return scope


def _build(
    name: str, cls: type[Model], fields: Iterable[tuple[Any, Any]], code: list[str], scope: dict[str, Any]
) -> str:
    """Write the function *name*, which makes a *cls* of its shape, unless it is there. Returns *name*."""
    if name not in scope:
        scope[name] = None  # is on its way: classes nest in themselves
        scope[f"{name}_cls"], scope[f"{name}_twin"] = cls, twin(cls)
        lines = [f" self.{field.name} = {_value(field, t, code, scope)}" for field, t in fields]
        code += [f"def {name}(s):", f" self = {name}_twin()", " self.extra = NO_EXTRA", *lines]
        code += [f" self.__class__ = {name}_cls", " return self"]
    return name


def _value(field: Any, t: Any, code: list[str], scope: dict[str, Any]) -> str:
    """The expression that makes a field's value of its shape's."""
    if _is_open(t):
        return "ABSENT"
    item = get_args(t)[0] if is_tuple(t) else t
    if not is_model(item):
        return f"s.{field.name}"
    build = _build(f"build_{item.__name__}", item, [(f, t) for f, _, t in fields_of(item)], code, scope)
    if item is t:
        return f"{build}(v) if (v := s.{field.name}) is not None else None"
    return f"tuple([{build}(each) for each in v]) if (v := s.{field.name}) else v"
