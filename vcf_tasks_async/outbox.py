"""Outcomes on their way to a reader, who may be slow, may not have come, or may have left."""

from __future__ import annotations

from collections import deque

import anyio

from vcf_tasks_async.outcomes import Outcome


class Outbox:
    """Holds outcomes for its reader, and holds their makers back while it is full.

    Args:
        room: outcomes that may lie there unread before `room` has to be waited for.
    """

    def __init__(self, room: int) -> None:
        self._size = room
        self._unread: deque[Outcome] = deque()
        self._has_reader = False
        self._is_over = False
        self._arrived = anyio.Event()
        self._taken = anyio.Event()

    def open(self) -> None:
        """There is a reader from now on."""
        self._has_reader = True

    def close(self) -> None:
        """There is none any more: what comes now is dropped."""
        self._has_reader = False
        self._taken.set()

    def end(self) -> None:
        """Hold nobody back from now on; what lies there can still be read."""
        self._is_over = True
        self._taken.set()

    def put(self, outcome: Outcome) -> None:
        """Leave *outcome* for the reader, if there is one."""
        if self._has_reader:
            self._unread.append(outcome)
            self._arrived.set()

    def take(self) -> Outcome | None:
        """The next outcome, or None when there is none just now."""
        if not self._unread:
            return None
        self._taken.set()
        return self._unread.popleft()

    def ring(self) -> None:
        """Let the reader look up, though nothing came."""
        self._arrived.set()

    async def arrival(self) -> None:
        """Wait until something comes, or `ring`."""
        if self._arrived.is_set():
            self._arrived = anyio.Event()
        await self._arrived.wait()

    async def room(self) -> None:
        """Wait while the reader is behind."""
        while self._has_reader and not self._is_over and len(self._unread) >= self._size:
            if self._taken.is_set():
                self._taken = anyio.Event()
            await self._taken.wait()
