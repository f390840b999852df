"""The words in which a job and whoever gave it speak with each other. Nothing happens here."""

from __future__ import annotations

import enum
from typing import Any, Protocol

import attrs

from vcf_tasks_async.filters import TaskFilter
from vcf_tasks_async.judgement import Sighting
from vcf_tasks_async.sites import Site
from vcf_tasks_async.targets import Target


class Verb(enum.Enum):
    """What a job does."""

    LIST = "list"
    WAIT = "wait"
    RETRY = "retry"
    CANCEL = "cancel"


class Answer(enum.Enum):
    """What a job is told."""

    GO_ON = "go on"
    HOLD = "hold"
    """The reader is behind: ask again before there is more."""
    WIND_UP = "wind up"
    """The reader has left: no new write, but tell what became of those in flight."""
    STOP = "stop"
    """Nobody wants it any more, or another job does it."""


@attrs.frozen
class Job:
    """One site's part of the work. It pickles, as its site's secret is a callable.

    Attributes:
        name: the site's name.
        site: the site.
        verb: what to do.
        targets: the tasks: a filter, or tasks and ids.
        options: as the session's method takes them.
        lease: seconds for which it may go on after it was last told so.
    """

    name: str
    site: Site
    verb: Verb
    targets: TaskFilter | tuple[Target, ...]
    options: dict[str, Any]
    lease: float


@attrs.frozen
class Notes:
    """What is known of a site's part already, from jobs that were cut off.

    Attributes:
        done: ids of targets that have their outcome, or tasks that were told.
        open: targets that may have been sent, as they looked before.
        pause: seconds until the job that was cut off has surely ended.
        elapsed: seconds since the whole run began.
    """

    done: frozenset[str] = frozenset()
    open: tuple[tuple[str, Sighting | None], ...] = ()
    pause: float = 0.0
    elapsed: float = 0.0


@attrs.frozen
class End:
    """How a job ended.

    Attributes:
        error: what kept the site from doing its part, or None.
        facts: what else there is to say of it.
    """

    error: Exception | None = None
    facts: dict[str, Any] = attrs.field(factory=dict)


class Line(Protocol):
    """How a job speaks with whoever gave it. One question at a time."""

    async def ask(self, what: str, about: Any = None) -> Any:
        """Say something and get the answer.

        Raises:
            ConnectionError: there is nobody (any more).
        """
        ...
