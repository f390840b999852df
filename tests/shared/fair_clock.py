"""A clock that stands still while this thread would run and others have the processor.

For bounds in seconds on machines that are busy with other things: how long a thread was kept waiting is no
fault of what it does.
"""

from __future__ import annotations

import time
from pathlib import Path

_STAT = Path("/proc/thread-self/schedstat")


def fair() -> float:
    """Seconds; where the kernel does not tell of the waiting, those of the wall."""
    try:
        kept_waiting = int(_STAT.read_text("ascii").split()[1]) / 1e9
    except OSError:
        kept_waiting = 0.0
    return time.monotonic() - kept_waiting
