"""The report as JSON, CSV and Markdown: what machines read, and nothing that acts on whoever opens it."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from report_tasks import EVIL, NOW, ago, facts, full_task, made

from vcf_tasks_async import Task, inert
from vcf_tasks_async.cli.report_text import CSV_COLUMNS, to_csv, to_json, to_markdown

_ACTIVE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def active_in(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in _ACTIVE} - {"\n"}


def test_json_tells_all_there_is_under_a_numbered_schema() -> None:
    data = facts(made(50), malformed=1, is_complete=False)
    told = json.loads(to_json(data))
    assert list(told) == [
        "schema", "manager", "made_at", "is_complete", "malformed", "total", "kinds", "statuses", "durations",
        "types", "causes", "tasks",
    ]  # fmt: skip
    assert (told["schema"], told["total"], told["malformed"], told["is_complete"]) == (1, 50, 1, False)
    assert told["made_at"] == "2026-02-03T04:05:06Z"
    assert sum(told["kinds"].values()) == sum(s["tasks"] for s in told["statuses"]) == 50
    assert [t["id"] for t in told["tasks"]] == [row.id for row in data.rows]
    failed = [t for t in told["tasks"] if t["failure"]]
    assert {t["id"] for t in failed} == {i for cause in told["causes"] for i in cause["task_ids"]}
    assert set(failed[0]["failure"]) == {"cause", "remedy", "step", "error_code", "reference_token"}
    assert told["durations"]["median_s"] <= told["durations"]["p95_s"] <= told["durations"]["longest_s"]


@pytest.mark.parametrize("text", EVIL)
def test_json_keeps_every_text_to_the_letter_in_characters_that_do_nothing(text: str) -> None:
    written = to_json(facts([full_task(text)], text))
    assert active_in(written) == set()
    assert written.isascii()
    told = json.loads(written)
    assert told["tasks"][0]["name"] == told["tasks"][0]["id"] == told["manager"] == text


def test_csv_has_a_line_for_each_task_under_its_documented_heading() -> None:
    data = facts(made(500))
    heading, *lines = csv.reader(io.StringIO(to_csv(data), newline=""))
    assert tuple(heading) == CSV_COLUMNS
    assert [line[0] for line in lines] == [row.id for row in data.rows]
    assert {len(line) for line in lines} == {len(CSV_COLUMNS)}
    failed = [dict(zip(heading, line, strict=True)) for line in lines if line[3] == "FAILED"]
    assert all(line["cause"] and line["failed_step"] for line in failed)
    assert float(failed[0]["duration_s"]) > 0
    assert failed[0]["created"].endswith("Z")


@pytest.mark.parametrize("text", EVIL)
def test_no_cell_of_the_csv_is_a_formula_or_acts_on_a_terminal(text: str) -> None:
    written = to_csv(facts([full_task(text)]))
    assert active_in(written) <= {"\r"}
    _, line = csv.reader(io.StringIO(written, newline=""))
    assert len(line) == len(CSV_COLUMNS)
    assert not [cell for cell in line if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"}]
    assert line[1].removeprefix("'") == inert(text)
    written.encode()


@pytest.mark.parametrize("text", [*EVIL, "# x", "- x", "1. x", "> x", "```", "    code", "a\n\n# b", "&lt;"])
def test_markdown_shows_text_as_text(text: str) -> None:
    written = to_markdown(facts([full_task(text)], text))
    assert active_in(written) == set()
    kinds = set()

    def walk(tokens: list) -> None:  # type: ignore[type-arg]
        for token in tokens:
            kinds.add(token.type)
            walk(token.children or [])

    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    walk(reader.parse(written))
    assert {kind.removesuffix("_open").removesuffix("_close") for kind in kinds} <= {
        "heading", "inline", "text", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "strong",
        "text_special", "entity",
    }  # fmt: skip
    html = reader.render(written)
    assert html.count("<tr>") == 7
    assert html.count("<h1>") == 1
    shown = re.sub(r"\s+", " ", html.replace("&quot;", '"').replace("&gt;", ">").replace("&lt;", "<"))
    assert inert(text, limit=100).rstrip("…")[:40].replace("&", "&amp;") in shown
    # Every line of a table has as many cells as its heading.
    for table in re.findall(r"(?:^\|.*\n)+", written, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    # GitHub would make links of these.
    assert "http://" not in written
    assert "www." not in written
    assert "@" not in written


def test_markdown_says_what_it_leaves_out() -> None:
    tasks = [Task(id=str(n), raw_status="Successful", creation_timestamp=ago(minutes=n)) for n in range(1200)]
    written = to_markdown(facts(tasks, malformed=3))
    assert written.count("\n| Without a name") == 1000
    assert "The newest 1,000; `--format csv` has all 1,200." in written
    assert "**3 could not be read**" in written
    empty = to_markdown(facts([], is_complete=False))
    assert f"0 tasks on {NOW:%Y-%m-%d %H:%M:%S} UTC." in empty
    assert "not whole" in empty
    assert "|" not in empty


def test_the_code_in_the_document_runs() -> None:
    document = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    names = {"tasks": made(5)}
    exec(code, names)
    assert str(names["page"]).startswith("<!DOCTYPE html>")


def test_the_document_names_every_column_and_field() -> None:
    document = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    csv_part = document.split("## CSV")[1]
    told = json.loads(to_json(facts(made(30))))
    failed = next(task for task in told["tasks"] if task["failure"])
    fields = [*told, *told["types"][0], *told["causes"][0], *failed, *failed["failure"], *failed["steps"][0]]
    assert [name for name in {*fields, *told["kinds"], *told["durations"]} if f"`{name}`" not in
            document.replace("[]`", "`")] == []  # fmt: skip
    assert [name for name in CSV_COLUMNS if f"`{name}`" not in csv_part] == []
