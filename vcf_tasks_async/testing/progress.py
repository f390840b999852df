"""How far a generated task has got: what its status says about each of its steps."""

from random import Random

__all__ = ["WAITING", "done_steps", "state_at"]

#: Not begun yet.
WAITING = frozenset({"PENDING", "QUEUED"})
#: What the step is in at which a task of this status stands; every other status has done all its steps.
_TURNING = {
    "FAILED": "FAILED",
    "IN_PROGRESS": "IN_PROGRESS",
    "CANCELLED": "SKIPPED",
    "TIMED_OUT": "FAILED",
    "PENDING": "PENDING",
    "QUEUED": "PENDING",
}


def done_steps(rng: Random, status: str, total: int) -> int:
    """How many of *total* steps a task in *status* (canonical) has behind it."""
    if status in WAITING or total == 0:
        return 0
    return rng.randrange(total) if status in _TURNING else total


def state_at(position: int, done: int, status: str) -> str:
    """The state of the step at *position*, in a task that has *done* steps behind it."""
    if position < done:
        return "SUCCESSFUL"
    return _TURNING.get(status, "PENDING") if position == done else "PENDING"
