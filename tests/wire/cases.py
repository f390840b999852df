"""The table of the hostile network: what a server does, and what must come of each call that meets it.

A line is one fault; it is met by each call of `CALLS` in turn, on a kept connection, and by a login on a
fresh one. The columns: what a read comes to (a login too: sending it twice does no harm), what a write
comes to, and whether the connection may be used again.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fault_server import CLOSE, RESET, Reply, doc, html, refusal

from vcf_tasks_async import (
    ApiError,
    BadRequest,
    DecodeError,
    Forbidden,
    OutcomeUnknownError,
    RateLimited,
    ServerError,
    TaskConflict,
    TaskNotFound,
    TransportError,
    VcfTasksError,
)

CALLS = {
    # (what is called, the method and path that the fault waits for)
    "list": (lambda s: s.page(), "GET", "/v1/tasks"),
    "task": (lambda s: s.get("a"), "GET", "/v1/tasks/a"),
    "retry": (lambda s: s.retry("a"), "PATCH", "/v1/tasks/a"),
    "cancel": (lambda s: s.cancel("a"), "DELETE", "/v1/tasks/a"),
}
READS = ("list", "task")


@dataclass(frozen=True)
class End:
    """What a call comes to: the error it ends with (or none), and whether it is sent again before."""

    kind: type[VcfTasksError] | None
    again: bool = False


def again(kind: type[VcfTasksError]) -> End:
    """Sent again, with good success once the fault has passed; *kind* when it never does."""
    return End(kind, again=True)


WORKS = End(None)
ONCE_BAD, ONCE_ODD, ONCE_FAILED = End(BadRequest), End(ApiError), End(ServerError)
LOST = End(OutcomeUnknownError)
"""Sent once, never again; the task is looked at."""
NO_ANSWER, NO_JSON, NOT_READY = again(TransportError), again(DecodeError), again(ServerError)
NOT_NOW = again(BadRequest)


@dataclass(frozen=True)
class Row:
    """One fault, and the columns."""

    name: str
    fault: Reply
    read: End
    write: End
    keeps: bool


def _same(read: End, write: End, keeps: bool, faults: Mapping[str, Reply]) -> Iterator[Row]:
    """Faults with the same columns."""
    for name, fault in faults.items():
        yield Row(name, fault, read, write, keeps)


def _raw(raw: bytes, **other: object) -> Reply:
    return Reply(raw=raw, **{"then": "close", **other})


def _encoded(body: bytes, encoding: str = "gzip", **other: object) -> Reply:
    return Reply(200, body, {"Content-Encoding": encoding}, **other)


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_GZIP = gzip.compress(b'{"id": "a", "elements": []}' * 50, mtime=0)
_DEFLATE = zlib.compress(b'{"id": "a", "elements": []}' * 50)

_LOST_ON_THE_WAY = {
    "reset before a byte": RESET,
    "closed before a byte": CLOSE,
    "reset within the status line": _raw(b"HTTP/1.1 2", then="reset"),
    "closed within the status line": _raw(b"HTTP/1.1 2"),
    "reset within the headers": _raw(_OK + b"Content-Le", then="reset"),
    "closed within the headers": _raw(_OK + b"Content-Le"),
    "closed before the empty line": _raw(_OK + b"Content-Length: 2\r\n"),
    "closed before the body": _raw(_OK + b"Content-Length: 2\r\n\r\n"),
    "reset within the body": _raw(_OK + b'Content-Length: 20\r\n\r\n{"id":', then="reset"),
    "truncated by its length": _raw(_OK + b'Content-Length: 20\r\n\r\n{"id": "a"}'),
    "closed after 100 Continue": _raw(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "closed within a chunk": _raw(_CHUNKED + b"c\r\n{}"),
    "closed between two chunks": _raw(_CHUNKED + b"2\r\n{}\r\n"),
    "closed before the last chunk's end": _raw(_CHUNKED + b"2\r\n{}\r\n0\r\n"),
    "reset between two chunks": _raw(_CHUNKED + b"2\r\n{}\r\n", then="reset"),
    "gzip cut by a close": _encoded(_GZIP, cut=20),
    "deflate cut, its length too": _encoded(_DEFLATE[:-8], "deflate"),
}
_NO_HTTP = {
    "another protocol": _raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
    "TLS where none is due": _raw(b"\x15\x03\x01\x00\x02\x02\x46"),
    "a body without a head": _raw(b'{"id": "a"}\r\n\r\n'),
    "HTTP/9.9": _raw(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a status that is no number": _raw(b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}"),
    "status 1000": _raw(b"HTTP/1.1 1000 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "status 20": _raw(b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}"),
    "a header without a colon": _raw(_OK + b"Nonsense\r\n\r\n"),
    "NUL in a header": _raw(_OK + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
    "a header of 64 KiB": _raw(_OK + b"X: " + b"x" * 65536 + b"\r\nContent-Length: 2\r\n\r\n{}"),
    "a thousand headers": _raw(_OK + b"X: y\r\n" * 1000 + b"Content-Length: 2\r\n\r\n{}"),
    "headers without end": _raw(_OK + b"X: y\r\n" * 50_000),
    "a length below nothing": _raw(_OK + b"Content-Length: -2\r\n\r\n{}"),
    "a length that is no number": _raw(_OK + b"Content-Length: two\r\n\r\n{}"),
    "two lengths": _raw(_OK + b"Content-Length: 2\r\nContent-Length: 11\r\n\r\n{}"),
    "a length and chunks": _raw(
        _OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "garbage behind the answer": Reply(dress=lambda b: _OK + _length(b) + b"garbage"),
    "a chunk of no length": _raw(_CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk longer than it says": _raw(_CHUNKED + b"1\r\n{}\r\n0\r\n\r\n"),
    "a chunk length of 100 digits": _raw(_CHUNKED + b"f" * 100 + b"\r\n{}\r\n0\r\n\r\n"),
    "not gzip, though it says so": _encoded(b"this is no gzip"),
    "not deflate, though it says so": _encoded(b"\x07this is no deflate", "deflate"),
    "gzip with a wrong checksum": _encoded(_GZIP[:-8] + bytes(8)),
    "gzip with a bad second part": _encoded(_GZIP + b"\x1f\x8b\x08junk"),
}
_NOT_JSON = {
    "garbage": Reply(200, b"\x00\xff{ not json"),
    "HTML with 200": html(200),
    "half a document": Reply(200, b'{"id": "a", "elements": ['),
    "gzip cut, its length too": _encoded(_GZIP[:-12]),
    "gzip under another name": _encoded(_GZIP, "x-unheard-of"),
    "gzip twice": _encoded(gzip.compress(_GZIP), "gzip, gzip"),
}
# Of a write they are an answer: it has none to give.
_NOTHING = {
    "200 with nothing": Reply(200),
    "200 with a line end": Reply(200, b"\r\n"),
    "202 with nothing": Reply(202),
    "204": Reply(204),
    "205": Reply(205),
}


def _dressed(dress: Callable[[bytes], bytes], **other: object) -> Reply:
    """The right body in an odd dress."""
    return Reply(dress=dress, **other)


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def _packed(packed: bytes, encoding: bytes) -> bytes:
    return _OK + b"Content-Encoding: " + encoding + b"\r\n" + _length(packed)


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def _chunks(body: bytes, size: int = 7) -> bytes:
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n" % len(piece) + piece + b"\r\n" for piece in pieces)


_ODD_BUT_RIGHT = {
    "chunked": _dressed(lambda b: _CHUNKED + _chunks(b) + b"0\r\n\r\n"),
    "chunked, with trailers": _dressed(lambda b: _CHUNKED + _chunks(b) + b"0\r\nX-Sum: 5\r\n\r\n"),
    "gzip": _dressed(lambda b: _packed(gzip.compress(b), b"gzip")),
    "gzip in two parts": _dressed(
        lambda b: _packed(gzip.compress(b[:9]) + gzip.compress(b[9:]), b"gzip")
    ),
    "deflate": _dressed(lambda b: _packed(zlib.compress(b), b"deflate")),
    "deflate without its head": _dressed(lambda b: _packed(_raw_deflate(b), b"deflate")),
    "an encoding unheard of, of plain text": _dressed(lambda b: _packed(b, b"x-unheard-of")),
    "103, 100, then the answer": _dressed(
        lambda b: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50
        + b"HTTP/1.1 100 Continue\r\n\r\n" + _OK + _length(b)
    ),
    "201": _dressed(lambda b: b"HTTP/1.1 201 Created\r\n" + _length(b)),
    "203": _dressed(lambda b: b"HTTP/1.1 203 Transformed\r\n" + _length(b)),
    "206 of the whole": _dressed(lambda b: b"HTTP/1.1 206 Partial\r\n" + _length(b)),
    "no reason phrase": _dressed(lambda b: b"HTTP/1.1 200 \r\n" + _length(b)),
    "header names in odd case": _dressed(lambda b: _OK + _length(b).replace(b"Con", b"cON")),
    "a header that is no ASCII": _dressed(lambda b: _OK + "X: ü\r\n".encode() + _length(b)),
    "headers of 7 KB": _dressed(lambda b: _OK + b"X: " + b"x" * 7000 + b"\r\n" + _length(b)),
    "called HTML": _dressed(lambda b: _OK + b"Content-Type: text/html\r\n" + _length(b)),
    "called UTF-16": _dressed(lambda b: _OK + b"Content-Type: text/json; charset=utf-16\r\n" + _length(b)),
    "a length with zeros before it": _dressed(lambda b: _OK + b"Content-Length: 000%d\r\n\r\n" % len(b) + b),
    "byte by byte": _dressed(lambda b: _OK + _length(b), drip=0.0),
}  # fmt: skip
_RIGHT_AND_THEN_GONE = {
    "connection: close": _dressed(lambda b: _OK + b"Connection: close\r\n" + _length(b), then="close"),
    "connection: close, and it stays open": _dressed(lambda b: _OK + b"Connection: close\r\n" + _length(b)),
    "until the connection's end": _dressed(lambda b: _OK + b"\r\n" + b, then="close"),
    "HTTP/1.0": _dressed(lambda b: b"HTTP/1.0 200 OK\r\n" + _length(b), then="close"),
    "HTTP/1.0, and it stays open": _dressed(lambda b: b"HTTP/1.0 200 OK\r\n" + _length(b)),
    "HTTP/1.0 until the connection's end": _dressed(lambda b: b"HTTP/1.0 200 OK\r\n\r\n" + b, then="close"),
    "reset after a whole answer": _dressed(lambda b: _OK + _length(b), then="reset"),
    "closed after a whole answer": _dressed(lambda b: _OK + _length(b), then="close"),
    "garbage, a moment later": _dressed(lambda b: _OK + _length(b), afterwards=b"garbage"),
    "a second answer behind it": _dressed(
        lambda b: _OK + _length(b) + _OK + _length(b'{"id": "not-asked-for", "elements": []}')
    ),
    "an answer to nobody, a moment later": _dressed(
        lambda b: _OK + _length(b), afterwards=_OK + _length(b'{"id": "not-asked-for", "elements": []}')
    ),
    "408 to nobody, a moment later": _dressed(
        lambda b: _OK + _length(b), afterwards=b"HTTP/1.1 408 Request Timeout\r\n" + _length(b"")
    ),
}

PUT_OFF = again(RateLimited)
SOON = {"Retry-After": "0"}

TABLE = [
    *_same(NO_ANSWER, LOST, False, _LOST_ON_THE_WAY),
    *_same(NO_ANSWER, LOST, False, _NO_HTTP),
    *_same(NO_JSON, LOST, True, _NOT_JSON),
    *_same(NO_JSON, WORKS, True, _NOTHING),
    *_same(WORKS, WORKS, True, _ODD_BUT_RIGHT),
    *_same(WORKS, WORKS, False, _RIGHT_AND_THEN_GONE),
    # What may be repeated by its status. Of 101 nobody asked to switch.
    Row("101", _raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        NO_ANSWER, LOST, keeps=False),
    Row("408", refusal(408), NOT_NOW, LOST, keeps=True),
    Row("408, and closed", refusal(408, headers={"Connection": "close"}, then="close"),
        NOT_NOW, LOST, keeps=False),
    Row("425", refusal(425), NOT_NOW, ONCE_BAD, keeps=True),
    Row("429", refusal(429), PUT_OFF, PUT_OFF, keeps=True),
    Row("429 with Retry-After", refusal(429, headers=SOON), PUT_OFF, PUT_OFF, keeps=True),
    Row("HTML 429", html(429), PUT_OFF, PUT_OFF, keeps=True),
    Row("500", refusal(500), NOT_READY, ONCE_FAILED, keeps=True),
    Row("500 with Retry-After", refusal(500, headers=SOON), NOT_READY, ONCE_FAILED, keeps=True),
    Row("HTML 500", html(500), NOT_READY, ONCE_FAILED, keeps=True),
    Row("502", refusal(502), NOT_READY, LOST, keeps=True),
    Row("HTML 502", html(502), NOT_READY, LOST, keeps=True),
    Row("HTML 502, closed", html(502, headers={"Connection": "close"}, then="close"),
        NOT_READY, LOST, keeps=False),
    Row("HTML 502 with Retry-After", html(502, headers=SOON), NOT_READY, LOST, keeps=True),
    Row("503", refusal(503), NOT_READY, LOST, keeps=True),
    Row("HTML 503", html(503), NOT_READY, LOST, keeps=True),
    Row("503 with Retry-After", refusal(503, headers=SOON), NOT_READY, NOT_READY, keeps=True),
    Row("HTML 503 with Retry-After", html(503, headers=SOON), NOT_READY, NOT_READY, keeps=True),
    Row("503 with a Retry-After of nonsense", html(503, headers={"Retry-After": "soon"}),
        NOT_READY, LOST, keeps=True),
    Row("504", refusal(504), NOT_READY, LOST, keeps=True),
    Row("HTML 504", html(504), NOT_READY, LOST, keeps=True),
    Row("HTML 404", html(404), NOT_READY, LOST, keeps=True),
    Row("404 with nothing", Reply(404), NOT_READY, LOST, keeps=True),
    Row("HTML 404 with Retry-After", html(404, headers=SOON), NOT_READY, LOST, keeps=True),
    Row("half an HTML 503", html(503, cut=9), NO_ANSWER, LOST, keeps=False),
    Row("500 in bad gzip", Reply(500, b"junk", {"Content-Encoding": "gzip"}), NO_ANSWER, LOST, keeps=False),
    # Never repeated: asked again it would end no better.
    Row("404", refusal(404), End(TaskNotFound), End(TaskNotFound), keeps=True),
    Row("404, another JSON", doc([], 404), End(TaskNotFound), End(TaskNotFound), keeps=True),
    Row("400", refusal(400), ONCE_BAD, ONCE_BAD, keeps=True),
    Row("400 with Retry-After", refusal(400, headers=SOON), ONCE_BAD, ONCE_BAD, keeps=True),
    Row("HTML 400", html(400), ONCE_BAD, ONCE_BAD, keeps=True),
    Row("409", refusal(409), End(TaskConflict), End(TaskConflict), keeps=True),
    Row("409 with Retry-After", refusal(409, headers=SOON), End(TaskConflict), End(TaskConflict), keeps=True),
    Row("403", refusal(403), End(Forbidden), End(Forbidden), keeps=True),
    Row("HTML 403", html(403), End(Forbidden), End(Forbidden), keeps=True),
    *_same(ONCE_BAD, ONCE_BAD, True, {
        str(status): refusal(status)
        for status in (402, *range(405, 408), 410, 411, 413, 414, 415, 417, 418, *range(421, 425), 426, 451)
    }),
    *_same(ONCE_FAILED, ONCE_FAILED, True, {
        str(status): refusal(status) for status in (501, 505, 506, 507, 508, 510, 511)
    }),
    *_same(ONCE_ODD, ONCE_ODD, True, {
        str(status): Reply(status, headers={"Location": "/v1/elsewhere?x=1"})
        for status in (300, 301, 302, 303, 304, 305, 307, 308, 399)
    }),
    # A proxy gave up in the midst: nobody knows what became of a write, and no read is worth a repeat.
    Row("499", html(499), ONCE_BAD, LOST, keeps=True),
    *_same(ONCE_FAILED, LOST, True, {
        str(status): html(status) for status in (*range(520, 528), 530, 598, 599, 600, 999)
    }),
]  # fmt: skip
