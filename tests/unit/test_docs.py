"""Each test that the docs name as the keeper of a promise is there, and what contributors are told is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = {
    (page.name, path, name)
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"]
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8"))
}


@pytest.mark.parametrize(("page", "path", "name"), sorted(NAMED))
def test_the_test_that_keeps_a_promise_exists(page: str, path: str, name: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    assert not name or re.search(rf"^(async )?def {name}\b", text, re.MULTILINE)


def test_contributors_are_told_of_every_nox_session_and_of_no_other() -> None:
    told = re.findall(r"`nox -s (\w+)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    there = re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(there)


def test_what_the_walk_through_an_operation_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    walk = text.partition("## Add an operation")[2].partition("## Tests")[0]
    tables = dict(re.findall(r"`([A-Z_]+)`[^`]*`(tests/[\w/]+\.py)`", walk))
    assert len(tables) >= 4
    for table, path in tables.items():
        assert re.search(rf"^{table}\b", (ROOT / path).read_text("utf-8"), re.MULTILINE), f"{table} in {path}"
    for path in re.findall(r"`((?:testing/)?\w+\.py)`", walk):
        assert (ROOT / "vcf_tasks_async" / path).is_file(), path
