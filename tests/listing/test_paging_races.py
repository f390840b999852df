"""Pages that are on their way side by side are served in any order: what moves between them is not missed."""

from __future__ import annotations

import itertools
from random import Random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Server, World

from vcf_tasks_async.grid import PageRequest
from vcf_tasks_async.models import TaskPage
from vcf_tasks_async.paging import Listing

SIZE = 3
TASKS = 5 * SIZE


@attrs.frozen
class History:
    """What the list was, state after state: each time one task went and another came: no count tells."""

    states: list[World]

    @classmethod
    def of(cls, places: tuple[int, ...], *, oldest_first: bool) -> History:
        tasks = [(f"old-{i}", 10**9 - (TASKS - i if oldest_first else i)) for i in range(TASKS)]
        states = [World(tasks)]
        for number, place in enumerate(places):
            tasks = [task for i, task in enumerate(tasks) if i != place % len(tasks)]
            new = (f"new-{number}", 10**9 + number + 1)
            tasks = [*tasks, new] if oldest_first else [new, *tasks]
            states.append(World(tasks))
        return cls(states)

    def page(self, request: PageRequest, moment: int) -> TaskPage:
        return Server(self.states[min(moment, len(self.states) - 1)], largest=SIZE).page(request)

    def missed(self, found: set[str]) -> set[str]:
        return self.states[0].ids() & self.states[-1].ids() - found


def read(history: History, moments: list[int]) -> tuple[set[str], Listing]:
    """Read with all pages of a round on their way at once.

    *moments*: which state each request is served from; none earlier than those of the round before.
    """
    listing, found = Listing(SIZE), set()
    served = iter(moments)
    since = 0
    while not listing.done:
        requests = list(iter(listing.next_request, None))
        chosen = [max(since, next(served, len(moments))) for _ in requests]
        for request, moment in zip(requests, chosen, strict=True):
            found |= {task.id for task in listing.feed(history.page(request, moment))}
        since = max(chosen)
    return found, listing


@pytest.mark.parametrize("oldest_first", [True, False])
def test_one_move_between_pages_that_are_on_their_way_together_is_never_missed(oldest_first):
    """Each place, and each choice of requests that are served before it."""
    requests = 8 if oldest_first else 7
    for place in range(TASKS):
        history = History.of((place,), oldest_first=oldest_first)
        for moments in itertools.product((0, 1), repeat=requests):
            found, listing = read(history, list(moments))
            assert not (listing.complete and history.missed(found)), (place, moments)


@pytest.mark.parametrize("oldest_first", [True, False])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_many_moves_between_pages_that_are_on_their_way_together_are_never_missed(oldest_first, data):
    history = History.of(
        tuple(data.draw(st.lists(st.integers(0, TASKS - 1), min_size=1, max_size=20), "places")),
        oldest_first=oldest_first,
    )
    states = len(history.states)
    moments = data.draw(st.lists(st.integers(0, states), min_size=8, max_size=30), "moments")
    # Mostly quiet at first, as a listing begins: else each run is over at its second page.
    moments = [0] * data.draw(st.integers(0, 4), "quiet") + moments
    found, listing = read(history, moments)
    assert not (listing.complete and history.missed(found))


def test_a_list_that_turns_over_while_it_is_read_is_never_called_whole_wrongly():
    """So many come and go at once that whole pages hold nothing but new tasks."""
    rng = Random(5)
    for _ in range(3000):
        history = History.of(
            tuple(rng.randrange(TASKS) for _ in range(rng.randrange(1, 40))), oldest_first=False
        )
        moments = [rng.choice((0, 0, rng.randrange(len(history.states)))) for _ in range(12)]
        found, listing = read(history, moments)
        assert not (listing.complete and history.missed(found)), moments


def test_a_larger_page_that_the_server_caps_stands_elsewhere_and_is_not_taken_for_the_end():
    """Overlaps of pages of four ask for eight; served as four, they begin at four and not at eight."""
    world = World.of(16)
    server, listing, found = Server(world, largest=4), Listing(4, volatile=True), set()
    largest = 0
    while (request := listing.next_request()) is not None:
        if request.size > 4 >= largest:
            del world.tasks[:5]
        largest = max(largest, request.size)
        found |= {task.id for task in listing.feed(server.page(request))}
    assert largest == 8
    assert not (listing.complete and world.ids() - found)
