"""The steps of a task: its subtasks, their stages and their subtasks, as one sequence to work off.

Works on raw dicts of any shape; what is not a subtask is passed over.
"""

from typing import NamedTuple

from vcf_tasks_async.testing.bodies import Raw
from vcf_tasks_async.testing.spelling import canonical

__all__ = ["Node", "Step", "position_of", "steps_of"]


class Node(NamedTuple):
    """A subtask or stage, and its JSON pointer inside the task (`/subTasks/3/stages/0`)."""

    raw: Raw
    path: str

    @property
    def kind(self) -> str:
        """`subtask` or `stage`."""
        return "stage" if self.path.rsplit("/", 2)[-2] == "stages" else "subtask"


class Step(NamedTuple):
    """One leaf of the tree: the node itself last, what it is part of before it.

    `closes` says how many of the nodes, counted from the leaf, end well when the leaf does.
    """

    nodes: tuple[Node, ...]
    closes: int


def steps_of(task: Raw) -> list[Step]:
    """The leaves of *task* in the order in which they are worked off."""
    found: list[Step] = []
    _walk(task, (), "", 0, ("subTasks",), found)
    return found


def position_of(steps: list[Step]) -> int:
    """The first step that is not done: where a task stands, and where a retry goes on."""
    for number, step in enumerate(steps):
        for node in step.nodes[-step.closes :]:
            if canonical(node.raw.get("status")) not in _DONE:
                return number
    return len(steps)


def _walk(
    parent: Raw, above: tuple[Node, ...], path: str, closing: int, keys: tuple[str, ...], found: list[Step]
) -> bool:
    children = [
        Node(child, f"{path}/{key}/{number}")
        for key in keys
        if key in parent
        for number, child in enumerate(_items(parent[key]))
        if isinstance(child, dict)
    ]
    last = len(children) - 1
    for number, node in enumerate(children):
        # The last child's end is its parent's end too.
        closes = closing + 1 if number == last else 1
        raw = node.raw
        # Most subtasks have neither stages nor subtasks: those are leaves without looking any further.
        deeper = "stages" in raw or "subTasks" in raw
        if not deeper or not _walk(raw, (*above, node), node.path, closes, _DEEPER, found):
            found.append(Step((*above, node), closes))
    return bool(children)


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


_DEEPER = ("stages", "subTasks")
_DONE = frozenset({"SUCCESSFUL", "SKIPPED", "NOT_APPLICABLE", "COMPLETED_WITH_WARNING"})
