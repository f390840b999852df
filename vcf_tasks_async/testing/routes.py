"""The API's operations on tasks and tokens, and which path leads to which.

Each operation is a plain method from a `Call` to an `Answer`; what listens on a socket is `server`.
"""

from collections.abc import Callable
from typing import Any

from vcf_tasks_async.testing.bodies import Answer, Call, Raw, encode, error, error_answer
from vcf_tasks_async.testing.credentials import CredentialRoutes
from vcf_tasks_async.testing.listing import Listing, Refused
from vcf_tasks_async.testing.store import Entry
from vcf_tasks_async.testing.tokens import TokenOffice
from vcf_tasks_async.testing.world import World

__all__ = ["Api"]

Route = Callable[[Call], Answer]


class Api:
    """Answers calls. Knows tokens, tasks, credential tasks, and what each release has.

    Args:
        world: the tasks.
        tokens: who may call.
        listing: how GET /v1/tasks answers.
        release: `9.1` has task histories and settings.
        product: the VCF Installer has no credential tasks and no settings.
        reject_status: 401 or 403, for a missing or expired token.
        delete_failed: what DELETE does with a failed task: `conflict` (documented) or `remove` (seen).
        zombie_cancel: what DELETE does with a stuck task: `accept` or `error` (500, seen).
    """

    def __init__(
        self,
        world: World,
        tokens: TokenOffice,
        listing: Listing,
        *,
        release: str,
        product: str,
        reject_status: int,
        delete_failed: str,
        zombie_cancel: str,
    ) -> None:
        self._world, self._tokens, self._listing = world, tokens, listing
        self._reject_status = reject_status
        self._delete_failed, self._zombie_cancel = delete_failed, zombie_cancel
        self.retention_days = 90
        # What else a snapshot's settings had.
        self._more_settings: Raw = {}
        self._newest = release == "9.1"
        self._open: dict[tuple[str, str], Route] = {
            ("POST", "/v1/tokens"): tokens.login,
            ("PATCH", "/v1/tokens/access-token/refresh"): tokens.refresh,
            ("DELETE", "/v1/tokens/refresh-token"): tokens.revoke,
        }
        self._fixed: dict[str, dict[str, Route]] = {"/v1/tasks": {"GET": self._list}}
        self._task: dict[str, Route] = {"GET": self._get, "PATCH": self._retry, "DELETE": self._cancel}
        if self._newest:
            # GET and PATCH of this path still mean a task with the id "history".
            self._fixed["/v1/tasks/history"] = {**self._task, "DELETE": self._delete_histories}
        self._credentials: CredentialRoutes | None = None
        if product == "sddc-manager":
            self.become_sddc_manager()

    def become_sddc_manager(self) -> None:
        """Serve what the VCF Installer does not have."""
        self._credentials = CredentialRoutes(self._world)
        if self._newest:
            self._fixed["/v1/tasks/config/settings"] = {"GET": self._settings, "PATCH": self._update_settings}

    def take_settings(self, settings: Raw) -> None:
        """Serve the settings of a snapshot."""
        self._more_settings = settings
        days = settings.get("retentionDays")
        if isinstance(days, int):
            self.retention_days = days

    def answer(self, call: Call) -> Answer:
        """What the server says to *call*, once it has done what was asked."""
        self._world.advance()
        path = call.path.rstrip("/") or "/"
        entrance = self._open.get((call.method, path))
        if entrance is not None:
            return entrance(call)
        if not self._tokens.accepts(call.token):
            return self._unauthorized()
        routes = self._routes(path)
        if routes is None:
            return error_answer(404, error("NOT_FOUND", f"No handler found for {call.method} {path[:200]}"))
        route = routes.get("GET" if call.method == "HEAD" else call.method)
        if route is None:
            body = error("METHOD_NOT_ALLOWED", f"Request method '{call.method}' is not supported")
            return error_answer(405, body, {"Allow": ", ".join(sorted(routes))})
        try:
            return route(call)
        except Refused as refused:
            return refused.answer

    def _routes(self, path: str) -> dict[str, Route] | None:
        found = self._fixed.get(path)
        if found is not None:
            return found
        if path.startswith("/v1/tasks/") and path.count("/") == 3:
            return self._task
        if path.startswith("/v1/tokens"):
            return {
                method: route for (method, open_path), route in self._open.items() if open_path == path
            } or None
        if self._credentials is not None and path.startswith("/v1/credentials/tasks"):
            return self._credentials.routes(path)
        return None

    def _unauthorized(self) -> Answer:
        body = error(
            "Unauthorized",
            "Not authorized to access the resource",
            remediation="Log in again to get a new access token.",
            reference="SIMAUT",
        )
        return error_answer(self._reject_status, body)

    def _list(self, call: Call) -> Answer:
        return self._listing.answer(self._world, call.query)

    def _get(self, call: Call) -> Answer:
        entry = self._find(call)
        return Answer(200, self._world.encoded(entry, live=False))

    def _retry(self, call: Call) -> Answer:
        entry = self._find(call)
        refusal = None
        raw = self._world.raw(entry)
        if entry.exposed:
            entry.index()
        if entry.credential is not None:
            refusal = "Credential tasks are retried through the credentials API"
        elif entry.status != "FAILED":
            refusal = f"Only a failed task can be retried, this one is {raw.get('status')}"
        elif raw.get("isRetryable") is False:
            refusal = "The task is not eligible for retry"
        if refusal is not None:
            return _conflict("TA_TASK_CAN_NOT_BE_RETRIED", "Task cannot be retried", refusal, entry)
        self._world.retry(entry)
        return Answer(200, content_type=None)

    def _cancel(self, call: Call) -> Answer:
        entry = self._find(call)
        raw = self._world.raw(entry)
        if entry.exposed:
            entry.index()
        if entry.status == "FAILED" and self._delete_failed == "remove":
            self._world.purge(entry)
            return Answer(200, content_type=None)
        if entry.status != "IN_PROGRESS" or raw.get("isCancellable") is False:
            refusal = f"Only a task in progress can be cancelled, this one is {raw.get('status')}"
            return _conflict("TA_TASK_CAN_NOT_BE_CANCELLED", "Task cannot be cancelled", refusal, entry)
        if entry.zombie and self._zombie_cancel == "error":
            nested = error(
                "TA_WORKFLOW_NOT_FOUND", f"No workflow runs for task {entry.id}", reference="SIMZOM"
            )
            body = error(
                "TA_TASK_CANCEL_FAILED", "Failed to cancel the task", nested=[nested], reference="SIMZOM"
            )
            return error_answer(500, body)
        self._world.cancel(entry)
        return Answer(200, content_type=None)

    def _delete_histories(self, call: Call) -> Answer:
        wanted = _object(call).get("taskIds")
        if (
            not isinstance(wanted, list)
            or not wanted
            or not all(isinstance(task_id, str) for task_id in wanted)
        ):
            raise Refused(400, "BAD_REQUEST", "taskIds must be a list of one or more task ids")
        successful: list[str] = []
        failed: list[Raw] = []
        for task_id in wanted:
            entry = self._world.entries.get(task_id)
            if entry is None:
                failed.append(
                    {"taskId": task_id, "errorCode": "TA_TASK_NOT_FOUND", "message": "Task not found"}
                )
            elif not self._immutable(entry):
                text = f"Task is {entry.status} and may still change"
                failed.append({"taskId": task_id, "errorCode": "TA_TASK_NOT_IMMUTABLE", "message": text})
            else:
                self._world.purge(entry)
                successful.append(task_id)
        return Answer(200, encode({"successful": successful, "failed": failed}))

    def _immutable(self, entry: Entry) -> bool:
        """Ended for good: done, or failed without a way to retry it."""
        raw = self._world.raw(entry)
        if entry.exposed:
            entry.index()
        if entry.status == "FAILED":
            return raw.get("isRetryable") is False
        return entry.status in ("SUCCESSFUL", "COMPLETED_WITH_WARNING", "CANCELLED", "SKIPPED", "TIMED_OUT")

    def _settings(self, call: Call) -> Answer:
        return Answer(200, encode({**self._more_settings, "retentionDays": self.retention_days}))

    def _update_settings(self, call: Call) -> Answer:
        days = _object(call).get("retentionDays")
        if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= 730:
            raise Refused(400, "BAD_REQUEST", "retentionDays must be a whole number from 1 to 730")
        self.retention_days = days
        return self._settings(call)

    def _find(self, call: Call) -> Entry:
        task_id = call.segment(2)
        entry = self._world.entries.get(task_id)
        if entry is None:
            raise Refused(404, "TA_TASK_NOT_FOUND", f"Task with id {task_id[:128]} not found")
        return entry


def _object(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "BAD_REQUEST", "The body must be a JSON object")
    return body


def _conflict(code: str, message: str, why: str, entry: Entry) -> Answer:
    body = error(
        code,
        message,
        remediation="Look at the task before trying again.",
        arguments=[entry.id],
        nested=[error(code, why, arguments=[entry.id], reference="SIMCON")],
        reference="SIMCON",
    )
    return error_answer(409, body)
