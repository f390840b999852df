from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.page_metadata import PageMetadata
    from ..models.task import Task


T = TypeVar("T", bound="PageOfTask")


@_attrs_define
class PageOfTask:
    elements: list[Task] | Unset = UNSET
    page_metadata: PageMetadata | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.page_metadata import PageMetadata  # noqa: PLC0415
        from ..models.task import Task  # noqa: PLC0415

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
