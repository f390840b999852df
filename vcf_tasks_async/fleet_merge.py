"""What the streams of a fleet share: one pump for each site, and the sites in trouble."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.merging import Merge, Spawn
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import SiteTrouble, SiteTroubles

T = TypeVar("T")
OpenSession = Callable[[str], Awaitable[TaskSession]]


class SiteMerge(Merge[T]):
    """One pump for each site, and what went wrong there."""

    doing = ""

    def __init__(self, names: Iterable[str], open_session: OpenSession, spawn: Spawn) -> None:
        super().__init__(spawn)
        self.names = tuple(names)
        self.troubles: dict[str, SiteTrouble] = {}
        self.raise_troubles = True
        self._open_session = open_session

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        return [self._guarded(name) for name in self.names]

    async def _guarded(self, name: str) -> None:
        try:
            await self.pump(name, await self._open_session(name))
        except VcfTasksError as error:
            self.note(name, error)

    async def pump(self, name: str, session: TaskSession) -> None:
        """Fill the box with what this site has."""
        raise NotImplementedError

    def note(self, name: str, error: VcfTasksError) -> None:
        """A site can't do its part."""
        self.troubles[name] = SiteTrouble(name, self.doing, error)

    def end(self) -> None:
        if self.troubles and self.raise_troubles:
            raise SiteTroubles.of(self.troubles, len(self.names))
