"""Results as Markdown tables: the ones of the README, what was reached, and everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.peers import LISTING
from benchmarks.reach import AIMS, ideal_fan_out
from benchmarks.stats import Results, Spread

_NOTHING = "–"
# The peers of the README's table, in its order.
_SHOWN = (
    "ours",
    "ours-read",
    "gather",
    "sequential",
    "httpx",
    "openapi",
    "vcf-sdk",
    "msgspec",
    "orjson",
    "bytes",
)


def table(results: Results) -> str:
    """The README's tables: listings, then bulk runs."""
    return f"{_listing(results)}\n\n{_bulk(results)}" if "bulk-64" in results.cases else _listing(results)


def _markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seconds(found: Spread | None) -> str:
    if found is None:
        return _NOTHING
    return f"{found.median:.2f} s" if found.median >= 0.2 else f"{1000 * found.median:.0f} ms"


def _times(found: Spread | None) -> str:
    """A ratio with its spread."""
    if found is None:
        return _NOTHING
    digits = 1 if found.median >= 10 else 2
    return f"{found.median:.{digits}f} ({found.lowest:.{digits}f} to {found.highest:.{digits}f})"


def _listing(results: Results) -> str:
    at = next((case for case in ("listing-50", "quick-listing") if case in results.cases), None)
    if at is None:
        return "no listing was measured"
    zero = "listing-0"
    heads = ["", "time", "times ours", "first task"]
    if zero in results.cases:
        heads += ["time at 0 ms", "CPU", "CPU, times ours"]
    if "lag" in results.cases:
        heads.append("loop held")
    rows = []
    for label in _SHOWN:
        if label not in results.cases[at]["trials"]:
            continue
        mine = (at, "ours", "wall_s")
        row = [
            LISTING[label].title,
            _seconds(results.spread(at, label, "wall_s")),
            _times(results.ratio((at, label, "wall_s"), mine)),
            _seconds(results.spread(at, label, "first_s")),
        ]
        if zero in results.cases:
            row += [
                _seconds(results.spread(zero, label, "wall_s")),
                _seconds(results.spread(zero, label, "cpu_s")),
                _times(results.ratio((zero, label, "cpu_s"), (zero, "ours", "cpu_s"))),
            ]
        if "lag" in results.cases:
            lag = results.spread("lag", label, "lag_ms")
            row.append(f"{lag.lowest:.0f} ms" if lag else _NOTHING)
        rows.append(row)
    return f"{_first_upper(results.cases[at]['title'])}\n\n{_markdown(heads, rows)}"


def _bulk(results: Results) -> str:
    rows = []
    for concurrency in (1, 16, 64, 256):
        case = f"bulk-{concurrency}"
        wall = results.spread(case, "ours", "wall_s")
        if wall is None:
            continue
        count = round(results.values(case, "ours", "writes")[0]) - 1  # type: ignore[index]
        ideal = ideal_fan_out(count, concurrency, 0.05)
        rows.append(
            [
                f"{count:,}",
                str(concurrency),
                f"{ideal:.2f} s",
                _seconds(wall),
                *(
                    _times(
                        found.scaled(1 / ideal) if (found := results.spread(case, label, "wall_s")) else None
                    )
                    for label in ("ours", "aiohttp", "sockets")
                ),
                _times(results.ratio((case, "ours", "cpu_s"), (case, "aiohttp", "cpu_s"))),
            ]
        )
    heads = [
        "retries at 50 ms", "at once", "ideal", "time", "of the ideal", "aiohttp alone", "sockets alone",
        "CPU, times aiohttp's",
    ]  # fmt: skip
    return _markdown(heads, rows)


def reach(results: Results) -> str:
    """Every aim, what was measured, and whether it is met."""
    rows = []
    for aim in AIMS:
        met = aim.met(results)
        value = aim.value(results)
        found = aim.measured(results)
        rows.append(
            [
                aim.what,
                f"{'≥' if aim.at_least else '≤'} {aim.limit:g}",
                _NOTHING if value is None else f"{value:.3g}",
                _NOTHING if found is None else f"{found.lowest:.3g} to {found.highest:.3g}",
                {True: "met", False: "**not met**", None: "not measured"}[met],
            ]
        )
    text = _markdown(["aim", "limit", "measured", "runs", ""], rows)
    if results.busy:
        loads = ", ".join(f"{name} {load:.0f}" for name, load in results.busy.items())
        text += (
            f"\n\n**The machine was busy, so wall times and stalls prove nothing** (load average: {loads})"
        )
    return text


def everything(results: Results) -> str:
    """Each case with all its measures, as medians with their spread."""
    return "\n\n".join(_case(results, name) for name in results.cases)


def _case(results: Results, name: str) -> str:
    case = results.cases[name]
    names: list[str] = []
    for trial in case["trials"].values():
        names += [measure for measure in trial["measures"] if measure not in names]
    rows = [
        [trial["title"], *(_value(results.spread(name, label, measure)) for measure in names)]
        for label, trial in case["trials"].items()
    ]
    notes = [f"not measured: {label} ({why})" for label, why in case["skipped"].items()]
    if "load" in case:
        # One is the measured client's and its server's own.
        notes.append("load average {:.1f} before, {:.1f} after".format(*case["load"]))
    return "\n".join([f"### {name}: {case['title']}", "", _markdown(["", *names], rows), *_after(notes)])


def _after(notes: list[str]) -> Iterator[str]:
    for note in notes:
        yield ""
        yield note


def _value(found: Spread | None) -> str:
    if found is None:
        return _NOTHING
    if found.lowest == found.highest:
        return f"{found.median:.4g}"
    return f"{found.median:.3g} ({found.lowest:.3g} to {found.highest:.3g})"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
