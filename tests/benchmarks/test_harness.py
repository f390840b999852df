"""The measure itself works: its server, its clients, its processes. Small, and with no word on speed."""

from __future__ import annotations

import json
import statistics

import pytest

from benchmarks import cases, peers, workload
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


@pytest.fixture(scope="module")
def tiny():
    """One round of listings and a bulk run, by clients that need no extra, in processes of their own."""
    trials = {
        **cases.listing("ours", TINY, window=4),
        **cases.listing("ours-read", TINY, window=4, ticker=True),
        **cases.listing("gather", TINY, window=4, trace=True),
        **cases.listing("bytes", TINY, window=4),
        "retries": cases.Trial(
            "retries",
            {"kind": "retries", "peer": "ours", "job": {"tasks": 20, "window": 4}},
            TINY,
        ),
        "nothing": cases.Trial("nothing", command=("-c", "pass")),
        "absent": cases.Trial("absent", {}, needs=("no_such_package",)),
    }
    return run_case(cases.Case("tiny", trials, "bytes"), 1)


def measures(tiny, label):
    return {name: values[0] for name, values in tiny["trials"][label]["measures"].items()}


def test_a_listing_is_timed_and_its_requests_counted(tiny):
    found = measures(tiny, "ours")
    # Two pages: the listing proves itself whole by one more with an overlap, as short ones do.
    assert found["lists"] <= 4
    assert found["highest"] <= 4
    assert 0 < found["first_s"] <= found["wall_s"]
    assert found["cpu_s"] > 0
    assert measures(tiny, "bytes")["lists"] == 2


def test_a_ticker_and_a_trace_add_their_measures(tiny):
    assert {"lag_ms", "held_ms", "loads_ms"} <= measures(tiny, "ours-read").keys()
    traced = measures(tiny, "gather")
    assert 5 < traced["kept_kb"] < 30
    assert "wall_s" not in traced


def test_a_bulk_run_sends_each_target_once(tiny):
    # And the one before the clock starts, which logs in.
    assert measures(tiny, "retries")["writes"] == 20 + 1
    assert measures(tiny, "retries")["highest"] <= 4


def test_a_command_is_timed_and_what_is_not_installed_left_out(tiny):
    assert measures(tiny, "nothing")["cpu_s"] > 0
    assert tiny["skipped"] == {"absent": "no_such_package not installed: pip install -e '.[bench]'"}


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
