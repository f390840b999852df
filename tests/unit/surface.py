"""The public surface as text: every public name with its signature, its members and theirs.

`python tests/unit/surface.py` writes it anew into public_surface.txt, once a change of it is meant.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODULES = ("vcf_tasks_async", "vcf_tasks_async.testing", "vcf_tasks_async.dask")
FILE = Path(__file__).with_name("public_surface.txt")
_HOUSE = "vcf_tasks_async"
# Said of a class by what it is made of: how it is called, entered, read.
_SPOKEN = (
    "__aenter__",
    "__aiter__",
    "__anext__",
    "__await__",
    "__call__",
    "__iter__",
    "__len__",
    "__getitem__",
)
# Made by sessions and fleets: how is their own affair.
_MADE_FOR_USERS = {
    "BulkRun", "Credentials", "CredentialsStream", "Fault", "FleetRun", "FleetStream", "FleetWaits",
    "FleetWatch", "TaskStream", "TaskWaits", "TaskWatch",
}  # fmt: skip
_SET = re.compile(r"^ +self\.([a-z]\w*)(?::[^=\n]+)? = ", re.MULTILINE)


def surface() -> str:
    """All of it."""
    return "\n".join(line for module in MODULES for line in _module(module)) + "\n"


def _module(name: str) -> Iterator[str]:
    module = importlib.import_module(name)
    public = {getattr(module, each) for each in module.__all__}
    yield f"# {name}"
    for each in sorted(module.__all__):
        yield from ("", *_thing(each, getattr(module, each), public))
    yield ""


def _thing(name: str, thing: Any, public: set[Any]) -> Iterator[str]:
    if not inspect.isclass(thing):
        yield f"{name}{_signature(thing)}" if callable(thing) else f"{name}: {type(thing).__name__}"
        return
    bases = [base.__name__ for base in thing.__mro__[1:-1] if base in public or base is TimeoutError]
    yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    if issubclass(thing, enum.Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in thing)
    elif "__init__" in vars(thing) and name not in _MADE_FOR_USERS:
        yield f"    __init__{_signature(thing)}"
    yield from (f"    {line}" for line in _members(thing, public))


def _members(thing: type, public: set[Any]) -> Iterator[str]:
    """What it has of its own and by way of bases that are not public themselves."""
    found: dict[str, Any] = {}
    for base in reversed(thing.__mro__):
        is_ours = base.__module__.partition(".")[0] == _HOUSE
        if is_ours and (base is thing or base not in public):
            found |= vars(base) | dict.fromkeys(_SET.findall(_source(base)))
    for name in sorted(found):
        if name.startswith("_") and name not in _SPOKEN:
            continue
        if issubclass(thing, enum.Enum) and name in thing.__members__:
            continue
        yield _member(name, found[name])


def _source(thing: type) -> str:
    """What sets its attributes; nothing where attrs or Python wrote it."""
    try:
        return inspect.getsource(vars(thing)["__init__"])
    except (KeyError, OSError, TypeError):
        return ""


def _member(name: str, member: Any) -> str:
    if isinstance(member, property):
        returns = inspect.signature(member.fget).return_annotation if member.fget else inspect.Signature.empty
        return f"{name} -> {_text(returns)}" if returns is not inspect.Signature.empty else name
    kind = ""
    if isinstance(member, classmethod | staticmethod):
        kind, member = f"{type(member).__name__} ", member.__func__
    if inspect.isfunction(member):
        kind += "async " if inspect.iscoroutinefunction(member) else ""
        return f"{kind}{name}{_signature(member)}"
    # A slot or a class's own attribute.
    return name


def _signature(thing: Any) -> str:
    signature = inspect.signature(thing)
    plain = [each.replace(annotation=_Text(_text(each.annotation))) for each in signature.parameters.values()]
    returns = signature.return_annotation
    if inspect.isclass(thing) or returns is inspect.Signature.empty:
        return str(_cleaned(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)))
    return str(_cleaned(signature.replace(parameters=plain, return_annotation=_Text(_text(returns)))))


class _Text:
    """An annotation that is written as its text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _text(annotation: Any) -> str:
    if annotation is inspect.Signature.empty:
        return "?"
    is_plain = isinstance(annotation, type) and not hasattr(annotation, "__origin__")
    return (
        annotation if isinstance(annotation, str) else annotation.__name__ if is_plain else repr(annotation)
    )


def _cleaned(signature: inspect.Signature) -> str:
    # Parameters without an annotation, and objects that show their address.
    return re.sub(r": \?(?=[,)])| at 0x[0-9a-f]+", "", str(signature))


if __name__ == "__main__":
    FILE.write_text(surface(), "utf-8")
    print(f"{FILE}: {len(surface().splitlines())} lines")
