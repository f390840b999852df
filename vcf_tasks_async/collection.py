"""Tasks that are kept: what `TaskSession.collect` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import attrs

from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.models import Task


@attrs.frozen(eq=False)
class TaskCollection(Sequence[Task]):
    """The tasks of a listing, in server order, kept small. Made by `TaskSession.collect`.

    A task's subtasks, errors and resources stay the JSON they came as, until they are first read: some five
    kilobytes for a task of real size, where its objects take eleven. What was read stays structured.

    Attributes:
        tasks: the tasks themselves.
        complete: whether every task that was there all the time is among them; see `TaskStream.complete`.
        malformed: elements that could not be read (the first 1000), each with its place.

    Example:
        >>> tasks = TaskCollection((Task(id="a758", raw_status="Failed"),), complete=True)
        >>> len(tasks), tasks[0].id, sum(task.failed for task in tasks)
        (1, 'a758', 1)
    """

    tasks: tuple[Task, ...] = attrs.field(repr=False)
    complete: bool
    malformed: tuple[DecodeError, ...] = attrs.field(default=(), repr=lambda malformed: str(len(malformed)))

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Task, ...]: ...
    def __getitem__(self, index: int | slice) -> Task | tuple[Task, ...]:
        return self.tasks[index]

    def __len__(self) -> int:
        return len(self.tasks)
