"""`Status`: one vocabulary for what tasks, subtasks and stages are doing."""

from __future__ import annotations

import enum
from typing import Final


class Status(enum.Enum):
    """What a task, subtask or stage is doing, whichever way the server spelt it.

    A plain `Enum`: the raw text is the node's `raw_status`. A status never seen before is `UNKNOWN`,
    which is neither ended, succeeded nor failed.

    Example:
        >>> Status.parse("In Progress") is Status.parse("IN_PROGRESS") is Status.IN_PROGRESS
        True
        >>> Status.parse("Frobnicating").is_ended
        False
    """

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    RUNNING = "RUNNING"
    SUCCESSFUL = "SUCCESSFUL"
    COMPLETED_WITH_SUCCESS = "COMPLETED_WITH_SUCCESS"
    COMPLETED_WITH_WARNING = "COMPLETED_WITH_WARNING"
    COMPLETED_WITH_FAILURE = "COMPLETED_WITH_FAILURE"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    INCONSISTENT = "INCONSISTENT"
    CANCELLED = "CANCELLED"
    USER_CANCELLED = "USER_CANCELLED"
    SKIPPED = "SKIPPED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def parse(cls, text: str | None) -> Status:
        """The status that *text* means; `UNKNOWN` for None, blank and anything unheard of."""
        if text is None:
            return cls.UNKNOWN
        known = _SPELLINGS.get(text)
        if known is not None:
            return known
        if not text.isascii():
            # Upper case turns a dotless i into an I: what looks like a status need not be one.
            return cls.UNKNOWN
        name = text.strip().upper().replace(" ", "_").replace("-", "_").replace("CANCELED", "CANCELLED")
        return cls.__members__.get(name, cls.UNKNOWN)

    @property
    def is_ended(self) -> bool:
        """True when nothing more happens by itself. Not for ever: a retry takes FAILED back to work."""
        return self in _ENDED

    @property
    def succeeded(self) -> bool:
        return self in _SUCCEEDED

    @property
    def failed(self) -> bool:
        """True when it ended badly; a cancelled one has not failed."""
        return self in _FAILED


_SUCCEEDED: Final = frozenset(
    {Status.SUCCESSFUL, Status.COMPLETED_WITH_SUCCESS, Status.COMPLETED_WITH_WARNING}
)
_FAILED: Final = frozenset(
    {Status.FAILED, Status.TIMED_OUT, Status.COMPLETED_WITH_FAILURE, Status.INCONSISTENT}
)
_ENDED: Final = (
    _SUCCEEDED | _FAILED | {Status.CANCELLED, Status.USER_CANCELLED, Status.SKIPPED, Status.NOT_APPLICABLE}
)
# The spellings seen on real systems, so that the usual text costs one look-up.
_SPELLINGS: Final = {
    spelling: status for status in Status for spelling in (status.name, status.name.replace("_", " ").title())
}
