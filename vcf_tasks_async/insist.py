"""Waiting for what has to be brought to its end, whoever loses patience meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(task: asyncio.Task[None], *, hurry: bool = False) -> None:
    """Wait until *task* has ended, however often this wait is cancelled; that comes out afterwards.

    Args:
        task: what it raises comes out as well, unless the wait was cancelled.
        hurry: pass each cancellation on to it.
    """
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
            if hurry:
                task.cancel()
    if cancelled is not None:
        # Looked at, or it would be reported as never retrieved.
        _ = task.cancelled() or task.exception()
        raise cancelled
    if not task.cancelled():
        task.result()


async def through(work: Coroutine[Any, Any, None]) -> None:
    """*work*, which no cancellation of ours cuts off; that comes out afterwards."""
    await to_its_end(asyncio.create_task(work))
