"""Asyncio tasks that somebody owns: they end with their owner at the latest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
# What starts a task that has an owner.
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Nursery:
    """Starts tasks, and ends those that still run.

    Attributes:
        running: those that have not ended.
    """

    def __init__(self) -> None:
        self.running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run *work* as a task."""
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    async def end(self) -> None:
        """Cancel what still runs, and return when it has ended."""
        running = tuple(self.running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
