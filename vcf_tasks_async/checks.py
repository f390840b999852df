"""What callers give, checked before anything happens: counts, page sizes and times."""

from __future__ import annotations

from typing import Final

from vcf_tasks_async.errors import UsageError

LARGEST_PAGE: Final = 100


def checked_count(what: str, value: object, *, least: int = 1) -> int:
    """*value*, when it can be a count of at least *least*.

    Raises:
        UsageError: it can't.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{what} is a whole number from {least} on, not {value!r}")
    return value


def checked_size(size: object) -> int:
    """*size*, when it can be a page's.

    Raises:
        UsageError: it can't.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST_PAGE:
        raise UsageError(
            f"a page holds 1 to {LARGEST_PAGE} tasks, not {size!r}; stream() goes through all pages"
        )
    return size


def checked_seconds(what: str, value: object) -> float:
    """*value*, when it is a time above 0.

    Raises:
        UsageError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(f"{what} takes seconds above 0, not {value!r}")
    return value


def checked_limit(what: str, value: float | None) -> float | None:
    """*value*, when it is a time above 0, or None for as long as it takes.

    Raises:
        UsageError: it is neither.
    """
    return None if value is None else checked_seconds(what, value)
