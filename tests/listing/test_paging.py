"""A listing is whole, or says that it is not."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Server, World, mover, read

from vcf_tasks_async.errors import DecodeError
from vcf_tasks_async.models import PageMetadata, Task, TaskPage
from vcf_tasks_async.paging import Listing


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("tasks", [0, 1, 99, 100, 101, 199, 200, 201, 300, 301, 1000, 1001])
@pytest.mark.parametrize("size", [1, 7, 99, 100])
def test_a_still_listing_is_read_once_and_proven(base, tasks, size):
    world = World.of(min(tasks, 40 * size))
    reading = read(Server(world, base), size=size)
    assert reading.ids == [task_id for task_id, _ in world.tasks]
    assert reading.listing.complete
    assert reading.listing.sweeps == 1


@pytest.mark.parametrize(
    ("tasks", "requests"), [(0, 1), (100, 1), (101, 3), (300, 5), (1000, 12), (10_000, 102)]
)
def test_where_nothing_moves_the_proof_costs_two_requests(tasks, requests):
    assert read(Server(World.of(tasks)), window=16).requests == requests


@pytest.mark.parametrize("largest", [10, 50, 99])
def test_pages_smaller_than_asked_for_are_taken_as_they_come(largest):
    world = World.of(731)
    reading = read(Server(world, largest=largest))
    assert (set(reading.ids), reading.listing.complete) == (world.ids(), True)


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("tasks", [0, 5, 100, 250])
def test_without_metadata_pages_are_tried_until_nothing_new_comes(base, tasks):
    world = World.of(tasks)
    reading = read(Server(world, base, metadata=False))
    assert (set(reading.ids), len(reading.ids)) == (world.ids(), tasks)
    assert reading.listing.complete


def test_a_release_that_sends_everything_whatever_is_asked_is_read_once():
    everything = TaskPage(elements=tuple(Task(id=f"t{i}") for i in range(250)))
    listing = Listing(100)
    listing.next_request()
    assert len(listing.feed(everything)) == 250
    assert (listing.done, listing.complete) == (True, True)


def test_a_server_that_sends_the_same_page_under_each_number_does_not_count_as_whole():
    reading = read(Server(World.of(1000), counts_pages=False))
    assert len(reading.ids) == 100
    assert not reading.listing.complete


@pytest.mark.parametrize("where", ["front", "back", "middle"])
@pytest.mark.parametrize(("creates", "purges"), [(1, 0), (0, 1), (1, 1), (5, 5), (20, 0), (0, 20), (20, 20)])
@pytest.mark.parametrize("window", [1, 4, 16])
def test_while_tasks_come_and_go_each_that_stays_is_read_once(where, creates, purges, window):
    world = World.of(2000)
    there_at_first = world.ids()
    move = mover(world, Random(7), creates=creates, purges=purges, where=where)
    reading = read(Server(world), window=window, move=move)
    assert len(reading.ids) == len(set(reading.ids))
    assert there_at_first & world.ids() <= set(reading.ids)
    assert reading.listing.complete


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_drift_is_missed_silently(data):
    """Whatever moves, however: what was there all the time is read once, or the listing is not complete."""
    size = data.draw(st.sampled_from([2, 5, 10, 100]), "page size")
    world = World.of(data.draw(st.integers(0, 12 * size), "tasks"))
    in_time_order = data.draw(st.booleans(), "server lists by creation time")
    if not in_time_order:
        rng = Random(data.draw(st.integers(0, 9), "order"))
        rng.shuffle(world.tasks)
    server = Server(
        world,
        base=data.draw(st.sampled_from([0, 1]), "base"),
        largest=data.draw(st.sampled_from([size, max(1, size // 2), 100]), "largest page"),
        metadata=data.draw(st.booleans(), "metadata"),
    )
    moves = data.draw(
        st.lists(st.lists(st.tuples(st.sampled_from("cp"), st.integers(0, 10**6)), max_size=4), max_size=40),
        "moves after each request",
    )
    pending = iter(moves)

    def move():
        for kind, number in next(pending, ()):
            if kind == "c":
                world.create(0 if in_time_order else number % (len(world.tasks) + 1))
            elif world.tasks:
                world.tasks.pop(number % len(world.tasks))

    there_at_first = world.ids()
    reading = read(server, size=size, window=data.draw(st.integers(1, 8), "window"), move=move)
    assert len(reading.ids) == len(set(reading.ids))
    stayed = there_at_first & world.ids()
    if reading.listing.complete and server.metadata:
        assert stayed <= set(reading.ids)
    if not any(moves):
        assert set(reading.ids) == there_at_first
        # Small pages don't overlap at every boundary: without an order, nothing is proven.
        assert reading.listing.complete or (not in_time_order and min(size, server.largest) < 10)


def test_one_quiet_swap_in_a_list_without_order_is_found():
    """One task purged and one created in the middle between two requests: no count shows it."""
    for trial in range(300):
        rng = Random(trial)
        world = World.of(rng.randrange(350, 1200))
        rng.shuffle(world.tasks)
        there_at_first = world.ids()
        moment = rng.randrange(1, 12)
        calls = 0

        def move(world=world, rng=rng, moment=moment):
            nonlocal calls
            calls += 1
            if calls == moment:
                mover(world, rng, creates=1, purges=1, where="middle")()

        reading = read(Server(world), window=rng.choice([1, 4, 8]), move=move)
        assert reading.listing.complete
        assert there_at_first & world.ids() <= set(reading.ids)


@pytest.mark.parametrize("oldest_first", [True, False])
def test_a_task_that_goes_while_another_comes_makes_none_be_missed(oldest_first):
    """Nothing is counted between the two, so the total says nothing."""
    for turn, place, window in itertools.product(range(12), range(24), (1, 4)):
        world = World([(f"old-{i}", 10**9 - (24 - i if oldest_first else i)) for i in range(24)])
        turns = iter(range(1000))

        def move(world=world, turns=turns, turn=turn, place=place):
            if next(turns) == turn:
                world.tasks.pop(place)
                world.create(len(world.tasks) if oldest_first else 0)

        reading = read(Server(world, largest=3), size=3, window=window, move=move)
        missed = world.ids() - {"new-1"} - set(reading.ids)
        assert not (missed and reading.listing.complete), (turn, place, window)


def test_a_filter_of_the_server_is_never_taken_on_trust():
    """Tasks enter and leave it in the middle, also where the list stands in order of creation."""
    world = World.of(1000)
    assert read(Server(world), volatile=True).requests == 19  # ten pages, nine overlaps


def test_a_list_that_is_drained_while_it_is_read_is_read_to_its_end():
    """Each task that is read leaves the list at once, as when it is retried out of the server's filter."""
    world = World.of(1000)
    server = Server(world)
    listing = Listing(100, volatile=True)
    read_ids: list[str] = []
    while not listing.done:
        request = listing.next_request()
        fresh = [task.id for task in listing.feed(server.page(request))]
        read_ids += fresh
        world.tasks = [task for task in world.tasks if task[0] not in fresh]
    assert sorted(read_ids) == sorted(f"old-{i}" for i in range(1000))
    assert listing.complete


def test_a_listing_that_never_holds_still_ends_and_says_so():
    world = World.of(1000)
    rng = Random(1)

    def shuffle():
        rng.shuffle(world.tasks)

    reading = read(Server(world), move=shuffle)
    assert len(reading.ids) == len(set(reading.ids))
    assert reading.requests < 2000


def test_elements_that_cannot_be_read_do_not_look_like_a_move():
    def page(request):
        index = (request.number or 1) - 1
        ids = [f"t{i}" for i in range(index * 100, index * 100 + 100)]
        bad = DecodeError("malformed", json_path="$.elements[50]", task_id=ids.pop(50))
        return TaskPage(
            elements=tuple(Task(id=i, creation_timestamp="2026-01-01T00:00:00Z") for i in ids),
            page_metadata=PageMetadata(index + 1, 100, 500, 5),
            malformed=(bad,),
        )

    listing = Listing(100)
    requests = 0
    while not listing.done:
        requests += 1
        listing.feed(page(listing.next_request()))
    assert (requests, listing.complete, listing.sweeps) == (8, True, 1)


@pytest.mark.parametrize("readable", [0, 3])
def test_a_server_that_knows_no_pages_and_sends_an_unreadable_task_each_time_comes_to_an_end(readable):
    bad = DecodeError("malformed", json_path="$.elements[0]", task_id="bad")
    page = TaskPage(elements=tuple(Task(id=f"t{i}") for i in range(readable)), malformed=(bad,))
    listing, requests = Listing(100), 0
    while (request := listing.next_request()) is not None:
        requests += 1
        assert requests < 5, request
        listing.feed(page)
    assert (requests, listing.done) == (3, True)


def test_an_unreadable_task_that_comes_again_on_the_next_page_shows_a_move():
    """One came in front while another went behind: the next page begins with the last of the one before."""
    listing = Listing(3)
    names = [f"t{i}" for i in range(12)]

    def page(first):
        ids = names[first : first + 3]
        return TaskPage(
            elements=tuple(
                Task(id=i, creation_timestamp=f"2026-01-01T00:00:{59 - int(i[1:]):02d}Z")
                for i in ids
                if i != "t2"
            ),
            page_metadata=PageMetadata(first // 3, 3, 12, 4),
            malformed=tuple(DecodeError("x", json_path="$.elements[0]", task_id=i) for i in ids if i == "t2"),
        )

    for first in (0, 2):
        listing.next_request()
        listing.feed(page(first))
    assert (listing.sweeps, listing.done) == (2, False)
