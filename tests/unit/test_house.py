"""The house stands as design.md draws it: who may import whom, and what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import vcf_tasks_async

HOUSE = Path(vcf_tasks_async.__file__).parent
NAME = "vcf_tasks_async"

# A module imports only from floors below its own; a new module needs a floor before it may come in.
FLOOR = {
    "clocks": 0, "errors": 0, "fixed_words": 0, "gate": 0, "idset": 0, "insist": 0, "nursery": 0,
    "reader": 0, "secret": 0, "status": 0, "text": 0, "turns": 0, "version": 0,
    "address": 1, "auth": 1, "base": 1, "checks": 1, "mailbox": 1, "secret_sources": 1, "slots": 1,
    "stand_ins": 1,
    "connections": 2, "merging": 2, "policy": 2, "scrubbing": 2, "steps": 2,
    "calls": 3, "crowding": 3, "grid": 3, "models": 3,
    "collection": 4, "credential_models": 4, "events": 4, "filters": 4, "following": 4, "judgement": 4,
    "paging": 4, "structuring": 4, "targets": 4,
    "codec": 5, "credential_stream": 5, "cursor": 5, "fleet_targets": 5, "histories": 5, "lanes": 5,
    "outcomes": 5, "shapes": 5, "stream": 5, "waiting": 5,
    "answers": 6, "brakes": 6, "credential_spec": 6, "folding": 6, "journal": 6, "masking": 6, "outbox": 6,
    "sweeps": 6, "tokens": 6, "wait_many": 6, "watch": 6, "writes": 6,
    "dispatch": 7, "options": 7, "pages": 7, "polling": 7, "transport": 7,
    "bulk": 8, "caller": 8, "credential_pages": 8,
    "api": 9,
    "credential_api": 10,
    "wiring": 11,
    "acts": 12, "credential_writes": 12, "follows": 12, "upkeep": 12,
    "credentials": 13,
    "session": 14,
    "sites": 15, "snapshots": 15,
    "fleet_merge": 16, "fleet_report": 16, "job_words": 16, "sitefile": 16,
    "fleet_bulk": 17, "fleet_reading": 17, "fleet_watch": 17, "remote": 17,
    "fleet_acts": 18, "remote_work": 18,
    "fleet": 19, "remote_fleet": 19,
    "jobs": 20,
    "cli": 21, "dask": 21,
}  # fmt: skip
# The way from credentials to the wire. Whoever receives callables knows nothing of it.
WIRE = {
    "acts",
    "answers",
    "api",
    "auth",
    "caller",
    "calls",
    "clocks",
    "connections",
    "credential_api",
    "credential_writes",
    "credentials",
    "follows",
    "session",
    "tokens",
    "transport",
    "upkeep",
    "wiring",
}
# Many sessions as one.
FLEET = {room for room in FLOOR if room.startswith(("fleet", "job", "remote", "site"))}
CALLABLES_ONLY = (
    "brakes", "bulk", "credential_stream", "crowding", "dispatch", "following", "histories", "journal",
    "lanes", "mailbox", "merging", "outbox", "polling", "stream", "sweeps", "targets", "wait_many",
    "waiting", "watch", "writes",
)  # fmt: skip


class Import:
    """One import statement's target, where it stands, and whether it counts at run time."""

    def __init__(self, room: str, target: str, names: tuple[str, ...], line: int, *, typing_only: bool):
        self.room, self.target, self.names = room, target, names
        self.line, self.typing_only = line, typing_only

    def __repr__(self) -> str:
        return f"{self.room} imports {self.target} (line {self.line})"


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in block.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        where = {"line": getattr(node, "lineno", 0), "typing_only": id(node) in typing_only}
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(room_of(path), alias.name, (), **where)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join((NAME, *path.relative_to(HOUSE).parts[:-1]))
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            target = ".".join([*above, *([node.module] if node.module else [])])
            yield Import(room_of(path), target, tuple(alias.name for alias in node.names), **where)


MODULES = sorted(HOUSE.rglob("*.py"))
OURS = [
    found
    for path in MODULES
    if path != HOUSE / "__init__.py"
    for found in imports_of(path)
    if found.target == NAME or found.target.startswith(NAME + ".")
]
ROOMS = sorted({room_of(path) for path in MODULES} - {"__init__"})


def imported_rooms(found: Import) -> set[str]:
    """The rooms an import reaches; the package itself stands for the public face."""
    parts = found.target.split(".")
    if len(parts) > 1:
        return {parts[1]}
    return {name if name in ROOMS else "face" for name in found.names} or {"face"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_floor(room):
    assert room in FLOOR or room == "testing", f"put {room} on a floor of tests/unit/test_house.py"


@pytest.mark.parametrize("room", [room for room in ROOMS if room in FLOOR and FLOOR[room] < FLOOR["cli"]])
def test_a_room_imports_only_from_floors_below(room):
    for found in (found for found in OURS if found.room == room):
        for below in imported_rooms(found) - {room}:
            assert below in FLOOR, f"{found!r}: {below} is on no floor below"
            # Two rooms of one floor may name each other's types, and errors those of what they carry.
            carried = FLOOR["models"] if room == "errors" else FLOOR[room]
            highest = carried if found.typing_only else FLOOR[room] - 1
            assert FLOOR[below] <= highest, repr(found)


@pytest.mark.parametrize("room", [room for room in CALLABLES_ONLY if room in ROOMS])
def test_rooms_that_take_callables_never_see_session_or_wire(room):
    reached = {below for found in OURS if found.room == room for below in imported_rooms(found)}
    assert reached & WIRE == set()


@pytest.mark.parametrize("room", sorted(WIRE & set(ROOMS) - {"auth", "calls", "session"}))
def test_pure_rooms_and_the_way_to_the_wire_stay_apart(room):
    # What decides knows no wire, so that a table of plain values can hold it.
    outer = FLEET | {"cli", "dask", "snapshots"}
    users = {found.room for found in OURS if room in imported_rooms(found)} - WIRE - outer
    assert users == set()


def test_testing_imports_nothing_of_the_client():
    strangers = [
        found for found in OURS if found.room == "testing" and not found.target.startswith(f"{NAME}.testing")
    ]
    assert strangers == []


@pytest.mark.parametrize("room", [room for room in ("cli", "dask") if room in ROOMS])
def test_the_outer_rooms_import_only_the_public_face(room):
    # What runs elsewhere has a room of its own, so that it can be tried without Dask.
    parts = {"job_words", "jobs", "remote", "remote_fleet"} if room == "dask" else set()
    for found in (found for found in OURS if found.room == room):
        inner = imported_rooms(found) - {"face", "testing", room} - parts
        assert inner == set(), repr(found)
        if found.target == NAME:
            assert set(found.names) <= set(vcf_tasks_async.__all__), repr(found)


def test_aiohttp_lives_at_the_wire_and_in_testing_only():
    users = {
        (found.room, found.typing_only)
        for path in MODULES
        for found in imports_of(path)
        if found.target.split(".")[0] == "aiohttp"
    }
    assert users - {("testing", False), ("testing", True)} <= {
        ("connections", False),
        ("transport", False),
        ("session", True),
        ("wiring", True),
    }


# --- the public face ------------------------------------------------------------------------------


def face() -> ast.Module:
    return ast.parse((HOUSE / "__init__.py").read_text("utf-8"))


def test_all_is_a_literal_sorted_and_without_doubles():
    (value,) = (
        node.value
        for node in face().body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    names = ast.literal_eval(value)
    assert names == vcf_tasks_async.__all__
    assert sorted(set(names), key=str.casefold) == sorted(names, key=str.casefold)


@pytest.mark.parametrize("name", vcf_tasks_async.__all__)
def test_every_public_name_resolves(name):
    assert getattr(vcf_tasks_async, name) is not None
    assert name in dir(vcf_tasks_async)


def test_the_lazy_imports_are_those_that_type_checkers_see():
    seen = {
        name: found.target.removeprefix(NAME + ".")
        for found in imports_of(HOUSE / "__init__.py")
        if found.typing_only
        for name in found.names
    }
    assert seen == vcf_tasks_async._ROOM_OF
    assert set(seen) == set(vcf_tasks_async.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Tusk'"):
        _ = vcf_tasks_async.Tusk


def test_importing_the_package_alone_imports_no_aiohttp_and_no_room():
    code = (
        "import sys, vcf_tasks_async;"
        "print(*sorted(m for m in sys.modules if m.partition('.')[0] in"
        " ('aiohttp', 'attrs', 'cattrs', 'anyio') or m.startswith('vcf_tasks_async.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def public_definitions() -> Iterator[tuple[str, ast.AST]]:
    for path in MODULES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            where = path.relative_to(HOUSE).with_suffix("").as_posix()
            if not node.name.startswith("_"):
                yield f"{where}.{node.name}", node
            if isinstance(node, ast.ClassDef) and node.name in vcf_tasks_async.__all__:
                for method in node.body:
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not (
                        method.name.startswith("_") or method.decorator_list
                    ):
                        yield f"{where}.{node.name}.{method.name}", method


def test_every_public_class_function_and_method_has_a_docstring():
    bare = [where for where, node in public_definitions() if not ast.get_docstring(node)]
    assert bare == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(HOUSE).as_posix())
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "name", [name for name in vcf_tasks_async.__all__ if attrs.has(getattr(vcf_tasks_async, name))]
)
def test_the_types_of_every_public_attrs_class_resolve_at_run_time(name):
    cls = getattr(vcf_tasks_async, name)
    hints = typing.get_type_hints(cls)
    assert {field.name for field in attrs.fields(cls)} <= hints.keys()
    assert not any(isinstance(hint, str) for hint in hints.values())
