"""The words of a report: statuses, moments and durations, as a person reads them."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from typing import Final

import vcf_tasks_async as v

__all__ = ["Kind", "duration_words", "kind_of", "moment_words", "status_words"]


class Kind(enum.Enum):
    """What a status comes to for a reader: seven kinds, each with a sign that needs no colour."""

    FAILED = "failed", "✕", "failed"
    RUNNING = "running", "▸", "running"
    WAITING = "waiting", "○", "waiting"
    WARNED = "warned", "▲", "succeeded with a warning"
    SUCCEEDED = "succeeded", "✓", "succeeded"
    STOPPED = "stopped", "–", "cancelled or skipped"
    UNKNOWN = "unknown", "?", "in an unknown status"

    def __init__(self, slug: str, sign: str, words: str) -> None:
        self.slug = slug
        self.sign = sign
        self.words = words


def kind_of(status: v.Status) -> Kind:
    """The kind that *status* belongs to; unknown is unknown, not a success or a failure."""
    if status.failed:
        return Kind.FAILED
    if status is v.Status.COMPLETED_WITH_WARNING:
        return Kind.WARNED
    if status.succeeded:
        return Kind.SUCCEEDED
    if status.is_ended:
        return Kind.STOPPED
    return _NOT_ENDED.get(status, Kind.WAITING)


_NOT_ENDED: Final = {
    v.Status.UNKNOWN: Kind.UNKNOWN,
    v.Status.IN_PROGRESS: Kind.RUNNING,
    v.Status.RUNNING: Kind.RUNNING,
}


def status_words(status: v.Status, raw: str | None) -> str:
    """The status in one spelling; one that nobody has heard of as it came."""
    if status is v.Status.UNKNOWN:
        return raw if raw and raw.strip() else "No status"
    return status.name.replace("_", " ").capitalize()


def moment_words(moment: datetime | None) -> str:
    """*moment* in UTC to the second, without its zone; a dash for None.

    Example:
        >>> moment_words(datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC))
        '2026-02-03 04:05:06'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else "–"


def duration_words(duration: timedelta | None) -> str:
    """*duration* in its two largest units; a dash for None.

    Example:
        >>> [duration_words(timedelta(seconds=s)) for s in (0.25, 59.9, 754, 11_000, 190_000)]
        ['0.2 s', '59 s', '12 min 34 s', '3 h 03 min', '2 d 04 h']
    """
    if duration is None:
        return "–"
    seconds = duration.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days} d {h:02} h"
    if hours:
        return f"{h} h {m:02} min"
    return f"{m} min {s:02} s" if minutes else f"{s} s"
