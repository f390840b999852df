"""Acting on a fleet: one outcome for each target, and a site in trouble costs the others nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter

import pytest
from fleet_site import FAILED, QUICK, black_hole, nobody, others, patched, site_of

from vcf_tasks_async import (
    Fleet,
    FleetFailures,
    NotSentError,
    PasswordAuth,
    Result,
    Status,
    TaskFilter,
    Unauthorized,
    UsageError,
)


@pytest.mark.parametrize(
    "form", ["filter", "filters", "stream", "begun", "pairs", "generator", "async", "ids"]
)
async def test_every_failed_task_of_every_site_is_retried_once_however_it_is_given(start, form):
    simulators = {"sfo": await start(seed=1, tasks=60), "lax": await start(seed=2, tasks=40)}
    expected = {(name, i) for name, sddc in simulators.items() for i in sddc.ids("Failed")}
    async with Fleet({name: site_of(sddc) for name, sddc in simulators.items()}) as fleet:
        pairs = [item async for item in fleet.stream(FAILED)]

        async def one_by_one():
            for item in [*pairs, *pairs[:5]]:
                yield item

        begun = fleet.stream(FAILED)
        if form == "begun":
            pairs = [await anext(begun)]
        targets = {
            "filter": FAILED,
            "filters": {"sfo": FAILED, "lax": [task for site, task in pairs if site == "lax"]},
            "stream": fleet.stream(FAILED),
            "begun": begun,
            "pairs": [*pairs, *pairs[:5]],
            "generator": (pair for pair in [*pairs, *pairs[:5]]),
            "async": one_by_one(),
            "ids": [(site, task.id) for site, task in [*pairs, *pairs[:5]]],
        }[form]
        report = await fleet.retry_many(targets)
    if form == "begun":
        expected -= {(site, task.id) for site, task in pairs}
    assert report.counts == {Result.ACCEPTED: len(expected)}
    assert {(site, outcome.task_id) for site, outcome in report.outcomes} == expected
    assert report.duplicates == (5 if form in ("pairs", "generator", "async", "ids") else 0)
    assert report.complete
    report.raise_for_failures()
    sent = [(name, i) for name, sddc in simulators.items() for i in patched(sddc)]
    assert sorted(sent) == sorted(expected)
    assert others() == set()


async def test_sites_in_trouble_are_reported_with_each_of_their_targets(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    ids = sfo.ids("Failed")
    with nobody() as down, black_hole() as silent:
        sites = {
            "sfo": site_of(sfo),
            "refused": site_of(lax, auth=PasswordAuth(lax.username, "wrong")),
            "down": down,
            "silent": silent,
        }
        targets = [(name, f"{name}-{n}") for name in ("refused", "down", "silent") for n in range(12)]
        begun = time.perf_counter()
        async with Fleet(sites) as fleet:
            report = await fleet.retry_many([*targets, *(("sfo", i) for i in ids)])
        assert time.perf_counter() - begun < 4
    assert {name: type(trouble.error) for name, trouble in report.troubles.items()} == {
        "refused": Unauthorized,
        "down": NotSentError,
        "silent": report.troubles["silent"].error.__class__,
    }
    assert report.counts == {Result.ACCEPTED: len(ids), Result.NOT_SENT: 36}
    assert Counter((site, o.task_id) for site, o in report.outcomes) == Counter(
        [*targets, *(("sfo", i) for i in ids)]
    )
    for name in ("refused", "down", "silent"):
        assert report.sites[name].stopped == "8 in a row never got there"
    assert lax.failed_logins == 1
    assert not report.complete
    with pytest.raises(FleetFailures, match="3 sites in trouble") as caught:
        report.raise_for_failures()
    assert caught.value.report is report
    said = str(report)
    assert said.startswith(f"retry of {36 + len(ids)} tasks at 4 sites in ")
    assert "in trouble: retry at down: " in said
    assert f"{len(ids)} sfo: {len(ids)} accepted" in said
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["counts"] == {"accepted": len(ids), "not_sent": 36}
    assert plain["troubles"]["down"]["kind"] == "NotSentError"
    assert len(plain["sites"]["down"]["outcomes"]) == 12


async def test_a_site_that_cannot_be_listed_is_in_trouble_and_the_others_are_retried(start):
    sfo = await start(seed=1)
    failed = sfo.ids("Failed")
    with nobody() as down:
        async with Fleet({"sfo": site_of(sfo), "down": down}) as fleet:
            begun = fleet.stream(FAILED)
            await anext(begun)
            # Both when it is taken site by site, and when it has a reader already.
            for source, left in ((begun, failed[1:]), (fleet.stream(FAILED), [])):
                report = await fleet.retry_many(source)
                assert report.counts.get(Result.ACCEPTED, 0) == len(left)
                assert report.troubles.keys() == {"down"}
                assert not report.complete
                sfo.tasks[failed[0]]["status"] = "Successful"


async def test_a_slow_site_does_not_hold_up_targets_of_others_from_one_source(start):
    sfo = await start(seed=1, tasks=200, failed=1.0)
    slow = await start(seed=2, tasks=200, failed=1.0, latency=lambda r: 0.2 if r.method == "PATCH" else 0.0)
    async with Fleet({"sfo": site_of(sfo), "slow": site_of(slow, concurrency=1)}) as fleet:
        pairs = (
            (site, i)
            for pair in zip(sfo.ids(), slow.ids(), strict=True)
            for site, i in zip(("sfo", "slow"), pair, strict=True)
        )
        async with asyncio.timeout(10), fleet.retry_many(pairs) as outcomes:
            async for site, _ in outcomes:
                if site == "sfo" and len(outcomes.report.sites["sfo"]) == 200:
                    break
            assert len(outcomes.report.sites["slow"]) < 20
    # Left early: what was handed to the slow site and never sent is accounted for.
    assert outcomes.report.stopped == "it was left before its end"
    report = outcomes.report.sites["slow"]
    assert len(report) == 200
    assert report.counts[Result.NOT_SENT] > 170
    assert len(patched(slow)) == len(set(patched(slow))) == report.counts[Result.ACCEPTED]
    assert others() == set()


async def test_outcomes_come_as_they_are_known_with_their_site_and_their_end(start):
    simulators = {
        n: await start(seed=i, tasks=10, live=True, speed=600, retry_succeeds=1.0) for i, n in enumerate("ab")
    }
    async with Fleet({name: site_of(sddc) for name, sddc in simulators.items()}) as fleet:
        seen = Counter()
        async with fleet.retry_many(FAILED, wait=True) as outcomes:
            async for site, outcome in outcomes:
                seen[site] += 1
                assert outcome.result is Result.ACCEPTED, outcome
                assert outcome.final.succeeded
    assert seen == {name: len(set(patched(sddc))) for name, sddc in simulators.items()}


async def test_a_journal_has_a_file_for_each_site_and_a_second_run_sends_nothing_twice(start, tmp_path):
    sfo, lax = await start(seed=1), await start(seed=2)
    pairs = [*(("sfo", i) for i in sfo.ids("Failed")), *(("lax", i) for i in lax.ids("Failed"))]
    for earlier in (0, 1):
        async with Fleet({"sfo": site_of(sfo), "lax": site_of(lax)}) as fleet:
            report = await fleet.retry_many(pairs, journal=tmp_path / "night")
        assert report.counts == {Result.ACCEPTED: len(pairs)}
        assert sum(outcome.accepted_before for _, outcome in report.outcomes) == earlier * len(pairs)
        assert str(report).count("of them before, by the journal") == earlier * 2
    assert sorted(path.name for path in (tmp_path / "night").iterdir()) == ["lax.jsonl", "sfo.jsonl"]
    assert Counter([*patched(sfo), *patched(lax)]) == Counter(i for _, i in pairs)
    async with Fleet({"sfo": site_of(lax), "lax": site_of(lax)}) as fleet:
        report = await fleet.retry_many([("sfo", "a758"), ("lax", pairs[-1][1])], journal=tmp_path / "night")
    assert "is of another run" in str(report.troubles["sfo"]), (
        "a journal that is another's is a site's trouble"
    )
    assert report.counts == {Result.ACCEPTED: 1, Result.NOT_SENT: 1}


async def test_a_deadline_ends_all_sites_and_accounts_for_what_was_not_come_to(start):
    slow = [await start(seed=n, tasks=40, failed=1.0, latency=0.1) for n in range(2)]
    async with Fleet({f"s{n}": site_of(s, concurrency=2) for n, s in enumerate(slow)}) as fleet:
        report = await fleet.retry_many(
            [(f"s{n}", i) for n, s in enumerate(slow) for i in s.ids()], deadline=0.5
        )
    assert len(report) == 80
    assert report.counts[Result.NOT_SENT] >= 40
    assert {site.stopped for site in report.sites.values()} == {"its deadline of 0.5 s passed"}


async def test_what_a_source_raises_comes_out_with_the_report_so_far(start):
    sfo = await start()
    ids = sfo.ids("Failed")

    async def broken():
        for task_id in ids[:3]:
            yield "sfo", task_id
        while len(patched(sfo)) < 3:
            await asyncio.sleep(0.01)
        raise LookupError("the database is gone")

    async with Fleet({"sfo": site_of(sfo)}) as fleet:
        with pytest.raises(LookupError, match="the database is gone") as caught:
            await fleet.retry_many(broken())
        assert {o.task_id for _, o in caught.value.report.outcomes} == set(ids[:3])
        assert not caught.value.report.complete
        with pytest.raises(UsageError, match=r"no site 'oak': it has sfo"):
            await fleet.retry_many(iter([("oak", "a758")]))
    assert others() == set()


@pytest.mark.parametrize(
    ("targets", "how", "words"),
    [
        ([("oak", "a758")], {}, "no site 'oak'"),
        ({"oak": FAILED}, {}, "no site 'oak'"),
        (["a758"], {}, "a pair of a site's name and a task or its id"),
        ("a758", {}, "targets are pairs"),
        (None, {}, "targets are pairs"),
        ({"sfo": "a758"}, {}, "targets of site sfo"),
        ([], {"rate": 0}, "rate"),
        ([], {"stop_after": -1}, "stop_after"),
        ([], {"deadline": -1}, "deadline"),
        ([], {"concurrency": 0}, "concurrency"),
        ([], {"journal": __file__}, "no directory"),
    ],
)
async def test_what_cannot_be_meant_is_told_before_anything_is_sent(start, targets, how, words):
    sfo = await start(tasks=1)
    async with Fleet({"sfo": site_of(sfo)}) as fleet:
        with pytest.raises(UsageError, match=words):
            fleet.retry_many(targets, **how)
    assert len(sfo.requests) == 0


async def test_a_dry_run_sends_nothing_and_a_brake_of_one_site_leaves_the_others(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    async with Fleet({"sfo": site_of(sfo), "lax": site_of(lax)}) as fleet:
        report = await fleet.retry_many(FAILED, dry_run=True)
        assert set(report.counts) == {Result.SKIPPED}
        assert patched(sfo) == patched(lax) == []
        bad = [("sfo", i) for i in sfo.ids("Successful")[:8]]
        good = [("lax", i) for i in lax.ids("Failed")]
        report = await fleet.retry_many([*bad, *good], stop_after=3, concurrency=1)
    assert report.sites["sfo"].stopped
    assert report.sites["sfo"].counts == {Result.REJECTED: 3, Result.NOT_SENT: 5}
    assert report.sites["lax"].counts == {Result.ACCEPTED: len(good)}
    assert report.troubles == {}, "a brake is no trouble of the site's"


async def test_cancel_many_cancels_what_runs_at_each_site(start):
    simulators = {
        n: await start(seed=i, tasks=20, failed=0, running=0.5, zombies=0) for i, n in enumerate("ab")
    }
    running = TaskFilter(status=[Status.IN_PROGRESS, Status.PENDING])
    async with Fleet({n: site_of(s, policy=QUICK) for n, s in simulators.items()}) as fleet:
        report = await fleet.cancel_many(running)
    assert report.counts[Result.ACCEPTED] == sum(len(s.ids("Cancelled")) for s in simulators.values()) > 0


async def test_a_site_whose_listing_the_deadline_cut_off_is_in_trouble(start):
    sfo = await start()
    with black_hole() as silent:
        async with Fleet({"sfo": site_of(sfo), "silent": silent}) as fleet:
            report = await fleet.retry_many(FAILED, deadline=0.6)
    assert report.counts == {Result.ACCEPTED: 15}
    assert {name: str(trouble.error) for name, trouble in report.troubles.items()} == {
        "silent": "the run's deadline of 0.6 s passed"
    }
