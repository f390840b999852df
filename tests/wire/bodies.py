"""The table of bodies: what a server may say with 200, and whether it is right data, no JSON, or odd JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vcf_tasks_async import Task

DEEP = 100_000
_LONG = b"7" * 4_300
"""As many digits as Python reads."""


def _task(rest: bytes) -> bytes:
    return b'{"id": "a", ' + rest + b"}"


def _value(value: bytes) -> bytes:
    return _task(b'"new": ' + value)


def _keeps(value: Any) -> Callable[[Task], bool]:
    """Whether the unknown field came as *value*, and as its type."""
    return lambda task: type(task.extra["new"]) is type(value) and task.extra["new"] == value


def _named(name: str) -> Callable[[Task], bool]:
    return lambda task: task.name == name


def _nested(depth: int, inner: bytes = b'{"name": "s"}') -> bytes:
    return b'{"name": "s", "subTasks": [' * depth + inner + b"]}" * depth


# (body, what must hold of the task)
RIGHT: dict[str, tuple[bytes, Callable[[Task], bool]]] = {
    "plain": (_task(b'"name": "Backup"'), _named("Backup")),
    "white space round it": (b"\r\n\t " + _task(b'"name": "Backup"') + b"\n\n", _named("Backup")),
    "2 to the 53 and 1": (_value(b"9007199254740993"), _keeps(2**53 + 1)),
    "2 to the 63": (_value(b"9223372036854775808"), _keeps(2**63)),
    "2 to the 64": (_value(b"18446744073709551616"), _keeps(2**64)),
    "below -2 to the 63": (_value(b"-9223372036854775809"), _keeps(-(2**63) - 1)),
    "a whole number of 300 digits": (_value(b"1" * 300), _keeps(int("1" * 300))),
    "a whole number of 400 digits": (_value(b"1" * 400), _keeps(int("1" * 400))),
    "a whole number of 4,300 digits": (_value(_LONG), _keeps(int(_LONG))),
    "large numbers in a list": (_value(b"[1, [18446744073709551616]]"), _keeps([1, [2**64]])),
    "a whole number with an exponent": (_value(b"1E5"), _keeps(100_000.0)),
    "a float of 100,000 digits": (_value(b"0." + b"1" * DEEP), _keeps(0.1111111111111111)),
    "a float too small to tell from 0": (_value(b"1e-999"), _keeps(0.0)),
    "the largest float": (_value(b"1.7976931348623157e308"), _keeps(1.7976931348623157e308)),
    "-0": (_value(b"-0"), _keeps(0)),
    "a pair of surrogates": (_task(rb'"name": "\ud83d\ude00"'), _named("\U0001f600")),
    "a lone leading surrogate": (_task(rb'"name": "x\ud800y"'), _named("x\ud800y")),
    "a lone trailing surrogate": (_task(rb'"name": "\udc00"'), _named("\udc00")),
    "surrogates in the wrong order": (_task(rb'"name": "\ude00\ud83d"'), _named("\ude00\ud83d")),
    "a surrogate in a key": (_task(rb'"\ud800": 1'), lambda task: task.extra["\ud800"] == 1),
    "NUL and DEL": (_task(b'"name": "\\u0000\x7f"'), _named("\0\x7f")),
    "no characters": (_task(rb'"name": "\uffff\ufdd0"'), _named("\uffff\ufdd0")),
    "a slash escaped": (_task(rb'"name": "a\/b"'), _named("a/b")),
    "four bytes a character": (_task('"name": "\U0010ffff"'.encode()), _named("\U0010ffff")),
    "a name of 1 MB": (_task(b'"name": "' + b"x" * 1_000_000 + b'"'), _named("x" * 1_000_000)),
    "a key of 100 KB": (_task(b'"' + b"k" * DEEP + b'": 1'), lambda task: task.extra["k" * DEEP] == 1),
    "an empty key": (_task(b'"": 1'), lambda task: task.extra[""] == 1),
    "a key twice": (_task(b'"name": "first", "name": "last"'), _named("last")),
    "an id twice": (b'{"id": "b", "id": "a"}', lambda task: task.id == "a"),
    "an unknown field 60 deep": (_value(b"[" * 60 + b"]" * 60), lambda task: "new" in task.extra),
    "subtasks 60 deep": (_task(b'"subTasks": [' + _nested(60) + b"]"), lambda task: bool(task.sub_tasks)),
    "10,000 empty lists": (_value(b"[" + b"[]," * 10_000 + b"0]"), _keeps([*([] for _ in range(10_000)), 0])),
}  # fmt: skip

NOT_JSON: dict[str, bytes] = {
    "nothing": b"",
    "blanks": b" \r\n\t ",
    "HTML": b"<!DOCTYPE html><html><body>\x1b[2J\x1b]0;owned\x07 down for maintenance</body></html>",
    "HTML of 1 MB": b"<html>" + b"<p>\xe2\x80\xae" * 100_000,
    "XML": b'<?xml version="1.0"?><task id="a"/>',
    "words": b"OK",
    "undefined": b"undefined",
    "NaN": _value(b"NaN"),
    "NaN alone": b"NaN",
    "Infinity": _value(b"Infinity"),
    "-Infinity": _value(b"-Infinity"),
    "a float beyond all floats": _value(b"1e999"),
    "a negative float beyond all floats": _value(b"-1e999"),
    "a float of 100,000 digits before its point": _value(b"9" * DEEP + b".0"),
    "an exponent of 100,000 digits": _value(b"1e" + b"9" * DEEP),
    "a whole number of 100,000 digits": _value(b"9" * DEEP),
    "100,000 lists deep": b"[" * DEEP + b"]" * DEEP,
    "100,000 objects deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "100,000 lists deep in a field": _value(b"[" * DEEP + b"]" * DEEP),
    "100,000 subtasks deep": _task(b'"subTasks": [' + _nested(DEEP) + b"]"),
    "100,000 lists deep and cut": b"[" * DEEP,
    "bad UTF-8": _task(b'"name": "\xff"'),
    "bad UTF-8 in a key": _task(b'"\xc3\x28": 1'),
    "cut UTF-8": _task(b'"name": "\xe2\x82"'),
    "overlong UTF-8": _task(b'"name": "\xc0\xaf"'),
    "a surrogate in UTF-8": _task(b'"name": "\xed\xa0\x80"'),
    "Latin-1": _task('"name": "Prüfung"'.encode("latin-1")),
    "UTF-16": _task(b'"name": "x"').decode().encode("utf-16"),
    "UTF-32": _task(b'"name": "x"').decode().encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + _task(b'"name": "x"'),
    "a bare control character": _task(b'"name": "\x01"'),
    "a bare line end in text": _task(b'"name": "a\nb"'),
    "an escape unheard of": _task(rb'"name": "\x41"'),
    "half an escape": _task(rb'"name": "\u00"'),
    "text without end": b'{"id": "a',
    "half a document": b'{"id": "a", "subTasks": [',
    "two documents": b'{"id": "a"}{"id": "a"}',
    "a document and more": b'{"id": "a"} trailing',
    "a document and NUL": b'{"id": "a"}\0',
    "a comma too many": b'{"id": "a",}',
    "a comma too many in a list": _value(b"[1,]"),
    "quotes of one stroke": b"{'id': 'a'}",
    "a key without quotes": b'{id: "a"}',
    "a number for a key": b'{1: "a"}',
    "a comment": b'{"id": "a" /* b */}',
    "a zero in front": _value(b"01"),
    "a plus in front": _value(b"+1"),
    "a point at the end": _value(b"1."),
    "a point at the start": _value(b".5"),
    "a number in hexadecimal": _value(b"0x10"),
    "a blank that JSON has not": b"\xc2\xa0" + _task(b'"name": "x"'),
    "a vertical tab": b"\x0b" + _task(b'"name": "x"'),
    "a guard against scripts": b")]}',\n" + _task(b'"name": "x"'),
    "a call of a function": b'callback({"id": "a"})',
    "a stream of events": b'data: {"id": "a"}\n\n',
}

# What each body is, and the place in it that is odd.
ODD: dict[str, tuple[bytes, str]] = {
    "null": (b"null", "$"),
    "true": (b"true", "$"),
    "a number": (b"5", "$"),
    "text": (b'"text"', "$"),
    "a list": (b"[]", "$"),
    "a list of a task": (b'[{"id": "a"}]', "$"),
    "an empty object": (b"{}", "$"),
    "no id": (b'{"name": "x"}', "$"),
    "a null id": (b'{"id": null}', "$"),
    "a number for an id": (b'{"id": 5}', "$.id"),
    "an error body": (b'{"errorCode": "X", "message": "no"}', "$"),
    "a number for a name": (_task(b'"name": 5'), "$.name"),
    "a number beyond 64 bits for a name": (_task(b'"name": 18446744073709551616'), "$.name"),
    "a list for a status": (_task(b'"status": ["Failed"]'), "$.status"),
    "true for a status": (_task(b'"status": true'), "$.status"),
    "text for a boolean": (_task(b'"isCancellable": "true"'), "$.isCancellable"),
    "an object for subtasks": (_task(b'"subTasks": {}'), "$.subTasks"),
    "a number among the subtasks": (_task(b'"subTasks": [{}, 5]'), "$.subTasks[1]"),
    "null among the subtasks": (_task(b'"subTasks": [null]'), "$.subTasks[0]"),
    "a bad status of a subtask": (_task(b'"subTasks": [{"status": 1}]'), "$.subTasks[0].status"),
    "subtasks 70 deep": (_task(b'"subTasks": [' + _nested(70) + b"]"), "$.subTasks[0]"),
    "an unknown field 100 deep": (_value(b"[" * 100 + b"]" * 100), "$"),
    "an unknown field 900 deep": (_value(b"[" * 900 + b"]" * 900), "$"),
}
