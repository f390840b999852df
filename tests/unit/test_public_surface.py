"""What users hold on to stays: each public name, its signature and its members, as they stand in a file."""

from __future__ import annotations

import difflib
import importlib

import pytest
from surface import FILE, MODULES, surface

RENEW = "python tests/unit/surface.py"


def test_the_public_surface_is_what_was_agreed_on() -> None:
    agreed, now = FILE.read_text("utf-8"), surface()
    changes = "\n".join(
        difflib.unified_diff(agreed.split("\n"), now.split("\n"), "agreed", "now", lineterm="", n=0)
    )
    assert not changes, f"if that is meant, and in the changelog: {RENEW}\n{changes}"


@pytest.mark.parametrize("module", MODULES)
def test_what_is_named_public_can_be_had_and_is_in_order(module: str) -> None:
    package = importlib.import_module(module)
    assert list(package.__all__) == sorted(set(package.__all__))
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        assert getattr(package, name).__module__.startswith("vcf_tasks_async")
