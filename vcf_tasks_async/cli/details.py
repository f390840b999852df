"""Tasks in detail, as text: their facts, their errors, and their subtasks and stages as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import vcf_tasks_async as v
from vcf_tasks_async.cli.output import Output, clean, clip
from vcf_tasks_async.cli.records import cause_and_remedy
from vcf_tasks_async.cli.search import label
from vcf_tasks_async.cli.shares import status_style
from vcf_tasks_async.cli.times import short

__all__ = ["show_facts", "show_heading", "show_tree"]

if TYPE_CHECKING:
    Step = v.SubTask | v.Stage


def show_heading(task: v.Task, out: Output, site: str | None = None) -> None:
    """The task's name and status, and in a fleet its site."""
    out.line(out.style(clean(task.name) or "without a name", "bold"))
    out.line(f"{_status(task, out)}{_took(task)}  {label(site, task.id)}")


def show_facts(task: v.Task, out: Output) -> None:
    """Everything of a task that is not in its subtasks."""
    facts = [
        ("type", clean(task.type)),
        ("created", _when(task.creation_timestamp, task.created_at)),
        ("ended", _when(task.completion_timestamp, task.completed_at) if task.is_ended else ""),
        ("progress", f"{task.progress:.0%} of {len(task.sub_tasks)} subtasks" if task.sub_tasks else ""),
        ("resolution", clean(task.resolution_status)),
        ("can be", _may(task)),
        *(("resource", _resource(resource)) for resource in task.resources),
    ]
    for name, text in facts:
        if text:
            out.line(f"  {_label(name, out)}{text}")
    cause = clean(task.cause)
    if cause:
        out.line(f"  {_label('cause', out)}{out.style(cause, 'red')}")
    for error in task.errors:
        _show_error(error, out)


def _label(name: str, out: Output) -> str:
    return out.style(f"{name:<11}", "dim")


def _show_error(error: v.ErrorDetail, out: Output) -> None:
    out.line(f"  {_label('error', out)}{clean(error.error_code) or 'without a code'}")
    rows = [
        ("message", error.message),
        ("remedy", error.remediation_message),
        ("token", error.reference_token),
    ]
    for name, text in rows:
        if text:
            out.line(f"    {_label(name, out)}{clean(text)}")


def show_tree(task: v.Task, out: Output, *, failed_only: bool = False, depth: int | None = None) -> None:
    """The task's subtasks and stages, with what failed and what to do about it under each.

    Args:
        task: the task.
        out: where to.
        failed_only: leave out what went well.
        depth: levels at most; None for all.
    """
    steps = list(task.walk())
    if failed_only:
        failed = [path for path, step in steps if step.failed]
        steps = [(path, step) for path, step in steps if any(_is_in(each, path) for each in failed)]
    if depth is not None:
        steps = [(path, step) for path, step in steps if path.count(".") < depth]
    for prefix, hang, step in _drawn(steps):
        out.line(
            _fitted(prefix, _status(step, out), clean(step.name) or "without a name", _took(step), step, out)
        )
        if not step.failed:
            continue
        cause, remedy = cause_and_remedy(step)
        for text, style in ((cause, "red"), (remedy, "yellow")):
            if text:
                out.line(out.style(hang, "dim") + out.style(_whole(clean(text), hang, style, out), style))


def _whole(text: str, hang: str, style: str, out: Output) -> str:
    """*text*, on as many lines under *hang* as it needs: causes are what one came for."""
    if out.width is None or out.width - len(hang) < 20:
        return text
    import textwrap  # noqa: PLC0415 - only here

    lines = textwrap.wrap(text, out.width - len(hang) - 1, break_on_hyphens=False)
    return f"\n{hang}".join(lines)


def _fitted(prefix: str, status: str, name: str, took: str, step: Step, out: Output) -> str:
    room = (
        None
        if out.width is None
        else out.width - len(prefix) - len(clean(step.raw_status) or "?") - len(took) - 2
    )
    return f"{out.style(prefix, 'dim')}{clip(name, room)}  {status}{took}"


def _drawn(steps: Sequence[tuple[str, Step]]) -> Iterator[tuple[str, str, Step]]:
    """Each step with the branches before it, and what stands before further lines of its own."""
    parents = [path.rpartition(".")[0] for path, _ in steps]
    last = {parent: path for parent, (path, _) in zip(parents, steps, strict=True)}
    for (path, step), parent in zip(steps, parents, strict=True):
        above, node = "", parent
        while node:
            grand = node.rpartition(".")[0]
            above = ("   " if last.get(grand) == node else "│  ") + above
            node = grand
        is_last = last[parent] == path
        has_children = path in last
        hang = above + ("   " if is_last else "│  ") + ("│  " if has_children else "   ")
        yield above + ("└─ " if is_last else "├─ "), hang, step


def _is_in(path: str, parent: str) -> bool:
    return path == parent or path.startswith(parent + ".")


def _status(node: v.Task | Step, out: Output) -> str:
    return out.style(clean(node.raw_status) or "?", status_style(node.status))


def _took(node: v.Task | Step) -> str:
    took = short(node.duration)
    return f"  {took}" if took else ""


def _when(raw: str | None, at: datetime | None) -> str:
    if at is None:
        return clean(raw)
    ago = (datetime.now(UTC) - at).total_seconds()
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S %z}" + (f", {short(ago)} ago" if ago > 0 else "")


def _may(task: v.Task) -> str:
    words = {"retried": task.is_retryable, "cancelled": task.is_cancellable}
    return ", ".join(f"{word}: {'yes' if may else 'no'}" for word, may in words.items() if may is not None)


def _resource(resource: v.Resource) -> str:
    names = (resource.type, resource.name or resource.fqdn, resource.resource_id)
    return clean(" ".join(name for name in names if name))
