"""Writes a snapshot of a real system: one JSON file that a simulator can be, without names or secrets.

Reads through a `TaskSession`, and hands each task to `scrubbing`. Written as it is read, one task a line, so
that a hundred thousand of them need little memory. What reads the file is `vcf_tasks_async.testing`.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO, TypeVar

import attrs

from vcf_tasks_async.base import secrets_in
from vcf_tasks_async.errors import ApiError, UnsupportedError, UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.models import Task
from vcf_tasks_async.scrubbing import Scrubber
from vcf_tasks_async.secret import MASK
from vcf_tasks_async.session import TaskSession

T = TypeVar("T")

_FORMAT: Final = "vcf-tasks-snapshot"
_VERSION: Final = 1
# Those that the simulator knows.
_RELEASES: Final = ("4.5", "5.2", "9.0", "9.1")


@attrs.frozen
class SnapshotReport:
    """What is in a snapshot, and what is not.

    Attributes:
        path: the file.
        tasks: how many tasks are in it.
        credential_tasks: how many credential tasks; None where the system has none to tell.
        complete: whether the listing of tasks was whole; see `TaskStream.complete`.
        malformed: tasks that could not be read, and are not in it.
        left_out: what SDDC Manager refused, in words.
        replaced: how many different ``names``, ``addresses`` and ``ids`` have a stand-in, and how often a
            secret stands masked (``secrets``).
    """

    path: str
    tasks: int
    credential_tasks: int | None
    complete: bool
    malformed: int
    left_out: tuple[str, ...] = ()
    replaced: Mapping[str, int] = {}

    def __str__(self) -> str:
        parts = [f"{self.tasks:,} task{'s' * (self.tasks != 1)}"]
        if self.credential_tasks is not None:
            parts.append(f"{self.credential_tasks:,} of them credential tasks")
        if self.malformed:
            parts.append(f"{self.malformed:,} left out, for they can't be read")
        elif not self.complete:
            parts.append("some may be missing")
        return ", ".join([*parts, *self.left_out])


async def write_snapshot(
    session: TaskSession,
    path: str | os.PathLike[str],
    *,
    where: TaskFilter | None = None,
    only: Callable[[Task], bool] | None = None,
    keep_names: bool = False,
    keep_ids: bool = False,
    shift: timedelta = timedelta(),
    keep_words: Iterable[str] = (),
    release: str | None = None,
    key: bytes | None = None,
) -> SnapshotReport:
    """Write the tasks, credential tasks and settings of an SDDC Manager to a file, without names or secrets.

    Names of hosts, domains and people, addresses, fingerprints, ids and free text become stand-ins, the same
    for the same everywhere; types, statuses, error codes and the words that are SDDC Manager's own stay. See
    docs/snapshots.md for what is kept and what is not. Passwords and tokens are never in it. The simulator
    takes it: ``SddcManagerSimulator(snapshot=path)``.

    Args:
        session: an open session.
        path: the file to write, whole or not at all; its owner alone may read it. One that is there is
            replaced. Gzipped if it ends in ``.gz``.
        where: which tasks; None for all.
        only: called with each of these tasks; False leaves it out. Also a way to see how far it is.
        keep_names: leave the names and addresses that stand in fields for them, there and in texts. For a lab
            of your own.
        keep_ids: leave UUIDs as they are, to find tasks again; ids of other forms stay with *keep_names*
            only.
        shift: by how much all times are moved; whole seconds.
        keep_words: words that may stay besides, such as the name of a product.
        release: ``4.5``, ``5.2``, ``9.0`` or ``9.1``, where you know it. None: 9.1 if it has task settings.
        key: makes the stand-ins. Snapshots with the same key have the same ones; whoever has it can try names
            out. None draws one, and forgets it.

    Returns:
        what is in it. A listing that was not whole, and what was refused, is said there and in the file.

    Raises:
        ApiError, TransportError, DecodeError: see `TaskSession.stream`. No file is left then.
        OSError: the file can't be written.
        UsageError: a release that the simulator does not know, or a path that is no file.

    Source: ``GET /v1/tasks``, ``/v1/credentials/tasks``, ``/v1/tasks/config/settings``.

    Example:
        >>> report = await write_snapshot(session, "lab.json.gz")
        >>> report.complete, report.left_out
        (True, ())
    """
    if release is not None and release not in _RELEASES:
        raise UsageError(f"release takes one of {', '.join(_RELEASES)}, not {release!r}")
    scrubber = Scrubber(keep_names=keep_names, keep_ids=keep_ids, shift=shift, keep_words=keep_words, key=key)
    with _whole_file(Path(path)) as file:
        left_out: list[str] = []
        # Before the tasks: the passwords in them are taken out of whatever else is written.
        credentials = await _had(_credential_tasks(session, scrubber), "credential tasks", left_out)
        # Before the settings: to refuse those tells nothing of the product.
        product = None if left_out else _product(credentials)
        settings = await _had(session.settings(), "settings", left_out)
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "taken": datetime.now(UTC).isoformat(timespec="seconds"),
            "names": "kept" if keep_names else "replaced",
            "release": release or ("9.1" if settings is not None else None),
            "product": product,
            "settings": None if settings is None else scrubber.scrub(settings.to_json()),
        }
        file.write(f'{json.dumps(head)[:-1]}, "tasks": [\n')
        tasks, views = _Lines(file, scrubber), _Lines(file, scrubber)
        chosen: set[str] = set()
        all_meant = where in (None, TaskFilter())
        async with session.stream(where) as stream:
            async for task in stream:
                if only is None or only(task):
                    tasks.add(task.to_json())
                    if credentials and task.id in credentials:
                        chosen.add(task.id)
                else:
                    all_meant = False
        file.write('\n], "credentialTasks": [\n')
        for task_id, document in (credentials or {}).items():
            # One that came or went meanwhile is none of the tasks.
            if all_meant or task_id in chosen:
                views.add(document)
        tail = {"complete": stream.complete, "malformed": stream.malformed_count, "leftOut": left_out}
        file.write(f"\n], {json.dumps(tail)[1:]}\n")
    return SnapshotReport(
        os.fspath(path),
        tasks.number,
        None if credentials is None else views.number,
        stream.complete,
        stream.malformed_count,
        tuple(left_out),
        {**scrubber.counts, "secrets": tasks.masks + views.masks},
    )


class _Lines:
    """The elements of a list in the file, scrubbed, each on a line of its own."""

    def __init__(self, file: TextIO, scrubber: Scrubber) -> None:
        self._file, self._scrubber = file, scrubber
        self.number = self.masks = 0

    def add(self, document: dict[str, Any]) -> None:
        # ASCII alone: halves of surrogate pairs are written as they came.
        line = json.dumps(self._scrubber.scrub(document), separators=(",", ":"))
        self._file.write(",\n" + line if self.number else line)
        self.number += 1
        self.masks += line.count(MASK)


async def _had(reading: Awaitable[T], what: str, left_out: list[str]) -> T | None:
    """What *reading* brings; None where there is no such thing, or it is refused, which is noted."""
    try:
        return await reading
    except UnsupportedError:
        return None
    except ApiError as error:
        left_out.append(f"no {what} ({error.status})")
        return None


async def _credential_tasks(session: TaskSession, scrubber: Scrubber) -> dict[str, dict[str, Any]]:
    """Them by id, not scrubbed yet, passwords apart."""
    found = {}
    async with session.credentials.stream() as stream:
        async for task in stream:
            scrubber.add_secrets(secret.reveal() for secret in secrets_in(task))
            found[task.id] = task.to_json()
    return found


def _product(credentials: Mapping[str, Any] | None) -> str:
    return "vcf-installer" if credentials is None else "sddc-manager"


@contextmanager
def _whole_file(path: Path) -> Iterator[TextIO]:
    """A file that is at *path* when all of it was written, and nowhere before."""
    # Where a link leads to is replaced, not the link.
    with suppress(RuntimeError):  # before Python 3.13, links that lead round in a circle
        path = path.resolve()
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file: a snapshot would take its place")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as raw:
        try:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", 6, raw) as packed, io.TextIOWrapper(packed, "ascii") as file:
                    yield file
            else:
                with io.TextIOWrapper(raw, "ascii") as file:
                    yield file
            raw.close()
            Path(raw.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(raw.name).unlink()
            raise
