"""Tasks for reports: like real ones, odd ones, and those of an enemy; and what is in a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from vcf_tasks_async import ErrorCause, ErrorDetail, Resource, Stage, SubTask, Task
from vcf_tasks_async.cli.report_data import ReportData, facts_of
from vcf_tasks_async.cli.report_rows import row_of
from vcf_tasks_async.codec import structure
from vcf_tasks_async.testing.generator import Shares, TaskGenerator

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
#: What an enemy would put into a text: terminal sequences, markup of all kinds, text turned round, no text.
EVIL = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>' onload='alert(1)",
    "</title></style></svg><base href=//evil.example>",
    "{{ 7 * 7 }}{% raw %}<!-- -->&lt;",
    "javascript:alert(1) http://evil.example/ www.evil.example a@evil.example",
    "\x1b[31m\x1b]0;own\x07\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]52;c;aGVsbG8=\x07\x9b31m\x9d\x85",
    "\u202eback\u2066\u200b\u2028\ufeff\U000e0041",
    "nul\x00del\x7f\r\nline two\ttab",
    "\ud800 alone \udfff",
    '=HYPERLINK("http://evil.example")',
    "+1|cmd",
    "-1",
    "@SUM(1)",
    "\t=1",
    "＝1",
    "a | b \\| `c` *d* _e_ [f](http://g) ![h](i) ~~j~~ $k$ #1",
)


def ago(**back: float) -> str:
    """The timestamp of a moment before NOW, as SDDC Manager writes it."""
    return (NOW - timedelta(**back)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def made(count: int, *, seed: int = 0, **shares: float) -> list[Task]:
    """*count* tasks as the simulator makes them."""
    generator = TaskGenerator(seed, now=NOW.timestamp(), release="9.0")
    wanted = {"failed": 0.24, "running": 0.04} | shares
    return [structure(task.raw, Task) for task in generator.make(count, Shares(**wanted))]


def full_task(text: str, **more: Any) -> Task:
    """A failed task that says *text* wherever it can say something."""
    error = ErrorDetail(
        message=text,
        error_code=text,
        remediation_message=text,
        reference_token=text,
        causes=(ErrorCause(type=text, message=text),),
    )
    stage = Stage(name=text, raw_status="FAILED", creation_timestamp=ago(hours=1), errors=(error,))
    step = SubTask(name=text, raw_status="FAILED", creation_timestamp=ago(hours=1), stages=(stage,))
    values: dict[str, Any] = {
        "id": text,
        "name": text,
        "type": text,
        "raw_status": "Failed",
        "creation_timestamp": ago(hours=1),
        "completion_timestamp": ago(minutes=5),
        "sub_tasks": (step, SubTask(name=text, raw_status=text)),
        "resources": (Resource(fqdn=text, name=text, type=text),),
    }
    return Task(**values | more)


def facts(tasks: Iterable[Task], manager: str = "sfo-vcf01.rainpole.io", **more: Any) -> ReportData:
    return facts_of([row_of(task, NOW) for task in tasks], manager=manager, made_at=NOW, **more)


class Document(HTMLParser):
    """A page as a browser's parser sees it."""

    _EMPTY = ("meta", "br", "wbr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.strangers: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self._EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        self.strangers.append(data)

    def handle_pi(self, data: str) -> None:
        self.strangers.append(data)

    def all(self, name: str) -> list[str]:
        """The values of every attribute *name*."""
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def text(self) -> str:
        """What a reader sees, style sheet excepted, with white space folded."""
        return " ".join(" ".join(data for tag, data in self.texts if tag != "style").split())
