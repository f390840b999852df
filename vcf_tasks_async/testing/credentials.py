"""Credential (password) tasks: the same tasks seen through /v1/credentials/tasks, passwords included.

Their rules differ from those of /v1/tasks: a retry needs a body, cancelling is for failed ones, and
no more than ten run at once.
"""

from collections.abc import Callable
from typing import Any

from vcf_tasks_async.testing.bodies import Answer, Call, Raw, encode, error, error_answer
from vcf_tasks_async.testing.listing import Refused
from vcf_tasks_async.testing.spelling import canonical
from vcf_tasks_async.testing.store import Entry
from vcf_tasks_async.testing.world import World

__all__ = ["CredentialRoutes"]

#: So many credential operations may run at once.
MAX_RUNNING = 10

Route = Callable[[Call], Answer]


class CredentialRoutes:
    """The operations under /v1/credentials/tasks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._one: dict[str, Route] = {"GET": self._get, "PATCH": self._retry, "DELETE": self._cancel}

    def routes(self, path: str) -> dict[str, Route] | None:
        """What *path* leads to, by method; None when there is no such path."""
        parts = path.split("/")[4:]
        match parts:
            case []:
                return {"GET": self._list}
            case [_]:
                return self._one
            case [_, "subtasks", _]:
                return {"GET": self._subtask}
            case [_, "resource-credentials"]:
                return {"GET": self._resource_credentials}
        return None

    def _list(self, call: Call) -> Answer:
        text = call.query.get("limit")
        if text is not None and not (text.isascii() and text.isdigit()):
            raise Refused(400, "BAD_REQUEST", f"limit must be a whole number, not {text[:40]!r}")
        found = self._all()
        shown = found if text is None else found[: int(text)]
        metadata = {"pageNumber": 0, "pageSize": len(shown), "totalElements": len(found), "totalPages": 1}
        return Answer(200, encode({"elements": [self._view(e) for e in shown], "pageMetadata": metadata}))

    def _get(self, call: Call) -> Answer:
        return Answer(200, encode(self._view(self._find(call))))

    def _subtask(self, call: Call) -> Answer:
        """The document says CredentialsTask: the task, with only this subtask in it."""
        view, wanted = self._view(self._find(call)), call.segment(5)
        view["subTasks"] = [subtask for subtask in view["subTasks"] if subtask.get("id") == wanted]
        if not view["subTasks"]:
            raise Refused(400, "CREDENTIALS_SUBTASK_NOT_FOUND", f"Subtask with id {wanted[:128]} not found")
        return Answer(200, encode(view))

    def _resource_credentials(self, call: Call) -> Answer:
        found: dict[str, Raw] = {}
        for account in _accounts(self._find(call)):
            resource = found.setdefault(
                account["resourceId"],
                {
                    "resourceName": account["resourceName"],
                    "resourceId": account["resourceId"],
                    "resourceType": account["entityType"],
                    "credentials": [],
                },
            )
            resource["credentials"].append(
                {
                    "credentialType": account["credentialType"],
                    "accountType": "SYSTEM",
                    "username": account["username"],
                    "password": account["newPassword"],
                }
            )
        return Answer(200, encode(list(found.values())))

    def _retry(self, call: Call) -> Answer:
        entry = self._find(call)
        _check_update_spec(call)
        if entry.status != "FAILED":
            raise Refused(400, "CREDENTIALS_TASK_NOT_FAILED", "Only a failed credential task can be retried")
        running = sum(1 for other in self._all() if other.status == "IN_PROGRESS")
        if running >= MAX_RUNNING:
            body = error(
                "CREDENTIALS_OPERATION_LIMIT",
                f"{running} credential operations are running, no more than {MAX_RUNNING} may",
                remediation="Wait until one of them has ended.",
                reference="SIMCRE",
            )
            return error_answer(403, body)
        self._world.retry(entry)
        return Answer(202, self._world.encoded(entry))

    def _cancel(self, call: Call) -> Answer:
        entry = self._find(call)
        if entry.status != "FAILED":
            raise Refused(
                400, "CREDENTIALS_TASK_NOT_FAILED", "Only a failed credential task can be cancelled"
            )
        self._world.set_status(entry, "CANCELLED")
        return Answer(202, self._world.encoded(entry))

    def _all(self) -> list[Entry]:
        return self._world.select("credentials", lambda entry: entry.credential is not None)

    def _find(self, call: Call) -> Entry:
        entry = self._world.entries.get(call.segment(3))
        if entry is None or entry.credential is None:
            # The document knows no 404 here.
            raise Refused(
                400, "CREDENTIALS_TASK_NOT_FOUND", f"Credential task {call.segment(3)[:128]} not found"
            )
        self._world.raw(entry)
        entry.index()
        return entry

    def _view(self, entry: Entry) -> Raw:
        """The task as a CredentialsTask."""
        raw = self._world.raw(entry)
        credential = entry.credential or {}
        if "view" in credential:
            view = _brought_up(credential["view"], raw)
            entry.settle()
            return view
        view = {
            "id": raw["id"],
            "name": raw["name"],
            "type": credential["type"],
            "creationTimestamp": raw["creationTimestamp"],
            "status": _status(raw),
            "subTasks": [
                _subtask_view(subtask, account)
                for subtask, account in zip(raw["subTasks"], _accounts(entry), strict=False)
            ],
            "errors": raw.get("errors", []),
            "isAutoRotate": credential["isAutoRotate"],
        }
        if "completionTimestamp" in raw:
            view["completionTimestamp"] = raw["completionTimestamp"]
        entry.settle()
        return view


def _brought_up(known: Raw, raw: Raw) -> Raw:
    """A view that came with a snapshot: as it came, until the task goes on."""
    steps: list[Raw] = [dict(step) for step in known.get("subTasks") or []]
    view: Raw = {**known, "subTasks": steps}
    alive: list[Raw] = raw.get("subTasks") or []
    for shown, live in zip([view, *steps], [raw, *alive], strict=False):
        if _status(shown) != _status(live):
            shown.update((key, live[key]) for key in ("completionTimestamp", "errors") if key in live)
            shown["status"] = _status(live)
            if "completionTimestamp" not in live:
                shown.pop("completionTimestamp", None)
    return view


def _subtask_view(subtask: Raw, account: Raw) -> Raw:
    view = {key: value for key, value in account.items() if key != "resourceId"}
    view.update((key, subtask[key]) for key in _SHARED if key in subtask)
    view["status"] = _status(subtask)
    return view


def _accounts(entry: Entry) -> list[Raw]:
    accounts: list[Raw] = (entry.credential or {}).get("accounts", [])
    return accounts


def _status(raw: Raw) -> str:
    word = canonical(raw.get("status"))
    return {"CANCELLED": "USER_CANCELLED", "SKIPPED": "USER_CANCELLED", "QUEUED": "PENDING"}.get(word, word)


def _check_update_spec(call: Call) -> None:
    """Refuse what is not a CredentialsUpdateSpec."""
    try:
        spec: Any = call.json()
    except ValueError:
        spec = None
    elements = spec.get("elements") if isinstance(spec, dict) else None
    if not isinstance(elements, list) or not isinstance(spec.get("operationType"), str):
        raise Refused(
            400, "BAD_REQUEST", "The body must be a CredentialsUpdateSpec with operationType and elements"
        )
    for element in elements:
        credentials = element.get("credentials") if isinstance(element, dict) else None
        if not isinstance(credentials, list) or not isinstance(element.get("resourceType"), str):
            raise Refused(400, "BAD_REQUEST", "Each element needs a resourceType and credentials")
        if not all(isinstance(item, dict) and isinstance(item.get("username"), str) for item in credentials):
            raise Refused(400, "BAD_REQUEST", "Each credential needs a username")


_SHARED = ("name", "description", "creationTimestamp", "completionTimestamp", "errors")
