"""The code of a Markdown page as its reader would run it: block after block, with the names of those before.

A block runs as it stands, but for the texts that a test puts in place of what only the reader has (hosts,
files). ``await`` and ``async with`` at top level are as fine as in the page. A block that calls `asyncio.run`
gets a thread without a running loop.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class Block(NamedTuple):
    page: Path
    language: str
    text: str
    line: int

    @property
    def is_test(self) -> bool:
        return "def test_" in self.text

    def with_put(self, put: Mapping[str, str]) -> str:
        text = self.text
        for old, new in put.items():
            text = text.replace(old, new)
        return text

    def compiled(self, put: Mapping[str, str]) -> Any:
        # Blank lines in front, so that a traceback names the page's own line.
        source = "\n" * (self.line - 1) + self.with_put(put)
        return compile(source, str(self.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def run(self, names: dict[str, Any], put: Mapping[str, str] = {}) -> None:
        code = self.compiled(put)
        if "asyncio.run(" in self.text:
            await asyncio.to_thread(eval, code, names)
            return
        running = eval(code, names)
        if inspect.iscoroutine(running):
            await running


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """The fenced blocks of *page*, or those in *language*."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    every = [Block(page, m[1], m[2], text.count("\n", 0, m.start()) + 2) for m in found]
    return [block for block in every if language in (None, block.language)]


async def run_blocks(
    page: Path,
    names: dict[str, Any],
    put: Mapping[str, str] = {},
    *,
    before_each: Callable[[], object] = lambda: None,
) -> None:
    """Run the Python blocks of *page* in order; those with tests are `passed_tests`' affair."""
    names.setdefault("__name__", "__main__")
    for block in blocks(page, "python"):
        if not block.is_test:
            before_each()
            await block.run(names, put)


def passed_tests(pages: Iterable[Path], folder: Path) -> int:
    """How many tests *pages* show; each page's are run in a file of their own, and all pass."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    for page in pages:
        shown = [block.text for block in blocks(page, "python") if block.is_test]
        assert shown, f"{page.name} shows no test"
        name = re.sub(r"\W", "_", page.stem)
        (folder / f"test_{name}.py").write_text("\n\n".join(shown), "utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--strict-markers"],
        cwd=folder, capture_output=True, text=True, timeout=18, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = re.search(r"(\d+) passed", ended.stdout)
    return int(told[1]) if told else 0
