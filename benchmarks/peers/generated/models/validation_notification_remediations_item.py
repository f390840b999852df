from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ValidationNotificationRemediationsItem")


@_attrs_define
class ValidationNotificationRemediationsItem:
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        validation_notification_remediations_item = cls()

        validation_notification_remediations_item.additional_properties = d
        return validation_notification_remediations_item
