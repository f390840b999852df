"""What our own files and callers give back, fuzzed: cursors, journals, files of sites."""

from __future__ import annotations

import json
import pickle
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import corpus
from corpus import PLANTED
from harmless import check_error
from mutators import body_of, mutated_bytes

from vcf_tasks_async.codec import encode
from vcf_tasks_async.cursor import Told, from_cursor
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.events import Mark, changes
from vcf_tasks_async.folding import decode_task
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.sitefile import read_sites


def check_cursor(given: bytes) -> None:
    plain: list[Any] = [given]
    with suppress(ValueError, RecursionError):
        plain += [given.decode(), json.loads(given)]
    for cursor in plain:
        try:
            marks = from_cursor(cursor)
        except UsageError as error:
            check_error(error)
            continue
        assert from_cursor(encode(Told(marks).cursor())) == marks
        task = decode_task(corpus.tasks()[0])
        for mark in marks.values():
            changes(mark, Mark.of(task))


def _room() -> Path:
    """A file for journals: in memory where there is such a place, since each is synced to the disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None), "journal")


def check_journal(content: bytes) -> None:
    path = _room()
    try:
        path.write_bytes(content)
        for _ in range(2):
            before = path.read_bytes()
            try:
                journal = Journal(path, "sfo-vcf01", Action.RETRY)
            except UsageError as error:
                check_error(error)
                # What is not ours, or broken in its midst, is left as it is.
                assert path.read_bytes() == before
                return
            try:
                found = [journal.earlier(task_id) for task_id in "abcd"]
                assert all(each is None or each.is_open in (True, False) for each in found)
                journal.intent("e", None)
            finally:
                journal.close()
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def check_sites(content: bytes) -> None:
    path = _room()
    try:
        path.touch(0o600)
        path.write_bytes(content)
        try:
            shown: Any = read_sites(path)
        except UsageError as error:
            check_error(error)
            shown = [error, error.args, vars(error), pickle.dumps(error)]
        # Where it stands as a password is meant to stand, it does not show.
        if PLANTED.encode() not in _PASSWORD.sub(b"", content):
            assert PLANTED not in repr(shown), "a secret shows"
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()


_PASSWORD = re.compile(rb'(?m)^(password|api_key) = "%s[^"\n\\]*"$' % PLANTED.encode())


# --- what goes in -----------------------------------------------------------------------------------------


def odd_journal(rng: Random) -> bytes:
    lines = rng.choice(corpus.journals()).splitlines(keepends=True)
    for _ in range(rng.choice([0, 1, 1, 2])):
        if not lines:
            break
        at, what = rng.randrange(len(lines)), rng.randrange(4)
        if what < 2:
            lines[at] = body_of(rng, [lines[at].rstrip(b"\n")]) + rng.choice([b"\n", b"\n", b"", b"\r\n"])
        elif what == 2:
            lines[at:at] = [rng.choice(lines)]
        else:
            del lines[at]
    content = b"".join(lines)
    return content if rng.random() < 0.8 else mutated_bytes(rng, content, corpus.journals())


def odd_sites(rng: Random) -> bytes:
    lines = corpus.SITES.splitlines()
    for _ in range(rng.choice([0, 1, 2, 4])):
        at = rng.randrange(len(lines))
        what = rng.randrange(4)
        if what == 0 and len(lines) > 1:
            del lines[at]
        elif what == 1:
            lines[at:at] = [rng.choice(lines)]
        else:
            key = lines[at].split(" = ")[0]
            lines[at] = f"{key} = {rng.choice(corpus.TOML_VALUES)}"
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return content if rng.random() < 0.6 else mutated_bytes(rng, content, [corpus.SITES.encode()])
