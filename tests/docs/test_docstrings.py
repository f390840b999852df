"""The example of every docstring runs, and what it says comes out is what comes out.

Examples have at hand what a reader would have: an open `session` with SDDC Manager, a `fleet`, some ids. An
example that shows no output may print what it likes.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import importlib
import inspect
import io
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import vcf_tasks_async
from vcf_tasks_async import Fleet, PasswordAuth, Site, SiteTask, TaskSession
from vcf_tasks_async.testing import SddcManagerSimulator

HOUSE = Path(vcf_tasks_async.__file__).parent
DONE, FAILED = "16ab8935-805b-4edf-aace-72c98134f667", "3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1"
PARSER, CHECKER = doctest.DocTestParser(), doctest.OutputChecker()
# They go on until somebody leaves: they are left when they have printed something.
ENDLESS = {"Follows.watch", "TaskWatch", "Fleet.watch", "FleetWatch"}
# Needs a cluster, which tests/dask has; here it is compiled.
ON_A_CLUSTER = {"DaskFleet"}


class Documented(NamedTuple):
    module: str
    name: str
    file: Path
    line: int
    examples: list[doctest.Example]

    @property
    def source(self) -> str:
        return "".join(example.source for example in self.examples)


def documented() -> Iterator[Documented]:
    """Whatever has a docstring with an example."""
    for file in sorted(HOUSE.rglob("*.py")):
        module = ".".join(file.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__")
        waiting: list[tuple[str, ast.AST]] = [("", ast.parse(file.read_text("utf-8")))]
        while waiting:
            name, node = waiting.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    waiting.append((f"{name}.{child.name}".lstrip("."), child))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                examples = PARSER.get_examples(ast.get_docstring(node) or "")
                if examples:
                    yield Documented(module, name, file, getattr(node, "lineno", 1), examples)


ALL = list(documented())


@contextlib.asynccontextmanager
async def world(subject: Documented) -> AsyncIterator[dict[str, Any]]:
    """What the examples take for there, on simulated SDDC Managers."""
    async with SddcManagerSimulator(tasks=0, release="9.1") as sddc:
        for _ in range(120):
            sddc.add_task(status="Failed", subtasks=1)
        credential = "Credentials" in subject.name
        sddc.add_task(status="Failed", subtasks=1, credential=credential, id=FAILED, type="ROTATE")
        sddc.add_task(status="In Progress", subtasks=1)
        for _ in range(211):
            sddc.add_task(status="Successful", subtasks=1)
        sddc.add_task(status="In Progress" if "cancel" in subject.name else "Successful", subtasks=1, id=DONE)
        auth = PasswordAuth(sddc.username, sddc.password)
        sites = {name: Site(sddc.url, auth) for name in ("sfo", "lax")}
        targets = [SiteTask("sfo", DONE)] if "Waits" in subject.name else [SiteTask("sfo", FAILED)]
        async with TaskSession(sddc.url, auth) as session, Fleet(sites) as fleet:
            yield {
                "session": session, "fleet": fleet, "ids": [DONE], "task_id": FAILED, "auth": auth,
                "user": sddc.username, "secret": sddc.password, "host": sddc.url,
                "targets": targets, "accepted": [SiteTask("sfo", DONE)],
            }  # fmt: skip


async def output_of(example: doctest.Example, subject: Documented, names: dict[str, Any]) -> str:
    source = example.source
    for host in ("sfo-vcf01.rainpole.io", "lax-vcf01.rainpole.io"):
        if "async with" in source and "host" in names:
            source = source.replace(host, names["host"])
    # Blank lines in front, so that a traceback names a line not far from the example's own.
    source = "\n" * (subject.line + example.lineno) + source
    code = compile(source, str(subject.file), "single", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    said = io.StringIO()

    async def run() -> None:
        if "asyncio.run(" in source:
            await asyncio.to_thread(eval, code, names)
            return
        running = eval(code, names)
        if inspect.iscoroutine(running):
            await running

    with contextlib.redirect_stdout(said):
        if subject.name in ENDLESS:
            going = asyncio.create_task(run())
            while not said.getvalue() and not going.done():
                await asyncio.sleep(0.01)
            going.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await going
        else:
            await run()
    return said.getvalue()


def _show(value: object) -> None:
    if value is not None:
        print(repr(value))


@pytest.mark.parametrize("subject", ALL, ids=lambda subject: f"{subject.module}.{subject.name}")
async def test_the_example_runs_and_says_what_it_shows(
    subject: Documented, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if subject.name in ON_A_CLUSTER:
        compile(subject.source, str(subject.file), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sites.toml").write_text('[sites.sfo]\nurl = "sfo-vcf01.rainpole.io"\napi_key_env = "KEY"\n')
    monkeypatch.setattr(sys, "displayhook", _show)
    face = {name: getattr(vcf_tasks_async, name) for name in vcf_tasks_async.__all__}
    names: dict[str, Any] = {**face, **vars(importlib.import_module(subject.module))}
    async with contextlib.AsyncExitStack() as stack:
        if any(word in subject.source for word in ("session", "fleet", "async with")):
            names |= await stack.enter_async_context(world(subject))
            for site in ("SFO", "LAX"):
                monkeypatch.setenv(f"{site}_PASSWORD", names["secret"])
        for example in subject.examples:
            got = await output_of(example, subject, names)
            if example.want:
                kind = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
                assert CHECKER.check_output(example.want, got, kind), f"{example.want}is shown, {got}comes"


def test_no_example_is_passed_over() -> None:
    assert len(ALL) > 100
    names = {subject.name for subject in ALL}
    assert names >= ENDLESS | ON_A_CLUSTER
