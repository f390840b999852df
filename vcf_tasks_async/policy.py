"""Pure decisions, no await: what may be repeated, when and how often, and how long polls pause.

Everything here is a function of plain values, so that a table of tests can hold it. Loops that sleep
live elsewhere and know no rules.
"""

from __future__ import annotations

import enum
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import Final

import attrs

from vcf_tasks_async.checks import checked_seconds
from vcf_tasks_async.errors import DecodeError, ServerError, UsageError, VcfTasksError


def _positive(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    checked_seconds(attribute.name, value)


def _count(instance: object, attribute: attrs.Attribute[int], value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UsageError(f"{attribute.name} takes a whole number from 0 on, not {value!r}")


@attrs.frozen
class Policy:
    """How long and how hard a call tries.

    Attributes:
        deadline: seconds for one call in all: the wait for a slot, every attempt, every pause.
        attempt_timeout: seconds for one attempt, from its slot to the last byte of its answer.
        base: seconds; the pause before the first repeat is drawn from 0 to this, then doubles.
        cap: seconds; no pause of our own is longer.
        retry_after_cap: seconds; a server that asks to wait longer ends the call at once.
        budget: repeats in hand for the whole session. Each repeat takes one, each call gives a tenth
            back: an outage is met with at most 1.1 times the requests plus this.
        grace: seconds that the old status may still show after a write was accepted.

    Example:
        >>> Policy(deadline=30, attempt_timeout=10).budget
        50
    """

    deadline: float = attrs.field(default=120.0, validator=_positive)
    attempt_timeout: float = attrs.field(default=30.0, validator=_positive)
    base: float = attrs.field(default=0.5, validator=_positive)
    cap: float = attrs.field(default=10.0, validator=_positive)
    retry_after_cap: float = attrs.field(default=120.0, validator=_positive)
    budget: int = attrs.field(default=50, validator=_count)
    grace: float = attrs.field(default=60.0, validator=_positive)


class Fate(enum.Enum):
    """How far a request came that failed."""

    NOT_SENT = "not sent"
    TLS = "TLS"
    LOST = "lost"
    TLS_BROKEN = "sent, then TLS broke"
    ANSWERED = "answered"


@attrs.frozen
class Failure:
    """One attempt that failed, in the terms that decide what happens next.

    Attributes:
        fate: how far it came.
        status: the HTTP status, when it was answered.
        retry_after: seconds the server asked to wait, or None.
        not_ready: a front end answered for a service that is not up (HTML where JSON is due).
        undecodable: the answer came whole and is no JSON.
    """

    fate: Fate
    status: int = 0
    retry_after: float | None = None
    not_ready: bool = False
    undecodable: bool = False


_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
# What a proxy answers when it lost the server in mid-request: a write may have been applied. 499 is nginx's,
# 520 to 530 Cloudflare's, 598 and 599 those of others.
_AMBIGUOUS: Final = frozenset({408, 499, 502, 503, 504, *range(520, 528), 530, 598, 599})
# From here on a status has no meaning at all.
_MEANINGLESS: Final = 600


def may_repeat(failure: Failure, *, safe: bool) -> bool:
    """Whether the same request may be sent again.

    Args:
        safe: doing it twice does no harm: GET, and the token calls.
    """
    if failure.fate in (Fate.TLS, Fate.TLS_BROKEN) or (not safe and is_ambiguous(failure)):
        return False
    if failure.fate is Fate.NOT_SENT:
        return True
    if failure.status == 429:
        return True
    if failure.status == 503 and failure.retry_after is not None and not failure.not_ready:
        return True
    if not safe:
        return False
    return failure.fate is Fate.LOST or failure.not_ready or failure.undecodable or failure.status in _PASSING


def is_ambiguous(failure: Failure) -> bool:
    """Whether a write that failed so may have been applied all the same.

    500 is a plain refusal of SDDC Manager; 502, 504 and a bare 503 come from what stands in front.
    """
    if failure.fate is not Fate.ANSWERED:
        return failure.fate in (Fate.LOST, Fate.TLS_BROKEN)
    if failure.undecodable:
        # 200 with a page of HTML: something in between said so, not SDDC Manager.
        return True
    if failure.status == 503 and failure.retry_after is not None:
        return False
    return failure.not_ready or failure.status in _AMBIGUOUS or failure.status >= _MEANINGLESS


def delay_before(attempt: int, failure: Failure, policy: Policy, *, rng: Random) -> float | None:
    """Seconds to wait before *attempt* (2 is the first repeat), or None when it must not be made.

    Full jitter: anywhere from 0 to the doubling bound, so that callers who failed together don't
    come back together. What the server asks for is waited in full, and then a little more.
    """
    bound = min(policy.cap, policy.base * 2 ** min(attempt - 2, 30))
    jitter = rng.uniform(0.0, bound)
    if failure.retry_after is None:
        return jitter
    if failure.retry_after > policy.retry_after_cap:
        return None
    return failure.retry_after + min(jitter, 1.0)


def is_broken(error: VcfTasksError) -> bool:
    """Whether what was read is to blame, not the connection: SDDC Manager fails over it, or it can't be read.

    Example:
        >>> is_broken(ServerError("500", status=500)), is_broken(ServerError("502", status=502))
        (True, False)
    """
    return isinstance(error, DecodeError) or (isinstance(error, ServerError) and error.status == 500)


def polite_pause(attempt: int, retry_after: float | None, policy: Policy, *, rng: Random) -> float:
    """Seconds to wait before asking again (*attempt* is 2 the first time) for what others have all of now.

    Never short, unlike `delay_before`: nothing is lost that a quick second try could get back.
    """
    bound = min(policy.cap, policy.base * 2 ** min(attempt - 1, 30))
    return max(retry_after or 0.0, rng.uniform(bound / 2, bound))


class RepeatBudget:
    """Repeats left for a session, so that an outage is not answered with a flood.

    Example:
        >>> budget = RepeatBudget(1)
        >>> budget.take(), budget.take()
        (True, False)
    """

    def __init__(self, size: int) -> None:
        # In tenths: ten times 0.1 is not quite 1.
        self._size = self._left = 10 * size

    def give(self) -> None:
        """A new call was made: a tenth of a repeat comes back."""
        self._left = min(self._size, self._left + 1)

    def take(self) -> bool:
        """Take one repeat; False when none is left."""
        if self._left < 10:
            return False
        self._left -= 10
        return True


_SECONDS: Final = re.compile(r"[0-9]+", re.ASCII)


def parse_retry_after(value: str | None, *, date: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for; None for none and for nonsense.

    Args:
        value: the header: whole seconds or an HTTP date.
        date: the answer's Date header: a date is measured against the server's own clock.
        now: our clock, for an answer without a Date.

    Example:
        >>> parse_retry_after("120", date=None, now=datetime.now(UTC))
        120.0
    """
    if value is None or not value.isascii():
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        # A number too long to be meant still says: not soon.
        return float(value) if len(value) < 10 else float("inf")
    until = _http_date(value)
    if until is None:
        return None
    server_now = _http_date(date) if date is not None else None
    return max(0.0, (until - (server_now or now)).total_seconds())


def _http_date(value: str) -> datetime | None:
    if not value.isascii():
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _share(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UsageError(f"{attribute.name} takes a share from 0 to 1, not {value!r}")


def _factor(instance: object, attribute: attrs.Attribute[float], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < float("inf"):
        raise UsageError(f"{attribute.name} takes a factor from 1 on, not {value!r}")


@attrs.frozen
class Polling:
    """How often a task that is being followed is looked at.

    Attributes:
        initial: seconds between looks while things change.
        maximum: seconds between looks when nothing does.
        factor: how much longer each pause is than the one before, while nothing changes.
        jitter: share of a pause that is drawn at random, both ways.
        patience: seconds for which looks may fail in a row before the wait gives up.

    Example:
        >>> Polling(initial=1.0).maximum
        30.0
    """

    initial: float = attrs.field(default=2.0, validator=_positive)
    maximum: float = attrs.field(default=30.0, validator=_positive)
    factor: float = attrs.field(default=1.5, validator=_factor)
    jitter: float = attrs.field(default=0.2, validator=_share)
    patience: float = attrs.field(default=900.0, validator=_positive)


def next_pause(pause: float, polling: Polling, *, changed: bool) -> float:
    """The pause after *pause*, before jitter: short again when something changed, longer when not."""
    if changed:
        return min(polling.initial, polling.maximum)
    return min(polling.maximum, pause * polling.factor)


def jittered(pause: float, polling: Polling, *, rng: Random) -> float:
    """*pause*, moved at random by at most the share that *polling* allows."""
    return pause * (1.0 + rng.uniform(-polling.jitter, polling.jitter))


def checked_polling(polling: object) -> Polling:
    """*polling*, when it is one.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(polling, Polling):
        return polling
    raise UsageError("polling takes a Polling, such as Polling(initial=5, maximum=60)")
