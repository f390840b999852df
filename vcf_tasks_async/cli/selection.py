"""Which tasks a command is about: filters, ids, and ids from stdin."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

import vcf_tasks_async as v
from vcf_tasks_async.cli.times import moment

__all__ = ["Selection", "failed_statuses", "given_ids", "ids_argument", "running_statuses", "selecting"]

_NAMES: Final = ("status", "type", "name", "resource_id", "resource_type", "server_status")


@dataclass(frozen=True)
class Selection:
    """The filters of a command.

    Attributes:
        where: what the library filters by.
        since: tasks that were created or have ended before are not meant; None for all.
        is_empty: whether no filter was given at all.
    """

    where: v.TaskFilter
    since: datetime | None
    is_empty: bool

    def matches(self, task: v.Task) -> bool:
        """Whether *task*, which has passed `where`, is meant."""
        if self.since is None:
            return True
        moments = (task.created_at, task.completed_at if task.is_ended else None)
        return any(at is not None and at >= self.since for at in moments)

    def among(self, statuses: Iterable[v.Status]) -> Selection:
        """The same filters, for tasks in one of *statuses* only."""
        import attrs  # noqa: PLC0415 - `--help` needs none

        return replace(self, where=attrs.evolve(self.where, status=statuses))

    @property
    def only_failed(self) -> bool:
        """Whether all that can match has failed."""
        return self.where.status is not None and all(status.failed for status in self.where.status)


def failed_statuses() -> list[v.Status]:
    """Every status that means failure."""
    return [status for status in v.Status if status.failed]


def running_statuses() -> list[v.Status]:
    """Every status of a task that may still go on; one never seen before is among them."""
    return [status for status in v.Status if not status.is_ended]


if TYPE_CHECKING:
    _MomentType = click.ParamType[datetime]
else:
    # Not generic before click 8.2.
    _MomentType = click.ParamType


class _Moment(_MomentType):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return value if isinstance(value, datetime) else moment(value, now=datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _complete_status(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = (status.value for status in v.Status if status is not v.Status.UNKNOWN)
    return [CompletionItem(name) for name in names if name.startswith(incomplete.upper())]


_OPTIONS: Final = (
    click.option("--failed", is_flag=True, help="Those that have failed, in whatever spelling."),
    click.option("--running", is_flag=True, help="Those that have not ended."),
    click.option(
        "--status", multiple=True, metavar="STATUS", shell_complete=_complete_status,
        help="Those in this status; may be given several times.",
    ),
    click.option("--type", metavar="TYPE", help="Such as HOST_COMMISSION."),
    click.option("--name", metavar="TEXT", help="Text that the task's name contains, in any case."),
    click.option(
        "--since", type=_Moment(), metavar="TIME",
        help="Created or ended since then: 2h, 7d, 2026-11-24, 2026-11-24T10:00.",
    ),
    click.option("--resource-id", metavar="ID", help="Id of a resource that the task works on."),
    click.option("--resource-type", metavar="TYPE", help="Type of such a resource, such as ESXI."),
    click.option(
        "--server-status", metavar="TEXT",
        help="Sent to SDDC Manager letter by letter, which spares pages: 'In Progress'.",
    ),
)  # fmt: skip


def selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that filter; the command gets a `Selection` as *selection*."""

    def with_selection(**options: Any) -> Any:
        given = {name: options.pop(name) or None for name in _NAMES}
        since, failed, running = options.pop("since"), options.pop("failed"), options.pop("running")
        if (failed or running) and (given["status"] or (failed and running)):
            raise click.UsageError("--failed, --running and --status don't go together: give one of them")
        given["status"] = failed_statuses() if failed else running_statuses() if running else given["status"]
        is_empty = since is None and not any(given.values())
        return command(selection=Selection(v.TaskFilter(**given), since, is_empty), **options)

    wrapped = update_wrapper(with_selection, command)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def ids_argument(*, required: bool) -> Callable[..., Any]:
    """The argument for ids; the command gets them as *ids*."""
    return click.argument("ids", nargs=-1, required=required, metavar="[ID]..." if not required else "ID...")


def given_ids(ids: Iterable[str], *, in_fleet: bool = False) -> list[str]:
    """The ids that were given, each once; ``-`` stands for those on stdin.

    On stdin a line is an id, or one of our own JSON objects, which *in_fleet* is ``SITE:ID``.

    Raises:
        UsageError: a line of stdin is neither.
    """
    result: dict[str, None] = {}
    for task_id in ids:
        result.update(dict.fromkeys(_from_stdin(in_fleet=in_fleet) if task_id == "-" else [task_id]))
    return list(result)


def _from_stdin(*, in_fleet: bool) -> Iterable[str]:
    for number, line in enumerate(sys.stdin, 1):
        text = line.strip()
        if not text:
            continue
        task_id = _id_in(text, in_fleet=in_fleet) if text.startswith("{") else text.split()[0]
        if task_id == "":
            continue
        if not isinstance(task_id, str):
            raise v.UsageError(f"line {number} of stdin is neither an id nor an object with an id")
        yield task_id


def _id_in(text: str, *, in_fleet: bool) -> object:
    """The id in one of our own objects; empty for those that close a bulk run, which have none."""
    try:
        record = json.loads(text)
    except ValueError:
        return None
    if record.get("record") in ("report", "trouble"):
        return ""
    task_id, site = record.get("id") or record.get("taskId"), record.get("site")
    named = in_fleet and isinstance(site, str) and isinstance(task_id, str)
    return f"{site}:{task_id}" if named else task_id
