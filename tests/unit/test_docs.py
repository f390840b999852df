"""Each test that the docs name as the keeper of a promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = {
    (page.name, path, name)
    for page in (ROOT / "docs").rglob("*.md")
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8"))
}


@pytest.mark.parametrize(("page", "path", "name"), sorted(NAMED))
def test_the_test_that_keeps_a_promise_exists(page: str, path: str, name: str) -> None:
    text = (ROOT / path).read_text("utf-8")
    assert not name or re.search(rf"^(async )?def {name}\b", text, re.MULTILINE)
