"""Many things by kind: statuses and results with their colours, and their shares of a bar.

Plain values; how they are drawn is `show`'s affair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import vcf_tasks_async as v

__all__ = ["Share", "of_results", "of_statuses", "share_cells", "status_style"]


class Share(NamedTuple):
    """One kind of thing among many: what it is called, how many there are, in which colour.

    Those that are *pending* are part of the whole, but not of what is done.
    """

    label: str
    number: int
    style: str
    pending: bool = False


def of_statuses(counts: Mapping[v.Status, int]) -> list[Share]:
    """The shares of tasks in each status, those that ended well first, those still under way last."""
    shares = [Share(_title(status.name), count, status_style(status)) for status, count in counts.items()]
    order = ["green", "yellow", "red", "magenta", "cyan", "bright_black"]
    return sorted(shares, key=lambda share: (order.index(share.style), -share.number))


def status_style(status: v.Status) -> str:
    """The colour that stands for *status* everywhere."""
    if status.failed:
        return "red"
    if status is v.Status.COMPLETED_WITH_WARNING:
        return "yellow"
    if status.succeeded:
        return "green"
    return "magenta" if status.is_ended else "bright_black" if status is v.Status.UNKNOWN else "cyan"


# By value: `--help` shall load no models.
_RESULT_STYLES: Final = {
    "accepted": "green",
    "skipped": "yellow",
    "rejected": "red",
    "not_sent": "red",
    "unknown": "magenta",
}


def of_results(counts: Mapping[v.Result, int]) -> list[Share]:
    """The shares of a bulk run's targets by result."""
    return [
        Share(name.replace("_", " "), counts.get(v.Result(name), 0), style)
        for name, style in _RESULT_STYLES.items()
    ]


def _title(name: str) -> str:
    return name.replace("_", " ").title()


def share_cells(counts: Sequence[int], total: int, width: int) -> list[int]:
    """How many of *width* cells each count out of *total* gets: at least one, as long as there is any."""
    if total <= 0:
        return [0] * len(counts)
    exact = [count * width / total for count in counts]
    cells = [max(1, int(share)) if share else 0 for share in exact]
    room = round(min(1.0, sum(counts) / total) * width) - sum(cells)
    while room:
        step = 1 if room > 0 else -1
        # The one that is furthest from its due gives or takes; never the last cell of anyone.
        able = [i for i, n in enumerate(cells) if (n if step > 0 else n > 1)]
        if not able:
            break
        chosen = max(able, key=lambda i: step * (exact[i] - cells[i]))
        cells[chosen] += step
        room -= step
    return cells
