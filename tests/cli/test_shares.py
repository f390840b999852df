"""How many cells of a bar each kind gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vcf_tasks_async as v
from vcf_tasks_async.cli.shares import of_results, of_statuses, share_cells


@pytest.mark.parametrize(
    ("numbers", "total", "width", "cells"),
    [
        ([], 0, 10, []),
        ([0, 0], 0, 10, [0, 0]),
        ([5, 5], 10, 10, [5, 5]),
        ([1, 99], 100, 10, [1, 9]),
        ([1, 1, 998], 1000, 10, [1, 1, 8]),
        ([25], 100, 10, [2]),
        ([50, 0], 100, 10, [5, 0]),
        ([1, 1, 1], 3, 2, [1, 1, 1]),
    ],
)
def test_cells_are_shared_out(numbers: list[int], total: int, width: int, cells: list[int]) -> None:
    assert share_cells(numbers, total, width) == cells


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=8), st.integers(0, 5000), st.integers(10, 90))
def test_a_whole_bar_is_full_and_nobody_is_left_out(numbers: list[int], rest: int, width: int) -> None:
    total = sum(numbers) + rest
    cells = share_cells(numbers, total, width)
    assert sum(cells) <= width
    assert all(bool(n) == bool(cell) for n, cell in zip(numbers, cells, strict=True))
    if total and not rest:
        assert sum(cells) == width


def test_every_status_and_result_has_a_colour_and_a_name() -> None:
    shares = of_statuses(dict.fromkeys(v.Status, 1))
    assert len(shares) == len(v.Status)
    assert shares[0].style == "green"
    assert shares[-1].label == "Unknown"
    assert [share.number for share in of_results(dict.fromkeys(v.Result, 2))] == [2] * len(v.Result)
