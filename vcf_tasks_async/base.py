"""What all parts of the task tree share: the way back to JSON, and the marks of what did not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from vcf_tasks_async.secret import MASK, Secret


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

        A secret shows as ``***``.

        Example:
            >>> from vcf_tasks_async import Resource
            >>> Resource(resource_id="cd47", type="HOST").to_json()
            {'resourceId': 'cd47', 'type': 'HOST'}
        """
        return _document(self, _mask)


class Guarded(Model):
    """A part of the tree in which secrets may stand, also under names that nobody has heard of."""

    __slots__ = ()


def wire_document(model: Model) -> dict[str, Any]:
    """*model* as `Model.to_json` has it, its secrets in the clear: for the wire and for nothing else.

    Raises:
        ValueError: a secret in it lost its text on its way through a pickle.
    """
    return _document(model, Secret.reveal)


def _mask(secret: Secret) -> str:
    return MASK


def _document(model: Model, show: Callable[[Secret], str]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, key in json_names(type(model)).items():
        value = getattr(model, name)
        if value is None or value is ABSENT:
            continue
        document[key] = _plain(value, show)
    document.update(_plain(model.extra, show))  # type: ignore[attr-defined]  # every subclass has one
    return document


def _plain(value: Any, show: Callable[[Secret], str]) -> Any:
    if isinstance(value, Model):
        return _document(value, show)
    if isinstance(value, tuple | list):
        return [_plain(item, show) for item in value]
    if isinstance(value, Mapping):
        # A copy: what a caller does to the document is no affair of the frozen model.
        return {key: _plain(item, show) for key, item in value.items()}
    return show(value) if isinstance(value, Secret) else value


def secrets_in(value: Any) -> list[Secret]:
    """All secrets in a model and below."""
    found: list[Secret] = []

    def note(secret: Secret) -> str:
        found.append(secret)
        return MASK

    _plain(value, note)
    return found


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
