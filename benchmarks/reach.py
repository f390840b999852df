"""What was aimed at, what was reached: each aim with its value in a run's results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.stats import Results, Spread
from benchmarks.workload import PAGE

_LATENCY = 0.05


class Aim(NamedTuple):
    """Something to reach.

    Attributes:
        what: in words.
        limit: the value to reach.
        measured: what came out, from the results; None where it was not measured.
        at_least: whether more is better.
        best: whether the best of the runs counts, as for stalls, which any other process can make longer.
    """

    what: str
    limit: float
    measured: Callable[[Results], Spread | None]
    at_least: bool = False
    best: bool = False

    def value(self, results: Results) -> float | None:
        """The figure that is judged."""
        found = self.measured(results)
        if found is None:
            return None
        if self.best:
            return found.highest if self.at_least else found.lowest
        return found.median

    def met(self, results: Results) -> bool | None:
        """Whether it is reached; None where it was not measured."""
        value = self.value(results)
        if value is None:
            return None
        return value >= self.limit if self.at_least else value <= self.limit


def ideal_listing(pages: int, window: int, latency: float) -> float:
    """Seconds for a listing that waits for nothing but the wire: the first page, then *window* at a time."""
    return (1 + math.ceil((pages - 1) / window)) * latency


def ideal_fan_out(count: int, concurrency: int, latency: float) -> float:
    """Seconds for so many requests, *concurrency* at a time."""
    return math.ceil(count / concurrency) * latency


def _ratio(upper: tuple[str, str, str], lower: tuple[str, str, str]) -> Callable[[Results], Spread | None]:
    return lambda results: results.ratio(upper, lower)


def _of(case: str, label: str, measure: str, unit: float) -> Callable[[Results], Spread | None]:
    """A measure as multiples of *unit*."""

    def measured(results: Results) -> Spread | None:
        found = results.spread(case, label, measure)
        return found.scaled(1 / unit) if found else None

    return measured


def _net(case: str, upper: str, lower: str, base: str) -> Callable[[Results], Spread | None]:
    """A ratio of two CPU times, both without that of *base*."""
    places = [(case, label, "cpu_s") for label in (upper, lower, base)]
    return lambda results: results.joined(lambda a, b, c: (a - c) / (b - c), *places)


def _listing() -> Iterator[Aim]:
    fifty, ours = "listing-50", ("listing-50", "ours", "wall_s")
    yield Aim(
        "listing at 50 ms: times as fast as vcf-sdk",
        20,
        _ratio((fifty, "vcf-sdk", "wall_s"), ours),
        at_least=True,
    )
    for window, limit, case, label in (
        (8, 1.18, "windows", "ours 8"),
        (16, 1.25, fifty, "ours"),
        (32, 1.5, "windows", "ours 32"),
    ):
        ideal = ideal_listing(10_000 // PAGE, window, _LATENCY)
        yield Aim(
            f"listing at 50 ms, {window} in flight: of the ideal", limit, _of(case, label, "wall_s", ideal)
        )
    yield Aim(
        "listing with 5 % slow pages: of the run without",
        2.2,
        _ratio(("slow-pages", "ours slow", "wall_s"), ("slow-pages", "ours", "wall_s")),
    )
    yield Aim("first task at 50 ms: of the latency", 1.25, _of(fifty, "ours", "first_s", _LATENCY))


def _cpu() -> Iterator[Aim]:
    def cpu(upper: str, lower: str) -> Callable[[Results], Spread | None]:
        return _ratio(("listing-0", upper, "cpu_s"), ("listing-0", lower, "cpu_s"))

    yield Aim("CPU of a listing: times less than vcf-sdk", 20, cpu("vcf-sdk", "ours"), at_least=True)
    yield Aim("CPU of a listing: of sockets and orjson", 1.6, cpu("ours", "orjson"))
    yield Aim(
        "CPU with every subtask read: times less than vcf-sdk", 10, cpu("vcf-sdk", "ours-read"), at_least=True
    )
    yield Aim("CPU with every subtask read: of aiohttp and msgspec", 3.0, cpu("ours-read", "msgspec"))


def _lag() -> Iterator[Aim]:
    lag = ("lag", "ours", "lag_ms")
    yield Aim("longest hold of the loop, ms", 12, _of(*lag, 1), best=True)
    yield Aim(
        "longest hold of the loop: of one orjson.loads of a page",
        14,
        _ratio(lag, ("lag", "ours", "loads_ms")),
        best=True,
    )
    kept = "lag-kept"
    yield Aim(
        "longest hold with all kept: of the naive gather's",
        0.12,
        # The best of each, not the best pair.
        lambda results: _best_ratio(results, (kept, "ours", "lag_ms"), (kept, "gather", "lag_ms")),
    )


def _best_ratio(results: Results, upper: tuple[str, str, str], lower: tuple[str, str, str]) -> Spread | None:
    above, below = results.spread(*upper), results.spread(*lower)
    if above is None or below is None:
        return None
    return Spread(*(3 * [above.lowest / below.lowest]))


def _memory() -> Iterator[Aim]:
    yield Aim(
        "memory growth for 100,000 tasks: of that for 10,000",
        1.1,
        _ratio(("growth", "ours 100,000", "grown_mb"), ("growth", "ours 10,000", "grown_mb")),
    )
    yield Aim("KB of each task kept, as collected", 7.5, _of("memory", "ours-collect", "kept_kb", 1))


def _bulk() -> Iterator[Aim]:
    for case, concurrency, limit in (
        ("bulk-16", 16, 1.06),
        ("bulk-64", 64, 1.08),
        ("bulk-256", 256, 1.45),
        ("bulk-64-tls", 64, 1.15),
    ):
        tls = " over TLS" if case.endswith("tls") else ""
        ideal = ideal_fan_out(2_000, concurrency, _LATENCY)
        yield Aim(
            f"2,000 retries at 50 ms, {concurrency} at once{tls}: of the ideal",
            limit,
            _of(case, "ours", "wall_s", ideal),
        )
    yield Aim(
        "CPU of a retry: of a bare aiohttp request",
        1.25,
        _ratio(("bulk-64", "ours", "cpu_s"), ("bulk-64", "aiohttp", "cpu_s")),
    )


def _requests() -> Iterator[Aim]:
    yield Aim("requests for each page", 1.04, _of("listing-50", "ours", "lists", 10_000 / PAGE))
    yield Aim("requests in flight, of 16 asked for", 16, _of("listing-50", "ours", "highest", 1))
    yield Aim(
        "watching 1,000: times fewer requests than polling each",
        20,
        _ratio(("watching", "watching", "alone"), ("watching", "watching", "shared")),
        at_least=True,
    )


def _startup() -> Iterator[Aim]:
    yield Aim(
        "import of vcf_tasks_async: of its bare dependencies",
        1.15,
        _net("startup", "ours", "dependencies", "python"),
    )
    # What the package itself puts off. Nobody asked for this one; it is what a program feels.
    yield Aim(
        "import of TaskSession: of its bare dependencies",
        1.15,
        _net("startup", "session", "dependencies", "python"),
    )
    yield Aim(
        "vcf-tasks --help: of importing vcf-sdk",
        0.5,
        _ratio(("startup", "help", "cpu_s"), ("startup", "vcf-sdk", "cpu_s")),
    )


AIMS = (
    *_listing(),
    *_cpu(),
    *_lag(),
    *_memory(),
    *_bulk(),
    *_requests(),
    *_startup(),
)
