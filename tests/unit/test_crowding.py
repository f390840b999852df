"""A full house is told from a missing permission: by words where they tell, else by the list."""

from __future__ import annotations

import pytest

from vcf_tasks_async import ErrorDetail, ServerError
from vcf_tasks_async.crowding import Crowd, says_full
from vcf_tasks_async.steps import ErrorCause

NESTED = ErrorDetail(
    error_code="PASSWORD_MANAGER_ERROR",
    nested_errors=(ErrorDetail(causes=(ErrorCause(message="exceeded the allowed number of tasks"),)),),
)


@pytest.mark.parametrize(
    ("detail", "verdict"),
    [
        (ErrorDetail(error_code="CREDENTIALS_OPERATION_LIMIT"), True),
        (ErrorDetail(message="No more than 10 operations may run"), True),
        (ErrorDetail(message="Too many password operations"), True),
        (NESTED, True),
        (ErrorDetail(message="Access is denied"), False),
        (ErrorDetail(error_code="FORBIDDEN", message="User is not authorized"), False),
        (ErrorDetail(message="You need the role ADMIN"), False),
        # Both, or neither: the words don't tell.
        (ErrorDetail(message="Not authorized to run more than 10"), None),
        (ErrorDetail(error_code="FORBIDDEN"), None),
        (ErrorDetail(), None),
        (None, None),
    ],
)
def test_the_words_of_a_refusal_tell_what_they_can(detail, verdict):
    assert says_full(detail) is verdict


@pytest.mark.parametrize(
    ("running", "verdicts"),
    [
        # Ten run: wait, however often.
        ([10] * 5, [True] * 5),
        ([12, 10, 9, 9, 9], [True, True, True, True, False]),
        # Some run: one may just have ended.
        ([9, 9, 9, 9], [True, True, False, False]),
        # Nobody is in the way.
        ([0], [False]),
        ([ServerError("boo")], [False]),
    ],
)
async def test_where_words_do_not_tell_the_list_does(running, verdicts):
    counts = iter(running)

    async def count() -> int:
        told = next(counts)
        if isinstance(told, Exception):
            raise told
        return told

    crowd = Crowd(count)
    assert [await crowd.is_full(None) for _ in verdicts] == verdicts


async def test_where_words_tell_nobody_asks_for_the_list():
    async def count() -> int:
        raise AssertionError("asked")

    crowd = Crowd(count)
    assert await crowd.is_full(ErrorDetail(message="limit"))
    assert not await crowd.is_full(ErrorDetail(message="permission"))
