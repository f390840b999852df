"""What a session's `spawn` is to those who run tasks on it, for tests that make no session."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Spawner:
    """Runs tasks, and knows which of them are still running."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task
