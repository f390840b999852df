"""The asyncio client for the Tasks API of VMware Cloud Foundation's SDDC Manager.

Names are imported when they are first used, so that ``import vcf_tasks_async`` costs nothing by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vcf_tasks_async.address import Tls
    from vcf_tasks_async.auth import ApiKeyAuth, BearerAuth, IdTokenAuth, PasswordAuth
    from vcf_tasks_async.bulk import BulkRun
    from vcf_tasks_async.collection import TaskCollection
    from vcf_tasks_async.credential_models import (
        AutoRotatePolicy,
        BaseCredential,
        CredentialsSubTask,
        CredentialsTask,
        CredentialsUpdateSpec,
        ResourceCredentials,
    )
    from vcf_tasks_async.credential_spec import read_spec
    from vcf_tasks_async.credential_stream import CredentialsStream
    from vcf_tasks_async.credentials import Credentials
    from vcf_tasks_async.errors import (
        ApiError,
        BadRequest,
        DeadlineError,
        DecodeError,
        Forbidden,
        NotSentError,
        OutcomeUnknownError,
        RateLimited,
        ServerError,
        TaskConflict,
        TaskFailed,
        TaskGone,
        TaskNotFound,
        TaskStalled,
        TransportError,
        Unauthorized,
        UnsupportedError,
        UsageError,
        VcfTasksError,
        WaitError,
        WaitTimeout,
    )
    from vcf_tasks_async.events import EventKind, Progress, TaskEvent
    from vcf_tasks_async.filters import TaskFilter
    from vcf_tasks_async.fleet import Fleet
    from vcf_tasks_async.fleet_bulk import FleetRun
    from vcf_tasks_async.fleet_reading import FleetStream, FleetWaits
    from vcf_tasks_async.fleet_report import FleetFailures, FleetReport
    from vcf_tasks_async.fleet_watch import FleetWatch
    from vcf_tasks_async.histories import HistoryDeletion
    from vcf_tasks_async.judgement import Action
    from vcf_tasks_async.models import (
        DocumentationLink,
        HistoryFailure,
        MessagePack,
        PageMetadata,
        Resource,
        Stage,
        SubTask,
        Task,
        TaskPage,
        TaskSettings,
    )
    from vcf_tasks_async.outcomes import BulkFailures, BulkReport, Outcome, Result
    from vcf_tasks_async.policy import Policy, Polling
    from vcf_tasks_async.secret import Secret
    from vcf_tasks_async.secret_sources import CommandSecret, EnvSecret, FileSecret
    from vcf_tasks_async.session import TaskSession
    from vcf_tasks_async.sites import Site, SiteEvent, SiteOutcome, SiteTask, SiteTrouble, SiteTroubles
    from vcf_tasks_async.slots import Limiter
    from vcf_tasks_async.snapshots import SnapshotReport, write_snapshot
    from vcf_tasks_async.status import Status
    from vcf_tasks_async.steps import ErrorCause, ErrorDetail, Failure, ValidationNotification
    from vcf_tasks_async.stream import TaskStream
    from vcf_tasks_async.text import inert
    from vcf_tasks_async.wait_many import TaskWaits
    from vcf_tasks_async.watch import TaskWatch

__all__ = [
    "Action",
    "ApiError",
    "ApiKeyAuth",
    "AutoRotatePolicy",
    "BadRequest",
    "BaseCredential",
    "BearerAuth",
    "BulkFailures",
    "BulkReport",
    "BulkRun",
    "CommandSecret",
    "Credentials",
    "CredentialsStream",
    "CredentialsSubTask",
    "CredentialsTask",
    "CredentialsUpdateSpec",
    "DeadlineError",
    "DecodeError",
    "DocumentationLink",
    "EnvSecret",
    "ErrorCause",
    "ErrorDetail",
    "EventKind",
    "Failure",
    "FileSecret",
    "Fleet",
    "FleetFailures",
    "FleetReport",
    "FleetRun",
    "FleetStream",
    "FleetWaits",
    "FleetWatch",
    "Forbidden",
    "HistoryDeletion",
    "HistoryFailure",
    "IdTokenAuth",
    "Limiter",
    "MessagePack",
    "NotSentError",
    "Outcome",
    "OutcomeUnknownError",
    "PageMetadata",
    "PasswordAuth",
    "Policy",
    "Polling",
    "Progress",
    "RateLimited",
    "Resource",
    "ResourceCredentials",
    "Result",
    "Secret",
    "ServerError",
    "Site",
    "SiteEvent",
    "SiteOutcome",
    "SiteTask",
    "SiteTrouble",
    "SiteTroubles",
    "SnapshotReport",
    "Stage",
    "Status",
    "SubTask",
    "Task",
    "TaskCollection",
    "TaskConflict",
    "TaskEvent",
    "TaskFailed",
    "TaskFilter",
    "TaskGone",
    "TaskNotFound",
    "TaskPage",
    "TaskSession",
    "TaskSettings",
    "TaskStalled",
    "TaskStream",
    "TaskWaits",
    "TaskWatch",
    "Tls",
    "TransportError",
    "Unauthorized",
    "UnsupportedError",
    "UsageError",
    "ValidationNotification",
    "VcfTasksError",
    "WaitError",
    "WaitTimeout",
    "inert",
    "read_spec",
    "write_snapshot",
]

_ROOMS = {
    "address": ("Tls",),
    "auth": ("ApiKeyAuth", "BearerAuth", "IdTokenAuth", "PasswordAuth"),
    "bulk": ("BulkRun",),
    "collection": ("TaskCollection",),
    "credential_models": (
        "AutoRotatePolicy", "BaseCredential", "CredentialsSubTask", "CredentialsTask",
        "CredentialsUpdateSpec", "ResourceCredentials",
    ),
    "credential_spec": ("read_spec",),
    "credential_stream": ("CredentialsStream",),
    "credentials": ("Credentials",),
    "errors": (
        "ApiError", "BadRequest", "DeadlineError", "DecodeError", "Forbidden", "NotSentError",
        "OutcomeUnknownError", "RateLimited", "ServerError", "TaskConflict", "TaskFailed", "TaskGone",
        "TaskNotFound", "TaskStalled", "TransportError", "Unauthorized", "UnsupportedError", "UsageError",
        "VcfTasksError", "WaitError", "WaitTimeout",
    ),
    "events": ("EventKind", "Progress", "TaskEvent"),
    "fleet": ("Fleet",),
    "fleet_bulk": ("FleetRun",),
    "fleet_reading": ("FleetStream", "FleetWaits"),
    "fleet_report": ("FleetFailures", "FleetReport"),
    "fleet_watch": ("FleetWatch",),
    "secret_sources": ("CommandSecret", "EnvSecret", "FileSecret"),
    "sites": ("Site", "SiteEvent", "SiteOutcome", "SiteTask", "SiteTrouble", "SiteTroubles"),
    "slots": ("Limiter",),
    "filters": ("TaskFilter",),
    "models": (
        "DocumentationLink", "HistoryFailure", "MessagePack", "PageMetadata", "Resource", "Stage", "SubTask",
        "Task", "TaskPage", "TaskSettings",
    ),
    "outcomes": ("BulkFailures", "BulkReport", "Outcome", "Result"),
    "histories": ("HistoryDeletion",),
    "judgement": ("Action",),
    "policy": ("Policy", "Polling"),
    "secret": ("Secret",),
    "session": ("TaskSession",),
    "snapshots": ("SnapshotReport", "write_snapshot"),
    "status": ("Status",),
    "steps": ("ErrorCause", "ErrorDetail", "Failure", "ValidationNotification"),
    "stream": ("TaskStream",),
    "text": ("inert",),
    "wait_many": ("TaskWaits",),
    "watch": ("TaskWatch",),
}  # fmt: skip
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    room = "version" if name == "__version__" else _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{room}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
