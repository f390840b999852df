"""The task tree as openapi-python-client 0.29 generates it, without what a listing does not use.

Made from its output for the Tasks API: the fields and every `from_dict` stand as generated, with the
imports inside the methods, which cost time at each call. Left out: `to_dict`, item access, docstrings.
"""

# As generated: ruff would have it otherwise.
# ruff: noqa: A001, C901, D101, D102, ERA001, PERF401, PLC0415, PLR0912, PLW0406, RUF100, SIM108

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field


class Unset:
    """The generated `types.Unset`."""

    def __bool__(self) -> bool:
        return False


UNSET = Unset()


@_attrs_define
class MessagePack:
    message_key: str
    component: str | Unset = UNSET
    arguments: list[str] | Unset = UNSET
    message: str | Unset = UNSET
    bundle: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        message_key = d.pop("messageKey")
        component = d.pop("component", UNSET)
        arguments = cast("list[str]", d.pop("arguments", UNSET))
        message = d.pop("message", UNSET)
        bundle = d.pop("bundle", UNSET)
        message_pack = cls(
            message_key=message_key,
            component=component,
            arguments=arguments,
            message=message,
            bundle=bundle,
        )
        message_pack.additional_properties = d
        return message_pack


@_attrs_define
class ErrorCause:
    type_: str | Unset = UNSET
    message: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        type_ = d.pop("type", UNSET)
        message = d.pop("message", UNSET)
        error_cause = cls(
            type_=type_,
            message=message,
        )
        error_cause.additional_properties = d
        return error_cause


@_attrs_define
class ErrorContext:
    additional_properties: dict[str, str] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        error_context = cls()
        error_context.additional_properties = d
        return error_context


@_attrs_define
class ValidationNotificationRemediationsItem:
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        validation_notification_remediations_item = cls()
        validation_notification_remediations_item.additional_properties = d
        return validation_notification_remediations_item


@_attrs_define
class ValidationNotification:
    severity: str | Unset = UNSET
    message: str | Unset = UNSET
    impact_message: str | Unset = UNSET
    remediations: list[ValidationNotificationRemediationsItem] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import ValidationNotificationRemediationsItem

        d = dict(src_dict)
        severity = d.pop("severity", UNSET)
        message = d.pop("message", UNSET)
        impact_message = d.pop("impactMessage", UNSET)
        _remediations = d.pop("remediations", UNSET)
        remediations: list[ValidationNotificationRemediationsItem] | Unset = UNSET
        if _remediations is not UNSET:
            remediations = []
            for remediations_item_data in _remediations:
                remediations_item = ValidationNotificationRemediationsItem.from_dict(remediations_item_data)
                remediations.append(remediations_item)
        validation_notification = cls(
            severity=severity,
            message=message,
            impact_message=impact_message,
            remediations=remediations,
        )
        validation_notification.additional_properties = d
        return validation_notification


@_attrs_define
class Error:
    error_code: str | Unset = UNSET
    error_type: str | Unset = UNSET
    arguments: list[str] | Unset = UNSET
    context: ErrorContext | Unset = UNSET
    message: str | Unset = UNSET
    remediation_message: str | Unset = UNSET
    causes: list[ErrorCause] | Unset = UNSET
    nested_errors: list[Error] | Unset = UNSET
    reference_token: str | Unset = UNSET
    label: str | Unset = UNSET
    remediation_url: str | Unset = UNSET
    notifications: list[ValidationNotification] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import ErrorCause, ErrorContext, ValidationNotification

        d = dict(src_dict)
        error_code = d.pop("errorCode", UNSET)
        error_type = d.pop("errorType", UNSET)
        arguments = cast("list[str]", d.pop("arguments", UNSET))
        _context = d.pop("context", UNSET)
        context: ErrorContext | Unset
        if isinstance(_context, Unset):
            context = UNSET
        else:
            context = ErrorContext.from_dict(_context)
        message = d.pop("message", UNSET)
        remediation_message = d.pop("remediationMessage", UNSET)
        _causes = d.pop("causes", UNSET)
        causes: list[ErrorCause] | Unset = UNSET
        if _causes is not UNSET:
            causes = []
            for causes_item_data in _causes:
                causes_item = ErrorCause.from_dict(causes_item_data)
                causes.append(causes_item)
        _nested_errors = d.pop("nestedErrors", UNSET)
        nested_errors: list[Error] | Unset = UNSET
        if _nested_errors is not UNSET:
            nested_errors = []
            for nested_errors_item_data in _nested_errors:
                nested_errors_item = Error.from_dict(nested_errors_item_data)
                nested_errors.append(nested_errors_item)
        reference_token = d.pop("referenceToken", UNSET)
        label = d.pop("label", UNSET)
        remediation_url = d.pop("remediationUrl", UNSET)
        _notifications = d.pop("notifications", UNSET)
        notifications: list[ValidationNotification] | Unset = UNSET
        if _notifications is not UNSET:
            notifications = []
            for notifications_item_data in _notifications:
                notifications_item = ValidationNotification.from_dict(notifications_item_data)
                notifications.append(notifications_item)
        error = cls(
            error_code=error_code,
            error_type=error_type,
            arguments=arguments,
            context=context,
            message=message,
            remediation_message=remediation_message,
            causes=causes,
            nested_errors=nested_errors,
            reference_token=reference_token,
            label=label,
            remediation_url=remediation_url,
            notifications=notifications,
        )
        error.additional_properties = d
        return error


@_attrs_define
class Resource:
    resource_id: str
    type_: str
    fqdn: str | Unset = UNSET
    name: str | Unset = UNSET
    sans: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        resource_id = d.pop("resourceId")
        type_ = d.pop("type")
        fqdn = d.pop("fqdn", UNSET)
        name = d.pop("name", UNSET)
        sans = cast("list[str]", d.pop("sans", UNSET))
        resource = cls(
            resource_id=resource_id,
            type_=type_,
            fqdn=fqdn,
            name=name,
            sans=sans,
        )
        resource.additional_properties = d
        return resource


@_attrs_define
class DocumentationLink:
    url: str | Unset = UNSET
    label: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        url = d.pop("url", UNSET)
        label = d.pop("label", UNSET)
        documentation_link = cls(
            url=url,
            label=label,
        )
        documentation_link.additional_properties = d
        return documentation_link


@_attrs_define
class Stage:
    name: str
    type_: str
    description: str
    status: str
    creation_timestamp: str
    completion_timestamp: str | Unset = UNSET
    errors: list[Error] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import Error

        d = dict(src_dict)
        name = d.pop("name")
        type_ = d.pop("type")
        description = d.pop("description")
        status = d.pop("status")
        creation_timestamp = d.pop("creationTimestamp")
        completion_timestamp = d.pop("completionTimestamp", UNSET)
        _errors = d.pop("errors", UNSET)
        errors: list[Error] | Unset = UNSET
        if _errors is not UNSET:
            errors = []
            for errors_item_data in _errors:
                errors_item = Error.from_dict(errors_item_data)
                errors.append(errors_item)
        stage = cls(
            name=name,
            type_=type_,
            description=description,
            status=status,
            creation_timestamp=creation_timestamp,
            completion_timestamp=completion_timestamp,
            errors=errors,
        )
        stage.additional_properties = d
        return stage


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
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import DocumentationLink, Error, Resource, Stage

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
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import Error, MessagePack, Resource, SubTask

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


@_attrs_define
class PageMetadata:
    page_number: int | Unset = UNSET
    page_size: int | Unset = UNSET
    total_elements: int | Unset = UNSET
    total_pages: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        page_number = d.pop("pageNumber", UNSET)
        page_size = d.pop("pageSize", UNSET)
        total_elements = d.pop("totalElements", UNSET)
        total_pages = d.pop("totalPages", UNSET)
        page_metadata = cls(
            page_number=page_number,
            page_size=page_size,
            total_elements=total_elements,
            total_pages=total_pages,
        )
        page_metadata.additional_properties = d
        return page_metadata


@_attrs_define
class PageOfTask:
    elements: list[Task] | Unset = UNSET
    page_metadata: PageMetadata | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from benchmarks.peers.openapi_models import PageMetadata, Task

        d = dict(src_dict)
        _elements = d.pop("elements", UNSET)
        elements: list[Task] | Unset = UNSET
        if _elements is not UNSET:
            elements = []
            for elements_item_data in _elements:
                elements_item = Task.from_dict(elements_item_data)
                elements.append(elements_item)
        _page_metadata = d.pop("pageMetadata", UNSET)
        page_metadata: PageMetadata | Unset
        if isinstance(_page_metadata, Unset):
            page_metadata = UNSET
        else:
            page_metadata = PageMetadata.from_dict(_page_metadata)
        page_of_task = cls(
            elements=elements,
            page_metadata=page_metadata,
        )
        page_of_task.additional_properties = d
        return page_of_task
