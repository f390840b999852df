"""The tests that the documents name as keepers of a promise are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# network.md comes with the room that it describes.
DOCUMENTS = [path for path in (ROOT / "docs/promises.md", ROOT / "docs/network.md") if path.exists()]
_NAMED = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


def missing_in(text: str) -> list[str]:
    """The tests (`path::name`, or a whole file) that *text* names and that don't exist."""
    found = {path: _names_in(ROOT / path) for path in {match[1] for match in _NAMED.finditer(text)}}
    return sorted({m[0] for m in _NAMED.finditer(text) if (m[2] or "") not in found[m[1]]})


def _names_in(file: Path) -> set[str]:
    if not file.exists():
        return set()
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return {"", *(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_test_that_a_document_names_exists(document):
    text = document.read_text("utf-8")
    assert missing_in(text) == []
    assert len(_NAMED.findall(text)) > 5


def test_a_test_that_does_not_exist_is_missed():
    here = "tests/test_promises.py"
    gone = [f"{here}::test_of_yore", "tests/no_such.py::test_x"]
    assert missing_in(f"`{here}::missing_in`, {here}, `{gone[0]}`, `{gone[1]}`") == sorted(gone)


def test_each_promise_names_a_test():
    text = (ROOT / "docs/promises.md").read_text("utf-8")
    promises = re.split(r"^\*\*", text, flags=re.MULTILINE)[1:]
    assert [promise.split("**")[0] for promise in promises if "::" not in promise] == []
    assert len(promises) > 15


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "docs/promises.md"])
def test_the_files_that_a_document_links_to_exist(name):
    document = ROOT / name
    for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", document.read_text("utf-8")):
        assert (document.parent / link).exists(), link
