"""The memory of a bulk run on disk, so that a killed run goes on where it was.

JSON Lines: a head, then an intent before each write leaves and an outcome when it is known; of a refusal,
its HTTP status, which tells whether asking again may help. A line is
with the operating system before the write goes out, so that killing the process loses nothing; against
a power cut it is synced to the disk at a fair pace. What is not ours, or broken anywhere but in its last
line, is never written to.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO, Any, Final

import attrs

from vcf_tasks_async.errors import ApiError, UsageError
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.judgement import Action, Sighting
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.status import Status
from vcf_tasks_async.text import inert

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no flock; two runs on one journal are not caught there
    fcntl = None  # type: ignore[assignment]

_VERSION: Final = 1
# Refusals of what was asked of this very task; of others, 403 or 500, the reason passes.
_OF_THE_TASK: Final = frozenset({400, 404, 405, 409, 410, 422})
# Seconds between two syncs to the disk.
_SYNC_EVERY: Final = 1.0


@attrs.frozen
class Earlier:
    """What an earlier run noted of a target.

    Attributes:
        result: how it ended there; None for a write that may have gone out and was never heard of.
        reason: why, as noted.
        before: how the task looked before the write.
        at: wall-clock seconds of the intent.
        status: HTTP status of a refusal; None where it was not noted.
    """

    result: Result | None
    reason: str | None = None
    before: Sighting | None = None
    at: float = 0.0
    status: int | None = None

    @property
    def is_settled(self) -> bool:
        """Whether asking again would be of no use: it was taken, or refused for what the task is."""
        if self.result is Result.REJECTED:
            # By its id alone nobody can tell whether a 500 hid a write that was applied.
            return self.status in _OF_THE_TASK or (self._may_be_applied and self.before is None)
        return self.result is Result.ACCEPTED

    @property
    def is_open(self) -> bool:
        """Whether the write may have been applied, so that the task is to be looked at first."""
        return self.result in (None, Result.UNKNOWN) or self._may_be_applied

    @property
    def _may_be_applied(self) -> bool:
        # A refusal of unknown status is taken for the worst.
        return self.result is Result.REJECTED and (self.status is None or self.status >= 500)


class Journal:
    """An open journal. `open` reads and locks it; every note is one line.

    Args:
        path: the file; made when it is not there.
        manager: the SDDC Manager it belongs to.
        action: what the run does.

    Raises:
        UsageError: the file is something else, belongs to another run, is in use, or is broken.
        OSError: it can't be read or written.
    """

    def __init__(self, path: str | os.PathLike[str], manager: str, action: Action) -> None:
        self._path = Path(path)
        self._accepted = IdSet()
        self._earlier: dict[str, Earlier] = {}
        self._synced = time.monotonic()
        self._file: IO[bytes] = self._path.open("a+b")
        try:
            self._lock()
            head = {
                "journal": "vcf-tasks-async",
                "version": _VERSION,
                "manager": manager,
                "action": action.value,
            }
            if not self._load(head):
                self._note(head)
        except BaseException:
            self._file.close()
            raise

    def earlier(self, task_id: str) -> Earlier | None:
        """What an earlier run noted of *task_id*; None when it did not come to it."""
        if task_id in self._accepted:
            return Earlier(Result.ACCEPTED)
        return self._earlier.get(task_id)

    def intent(self, task_id: str, before: Sighting | None, at: float | None = None) -> None:
        """The write is about to leave; or it may have left up to *at*, wall-clock seconds."""
        seen = (
            {}
            if before is None
            else {"status": before.status.value, "completed": before.completed, "steps": before.steps}
        )
        self._note({"intent": task_id, "at": round(time.time() if at is None else at, 3), **seen})

    def outcome(self, outcome: Outcome) -> None:
        """What came of it. What an earlier run settled stands as it was noted."""
        earlier = self.earlier(outcome.task_id)
        if earlier is not None and earlier.is_settled:
            return
        result, reason = outcome.result, outcome.reason
        note: dict[str, Any] = {"outcome": outcome.task_id, "result": result.value, "reason": reason}
        if result is Result.REJECTED and isinstance(outcome.error, ApiError):
            note["status"] = outcome.error.status
        self._note(note)

    @property
    def is_due(self) -> bool:
        """Whether it is time for `sync`."""
        return time.monotonic() - self._synced >= _SYNC_EVERY

    def sync(self) -> None:
        """Bring what was noted to the disk. Blocks: call it from a worker thread."""
        self._synced = time.monotonic()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close. Blocks: call it from a worker thread."""
        try:
            self.sync()
        finally:
            self._file.close()

    def _note(self, line: dict[str, Any]) -> None:
        self._file.write(_line(line))
        self._file.flush()

    def _lock(self) -> None:
        if fcntl is None:  # pragma: no cover - see above
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"the journal {self._path} is in use by another run: wait for it, or take another file"
            ) from None

    # --- reading what is there -------------------------------------------------------------------------

    def _load(self, head: dict[str, Any]) -> bool:
        """Read the notes of earlier runs; False when the file is empty."""
        self._file.seek(0)
        good = 0
        for number, raw in enumerate(self._file, 1):
            note = _parsed(raw)
            whole = raw.endswith(b"\n")
            if number == 1:
                if not whole and _line(head).startswith(raw):
                    break  # killed while it wrote its very first line
                self._check_head(note, head)
            elif note is None or not whole or "journal" in note:
                if whole:
                    raise UsageError(
                        f"the journal {self._path} is broken in line {number}: it was left as it is;"
                        " repair it, or take another file"
                    )
                break  # the last line of a run that was killed while it wrote
            else:
                self._take(note)
            good += len(raw)
        self._file.truncate(good)
        self._file.seek(0, os.SEEK_END)
        return good > 0

    def _check_head(self, note: dict[str, Any] | None, head: dict[str, Any]) -> None:
        if note is None or note.get("journal") != head["journal"]:
            raise UsageError(
                f"{self._path} is no journal of a bulk run: it was left as it is; take another file"
            )
        if note.get("version") != _VERSION:
            raise UsageError(f"the journal {self._path} was written by another release of vcf_tasks_async")
        mine = (note.get("action"), note.get("manager"))
        if mine != (head["action"], head["manager"]):
            raise UsageError(
                f"the journal {self._path} is of another run ({inert(str(mine[0]), limit=20)} at"
                f" {inert(str(mine[1]), limit=80)}): take another file"
            )

    def _take(self, note: dict[str, Any]) -> None:
        task_id = note["intent"] if "intent" in note else note["outcome"]
        before = self._earlier.get(task_id)
        if "intent" in note:
            seen = None
            if "status" in note:
                seen = Sighting(Status(note["status"]), note.get("completed"), note.get("steps"))
            self._earlier[task_id] = Earlier(None, None, seen, note["at"])
            return
        result = Result(note["result"])
        if result is Result.ACCEPTED:
            self._accepted.add(task_id)
            self._earlier.pop(task_id, None)
        elif before is None or result is not Result.SKIPPED:
            # An outcome stands for the intent before it; a skip leaves what is open as open as it was.
            self._earlier[task_id] = attrs.evolve(
                before or Earlier(None), result=result, reason=note.get("reason"), status=note.get("status")
            )


def _line(note: dict[str, Any]) -> bytes:
    return json.dumps(note, separators=(",", ":")).encode() + b"\n"


_SHAPES: Final[dict[str, dict[str, tuple[type, ...]]]] = {
    "journal": {"journal": (str,), "version": (int,), "manager": (str,), "action": (str,)},
    "intent": {
        "intent": (str,), "at": (int, float), "status": (str, type(None)), "completed": (str, type(None)),
        "steps": (str, type(None)),
    },
    # Runs before there was a "status" left it out; they are read all the same.
    "outcome": {"outcome": (str,), "result": (str,), "reason": (str, type(None)), "status": (int,)},
}  # fmt: skip
_OPTIONAL: Final = ("status", "completed", "steps", "reason")


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """The note in a line, or None when it holds none, or one of the wrong kind."""
    try:
        note = json.loads(raw)
        kind = next(kind for kind in _SHAPES if kind in note)
        for key, types in _SHAPES[kind].items():
            if (key in note or key not in _OPTIONAL) and type(note[key]) not in types:
                return None
        if kind == "outcome":
            Result(note["result"])
        if kind == "intent" and note.get("status") is not None:
            Status(note["status"])
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        return None
    return note if isinstance(note, dict) else None
