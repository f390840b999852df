from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error import Error
    from ..models.message_pack import MessagePack
    from ..models.resource import Resource
    from ..models.sub_task import SubTask


T = TypeVar("T", bound="Task")


@_attrs_define
class Task:
    id: str
    name: str
    status: str
    creation_timestamp: str
    localizable_description_pack: MessagePack | Unset = UNSET
    type_: str | Unset = UNSET
    completion_timestamp: str | Unset = UNSET
    sub_tasks: list[SubTask] | Unset = UNSET
    errors: list[Error] | Unset = UNSET
    resources: list[Resource] | Unset = UNSET
    resolution_status: str | Unset = UNSET
    is_cancellable: bool | Unset = UNSET
    is_retryable: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error import Error  # noqa: PLC0415
        from ..models.message_pack import MessagePack  # noqa: PLC0415
        from ..models.resource import Resource  # noqa: PLC0415
        from ..models.sub_task import SubTask  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        status = d.pop("status")

        creation_timestamp = d.pop("creationTimestamp")

        _localizable_description_pack = d.pop("localizableDescriptionPack", UNSET)
        localizable_description_pack: MessagePack | Unset
        if isinstance(_localizable_description_pack, Unset):
            localizable_description_pack = UNSET
        else:
            localizable_description_pack = MessagePack.from_dict(_localizable_description_pack)

        type_ = d.pop("type", UNSET)

        completion_timestamp = d.pop("completionTimestamp", UNSET)

        _sub_tasks = d.pop("subTasks", UNSET)
        sub_tasks: list[SubTask] | Unset = UNSET
        if _sub_tasks is not UNSET:
            sub_tasks = []
            for sub_tasks_item_data in _sub_tasks:
                sub_tasks_item = SubTask.from_dict(sub_tasks_item_data)

                sub_tasks.append(sub_tasks_item)

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

        resolution_status = d.pop("resolutionStatus", UNSET)

        is_cancellable = d.pop("isCancellable", UNSET)

        is_retryable = d.pop("isRetryable", UNSET)

        task = cls(
            id=id,
            name=name,
            status=status,
            creation_timestamp=creation_timestamp,
            localizable_description_pack=localizable_description_pack,
            type_=type_,
            completion_timestamp=completion_timestamp,
            sub_tasks=sub_tasks,
            errors=errors,
            resources=resources,
            resolution_status=resolution_status,
            is_cancellable=is_cancellable,
            is_retryable=is_retryable,
        )

        task.additional_properties = d
        return task
