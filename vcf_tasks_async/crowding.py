"""When a 403 to a credential operation means "not now": SDDC Manager runs ten of them at once, no more.

No error code is known for that. So its words are read, and where they don't tell, the list of credential
tasks is: a missing permission must fail soon, a full house is waited out.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.steps import ErrorDetail

# Credential operations that SDDC Manager runs at once.
MOST_AT_ONCE: Final = 10
# Repeats while others run, but fewer than ten: the one that was in the way may just have ended.
_DOUBTS: Final = 2

_LIMIT: Final = re.compile(
    r"limit|maximum|exceed|too[ _]many|at most|(no )?more than \d|concurrent|in[ _]parallel", re.IGNORECASE
)
_DENIAL: Final = re.compile(
    r"denied|authori[sz]|permission|privilege|\brole\b|forbidden to|token", re.IGNORECASE
)


def says_full(detail: ErrorDetail | None) -> bool | None:
    """Whether an error's own words say that too many operations run; None where they don't tell.

    Example:
        >>> says_full(ErrorDetail(message="No more than 10 credential operations may run"))
        True
        >>> says_full(ErrorDetail(message="Access is denied")), says_full(None)
        (False, None)
    """
    words = " ".join(_words(detail)) if detail is not None else ""
    limit, denial = bool(_LIMIT.search(words)), bool(_DENIAL.search(words))
    return limit if limit is not denial else None


def _words(detail: ErrorDetail) -> Iterator[str]:
    pending = [detail]
    while pending:
        error = pending.pop()
        yield from filter(None, (error.error_code, error.message, error.label))
        yield from (cause.message for cause in error.causes if cause.message)
        pending += error.nested_errors


class Crowd:
    """Judges the 403s of one call.

    Args:
        running: counts the credential operations that run just now.
    """

    def __init__(self, running: Callable[[], Awaitable[int]]) -> None:
        self._running = running
        self._doubts = 0

    async def is_full(self, detail: ErrorDetail | None) -> bool:
        """Whether the refusal is worth waiting out."""
        said = says_full(detail)
        if said is not None:
            return said
        try:
            running = await self._running()
        except VcfTasksError:
            # Who may not even read the list is not waiting for room.
            return False
        if running >= MOST_AT_ONCE:
            return True
        self._doubts += 1
        return running > 0 and self._doubts <= _DOUBTS
