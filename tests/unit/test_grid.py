"""Where pages lie, and which ones reach across the boundaries between others: tables of plain values."""

from __future__ import annotations

import pytest

from vcf_tasks_async.grid import Grid, PageRequest, Read


@pytest.mark.parametrize(
    ("total", "pages"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (21, 3), (1000, 100)]
)
def test_as_many_pages_as_the_tasks_fill_and_one_at_least(total, pages):
    assert Grid(1, 10, 10).pages(total) == pages


@pytest.mark.parametrize("base", [0, 1, 7])
def test_pages_are_counted_from_where_the_server_counts(base):
    # Ten were asked for, five come: the server's own size decides where a page lies.
    assert [Grid(base, 10, 5).page(index) for index in (0, 1, 4)] == [
        (PageRequest(base, 10), 0),
        (PageRequest(base + 1, 10), 5),
        (PageRequest(base + 4, 10), 20),
    ]


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("size", range(1, 101))
def test_a_page_across_a_boundary_holds_the_tasks_on_both_sides_of_it(base, size):
    grid = Grid(base, size, size)
    for boundary in range(size, 6 * size, size):
        found = grid.straddle(boundary)
        if found is None:
            # Only pages of a handful, where no larger page would help either.
            assert size <= 8
            assert all(boundary % larger == 0 for larger in range(1, 9))
            continue
        request, offset = found
        assert offset == (request.number - base) * request.size
        before, after = boundary - offset, offset + request.size - boundary
        assert min(before, after) >= 1
        # None reaches further to both sides; none is larger than what the server is known to serve.
        sizes = range(2, size + 1) if request.size <= size else range(2, 9)
        assert min(before, after) == max(min(boundary % s, s - boundary % s) for s in sizes)
        assert request.size <= max(size, 8)


def test_larger_pages_than_the_server_gave_are_not_tried():
    # It was asked for 100 and sends 2 a page: asked for 3, it would send 2 of another place.
    assert Grid(1, 100, 2).straddle(2) is None
    assert Grid(1, 2, 2).straddle(2) is not None


@pytest.mark.parametrize(
    ("step", "total", "overlaps"),
    [
        (1, 1, True), (1, 2, False), (2, 2, True), (2, 3, False), (2, 4, False), (2, 5, False),
        (3, 6, True), (3, 7, False), (100, 100, True), (100, 101, True), (100, 1000, True),
    ],
)  # fmt: skip
def test_whether_the_pages_that_are_served_overlap_at_each_boundary(step, total, overlaps):
    assert Grid(1, step, step).can_overlap(total) is overlaps


@pytest.mark.parametrize(
    ("offset", "received", "total", "is_last"),
    [
        (0, 10, 10, True),
        (0, 10, 11, False),
        (0, 10, 9, True),
        (90, 10, 100, True),
        (90, 9, 100, False),
        (90, 1, 91, True),
        (100, 0, 100, False),
        (0, 0, 0, False),
        (0, 10, None, False),
    ],
)
def test_a_page_is_the_last_where_the_listing_ends_with_it(offset, received, total, is_last):
    assert Read(offset, (), received, fresh=0, total=total).is_last is is_last
