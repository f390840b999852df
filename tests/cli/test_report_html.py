"""The report as a page: it loads nothing, server text stays text, and its size is bounded."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_tasks import EVIL, NOW, Document, ago, facts, full_task, made

from vcf_tasks_async import SubTask, Task
from vcf_tasks_async.cli.report_data import facts_of
from vcf_tasks_async.cli.report_html import Bounds, to_html
from vcf_tasks_async.cli.report_rows import row_of

_ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "figure",
    "h1", "h2", "h3", "p", "ul", "li", "dl", "dt", "dd", "div", "span", "strong", "code", "br", "wbr", "time",
    "a", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "svg", "g", "rect", "line", "path", "text", "desc",
}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Document:
    return Document(to_html(facts(made(120, zombies=0.02))))


def test_a_page_loads_nothing_and_runs_nothing(page: Document) -> None:
    assert set(page.tags) <= _ALLOWED
    assert page.strangers == []
    names = {name for _, name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"src", "srcset", "style", "action", "formaction", "background", "data", "ping"}
    assert all(target.startswith("#") for target in page.all("href"))
    (style,) = [data for tag, data in page.texts if tag == "style"]
    assert not re.search(r"url\(|@import|expression|//", style)
    assert "http:" not in page.text
    assert "https:" not in page.text


def test_the_policy_allows_this_very_style_sheet_and_nothing_else(page: Document) -> None:
    (style,) = [data for tag, data in page.texts if tag == "style"]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [value for value in page.all("content") if "default-src" in value]
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]


def test_every_link_has_its_place_and_every_place_is_there_once(page: Document) -> None:
    places = page.all("id")
    assert len(places) == len(set(places))
    assert {target.removeprefix("#") for target in page.all("href")} <= set(places)
    named = {place for value in page.all("aria-labelledby") for place in value.split()}
    assert named <= set(places)


def test_a_page_has_a_language_headings_labels_and_table_headers(page: Document) -> None:
    assert ("html", "lang", "en") in page.attributes
    assert page.tags["h1"] == page.tags["main"] == 1
    assert page.tags["caption"] == page.tags["table"]
    assert all(value in ("col", "row") for value in page.all("scope"))
    assert len(page.all("scope")) == page.tags["th"]
    # Each drawing has a title and a description, or a label, or says nothing that the text does not.
    html = to_html(facts(made(30)))
    for drawing in re.findall(r"<svg (?![xy]=)[^>]*>", html):
        labelled = 'role="img"' in drawing and "aria-label" in drawing
        assert labelled or 'aria-hidden="true"' in drawing, drawing


def test_every_kind_of_status_is_told_without_colour() -> None:
    spellings = (
        "Failed",
        "In Progress",
        "Pending",
        "Completed With Warning",
        "Successful",
        "Cancelled",
        "Odd",
    )
    tasks = [Task(id=s[:3], name=s, raw_status=s, creation_timestamp=ago(hours=2)) for s in spellings]
    text = Document(to_html(facts(tasks))).text
    for words in ("✕ Failed", "▸ In progress", "○ Pending", "▲ Completed with warning", "✓ Successful",
                  "– Cancelled", "? Odd"):  # fmt: skip
        assert words in text
    assert "in an unknown status" in text


@pytest.mark.parametrize("text", EVIL)
def test_text_of_an_enemy_changes_nothing_but_the_text(text: str) -> None:
    harmless = Document(to_html(facts([full_task("harmless")], "harmless")))
    html = to_html(facts([full_task(text)], text))
    hostile = Document(html)
    # An underscore in a type is followed by a place to break the line, which is no harm.
    del hostile.tags["wbr"], harmless.tags["wbr"]
    assert hostile.tags == harmless.tags
    assert hostile.strangers == []
    names = [(tag, name) for tag, name, _ in hostile.attributes if tag != "wbr"]
    assert names == [(tag, name) for tag, name, _ in harmless.attributes]
    active = {c for c in html if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}
    assert active == set()
    html.encode()


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_at_all_changes_nothing_but_the_text(text: str) -> None:
    hostile = Document(to_html(facts([full_task(text or "x")], text)))
    # Where there is no text, or a text that is a status, some parts of the page are not there.
    assert set(hostile.tags) <= _ALLOWED
    assert hostile.strangers == []
    assert all(target.startswith("#") for target in hostile.all("href"))
    assert {place.rstrip("0123456789td") for place in hostile.all("id")} <= {
        "main", "timeline", "causes", "faile", "counts", "tasks", "others", "l", "",
    }  # fmt: skip


def test_no_task_at_all_is_said_so() -> None:
    page = Document(to_html(facts([])))
    assert "There is no task to show." in page.text
    assert page.tags["table"] == 0
    assert page.tags["figure"] == 0
    assert "0 tasks" in page.text


def test_times_that_can_not_be_true_are_left_out_and_said_so() -> None:
    odd = Task(id="1970", raw_status="Successful", creation_timestamp="1970-01-21T06:52:48.075Z")
    text = Document(to_html(facts([odd, Task(id="none", raw_status="Failed")]))).text
    assert "1 task came with a time that can't be true" in text
    assert "No task has a time that can be true, so there is no timeline." in text
    assert "without a time" in text
    assert "1970-" not in text


def test_what_is_missing_or_stuck_stands_at_the_top() -> None:
    stuck = Task(id="z", name="Zombie", raw_status="In Progress", creation_timestamp=ago(days=200))
    said = Document(to_html(facts([stuck], malformed=2, is_complete=False))).text
    assert "2 tasks could not be read and are missing here." in said
    assert "1 task has been running for more than a day and may be stuck: Zombie (since 2025-07-18" in said
    assert "not whole" in Document(to_html(facts([stuck], is_complete=False))).text


def test_a_page_of_twice_as_many_tasks_is_not_larger_and_says_what_it_leaves_out() -> None:
    rows = [row_of(task, NOW) for task in made(300)]
    bounds = Bounds(rows=300, steps=500, named=20)

    def page_of(copies: int) -> str:
        many = [attrs.evolve(row, id=f"{row.id}-{copy}") for copy in range(copies) for row in rows]
        return to_html(facts_of(many, manager="m", made_at=NOW), bounds)

    # By 15 copies the timeline is full as well.
    smaller, larger = page_of(15), page_of(30)
    assert len(larger) < len(smaller) * 1.05
    text = Document(larger).text
    assert "Newest first: 300 of 9,000. The others are counted above; --format csv has them all" in text
    assert re.search(r"[\d,]+ more failed tasks would make this page too large", text)
    assert re.search(r"[\d,]+ more tasks would make this page too large", text)
    assert re.search(r"and [\d,]+ more tasks", text)
    assert re.search(r"[\d,]+ more at the same times have no room here", text)


def test_texts_of_any_length_are_cut() -> None:
    text = "long " * 200_000
    assert len(to_html(facts([full_task(text)], text))) < 60_000


def test_failed_and_stuck_tasks_get_the_room_for_steps_first() -> None:
    step = SubTask(name="s", raw_status="SUCCESSFUL")

    def task(name: str, status: str, days: float) -> Task:
        return Task(
            id=name, name=name, raw_status=status, creation_timestamp=ago(days=days), sub_tasks=(step,) * 5
        )

    tasks = [
        task("fine", "Successful", 1), task("busy", "In Progress", 0.1), task("bad", "Failed", 5),
        task("stuck", "In Progress", 9),
    ]  # fmt: skip
    text = Document(to_html(facts(tasks), Bounds(steps=10))).text
    for name, shown in (("bad", True), ("stuck", True), ("busy", False), ("fine", False)):
        assert (f"Steps of {name}" in text) is shown
    assert "2 more tasks would make this page too large" in text


def test_a_template_that_forgets_nothing_escapes_even_what_python_made() -> None:
    row = attrs.evolve(row_of(full_task("x"), NOW), resources=("<b>",) * 12)
    html = to_html(facts_of([row], manager="m", made_at=NOW))
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "and more" in html
