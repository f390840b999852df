"""How a bulk run is to go about it: what all of `retry_many` and `cancel_many` take, at a site or many."""

from __future__ import annotations

import os
from typing import Any

import attrs

from vcf_tasks_async.brakes import Pace, StopRule
from vcf_tasks_async.checks import checked_count, checked_limit


@attrs.frozen(kw_only=True)
class Options:
    """What a bulk run is asked for; `TaskSession.retry_many` says what each means.

    Raises:
        UsageError: one of them can't be meant. What *journal* may be is for who opens it to say.
    """

    concurrency: int | None = None
    force: bool = False
    dry_run: bool = False
    rate: float | None = None
    stop_after: float | None = None
    deadline: float | None = None
    journal: str | os.PathLike[str] | None = None
    wait: bool = False
    summary: bool = False

    def __attrs_post_init__(self) -> None:
        if self.concurrency is not None:
            checked_count("concurrency", self.concurrency)
        Pace(self.rate)
        StopRule(self.stop_after)
        checked_limit("deadline", self.deadline)

    def arguments(self) -> dict[str, Any]:
        """As the arguments of a `retry_many`."""
        return attrs.asdict(self, recurse=False)
