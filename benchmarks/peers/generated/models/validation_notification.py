from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.validation_notification_remediations_item import (
        ValidationNotificationRemediationsItem,
    )


T = TypeVar("T", bound="ValidationNotification")


@_attrs_define
class ValidationNotification:
    severity: str | Unset = UNSET
    message: str | Unset = UNSET
    impact_message: str | Unset = UNSET
    remediations: list[ValidationNotificationRemediationsItem] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.validation_notification_remediations_item import (
            ValidationNotificationRemediationsItem,  # noqa: PLC0415
        )

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
