"""Slots that several sessions share: a bound on requests in flight above each session's own."""

from __future__ import annotations

import asyncio
from collections import deque

import anyio

from vcf_tasks_async.errors import UsageError


class Limiter:
    """Bounds requests in flight over all sessions that are given it.

    A slot is held for one request only, and a free one goes to whichever session has the fewest in flight:
    a slow SDDC Manager keeps at most its own session's `concurrency`, and the others overtake it. Bound to no
    event loop, but for one loop at a time.

    Args:
        limit: requests in flight at most, logins included.

    Raises:
        UsageError: *limit* is no whole number from 1 on.

    Example:
        >>> limiter = Limiter(64)
        >>> session = TaskSession("sfo-vcf01.rainpole.io", auth, limiter=limiter)
        >>> other = TaskSession("lax-vcf01.rainpole.io", auth, limiter=limiter)
    """

    def __init__(self, limit: int) -> None:
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise UsageError(f"a Limiter takes a whole number of requests from 1 on, not {limit!r}")
        self.limit = limit
        # Held while a large answer is decoded: one after the other, or as many slices as there are answers
        # would come in the same turn of the loop.
        self._decoding = anyio.Lock(fast_acquire=True)
        self._in_flight = 0
        # Who waits, longest first.
        self._waiting: dict[Share, None] = {}

    @property
    def in_flight(self) -> int:
        """Slots that are held just now."""
        return self._in_flight

    def _take(self, share: Share) -> bool:
        if self._in_flight >= self.limit:
            return False
        self._in_flight += 1
        share.in_flight += 1
        return True

    def _give_back(self, share: Share) -> None:
        self._in_flight -= 1
        share.in_flight -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._in_flight < self.limit:
            # min takes the first of equals: whoever waits longest.
            share = min(self._waiting, key=lambda each: each.in_flight)
            del self._waiting[share]
            granted = share.grant()
            if share.has_waiters:
                self._waiting[share] = None
            if granted:
                self._take(share)

    def _wait(self, share: Share) -> None:
        self._waiting.setdefault(share)


class Share:
    """One session's own place in a `Limiter`.

    Attributes:
        in_flight: slots that it holds.
        decoding: held while a large answer is decoded.
    """

    def __init__(self, limiter: Limiter) -> None:
        self.in_flight = 0
        self.decoding = limiter._decoding  # noqa: SLF001 - the two are one
        self._limiter = limiter
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def has_waiters(self) -> bool:
        """Whether anyone waits here."""
        return bool(self._waiters)

    def acquire_nowait(self) -> bool:
        """Take a slot if one is free. False: wait for one with `acquire`."""
        return self._limiter._take(self)  # noqa: SLF001 - the two are one

    async def acquire(self) -> None:
        """Take a slot, when it is this session's turn."""
        if self.acquire_nowait():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiters.append(turn)
        self._limiter._wait(self)  # noqa: SLF001 - the two are one
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def grant(self) -> bool:
        """Let the first who still waits go on; False when nobody does."""
        while self._waiters:
            turn = self._waiters.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    def release(self) -> None:
        """Give a slot back."""
        self._limiter._give_back(self)  # noqa: SLF001 - the two are one
