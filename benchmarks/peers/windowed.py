"""What the floors share: the first page, then the others with so many requests in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def windowed(
    fetch: Callable[[int, int], Awaitable[T]],
    total: Callable[[T], int],
    window: int,
    use: Callable[[T], None],
) -> None:
    """Fetch page by page, in no certain order.

    Args:
        fetch: gets one page; takes the lane (below *window*) and the page's number.
        total: how many pages there are, by the first of them.
        window: requests in flight at most.
        use: what is done with each page.
    """
    first = await fetch(0, 0)
    use(first)
    numbers = iter(range(1, total(first)))

    async def work(lane: int) -> None:
        for number in numbers:
            use(await fetch(lane, number))

    await asyncio.gather(*map(work, range(window)))
