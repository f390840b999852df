"""Counts of what code does: the same on a fast machine and on a busy one."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counted_calls(house: str = "") -> Iterator[Counter[str]]:
    """Calls made inside the block: ``call`` of Python functions, ``c_call`` of C functions.

    Args:
        house: how the paths begin whose functions count, and the C functions that these call.
    """
    counts: Counter[str] = Counter()

    def note(frame: Any, event: str, argument: Any) -> None:
        if frame.f_code.co_filename.startswith(house):
            counts[event] += 1

    # A collection runs whoever's finalizers are due.
    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(None)
        gc.enable()


def kept_by(make: Callable[[], Any]) -> dict[str, float]:
    """What the result of *make* keeps: ``containers`` for the cyclic collector, ``blocks``, ``kb``."""
    gc.collect()
    gc.disable()
    try:
        containers, blocks = len(gc.get_objects()), sys.getallocatedblocks()
        result = make()
        found = {
            "containers": len(gc.get_objects()) - containers,
            "blocks": sys.getallocatedblocks() - blocks,
        }
        del result
        tracemalloc.start()
        result = make()
        # Nor does garbage that only the collector frees.
        gc.collect()
        found["kb"] = tracemalloc.get_traced_memory()[0] / 1024
        del result
        return found
    finally:
        tracemalloc.stop()
        gc.enable()
