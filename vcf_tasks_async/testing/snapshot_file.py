"""Reads a snapshot of a real system, as `write_snapshot` writes it, and makes a world of it.

Shares no code with what writes it. Read line by line: a hundred thousand tasks
are never dicts at once.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, TextIO

from vcf_tasks_async.testing.bodies import Raw
from vcf_tasks_async.testing.generator import Generated

__all__ = ["Product", "Release", "Snapshot"]

Release = Literal["4.5", "5.2", "9.0", "9.1"]
Product = Literal["sddc-manager", "vcf-installer"]
_RELEASES: dict[str, Release] = {"4.5": "4.5", "5.2": "5.2", "9.0": "9.0", "9.1": "9.1"}
_PRODUCTS: dict[str, Product] = {"sddc-manager": "sddc-manager", "vcf-installer": "vcf-installer"}
# Lists stand one element a line; these lines begin the first of them, and end it.
_TASKS, _CREDENTIALS = '"tasks": [\n', '], "credentialTasks": [\n'
_MASKED = ("oldPassword", "newPassword")
_FORMAT = "vcf-tasks-snapshot"
_GZIP = b"\x1f\x8b"
# Characters in a line, lines, and characters where somebody's formatter left no lines: beyond these it is no
# system, and a few packed kilobytes can be gigabytes.
_LONGEST, _MOST_LINES, _LARGEST = 2**26, 2_000_000, 2**29


class Snapshot:
    """A snapshot file, opened: what it says of the system, and then its tasks, once.

    Args:
        path: the file, packed or not, whatever its name.

    Raises:
        OSError: it can't be read.
        ValueError: it is no snapshot, or one of a version that is not known here, or not whole.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._name = fspath(path)
        head, credentials, self._whole = self._read()
        if head.get("format") != _FORMAT:
            raise self._none()
        if head.get("version") != 1:
            raise ValueError(f"{self._name} is a snapshot of version {head.get('version')!r}, not of 1")
        #: None where it does not say, or says what no simulator is.
        self.known_release: Release | None = _RELEASES.get(_text(head.get("release")))
        self.known_product: Product | None = _PRODUCTS.get(_text(head.get("product")))
        settings = head.get("settings")
        self.settings: Raw = settings if isinstance(settings, dict) else {}
        self._credentials = {
            view["id"]: view for view in _objects(credentials) if isinstance(view.get("id"), str)
        }

    def tasks(self) -> Iterator[Generated]:
        """Its tasks in order, with the accounts of those that are credential tasks.

        Raises:
            ValueError: it holds what is no JSON.
        """
        views = dict(self._credentials)
        for raw in self._tasks() if self._whole is None else self._whole:
            view = views.pop(_text(raw.get("id")), None) if isinstance(raw, dict) else None
            yield Generated(raw, None if view is None else _credential(view, raw))
        # Those that came or went while the snapshot was taken: a credential task is a task.
        for view in views.values():
            raw = _as_task(view)
            yield Generated(raw, _credential(view, raw))

    def _read(self) -> tuple[Raw, list[Any], list[Any] | None]:
        """The head, the credential tasks and, where they stand on one line, the tasks."""
        with self._file() as file:
            first = file.readline(_LONGEST)
            if first.endswith(_TASKS):
                for line in self._lines(file):
                    if line == _CREDENTIALS:
                        break
                credentials = list(self._elements(file))
                return self._json(first + "]}"), credentials, None
            # Somebody's formatter went over it.
            text = first + file.read(_LARGEST) if first.lstrip()[:1] in ("{", "") else first
            if file.read(1) and _FORMAT in text:
                raise self._too_large()
        if _FORMAT not in text:
            raise self._none()
        head = self._json(text)
        if not isinstance(head, dict):
            head = {}
        return head, self._list(head, "credentialTasks"), self._list(head, "tasks")

    def _list(self, head: Raw, name: str) -> list[Any]:
        found = head.get(name) or []
        if isinstance(found, list):
            return found
        raise ValueError(f"{self._name} is no snapshot: its {name} are no list")

    def _tasks(self) -> Iterator[Any]:
        with self._file() as file:
            file.readline()
            yield from self._elements(file)

    @contextmanager
    def _file(self) -> Iterator[TextIO]:
        with Path(self._name).open("rb") as raw:
            packed = raw.peek(2)[:2] == _GZIP
            file = io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, "utf-8")
            try:
                yield file
            except (EOFError, zlib.error):
                raise self._cut() from None
            except (gzip.BadGzipFile, UnicodeDecodeError) as error:
                raise ValueError(f"{self._name} is no snapshot: {error}") from None

    def _elements(self, file: TextIO) -> Iterator[Any]:
        """One element a line, up to the end of the list."""
        for line in self._lines(file):
            if line.startswith("]"):
                if line != _CREDENTIALS:
                    self._json("{" + line.lstrip("],"))
                return
            if line.strip():
                yield self._json(line.rstrip().removesuffix(","))
        raise self._cut()

    def _lines(self, file: TextIO) -> Iterator[str]:
        for _ in range(_MOST_LINES):
            line = file.readline(_LONGEST)
            if not line:
                return
            if len(line) == _LONGEST:
                break
            yield line
        raise self._too_large()

    def _none(self) -> ValueError:
        return ValueError(f"{self._name} is no snapshot: `vcf-tasks snapshot` writes them")

    def _too_large(self) -> ValueError:
        return ValueError(f"{self._name} is no snapshot of a system: it is too large for one")

    def _cut(self) -> ValueError:
        return ValueError(f"{self._name} ends in the middle of the snapshot: take it again")

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self._name} is no snapshot: {error}") from None


def _text(value: Any) -> str:
    """*value*; nothing where it is no text."""
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[Raw]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _as_task(view: Raw) -> Raw:
    """A credential task as `/v1/tasks` shows it: without its accounts."""
    steps = [
        {key: value for key, value in step.items() if key not in _MASKED}
        for step in _objects(view.get("subTasks"))
    ]
    return {**{key: value for key, value in view.items() if key != "isAutoRotate"}, "subTasks": steps}


def _credential(view: Raw, raw: Raw) -> Raw:
    """What `/v1/credentials/tasks` needs to know: the view as it was, and the accounts behind its steps."""
    by_name = {_text(item.get("fqdn")): item.get("resourceId") for item in _objects(raw.get("resources"))}
    accounts = []
    for step in _objects(view.get("subTasks")):
        for field in _MASKED:
            if field in step:
                # Not the mask: a retry with it would be refused as none.
                step[field] = _made_up(step, field)
        name = _text(step.get("resourceName"))
        accounts.append(
            {
                "resourceId": by_name.get(name) or f"resource-of-{name}",
                "resourceName": name,
                "entityType": step.get("entityType"),
                "credentialType": step.get("credentialType"),
                "username": step.get("username"),
                "newPassword": step.get("newPassword") or _made_up(step, "newPassword"),
            }
        )
    return {"view": view, "accounts": accounts}


def _made_up(step: Raw, field: str) -> str:
    """A password that nobody has."""
    facts = f"{field} {step.get('id')} {step.get('resourceName')} {step.get('username')}"
    return "Sim-" + hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
