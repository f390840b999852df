"""The SDDC Managers that a command is about: one, or all sites of a fleet, which it need not tell apart.

In a fleet a task is called ``SITE:ID``, and an id without its site is looked for at all of them. A site that
can't be asked costs the others nothing: it is told, and counts in the exit code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import Exit, code_of_all
from vcf_tasks_async.cli.output import clean
from vcf_tasks_async.cli.running import warn
from vcf_tasks_async.cli.search import Search, Target, label

__all__ = ["Alone", "Found", "Listing", "OneSite", "Sites", "SitesOfFleet", "Watched"]

T = TypeVar("T")


class Found(NamedTuple):
    """A task, and the site it is at; None where there is one SDDC Manager alone."""

    site: str | None
    task: v.Task

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id


class Watched(NamedTuple):
    """Events, each with its site, and how to learn which sites have been given up."""

    events: AsyncIterator[tuple[str | None, v.TaskEvent]]
    given_up: Callable[[], Collection[str]]


class Listing:
    """Tasks, each with its site. Whoever leaves before the end says so in `was_cut`."""

    def __init__(self, tasks: AsyncIterator[tuple[str | None, Any]]) -> None:
        self.was_cut = False
        self._tasks = tasks

    def __aiter__(self) -> AsyncIterator[tuple[str | None, v.Task]]:
        return self._tasks


class Sites(ABC):
    """SDDC Managers as a command opens them. An async context manager.

    Attributes:
        title: what they are called together.
        are_many: whether each task is told with its site.
        troubles: sites that could not be asked, by name; told when that was found out.
        is_whole: whether what was listed is all there is.
    """

    title: str
    are_many = False

    def __init__(self, opened: AbstractAsyncContextManager[Any]) -> None:
        self.troubles: dict[str, v.SiteTrouble] = {}
        self.is_whole = True
        self._opened = opened

    async def __aenter__(self) -> Self:
        await self._opened.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It has a clock of its own, as leaving it by hand has.
        await self._opened.__aexit__(kind, error, trace)  # noqa: ASYNC102

    @abstractmethod
    def manager(self, site: str | None) -> str:
        """The address of the SDDC Manager at *site*."""

    @abstractmethod
    async def session(self, site: str | None) -> v.TaskSession:
        """The open session of *site*."""

    @abstractmethod
    def listing(
        self, where: v.TaskFilter, names: Collection[str] | None = None
    ) -> AbstractAsyncContextManager[Listing]:
        """All tasks that are meant, of the sites of these *names* or of all. Tells where some are missing."""

    @abstractmethod
    def watching(
        self, which: v.TaskFilter | Sequence[Target], polling: v.Polling
    ) -> AbstractAsyncContextManager[Watched]:
        """What happens to tasks, while it happens."""

    @abstractmethod
    def act(self, action: v.Action, targets: Sequence[Found | Target], **how: Any) -> v.BulkRun | v.FleetRun:
        """A retry or cancel, ready to run."""

    @abstractmethod
    def target(self, text: str) -> Target:
        """What somebody means by *text*: a task's id, with or without its site."""

    def is_clear(self, target: Target) -> bool:
        """Whether *target* need not be looked for."""
        return target.is_whole and (target.site is not None or not self.are_many)

    async def collect(self, where: v.TaskFilter) -> list[Found]:
        """All tasks that are meant. Tells where some are missing."""
        async with self.listing(where) as tasks:
            return [Found(site, task) async for site, task in tasks]

    async def find(self, ids: Iterable[str]) -> list[Target]:
        """The tasks that *ids* stand for. They are listed only where something has to be looked up.

        What may be at a site that can't be asked is left out.

        Raises:
            UsageError: one stands for several tasks, or is too short to stand for one.
            TaskNotFound: one stands for none.
        """
        wanted = dict.fromkeys(map(self.target, ids))
        search = Search(each for each in wanted if not self.is_clear(each))
        if search.seen:
            async with self.listing(v.TaskFilter(), search.sites) as tasks:
                async for site, task in tasks:
                    search.see(site, task.id)
        found: dict[Target, None] = {}
        for each in wanted:
            if each not in search.seen:
                found[each] = None
            elif search.is_open(each, self.troubles):
                silent = ", ".join(map(clean, self.troubles))
                warn(f"{label(*each)} can't be looked for at {silent}: left out")
            else:
                found[search.only(each, self.title)] = None
        return list(found)

    def check(self, malformed: Sequence[v.DecodeError], *, complete: bool) -> None:
        """Tell where a listing has not told all there is."""
        for error in malformed:
            warn(f"left out, for it can't be read: {clean(error)}")
        if not complete:
            warn("the listing could not be made whole: tasks may be missing, run it again")
        self.is_whole = self.is_whole and complete and not malformed

    def note(self, troubles: Mapping[str, v.SiteTrouble]) -> None:
        """Tell which sites can't do their part; the others can."""
        for name, trouble in troubles.items():
            if name not in self.troubles:
                warn(clean(trouble))
                self.troubles[name] = trouble

    def code(self, code: Exit = Exit.DONE, *, of_any: bool = True) -> Exit:
        """The exit code of a command that would end with *code*, but for sites in trouble.

        Args:
            code: how it went with those that could be asked.
            of_any: whether there were any.
        """
        return code or code_of_all([*self.errors, *([None] if of_any else [])])

    @property
    def errors(self) -> list[Exception]:
        """What is wrong with the sites in trouble."""
        return [trouble.error for trouble in self.troubles.values()]


class OneSite(Sites):
    """One SDDC Manager.

    Args:
        session: with it, not opened yet.
        name: what it is called in the fleet that it was taken from.
    """

    def __init__(self, session: v.TaskSession, name: str | None = None) -> None:
        super().__init__(session)
        self._name = name
        self._session = session
        self.title = session.manager

    def manager(self, site: str | None) -> str:
        """Its address."""
        return self._session.manager

    async def session(self, site: str | None) -> v.TaskSession:
        """Its session."""
        return self._session

    @asynccontextmanager
    async def listing(
        self, where: v.TaskFilter, names: Collection[str] | None = None
    ) -> AsyncIterator[Listing]:
        """Its tasks."""
        async with self._session.stream(where) as stream:
            listing = Listing(Alone(stream))
            yield listing
        self.check(stream.malformed, complete=stream.complete or listing.was_cut)

    async def collect(self, where: v.TaskFilter) -> list[Found]:
        """Its tasks, kept small."""
        kept = await self._session.collect(where)
        self.check(kept.malformed, complete=kept.complete)
        return [Found(None, task) for task in kept]

    @asynccontextmanager
    async def watching(
        self, which: v.TaskFilter | Sequence[Target], polling: v.Polling
    ) -> AsyncIterator[Watched]:
        """Its events."""
        what = which if isinstance(which, v.TaskFilter) else [target.id for target in which]
        async with self._session.watch(what, polling=polling) as events:
            yield Watched(Alone(events), lambda: ())

    def act(self, action: v.Action, targets: Sequence[Found | Target], **how: Any) -> v.BulkRun:
        """A run over its tasks."""
        many = self._session.retry_many if action.is_retry else self._session.cancel_many
        return many([what for _, what in targets], **how)

    def target(self, text: str) -> Target:
        """All of the text is the id, but for the site's own name."""
        return Target(None, text if self._name is None else text.removeprefix(f"{self._name}:"))


class SitesOfFleet(Sites):
    """All sites of a fleet."""

    are_many = True

    def __init__(self, fleet: v.Fleet) -> None:
        super().__init__(fleet)
        self._fleet = fleet
        self._sites = fleet.sites
        self.title = f"{len(self._sites)} site{'' if len(self._sites) == 1 else 's'}"

    def manager(self, site: str | None) -> str:
        """The site's address."""
        url = self._sites[site or ""].url
        return url.partition("://")[2] or url

    async def session(self, site: str | None) -> v.TaskSession:
        """The site's session, which the fleet opens when it is first needed."""
        return await self._fleet.session(site or "")

    @asynccontextmanager
    async def listing(
        self, where: v.TaskFilter, names: Collection[str] | None = None
    ) -> AsyncIterator[Listing]:
        """The tasks of all sites, or of some, side by side."""
        each = dict.fromkeys(self._sites if names is None else names, where)
        async with self._fleet.stream(each, raise_troubles=False) as stream:
            listing = Listing(stream)
            yield listing
        self.note(stream.troubles)
        for of_site in stream.sites.values():
            # What a site in trouble lacks has been told.
            told = listing.was_cut or bool(stream.troubles)
            self.check(of_site.malformed, complete=of_site.complete or told)

    @asynccontextmanager
    async def watching(
        self, which: v.TaskFilter | Sequence[Target], polling: v.Polling
    ) -> AsyncIterator[Watched]:
        """The events of all sites."""
        pairs = (
            which if isinstance(which, v.TaskFilter) else [(site or "", task_id) for site, task_id in which]
        )
        events = self._fleet.watch(pairs, polling=polling)
        try:
            async with events:
                yield Watched(events, lambda: events.troubles)
        except v.SiteTroubles:
            # It tells of all of them itself.
            raise
        except BaseException:
            self.note(events.troubles)
            raise
        self.note(events.troubles)

    def act(self, action: v.Action, targets: Sequence[Found | Target], **how: Any) -> v.FleetRun:
        """A run at each site that has targets."""
        many = self._fleet.retry_many if action.is_retry else self._fleet.cancel_many
        return many([(site or "", what) for site, what in targets], **how)

    def target(self, text: str) -> Target:
        """An id, after its site's name and a colon where that was given: no name has a colon in it."""
        site, colon, task_id = text.partition(":")
        return Target(site, task_id) if colon and site in self._sites else Target(None, text)


class Alone(Generic[T]):
    """What comes from one SDDC Manager, as it would from a fleet."""

    def __init__(self, items: AsyncIterator[T]) -> None:
        self._items = items

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[str | None, T]:
        return None, await anext(self._items)
