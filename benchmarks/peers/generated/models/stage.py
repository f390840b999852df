from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.error import Error


T = TypeVar("T", bound="Stage")


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
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.error import Error  # noqa: PLC0415

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
