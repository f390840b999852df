"""Credential tasks, one by one, from the one answer that there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from vcf_tasks_async.credential_models import CredentialsTask, CredentialsTaskPage
from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.reader import Reader
from vcf_tasks_async.turns import Turn


class CredentialsStream(Reader[CredentialsTask]):
    """The credential tasks of a listing, each once. Made by `session.credentials.stream`.

    Asks when its first task is asked for, once; a timeout round that ``anext`` loses nothing.

    Attributes:
        malformed: elements that could not be read, each with its place.
        total: tasks in all as the server counted, before any filter; None where it does not say.

    Example:
        >>> tasks = session.credentials.stream(TaskFilter(status=Status.FAILED))
        >>> [task.id async for task in tasks], tasks.complete
        (['3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1'], True)
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[CredentialsTaskPage]],
        where: TaskFilter,
        *,
        limited: bool,
        strict: bool,
    ) -> None:
        self._fetch = fetch
        self._where = where
        self._limited = limited
        self._strict = strict
        self._ready: deque[CredentialsTask] | None = None
        self._closed = False
        self._whole = False
        self._turn = Turn()
        self.malformed: tuple[DecodeError, ...] = ()
        self.total: int | None = None

    @property
    def complete(self) -> bool:
        """Whether every credential task that was meant has been yielded. False until the stream ended.

        Also False when elements could not be read, when the stream was left early, with a limit, and when
        the server counts more tasks than it sent.
        """
        return self._whole and self._ready is not None and not self._ready and not self.malformed

    async def __anext__(self) -> CredentialsTask:
        if self._ready is None and not self._closed:
            self._ready = self._taken(await self._fetch())
        if self._turn.is_over():
            # Before anything is taken: a cancellation here loses nothing.
            await self._turn.give_way()
        if self._closed or not self._ready:
            self._closed = True
            raise StopAsyncIteration
        return self._ready.popleft()

    def _taken(self, page: CredentialsTaskPage) -> deque[CredentialsTask]:
        self.malformed = page.malformed
        self.total = page.page_metadata.total_elements if page.page_metadata else None
        if self._strict and page.malformed:
            self._closed = True
            raise page.malformed[0]
        came = len(page.elements) + len(page.malformed)
        self._whole = not self._limited and (self.total is None or self.total <= came)
        each_once = {task.id: task for task in page.elements}
        return deque(task for task in each_once.values() if self._where.matches(task))

    async def aclose(self) -> None:
        """End at once."""
        if not self._closed:
            self._closed, self._whole = True, False
            self._ready = None
