"""The part of `TaskSession` that acts on tasks: retry and cancel, one or many."""

from __future__ import annotations

import copy
import os
from abc import abstractmethod
from collections.abc import Awaitable
from functools import partial

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.bulk import BulkRun
from vcf_tasks_async.errors import OutcomeUnknownError, UsageError
from vcf_tasks_async.journal import Journal
from vcf_tasks_async.judgement import Action
from vcf_tasks_async.models import Task
from vcf_tasks_async.options import Options
from vcf_tasks_async.outcomes import Outcome, Result
from vcf_tasks_async.steps import AnyTask
from vcf_tasks_async.targets import Targets
from vcf_tasks_async.wiring import Wiring
from vcf_tasks_async.writes import Writer


class Acts:
    """What `TaskSession` can do to tasks."""

    @abstractmethod
    def _opened(self) -> Wiring: ...

    async def retry(self, task_id: str) -> None:
        """Ask SDDC Manager to retry a failed task, and make sure that it was heard.

        Sent at most once: it is repeated only when SDDC Manager provably never saw it. When the answer
        is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id, as in `Task.id`.

        Raises:
            TaskNotFound: there is no such task.
            TaskConflict: the task has not failed, or can't be retried.
            RateLimited, ServerError, Unauthorized: try later, or log in. Other refusals: ApiError.
            OutcomeUnknownError: the answer was lost and the task does not tell.
            NotSentError, DeadlineError: it never got there.

        Source: ``PATCH /v1/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> await session.retry("3ee54a9a-5d0f-4d54-8d26-f1a2d4a9b1a1")
        """
        await self._act(Action.RETRY, task_id)

    async def cancel(self, task_id: str) -> None:
        """Ask SDDC Manager to cancel a running task, and make sure that it was heard.

        Sent at most once. When the answer is lost, the task is looked at instead of asking again.

        Args:
            task_id: the task's id, as in `Task.id`.

        Raises:
            TaskNotFound: there is no such task.
            TaskConflict: the task is not running, so there is nothing to cancel.
            RateLimited, ServerError, Unauthorized: try later, or log in. Other refusals: ApiError.
            OutcomeUnknownError: the answer was lost and the task does not tell.
            NotSentError, DeadlineError: it never got there.

        Source: ``DELETE /v1/tasks/{id}``, VMware Cloud Foundation API 9.0.

        Example:
            >>> await session.cancel("16ab8935-805b-4edf-aace-72c98134f667")
        """
        await self._act(Action.CANCEL, task_id)

    async def _act(self, action: Action, task_id: str) -> None:
        outcome = await self._opened().writer.perform(action, checked_id(task_id))
        raise_unless_accepted(outcome)

    def retry_many(
        self,
        targets: Targets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> BulkRun:
        """Retry many tasks, at most *concurrency* at once, with one `Outcome` for each.

        Args:
            targets: tasks or task ids, from any iterable, sync or async; ``session.stream(…)`` is one.
                Of tasks, those that have not failed or that can't be retried are skipped. An async
                generator is closed when the run ends.
            concurrency: requests in flight at most; the session's own bound holds as well.
            force: skip none.
            dry_run: send nothing; each outcome says what would be done.
            rate: writes a second at most, as they leave. One that the server sent back for later (429) is
                sent again when that is over, and takes the turn of another.
            stop_after: end the run after so many failures in a row (a whole number), or when so large a
                share has failed (such as 0.2, once 20 are known).
            deadline: seconds for the whole run.
            journal: path of a file that remembers the run. Call again with the same file after a run was
                killed or ended early: what was accepted is not sent again, what may have been applied is
                looked at first, and so is what ended in a 500. A refusal for what the task is (400, 404,
                409) is told again and not sent; one for another reason (403) is. A file is for one run: what
                has failed anew since it was accepted takes a new one.
            wait: follow each accepted task to its end, which is the outcome's ``final``; all share one
                poller. A task whose end can't be known says why in its ``reason``.
            summary: keep counts of all, but only the first 1,000 outcomes that went wrong.

        Returns:
            a run that does nothing yet: await it for its `BulkReport`, or use ``async with`` for the
            outcomes as they come. Failures are outcomes, not exceptions; what the source of targets
            raises comes out, with the report so far as its ``report``.

        Raises:
            UsageError: an argument that can't be meant, or a journal that is not this run's.
            OSError: the journal can't be opened or written.

        Example:
            >>> failed = session.stream(TaskFilter(status=Status.FAILED))
            >>> report = await session.retry_many(failed, concurrency=16)
            >>> report.raise_for_failures()
        """
        return self._many(
            Action.RETRY,
            targets,
            Options(
                concurrency=concurrency, force=force, dry_run=dry_run, rate=rate, stop_after=stop_after,
                deadline=deadline, journal=journal, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def cancel_many(
        self,
        targets: Targets,
        *,
        concurrency: int | None = None,
        force: bool = False,
        dry_run: bool = False,
        rate: float | None = None,
        stop_after: float | None = None,
        deadline: float | None = None,
        journal: str | os.PathLike[str] | None = None,
        wait: bool = False,
        summary: bool = False,
    ) -> BulkRun:
        """Cancel many tasks, at most *concurrency* at once, with one `Outcome` for each.

        Takes what `retry_many` takes. Of tasks, those that have ended or that can't be cancelled are
        skipped.

        Example:
            >>> report = await session.cancel_many(["16ab8935-805b-4edf-aace-72c98134f667"])
            >>> report.counts
            Counter({<Result.ACCEPTED: 'accepted'>: 1})
        """
        return self._many(
            Action.CANCEL,
            targets,
            Options(
                concurrency=concurrency, force=force, dry_run=dry_run, rate=rate, stop_after=stop_after,
                deadline=deadline, journal=journal, wait=wait, summary=summary,
            ),
        )  # fmt: skip

    def _many(self, action: Action, targets: Targets, options: Options) -> BulkRun:
        wiring = self._opened()
        return start_many(wiring, wiring.writer, action, targets, options, wiring.concurrency)


def start_many(
    wiring: Wiring, writer: Writer, action: Action, targets: Targets, options: Options, workers: int
) -> BulkRun:
    """A bulk run over *targets*, with so many *workers* where the options don't say.

    Raises:
        UsageError: something can't be meant.
    """

    def follow(task_id: str, before: AnyTask | None) -> Awaitable[Task]:
        seen = before if isinstance(before, Task) and action in (Action.RETRY, Action.CANCEL) else None
        # A credential task that is cancelled has failed before: that may show for a while as well.
        return wiring.waits.ended(task_id, before=seen, after_retry=action is not Action.CANCEL)

    journal = None if options.journal is None else _path(options.journal)
    return BulkRun(
        action,
        targets,
        writer,
        wiring.spawn,
        options,
        workers=options.concurrency or workers,
        open_journal=None if journal is None else partial(Journal, journal, wiring.manager, action),
        follow=follow if options.wait else None,
    )


def raise_unless_accepted(outcome: Outcome) -> None:
    """Raise what *outcome* of a single write has to say."""
    error = outcome.error
    if outcome.result is Result.ACCEPTED or error is None:
        return
    if isinstance(error, OutcomeUnknownError) and outcome.reason:
        error = copy.copy(error)
        error.args = (f"{error}; {outcome.reason}",)
    raise error


def _path(journal: object) -> str | os.PathLike[str]:
    if isinstance(journal, str | os.PathLike) and str(journal):
        return journal
    raise UsageError(f"journal takes the path of a file, not {journal!r}")
