"""Tasks whose sub-trees stay the JSON they came as until somebody reads them.

By the quick way (`shapes`) they come so; `compact` makes them so. What is not as the API promises goes the
slow way (`codec`), which knows what is wrong and keeps what nobody has heard of.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from vcf_tasks_async import shapes
from vcf_tasks_async.base import fold, is_folded
from vcf_tasks_async.codec import encode, has_too_many, parse_json, structure
from vcf_tasks_async.models import Task
from vcf_tasks_async.structuring import LEAVES, fields_of


def decode_task(body: bytes) -> Task:
    """The one task in *body*.

    Raises:
        DecodeError: with the place of what was wrong.
    """
    quick = None if has_too_many(body) else quick_task(body)
    return quick or structure(parse_json(body), Task)


def quick_task(element: Any) -> Task | None:
    """The task in a piece of JSON, its sub-trees folded; None where the slow way must be taken."""
    if not shapes.AVAILABLE:
        return None
    try:
        task = shapes.leaves(element)
    except shapes.MisfitError:
        return None
    # A copy: the element may be a view of its page, which would be kept for the sake of one task.
    fold(task, _FoldedTask(element))
    return task


class _FoldedTask(bytes):
    """The JSON of a task whose sub-trees nobody has asked for yet: a third of what they take as objects."""

    __slots__ = ()

    def unfold(self) -> Mapping[str, Any]:
        """The task's sub-trees, by field name."""
        if shapes.AVAILABLE:
            with suppress(shapes.MisfitError):
                return shapes.trees(self)
        task = structure(parse_json(self), Task)
        return {name: getattr(task, name) for name in _parts_of_a_task()[1]}

    def outline(self) -> Any:
        """The task's `sub_tasks`, of which only statuses and children are known."""
        if shapes.AVAILABLE:
            with suppress(shapes.MisfitError):
                return shapes.outline(self)
        return None


@cache
def _parts_of_a_task() -> tuple[list[str], list[str]]:
    """The names of a task's own fields, and of those that are folded up."""
    fields = [(field.name, t in LEAVES) for field, _, t in fields_of(Task)]
    return [name for name, leaf in fields if leaf], [name for name, leaf in fields if not leaf]


def compact(task: Task) -> Task:
    """*task*, or its like with the sub-trees folded up, for those who keep thousands."""
    if is_folded(task):
        return task
    folded = Task.__new__(Task)
    for name in (*_parts_of_a_task()[0], "extra"):
        object.__setattr__(folded, name, getattr(task, name))
    fold(folded, _FoldedTask(encode(task)))
    return folded
