from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error_cause import ErrorCause
    from ..models.error_context import ErrorContext
    from ..models.validation_notification import ValidationNotification


T = TypeVar("T", bound="Error")


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
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error_cause import ErrorCause  # noqa: PLC0415
        from ..models.error_context import ErrorContext  # noqa: PLC0415
        from ..models.validation_notification import ValidationNotification  # noqa: PLC0415

        d = dict(src_dict)
        error_code = d.pop("errorCode", UNSET)

        error_type = d.pop("errorType", UNSET)

        arguments = cast(list[str], d.pop("arguments", UNSET))

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
