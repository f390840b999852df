"""What all parts of the task tree share: the way back to JSON, and the marks of what did not come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs


class _Absent(tuple[Any, ...]):
    """The empty tuple that stands for a list the server did not send, so that it is not written back."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "ABSENT"


class _NoExtra(Mapping[str, Any]):
    """The empty `extra` that all well-known objects share: no dict for each, and it pickles as itself."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"

    def __reduce__(self) -> str:
        return "NO_EXTRA"


ABSENT: Final = _Absent()
NO_EXTRA: Final = _NoExtra()


def extra_field() -> Any:
    """The field `extra` of a model."""
    return attrs.field(default=NO_EXTRA, hash=False, repr=False, kw_only=True)


def camel_case(name: str) -> str:
    """A field's name as the API writes it: ``sub_tasks`` to ``subTasks``."""
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)


class Model:
    """What all parts of the tree share: the way back to JSON."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """This object as the API writes it, with unknown fields, as dicts and lists ready for `json.dumps`.

        Example:
            >>> from vcf_tasks_async import Resource
            >>> Resource(resource_id="cd47", type="HOST").to_json()
            {'resourceId': 'cd47', 'type': 'HOST'}
        """
        document: dict[str, Any] = {}
        for name, key in json_names(type(self)).items():
            value = getattr(self, name)
            if value is None or value is ABSENT:
                continue
            document[key] = _plain(value)
        document.update(_plain(self.extra))  # type: ignore[attr-defined]  # every subclass has one
        return document


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        # A copy: what a caller does to the document is no affair of the frozen model.
        return {key: _plain(item) for key, item in value.items()}
    return value


_JSON_NAMES: dict[type[Model], dict[str, str]] = {}


def json_names(cls: type[Model]) -> dict[str, str]:
    """Field name to JSON name, for all fields of *cls* that stand in the API's document."""
    names = _JSON_NAMES.get(cls)
    if names is None:
        names = _JSON_NAMES[cls] = {
            field.name: field.metadata.get("json", camel_case(field.name))
            for field in attrs.fields(cls)  # type: ignore[arg-type]  # Model itself is no attrs class
            if field.name != "extra" and field.metadata.get("json", "") is not None
        }
    return names
