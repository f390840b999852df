"""The task tree as SDDC Manager tells it: frozen attrs classes.

Nothing here reads JSON (that is `codec`) or knows a network. What came is kept to the letter: texts
that look like times, statuses in whatever spelling, fields nobody has heard of (`extra`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from vcf_tasks_async.base import ABSENT, Foldable, Model, extra_field
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.steps import AnyTask, ErrorDetail, Step


@attrs.frozen
class MessagePack(Model):
    """A localizable message: the key and arguments it is built from."""

    component: str | None = None
    message_key: str | None = None
    arguments: tuple[str | None, ...] = ABSENT
    message: str | None = None
    bundle: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class Resource(Model):
    """What a task works on: a host, a vCenter Server, an NSX Manager and so on."""

    resource_id: str | None = None
    fqdn: str | None = None
    type: str | None = None
    name: str | None = None
    sans: tuple[str | None, ...] = ABSENT
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class DocumentationLink(Model):
    """Where a subtask is documented."""

    url: str | None = None
    label: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class Stage(Step):
    """A step within a subtask."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    raw_status: str | None = attrs.field(default=None, metadata={"json": "status"})
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    errors: tuple[ErrorDetail, ...] = ABSENT
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class SubTask(Step):
    """A step of a task. It has no id: its place in the tree and its name tell it apart."""

    name: str | None = None
    type: str | None = None
    description: str | None = None
    raw_status: str | None = attrs.field(default=None, metadata={"json": "status"})
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    stages: tuple[Stage, ...] = ABSENT
    errors: tuple[ErrorDetail, ...] = ABSENT
    resources: tuple[Resource, ...] = ABSENT
    sub_tasks: tuple[SubTask, ...] = ABSENT
    documentation_link: DocumentationLink | None = None
    extra: Mapping[str, Any] = extra_field()

    def _branches(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """Its stages, then its subtasks."""
        return ("stages", self.stages), ("subTasks", self.sub_tasks)


@attrs.frozen
class Task(AnyTask, Foldable):
    """A task of SDDC Manager, with all its subtasks.

    Lists are tuples and never None. Texts are what came, None where nothing came. Only `id` is sure. What
    is below it (subtasks, errors, resources) may be structured only when it is first read.

    Attributes:
        is_retryable: None when the release does not say (4.x): unknown, not False.
        is_cancellable: likewise.
        extra: fields this library does not know, and known ones that came as null.

    Source: ``Task``, VMware Cloud Foundation API 9.0.

    Example:
        >>> task = Task(id="a758", name="Backup", raw_status="Failed")
        >>> task.status, task.failed, task.progress
        (<Status.FAILED: 'FAILED'>, True, 0.0)
    """

    id: str
    name: str | None = None
    localizable_description_pack: MessagePack | None = None
    type: str | None = None
    raw_status: str | None = attrs.field(default=None, metadata={"json": "status"})
    creation_timestamp: str | None = None
    completion_timestamp: str | None = None
    sub_tasks: tuple[SubTask, ...] = ABSENT
    errors: tuple[ErrorDetail, ...] = ABSENT
    resources: tuple[Resource, ...] = ABSENT
    resolution_status: str | None = None
    is_cancellable: bool | None = None
    is_retryable: bool | None = None
    extra: Mapping[str, Any] = extra_field()

    if TYPE_CHECKING:

        def walk(self) -> Iterator[tuple[str, SubTask | Stage]]: ...


@attrs.frozen
class PageMetadata(Model):
    """Where a page stands. `page_size` is the number of elements in this page on some releases."""

    page_number: int | None = None
    page_size: int | None = None
    total_elements: int | None = None
    total_pages: int | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class TaskPage(Model):
    """One page of a listing.

    Attributes:
        elements: the tasks that could be read, in server order.
        page_metadata: None where the server sent none (releases up to 4.5).
        malformed: what could not be read, each with its place in the document.
    """

    elements: tuple[Task, ...] = ABSENT
    page_metadata: PageMetadata | None = None
    malformed: tuple[DecodeError, ...] = attrs.field(
        default=(), metadata={"json": None}, eq=False, kw_only=True
    )
    extra: Mapping[str, Any] = extra_field()

    @property
    def received(self) -> int:
        """How many elements came, readable or not."""
        return len(self.elements) + sum(1 for e in self.malformed if e.json_path.startswith("$.elements["))


@attrs.frozen
class TaskSettings(Model):
    """How long tasks are kept (9.1).

    Attributes:
        retention_days: days after which SDDC Manager cleans tasks up, 1 to 730.
    """

    retention_days: int | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class HistoryFailure(Model):
    """A task whose history was not deleted (9.1), and why.

    Source: ``TaskHistoryDeletionError``, VMware Cloud Foundation API 9.1.
    """

    task_id: str | None = None
    error_code: str | None = None
    message: str | None = None
    extra: Mapping[str, Any] = extra_field()


@attrs.frozen
class HistoryAnswer(Model):
    """The answer to one ``DELETE /v1/tasks/history`` (9.1)."""

    successful: tuple[str | None, ...] = ABSENT
    failed: tuple[HistoryFailure, ...] = ABSENT
    extra: Mapping[str, Any] = extra_field()
