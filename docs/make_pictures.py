"""Makes the pictures of docs/inside.md, and its table of rooms: `python docs/make_pictures.py`.

The house is drawn from the imports that stand in the code, so it is what is there and not what was meant.
The three ways through it are laid by hand; every room they name must exist. A test fails when a picture is
not current.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
HOUSE = HERE.parent / "vcf_tasks_async"
PAGE = HERE / "inside.md"
MARK = "<!-- made by docs/make_pictures.py -->"
WIDTH = 400

# What a room is for, as a colour. One that is not named here is drawn as a part of the words.
WINGS = {
    "words": ("what is told: models, errors, texts", ""),
    "wire": (
        "the way to SDDC Manager",
        (
            "address answers api auth caller calls clocks connections credential_api policy secret "
            "secret_sources slots tokens transport wiring"
        ),
    ),
    "reading": (
        "from bytes to tasks, and listings",
        (
            "codec collection credential_pages credential_stream filters folding grid pages paging shapes "
            "stream structuring"
        ),
    ),
    "acting": (
        "retry and cancel",
        (
            "brakes bulk crowding dispatch gate histories idset journal judgement options outbox outcomes "
            "targets writes"
        ),
    ),
    "following": (
        "wait and watch",
        "cursor events following lanes polling sweeps wait_many waiting watch",
    ),
    "face": ("the face of a session", "acts credential_writes credentials follows session upkeep"),
    "many": (
        "many sites, and what stands on the face",
        (
            "cli dask fleet fleet_acts fleet_bulk fleet_merge fleet_reading fleet_report fleet_targets "
            "fleet_watch job_words jobs remote remote_fleet remote_work sitefile sites snapshots"
        ),
    ),
}
LIGHT = {
    "words": "#e8ebef", "wire": "#d7e6fb", "reading": "#d5f0e0", "acting": "#fbe3cf", "following": "#e6dcf8",
    "face": "#fff0b8", "many": "#f7d9e3",
}  # fmt: skip
DARK = {
    "words": "#353b44", "wire": "#1f3d63", "reading": "#1d4a36", "acting": "#5c3a1c", "following": "#42306a",
    "face": "#5a4a10", "many": "#5b2840",
}  # fmt: skip


# --- what there is ------------------------------------------------------------------------------------


def _room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


@cache
def imports() -> dict[str, set[str]]:
    """Each room, and the rooms it imports when it is imported (not those that are for type checkers only)."""
    found: dict[str, set[str]] = {}
    for path in sorted(HOUSE.rglob("*.py")):
        room = _room_of(path)
        if room != "__init__":
            found.setdefault(room, set()).update(_reached(ast.parse(path.read_text("utf-8"))))
    return {room: (reached & found.keys()) - {room} for room, reached in found.items()}


def _reached(tree: ast.Module) -> Iterator[str]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vcf_tasks_async."):
            yield str(node.module).split(".")[1]
        waiting.extend(ast.iter_child_nodes(node))


def floors() -> list[list[str]]:
    """The rooms by floor: each stands one above the highest that it imports."""
    reached = imports()

    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(below) for below in reached[room]), default=-1)

    # These see only the public face, which their imports do not show.
    outside = {"cli", "testing"}
    highest = max(map(floor, reached))
    levels: list[list[str]] = [[] for _ in range(highest + 1)]
    for room in sorted(reached.keys() - outside):
        levels[floor(room)].append(room)
    levels[highest] = sorted([*levels[highest], "cli"])
    return levels


def wing_of(room: str) -> str:
    """What it is a part of."""
    return next((wing for wing, (_, rooms) in WINGS.items() if room in rooms.split()), "words")


def purpose_of(room: str) -> str:
    """The first line of the room's own words."""
    file = HOUSE / f"{room}.py"
    tree = ast.parse((file if file.exists() else HOUSE / room / "__init__.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


# --- drawing ------------------------------------------------------------------------------------------


def _style() -> str:
    def colours(table: dict[str, str]) -> str:
        return "".join(f".{wing}{{fill:{colour}}}" for wing, colour in table.items())

    return (
        "<style>text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#1f2328}"
        ".mono{font:600 12px ui-monospace,SFMono-Regular,Menlo,'DejaVu Sans Mono',monospace}"
        ".soft{fill:#59636e}.small{font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}"
        ".paper{fill:#fff;stroke:#d0d7de}.line{fill:none;stroke:#8c959f;stroke-width:1.5}.tip{fill:#8c959f}"
        ".edge{stroke:#00000022}" + colours(LIGHT) + "@media(prefers-color-scheme:dark){text{fill:#e6edf3}"
        ".soft{fill:#9da7b1}.paper{fill:#161b22;stroke:#30363d}.line{stroke:#768390}.tip{fill:#768390}"
        ".edge{stroke:#ffffff22}" + colours(DARK) + "}</style>"
    )


def _svg(height: int, title: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
                f'width="{WIDTH}" height="{height}" aria-label="{escape(title)}">'
            ),
            f"<title>{escape(title)}</title>",
            _style(),
            f'<rect class="paper" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"' + (f' class="{kind}"' if kind else "") + f">{escape(words)}</text>"


def _box(x: float, y: float, width: float, height: float, wing: str) -> str:
    return f'<rect class="{wing} edge" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'


def _arrow(x: float, top: float, bottom: float) -> str:
    return (
        f'<path class="line" d="M{x:g} {top:g}V{bottom - 5:g}"/>'
        f'<path class="tip" d="M{x - 4:g} {bottom - 6:g}h8l-4 6z"/>'
    )


def house() -> str:
    """All rooms on their floors."""
    parts = [_text(20, 28, "A room imports only from floors below its own", "soft small")]
    y = 44.0
    for wing, (words, _) in WINGS.items():
        parts += [_box(20, y, 14, 14, wing), _text(42, y + 11.5, words, "small")]
        y += 20
    y += 12
    levels = floors()
    for number, rooms in reversed(list(enumerate(levels))):
        x, top = 46.0, y
        for room in rooms:
            width = 12 + 7.3 * len(room)
            if x + width > WIDTH - 14:
                x, y = 46.0, y + 27
            parts += [_box(x, y, width, 22, wing_of(room)), _text(x + 6, y + 15.5, room, "mono")]
            x += width + 5
        parts.append(_text(34, top + 15.5, str(number), "soft small end"))
        y += 33
        parts.append(f'<path class="line" style="opacity:.35" d="M20 {y - 5.5:g}H{WIDTH - 14}"/>')
    parts += [
        _box(46, y, 12 + 7.3 * 7, 22, "words"),
        _text(52, y + 15.5, "testing", "mono"),
        _text(124, y + 15.5, "beside the house: knows nothing of it", "soft small"),
    ]
    count = sum(map(len, levels)) + 1
    return _svg(int(y + 38), f"The house: {count} rooms on {len(levels)} floors", parts)


class Step(NamedTuple):
    """A stop on the way: the rooms where it happens, what happens, what may come out of it."""

    rooms: str
    words: str = ""
    ends: tuple[str, ...] = ()
    again_from: int | None = None


OUTSIDE = ("your code", "SDDC Manager")


def way(title: str, steps: list[Step]) -> str:
    """A way from top to bottom, with what ends it early at its right, and where it goes round again."""
    known = imports().keys()
    parts, y, bottoms, box = [], 16.0, [], 256
    for number, step in enumerate(steps):
        outside = step.rooms in OUTSIDE
        if not outside and not set(step.rooms.split(" · ")) <= known:
            raise ValueError(f"{step.rooms}: no such room; the way has changed")
        lines = textwrap.wrap(step.words, 37)
        height = 28 + 17 * len(lines)
        wing = "paper" if outside else wing_of(step.rooms.split(" · ")[0])
        parts += [_box(20, y, box, height, wing), _text(32, y + 18, step.rooms, "" if outside else "mono")]
        parts += [_text(32, y + 36 + 17 * row, words, "small") for row, words in enumerate(lines)]
        for row, end in enumerate(step.ends):
            middle = y + 18 + 26 * row
            parts += [
                f'<path class="line" d="M{20 + box} {middle}h8"/>',
                _text(20 + box + 12, middle + 4, end, "small"),
            ]
        if step.again_from is not None:
            turn = WIDTH - 14 - 20 - box
            goal, start = bottoms[step.again_from] - 12, y + height - 12
            round_again = f"M{20 + box} {start:g}h{turn}V{goal:g}h{6 - turn}"
            parts += [
                f'<path class="line" stroke-dasharray="4 3" d="{round_again}"/>',
                f'<path class="tip" d="M{20 + box + 7} {goal - 4:g}v8l-6-4z"/>',
                _text(20 + box + turn - 6, start - 7, "again", "small soft end"),
            ]
        y += height
        bottoms.append(y)
        if number < len(steps) - 1:
            parts.append(_arrow(154, y, y + 16))
            y += 16
    return _svg(int(y + 16), title, parts)


def request() -> str:
    """From a call of yours to SDDC Manager and back."""
    return way(
        "One request's way",
        [
            Step("your code", "await session.get(task_id)"),
            Step(
                "session",
                "Is it open, on this loop? Can this be an id? What can't be meant ends",
                ("UsageError",),
            ),
            Step("api", "Which path, which body, and how its answer is to be read"),
            Step(
                "caller",
                "The clock of the whole call starts: turns, attempts and pauses count",
                ("DeadlineError",),
            ),
            Step(
                "tokens", "One login for all who wait, one refresh for any number of 401s", ("Unauthorized",)
            ),
            Step("caller · slots", "A turn: so many in flight at most, here and in all that share"),
            Step(
                "transport",
                "One attempt: its own clock, a cap on bytes, no redirect, no cookie",
                ("NotSentError",),
            ),
            Step("SDDC Manager"),
            Step(
                "answers",
                "What became of it, in the terms that decide: not sent, lost, refused, well",
                ("ApiError",),
            ),
            Step(
                "policy",
                "May it be sent again? A read: yes. A write: if never seen, or told: later",
                again_from=4,
            ),
            Step("codec · folding", "JSON to a model, strictly; what is new is kept", ("DecodeError",)),
            Step("your code", "a Task, or one typed error"),
        ],
    )


def page() -> str:
    """From a reader of a listing to its pages and back."""
    return way(
        "One page's way",
        [
            Step("your code", "async for task in session.stream()"),
            Step("stream", "Keeps pages under way ahead of you, and holds twice as many at most"),
            Step("paging · grid", "Which page is next? Do they count from 0 or 1? The first answer tells"),
            Step("api", "The way of a request, for several pages at the same time"),
            Step(
                "pages",
                "An element a step, with a look at the clock: the loop is free every 2 ms",
                ("malformed",),
            ),
            Step("shapes · folding", "Checked whole; subtasks stay JSON until somebody reads them"),
            Step(
                "paging",
                "Seen before? Passed over. Did it move under us? Read again",
                again_from=2,
            ),
            Step("filters", "Checked again here: servers ignore what they do not know"),
            Step("your code", "each task once; stream.complete"),
        ],
    )


def outcome() -> str:
    """From a target of a bulk run to its outcome."""
    return way(
        "One outcome's way",
        [
            Step("your code", "session.retry_many(targets)"),
            Step("bulk · targets", "So many workers over one source; who comes twice is counted"),
            Step("dispatch · journal", "What did an earlier run note of it?", ("told again",)),
            Step("judgement", "Has it failed? Can it be retried?", ("SKIPPED",)),
            Step(
                "brakes · gate",
                "Its turn by the rate; its word in the journal before anything leaves",
                ("NOT_SENT",),
            ),
            Step("writes", "PATCH, by the way of a request: once at most", ("REJECTED", "NOT_SENT")),
            Step(
                "writes · judgement",
                "Answer lost? The task is looked at, until it tells or time is over",
                ("UNKNOWN",),
            ),
            Step("waiting · polling", "With wait=True: to the task's end, by the session's one poller"),
            Step("outbox · outcomes", "To the reader, and into the report"),
            Step("your code", "one outcome for each target"),
        ],
    )


def pictures() -> dict[str, str]:
    """Each picture's file name, and what is in it."""
    return {"house.svg": house(), "request.svg": request(), "page.svg": page(), "outcome.svg": outcome()}


def made(text: str) -> str:
    """*text*, the page, with its table of rooms made anew."""
    rows = ["| floor | room | what it is for |", "|---|---|---|"]
    for number, rooms in reversed(list(enumerate(floors()))):
        rows += [f"| {number} | `{room}` | {purpose_of(room)} |" for room in rooms]
    rows.append(f"| – | `testing` | {purpose_of('testing')} |")
    return text.partition(MARK)[0] + MARK + "\n\n" + "\n".join(rows) + "\n"


def main() -> None:
    """Write all of it."""
    for name, picture in pictures().items():
        (HERE / "pictures" / name).write_text(picture, "utf-8")
    PAGE.write_text(made(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
