"""The exception tree: what failed, what the server said, what to do next, in one line.

Every error pickles (a fleet's workers send them home) and keeps its facts as attributes. None ever
holds a header, a body or a secret: whoever raises puts only sanitised text in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vcf_tasks_async.models import Task
    from vcf_tasks_async.steps import ErrorDetail


class VcfTasksError(Exception):
    """Whatever this library raises.

    Attributes:
        manager: host (and port, where it is not the usual one) of the SDDC Manager, or None.
        method: HTTP method of the call that failed, or None.
        path: URL path of the call that failed, without its query, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        manager: str | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.manager = manager
        self.method = method
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class with the message alone and lose every keyword.
        return _revive, (type(self), self.args, self.__dict__)

    def __copy__(self) -> VcfTasksError:
        # Without its traceback, whose frames have locals; tblib (with Dask) would have it copied as well.
        return _revive(type(self), self.args, self.__dict__)


def _revive(cls: type[VcfTasksError], args: tuple[Any, ...], state: dict[str, Any]) -> VcfTasksError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(VcfTasksError):
    """The library was called wrongly; nothing went over the wire. The text says how to do it right."""


class TransportError(VcfTasksError):
    """No usable answer came.

    Attributes:
        attempts: how often the request was tried (1 or more; 0 when it never left).
    """

    def __init__(self, message: str, *, attempts: int = 0, **where: Any) -> None:
        super().__init__(message, **where)
        self.attempts = attempts


class NotSentError(TransportError):
    """The request never reached the server (refused, DNS, TLS): it is safe to do it again."""


class OutcomeUnknownError(TransportError):
    """The request was sent and its answer lost: a write may or may not have been applied."""


class DeadlineError(TransportError, TimeoutError):
    """The call's deadline passed, counting the wait for a slot, all attempts and the pauses between."""


class ApiError(VcfTasksError):
    """SDDC Manager answered, and the answer is no.

    Attributes:
        status: the HTTP status.
        error_code: the server's code, such as ``TA_TASK_CAN_NOT_BE_RETRIED``, or None.
        message: the server's words, or None.
        remediation: what the server advises, or None.
        reference_token: what VMware's support asks for, or None.
        nested: the nested errors; the useful text is often only there.
        detail: the whole decoded error body, or None when it had none.
        retry_after: seconds the server asked to wait, or None.
        attempts: how often the request was tried.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        detail: ErrorDetail | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.attempts = attempts

    @property
    def error_code(self) -> str | None:
        return self.detail.error_code if self.detail else None

    @property
    def message(self) -> str | None:
        return self.detail.message if self.detail else None

    @property
    def remediation(self) -> str | None:
        return self.detail.remediation_message if self.detail else None

    @property
    def reference_token(self) -> str | None:
        return self.detail.reference_token if self.detail else None

    @property
    def nested(self) -> tuple[ErrorDetail, ...]:
        return self.detail.nested_errors if self.detail else ()


class BadRequest(ApiError):
    """400, or another 4xx without a class of its own: the request as such was refused."""


class Unauthorized(ApiError):
    """401: the login was refused, or a fresh token was."""


class Forbidden(ApiError):
    """403: this account may not do that, or too many credential operations run at once."""


class TaskNotFound(ApiError):
    """404 in JSON: there is no such task (any more)."""


class TaskConflict(ApiError):
    """409: the task's state does not allow it."""


class RateLimited(ApiError):
    """429: too many requests, as something between us and SDDC Manager sees it."""


class ServerError(ApiError):
    """5xx, or a front end that answers for a service that is not ready."""


class UnsupportedError(ApiError):
    """This release (or product) does not have what was asked for.

    Attributes:
        needs: what has it: a release, such as ``9.1``, or ``SDDC Manager`` where a VCF Installer answered.
    """

    def __init__(self, message: str, *, needs: str | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.needs = needs


class DecodeError(VcfTasksError):
    """An answer, or one element of it, is not what the API promises.

    Attributes:
        json_path: where, such as ``$.elements[3].subTasks[2].status``.
        task_id: the id of the task it belongs to, where it could be read.
        sample: a few sanitised characters of what stood there.
        not_json: it is no JSON at all, as when something in between answers; asking again may help.
    """

    def __init__(
        self,
        message: str,
        *,
        json_path: str = "$",
        task_id: str | None = None,
        sample: str = "",
        not_json: bool = False,
        **where: Any,
    ) -> None:
        super().__init__(message, **where)
        self.json_path = json_path
        self.task_id = task_id
        self.sample = sample
        self.not_json = not_json


class WaitError(VcfTasksError):
    """A wait that did not end as hoped.

    Attributes:
        task: the task as it was last seen, or None when it never was.
    """

    def __init__(self, message: str, *, task: Task | None = None, **where: Any) -> None:
        super().__init__(message, **where)
        self.task = task


class TaskFailed(WaitError):
    """The task ended, and not well."""


class TaskGone(WaitError):
    """The task is no longer known: purged, or its record was removed."""


class TaskStalled(WaitError):
    """The task runs, but has shown no change for longer than was allowed. It may still go on."""


class WaitTimeout(WaitError, TimeoutError):
    """Time ran out first. The task goes on; wait again with its id."""
