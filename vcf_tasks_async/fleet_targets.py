"""Whose target is whose: pairs of a site and a task, sorted by site, at once or as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, Final

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.models import Task
from vcf_tasks_async.targets import Target, iterable

# Targets of one site that wait for their turn, where they come from a source that all sites share.
_ROOM: Final = 1000
_PAIRS: Final = 'give pairs of a site and a task or its id, such as [("sfo", task_id)]'


def by_site(targets: Any, sites: Iterable[str]) -> dict[str, list[str | Task]]:
    """*targets* by site: pairs of a site and a task or its id, or tasks and ids for each site by its name.

    Raises:
        UsageError: they are neither, or a site is none of *sites*.
    """
    if isinstance(targets, Mapping):
        return {name: several(name, each) for name, each in each_of(targets, sites, "targets").items()}
    return grouped(iterable(targets, _PAIRS), sites)


def several(site: str, targets: Any) -> list[str | Task]:
    """Tasks and ids of one *site*.

    Raises:
        UsageError: they can't be gone through, or are a single one.
    """
    return list(iterable(targets, f"give tasks or task ids of site {site} as an iterable: [task_id] for one"))


def grouped(targets: Iterable[tuple[str, str | Task]], names: Iterable[str]) -> dict[str, list[str | Task]]:
    """*targets* by site.

    Raises:
        UsageError: one is no pair of a site of these *names* and a task or its id.
    """
    known = frozenset(names)
    found: dict[str, list[str | Task]] = {}
    for target in targets:
        site, task = checked_pair(target, known)
        found.setdefault(site, []).append(task)
    return found


def checked_pair(target: object, known: frozenset[str]) -> tuple[str, str | Task]:
    """*target*, when it is a pair of a known site and a task or its id.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(target, tuple) or len(target) != 2 or not isinstance(target[1], str | Task):
        raise UsageError(
            "a target is a pair of a site's name and a task or its id, as fleet.stream(…) yields them,"
            f" not {type(target).__name__}"
        )
    site, task = target
    if site not in known:
        raise unknown_site(site, known)
    return site, task


def unknown_site(name: object, known: Iterable[str]) -> UsageError:
    """The error for a site that the fleet does not have."""
    shown: Iterator[str] = iter(sorted(known))
    some = ", ".join(each for each, _ in zip(shown, range(8), strict=False))
    return UsageError(f"this fleet has no site {str(name)[:80]!r}: it has {some}")


def each_of(what: Any, sites: Iterable[str], argument: str) -> dict[str, Any]:
    """*what* for each site that it means: a filter (or None) for all *sites*, or something for each by name.

    Raises:
        UsageError: it is neither, or names a site that the fleet does not have.
    """
    known = frozenset(sites)
    if isinstance(what, Mapping):
        for name in what:
            if name not in known:
                raise unknown_site(name, known)
        return dict(what)
    if what is None or isinstance(what, TaskFilter):
        return dict.fromkeys(sites, what)
    raise UsageError(f"{argument} takes a TaskFilter for all sites, or one for each site by its name")


def id_of(target: Target) -> str:
    """The id of a target."""
    return target if isinstance(target, str) else target.id


class Lane(AsyncIterator[Target]):
    """The targets of one site, out of a source that all share: a queue that holds only so many."""

    def __init__(self) -> None:
        self.seen = IdSet()
        self._queue: asyncio.Queue[Target | None] = asyncio.Queue(_ROOM)
        self._some = self._ended = False
        self._arrived = asyncio.Event()

    async def put(self, target: Target) -> None:
        self._some = True
        self._arrived.set()
        await self._queue.put(target)

    def end(self) -> None:
        self._ended = True
        self._arrived.set()
        if self._queue.empty():
            # Somebody may wait for a target.
            self._queue.put_nowait(None)

    async def any(self) -> bool:
        """Whether there is a target at all; waits for the first, or the end."""
        await self._arrived.wait()
        return self._some

    async def __anext__(self) -> Target:
        if self._ended and self._queue.empty():
            raise StopAsyncIteration
        target = await self._queue.get()
        if target is None:
            raise StopAsyncIteration
        return target

    def left(self) -> Iterator[Target]:
        """Targets that nobody came to."""
        while not self._queue.empty():
            target = self._queue.get_nowait()
            if target is not None:
                yield target
