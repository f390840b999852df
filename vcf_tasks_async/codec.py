"""JSON bytes to models and back, and why not.

Strict: an element is what the API promises, or it is reported, with its place, and does not cost the
others. What the models have no place for is kept in their `extra`. Nothing here awaits; whoever has a
large page on an event loop takes it in steps.
"""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any, NoReturn, TypeVar

from vcf_tasks_async.base import Guarded, Model, json_names
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.secret import MASK
from vcf_tasks_async.steps import ErrorDetail
from vcf_tasks_async.structuring import Odd, explain, kind_of, make_converter
from vcf_tasks_async.text import inert, without_secrets

M = TypeVar("M", bound=Model)

_SAMPLE = 80
# Made when the first document comes: generating its functions takes longer than importing this module.
_converter = cache(make_converter)
# 64 MiB of `{},` would take 1.8 GB and half a minute of the event loop; of real tasks they hold half as many.
MOST_VALUES = 8_000_000
_ERROR_KEYS = frozenset(json_names(ErrorDetail).values())


def parse_json(body: bytes, *, guarded: bool = False) -> Any:
    """The document in *body*: strict JSON in UTF-8.

    Args:
        guarded: there may be secrets in it, so that no error shows a sample.

    Raises:
        DecodeError: not UTF-8, not JSON, NaN or Infinity in it, nested too deep, or of too many values.
    """
    if has_too_many(body):
        sample = "" if guarded else _sample(body)
        raise DecodeError(f"more than {MOST_VALUES:,} values: ask for smaller pages", sample=sample)
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


def has_too_many(body: bytes) -> bool:
    """Whether *body* holds more values than anyone should have to make objects of."""
    return len(body) > MOST_VALUES and sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES


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
    raise malformed(reason, place, task_id, MASK if issubclass(cls, Guarded) else value)


def encode(document: object) -> bytes:
    """*document* (models, dicts, lists, plain values) as JSON bytes."""
    return json.dumps(document, default=_to_json, separators=(",", ":")).encode()


def _to_json(value: object) -> Any:
    if isinstance(value, Model):
        return value.to_json()
    raise TypeError(f"{type(value).__name__} is not JSON")


def malformed(reason: str, path: str, task_id: object, value: Any) -> DecodeError:
    """The error for what does not belong at *path*, with a sample of it that does no harm."""
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
