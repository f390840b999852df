"""The measure itself works: its server, its clients, its processes. Small, and with no word on speed."""

from __future__ import annotations

import json
import statistics

import pytest

from benchmarks import cases, peers, workload
from benchmarks.meters import Meter
from benchmarks.running import run_case
from benchmarks.server import Serving, serving

TINY = Serving(tasks=200)


def test_tasks_are_of_real_size_and_newest_first():
    pages = workload.Pages(1_000)
    bodies = [pages.page(number, 100) for number in range(10)]
    elements = [task for body in bodies for task in json.loads(body)["elements"]]
    assert statistics.mean(map(len, bodies)) / 100 == pytest.approx(4_400, rel=0.05)
    created = [task["creationTimestamp"] for task in elements]
    assert created == sorted(set(created), reverse=True)
    assert len(created) == len({task["id"] for task in elements}) == 1_000
    assert json.loads(bodies[9])["pageMetadata"] == {
        "pageNumber": 9,
        "pageSize": 100,
        "totalElements": 1_000,
        "totalPages": 10,
    }


def test_more_tasks_than_there_are_bodies_still_have_ids_and_times_of_their_own(monkeypatch):
    monkeypatch.setattr(workload, "DISTINCT", 50)
    elements = json.loads(workload.Pages(120).page(1, 100))["elements"]
    assert [task["id"] for task in elements] == [workload.task_id(place) for place in range(100, 120)]
    assert elements[0]["name"] == json.loads(workload.Pages(50).page(0, 100))["elements"][0]["name"]


def test_each_case_names_peers_that_are_there():
    for case in (*cases.cases().values(), *cases.cases(quick=True).values()):
        assert case.reference in case.trials
        for trial in case.trials.values():
            assert trial.command or trial.work
    for peer in (*peers.LISTING.values(), *peers.RETRIES.values()):
        if not peers.missing(peer.needs):
            assert callable(peer.load())


def test_a_case_can_be_cut_down_to_a_client_and_its_reference():
    slow_pages = cases.cases()["slow-pages"]
    assert list(slow_pages.only(["gather"]).trials) == ["ours", "gather slow"]
    assert list(slow_pages.only(["ours"]).trials) == ["ours", "ours slow"]


def test_one_round_measures_times_requests_and_stalls_in_processes_of_their_own():
    # One test for all of it: processes are what costs time here.
    work = {"kind": "retries", "peer": "ours", "job": {"tasks": 20, "window": 4}}
    trials = {
        **cases.listing("ours", TINY, window=4, ticker=True),
        "retries": cases.Trial("retries", work, TINY),
        "nothing": cases.Trial("nothing", command=("-c", "pass")),
        "absent": cases.Trial("absent", {}, needs=("no_such_package",)),
    }
    found = run_case(cases.Case("tiny", trials, "ours"), 1)

    listing, retries, nothing = (
        {name: values[0] for name, values in found["trials"][label]["measures"].items()}
        for label in ("ours", "retries", "nothing")
    )
    assert found["skipped"] == {"absent": "no_such_package not installed: pip install -e '.[bench]'"}
    # Two pages; a short listing proves itself whole by one more that overlaps with both.
    assert 2 <= listing["lists"] <= 4
    assert listing["highest"] <= 4
    assert 0 < listing["first_s"] <= listing["wall_s"]
    assert {"lag_ms", "held_ms", "loads_ms"} <= listing.keys()
    # And the one before the clock starts, which logs in.
    assert retries["writes"] == 20 + 1
    assert retries["highest"] <= 4
    assert nothing["cpu_s"] > 0


def test_a_meter_that_traces_tells_what_each_task_keeps_and_no_time():
    meter = Meter(trace=True)
    with meter:
        for _ in range(100):
            meter.got([bytes(4096)])
    assert meter.count == 100
    assert meter.found["kept_kb"] == pytest.approx(4.1, abs=0.4)
    assert "wall_s" not in meter.found


def test_a_collection_is_kept_and_not_read():
    class Compact:
        def __len__(self):
            return 100

        def __iter__(self):
            raise AssertionError("read")

    meter = Meter(keep=True)
    with meter:
        meter.got_whole(Compact())
    assert meter.count == 100
    assert 0 <= meter.found["first_s"] <= meter.found["wall_s"]


def test_a_run_that_fails_says_why():
    wrong = cases.Trial("wrong", command=("-c", "raise SystemExit('this is why')"))
    with pytest.raises(RuntimeError, match="this is why"):
        run_case(cases.Case("wrong", {"wrong": wrong}, "wrong"), 1)


def test_a_server_over_a_slow_link_paces_its_bytes_and_compresses_for_those_who_ask():
    import time  # noqa: PLC0415 - the only clock here
    import urllib.request  # noqa: PLC0415 - and the only client

    how = Serving(tasks=100, gzip=True, rate=2_000_000)
    with serving(how) as site:
        sizes = {}
        for encoding in ("identity", "gzip"):
            asked = urllib.request.Request(f"{site.url}/v1/tasks", headers={"Accept-Encoding": encoding})
            started = time.perf_counter()
            with urllib.request.urlopen(asked) as answer:
                sizes[encoding] = len(answer.read())
            # It can be late, but never early.
            assert time.perf_counter() - started >= sizes[encoding] / how.rate
        assert sizes["gzip"] < sizes["identity"] / 4
