"""Times as people write and read them: `2h`, `2026-11-24`, `3d 4h`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["iso", "moment", "seconds", "short"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.ASCII)
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)
_CENTURY: Final = 100 * 365 * 86_400


def seconds(text: str) -> float:
    """The seconds that *text* means, such as ``90``, ``15m`` or ``1h30m``.

    Raises:
        ValueError: it means none, or more than a century.

    Example:
        >>> seconds("1h30m")
        5400.0
    """
    text = text.strip().lower()
    if _NUMBER.fullmatch(text):
        total = float(text)
    elif _DURATION.fullmatch(text):
        total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        raise ValueError("a duration is a number with s, m, h, d or w, such as 90s, 2h or 1h30m")
    if not 0 <= total <= _CENTURY:
        raise ValueError("that is longer than anyone waits")
    return total


def moment(text: str, *, now: datetime) -> datetime:
    """The moment that *text* means: a duration before *now*, or an ISO date or time.

    Without a zone it is this machine's time.

    Raises:
        ValueError: it means none.

    Example:
        >>> moment("2h", now=datetime(2026, 11, 24, 12, tzinfo=UTC)).isoformat()
        '2026-11-24T10:00:00+00:00'
    """
    if _DURATION.fullmatch(text.strip().lower()):
        return now - timedelta(seconds=seconds(text))
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "a time is a duration such as 2h, or ISO such as 2026-11-24 or 2026-11-24T10:00"
        ) from None


def short(span: float | timedelta | None) -> str:
    """A duration in at most two units; empty for None.

    Example:
        >>> short(5400), short(0.26), short(200_000)
        ('1h 30m', '0.3s', '2d 7h')
    """
    if span is None:
        return ""
    total = span.total_seconds() if isinstance(span, timedelta) else span
    if total < 10:
        return f"{max(0.0, total):.1f}s"
    whole = round(total)
    for unit, below in (("d", "h"), ("h", "m"), ("m", "s")):
        if whole >= _UNITS[unit]:
            many, rest = divmod(whole, _UNITS[unit])
            fewer = rest // _UNITS[below]
            return f"{many}{unit} {fewer}{below}" if fewer else f"{many}{unit}"
    return f"{whole}s"


def iso(moment: datetime | None) -> str | None:
    """*moment*, which is in UTC, as machines read it; None for none.

    Example:
        >>> iso(datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
        '2026-11-24T09:30:00Z'
    """
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
