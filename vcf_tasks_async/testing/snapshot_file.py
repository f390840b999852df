"""Reads a snapshot of a real system, as `write_snapshot` writes it, and makes a world of it.

Shares no code with what writes it. Read line by line: a hundred thousand tasks
are never dicts at once.
"""

import gzip
import hashlib
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


class Snapshot:
    """A snapshot file, opened: what it says of the system, and then its tasks, once.

    Args:
        path: a `.json` or `.json.gz` file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no snapshot, or one of a version that is not known here, or not whole.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._name = fspath(path)
        head, credentials, self._whole = self._read()
        if head.get("format") != "vcf-tasks-snapshot":
            raise ValueError(f"{self._name} is no snapshot: `vcf-tasks snapshot` writes them")
        if head.get("version") != 1:
            raise ValueError(f"{self._name} is a snapshot of version {head.get('version')!r}, not of 1")
        #: None where it does not say, or says what no simulator is.
        self.known_release: Release | None = _RELEASES.get(head.get("release") or "")
        self.known_product: Product | None = _PRODUCTS.get(head.get("product") or "")
        self.settings: Raw = head.get("settings") or {}
        self._credentials = {
            view["id"]: view
            for view in credentials
            if isinstance(view, dict) and isinstance(view.get("id"), str)
        }

    def tasks(self) -> Iterator[Generated]:
        """Its tasks in order, with the accounts of those that are credential tasks.

        Raises:
            ValueError: it holds what is no JSON.
        """
        views = dict(self._credentials)
        for raw in self._tasks() if self._whole is None else self._whole:
            view = views.pop(raw.get("id"), None) if isinstance(raw, dict) else None
            yield Generated(raw, None if view is None else _credential(view, raw))
        # Those that came or went while the snapshot was taken: a credential task is a task.
        for view in views.values():
            raw = _as_task(view)
            yield Generated(raw, _credential(view, raw))

    def _read(self) -> tuple[Raw, list[Any], list[Any] | None]:
        """The head, the credential tasks and, where they stand on one line, the tasks."""
        with self._file() as file:
            first = file.readline()
            if first.endswith(_TASKS):
                for line in file:
                    if line == _CREDENTIALS:
                        break
                credentials = list(self._elements(file))
                return self._json(first + "]}"), credentials, None
            # Somebody's formatter went over it.
            head = self._json(first + file.read())
        if not isinstance(head, dict):
            head = {}
        return head, head.get("credentialTasks") or [], head.get("tasks") or []

    def _tasks(self) -> Iterator[Any]:
        with self._file() as file:
            file.readline()
            yield from self._elements(file)

    @contextmanager
    def _file(self) -> Iterator[TextIO]:
        packed = self._name.endswith(".gz")
        with (
            gzip.open(self._name, "rt", encoding="utf-8")
            if packed
            else Path(self._name).open(encoding="utf-8") as file
        ):
            try:
                yield file
            except (EOFError, zlib.error):
                raise self._cut() from None
            except (gzip.BadGzipFile, UnicodeDecodeError) as error:
                raise ValueError(f"{self._name} is no snapshot: {error}") from None

    def _elements(self, file: TextIO) -> Iterator[Any]:
        """One element a line, up to the end of the list."""
        for line in file:
            if line.startswith("]"):
                if line != _CREDENTIALS:
                    self._json("{" + line.lstrip("],"))
                return
            if line.strip():
                yield self._json(line.rstrip().removesuffix(","))
        raise self._cut()

    def _cut(self) -> ValueError:
        return ValueError(f"{self._name} ends in the middle of the snapshot: take it again")

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self._name} is no snapshot: {error}") from None


def _as_task(view: Raw) -> Raw:
    """A credential task as `/v1/tasks` shows it: without its accounts."""
    steps = [
        {key: value for key, value in step.items() if key not in _MASKED}
        for step in view.get("subTasks") or []
        if isinstance(step, dict)
    ]
    return {**{key: value for key, value in view.items() if key != "isAutoRotate"}, "subTasks": steps}


def _credential(view: Raw, raw: Raw) -> Raw:
    """What `/v1/credentials/tasks` needs to know: the view as it was, and the accounts behind its steps."""
    resources = [item for item in raw.get("resources") or [] if isinstance(item, dict)]
    by_name = {item.get("fqdn"): item.get("resourceId") for item in resources}
    accounts = []
    for step in view.get("subTasks") or []:
        if not isinstance(step, dict):
            continue
        for field in _MASKED:
            if field in step:
                # Not the mask: a retry with it would be refused as none.
                step[field] = _made_up(step, field)
        name = step.get("resourceName") or ""
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
