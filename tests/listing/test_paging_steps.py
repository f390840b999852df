"""What a listing asks for next, and what it makes of odd answers: told request by request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import attrs
import pytest
from world import Server, World, mover, read

from vcf_tasks_async.grid import PageRequest
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.paging import Listing

START = datetime(2026, 1, 1, tzinfo=UTC)


def stamped(second: float, shape: str = "") -> str:
    moment = START + timedelta(seconds=second)
    return moment.isoformat(timespec="milliseconds" if shape == "ms" else "auto").replace("+00:00", "Z")


def serve(stamps: list[str | None], size: int = 100) -> Callable[[PageRequest], TaskPage]:
    """A server of so many tasks, which were created at these moments."""

    def page(request: PageRequest) -> TaskPage:
        index = (request.number or 1) - 1
        own = range(len(stamps))[index * request.size : (index + 1) * request.size]
        return TaskPage(
            elements=tuple(Task(id=f"t{i}", creation_timestamp=stamps[i]) for i in own),
            page_metadata=PageMetadata(index + 1, len(own), len(stamps), -(-len(stamps) // size)),
        )

    return page


def walk(
    listing: Listing,
    page: Callable[[PageRequest], TaskPage],
    *,
    window: int = 1,
    broken: tuple[int, ...] = (),
) -> tuple[list[PageRequest], list[str]]:
    """Read *listing* to its end, without the pages of the numbers *broken*; the requests and the ids."""
    asked: list[PageRequest] = []
    waiting: list[PageRequest] = []
    ids: list[str] = []
    while not listing.done or waiting:
        while len(waiting) < window and (request := listing.next_request()) is not None:
            waiting.append(request)
            asked.append(request)
        assert waiting, "it waits for an answer, and has asked for none"
        assert len(asked) < 1000
        request = waiting.pop(0)
        if request.number in broken:
            listing.skip()
        else:
            ids += [task.id for task in listing.feed(page(request))]
    assert listing.next_request() is None
    return asked, ids


def still() -> None:
    """Nothing moves."""


# --- which way is taken ------------------------------------------------------------------------------


def test_few_pages_are_read_with_overlaps_from_the_start():
    asked, _ = walk(Listing(100), serve([stamped(i) for i in range(300)]))
    assert asked == [
        PageRequest(None, 100),
        PageRequest(2, 67),  # 67 to 133, round 100
        PageRequest(2, 100),
        PageRequest(3, 80),  # 160 to 239, round 200
        PageRequest(3, 100),
    ]


@pytest.mark.parametrize("window", [1, 4, 16])
def test_many_pages_in_order_are_read_once_and_then_the_first_and_the_last_again(window):
    asked, _ = walk(Listing(100), serve([stamped(-i) for i in range(400)]), window=window)
    assert [request.number for request in asked] == [None, 2, 3, 4, 1, 4]
    assert {request.size for request in asked} == {100}


@pytest.mark.parametrize("size", [1, 2])
def test_many_pages_whose_order_breaks_between_two_are_not_taken_as_whole_on_a_look(size):
    asked, ids = walk(Listing(size), serve([stamped(-(i % 20)) for i in range(40)], size))
    assert [request.size for request in asked[: 20 // size + 1]] == [size] * (20 // size + 1)
    assert {request.size for request in asked} != {size}
    assert len(ids) == 40


def test_a_server_that_counts_nothing_and_sends_the_same_page_for_ever_is_asked_three_times():
    same = TaskPage(elements=(Task(id="a"), Task(id="b")))
    asked, ids = walk(Listing(2), lambda _: same)
    assert [request.number for request in asked] == [None, 1, 2]
    assert ids == ["a", "b"]


def test_where_new_tasks_come_first_the_looks_do_not_wait_for_the_pages():
    listing, page = Listing(100), serve([stamped(-i) for i in range(400)])
    listing.feed(page(listing.next_request()))
    asked = list(iter(listing.next_request, None))
    assert [request.number for request in asked] == [2, 3, 4, 1, 4]
    for request in asked:
        assert not listing.done
        listing.feed(page(request))
    assert listing.complete


def test_where_new_tasks_come_last_the_looks_wait_for_the_pages_and_these_for_the_first_look():
    listing, page = Listing(100), serve([stamped(i) for i in range(400)])
    rounds = []
    while asked := list(iter(listing.next_request, None)):
        rounds.append([request.number for request in asked])
        for request in asked:
            listing.feed(page(request))
    assert rounds == [[None], [4], [2, 3, 4], [1, 4]]
    assert listing.complete


def test_a_look_that_cannot_be_had_after_a_page_that_could_not_loses_nothing_more():
    listing, page = Listing(100), serve([stamped(-i) for i in range(400)])
    listing.feed(page(listing.next_request()))
    asked = list(iter(listing.next_request, None))
    assert listing.skip()
    for request in asked[1:-1]:
        listing.feed(page(request))
    assert listing.skip() is False


@attrs.frozen
class Odd:
    """What is odd about the answer to one request, the sixth of six being the look at the last page."""

    request: int
    drop: int = 0
    swap: bool = False
    miscount: int = 0

    def of(self, page: TaskPage) -> TaskPage:
        elements = page.elements[self.drop :]
        if self.swap:
            elements = (*elements[:-1], attrs.evolve(elements[-1], id="another"))
        counted = page.page_metadata.total_elements + self.miscount
        return attrs.evolve(
            page, elements=elements, page_metadata=attrs.evolve(page.page_metadata, total_elements=counted)
        )


@pytest.mark.parametrize(
    "odd",
    [
        *(Odd(2, drop=50), Odd(3, drop=1), Odd(5, drop=1)),
        *(Odd(4, swap=True), Odd(5, swap=True)),
        *(Odd(2, miscount=1), Odd(4, miscount=-1), Odd(5, miscount=1)),
    ],
    ids=str,
)
@pytest.mark.parametrize("newest_first", [True, False])
def test_whatever_does_not_fit_has_the_list_read_again_with_overlaps(odd, newest_first):
    """A short page, another task in the same place, another count: each at one request alone."""
    listing, page = Listing(100), serve([stamped(-i if newest_first else i) for i in range(400)])
    number = 0
    while not listing.done:
        answer = page(listing.next_request())
        listing.feed(odd.of(answer) if number == odd.request + (not newest_first) else answer)
        number += 1
    assert (listing.complete, listing.sweeps) == (True, 2)


@pytest.mark.parametrize("look", [0, 1])
def test_without_a_look_nothing_is_proven(look):
    listing, page = Listing(100), serve([stamped(-i) for i in range(400)])
    listing.feed(page(listing.next_request()))
    for request in list(iter(listing.next_request, None))[: 3 + look]:
        listing.feed(page(request))
    assert listing.skip()
    assert (listing.done, listing.complete) == (True, False)


ORDERS = {
    "newest first": ([stamped(-i) for i in range(1000)], 12),
    "oldest first": ([stamped(i) for i in range(1000)], 13),
    "newest first, two in each second": ([stamped(-(i // 2)) for i in range(1000)], 12),
    "oldest first, two in each second": ([stamped(i // 2) for i in range(1000)], 13),
    "all in one second": ([stamped(0)] * 1000, 13),
    "newest first, in two shapes": ([stamped(-i / 2) for i in range(1000)], 12),
    "oldest first, in two shapes": ([stamped(i / 2) for i in range(1000)], 13),
    "no order on the first page": ([stamped(i % 7) for i in range(1000)], 19),
    "one without a moment": ([*(stamped(-i) for i in range(50)), None, *[stamped(-99)] * 949], 19),
    "one whose moment can't be read": ([stamped(0), "gestern", *[stamped(0)] * 998], 19),
    "one whose moment is empty": (["", *[stamped(0)] * 999], 19),
}


@pytest.mark.parametrize(("stamps", "requests"), ORDERS.values(), ids=ORDERS)
def test_only_an_order_of_creation_is_proof_enough_for_reading_each_page_once(stamps, requests):
    listing = Listing(100)
    asked, ids = walk(listing, serve(stamps))
    assert (len(ids), listing.complete, listing.sweeps) == (1000, True, 1)
    # Ten pages, and the first and last again; where new tasks may come last, that one before all others as
    # well; or ten pages with nine overlaps.
    assert len(asked) == requests
    assert ids == [f"t{i}" for i in range(1000)]


@pytest.mark.parametrize("turn", [250, 300, 301, 998])
def test_an_order_that_turns_on_the_way_is_no_order(turn):
    stamps = [stamped(min(i, 2 * turn - i)) for i in range(1000)]
    listing = Listing(100)
    asked, ids = walk(listing, serve(stamps))
    assert (len(ids), listing.complete) == (1000, True)
    assert listing.sweeps == 2
    assert len(asked) > 19


# --- moves are counted ------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["front", "back"])
def test_a_move_costs_one_more_sweep(where):
    world = World.of(1000)
    moves = iter([still] * 4 + [mover(world, Random(1), creates=1, purges=0, where=where)])
    reading = read(Server(world), move=lambda: next(moves, still)())  # noqa: PLW0108
    assert (reading.listing.sweeps, reading.listing.complete) == (2, True)
    assert reading.listing.total == len(reading.ids) == 1001


def test_a_list_that_grows_faster_than_it_is_read_ends_after_fifty_sweeps():
    world = World.of(400)

    def move():
        world.tasks.reverse()
        world.create(0)

    reading = read(Server(world), window=1, move=move)
    assert (reading.listing.sweeps, reading.listing.complete) == (50, False)


@pytest.mark.parametrize("window", [1, 4])
def test_a_count_of_more_than_is_shown_ends_after_three_more_sweeps_and_is_not_whole(window):
    # As where tasks are counted that this user may not see.
    def page(request: PageRequest) -> TaskPage:
        shown = serve([stamped(-i) for i in range(240)])(request)
        number = request.number or 1
        return TaskPage(elements=shown.elements, page_metadata=PageMetadata(number, 0, 250, 3))

    listing = Listing(100)
    _, ids = walk(listing, page, window=window)
    assert (len(ids), listing.complete, listing.sweeps, listing.total) == (240, False, 4, 250)


@pytest.mark.parametrize(
    ("received", "total", "complete"),
    [(150, None, True), (150, 150, True), (150, 151, False), (0, 0, True), (0, 5, False), (100, 100, True)],
)
def test_all_in_one_answer_is_whole_where_it_holds_as_many_as_it_counts(received, total, complete):
    listing = Listing(100)
    metadata = None if total is None else PageMetadata(1, received, total, 1)
    page = TaskPage(elements=tuple(Task(id=f"t{i}") for i in range(received)), page_metadata=metadata)
    requests, ids = walk(listing, lambda _: page)
    assert (len(ids), listing.complete, listing.total) == (received, complete, total)
    assert (len(requests) == 1) is (total != 5)


def test_a_page_without_its_number_tells_no_place():
    def page(request: PageRequest) -> TaskPage:
        shown = serve([stamped(-i) for i in range(250)])(request)
        return TaskPage(elements=shown.elements, page_metadata=PageMetadata(None, None, 250, None))

    listing = Listing(100)
    asked, ids = walk(listing, page)
    assert (len(ids), listing.complete, listing.can_skip) == (250, True, False)
    assert [request.number for request in asked] == [None, 1, 2, 3, 4]


def test_where_no_page_tells_its_place_only_a_list_without_overlaps_is_whole():
    world = World.of(250)
    moves = iter([still, still, lambda: world.create(0)])
    reading = read(Server(world, metadata=False), window=1, move=lambda: next(moves, still)())  # noqa: PLW0108
    assert not reading.listing.complete
    assert len(reading.ids) == len(set(reading.ids)) == 250
    assert reading.listing.total is None


# --- pages that can't be had --------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 2, 4, 16])
@pytest.mark.parametrize("broken", [(2,), (3,), (10,), (3, 4), (3, 7), (2, 3, 4, 5, 6, 7, 8, 9, 10)], ids=str)
def test_after_a_page_that_cannot_be_had_the_others_are_read_once(window, broken):
    listing = Listing(100)
    asked, ids = walk(listing, serve([stamped(-i) for i in range(1000)]), window=window, broken=broken)
    missing = {f"t{i}" for number in broken for i in range(number * 100 - 100, number * 100)}
    assert set(ids) == {f"t{i}" for i in range(1000)} - missing
    numbers = [request.number for request in asked]
    assert numbers[:10] == [None, *range(2, 11)]
    # Looks at the first and the last that were on their way already; their end proves nothing any more.
    assert numbers[10:] in ([], [1], [1, 10])
    assert (listing.complete, listing.can_skip, listing.sweeps) == (False, True, 1)


def test_a_list_that_grows_after_a_page_that_cannot_be_had_is_read_to_its_new_end():
    stamps: list[str | None] = [stamped(i) for i in range(1000)]
    listing = Listing(100)

    def page(request: PageRequest) -> TaskPage:
        if request.number == 8:
            stamps.extend(stamped(1000 + i) for i in range(150))
        return serve(stamps)(request)

    asked, ids = walk(listing, page, broken=(5,))
    assert len(ids) == 1050
    assert [request.number for request in asked] == [None, 10, *range(2, 13)]
    assert (listing.done, listing.complete) == (True, False)


def test_where_the_look_at_the_last_page_cannot_be_had_the_others_are_read():
    listing = Listing(100)
    asked, ids = walk(listing, serve([stamped(i) for i in range(500)]), broken=(5,))
    assert ids == [f"t{i}" for i in range(400)]
    assert [request.number for request in asked] == [None, 5, 2, 3, 4, 5]
    assert listing.complete is False


def test_with_overlaps_a_page_that_cannot_be_had_costs_no_other():
    listing = Listing(100, volatile=True)
    asked, ids = walk(listing, serve([stamped(-i) for i in range(1000)]), window=3, broken=(4,))
    assert listing.complete is False
    assert len(set(ids)) == len(ids)
    assert set(ids) >= {f"t{i}" for i in (*range(300), *range(400, 1000))}
    assert [request.number for request in asked if request.size == 100] == [None, *range(2, 11)]


def test_before_the_first_answer_no_other_place_is_known():
    listing = Listing(100)
    assert listing.next_request() == PageRequest(None, 100)
    assert listing.next_request() is None
    assert (listing.can_skip, listing.done, listing.complete, listing.sweeps) == (False, False, False, 1)
