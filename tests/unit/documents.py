"""Documents for the codec: answers in the shape SDDC Manager writes, and strategies for any other shape.

The strategies read the field types off the attrs classes and know nothing of the codec.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from vcf_tasks_async import models, steps
from vcf_tasks_async.base import json_names
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.secret import Secret

ABOUT_A_LIST = """{
  "elements" : [ {
    "id" : "0f2f9c1e-7a55-4d37-9a53-5b8e2c1b7d10",
    "name" : "Commissioning host(s) esx-7.rainpole.io to VMware Cloud Foundation",
    "status" : "Failed",
    "creationTimestamp" : "2019-06-20T12:03:18.890Z",
    "subTasks" : [ {
      "name" : "ValidateHostsAction",
      "description" : "Fetches DNS \\u0026 NTP of the hosts",
      "status" : "SUCCESSFUL",
      "creationTimestamp" : "2019-06-20T12:03:18.890Z"
    }, {
      "name" : "CommissionHostAction",
      "description" : "Add the hosts to the free pool",
      "status" : "FAILED",
      "creationTimestamp" : "1970-01-21T06:52:48.075Z"
    }, {
      "name" : "PersistHostAction",
      "description" : "Save the hosts",
      "status" : "PENDING",
      "creationTimestamp" : "2019-06-20T12:03:18.890Z"
    } ],
    "errors" : [ {
      "errorCode" : "HOST_COMMISSION_FAILED",
      "errorType" : "ERROR",
      "message" : "Unable to commission the host",
      "causes" : [ ]
    } ],
    "resources" : [ {
      "resourceId" : "b9b5361e-d058-4a0b-b58f-e2d74de4f0cc",
      "type" : "HOST"
    } ],
    "resolutionStatus" : "UNRESOLVED",
    "isCancellable" : false,
    "isRetryable" : false
  }, {
    "id" : "4be65ef1-0b1e-4b39-8bd2-8a6b8ff7cdd4",
    "name" : "Credentials rotate operation",
    "status" : "Successful",
    "creationTimestamp" : "2019-06-20T12:03:18.890Z",
    "subTasks" : [ ],
    "errors" : [ ],
    "resources" : [ ],
    "resolutionStatus" : "UNRESOLVED",
    "isCancellable" : false,
    "isRetryable" : false
  } ],
  "pageMetadata" : {
    "pageNumber" : 1,
    "pageSize" : 10,
    "totalElements" : 2,
    "totalPages" : 1
  }
}"""

CLASSES: list[type[Any]] = [
    models.Task,
    models.SubTask,
    models.Stage,
    steps.ErrorDetail,
    steps.ErrorCause,
    steps.ValidationNotification,
    models.Resource,
    models.DocumentationLink,
    models.MessagePack,
    models.PageMetadata,
    models.TaskPage,
]


@functools.cache
def fields_of(cls: type[Any]) -> dict[str, tuple[Any, bool]]:
    """JSON name to (type without None, whether it must be there), for each field that stands in JSON."""
    # TaskPage names DecodeError for type checkers only.
    attrs.resolve_types(cls, localns={"DecodeError": DecodeError})
    names = json_names(cls)
    return {
        names[field.name]: (_bare(field.type), field.default is attrs.NOTHING)
        for field in attrs.fields(cls)
        if field.name in names
    }


def _bare(t: Any) -> Any:
    options = [a for a in get_args(t) if a is not type(None)]
    return options[0] if get_origin(t) is not tuple and len(options) == 1 and _nullable(t) else t


def _nullable(t: Any) -> bool:
    return type(None) in get_args(t) and get_origin(t) is not tuple


# --- documents of any shape -----------------------------------------------------------------------

texts = st.text(max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


def documents(cls: type[Any], depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    """Any valid document of *cls*: fields there, missing or null, and fields nobody has heard of."""
    return _documents(cls, depth)


@functools.cache
def _documents(cls: type[Any], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for key, (t, needed) in fields_of(cls).items():
        if needed:
            required[key] = _values(t, depth)
        elif not (depth == 0 and _holds_models(t)):
            optional[key] = st.none() | _values(t, depth)
    known = frozenset(fields_of(cls))
    unknown = st.dictionaries(texts.filter(lambda key: key not in known), json_values, max_size=2)
    return st.builds(
        lambda new, old: {**new, **old}, unknown, st.fixed_dictionaries(required, optional=optional)
    )


def _holds_models(t: Any) -> bool:
    return attrs.has(t) or any(attrs.has(a) for a in get_args(t))


def _values(t: Any, depth: int) -> st.SearchStrategy[Any]:
    if t in (str, Secret):
        return texts
    if t is bool:
        return st.booleans()
    if t is int:
        return st.integers()
    if t is Any:
        return json_values
    if attrs.has(t):
        return st.deferred(lambda: documents(t, depth - 1))
    origin = get_origin(t)
    if origin is tuple:
        return st.lists(_values(get_args(t)[0], depth), max_size=2)
    if origin is Mapping:
        return st.dictionaries(texts, _values(get_args(t)[1], depth), max_size=2)
    if type(None) in get_args(t):
        (inner,) = (a for a in get_args(t) if a is not type(None))
        return st.none() | _values(inner, depth)
    raise NotImplementedError(t)


@st.composite
def mutated(draw: Any, cls: type[Any]) -> Any:
    """A valid document of *cls* with one value, anywhere in it, replaced by whatever."""
    document = copy.deepcopy(draw(documents(cls)))
    path = draw(st.sampled_from(list(paths(document))))
    return replaced(document, path, draw(json_values))


def paths(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    pairs = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in pairs:
        yield from paths(value, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


# --- every field of every class, wrongly typed ----------------------------------------------------

# Where each class stands in a task, as document and as the path an error names.
PLACES: dict[type[Any], tuple[Any, ...]] = {
    models.Task: (),
    models.SubTask: ("subTasks", 0),
    models.Stage: ("subTasks", 0, "stages", 0),
    steps.ErrorDetail: ("errors", 0),
    steps.ErrorCause: ("errors", 0, "causes", 0),
    steps.ValidationNotification: ("errors", 0, "notifications", 0),
    models.Resource: ("resources", 0),
    models.DocumentationLink: ("subTasks", 0, "documentationLink"),
    models.MessagePack: ("localizableDescriptionPack",),
}
TASK_ID = "0f2f9c1e-7a55-4d37-9a53-5b8e2c1b7d10"


def task_with(cls: type[Any], inner: dict[str, Any]) -> dict[str, Any]:
    """A task that holds *inner* at the place of *cls*."""
    document: Any = inner
    for key in reversed(PLACES[cls]):
        document = [document] if isinstance(key, int) else {key: document}
    return {"id": TASK_ID, **document}


def json_path(*keys: Any) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


def wrong_values(t: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """Values that are no *t*, each with the keys from its place to the culprit."""
    plain: dict[Any, list[Any]] = {
        str: [5, 1.5, True, [], {}],
        bool: ["true", 0, 1, [], {}],
        int: ["1", 1.0, True, [], {}],
    }
    if t in plain:
        return [(value, ()) for value in plain[t]]
    if attrs.has(t):
        return [(value, ()) for value in ("x", 5, True, [])]
    item = get_args(t)[-1] if get_origin(t) is Mapping else get_args(t)[0]
    if get_origin(t) is Mapping:
        wrong: list[tuple[Any, tuple[Any, ...]]] = [(value, ()) for value in ("x", 5, True, [])]
        return wrong + ([] if item is Any else [({"good": "x", "bad": 5}, ("bad",))])
    wrong = [(value, ()) for value in ("x", 5, True, {})]
    if attrs.has(item):
        return [*wrong, ([{**_least(item)}, 5], (1,)), ([None], (0,))]
    if get_origin(item) is Mapping:
        return [*wrong, ([{}, "x"], (1,)), ([None], (0,))]
    return [*wrong, (["x", None, 5], (2,))] if get_origin(item) in (Union, type(int | None)) else wrong


def _least(cls: type[Any]) -> dict[str, Any]:
    return {key: "x" for key, (_, needed) in fields_of(cls).items() if needed}
