from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Resource")


@_attrs_define
class Resource:
    resource_id: str
    type_: str
    fqdn: str | Unset = UNSET
    name: str | Unset = UNSET
    sans: list[str] | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        resource_id = d.pop("resourceId")

        type_ = d.pop("type")

        fqdn = d.pop("fqdn", UNSET)

        name = d.pop("name", UNSET)

        sans = cast(list[str], d.pop("sans", UNSET))

        resource = cls(
            resource_id=resource_id,
            type_=type_,
            fqdn=fqdn,
            name=name,
            sans=sans,
        )

        resource.additional_properties = d
        return resource
