"""Structure functions for the models: one generated for each class, strict, with nothing left behind.

cattrs would turn null into the text "None" and 5 into "5", and its generated functions know no place
for unknown fields. These are registered with a cattrs converter by predicate, so that cattrs still
decides who structures what; they are plain code with the leaf checks written out, since three
quarters of the time a listing costs is spent here. When one fails, `explain` finds out where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import attrs
import cattrs

from vcf_tasks_async.base import ABSENT, NO_EXTRA, Model, json_names, twin
from vcf_tasks_async.models import PageMetadata, Task
from vcf_tasks_async.secret import MASK, AnsweredSecret, Secret
from vcf_tasks_async.steps import ErrorDetail

# How deep a tree may nest in itself. Real ones reach 3; far beyond this, comparing and pickling would
# meet Python's recursion limit long after the page was read.
DEPTH: Final = 64

# Fields that nobody models and that look like a secret are taken for one.
_SECRETIVE: Final = re.compile(r"pass(word|phrase|wd)|secret|token|(private|api).?key", re.IGNORECASE)

LEAVES: Final[dict[Any, str]] = {str: "text", bool: "a boolean", int: "a whole number"}

Hook = Callable[..., Any]


class Odd(ValueError):
    """A value is not what its place asks for."""


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def make_converter(*, guarded: bool) -> cattrs.Converter:
    """A cattrs converter that structures the models and nothing else by guess.

    Args:
        guarded: in whatever is structured, also below a model that knows no secrets, texts are hidden that
            nobody models and whose names look like a secret's.
    """
    converter = cattrs.Converter(detailed_validation=False)
    for kind in LEAVES:
        # On the class: cattrs asks its own hooks for str and int before any predicate.
        converter.register_structure_hook(kind, _leaf(kind))
    converter.register_structure_hook(Secret, _secret)
    rest = _guarded_rest if guarded else _rest

    def mapping(t: Any, converter: cattrs.BaseConverter) -> Hook:
        return _guarded_mapping(t, converter) if guarded else _mapping(t, converter)

    def model(cls: type[Model], converter: cattrs.BaseConverter) -> Hook:
        return _generate(cls, converter, rest)

    converter.register_structure_hook_func(lambda t: t is Any, _anything)
    converter.register_structure_hook_factory(is_tuple, _tuple)
    converter.register_structure_hook_factory(is_mapping, mapping)
    converter.register_structure_hook_factory(is_model, model)
    for cls in (ErrorDetail, Task, PageMetadata):
        converter.get_structure_hook(cls)
    return converter


def _anything(value: Any, _: Any) -> Any:
    if is_too_deep(value):
        raise Odd
    return value


def _secret(value: Any, _: Any) -> Secret:
    if type(value) is str:
        return AnsweredSecret(value)
    raise Odd


def is_model(t: Any) -> bool:
    """Whether *t* is a class of the task tree."""
    return isinstance(t, type) and issubclass(t, Model)


def is_tuple(t: Any) -> bool:
    """Whether *t* is a list of the API's."""
    return get_origin(t) is tuple


def is_mapping(t: Any) -> bool:
    """Whether *t* is an object whose keys are data."""
    return get_origin(t) is Mapping


def _leaf(kind: type) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        raise Odd

    return structure


def _tuple(tuple_type: Any, converter: cattrs.BaseConverter) -> Hook:
    item = _nullable(get_args(tuple_type)[0], converter)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is list:
            return tuple([item(each) for each in value])
        raise Odd

    return structure


def _mapping(mapping_type: Any, converter: cattrs.BaseConverter) -> Hook:
    item = _nullable(get_args(mapping_type)[1], converter)

    def structure(value: Any, _: Any) -> Any:
        if type(value) is dict:
            return {key: item(each) for key, each in value.items()}
        raise Odd

    return structure


def _guarded_mapping(mapping_type: Any, converter: cattrs.BaseConverter) -> Hook:
    structure = _mapping(mapping_type, converter)
    return lambda value, t: hidden(structure(value, t))


def _nullable(item_type: Any, converter: cattrs.BaseConverter) -> Hook:
    """A hook for the items of a list or map; cattrs' own for ``str | None`` is not strict."""
    t = _without_none(item_type)
    hook = converter.get_structure_hook(t)
    if t is item_type:
        return lambda value: hook(value, t)
    return lambda value: None if value is None else hook(value, t)


# --- one function for each class ----------------------------------------------------------------------


def fields_of(cls: type[Model]) -> list[tuple[attrs.Attribute[Any], str, Any]]:
    """Each field of *cls* that stands in JSON: the attribute, its JSON name, its type without None."""
    attrs.resolve_types(cls)  # type: ignore[type-var]  # Model itself is no attrs class, its children are
    names = json_names(cls)
    return [
        (field, names[field.name], _without_none(field.type))
        for field in attrs.fields(cls)  # type: ignore[arg-type]
        if field.name in names
    ]


def _without_none(t: Any) -> Any:
    if get_origin(t) in (UnionType, Union):
        (t,) = (arg for arg in get_args(t) if arg is not type(None))
    return t


def _generate(cls: type[Model], converter: cattrs.BaseConverter, rest: Hook) -> Hook:
    """A function (value, type) -> *cls*.

    Where nothing came, or null, a field takes its default. It counts what it used: only when the
    object holds more than that does anyone look for the rest, which goes to `extra`, nulls included.
    """
    me = f"structure_{cls.__name__}"
    fields = fields_of(cls)
    scope: dict[str, Any] = {
        "cls": cls, "Odd": Odd, "ABSENT": ABSENT, "NO_EXTRA": NO_EXTRA,
        "rest": rest, "twin": twin(cls), "known": frozenset(key for _, key, _ in fields),
    }  # fmt: skip
    code = [f"def {me}(o, _=None, depth=0):", " if type(o) is not dict: raise Odd"]
    if any(t == tuple[cls, ...] for _, _, t in fields):  # type: ignore[valid-type]
        code.append(f" if depth > {DEPTH}: raise Odd")
    code += [" get = o.get", " n = 0"]
    for i, (field, key, t) in enumerate(fields):
        v = f"v{i}"
        code.append(f" {v} = get({key!r})")
        if t in LEAVES:
            code += [f" if type({v}) is {t.__name__}: n += 1", f" elif {v} is not None: raise Odd"]
        elif is_tuple(t) and is_model(item := get_args(t)[0]):
            each = f"{me}(e, None, depth + 1)" if item is cls else f"item{i}(e, None)"
            if item is not cls:
                scope[f"item{i}"] = converter.get_structure_hook(item)
            code += [
                f" if type({v}) is list:",
                "  n += 1",
                f"  {v} = tuple([{each} for e in {v}]) if {v} else ()",
                f" elif {v} is None: {v} = ABSENT",
                " else: raise Odd",
            ]
        else:
            scope[f"hook{i}"], scope[f"type{i}"] = converter.get_structure_hook(t), t
            default = "ABSENT" if field.default is ABSENT else "None"
            code += [
                f" if {v} is None: {v} = {default}",
                f" else: {v} = hook{i}({v}, type{i}); n += 1",
            ]
        if field.default is attrs.NOTHING:
            code.append(f" if {v} is None: raise Odd")
    code += [" self = twin()", " self.extra = NO_EXTRA if n == len(o) else rest(o, known)"]
    code += [f" self.{field.name} = v{i}" for i, (field, _, _) in enumerate(fields)]
    code += [" self.__class__ = cls", " return self"]
    exec(compile("\n".join(code), f"<{me}>", "exec"), scope)  # noqa: S102 - of nothing but our own field names
    function: Hook = scope[me]
    return function


def _rest(document: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    rest = {key: value for key, value in document.items() if key not in known or value is None}
    if is_too_deep(rest):
        raise Odd
    return rest


def _guarded_rest(document: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    rest: dict[str, Any] = hidden(_rest(document, known))
    return rest


def hidden(value: Any, *, secret: bool = False) -> Any:
    """*value* with all texts wrapped that stand under a name that looks like a secret's."""
    if isinstance(value, dict):
        return {
            key: hidden(item, secret=secret or bool(_SECRETIVE.search(key))) for key, item in value.items()
        }
    if isinstance(value, list):
        return [hidden(item, secret=secret) for item in value]
    return AnsweredSecret(value) if secret and type(value) is str else value


def is_too_deep(value: Any) -> bool:
    """Whether a part of JSON that nobody models nests deeper than anyone should have to copy."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


# --- why not -------------------------------------------------------------------------------------------


def explain(value: Any, t: Any, path: str = "", depth: int = 0) -> tuple[str, str, Any] | None:
    """Why *value* is no *t*: the reason, the place below *path* and what stands there; None if it is one.

    The pass that is slow and knows. Good pages never pay for it.
    """
    t = _without_none(t)
    if is_model(t):
        return _explain_model(value, t, path, depth)
    if is_tuple(t):
        if type(value) is not list:
            return _expected("a list", value, path)
        pairs = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
        item_type = get_args(t)[0]
    elif is_mapping(t):
        if type(value) is not dict:
            return _expected("an object", value, path)
        pairs = [(f"{path}.{key}", item) for key, item in value.items()]
        item_type = get_args(t)[1]
    elif t is Secret and type(value) is not str:
        return f"expected text, found {kind_of(value)}", path, MASK
    elif t is Any and is_too_deep(value):
        return f"nested deeper than {DEPTH} levels", path, value
    elif isinstance(t, type) and t in LEAVES and type(value) is not t:
        return _expected(LEAVES[t], value, path)
    else:
        return None
    nullable = _without_none(item_type) is not item_type
    return _first(
        None if item is None and nullable else explain(item, item_type, place, depth) for place, item in pairs
    )


def _explain_model(value: Any, cls: type[Model], path: str, depth: int) -> tuple[str, str, Any] | None:
    if type(value) is not dict:
        return _expected("an object", value, path)
    if depth > DEPTH:
        return f"nested deeper than {DEPTH} levels", path, value
    fields = fields_of(cls)
    rest = {key: item for key, item in value.items() if key not in {name for _, name, _ in fields}}
    if is_too_deep(rest):
        return f"nested deeper than {DEPTH} levels", path, rest
    for field, key, t in fields:
        item = value.get(key)
        if item is None:
            if field.default is attrs.NOTHING:
                return f"{key} is missing", path, value
            continue
        deeper = depth + 1 if t == tuple[cls, ...] else 0  # type: ignore[valid-type]
        if found := explain(item, t, f"{path}.{key}", deeper):
            return found
    return None


def _expected(expected: str, value: Any, path: str) -> tuple[str, str, Any]:
    return f"expected {expected}, found {kind_of(value)}", path, value


def _first(findings: Any) -> tuple[str, str, Any] | None:
    return next((finding for finding in findings if finding), None)
