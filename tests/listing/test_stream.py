"""The stream is an async generator that loses nothing and leaves nothing behind."""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import gc
import types

import pytest
from world import Server, World

from vcf_tasks_async import DecodeError, ServerError, Status, TaskFilter, TaskStream, UsageError
from vcf_tasks_async.nursery import Nursery
from vcf_tasks_async.pages import decode_page
from vcf_tasks_async.stream import SkippingStream


class Fetcher(Nursery):
    """Pages of a world, each after so many turns of the loop; counts what is in flight."""

    def __init__(self, server: Server, *, turns: int = 1) -> None:
        super().__init__()
        self.server = server
        self.turns = turns
        self.in_flight = self.most_in_flight = self.finished = 0
        self.hold: asyncio.Event | None = None
        self.slow: int | None = None  # the one page that `hold` is for; None for all
        self.structured: asyncio.Event | None = None
        self.fail_on: int | None = None
        self.rotten: dict[str, Exception] = {}  # raised for pages that hold the record
        self.numbers: list[int | None] = []

    async def __call__(self, request, arrived):
        self.numbers.append(request.number)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
            if self.hold is not None and self.slow in (None, request.number):
                await self.hold.wait()
            page = self.server.page(request)
            if found := self.rotten.keys() & {task.id for task in page.elements}:
                raise self.rotten[found.pop()]
            if self.fail_on == request.number and request.number is not None:
                raise ServerError("list of tasks refused", status=500)
            self.finished += 1
            arrived()
            if self.structured is not None:
                await self.structured.wait()
            return page
        finally:
            self.in_flight -= 1

    def stream(self, where=None, *, page_size=100, prefetch=4, strict=False, kind=TaskStream):
        where = where or TaskFilter()
        return kind(self, self.start, where, page_size=page_size, prefetch=prefetch, strict=strict)


def fetcher(tasks=1000, **options) -> Fetcher:
    return Fetcher(Server(World.of(tasks)), **options)


def test_it_is_an_async_generator_to_everyone_who_asks():
    assert issubclass(TaskStream, collections.abc.AsyncGenerator)
    assert not issubclass(TaskStream, types.AsyncGeneratorType)


async def test_tasks_come_once_in_server_order():
    pages = fetcher(1234)
    stream = pages.stream()
    assert [task.id async for task in stream] == [f"old-{i}" for i in range(1234)]
    assert (stream.complete, stream.total, stream.malformed) == (True, 1234, [])


@pytest.mark.parametrize("prefetch", [1, 2, 4, 16])
async def test_at_most_prefetch_pages_are_in_flight_and_twice_as_many_held(prefetch):
    pages = fetcher(5000, turns=3)
    stream = pages.stream(prefetch=prefetch)
    await anext(stream)
    for _ in range(50):
        await asyncio.sleep(0)  # the reader sleeps, the window fills
    assert pages.most_in_flight == prefetch
    assert len(pages.numbers) == 1 + 2 * prefetch
    await stream.aclose()


async def test_the_next_page_is_asked_for_when_an_answer_has_come_and_not_when_it_is_structured():
    pages = fetcher(5000)
    stream = pages.stream(prefetch=2)
    await anext(stream)
    pages.structured = asyncio.Event()
    for _ in range(50):
        await asyncio.sleep(0)  # the window fills
    assert len(pages.numbers) == 1 + 2 * 2
    pages.structured.set()
    assert len([task async for task in stream]) == 4999


async def test_while_the_reader_waits_for_a_slow_page_the_others_are_read_further_ahead():
    pages = fetcher(5000)
    pages.slow, pages.hold = 2, asyncio.Event()
    stream = pages.stream(prefetch=2)
    for _ in range(100):
        await anext(stream)
    waiting = asyncio.create_task(anext(stream))
    for _ in range(50):
        await asyncio.sleep(0)
    assert pages.most_in_flight == 2
    assert len(pages.numbers) == 1 + 6 * 2
    pages.hold.set()
    # With tasks in hand again, no more than twice the window is held.
    await waiting
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(pages.numbers) == 1 + 6 * 2
    await stream.aclose()


async def test_the_first_task_is_there_after_one_page():
    pages = fetcher(5000)
    stream = pages.stream()
    task = await anext(stream)
    assert (task.id, pages.finished) == ("old-0", 1)
    await stream.aclose()


async def test_a_window_of_pages_is_asked_for_while_the_first_is_read():
    pages = fetcher(5000)
    stream = pages.stream(prefetch=4)
    await anext(stream)
    await asyncio.sleep(0)
    assert pages.numbers == [None, 2, 3, 4, 5]
    await stream.aclose()


async def test_break_leaves_at_most_the_window_in_flight_and_asks_for_no_more():
    pages = fetcher(5000, turns=5)
    async for _ in pages.stream(prefetch=4):
        break
    gc.collect()
    # What had been started begins.
    await asyncio.sleep(0)
    asked = len(pages.numbers)
    assert asked <= 1 + 4
    while pages.running:
        await asyncio.sleep(0)
    assert len(pages.numbers) == asked


async def test_aclose_ends_everything_at_once():
    pages = fetcher(5000)
    async with contextlib.aclosing(pages.stream()) as stream:
        await anext(stream)
        pages.hold = asyncio.Event()
        await asyncio.sleep(0)
    assert (pages.in_flight, pages.running) == (0, set())
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()


async def test_async_with_ends_everything_at_once():
    pages = fetcher(5000)
    async with pages.stream() as stream:
        async for _ in stream:
            break
    assert (pages.in_flight, pages.running) == (0, set())
    assert not stream.complete


async def test_a_timeout_round_one_anext_loses_nothing():
    pages = fetcher(1000)
    stream = pages.stream()
    ids = []
    timeouts = 0
    pages.hold = asyncio.Event()
    while True:
        try:
            async with asyncio.timeout(0.001):
                ids.append((await anext(stream)).id)
        except TimeoutError:
            timeouts += 1
            pages.hold.set()
        except StopAsyncIteration:
            break
    assert timeouts > 0
    assert ids == [f"old-{i}" for i in range(1000)]
    assert stream.complete


async def test_cancelling_at_every_await_loses_nothing():
    """The reader is cancelled at each of its suspension points in turn."""
    pages = fetcher(450, turns=2)
    stream = pages.stream(page_size=50, prefetch=2)
    ids: list[str] = []
    patience = 0
    while True:
        reader = asyncio.ensure_future(anext(stream))
        for _ in range(patience):
            await asyncio.sleep(0)
        if not reader.done():
            reader.cancel()
        try:
            ids.append((await reader).id)
            patience = 0
        except asyncio.CancelledError:
            patience += 1
        except StopAsyncIteration:
            break
    assert ids == [f"old-{i}" for i in range(450)]


async def test_errors_come_out_plain_in_their_place_and_end_the_stream():
    pages = fetcher(1000)
    pages.fail_on = 4
    ids = []
    stream = pages.stream()
    with pytest.raises(ServerError):
        async for task in stream:
            ids.append(task.id)
    assert len(ids) == 300
    assert (pages.running, stream.complete) == (set(), False)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_an_abandoned_stream_whose_pages_fail_says_nothing(caplog):
    pages = fetcher(1000, turns=5)
    pages.fail_on = 3
    async for _ in pages.stream():
        break
    while pages.running:
        await asyncio.sleep(0)
    gc.collect()
    assert not caplog.records


async def test_a_session_that_closes_while_a_page_arrives_is_told_by_the_next_read_alone(caplog):
    pages = fetcher(1000)

    def closed(coroutine):
        coroutine.close()
        raise UsageError("the session was closed")

    stream = pages.stream(prefetch=2)
    await anext(stream)
    pages.hold = asyncio.Event()
    stream._spawn = closed
    pages.hold.set()
    while pages.running:
        await asyncio.sleep(0)
    assert caplog.text == ""
    with pytest.raises(UsageError, match="closed"):
        async for _ in stream:
            pass


async def test_athrow_ends_and_raises():
    pages = fetcher(1000)
    stream = pages.stream()
    await anext(stream)
    with pytest.raises(LookupError, match="enough"):
        await stream.athrow(LookupError("enough"))
    assert pages.running == set()
    with pytest.raises(StopAsyncIteration):
        await stream.asend(None)


async def test_two_readers_of_one_stream_are_told_apart():
    pages = fetcher(1000)
    pages.hold = asyncio.Event()
    stream = pages.stream()
    first = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="read already"):
        await anext(stream)
    pages.hold.set()
    assert (await first).id == "old-0"
    await stream.aclose()


async def test_others_on_the_loop_have_their_turn_while_ready_tasks_are_read():
    pages = fetcher(20_000)
    turns = 0
    clock = asyncio.get_running_loop().time

    async def other():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    started = clock()
    bystander = asyncio.create_task(other())
    count = 0
    async for _ in pages.stream(prefetch=16):
        count += 1
    bystander.cancel()
    assert count == 20_000
    assert turns >= (clock() - started) / 0.05


class Malformed(Fetcher):
    async def __call__(self, request, arrived):
        if request.number is None:
            elements = b'{"id": "a"}, {"id": "b", "name": 7}, {"name": "no id"}, 5, {"id": "c"}'
            return decode_page(b'{"elements": [' + elements + b'], "pageMetadata": {"totalElements": 5}}')
        raise AssertionError(request)


async def test_malformed_elements_do_not_cost_the_good_ones():
    stream = Malformed(Server(World.of(0))).stream()
    assert [task.id async for task in stream] == ["a", "c"]
    assert [error.json_path for error in stream.malformed] == [
        "$.elements[1].name",
        "$.elements[2]",
        "$.elements[3]",
    ]
    assert [error.task_id for error in stream.malformed] == ["b", None, None]
    assert stream.malformed_count == 3
    assert not stream.complete, "what could not be read was not yielded"


async def test_strict_raises_for_what_cannot_be_read():
    stream = Malformed(Server(World.of(0))).stream(strict=True)
    with pytest.raises(DecodeError, match=r"elements\[1\].name"):
        async for _ in stream:
            pass


async def test_the_filter_is_checked_again_here():
    pages = fetcher(300)
    assert [task async for task in pages.stream(TaskFilter(status=Status.SUCCESSFUL))] == []
    assert len([task async for task in pages.stream(TaskFilter(status="failed"))]) == 300


def test_a_filter_that_cannot_be_meant_is_refused():
    with pytest.raises(UsageError, match="is no status"):
        TaskFilter(status="Faild")


BROKEN = ServerError("the database holds a rotten record", status=500)


@pytest.mark.parametrize("prefetch", [1, 2, 8])
@pytest.mark.parametrize("number", [2, 5, 9, 10])
async def test_a_stream_that_skips_does_without_a_page_that_cannot_be_had(number, prefetch):
    pages = fetcher(1000)
    pages.rotten[f"old-{number * 100 - 50}"] = BROKEN
    stream = pages.stream(prefetch=prefetch, kind=SkippingStream)
    ids = [task.id async for task in stream]
    gone = range(number * 100 - 100, number * 100)
    assert ids == [f"old-{i}" for i in range(1000) if i not in gone]
    assert (stream.skipped, stream.complete) == ((BROKEN,), False)
    # Those and no others, but the looks at the first and the last that were on their way already.
    assert stream.requests <= 12
    await asyncio.sleep(0)
    assert not pages.running


@pytest.mark.parametrize("rotten", [{120}, {199}, {200}, {250, 420, 899}, {150, 250}, {888, 999}])
@pytest.mark.parametrize("tasks", [150, 250, 300, 1000])
async def test_a_stream_that_skips_reads_each_other_page(rotten, tasks):
    pages = fetcher(tasks)
    pages.rotten = {f"old-{i}": DecodeError("odd", not_json=True) for i in rotten}
    stream = pages.stream(prefetch=2, kind=SkippingStream)
    ids = [task.id async for task in stream]
    missing = {f"old-{i}" for i in range(tasks) if any(i // 100 == each // 100 for each in rotten)}
    assert set(ids) | missing == {f"old-{i}" for i in range(tasks)}
    assert len(ids) == len(set(ids))
    assert stream.complete == (not stream.skipped) == (min(rotten) >= tasks)


async def test_a_listing_whose_second_look_fails_is_not_proven_and_loses_nothing():
    pages = fetcher(1000)
    stream = pages.stream(prefetch=2, kind=SkippingStream)
    ids = []
    async for task in stream:
        ids.append(task.id)
        if len(ids) == 150:
            pages.rotten = {"old-0": BROKEN}
    assert len(ids) == len(set(ids)) == 1000
    assert (stream.skipped, stream.complete) == ((BROKEN,), False)


@pytest.mark.parametrize(
    "rotten",
    [
        {"old-50": BROKEN},
        {"old-350": BROKEN, "old-450": BROKEN, "old-550": BROKEN},
        {"old-350": ServerError("a proxy answers", status=502)},
    ],
    ids=["the first page", "three in a row", "an outage"],
)
async def test_what_says_that_nothing_is_to_be_had_ends_a_stream_that_skips(rotten):
    pages = fetcher(1000)
    pages.rotten = rotten
    with pytest.raises(ServerError):
        async for _ in pages.stream(kind=SkippingStream):
            pass
    await asyncio.sleep(0)
    assert not pages.running


async def test_a_page_that_cannot_be_had_ends_a_stream_of_users():
    pages = fetcher(1000)
    pages.rotten = {"old-350": BROKEN}
    with pytest.raises(ServerError, match="rotten"):
        async for _ in pages.stream():
            pass
