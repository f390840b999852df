"""The part of `TaskSession` that follows tasks: wait for their end, watch what happens to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.models import Task
from vcf_tasks_async.policy import Polling, checked_polling
from vcf_tasks_async.wait_many import TaskWaits
from vcf_tasks_async.waiting import OnProgress, OnStalled
from vcf_tasks_async.watch import TaskWatch
from vcf_tasks_async.wiring import Wiring


class Follows:
    """What `TaskSession` can follow. All of it shares one poller, which runs while somebody follows."""

    @abstractmethod
    def _opened(self) -> Wiring: ...

    async def wait(
        self,
        task_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - it is measured by the poller's clock, and carries the task
        polling: Polling = Polling(),
        raise_failed: bool = False,
        after_retry: bool | None = None,
        stalled_after: float | None = None,
        on_stalled: OnStalled | None = None,
        on_progress: OnProgress | None = None,
    ) -> Task:
        """Wait until a task has ended, and return it as it ended.

        Goes on through 502s, refused connections, expired tokens and restarts for as long as
        `Polling.patience` says. Waits on the same task share one look. A status never seen before is no end.

        Args:
            task_id: the task's id, as in `Task.id`.
            timeout: seconds; None waits for ever.
            polling: how often to look, and for how long looks may fail in a row.
            raise_failed: raise `TaskFailed` where the task did not end well (cancelled is not well).
            after_retry: True: a failure that shows may be older than a retry, and is passed over for
                `Policy.grace` seconds unless it is a new one. None: just so after a retry by this session.
                False: never.
            stalled_after: seconds without any change of the task or its subtasks, as seen from here (outages
                don't count), after which it counts as stuck. Noticed at the first look after that.
            on_stalled: called with the stuck `Task`, once until it changes again; may be async. Without
                it, `TaskStalled` is raised.
            on_progress: called with `Progress` at the first look and at each change; may be async. Changes
                that come while it runs are told in one. What it raises comes out of the wait.

        Raises:
            WaitTimeout: time ran out; `WaitError.task` is the task as last seen, None when it never was. The
                task goes on: wait again with its id.
            TaskGone: there is no such task (any more), for 5 s on end: a new one may be late to show.
            TaskFailed: see *raise_failed*.
            TaskStalled: see *stalled_after*.
            WaitError: looks failed for longer than `Polling.patience`; its cause says how.
            Unauthorized, Forbidden: the login never worked.
            UsageError: *task_id* can't be one; the session is closed, or was closed meanwhile.

        Example:
            >>> task = await session.wait("16ab8935-805b-4edf-aace-72c98134f667", timeout=3600)
            >>> task.status
            <Status.SUCCESSFUL: 'SUCCESSFUL'>
        """
        return await self._opened().waits.one(
            task_id,
            timeout=timeout,
            polling=checked_polling(polling),
            raise_failed=raise_failed,
            after_retry=after_retry,
            stalled_after=stalled_after,
            on_stalled=on_stalled,
            on_progress=on_progress,
        )

    def wait_many(
        self,
        targets: Iterable[str | Task],
        *,
        timeout: float | None = None,
        polling: Polling = Polling(),
        after_retry: bool | None = None,
    ) -> TaskWaits:
        """Wait for many tasks, and get each as it ends. Thousands cost pages of the listing, not a poll each.

        Args:
            targets: tasks or task ids; one that comes twice is waited for once.
            timeout: seconds for all of them together, from the first ``anext`` on; None waits for ever.
            polling: how often to look.
            after_retry: as for `wait`.

        Returns:
            an async iterator of ended tasks. What can't be waited for does not stop the others: it is in
            `TaskWaits.missed`, and the first such error is raised when all others have ended.

        Raises:
            TaskGone, WaitTimeout, WaitError: from the loop, at its end; see `wait`.
            UsageError: *targets* is no iterable of tasks or task ids.

        Example:
            >>> async for task in session.wait_many(ids, timeout=3600):
            ...     print(task.name, task.status)
        """
        return TaskWaits(
            self._opened().waits,
            targets,
            timeout=timeout,
            polling=checked_polling(polling),
            after_retry=after_retry,
        )

    def watch(
        self,
        where: TaskFilter | Iterable[str | Task] | None = None,
        *,
        polling: Polling = Polling(),
        initial: bool = True,
        cursor: Mapping[str, Any] | str | None = None,
    ) -> TaskWatch:
        """Watch tasks, and get what happens to them as `TaskEvent`\\ s.

        Args:
            where: a `TaskFilter` (None for all tasks), or ids. A task that leaves the filter is told of once
                more, with what it became, and then no more; tasks that come into it appear.
            polling: how often to look, and for how long looks may fail in a row.
            initial: report the tasks that are there at first as APPEARED, so that there is no gap between a
                listing and the watch. False takes them as known, by the first look: a cursor that was
                taken before the first event may be from before that.
            cursor: `TaskWatch.cursor` of an earlier watch of the same tasks: begin with what happened since;
                *initial* has no meaning then.

        Raises:
            WaitError: from the loop: looks failed for longer than `Polling.patience`, be it over a single
                page of the list. The cursor holds.
            Unauthorized, Forbidden, BadRequest: from the loop: the first look was refused as such.
            UsageError: *where* or *cursor* can't be meant; from the loop: the session was closed.

        Example:
            >>> async for event in session.watch(TaskFilter(status=Status.IN_PROGRESS)):
            ...     print(event.kind, event.task_id, event.after)
        """
        wiring = self._opened()
        return TaskWatch(
            wiring.poller,
            where,
            polling=checked_polling(polling),
            initial=initial,
            cursor=cursor,
            manager=wiring.manager,
        )
