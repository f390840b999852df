"""What may be repeated, when, how often, and what a lost write came to: tables of plain values."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vcf_tasks_async.errors import BadRequest, DecodeError, ServerError, TransportError, UsageError
from vcf_tasks_async.policy import (
    Failure,
    Fate,
    Policy,
    Polling,
    RepeatBudget,
    delay_before,
    is_ambiguous,
    is_broken,
    jittered,
    may_repeat,
    next_pause,
    parse_retry_after,
    polite_pause,
)

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)

# --- may it be sent again, and may it have been applied -------------------------------------------

# status: (GET, write, write with Retry-After, ambiguous, ambiguous with Retry-After)
BY_STATUS = {
    301: (False, False, False, False, False),
    302: (False, False, False, False, False),
    400: (False, False, False, False, False),
    401: (False, False, False, False, False),
    403: (False, False, False, False, False),
    404: (False, False, False, False, False),
    408: (True, False, False, True, True),
    407: (False, False, False, False, False),
    409: (False, False, False, False, False),
    410: (False, False, False, False, False),
    415: (False, False, False, False, False),
    424: (False, False, False, False, False),
    425: (True, False, False, False, False),
    426: (False, False, False, False, False),
    428: (False, False, False, False, False),
    429: (True, True, True, False, False),
    430: (False, False, False, False, False),
    498: (False, False, False, False, False),
    499: (False, False, False, True, True),
    500: (True, False, False, False, False),
    501: (False, False, False, False, False),
    502: (True, False, False, True, True),
    503: (True, False, True, True, False),
    504: (True, False, False, True, True),
    505: (False, False, False, False, False),
    519: (False, False, False, False, False),
    **dict.fromkeys(range(520, 528), (False, False, False, True, True)),
    528: (False, False, False, False, False),
    529: (False, False, False, False, False),
    530: (False, False, False, True, True),
    531: (False, False, False, False, False),
    597: (False, False, False, False, False),
    598: (False, False, False, True, True),
    599: (False, False, False, True, True),
    600: (False, False, False, True, True),
    999: (False, False, False, True, True),
}


@pytest.mark.parametrize(("status", "row"), BY_STATUS.items(), ids=map(str, BY_STATUS))
def test_what_each_answer_allows(status, row):
    plain, asked = (Failure(Fate.ANSWERED, status, retry_after) for retry_after in (None, 3.0))
    assert (
        may_repeat(plain, safe=True),
        may_repeat(plain, safe=False),
        may_repeat(asked, safe=False),
        is_ambiguous(plain),
        is_ambiguous(asked),
    ) == row
    assert may_repeat(asked, safe=True) == (row[0] or row[2])


@pytest.mark.parametrize(
    ("failure", "read", "write", "ambiguous"),
    [
        (Failure(Fate.NOT_SENT), True, True, False),
        (Failure(Fate.TLS), False, False, False),
        (Failure(Fate.TLS_BROKEN), False, False, True),
        (Failure(Fate.LOST), True, False, True),
        (Failure(Fate.ANSWERED, 503, 5.0, not_ready=True), True, False, False),
        (Failure(Fate.ANSWERED, 404, not_ready=True), True, False, True),
        (Failure(Fate.ANSWERED, 404, 5.0, not_ready=True), True, False, True),
        (Failure(Fate.ANSWERED, 200, undecodable=True), True, False, True),
        (Failure(Fate.ANSWERED, 429, undecodable=True), True, False, True),
        (Failure(Fate.ANSWERED, 503, 5.0, undecodable=True), True, False, True),
    ],
    ids=[
        "not sent",
        "TLS",
        "TLS, sent",
        "lost",
        "HTML 503 with Retry-After",
        "HTML 404",
        "HTML 404 with Retry-After",
        "garbage",
        "garbage with 429",
        "garbage with 503 and Retry-After",
    ],
)
def test_what_each_other_failure_allows(failure, read, write, ambiguous):
    assert (may_repeat(failure, safe=True), may_repeat(failure, safe=False)) == (read, write)
    assert is_ambiguous(failure) is ambiguous


_answers = st.builds(
    Failure,
    st.just(Fate.ANSWERED),
    st.integers(200, 599),
    st.none() | st.floats(0, 1e6),
    st.booleans(),
    st.booleans(),
)


@given(_answers | st.sampled_from([Failure(fate) for fate in Fate if fate is not Fate.ANSWERED]))
def test_a_write_that_may_have_been_applied_is_never_repeated(failure):
    assert not (may_repeat(failure, safe=False) and is_ambiguous(failure))
    assert may_repeat(failure, safe=True) or not may_repeat(failure, safe=False)


# --- pauses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "bound"),
    [(2, 0.5), (3, 1.0), (4, 2.0), (5, 4.0), (6, 8.0), (7, 10.0), (60, 10.0), (10_000, 10.0)],
)
def test_pauses_double_up_to_the_cap_with_full_jitter(attempt, bound):
    policy, failure, rng = Policy(base=0.5, cap=10), Failure(Fate.LOST), random.Random(1)
    drawn = [delay_before(attempt, failure, policy, rng=rng) for _ in range(500)]
    assert 0 <= min(drawn) < 0.1 * bound
    assert 0.9 * bound < max(drawn) <= bound


def test_what_the_server_asks_for_is_waited_in_full_and_a_little_more():
    policy, rng = Policy(retry_after_cap=30), random.Random(1)
    for asked in (0.0, 1.0, 30.0):
        drawn = [delay_before(9, Failure(Fate.ANSWERED, 503, asked), policy, rng=rng) for _ in range(300)]
        assert asked <= min(drawn) < asked + 0.5
        assert asked + 0.9 < max(drawn) <= asked + 1.0


def test_a_server_that_asks_to_wait_too_long_ends_the_call():
    policy = Policy(retry_after_cap=30)
    assert delay_before(2, Failure(Fate.ANSWERED, 503, 30.01), policy, rng=random.Random(1)) is None


@pytest.mark.parametrize(
    ("attempt", "bound"),
    [(2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 10.0), (60, 10.0), (10_000, 10.0)],
)
def test_for_what_others_have_all_of_is_asked_again_after_half_the_bound_at_least(attempt, bound):
    policy, rng = Policy(base=0.5, cap=10), random.Random(1)
    drawn = [polite_pause(attempt, None, policy, rng=rng) for _ in range(500)]
    assert 0.5 * bound <= min(drawn) < 0.55 * bound
    assert 0.95 * bound < max(drawn) <= bound
    assert polite_pause(attempt, 60.0, policy, rng=rng) == 60.0
    assert polite_pause(attempt, 0.1, policy, rng=rng) >= 0.5 * bound


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (DecodeError("no JSON"), True),
        (ServerError("fails over it", status=500), True),
        (ServerError("not implemented", status=501), False),
        (ServerError("bad gateway", status=502), False),
        (BadRequest("no", status=500), False),
        (TransportError("gone"), False),
    ],
    ids=str,
)
def test_a_page_is_to_blame_only_where_the_server_fails_over_it_or_it_cannot_be_read(error, broken):
    assert is_broken(error) is broken


# --- the budget -----------------------------------------------------------------------------------


def test_an_outage_gets_the_budget_and_a_tenth_of_the_calls():
    budget, repeats = RepeatBudget(50), 0
    for _ in range(1_000):
        budget.give()
        repeats += budget.take()
    assert repeats == pytest.approx(50 + 100, abs=1)


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_budget_holds_what_it_says(size):
    budget = RepeatBudget(size)
    assert [budget.take() for _ in range(size + 2)] == [True] * size + [False] * 2


def test_ten_calls_give_one_repeat_back():
    budget = RepeatBudget(1)
    assert budget.take()
    for _ in range(10):
        assert not budget.take()
        budget.give()
    assert budget.take()


def test_a_budget_never_grows_over_its_size():
    budget = RepeatBudget(2)
    for _ in range(1_000):
        budget.give()
    assert [budget.take() for _ in range(3)] == [True, True, False]


def test_without_a_budget_nothing_is_repeated_ever():
    budget = RepeatBudget(0)
    for _ in range(100):
        budget.give()
        assert not budget.take()


# --- Retry-After ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("007", 7.0),
        ("999999999", 999999999.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("+5", None),
        ("5s", None),
        ("١٢٠", None),
        ("１２０", None),
        ("²", None),
        ("nan", None),
        ("inf", None),
        ("0x10", None),
        ("5, 7", None),
        ("\x00", None),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("\u200920", None),
        ("20\xa0", None),
    ],
)
def test_retry_after_in_seconds_or_nonsense(value, seconds):
    assert parse_retry_after(value, date=None, now=NOW) == seconds


def test_a_number_of_seconds_too_long_to_be_meant_still_ends_the_call():
    # Reading it as nothing would repeat at once what the server asked never to see again.
    asked = parse_retry_after("1000000000", date=None, now=NOW)
    assert asked == float("inf")
    assert delay_before(2, Failure(Fate.ANSWERED, 503, asked), Policy(), rng=random.Random(1)) is None


@pytest.mark.parametrize(
    ("until", "date", "seconds"),
    [
        (NOW + timedelta(seconds=90), None, 90.0),
        (NOW - timedelta(seconds=90), None, 0.0),
        (NOW + timedelta(hours=5), NOW + timedelta(hours=5, seconds=-30), 30.0),
        (NOW - timedelta(hours=5), NOW - timedelta(hours=5, seconds=30), 30.0),
    ],
    ids=["in the future", "in the past", "a server that is ahead", "a server that is behind"],
)
def test_retry_after_as_a_date_is_measured_by_the_servers_own_clock(until, date, seconds):
    header = format_datetime(date, usegmt=True) if date else None
    assert parse_retry_after(format_datetime(until, usegmt=True), date=header, now=NOW) == seconds


@pytest.mark.parametrize("zone", ["", " -0000", " GMT", " +0000"])
def test_a_date_without_a_zone_is_in_utc(zone):
    until = f"Fri, 01 May 2026 12:00:30{zone}"
    assert parse_retry_after(until, date=None, now=NOW) == 30.0
    assert parse_retry_after(until, date=f"Fri, 01 May 2026 12:00:10{zone}", now=NOW) == 20.0


def test_a_junk_date_header_leaves_our_own_clock():
    until = format_datetime(NOW + timedelta(seconds=10), usegmt=True)
    assert parse_retry_after(until, date="junk", now=NOW) == 10.0


_dates = st.from_regex(
    r"\A[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} -?[0-9]{1,6} [0-9:]{1,9} ?[-+A-Z0-9]{0,7}\Z"
)


@given(st.text() | _dates, st.none() | st.text() | _dates)
@example("Mon, 01 Jan 0001 00:00:00 +2359", "Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 2026 00:00:00 +9999", None)
@example("1 Jan 99999999999 00:00:00", None)
def test_retry_after_never_raises_and_is_never_below_nothing(value, date):
    seconds = parse_retry_after(value, date=date, now=NOW)
    assert seconds is None or seconds >= 0.0


# --- the knobs ------------------------------------------------------------------------------------

SECONDS = ("deadline", "attempt_timeout", "base", "cap", "retry_after_cap", "grace")
BAD_SECONDS = [0, -1, float("inf"), float("nan"), "5", None, True, 1j]


@pytest.mark.parametrize("value", BAD_SECONDS, ids=repr)
@pytest.mark.parametrize("name", SECONDS)
def test_a_policy_takes_only_seconds_above_0(name, value):
    with pytest.raises(UsageError, match=name):
        Policy(**{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, "5", None, True], ids=repr)
def test_a_budget_is_a_whole_number(value):
    with pytest.raises(UsageError, match="budget takes a whole number"):
        Policy(budget=value)


@pytest.mark.parametrize("value", BAD_SECONDS, ids=repr)
@pytest.mark.parametrize("name", ["initial", "maximum", "patience"])
def test_polling_takes_only_seconds_above_0(name, value):
    with pytest.raises(UsageError, match=name):
        Polling(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("factor", 0.9),
        ("factor", float("nan")),
        ("factor", "2"),
        ("jitter", -0.1),
        ("jitter", 1.1),
        ("jitter", None),
        ("jitter", True),
    ],
)
def test_polling_takes_a_sensible_factor_and_jitter(name, value):
    with pytest.raises(UsageError, match=name):
        Polling(**{name: value})


@pytest.mark.parametrize(
    "bounds",
    [{"jitter": 0}, {"jitter": 1}, {"jitter": 0.5}, {"factor": 1}, {"factor": 1.1}, {"initial": 0.001}],
    ids=str,
)
def test_polling_takes_what_lies_just_within_its_bounds(bounds):
    (name, value), = bounds.items()  # fmt: skip
    assert getattr(Polling(**bounds), name) == value


@pytest.mark.parametrize("value", [float("inf"), True, None])
def test_a_factor_is_a_number(value):
    with pytest.raises(UsageError, match="factor"):
        Polling(factor=value)


@pytest.mark.parametrize("name", SECONDS)
def test_a_policy_takes_seconds_whole_or_in_parts(name):
    assert [getattr(Policy(**{name: value}), name) for value in (1, 0.001, 1e9)] == [1, 0.001, 1e9]


def test_the_settings_cannot_be_changed_by_whoever_shares_them():
    for settings, name in ((Policy(), "budget"), (Polling(), "initial"), (Failure(Fate.LOST), "status")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(settings, name, 1)


def test_the_defaults_are_those_of_the_design():
    policy, polling = Policy(), Polling()
    assert (policy.deadline, policy.attempt_timeout, policy.base, policy.cap) == (120.0, 30.0, 0.5, 10.0)
    assert (policy.retry_after_cap, policy.budget, policy.grace) == (120.0, 50, 60.0)
    assert (polling.initial, polling.maximum, polling.factor, polling.jitter) == (2.0, 30.0, 1.5, 0.2)
    assert polling.patience == 900.0


def test_polling_slows_down_while_nothing_changes_and_hurries_when_something_does():
    polling = Polling(initial=2, maximum=10, factor=2)
    pauses = [polling.initial]
    for _ in range(4):
        pauses.append(next_pause(pauses[-1], polling, changed=False))
    assert pauses == [2, 4, 8, 10, 10]
    assert next_pause(10, polling, changed=True) == 2
    assert next_pause(1, Polling(initial=50, maximum=10), changed=True) == 10


@given(st.floats(0.1, 100), st.floats(0, 1), st.integers())
def test_jitter_moves_a_pause_by_its_share_at_most(pause, jitter, seed):
    moved = jittered(pause, Polling(jitter=jitter), rng=random.Random(seed))
    assert pause * (1 - jitter) - 1e-9 <= moved <= pause * (1 + jitter) + 1e-9


def test_jitter_moves_a_pause_both_ways_and_uses_its_share():
    rng = random.Random(1)
    moved = [jittered(10.0, Polling(jitter=0.2), rng=rng) for _ in range(500)]
    assert min(moved) < 8.1
    assert max(moved) > 11.9
