"""A journal for who asks; and properties get no deadline: two busy cores would make it a lottery."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from journals import write_one

settings.register_profile(
    "vcf", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vcf")


@pytest.fixture
def written(tmp_path) -> Path:
    """A journal of one whole run."""
    return write_one(tmp_path / "written")
