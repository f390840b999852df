"""Which tasks given ids stand for: whole ids, and beginnings of ids, as narrow tables show them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final, NamedTuple

import vcf_tasks_async as v
from vcf_tasks_async.cli.output import clean

__all__ = ["Search", "Target", "beginnings", "fitting", "label"]

#: From this length on an id is taken as it stands: it is a whole UUID, or nothing of ours.
_WHOLE: Final = 32
_SHORTEST: Final = 4
#: Columns of a terminal from which on there is room for whole ids.
_WIDE: Final = 140


class Target(NamedTuple):
    """A task by its id, and the site it is at; None where there is one SDDC Manager alone, or nobody said."""

    site: str | None
    id: str

    @property
    def is_whole(self) -> bool:
        """Whether the id can be no beginning."""
        return len(self.id) >= _WHOLE


def label(site: str | None, task_id: str | None) -> str:
    """What a task is called, as one harmless text: its id, in a fleet after its site's name."""
    return ":".join(clean(part) for part in (site, task_id) if part is not None)


class Search:
    """Ids that are looked for, and the tasks that were seen for each.

    Args:
        wanted: what is looked for; without a site at all of them.

    Raises:
        UsageError: one is too short to stand for a task.
    """

    def __init__(self, wanted: Iterable[Target]) -> None:
        self.seen: dict[Target, dict[Target, None]] = {each: {} for each in wanted}
        self._beginnings = [each for each in self.seen if not each.is_whole]
        for each in self._beginnings:
            if len(each.id) < _SHORTEST:
                shown = v.inert(each.id, limit=60)
                raise v.UsageError(f"{shown!r} is too short for a task id: {_SHORTEST} characters at least")

    @property
    def sites(self) -> set[str] | None:
        """The sites that are to be looked at; None for all."""
        sites = {each.site for each in self.seen}
        return None if None in sites else {site for site in sites if site is not None}

    def see(self, site: str | None, task_id: str) -> None:
        """Take it that this task is there."""
        there = Target(site, task_id)
        for whole in (there, Target(None, task_id)):
            if whole in self.seen:
                self.seen[whole][there] = None
        for each in self._beginnings:
            if task_id.startswith(each.id) and each.site in (None, site):
                self.seen[each][there] = None

    def is_open(self, wanted: Target, silent: Collection[str]) -> bool:
        """Whether one of the *silent* sites may have the task, or another one that begins like it."""
        if wanted.site is not None:
            return wanted.site in silent
        return bool(silent) and not (wanted.is_whole and self.seen[wanted])

    def only(self, wanted: Target, where: str) -> Target:
        """The one task that *wanted* stands for.

        Raises:
            UsageError: it stands for several.
            TaskNotFound: it stands for none at *where*.
        """
        seen = list(self.seen[wanted])
        shown = v.inert(wanted.id, limit=60)
        if not seen:
            begins = "is" if wanted.is_whole else "begins with"
            raise v.TaskNotFound(f"no task at {clean(wanted.site) or where} has an id that {begins} {shown}")
        exact = [each for each in seen if each.id == wanted.id]
        if len(exact) == 1:
            return exact[0]
        if len(seen) > 1:
            sample = ", ".join(v.inert(label(*each), limit=120) for each in seen[:3])
            raise v.UsageError(
                f"{shown} stands for {len(seen)} tasks: {sample}{', …' if len(seen) > 3 else ''}"
            )
        return seen[0]


def fitting(ids: list[str], width: int | None) -> list[str]:
    """*ids* for a table on a terminal of so many columns: their beginnings where there is little room."""
    return beginnings(ids) if width is not None and width < _WIDE else ids


def beginnings(ids: list[str], *, least: int = 8) -> list[str]:
    """As much of each id as tells it from all others, and *least* characters at least.

    Example:
        >>> beginnings(["3ee54a9a-5d0f", "3ee54a9a-77aa", "16ab8935-805b"])
        ['3ee54a9a-5', '3ee54a9a-7', '16ab8935']
    """
    length = dict.fromkeys(ids, least)
    ordered = sorted(length)
    for before, after in pairwise(ordered):
        same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(before))
        for task_id in (before, after):
            length[task_id] = max(length[task_id], same + 1)
    return [task_id[: length[task_id]] for task_id in ids]
