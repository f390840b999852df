"""The README's picture, as SVG written by hand: it needs no library, and reads in light and in dark."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from benchmarks.peers import LISTING
from benchmarks.stats import Results

_SHOWN = ("ours", "gather", "httpx", "sequential", "openapi", "vcf-sdk", "msgspec")
_WIDTH, _NAMES, _BAR, _STEP, _HEAD = 780, 285, 16, 25, 44
_RIGHT = 130
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.head { font-weight: 600 }
.value { font-variant-numeric: tabular-nums }
.ours { fill: #0969da } .peer { fill: #8c959f } .floor { fill: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #58a6ff } .peer { fill: #6e7681 } .floor { fill: #3d444d }
}
""".strip()


class Bar(NamedTuple):
    """One bar: a name, its seconds, its class, and the words at its end."""

    title: str
    seconds: float
    kind: str
    words: str


def svg(results: Results) -> str:
    """Time at 50 ms and CPU of one listing, a panel each; panels without results are left out."""
    panels = [
        (head, bars)
        for head, case, measure in (
            ("seconds", "listing-50", "wall_s"),
            ("seconds", "quick-listing", "wall_s"),
            ("CPU seconds", "listing-0", "cpu_s"),
        )
        if (bars := _bars(results, case, measure))
        for head in (f"{results.cases[case]['title']}: {head}",)
    ]
    parts: list[str] = []
    top = 0
    for head, bars in panels:
        parts += _panel(head[:1].upper() + head[1:], bars, top)
        top += _HEAD + _STEP * len(bars) + 14
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" role="img">',
            f"<title>{escape('; '.join(head for head, _ in panels))}</title>",
            f"<style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        ]
    )


def _bars(results: Results, case: str, measure: str) -> list[Bar]:
    mine = (case, "ours", measure)
    bars = []
    for label in _SHOWN:
        found, times = results.spread(case, label, measure), results.ratio((case, label, measure), mine)
        if found is None or times is None:
            continue
        peer = LISTING[label]
        kind = "ours" if label == "ours" else "floor" if peer.is_floor else "peer"
        seconds = f"{found.median:.2f} s"
        factor = f"{times.median:.0f}" if times.median >= 10 else f"{times.median:.2g}"
        words = seconds if label == "ours" else f"{seconds}, ×{factor}"
        bars.append(Bar(peer.title, found.median, kind, words))
    # Ours, then the peers from fast to slow, then the floors.
    return sorted(bars, key=lambda bar: (["ours", "peer", "floor"].index(bar.kind), bar.seconds))


def _panel(head: str, bars: list[Bar], top: int) -> list[str]:
    longest = max(bar.seconds for bar in bars)
    room = _WIDTH - _NAMES - _RIGHT
    parts = [f'<text class="head" x="0" y="{top + 24}">{escape(head)}</text>']
    for place, bar in enumerate(bars):
        y = top + _HEAD + place * _STEP
        width = max(2.0, room * bar.seconds / longest)
        parts += [
            f'<text x="{_NAMES - 10}" y="{y + 13}" text-anchor="end">{escape(bar.title)}</text>',
            f'<rect class="{bar.kind}" x="{_NAMES}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
            f'<text class="value" x="{_NAMES + width + 8:.1f}" y="{y + 13}">{escape(bar.words)}</text>',
        ]
    return parts
