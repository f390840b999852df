"""The site is whole: links lead somewhere, every page and public name is in it, its pictures are current.

That it builds without a warning is checked by `.ci/run`, since Sphinx is not needed for the tests.
"""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pages import DOCS, ROOT, blocks

import vcf_tasks_async
from vcf_tasks_async import testing

PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
_LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def prose_of(page: Path) -> str:
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub, and MyST after its fashion, make of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(prose_of(page)):
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n\n[a](#a-title) [b](#no-title) [c](gone.md) [d](https://example.org)\n")
    assert broken_links(page) == ["#no-title", "gone.md"]


def test_every_page_has_its_place_in_the_menu() -> None:
    listed = set()
    for index in (DOCS / "index.md", DOCS / "api/index.md"):
        for entry in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", index.read_text("utf-8"), re.DOTALL | re.MULTILINE
        ):
            for line in entry.splitlines():
                if line and not line.startswith(":"):
                    listed |= set(index.parent.glob(f"{line}.md"))
    assert set(PAGES) - listed == {DOCS / "index.md"}


def test_every_public_name_is_in_the_reference() -> None:
    shown = []
    for page in (DOCS / "api").glob("*.md"):
        text = page.read_text("utf-8")
        for module in re.findall(r"^\.\. currentmodule:: ([\w.]+)$", text, re.MULTILINE):
            shown += [
                f"{module}.{name}" for name in re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE)
            ]
    names = {f"vcf_tasks_async.{name}" for name in vcf_tasks_async.__all__}
    names |= {f"vcf_tasks_async.testing.{name}" for name in testing.__all__}
    assert sorted(shown) == sorted(names | {"vcf_tasks_async.dask.DaskFleet"})


SCRIPT = runpy.run_path(str(DOCS / "make_pictures.py"))


@pytest.mark.parametrize(("name", "picture"), SCRIPT["pictures"]().items(), ids=list(SCRIPT["pictures"]()))
def test_a_picture_is_current_and_drawn_within_its_frame(name: str, picture: str) -> None:
    assert (DOCS / "pictures" / name).read_text("utf-8") == picture, "run: python docs/make_pictures.py"
    drawn = ET.fromstring(picture)
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    for part in drawn.iter():
        if "x" in part.attrib:
            # A letter of 13 px is some 6.5 px wide.
            long = float(
                part.get("width") or 6.5 * len(part.text or "") * ("end" not in part.get("class", ""))
            )
            assert float(part.attrib["x"]) + long <= width, part.text
            assert float(part.attrib["y"]) <= height


def test_the_table_of_rooms_is_current() -> None:
    page = (DOCS / "inside.md").read_text("utf-8")
    assert SCRIPT["made"](page) == page, "run: python docs/make_pictures.py"
    assert all(f"| `{room}` |" in page for room in SCRIPT["imports"]())


def test_a_way_names_no_room_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no such room"):
        SCRIPT["way"]("a way", [SCRIPT["Step"]("stream · cellar")])


def test_readme_leads_to_the_guides() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall(prose_of(ROOT / "README.md"))}
    assert {"docs/start.md", "docs/index.md", "docs/moving.md", "docs/compare.md"} <= linked


def test_the_extras_that_a_page_installs_exist() -> None:
    told = re.findall(r"\[([\w,]+)\]'", "".join(b.text for p in PAGES for b in blocks(p, "sh")))
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    assert told
    assert {extra for several in told for extra in several.split(",")} <= extras
