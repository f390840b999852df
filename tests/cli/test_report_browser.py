"""The report in a real browser: it asks for nothing, complains of nothing, and can be read by everyone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Page, browser
from report_tasks import EVIL, NOW, facts, full_task, made

from vcf_tasks_async import Task
from vcf_tasks_async.cli.report_html import to_html

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.timeout(60),  # a browser starts on a busy machine when it can
]

# What axe-core's rules on contrast, names and structure come to here: there is no form and no image.
_AUDIT = """
(() => {
  const found = [], ids = new Set();
  let texts = 0, bars = 0;
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) =>
    0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const contrast = (colour, e) => {
    const [one, other] = [light(parts(colour)), light(behind(e))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const hasText = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const must = (holds, what, e) => { if (!holds) found.push(`${what}: ${e.outerHTML.slice(0, 120)}`); };

  document.querySelectorAll("details").forEach((d) => (d.open = true));
  for (const e of document.querySelectorAll("body, body *")) {
    const style = getComputedStyle(e), tag = e.tagName;
    if (hasText(e) && tag !== "title" && tag !== "desc") {
      texts += 1;
      must(contrast(tag === "text" ? style.fill : style.color, e) >= 4.5, "pale text", e);
      must(parseFloat(style.fontSize) >= 10.5, "small text", e);
    }
    if (tag === "rect") {
      bars += 1;
      must(contrast(style.stroke, e.closest("svg")) >= 3, "pale bar", e);
      must(e.getBoundingClientRect().width > 0, "not drawn", e);
    }
    if (tag === "A") must(e.textContent.trim() && document.querySelector(e.hash), "link", e);
    if (tag === "SUMMARY") must(e.textContent.trim(), "nothing to press", e);
    if (tag === "TABLE") {
      const headings = e.tHead.querySelectorAll("th[scope=col]").length;
      must(e.caption && headings === e.rows[0].cells.length, "table without headings", e);
    }
    if (e.id) { must(!ids.has(e.id), "twice", e); ids.add(e.id); }
  }
  const page = document.documentElement;
  must(page.lang && document.title, "no language or title", page);
  const levels = [...document.querySelectorAll("h1, h2, h3")].map((h) => +h.tagName[1]);
  must(levels.every((level, i) => level <= (levels[i - 1] || 0) + 1), `headings ${levels}`, page);
  return { found: found.slice(0, 20), texts, bars, width: page.scrollWidth };
})()
"""
_SCREENS = ((1280, False), (1280, True), (390, False), (390, True))


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser() as page:
        yield page


def documents(folder: Path) -> dict[str, Path]:
    """Reports of all sorts, as files."""
    odd = [Task(id=str(n), raw_status=s) for n, s in enumerate(("Failed", "Odd", None))]
    odd += [Task(id="1970", raw_status="Successful", creation_timestamp="1970-01-21T06:52:48.075Z")]
    sorts = {
        "usual": facts(made(40, zombies=0.05)),
        "one": facts([full_task("one")]),
        "none": facts([], is_complete=False),
        "odd": facts(odd, malformed=1),
        "hostile": facts([full_task(text) for text in EVIL], EVIL[0]),
        "long": facts([full_task("W" * 5000, raw_status="W" * 500)], "W" * 300),
    }
    files = {name: folder / f"{name}.html" for name in sorts}
    for name, data in sorts.items():
        files[name].write_text(to_html(data), "utf-8")
    return files


async def test_every_report_can_be_read_on_every_screen(page: Page, tmp_path: Path) -> None:
    files = documents(tmp_path)
    for name, file in files.items():
        # Colours and widths don't depend on each other: all four for one, two for the rest.
        for width, dark in _SCREENS if name == "usual" else _SCREENS[::3]:
            await page.open(file, width=width, dark=dark)
            audit = await page.ask(_AUDIT)
            assert audit["found"] == [], (name, width, dark)
            # A phone's window grows with its content: the page must fit the phone.
            assert audit["width"] <= width, (name, dark)
            assert audit["texts"] > 5
            # The style sheet's hash is right, or the page would be black on white in any case.
            ground = await page.ask("getComputedStyle(document.body).backgroundColor")
            assert ground == ("rgb(15, 20, 25)" if dark else "rgb(255, 255, 255)")
    assert audit["bars"] > 0
    assert page.complaints == []
    assert set(page.requests) == {file.as_uri() for file in files.values()}


async def test_a_link_unfolds_what_it_leads_to(page: Page, tmp_path: Path) -> None:
    await page.open(documents(tmp_path)["usual"], width=1280)
    await page.ask("window.folded = document.querySelector('#failed ~ details:not([open])'); 1")
    await page.ask(
        "document.querySelector(`#tasks ~ table a[href='#${folded.querySelector('dl').id}']`).click()"
    )
    drawn = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    assert await page.ask(f"{drawn}.then(() => folded.open)")


async def test_on_paper_causes_are_unfolded_and_the_print_is_black_on_white(
    page: Page, tmp_path: Path
) -> None:
    file = documents(tmp_path)["usual"]
    await page.open(file, width=1280, dark=True)
    printed = await page.print()
    assert printed.startswith(b"%PDF-")
    await page.send("Emulation.setEmulatedMedia", media="print",
                    features=[{"name": "prefers-color-scheme", "value": "dark"}])  # fmt: skip
    assert await page.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert await page.ask("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert await page.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    folded = "document.querySelector('#failed ~ details:not([open])')"
    assert await page.ask(f"{folded}.querySelector('dl').checkVisibility({{contentVisibilityAuto: true}})")
    assert not await page.ask(f"{folded}.querySelector('table').checkVisibility()")
    assert f"{NOW:%Y-%m-%d}" in await page.ask("document.body.innerText")
