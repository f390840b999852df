"""What all parts of the task tree share: the way back to JSON, and the marks of what did not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

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

    # Here and not in each class: so the classes' layouts stay simple enough for their twins (`twin`).
    __slots__ = ("__weakref__",)

    def to_json(self) -> dict[str, Any]:
        """This object as the API writes it, with unknown fields, as dicts and lists ready for `json.dumps`.

        A secret shows as ``***``.

        Example:
            >>> from vcf_tasks_async import Resource
            >>> Resource(resource_id="cd47", type="HOST").to_json()
            {'resourceId': 'cd47', 'type': 'HOST'}
        """
        return _document(self, _mask)


class Folded(Protocol):
    """The parts of a model that nobody has asked for yet, in the form in which they came."""

    def unfold(self) -> Mapping[str, Any]:
        """Those parts, by field name. Never fails: whoever folds them has checked them."""
        ...

    def outline(self) -> Any:
        """What reads as the model, but knows no more than statuses; None where that is not cheaper."""
        ...


class Foldable(Model):
    """A model that may still be folded up: some of its fields are made when one of them is first read.

    It costs nothing once they are there: Python asks `__getattr__` only for a slot that is empty.
    """

    __slots__ = ("_folded",)

    if TYPE_CHECKING:
        _folded: Folded
    else:

        def __getattr__(self, name: str) -> Any:
            folded = object.__getattribute__(self, "_folded") if is_folded(self) else None
            if folded is not None and name in json_names(type(self)):
                for field, value in folded.unfold().items():
                    object.__setattr__(self, field, value)
                # Last: another thread that reads meanwhile unfolds it as well, and gets the same.
                with suppress(AttributeError):
                    object.__delattr__(self, "_folded")
            # Raises in Python's own words for what is no field.
            return object.__getattribute__(self, name)


def is_folded(model: Foldable) -> bool:
    """Whether some of its fields are still to be made."""
    try:
        object.__getattribute__(model, "_folded")
    except AttributeError:
        return False
    return True


def fold(model: Foldable, folded: Folded) -> None:
    """Have the fields of *model* that are not there yet made of *folded*."""
    object.__setattr__(model, "_folded", folded)


def outline(model: Foldable) -> Any:
    """*model*, or in its place what has the statuses of its steps alone, without making them."""
    with suppress(AttributeError):
        folded: Folded = object.__getattribute__(model, "_folded")
        return folded.outline() or model
    return model


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


def twin(cls: type[Model]) -> Callable[[], Any]:
    """A class laid out as *cls*, whose objects take attributes the plain way and then become a *cls*.

    For the decoders: filling a twin and setting its ``__class__`` takes a third of what a frozen class's own
    constructor or its slots' setters take.
    """
    return type(cls.__name__, cls.__bases__, {"__slots__": cls.__slots__})


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
