"""Reads a snapshot of a real system, as `vcf-tasks snapshot` writes it, and makes a world of it.

Shares no code with what writes it. Read line by line, so that a hundred thousand tasks are never dicts at once.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from os import PathLike, fspath
from typing import Any, TextIO

from vcf_tasks_async.testing.bodies import Raw
from vcf_tasks_async.testing.generator import Generated

__all__ = ["Snapshot"]

_MASKED = ("oldPassword", "newPassword")


class Snapshot:
    """A snapshot file, opened: what it says of the system, and then its tasks, once.

    Args:
        path: a `.json` or `.json.gz` file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no snapshot, or one of a version that is not known here.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self._name = fspath(path)
        # Closed when the tasks have been read.
        self._file: TextIO = (
            gzip.open(path, "rt", encoding="utf-8")  # noqa: SIM115
            if self._name.endswith(".gz")
            else open(path, encoding="utf-8")  # noqa: SIM115, PTH123
        )
        try:
            self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        first = self._file.readline()
        self._whole: Raw | None = None
        if first.endswith('"credentialTasks": [\n'):
            head = self._json(first + "]}")
            credentials = list(self._lines("tasks"))
        else:
            # Somebody's formatter went over it.
            head = self._whole = self._json(first + self._file.read())
            credentials = head.get("credentialTasks") if isinstance(head, dict) else None
        if not isinstance(head, dict) or head.get("format") != "vcf-tasks-snapshot":
            raise ValueError(f"{self._name} is no snapshot: `vcf-tasks snapshot` writes them")
        if head.get("version") != 1:
            raise ValueError(f"{self._name} is a snapshot of version {head.get('version')!r}, not of 1")
        self.release: str | None = head.get("release")
        self.product: str | None = head.get("product")
        self.settings: Raw = head.get("settings") or {}
        self._credentials = {
            view["id"]: view
            for view in credentials or []
            if isinstance(view, dict) and isinstance(view.get("id"), str)
        }

    def tasks(self) -> Iterator[Generated]:
        """Its tasks in order, with the accounts of those that are credential tasks. Closes the file.

        Raises:
            ValueError: the file ends in the middle, or holds what is no JSON.
        """
        with self._file:
            found = self._lines(None) if self._whole is None else iter(self._whole.get("tasks") or [])
            for raw in found:
                view = self._credentials.pop(raw.get("id"), None) if isinstance(raw, dict) else None
                yield Generated(raw, None if view is None else _credential(view, raw))
        # Those that came or went while the snapshot was taken: a credential task is a task.
        for view in self._credentials.values():
            raw = {key: value for key, value in view.items() if key != "isAutoRotate"}
            yield Generated(raw, _credential(view, raw))

    def _lines(self, then: str | None) -> Iterator[Any]:
        """One element a line, up to the end of the list; *then* is the list that follows."""
        for line in self._file:
            if line.startswith("]"):
                if then is not None and not line.endswith(f'"{then}": [\n'):
                    break
                if then is None:
                    self._json("{" + line.lstrip("],").strip())
                return
            if line.strip():
                yield self._json(line.rstrip().removesuffix(","))
        raise ValueError(f"{self._name} ends in the middle of the snapshot: take it again")

    def _json(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"{self._name} is no snapshot: {error}") from None


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
    return {"view": view, "accounts": accounts, "type": view.get("type"), "isAutoRotate": None}


def _made_up(step: Raw, field: str) -> str:
    """A password that nobody has."""
    facts = f"{field} {step.get('id')} {step.get('resourceName')} {step.get('username')}"
    return "Sim-" + hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
