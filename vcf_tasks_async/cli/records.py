"""The objects of ``--json``: one kind of object for each thing there is to tell. docs/cli.md describes them.

A contract: fields are added, never renamed or removed. Server text is kept to the letter.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import vcf_tasks_async as v
from vcf_tasks_async.cli.times import iso

__all__ = [
    "cause_and_remedy",
    "of_event",
    "of_outcome",
    "of_report",
    "of_snapshot",
    "of_step",
    "of_task",
    "of_trouble",
    "state",
]


def of_task(task: v.Task, manager: str, site: str | None = None) -> dict[str, Any]:
    """A task in short: what a list, a wait and a watch tell."""
    return {
        "record": "task",
        **_where(manager, site),
        "id": task.id,
        "name": task.name,
        "type": task.type,
        **state(task),
        "progress": round(task.progress, 4),
        "retryable": task.is_retryable,
        "cancellable": task.is_cancellable,
        "cause": task.cause,
    }


def of_step(task: v.Task, path: str, step: v.SubTask | v.Stage, site: str | None = None) -> dict[str, Any]:
    """A subtask or stage, with its place in the task."""
    cause, remedy = cause_and_remedy(step)
    return {
        "record": "step",
        **({} if site is None else {"site": site}),
        "taskId": task.id,
        "path": path,
        "name": step.name,
        "type": step.type,
        **state(step),
        "cause": cause,
        "remedy": remedy,
    }


def of_event(event: v.TaskEvent, manager: str, site: str | None = None) -> dict[str, Any]:
    """Something that happened, as a watch tells it."""
    progress = event.progress
    return {
        "record": "event",
        **_where(manager, site),
        "event": event.kind.value,
        "taskId": event.task_id,
        "name": event.task.name if event.task else None,
        "path": event.path or None,
        "step": event.node.name if event.path and event.node else None,
        "before": event.before,
        "after": event.after,
        "status": event.status.value if event.after is not None else None,
        "done": progress.done if progress else None,
        "total": progress.total if progress else None,
        "cause": event.task.cause if event.task and event.kind is v.EventKind.ENDED else None,
        "error": None if event.error is None else str(event.error),
        "at": event.at.isoformat(),
    }


def of_outcome(outcome: v.Outcome, manager: str, site: str | None = None) -> dict[str, Any]:
    """What became of one target of a retry or cancel."""
    final = outcome.final
    return {
        "record": "outcome",
        **_where(manager, site),
        "taskId": outcome.task_id,
        "action": outcome.action.value,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "error": None if outcome.error is None else str(outcome.error),
        "errorCode": getattr(outcome.error, "error_code", None),
        "attempts": outcome.attempts,
        "seconds": round(outcome.elapsed, 3),
        "final": None if final is None else final.status.value,
        "cause": None if final is None else final.cause,
    }


def of_report(report: v.BulkReport, manager: str, site: str | None = None) -> dict[str, Any]:
    """All of a retry or cancel: the last line."""
    plain = report.to_json()
    return {
        "record": "report",
        **_where(manager, site),
        **{key: plain[key] for key in ("action", "counts", "ended", "duplicates", "complete", "stopped")},
        "seconds": round(report.elapsed, 3),
    }


def of_trouble(trouble: v.SiteTrouble, manager: str) -> dict[str, Any]:
    """A site of a fleet that could not do its part of a retry or cancel."""
    return {"record": "trouble", **_where(manager, trouble.site), **trouble.to_json()}


def of_snapshot(report: v.SnapshotReport, manager: str) -> dict[str, Any]:
    """What is in a snapshot, and what was replaced in it."""
    return {
        "record": "snapshot",
        "manager": manager,
        "path": report.path,
        "tasks": report.tasks,
        "credentialTasks": report.credential_tasks,
        "complete": report.complete,
        "malformed": report.malformed,
        "leftOut": list(report.left_out),
        "replaced": dict(report.replaced),
    }


def _where(manager: str, site: str | None) -> dict[str, Any]:
    return {"manager": manager} if site is None else {"manager": manager, "site": site}


def cause_and_remedy(node: v.SubTask | v.Stage | v.CredentialsSubTask) -> tuple[str | None, str | None]:
    """What a step's own errors say, and what to do about it."""
    reason = node.reason
    return (None, None) if reason is None else (reason.text, reason.remedy)


def state(node: v.Task | v.SubTask | v.Stage | v.CredentialsTask | v.CredentialsSubTask) -> dict[str, Any]:
    """The status and times of anything that has them."""
    return {
        "status": node.status.value,
        "rawStatus": node.raw_status,
        "created": iso(node.created_at),
        "completed": iso(node.completed_at),
        "seconds": _seconds(node.duration),
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
