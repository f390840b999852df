"""Which tasks are meant: sent to the server, and checked again here.

Older releases ignore parameters they don't know, and the spelling that ``taskStatus`` takes is not
established. So every condition is checked again on what came, as far as the data tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from vcf_tasks_async.base import ABSENT
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.models import Resource, Task
from vcf_tasks_async.status import Status

if TYPE_CHECKING:
    from vcf_tasks_async.credential_models import CredentialsTask

StatusInput = Status | str | Iterable[Status | str]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _statuses(value: StatusInput | None) -> frozenset[Status] | None:
    if value is None:
        return None
    several = (value,) if isinstance(value, Status | str) or not isinstance(value, Iterable) else tuple(value)
    parsed = frozenset(each if isinstance(each, Status) else _status(each) for each in several)
    if not parsed:
        raise UsageError("status takes a Status, or several; none at all would match nothing")
    return parsed


def _status(text: object) -> Status:
    status = Status.parse(text) if isinstance(text, str) else Status.UNKNOWN
    if status is Status.UNKNOWN:
        names = ", ".join(member.name for member in Status if member is not Status.UNKNOWN)
        raise UsageError(f"{text!r} is no status; those there are: {names}")
    return status


def _text(instance: object, attribute: attrs.Attribute[str | None], value: object) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise UsageError(f"{attribute.name} takes a text that is not empty, not {value!r}")
    if isinstance(value, str) and not _is_sendable(value):
        raise UsageError(
            f"{attribute.name} holds half of a surrogate pair, which no URL can carry: {value!a}"
        )


def _is_sendable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _aware(instance: object, attribute: attrs.Attribute[datetime | None], value: object) -> None:
    if value is not None and (not isinstance(value, datetime) or value.utcoffset() is None):
        raise UsageError(
            f"{attribute.name} takes an aware datetime, such as datetime.now(UTC) - timedelta(hours=2)"
        )


def _flag(instance: object, attribute: attrs.Attribute[bool | None], value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise UsageError(f"{attribute.name} takes True, False or None, not {value!r}")


def _optional_text() -> str | None:
    field: str | None = attrs.field(default=None, validator=_text)
    return field


@attrs.frozen
class TaskFilter:
    """Which tasks a listing is about. All conditions that are given must hold.

    Args:
        status: one status or several, as `Status` or text in any spelling; checked on the client.
        type: such as ``HOST_COMMISSION``.
        name: text that the task's name contains, in any case.
        resource_id: id of a resource the task, or one of its subtasks, works on.
        resource_type: type of such a resource, such as ``ESXI``.
        completed_after: an aware datetime. SDDC Manager knows this for Successful and Failed tasks only.
        server_status: sent as ``taskStatus``, letter by letter, for those who know the spelling of
            their release (seen live: ``In Progress``). It spares pages; `status` does not.
        order_by, order_direction: passed on; no valid value is known.
        live_refresh: passed on as ``doLiveRefresh``.

    Raises:
        UsageError: a value that can't be meant.

    Example:
        >>> TaskFilter(status="Failed").matches(Task(id="a758", raw_status="FAILED"))
        True
    """

    status: frozenset[Status] | None = attrs.field(default=None, converter=_statuses)
    type: str | None = _optional_text()
    name: str | None = _optional_text()
    resource_id: str | None = _optional_text()
    resource_type: str | None = _optional_text()
    completed_after: datetime | None = attrs.field(default=None, validator=_aware)
    server_status: str | None = _optional_text()
    order_by: str | None = _optional_text()
    order_direction: str | None = _optional_text()
    live_refresh: bool | None = attrs.field(default=None, validator=_flag)

    def query(self) -> tuple[tuple[str, str], ...]:
        """The query parameters of this filter, without those of paging."""
        pairs = (
            ("taskStatus", self.server_status),
            ("taskType", self.type),
            ("taskName", self.name),
            ("resourceId", self.resource_id),
            ("resourceType", self.resource_type),
            ("completedAfter", _milliseconds(self.completed_after)),
            ("orderBy", self.order_by),
            ("orderDirection", self.order_direction),
            ("doLiveRefresh", None if self.live_refresh is None else str(self.live_refresh).lower()),
        )
        return tuple((key, value) for key, value in pairs if value is not None)

    def matches(self, task: Task | CredentialsTask) -> bool:
        """Whether *task* is meant. A condition on what the task does not tell is left to the server."""
        if self.status is not None and task.status not in self.status:
            return False
        if self.server_status is not None:
            asked = Status.parse(self.server_status)
            if asked is not Status.UNKNOWN and asked is not task.status:
                return False
        if self.type is not None and task.type is not None and task.type != self.type:
            return False
        if (
            self.name is not None
            and task.name is not None
            and self.name.casefold() not in task.name.casefold()
        ):
            return False
        return self._resources_match(task) and self._completion_matches(task)

    def _resources_match(self, task: Task | CredentialsTask) -> bool:
        if self.resource_id is None and self.resource_type is None:
            return True
        resources = getattr(task, "resources", ABSENT)  # a credential task names none
        if resources is ABSENT:
            return True
        mine: list[Resource] = [*resources]
        for _, node in task.walk():
            mine += getattr(node, "resources", ())
        if not mine:
            return False
        return all(
            asked is None or asked in told or None in told
            for asked, told in (
                (self.resource_id, {resource.resource_id for resource in mine}),
                (self.resource_type, {resource.type for resource in mine}),
            )
        )

    def _completion_matches(self, task: Task | CredentialsTask) -> bool:
        if self.completed_after is None:
            return True
        if not task.is_ended:
            return False
        completed = task.completed_at
        return completed is None or completed > self.completed_after


def _milliseconds(moment: datetime | None) -> str | None:
    return None if moment is None else str((moment - _EPOCH) // timedelta(milliseconds=1))
