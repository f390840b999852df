"""Work shared out over the turns of the event loop: its time is moved by hand, and turns are counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from vcf_tasks_async import Action, BulkRun, Outcome, Result, turns
from vcf_tasks_async.options import Options
from vcf_tasks_async.turns import Turn

SLICE = turns._TURN


class Desk:
    """Work here takes time by the clock of `turns` alone, and is noted for its turn of the loop."""

    def __init__(self) -> None:
        self.now = 100.0
        self.number = 0
        self.held: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        self._count()

    def _count(self) -> None:
        self.number += 1
        self._next = asyncio.get_running_loop().call_soon(self._count)

    def work(self, who: str, slices: float) -> None:
        self.now += slices * SLICE
        self.held[self.number] += slices
        self.done[who] += 1

    def leave(self) -> None:
        self._next.cancel()


@pytest.fixture
async def desk(monkeypatch):
    desk = Desk()
    monkeypatch.setattr(turns, "monotonic", lambda: desk.now)
    yield desk
    desk.leave()


async def worker(desk: Desk, turn: Turn, who: str, pieces: int, slices: float = 0.25) -> None:
    for _ in range(pieces):
        if turn.is_over():
            await turn.give_way()
        desk.work(who, slices)


async def test_work_goes_on_within_its_time_and_gives_way_after_it(desk):
    turn = Turn()
    began = desk.number
    assert [turn.is_over() for _ in range(3)] == [False] * 3
    desk.work("a", 0.9)
    assert not turn.is_over()
    desk.work("a", 0.2)
    assert turn.is_over()
    assert desk.number == began
    await turn.give_way()
    assert desk.number == began + 1
    desk.work("a", 0.9)
    assert not turn.is_over()


async def test_time_is_counted_anew_in_each_turn_of_the_loop(desk):
    turn = Turn()
    for _ in range(5):
        assert not turn.is_over()
        desk.work("a", 0.6)
        assert not turn.is_over()
        await asyncio.sleep(0)
    # What was left over is not saved up.
    assert not turn.is_over()
    desk.work("a", 1.1)
    assert turn.is_over()
    await asyncio.sleep(0)
    # What others did since does not count.
    desk.work("another", 50)
    assert not turn.is_over()


async def test_whoever_gives_way_unasked_lets_a_turn_of_the_loop_go_by(desk):
    began = desk.number
    await Turn().give_way()
    assert desk.number == began + 1


async def test_time_runs_from_the_first_question_in_a_turn_whoever_asked_it(desk):
    mine, theirs = Turn(), Turn()
    assert not mine.is_over()
    desk.work("a", 1.1)
    assert not theirs.is_over()
    assert mine.is_over()


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
async def test_workers_who_share_one_hold_the_loop_for_one_slice_a_turn(desk, workers):
    turn = Turn()
    await asyncio.gather(*(worker(desk, turn, str(n), pieces=20) for n in range(workers)))
    assert desk.done == {str(n): 20 for n in range(workers)}
    # The last piece may end after it.
    assert max(desk.held.values()) <= 1.25
    # And none is wasted: a turn that begins with work to be done has a slice of it.
    assert len(desk.held) <= workers * 20 * 0.25 + 2


async def test_workers_with_a_turn_each_hold_it_for_a_slice_each(desk):
    await asyncio.gather(*(worker(desk, Turn(), str(n), pieces=20) for n in range(4)))
    assert 4 <= max(desk.held.values()) <= 4 * 1.25


async def test_nobody_starves_beside_those_who_always_have_work(desk):
    turn = Turn()
    tasks = [asyncio.create_task(worker(desk, turn, who, pieces=1_000_000)) for who in "abcd"]
    for _ in range(400):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert sorted(desk.done) == ["a", "b", "c", "d"]
    assert min(desk.done.values()) >= 0.9 * max(desk.done.values())


async def test_who_comes_back_with_an_answer_goes_on_when_each_who_waits_has_had_a_turn(desk):
    turn = Turn()
    tasks = [asyncio.create_task(worker(desk, turn, str(n), pieces=1_000_000)) for n in range(8)]
    for _ in range(20):
        await asyncio.sleep(0)
    tasks.append(asyncio.create_task(worker(desk, turn, "answered", pieces=1)))
    for _ in range(8 + 3):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert desk.done["answered"] == 1


async def test_who_is_cancelled_while_it_waits_its_turn_leaves_no_gap(desk):
    turn = Turn()
    tasks = {who: asyncio.create_task(worker(desk, turn, who, pieces=1_000_000)) for who in "abcd"}
    for cancelled in "bda":
        for _ in range(3):
            await asyncio.sleep(0)
        tasks[cancelled].cancel()
        await asyncio.wait([tasks[cancelled]])
        before = desk.done["c"]
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.done["c"] > before
    tasks["c"].cancel()
    await asyncio.wait([tasks["c"]])
    # Nobody holds a place any more.
    await worker(desk, turn, "later", pieces=100)
    assert desk.done["later"] == 100


def test_a_loop_that_was_left_in_the_middle_of_a_turn_holds_up_nobody_on_the_next(monkeypatch):
    turn = Turn()

    async def ask() -> None:
        turn.is_over()

    async def give_way() -> None:
        await asyncio.wait_for(turn.give_way(), 5)

    left, asked = asyncio.new_event_loop(), ask()
    asyncio._set_running_loop(left)
    with contextlib.suppress(StopIteration):
        asked.send(None)
    asyncio._set_running_loop(None)
    # It never came to its next turn.
    left.close()
    later = turns.monotonic() + 10 * SLICE
    monkeypatch.setattr(turns, "monotonic", lambda: later)
    asyncio.run(give_way())


async def test_the_workers_of_a_bulk_run_do_not_all_begin_in_one_turn(desk):
    class Sender:
        async def send(self, action, task_id, gate, **how):
            desk.work(task_id, 0.25)
            await asyncio.sleep(0)
            return Outcome(task_id, action, Result.ACCEPTED, attempts=1)

    targets = [str(number) for number in range(64)]
    report = await BulkRun(
        Action.RETRY, targets, Sender(), asyncio.create_task, Options(), workers=len(targets)
    )
    assert report.counts == {Result.ACCEPTED: len(targets)}
    assert max(desk.held.values()) <= 1.0
