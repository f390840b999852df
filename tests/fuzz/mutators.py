"""Makes odd inputs of good ones: of documents, of bodies byte by byte, and of texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from corpus import STATUSES, TEXTS, TIMESTAMPS, names

# A body is no larger than this before its bytes are changed: a million of them are to be read.
MOST: Final = 32_768

# --- documents --------------------------------------------------------------------------------------


class Again(str):
    """A key that comes a second time: equal to no other, and written as the same."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _deep(rng: Random) -> Any:
    value: Any = rng.choice(["x", 5, None])
    name = rng.choice([None, "subTasks", "nestedErrors", "stages", "new", "causes"])
    for _ in range(rng.choice([1, 3, 5, 30, 63, 64, 65, 66, 150])):
        value = [value] if name is None else [{name: value}]
    return value


_ODD: Final = [
    None, True, False, 0, 1, -1, 1.5, -0.0, 1e308, 10**30, 10**400, float("nan"), float("inf"), "",
    " ", "0", "null", "x" * 2000, [], {}, [[]], [None], [{}], {"": None}, {"id": "a"}, *TEXTS,
    *TIMESTAMPS, *STATUSES,
]  # fmt: skip


def _odd(rng: Random) -> Any:
    return _deep(rng) if rng.random() < 0.15 else _copy(rng.choice(_ODD))


def _place(rng: Random, document: Any) -> tuple[Any, Any] | None:
    """A container somewhere in *document* and the key of one of its items; None where there is none."""
    found = None
    inner = document
    while isinstance(inner, dict | list) and inner:
        key: Any = rng.choice(list(inner)) if isinstance(inner, dict) else rng.randrange(len(inner))
        found = inner, key
        if rng.random() < 0.25:
            break
        inner = inner[key]
    return found


def _drop(rng: Random, holder: Any, key: Any, document: Any) -> None:
    del holder[key]


def _retype(rng: Random, holder: Any, key: Any, document: Any) -> None:
    holder[key] = _odd(rng)


def _nest(rng: Random, holder: Any, key: Any, document: Any) -> None:
    value = holder[key]
    holder[key] = [value] if rng.random() < 0.5 else {rng.choice(names()): value}


def _rename(rng: Random, holder: Any, key: Any, document: Any) -> None:
    if isinstance(holder, dict):
        holder[rng.choice([rng.choice(names()), key.upper(), f"{key} ", rng.choice(TEXTS)])] = holder.pop(key)


def _double(rng: Random, holder: Any, key: Any, document: Any) -> None:
    if isinstance(holder, list):
        holder[key:key] = [_copy(holder[key]) for _ in range(rng.choice([1, 1, 2, 20]))]
    else:
        holder[Again(key)] = _odd(rng) if rng.random() < 0.5 else _copy(holder[key])


def _exchange(rng: Random, holder: Any, key: Any, document: Any) -> None:
    other = _place(rng, document)
    if other is not None:
        there, its = other
        holder[key] = _copy(there[its])


def _add(rng: Random, holder: Any, key: Any, document: Any) -> None:
    if isinstance(holder, dict):
        holder[rng.choice(names())] = _odd(rng)
    else:
        holder.append(_odd(rng))


def _copy(value: Any) -> Any:
    """A copy, so that no document ever holds itself."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


_CHANGES: Final[list[Callable[[Random, Any, Any, Any], None]]] = [
    _drop, _retype, _retype, _nest, _rename, _double, _exchange, _add,
]  # fmt: skip


def mutated_document(rng: Random, document: Any) -> Any:
    """*document* with one to some changes of its structure; it is changed in place."""
    changes = 1
    while rng.random() < 0.5 and changes < 8:
        changes += 1
    for _ in range(changes):
        place = _place(rng, document)
        if place is None or rng.random() < 0.02:
            return _odd(rng)
        rng.choice(_CHANGES)(rng, *place, document)
    return document


def written(rng: Random, document: Any) -> bytes:
    """*document* as JSON, in one of the ways in which it is written."""
    plain = rng.random() < 0.5
    separators = (",", ":") if rng.random() < 0.7 else (" ,\n", "\t: ")
    text = json.dumps(document, ensure_ascii=plain, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def body_of(rng: Random, bodies: Sequence[bytes]) -> bytes:
    """One of *bodies* (JSON, most of them), mutated by its structure, its bytes, both or neither."""
    body = rng.choice(bodies)
    chance = rng.random()
    if chance < 0.75:
        try:
            document = json.loads(body)
        except ValueError:
            return mutated_bytes(rng, body, bodies)
        changed = written(rng, mutated_document(rng, document))
        if len(changed) <= MOST:
            body = changed
    if chance > 0.6:
        body = mutated_bytes(rng, body, bodies)
    return body


# --- bytes --------------------------------------------------------------------------------------------

_PIECES: Final = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"NaN", b"-Infinity", b"1e999",
    b"-", b"1.", b"0x1", b"01", b'"\\ud800"', b"\\u0000", b"\\u202e", b"\\x", b"\x00", b"\x1b", b"\n",
    b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"'",
    b"/*", b"//", b" ", b"\x0c", b"\x85", b'{"id":"a"}', b'"id":null,', b'"elements":[],',
    b'"subTasks":[{}],', b"9" * 5000, b"[" * 70, b"[" * 2000, b'{"a":' * 1500, b"}" * 70, b"]" * 2000,
]  # fmt: skip


def mutated_bytes(rng: Random, body: bytes, others: Sequence[bytes]) -> bytes:
    """*body* with one to some changes of its bytes."""
    changed = bytearray(body)
    while True:
        at = rng.randrange(len(changed) + 1)
        to = min(len(changed), at + rng.choice([1, 1, 2, 4, 16, 200]))
        what = rng.randrange(7)
        if what == 0 and at < to:
            changed[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < to:
            changed[at] = rng.randrange(256)
        elif what == 2:
            del changed[at:to]
        elif what == 3:
            changed[at:at] = rng.choice(_PIECES)
        elif what == 4:
            changed[at:to] = rng.choice(_PIECES)
        elif what == 5:
            changed[at:at] = changed[at:to] * rng.choice([1, 2, 10])
        elif rng.random() < 0.5:
            del changed[at:]
        else:
            other = rng.choice(others)
            changed[at:] = other[rng.randrange(len(other) + 1) :]
        if rng.random() < 0.4:
            return bytes(changed)


# --- texts --------------------------------------------------------------------------------------------

_RANGES: Final = [
    (0, 0x20),
    (0x20, 0x7F),
    (0x7F, 0x100),
    (0x2000, 0x2070),
    (0xD800, 0xE000),
    (0xE0000, 0xE0200),
]


def _character(rng: Random) -> str:
    first, end = rng.choice(_RANGES) if rng.random() < 0.7 else (0, 0x110000)
    return chr(rng.randrange(first, end))


def text_of(rng: Random, texts: Sequence[str]) -> str:
    """One of *texts*, with none to some of its characters changed."""
    text = rng.choice(texts)
    while rng.random() < 0.75:
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.choice([0, 1, 1, 3]))
        piece = rng.choice(
            ["", _character(rng), _character(rng), rng.choice(texts), rng.choice("0123456789 :-+.,TZ")]
        )
        text = text[:at] + piece * rng.choice([1, 1, 1, 2, 50]) + text[to:]
        if len(text) > 4000:
            break
    return text
