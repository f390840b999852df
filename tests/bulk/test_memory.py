"""A run holds what is in work, and compactly what it has seen; nothing else grows with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).with_name("memory_child.py")
MIB = 1 << 20


def measured(ids: int) -> dict[str, float]:
    ran = subprocess.run([sys.executable, str(CHILD), str(ids)], capture_output=True, check=True, timeout=60)
    return json.loads(ran.stdout)


# `python -m benchmarks --case bulk-memory` does a million.
def test_sixty_thousand_ids_take_less_than_6_mib_more_than_ten_thousand():
    many = measured(60_000)
    assert many["highest"] - many["at 10,000"] < 6 * MIB
    assert many["peak"] - many["at 10,000"] < 6 * MIB
