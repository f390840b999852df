"""Many deadlines over one timer: each ends its own block, at its time, in the way of `asyncio.timeout_at`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from virtual_loop import VirtualLoop, virtually

from vcf_tasks_async.clocks import Clocks

# Less than a tick of the loop's clock: due in the same turn, and in this order.
HAIR = 2.0**-33


def clocks_here() -> Clocks:
    return Clocks(asyncio.get_running_loop())


def timers_of(loop: VirtualLoop) -> list[asyncio.TimerHandle]:
    return [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]


async def ended_at(clocks: Clocks, ends: float, seconds: float = 1000.0) -> float:
    """When a block ends that has until *ends* for *seconds* of sleep; negative where it had them."""
    try:
        with clocks.until(ends):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return clocks.now()
    return -clocks.now()


@pytest.mark.parametrize(
    "ends",
    [
        (5.0,),
        (1.0, 2.0, 3.0),
        (3.0, 2.0, 1.0),  # each sooner than the timer is set
        (2.0, 2.0, 2.0),
        (4.0, 1.0, 3.0, 1.0, 2.0, 9.0),
    ],
)
def test_each_deadline_ends_its_block_at_its_time(ends):
    async def main():
        clocks = clocks_here()
        assert await asyncio.gather(*(ended_at(clocks, end) for end in ends)) == list(ends)
        assert not clocks.running

    virtually(main())


def test_a_deadline_set_while_others_run_ends_at_its_time_too():
    async def main():
        clocks = clocks_here()

        async def later(start: float, ends: float, seconds: float = 1000.0) -> float:
            await asyncio.sleep(start)
            return await ended_at(clocks, ends, seconds)

        assert await asyncio.gather(
            later(0.0, 10.0, seconds=1.0),  # for whose end the timer stays set
            later(2.0, 9.0),
            later(3.0, 4.0),
            later(5.0, 30.0, seconds=2.0),
            later(6.0, 20.0),
            later(12.0, 19.0),
        ) == [-1.0, 9.0, 4.0, -7.0, 20.0, 19.0]

    virtually(main())


def test_a_deadline_in_the_past_ends_the_first_real_wait():
    async def main():
        clocks = clocks_here()
        await asyncio.sleep(7.0)
        assert await ended_at(clocks, 3.0) == 7.0

    virtually(main())


def test_many_that_end_in_time_leave_one_timer_and_close_leaves_none():
    async def main():
        loop = asyncio.get_running_loop()
        clocks = clocks_here()
        async with asyncio.TaskGroup() as group:
            for n in range(200):
                group.create_task(ended_at(clocks, 60.0 + n, seconds=1.0))
            await asyncio.sleep(0.5)
            assert len(clocks.running) == 200
        assert not clocks.running
        assert len(timers_of(loop)) == 1
        clocks.close()
        assert timers_of(loop) == []

    virtually(main())


def test_close_ends_what_runs_and_leaves_no_timer():
    async def main():
        clocks = clocks_here()
        task = asyncio.create_task(ended_at(clocks, 60.0))
        await asyncio.sleep(3.0)
        clocks.close()
        assert await task == 3.0
        assert timers_of(asyncio.get_running_loop()) == []

    virtually(main())


def test_the_timer_holds_no_context_of_a_caller():
    async def main():
        mine: ContextVar[str] = ContextVar("mine")
        mine.set("a caller's")
        await ended_at(clocks_here(), 60.0, seconds=1.0)
        (timer,) = timers_of(asyncio.get_running_loop())
        assert mine not in timer._context

    virtually(main())


def test_strike_all_ends_whatever_runs_and_nothing_else():
    async def main():
        clocks = clocks_here()
        tasks = [asyncio.create_task(ended_at(clocks, end)) for end in (5.0, 60.0)]
        await asyncio.sleep(1.0)
        clocks.strike_all()
        clocks.strike_all()
        assert await asyncio.gather(*tasks) == [1.0, 1.0]
        assert await ended_at(clocks, 4.0) == 4.0

    virtually(main())


def test_an_answer_in_the_very_turn_of_the_deadline_counts_as_with_asyncio():
    """Both orders within that turn: the timer is first, or the answer is."""

    async def main():
        loop = asyncio.get_running_loop()
        clocks = clocks_here()

        async def answered(deadline: Any, moment: float) -> str:
            answer = loop.create_future()
            loop.call_at(moment, lambda: answer.done() or answer.set_result(None))
            try:
                async with deadline:
                    await answer
            except TimeoutError:
                return f"late, {asyncio.current_task().cancelling()}"
            await asyncio.sleep(1.0)
            return "in time"

        found = {}
        for name, deadline in DEADLINES.items():
            start = loop.time()
            found[name] = [
                await answered(deadline(clocks, loop.time() + 1.0), loop.time() + 1.0 + hairs * HAIR)
                for hairs in (-1, 1)
            ]
            assert loop.time() - start < 4.0
        assert found["ours"] == found["asyncio"]

    virtually(main())


def test_a_block_that_is_left_with_an_exception_raises_it_and_runs_no_more():
    async def main():
        clocks = clocks_here()
        with pytest.raises(ZeroDivisionError), clocks.until(5.0):
            raise ZeroDivisionError
        assert not clocks.running
        await asyncio.sleep(10.0)

    virtually(main())


def test_an_exception_on_the_way_out_of_a_deadline_is_the_one_that_comes_out():
    async def main():
        clocks = clocks_here()
        task = asyncio.current_task()
        with pytest.raises(ZeroDivisionError) as caught, clocks.until(5.0):
            try:
                await asyncio.sleep(60.0)
            finally:
                raise ZeroDivisionError
        assert isinstance(caught.value.__context__, asyncio.CancelledError)
        assert task.cancelling() == 0
        await asyncio.sleep(1.0)

    virtually(main())


def test_a_timeout_has_the_cancellation_as_its_cause():
    async def main():
        clocks = clocks_here()
        with pytest.raises(TimeoutError) as caught, clocks.until(5.0):
            await asyncio.sleep(60.0)
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)

    virtually(main())


def test_outside_a_task_there_is_nothing_to_cancel():
    loop = VirtualLoop()
    clocks = Clocks(loop)
    errors: list[BaseException] = []

    def callback() -> None:
        try:
            with clocks.until(1.0):
                pass
        except RuntimeError as error:
            errors.append(error)

    loop.call_soon(callback)
    loop.run_until_complete(asyncio.sleep(0))
    assert len(errors) == 1
    assert not clocks.running
    assert timers_of(loop) == []
    loop.close()


# --- whatever happens, what asyncio's own would do ---------------------------------------------------------

Deadline = Callable[[Clocks, float], Any]


@asynccontextmanager
async def _ours(clocks: Clocks, ends: float):
    with clocks.until(ends):
        yield


DEADLINES: dict[str, Deadline] = {
    "ours": _ours,
    "asyncio": lambda clocks, ends: asyncio.timeout_at(ends),
}
STEPS = ("sleep", "sleep", "deadline", "deadline", "linger", "swallow", "forgive", "catch", "raise")


def a_program(rng: random.Random, depth: int = 0) -> list[tuple[Any, ...]]:
    """Steps of a task: sleeps, deadlines, and what code does with a cancellation that meets it."""
    steps: list[tuple[Any, ...]] = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice(STEPS) if depth < 4 else "sleep"
        if kind == "sleep":
            steps.append((kind, rng.choice((0.0, 0.25, 0.5, 1.0, 2.0))))
        elif kind == "deadline":
            steps.append((kind, rng.choice((0.25, 0.5, 0.75, 1.0, 1.5, 2.0)), a_program(rng, depth + 1)))
        elif kind == "linger":
            steps.append((kind, rng.choice((0.0, 0.25, 0.5)), a_program(rng, depth + 1)))
        elif kind == "raise":
            if rng.random() < 0.3:
                steps.append((kind,))
        else:
            steps.append((kind, a_program(rng, depth + 1)))
    return steps


class Performance:
    """Runs programs side by side under one kind of deadline, and notes all that can be told of them."""

    def __init__(self, loop: VirtualLoop, deadline: Deadline) -> None:
        self.loop = loop
        # A hair is too little beside what many performances take together.
        loop.now = 0.0
        self.clocks = Clocks(loop)
        self.deadline = deadline
        self.seen: list[list[tuple[Any, ...]]] = []

    async def of(self, programs: list[Any], cancels: list[tuple[int, float, int, int]]) -> list[Any]:
        self.seen = [[] for _ in programs]
        tasks = [
            asyncio.create_task(self._task(program, seen))
            for program, seen in zip(programs, self.seen, strict=True)
        ]
        for which, moment, hairs, turns in cancels:
            self.loop.call_at(moment + hairs * HAIR, self._cancel, tasks[which], turns)
        await asyncio.wait(tasks)
        ends = ["cancelled" if task.cancelled() else repr(task.exception()) for task in tasks]
        # Nothing strikes afterwards.
        await asyncio.sleep(10.0)
        assert not self.clocks.running
        self.clocks.close()
        return [*zip(ends, self.seen, strict=True)]

    def _cancel(self, task: asyncio.Task[None], turns: int) -> None:
        # The hair was for the order: what begins now ends with what began beside it.
        self.loop.now = round(self.loop.now, 6)
        if turns:
            self.loop.call_soon(self._cancel, task, turns - 1)
        else:
            task.cancel()

    async def _task(self, program: list[Any], seen: list[Any]) -> None:
        def note(what: str) -> None:
            seen.append((what, self.loop.time(), asyncio.current_task().cancelling()))

        try:
            await self._perform(program, note)
            await asyncio.sleep(1.0)
        finally:
            note("end")

    async def _perform(self, steps: list[Any], note: Callable[[str], None]) -> None:
        for kind, *rest in steps:
            note(kind)
            if kind == "sleep":
                await asyncio.sleep(rest[0])
            elif kind == "raise":
                raise ZeroDivisionError
            elif kind == "deadline":
                async with self.deadline(self.clocks, self.loop.time() + rest[0]):
                    await self._perform(rest[1], note)
            else:
                await self._meet(kind, rest, note)

    async def _meet(self, kind: str, rest: list[Any], note: Callable[[str], None]) -> None:
        try:
            await self._perform(rest[-1], note)
        except asyncio.CancelledError:
            note("cancelled")
            if kind == "forgive":
                asyncio.current_task().uncancel()
            elif kind == "linger":
                await asyncio.sleep(rest[0])
                raise
            elif kind == "catch":
                raise
        except TimeoutError:
            note("late")
            if kind != "catch":
                raise


def test_ends_cancellations_and_their_counts_are_those_of_asyncio():
    """Some thousand programs with nested deadlines, three side by side, cancelled where it hurts."""

    async def main():
        loop = asyncio.get_running_loop()
        kinds: set[str] = set()
        for seed in range(1500):
            rng = random.Random(seed)
            programs = [a_program(rng) for _ in range(3)]
            cancels = [
                (rng.randrange(3), rng.randrange(1, 13) / 4, rng.choice((-1, 1)) * (1 + n), rng.randrange(4))
                for n in range(rng.randrange(4))
            ]
            found = {}
            for name, deadline in DEADLINES.items():
                found[name] = await Performance(loop, deadline).of(programs, cancels)
            assert found["ours"] == found["asyncio"], seed
            kinds.update(end for end, _ in found["ours"])
        assert kinds == {"cancelled", "None", "TimeoutError()", "ZeroDivisionError()"}

    virtually(main())
