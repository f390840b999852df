"""What is made of results: ratios, aims, comparisons, tables and a picture."""

from __future__ import annotations

import doctest
import json
import math
from xml.etree import ElementTree as ET

import pytest
from canned import document, results, walls

from benchmarks import compare, reach, report, stats
from benchmarks.__main__ import main
from benchmarks.plot import svg
from benchmarks.stats import Spread, ratio, spread

SVG = "{http://www.w3.org/2000/svg}"


def test_the_examples_of_the_statistics_run():
    assert doctest.testmod(stats).failed == 0


def test_a_ratio_is_taken_round_by_round():
    # The second round was twice as slow for both: of the ratio, nothing of it is left.
    assert ratio([2.0, 4.0, 2.2], [1.0, 2.0, 1.0]) == Spread(2.0, 2.0, 2.2)
    assert spread([5.0]).width == 0


def test_what_was_not_measured_is_none():
    found = results({"listing-50": walls(ours=[1.0])})
    assert found.ratio(("listing-50", "ours", "wall_s"), ("listing-50", "vcf-sdk", "wall_s")) is None
    assert found.spread("listing-0", "ours", "wall_s") is None


def test_of_several_files_the_last_has_the_word_on_a_case():
    older = document({"a": walls(ours=[1.0]), "b": walls(ours=[2.0])})
    newer = document({"b": walls(ours=[3.0])})
    found = stats.Results(older, newer)
    assert (found.values("a", "ours", "wall_s"), found.values("b", "ours", "wall_s")) == ([1.0], [3.0])


# --- compare ---------------------------------------------------------------------------------------


def told(before, after, **reference):
    return [
        (change.case, change.label, change.measure, change.is_worse)
        for change in compare.changes(results(before, **reference), results(after, **reference))
    ]


def test_a_slower_machine_is_no_slower_library():
    before = {"listing-50": walls(orjson=[1.0, 1.1, 1.0], ours=[2.0, 2.2, 2.1])}
    after = {"listing-50": walls(orjson=[3.0, 3.3, 3.0], ours=[6.0, 6.6, 6.3])}
    assert told(before, after) == []


def test_slower_beyond_the_spread_is_told_and_within_it_is_not():
    before = {"listing-50": walls(orjson=[1.0, 1.0, 1.0], ours=[2.0, 2.4, 2.1])}
    within = {"listing-50": walls(orjson=[1.0, 1.0, 1.0], ours=[2.3, 2.6, 2.5])}
    beyond = {"listing-50": walls(orjson=[1.0, 1.0, 1.0], ours=[2.6, 2.9, 2.7])}
    assert told(before, within) == []
    assert told(before, beyond) == [("listing-50", "ours", "wall_s", True)]
    assert told(beyond, before) == [("listing-50", "ours", "wall_s", False)]


def test_a_hair_is_no_change_however_still_the_machine_was():
    before = {"a": walls(orjson=[1.0, 1.0], ours=[2.0, 2.0])}
    after = {"a": walls(orjson=[1.0, 1.0], ours=[2.05, 2.05])}
    assert told(before, after) == []


def test_requests_and_memory_are_compared_as_they_are():
    before = {"a": {"orjson": {"lists": [100.0]}, "ours": {"lists": [102.0], "kept_kb": [5.0]}}}
    after = {"a": {"orjson": {"lists": [100.0]}, "ours": {"lists": [130.0], "kept_kb": [5.0]}}}
    assert told(before, after) == [("a", "ours", "lists", True)]


def test_the_worst_is_told_first():
    before = {"a": walls(orjson=[1.0], ours=[1.0], httpx=[1.0])}
    after = {"a": walls(orjson=[1.0], ours=[1.5], httpx=[3.0])}
    assert [label for _, label, _, _ in told(before, after)] == ["httpx", "ours"]


@pytest.mark.parametrize(("seconds", "code"), [(3.0, 1), (1.0, 0)])
def test_the_command_ends_with_1_when_something_got_slower(seconds, code, tmp_path, capsys):
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document({"a": walls(orjson=[1.0], ours=[2.0])})))
    new.write_text(json.dumps(document({"a": walls(orjson=[1.0], ours=[seconds])})))
    assert main(["compare", str(old), str(new)]) == code
    assert ("WORSE   a, ours: wall_s 2 to 3" in capsys.readouterr().out) == bool(code)


# --- reach -----------------------------------------------------------------------------------------


def verdict(what: str, found: stats.Results):
    (aim,) = (aim for aim in reach.AIMS if aim.what == what)
    return aim.value(found), aim.met(found)


def test_the_ideal_counts_the_first_page_and_then_rounds():
    assert reach.ideal_listing(100, 16, 0.05) == pytest.approx(8 * 0.05)
    assert reach.ideal_listing(1, 16, 0.05) == pytest.approx(0.05)
    assert reach.ideal_fan_out(2_000, 256, 0.05) == pytest.approx(8 * 0.05)


@pytest.mark.parametrize(("ours", "met"), [(0.5, True), (0.51, False)])
def test_an_aim_is_met_up_to_its_limit(ours, met):
    found = results({"listing-50": walls(ours=[ours] * 3, **{"vcf-sdk": [10.0] * 3})})
    value, is_met = verdict("listing at 50 ms: times as fast as vcf-sdk", found)
    assert (value, is_met) == (10.0 / ours, met)


def test_a_stall_is_judged_by_the_best_run_and_a_time_by_the_median():
    found = results({"lag": {"ours": {"lag_ms": [40.0, 11.0, 90.0], "loads_ms": [1.0, 1.0, 1.0]}}})
    assert verdict("longest hold of the loop, ms", found) == (11.0, True)
    found = results({"listing-50": walls(ours=[0.4, 0.9, 0.8])})
    assert verdict("listing at 50 ms, 16 in flight: of the ideal", found) == (pytest.approx(2.0), False)


def test_start_up_is_judged_without_the_interpreter():
    cpu = {"python": 0.02, "dependencies": 0.22, "session": 0.26}
    found = results({"startup": {label: {"cpu_s": [value]} for label, value in cpu.items()}})
    value, met = verdict("import of TaskSession: of its bare dependencies", found)
    assert (value, met) == (pytest.approx(1.2), False)


def test_results_of_a_busy_machine_say_so():
    found = document({"lag": {"ours": {"lag_ms": [11.0]}}, "listing-0": walls(ours=[1.0])})
    found["made"]["cpus"] = 2
    found["cases"]["lag"]["load"] = [1.9, 2.0]
    assert "busy" not in report.reach(stats.Results(found))
    found["cases"]["lag"]["load"] = [5.1, 1.0]
    assert report.reach(stats.Results(found)).endswith("(load average: lag 5)")


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = report.reach(results({"a": walls(ours=[1.0])})).splitlines()[2:]
    assert len(rows) == len(reach.AIMS)
    assert all(row.endswith("| not measured |") for row in rows)


# --- tables and picture ----------------------------------------------------------------------------


LISTINGS = results(
    {
        "listing-50": {
            "ours": {"wall_s": [0.5, 0.4, 0.6], "first_s": [0.06, 0.05, 0.07]},
            "vcf-sdk": {"wall_s": [10.0, 10.0, 9.0], "first_s": [0.1, 0.1, 0.1]},
            "msgspec": {"wall_s": [0.25, 0.25, 0.25], "first_s": [0.05, 0.05, 0.05]},
        },
        "bulk-64": {
            "ours": {"wall_s": [1.7, 1.6, 1.8], "cpu_s": [0.2, 0.2, 0.2], "writes": [2001.0] * 3},
            "aiohttp": {"wall_s": [1.6, 1.6, 1.6], "cpu_s": [0.1, 0.1, 0.1]},
        },
    }
)


def test_the_table_shows_ratios_with_their_spread():
    text = report.table(LISTINGS)
    assert "| official vcf-sdk (sync) | 10.00 s | 20.0 (15.0 to 25.0) | 100 ms |" in text
    assert "| 2,000 | 64 | 1.60 s | 1.70 s | 1.06 (1.00 to 1.12) | 1.00 (1.00 to 1.00) | – |" in text
    assert "2.00 (2.00 to 2.00) |" in text


def test_every_row_of_every_table_has_as_many_cells_as_its_head():
    for text in (report.table(LISTINGS), report.reach(LISTINGS), report.everything(LISTINGS)):
        for block in text.split("\n\n"):
            rows = [line.count("|") for line in block.splitlines() if line.startswith("|")]
            assert len(set(rows)) <= 1, block


def test_the_picture_is_svg_with_a_bar_for_each_client_in_proportion():
    root = ET.fromstring(svg(LISTINGS))
    bars = {bar.get("class"): float(bar.get("width", "0")) for bar in root.iter(f"{SVG}rect")}
    assert bars["ours"] / bars["peer"] == pytest.approx(0.05, abs=0.001)
    assert bars["floor"] / bars["ours"] == pytest.approx(0.5, abs=0.01)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"vcf_tasks_async", "10.00 s, ×20"} <= set(words)
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for name in root.iter(f"{SVG}text"):
        # A name that ends at its bar must not begin before the picture does: 7 px is a wide letter.
        assert name.get("text-anchor") != "end" or 7 * len(name.text or "") <= float(name.get("x", "0"))
    for shape in (*root.iter(f"{SVG}rect"), *root.iter(f"{SVG}text")):
        assert 0 <= float(shape.get("x", "-1")) + float(shape.get("width", "0")) <= width
        assert 0 <= float(shape.get("y", "-1")) <= height


def test_a_picture_of_nothing_is_still_svg():
    assert math.isfinite(float(ET.fromstring(svg(results({}))).get("viewBox", "").split()[3]))


def test_the_report_command_writes_what_is_asked_for(tmp_path, capsys):
    file, picture = tmp_path / "results.json", tmp_path / "picture.svg"
    file.write_text(json.dumps(document({"listing-50": walls(ours=[0.5], httpx=[5.0])})))
    assert main(["report", str(file), "--table", "--svg", str(picture)]) == 0
    assert "10.0 (10.0 to 10.0)" in capsys.readouterr().out
    assert picture.read_text("utf-8").startswith("<svg")
