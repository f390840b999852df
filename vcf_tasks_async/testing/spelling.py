"""How a status is written: one canonical word inside the simulator, three spellings on the wire.

Real answers mix two spellings (a task `Failed`, its subtask `FAILED`), so which one is served is a
switch, and which one the `taskStatus` filter takes is another.
"""

from functools import lru_cache
from typing import Literal

__all__ = ["ENDED", "Spelling", "StatusFilter", "canonical", "spell", "status_matches"]

Spelling = Literal["mixed", "upper", "title"]
StatusFilter = Literal["title", "upper", "any", "ignored"]

#: States a task does not leave by itself.
ENDED = frozenset(
    {
        "SUCCESSFUL",
        "FAILED",
        "CANCELLED",
        "COMPLETED_WITH_WARNING",
        "SKIPPED",
        "TIMED_OUT",
        "USER_CANCELLED",
        "INCONSISTENT",
        "NOT_APPLICABLE",
    }
)
_KNOWN = ENDED | {"PENDING", "QUEUED", "IN_PROGRESS"}


def canonical(status: object) -> str:
    """*status* as one upper-case word: `In Progress` gives IN_PROGRESS; anything but text gives ''."""
    return _word(status) if isinstance(status, str) else ""


@lru_cache(maxsize=1024)
def _word(status: str) -> str:
    word = "_".join(status.replace("-", " ").replace("_", " ").upper().split())
    return "CANCELLED" if word == "CANCELED" else word


def spell(status: str, spelling: Spelling, *, task: bool) -> str:
    """*status* as the wire has it; a status the API does not know is left as it was given.

    Args:
        status: any spelling.
        spelling: which house style.
        task: True for a task's own status, False for a subtask's or stage's.
    """
    word = canonical(status)
    if word not in _KNOWN:
        return status
    if spelling == "upper" or (spelling == "mixed" and not task):
        return word
    return word.replace("_", " ").title()


def status_matches(status: object, wanted: str, accepts: StatusFilter) -> bool:
    """Whether a task in *status* passes `taskStatus=wanted` on a server that *accepts* this spelling."""
    if accepts == "ignored":
        return True
    word = canonical(status)
    if accepts == "any":
        return word == canonical(wanted)
    return spell(word, accepts, task=True) == wanted
