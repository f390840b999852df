"""What the streams of a fleet share: one pump for each site, and its troubles; and what its runs share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vcf_tasks_async.errors import UsageError, VcfTasksError
from vcf_tasks_async.mailbox import Box, Mailbox
from vcf_tasks_async.merging import Merge, Spawn
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.sites import SiteOutcome, SiteTrouble, SiteTroubles

if TYPE_CHECKING:
    from vcf_tasks_async.fleet_report import FleetReport

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


class OutcomesOnce(Mailbox[SiteOutcome]):
    """A run over a fleet: it runs once, awaited for its report, or with ``async with`` for its outcomes."""

    def __init__(self, box: Box[SiteOutcome]) -> None:
        self._used = False
        super().__init__(box)

    def __await__(self) -> Generator[Any, Any, FleetReport]:
        return self._to_the_end().__await__()

    @abstractmethod
    async def _to_the_end(self) -> FleetReport: ...

    async def __aenter__(self) -> Self:
        if self._used:
            raise UsageError("a run over a fleet runs once: call retry_many or cancel_many again for another")
        self._used = True
        return await super().__aenter__()

    async def __anext__(self) -> SiteOutcome:
        if not self._used:
            raise UsageError("outcomes come inside `async with fleet.retry_many(…) as outcomes:`")
        return await super().__anext__()
