"""The part of `TaskSession` for what 9.1 adds: how long tasks are kept, and deleting what is done with.

Older releases have none of it, and each says so in its own way; that becomes one `UnsupportedError`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from functools import partial
from typing import Final

from vcf_tasks_async.api import Api
from vcf_tasks_async.errors import (
    ApiError,
    OutcomeUnknownError,
    ServerError,
    UnsupportedError,
    UsageError,
    VcfTasksError,
)
from vcf_tasks_async.histories import HistoryDeletion, delete_histories
from vcf_tasks_async.models import HistoryAnswer, TaskSettings
from vcf_tasks_async.targets import Targets
from vcf_tasks_async.wiring import Wiring

_NEEDS: Final = "9.1"
_LONGEST: Final = 730
# How frameworks say that nothing is behind a path, with whatever status.
_NOTHING_THERE: Final = re.compile(
    r"no (static resource|handler|mapping|endpoint|route)|not supported|unknown (path|url|endpoint)",
    re.IGNORECASE,
)


class Upkeep:
    """What `TaskSession` can do about tasks that are kept."""

    @abstractmethod
    def _opened(self) -> Wiring: ...

    async def settings(self) -> TaskSettings:
        """For how many days SDDC Manager keeps tasks.

        Raises:
            UnsupportedError: this release has no such settings; nor has the VCF Installer.
            ApiError, TransportError, DecodeError: see `TaskSession.get`.

        Source: ``GET /v1/tasks/config/settings``, VMware Cloud Foundation API 9.1.

        Example:
            >>> (await session.settings()).retention_days
            90
        """
        return await _settings(self._opened().api)

    async def update_settings(self, *, retention_days: int) -> TaskSettings:
        """Set for how many days SDDC Manager keeps tasks. Older ones are cleaned up by themselves.

        The settings are read first, so that a release without them is told apart. Sent at most once: when
        the answer is lost, they are read again.

        Args:
            retention_days: 1 to 730.

        Raises:
            UnsupportedError: this release has no such settings; nor has the VCF Installer.
            OutcomeUnknownError: the answer was lost, and the settings are not these.
            UsageError: *retention_days* can't be meant.
            ApiError, TransportError: see `TaskSession.get`.

        Source: ``PATCH /v1/tasks/config/settings``, VMware Cloud Foundation API 9.1.

        Example:
            >>> await session.update_settings(retention_days=30)
            TaskSettings(retention_days=30)
        """
        days = retention_days
        if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= _LONGEST:
            raise UsageError(f"retention_days is a whole number from 1 to {_LONGEST}, not {days!r}")
        api = self._opened().api
        await _settings(api)
        try:
            return await api.update_settings(days)
        except OutcomeUnknownError as error:
            lost = error
        now = await api.settings()
        if now.retention_days != days:
            raise lost
        return now

    async def delete_history(self, targets: Targets) -> HistoryDeletion:
        """Delete the histories of tasks that have ended for good. Each task has a result of its own.

        100 in a request, one request at a time. When an answer is lost, the tasks are looked at: those that
        are gone are counted as deleted, and those that are there are asked for once more, which does no harm.

        Args:
            targets: tasks or ids, from any iterable, sync or async; ``session.stream(…)`` is one. What can be
                no task id is not asked for, and is among the failed ones.

        Raises:
            UnsupportedError: this release can't; nothing was deleted.
            ApiError, TransportError: a request was refused or not sent. What was done by then is the error's
                ``report``, a `HistoryDeletion`.
            UsageError: one of *targets* is neither a task nor a text.

        Source: ``DELETE /v1/tasks/history``, VMware Cloud Foundation API 9.1.

        Example:
            >>> done = session.stream(TaskFilter(status=Status.SUCCESSFUL))
            >>> print(await session.delete_history(done))
            212 deleted
        """
        api = self._opened().api
        return await delete_histories(targets, partial(_delete_chunk, api, [False]), api.get)


async def _settings(api: Api) -> TaskSettings:
    for last in (False, True):
        try:
            return await api.settings(repeat=False)
        except ApiError as error:
            lacks = _lacks(error)
            # In doubt, the second time: tasks were served in between.
            if lacks or (lacks is None and last):
                raise _unsupported("task settings", error) from error
            if lacks is False or not await _serves_tasks(api):
                break
        except VcfTasksError:
            break
    # Worth the repeats of any read.
    return await api.settings()


def _lacks(error: ApiError) -> bool | None:
    """Whether a refusal of the settings means that this release has none; None where it does not tell."""
    if isinstance(error, ServerError) and error.status == 404:
        # A front end's own 404 may as well mean that the services behind it are starting.
        return None
    if error.status in (404, 405, 501):
        return True
    if error.status == 500:
        words = " ".join(filter(None, (error.error_code, error.message)))
        return bool(_NOTHING_THERE.search(words))
    return None if error.status == 400 else False


async def _serves_tasks(api: Api) -> bool:
    try:
        await api.page(size=1)
    except VcfTasksError:
        return False
    return True


async def _delete_chunk(api: Api, proven: list[bool], ids: list[str]) -> HistoryAnswer:
    """Delete one chunk; the first of a run finds out whether it can be done at all.

    Args:
        proven: whether a chunk of this run has been answered.
    """
    if not proven[0]:
        await _check_no_task_is_called_history(api)
    try:
        answer = await api.delete_histories(ids)
    except ApiError as error:
        refused = error
    else:
        proven[0] = True
        return answer
    if not proven[0] and await _has_no_histories(api, refused):
        raise _unsupported("deleting histories", refused) from refused
    raise refused


async def _check_no_task_is_called_history(api: Api) -> None:
    """To an older release, the request means "cancel the task called history": there must be none.

    Raises:
        UnsupportedError: there is one.
    """
    try:
        task = await api.task_called_history()
    except ApiError as error:
        not_now = isinstance(error, ServerError) and error.status != 500
        if not_now or error.status in (401, 403, 429):
            raise
        # Not found, or not understood: no task.
        return
    raise UnsupportedError(
        f"deleting histories is not safe here: a task has the id {task.id!r}, and on releases before {_NEEDS}"
        " the request would cancel it",
        needs=_NEEDS,
    )


async def _has_no_histories(api: Api, error: ApiError) -> bool:
    if error.status in (404, 405, 501):
        # The documented refusals are 400 and 500. So this one is of a task that does not exist, or of DELETE.
        return True
    if error.status not in (400, 409, 500):
        return False
    try:
        await _settings(api)
    except UnsupportedError:
        # What came with it is the other half of what 9.1 adds.
        return True
    except VcfTasksError:
        pass
    return False


def _unsupported(what: str, error: ApiError) -> UnsupportedError:
    return UnsupportedError(
        f"{what} needs SDDC Manager {_NEEDS} or later: {error}",
        needs=_NEEDS,
        status=error.status,
        detail=error.detail,
        attempts=error.attempts,
        manager=error.manager,
        method=error.method,
        path=error.path,
    )
