from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="MessagePack")


@_attrs_define
class MessagePack:
    message_key: str
    component: str | Unset = UNSET
    arguments: list[str] | Unset = UNSET
    message: str | Unset = UNSET
    bundle: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        message_key = d.pop("messageKey")

        component = d.pop("component", UNSET)

        arguments = cast(list[str], d.pop("arguments", UNSET))

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
