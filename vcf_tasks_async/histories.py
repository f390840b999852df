"""Deleting the histories of many tasks, in chunks, with a result for each.

A history that is gone can't be deleted a second time, so a repeat does no harm, but its answer would tell
"not found" of what the first request deleted. After a lost answer the tasks are therefore looked at, and
only those that are still there are asked for once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sized
from contextlib import suppress
from typing import Any, Final

import anyio
import attrs

from vcf_tasks_async.address import checked_id
from vcf_tasks_async.errors import OutcomeUnknownError, TaskNotFound, UsageError, VcfTasksError
from vcf_tasks_async.idset import IdSet
from vcf_tasks_async.models import HistoryAnswer, HistoryFailure, Task
from vcf_tasks_async.targets import Source, Targets
from vcf_tasks_async.text import inert

# As many as a page holds: some 4 KB of ids, a third of a second for each within an attempt's 30, and no more
# to look at when an answer is lost. The API names no bound.
CHUNK: Final = 100
# Looks side by side after a lost answer, and seconds before them: the request may still be at work.
_LOOKS: Final = 8
_BEFORE_LOOK: Final = 1.0
# Kinds of refusals that the text of a result shows.
_SHOWN: Final = 8

Delete = Callable[[list[str]], Awaitable[HistoryAnswer]]
Look = Callable[[str], Awaitable[Task]]


@attrs.define
class HistoryDeletion:
    """What became of each task whose history was to be deleted.

    Attributes:
        successful: ids whose history is gone: deleted, or found gone after a lost answer.
        failed: those that SDDC Manager did not delete, with its code and words; and those that can be no id,
            for which it was not asked.
        unknown: ids that were asked for, and of which neither the answer nor a look tells.

    Example:
        >>> print(HistoryDeletion(successful=["a758"], failed=[HistoryFailure("b1", "TA_1", "It runs")]))
        1 deleted, 1 failed: It runs (b1)
    """

    successful: list[str] = attrs.field(factory=list)
    failed: list[HistoryFailure] = attrs.field(factory=list)
    unknown: list[str] = attrs.field(factory=list)

    def __str__(self) -> str:
        """The result for a person: the counts, and what failed, grouped by its reason."""
        several: tuple[Sized, ...] = (self.successful, self.failed, self.unknown)
        counts = zip(map(len, several), ("deleted", "failed", "unknown"), strict=True)
        line = ", ".join(f"{n} {what}" for n, what in counts if n) or "nothing to delete"
        return line + (": " + "; ".join(self._troubles()) if self.failed else "")

    def _troubles(self) -> Iterator[str]:
        groups: dict[str, list[str]] = {}
        for failure in self.failed:
            words = failure.message or failure.error_code or "no reason given"
            groups.setdefault(words.replace(failure.task_id or "\0", "…"), []).append(failure.task_id or "?")
        for words, ids in sorted(groups.items(), key=lambda group: -len(group[1]))[:_SHOWN]:
            shown = ", ".join(inert(task_id, limit=40) for task_id in ids[:2])
            yield f"{inert(words, limit=120)} ({shown}{', …' if len(ids) > 2 else ''})"

    def to_json(self) -> dict[str, Any]:
        """The result as plain values, ready for `json.dumps`."""
        return {
            "successful": list(self.successful),
            "failed": [failure.to_json() for failure in self.failed],
            "unknown": list(self.unknown),
        }


async def delete_histories(targets: Targets, delete: Delete, look: Look) -> HistoryDeletion:
    """Delete the histories of *targets*, chunk by chunk, one request at a time.

    Args:
        delete: asks for one chunk.
        look: reads one task.

    Raises:
        VcfTasksError: a chunk was refused as such, or what the source raised. What was done by then is the
            error's ``report``.
    """
    source, result, seen = Source(targets), HistoryDeletion(), IdSet()
    try:
        while chunk := await _chunk(source, seen, result):
            await _delete_chunk(chunk, delete, look, result)
        if source.error is not None:
            raise source.error
    except Exception as error:
        # As a bulk run does, whatever kind of exception the source raised.
        with suppress(AttributeError):
            error.report = result  # type: ignore[attr-defined]
        raise
    finally:
        source.stop()
        with anyio.CancelScope(shield=True):
            await source.close()
    return result


async def _chunk(source: Source, seen: IdSet, result: HistoryDeletion) -> list[str]:
    """The next ids to ask for; those that may not be asked for are among the failed ones of *result*."""
    ids: list[str] = []
    while len(ids) < CHUNK and (target := await source.take()) is not None:
        task_id = target if isinstance(target, str) else target.id
        if not seen.add(task_id):
            continue
        try:
            ids.append(checked_id(task_id))
        except UsageError as error:
            result.failed.append(HistoryFailure(task_id, message=f"not asked for: {error}"))
    return [] if source.error is not None else ids


async def _delete_chunk(ids: list[str], delete: Delete, look: Look, result: HistoryDeletion) -> None:
    for _ in range(2):
        try:
            answer = await delete(ids)
        except OutcomeUnknownError:
            await asyncio.sleep(_BEFORE_LOOK)
            there, unseen = await _look_at(ids, look)
            result.successful += [i for i in ids if i not in there and i not in unseen]
            result.unknown += [i for i in ids if i in unseen]
            ids = [i for i in ids if i in there]
            if not ids:
                return
        else:
            _take(answer, ids, result)
            return
    # Two answers lost. A third request would do no harm either, but there is no end to that.
    result.unknown += ids


def _take(answer: HistoryAnswer, ids: list[str], result: HistoryDeletion) -> None:
    asked = dict.fromkeys(ids)
    for task_id in filter(None, answer.successful):
        if task_id in asked:
            asked.pop(task_id)
            result.successful.append(task_id)
    for failure in answer.failed:
        if failure.task_id in asked:
            asked.pop(failure.task_id)
            result.failed.append(failure)
    result.unknown += asked


async def _look_at(ids: list[str], look: Look) -> tuple[set[str], set[str]]:
    """Which tasks are still there, and which can't be looked at."""
    there: set[str] = set()
    unseen: set[str] = set()
    todo = iter(ids)

    async def work() -> None:
        for task_id in todo:
            try:
                await look(task_id)
            except TaskNotFound:
                continue
            except VcfTasksError:
                unseen.add(task_id)
            else:
                there.add(task_id)

    async with anyio.create_task_group() as group:
        for _ in range(_LOOKS):
            group.start_soon(work)
    return there, unseen
