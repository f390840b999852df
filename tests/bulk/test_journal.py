"""The journal: what a killed run left is read as it was, what is not ours is never touched."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from bulk_fakes import Sender
from journals import BEFORE, MANAGER, opened, state

from vcf_tasks_async import (
    Result,
    UsageError,
)
from vcf_tasks_async.journal import Earlier, Journal


def test_what_was_noted_is_read_again(written):
    with closing(opened(written)) as journal:
        check_what_was_noted(journal)


def check_what_was_noted(journal: Journal) -> None:
    assert state(journal) == {
        "a": Result.ACCEPTED, "r": Result.REJECTED, "u": Result.UNKNOWN, "n": Result.NOT_SENT,
        "open": None, "bare": None, "never": "nothing",
    }  # fmt: skip
    found = journal.earlier("open")
    assert found is not None
    assert (found.before, found.at > 1_700_000_000) == (BEFORE, True)
    found = journal.earlier("u")
    assert found is not None
    assert (found.before, found.at > 1_700_000_000) == (BEFORE, True)
    assert found.reason == f"because unknown – ünïcode \u2028 {chr(0xD800)}"
    bare = journal.earlier("bare")
    assert bare is not None
    assert bare.before is None


def test_notes_are_with_the_operating_system_at_once(tmp_path):
    path = tmp_path / "journal"
    journal = opened(path)
    for i in range(3):
        journal.intent(f"t{i}", None)
        assert path.read_bytes().endswith(b"\n")
        assert len(path.read_bytes().splitlines()) == 2 + i
    journal.close()


def test_torn_at_any_byte_the_whole_lines_before_are_kept(written, tmp_path):
    whole = written.read_bytes()
    head = whole.index(b"\n") + 1
    torn = tmp_path / "torn"
    for length in [*range(head - 1), *range(head, len(whole))]:
        torn.write_bytes(whole[:length])
        journal = opened(torn)
        journal.intent("more", BEFORE)
        journal.close()
        kept = whole[: max(head, whole.rfind(b"\n", 0, length) + 1)]
        now = torn.read_bytes()
        assert now.startswith(kept)
        assert [json.loads(line).get("intent") for line in now[len(kept) :].splitlines()] == ["more"]
        with closing(opened(torn)) as again:
            assert again.earlier("more") is not None


def test_torn_right_before_the_newline_of_its_head_it_is_good_for_two_more_runs(tmp_path):
    path = tmp_path / "journal"
    opened(path).close()
    path.write_bytes(path.read_bytes()[:-1])
    journal = opened(path)
    journal.intent("a", None)
    journal.close()
    opened(path).close()


def other_head(**changes: object) -> bytes:
    head = {"journal": "vcf-tasks-async", "version": 1, "manager": MANAGER, "action": "retry", **changes}
    return json.dumps(head).encode() + b"\n"


GOOD = b'{"intent":"a","at":1.0}\n'
FOREIGN = {
    "a text": (b"Dear diary,\n", "no journal of a bulk run"),
    "a text without a newline": (b"Dear diary", "no journal of a bulk run"),
    "binary": (bytes(range(256)) * 40, "no journal of a bulk run"),
    "an empty line": (b"\n", "no journal of a bulk run"),
    "other JSON": (b'{"counts": {"accepted": 3}}\n', "no journal of a bulk run"),
    "a JSON list": (b'["journal"]\n', "no journal of a bulk run"),
    "no head": (GOOD, "no journal of a bulk run"),
    "somebody else's journal": (b'{"journal": "systemd"}\n', "no journal of a bulk run"),
    "another release's": (other_head(version=2), "another release"),
    "another manager's": (other_head(manager="lax-vcf01.rainpole.io"), "of another run .retry at lax-vcf01"),
    "another action's": (other_head(action="cancel"), "of another run .cancel at sfo"),
    "another manager's, torn": (other_head(manager="lax")[:-1], "of another run"),
    "escape sequences": (other_head(manager="\x1b[31mred\x07"), "of another run"),
    "a broken line in the middle": (other_head() + b'{"intent":\n' + GOOD, "broken in line 2"),
    "a broken last line": (other_head() + GOOD + b"\x00\x00\n", "broken in line 3"),
    "a hole": (other_head() + GOOD + b"\n" + GOOD, "broken in line 3"),
    "zeros after a power cut": (other_head() + bytes(512) + b"\n" + GOOD, "broken in line 2"),
    "an unknown result": (other_head() + b'{"outcome":"a","result":"won"}\n', "broken in line 2"),
    "an unknown status": (other_head() + b'{"intent":"a","at":1.0,"status":"X"}\n', "broken in line 2"),
    "another note": (other_head() + b'{"remark":"a"}\n', "broken in line 2"),
    "deep nesting": (other_head() + b"[" * 100_000 + b"\n", "broken in line 2"),
}


@pytest.mark.parametrize(("content", "words"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_this_runs_is_refused_and_left_as_it_is(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        opened(path)
    assert path.read_bytes() == content
    assert str(caught.value).isprintable()
    # And it is not locked any more.
    with pytest.raises(UsageError, match=words):
        opened(path)


@pytest.mark.parametrize(
    "note",
    [
        other_head(),
        b'{"intent":"a","at":"noon"}\n',
        b'{"intent":"a","at":null}\n',
        b'{"intent":7,"at":1.0}\n',
        b'{"outcome":null,"result":"accepted"}\n',
        b'{"intent":"a","at":1.0,"status":"FAILED","completed":7}\n',
        b'{"outcome":"a","result":"rejected","reason":{"x":1}}\n',
    ],
    ids=["two journals in one", "no number", "null", "no id", "null id", "no time", "no reason"],
)
def test_a_note_of_the_wrong_kind_is_a_broken_line(tmp_path, note):
    path = tmp_path / "file"
    path.write_bytes(other_head() + GOOD + note + GOOD)
    with pytest.raises(UsageError, match="broken in line 3"):
        opened(path).close()


def test_a_note_of_which_less_was_known_is_read_as_such(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(other_head() + b'{"intent":"a","at":1.0,"status":null,"completed":null}\n')
    journal = opened(path)
    assert journal.earlier("a") == Earlier(None, at=1.0)
    journal.close()


def test_a_journal_in_use_is_refused(written, tmp_path):
    content = written.read_bytes()
    journal = opened(written)
    with pytest.raises(UsageError, match="in use by another run"):
        opened(written)
    journal.close()
    code = (
        "import sys; from vcf_tasks_async.journal import Journal, Action\n"
        f"kept = Journal(sys.argv[1], {MANAGER!r}, Action.RETRY)\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(written)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(UsageError, match="in use by another run"):
            opened(written)
        other.stdin.close()
    opened(written).close()
    assert written.read_bytes() == content


async def test_what_can_not_be_opened_ends_the_run_before_anything_is_sent(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_text("Dear diary,\n")
    for path, kind in (
        (tmp_path, IsADirectoryError),
        (tmp_path / "no" / "such" / "folder", FileNotFoundError),
        (foreign, UsageError),
        (Path("/proc/version"), OSError),
    ):
        sender = Sender()
        run = sender.run(["a", "b"], open_journal=partial(opened, path))
        with pytest.raises(kind) as caught:
            await run
        assert sender.sent == {}
        assert run.report.counts == {Result.NOT_SENT: 2}
        assert caught.value.report is run.report
        assert sender.running == set()
    assert foreign.read_text() == "Dear diary,\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_file_without_permission_is_an_error_and_left_as_it_is(written):
    written.chmod(0o400)
    content = written.read_bytes()
    with pytest.raises(PermissionError):
        opened(written)
    assert written.read_bytes() == content


def test_a_file_system_that_refuses_to_lock_is_an_error_and_the_file_left_as_it_is(written, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    content = written.read_bytes()
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(OSError, match="No locks"):
        opened(written)
    assert written.read_bytes() == content


async def test_a_journal_that_is_refused_does_not_pass_for_failures_in_a_row(tmp_path):
    run = Sender().run([f"t{i}" for i in range(9)], open_journal=partial(opened, tmp_path), stop_after=3)
    with pytest.raises(IsADirectoryError):
        await run
    assert "in a row" not in (run.report.stopped or "")


# --- a disk that fills up ---------------------------------------------------------------------------------


class Disk:
    """A journal's file on a disk with *room* bytes left; what is with the disk is `kept`."""

    def __init__(self, file, room: int) -> None:
        self._file, self._room, self._held = file, room, b""

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        now, self._held = self._held[: self._room], self._held[self._room :]
        self._room -= len(now)
        self._file.write(now)
        self._file.flush()
        if self._held:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()
        if self._held:
            raise OSError(errno.ENOSPC, "No space left on device")


def on_full_disk(path: Path, room: int) -> Journal:
    journal = opened(path)
    journal._file = Disk(journal._file, room)
    return journal


@pytest.mark.parametrize("close_works", [True, False])
@pytest.mark.parametrize("room", [*range(0, 200, 17), 1000, 1499])
async def test_a_full_disk_ends_the_run_and_nothing_leaves_without_its_intent(tmp_path, room, close_works):
    path = tmp_path / "journal"
    journals = []

    def open_it() -> Journal:
        journals.append(on_full_disk(path, room))
        if close_works:
            file = journals[0]._file
            file.close = file._file.close
        return journals[0]

    sender = Sender()
    ids = [f"t{i}" for i in range(100)]
    run = sender.run(ids, open_journal=open_it)
    with pytest.raises(OSError, match="No space left"):
        await run
    intents = set()
    for line in path.read_bytes().splitlines():
        with suppress(ValueError):
            intents.add(json.loads(line).get("intent"))
    assert set(sender.sent) <= intents
    assert Counter(o.task_id for o in run.report.outcomes) == Counter(ids)
    counts = run.report.counts
    assert counts[Result.ACCEPTED] == len(sender.sent)
    assert counts[Result.NOT_SENT] == 100 - len(sender.sent)
    assert run.report.stopped == "the journal can't be written: No space left on device"
    assert sender.running == set()


async def test_a_disk_that_is_full_when_the_journal_closes_still_leaves_the_report(tmp_path):
    def open_it() -> Journal:
        return on_full_disk(tmp_path / "journal", 50)

    run = Sender().run(["a", "b", "c"], open_journal=open_it)
    with pytest.raises(OSError, match="No space left") as caught:
        await run
    assert caught.value.report is run.report
    assert run.report.elapsed > 0
