from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.documentation_link import DocumentationLink
    from ..models.error import Error
    from ..models.resource import Resource
    from ..models.stage import Stage


T = TypeVar("T", bound="SubTask")


@_attrs_define
class SubTask:
    name: str
    description: str
    status: str
    creation_timestamp: str
    type_: str | Unset = UNSET
    completion_timestamp: str | Unset = UNSET
    stages: list[Stage] | Unset = UNSET
    errors: list[Error] | Unset = UNSET
    resources: list[Resource] | Unset = UNSET
    sub_tasks: list[SubTask] | Unset = UNSET
    documentation_link: DocumentationLink | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.documentation_link import DocumentationLink  # noqa: PLC0415
        from ..models.error import Error  # noqa: PLC0415
        from ..models.resource import Resource  # noqa: PLC0415
        from ..models.stage import Stage  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        description = d.pop("description")

        status = d.pop("status")

        creation_timestamp = d.pop("creationTimestamp")

        type_ = d.pop("type", UNSET)

        completion_timestamp = d.pop("completionTimestamp", UNSET)

        _stages = d.pop("stages", UNSET)
        stages: list[Stage] | Unset = UNSET
        if _stages is not UNSET:
            stages = []
            for stages_item_data in _stages:
                stages_item = Stage.from_dict(stages_item_data)

                stages.append(stages_item)

        _errors = d.pop("errors", UNSET)
        errors: list[Error] | Unset = UNSET
        if _errors is not UNSET:
            errors = []
            for errors_item_data in _errors:
                errors_item = Error.from_dict(errors_item_data)

                errors.append(errors_item)

        _resources = d.pop("resources", UNSET)
        resources: list[Resource] | Unset = UNSET
        if _resources is not UNSET:
            resources = []
            for resources_item_data in _resources:
                resources_item = Resource.from_dict(resources_item_data)

                resources.append(resources_item)

        _sub_tasks = d.pop("subTasks", UNSET)
        sub_tasks: list[SubTask] | Unset = UNSET
        if _sub_tasks is not UNSET:
            sub_tasks = []
            for sub_tasks_item_data in _sub_tasks:
                sub_tasks_item = SubTask.from_dict(sub_tasks_item_data)

                sub_tasks.append(sub_tasks_item)

        _documentation_link = d.pop("documentationLink", UNSET)
        documentation_link: DocumentationLink | Unset
        if isinstance(_documentation_link, Unset):
            documentation_link = UNSET
        else:
            documentation_link = DocumentationLink.from_dict(_documentation_link)

        sub_task = cls(
            name=name,
            description=description,
            status=status,
            creation_timestamp=creation_timestamp,
            type_=type_,
            completion_timestamp=completion_timestamp,
            stages=stages,
            errors=errors,
            resources=resources,
            sub_tasks=sub_tasks,
            documentation_link=documentation_link,
        )

        sub_task.additional_properties = d
        return sub_task
