"""A part that is done elsewhere: whenever its job is cut off, another one goes on, and nothing is sent twice.

No cluster is needed: jobs run on the test's own loop, and each word is pickled on its way.
"""

from __future__ import annotations

import asyncio
import os
import pickle
from collections import Counter
from random import Random
from typing import Any

import attrs
import pytest
from fleet_site import FAILED, QUICK, nobody, others, patched, site_of

from vcf_tasks_async import (
    EnvSecret,
    FleetFailures,
    NotSentError,
    PasswordAuth,
    Policy,
    Polling,
    Result,
    Site,
    SiteTroubles,
    Unauthorized,
    UsageError,
    WaitTimeout,
)
from vcf_tasks_async.jobs import run_job
from vcf_tasks_async.remote_fleet import RemoteFleet

SEED = int(os.environ.get("VCF_TASKS_SEED", "3"))
LEASE = 0.3
BRIEF = Policy(deadline=0.4, attempt_timeout=0.4, base=0.02, cap=0.1, grace=0.4, budget=5)
QUICKLY = Polling(initial=0.02, maximum=0.05, patience=0.3)


class Here(RemoteFleet):
    """Runs the jobs on this loop; `cut` takes a job's line away, and another job begins at once."""

    def __init__(self, sites, lease=LEASE):
        super().__init__(sites, lease=lease)
        self.silent = False
        self.words: Counter[str] = Counter()
        self.cut: Any = lambda name, words: False
        self.jobs = 0

    async def _drive(self, parts):
        running: set[asyncio.Task[None]] = set()

        def begin(name: str) -> None:
            self.jobs += 1
            line = Line(self, parts, name, begin)
            # A job whose line is cut goes on by itself, as one does on a machine that is cut off.
            task = asyncio.create_task(run_job(pickle.loads(pickle.dumps(parts.parts[name].job)), line))
            running.add(task)
            task.add_done_callback(running.discard)

        for name in parts.parts:
            begin(name)
        try:
            while not parts.over:
                parts.changed.clear()
                await parts.changed.wait()
            if running:
                await asyncio.wait(tuple(running))
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(tuple(running))


class Line:
    def __init__(self, fleet, parts, name, again):
        self.fleet, self.parts, self.name, self.again = fleet, parts, name, again
        self.attempt = f"{name}-{fleet.jobs}"
        self.is_cut = False
        self.said = 0

    async def ask(self, what, about=None):
        await asyncio.sleep(0.002)
        if self.is_cut:
            await self.end()
        self.fleet.words[what] += 1
        self.said += 1
        answer = self.parts.heard(self.name, self.attempt, what, pickle.loads(pickle.dumps(about)))
        if what != "end" and self.fleet.cut(self.name, self.said):
            # The word was heard, its answer is lost.
            self.is_cut = True
            self.again(self.name)
            await self.end()
        return pickle.loads(pickle.dumps(answer))

    async def end(self):
        # Told at once that there is nobody; or left to wait, as one is whose network is gone.
        await asyncio.sleep(2.2 if self.fleet.silent else 0)
        raise ConnectionError("cut")


def far(sddc, monkeypatch, **how) -> Site:
    monkeypatch.setenv("FAR_PASSWORD", sddc.password)
    auth = how.pop("auth", None) or PasswordAuth(sddc.username, EnvSecret("FAR_PASSWORD"))
    return site_of(sddc, auth=auth, **{"policy": BRIEF, **how})


async def test_listing_waiting_and_acting_are_as_those_of_a_fleet_here(start, monkeypatch):
    sfo, lax = await start(seed=1, tasks=90), await start(seed=2, tasks=50)
    fleet = Here({"sfo": far(sfo, monkeypatch), "lax": far(lax, monkeypatch)})
    stream = fleet.stream()
    seen = [(site, task.id) async for site, task in stream]
    assert sorted(seen) == sorted([*(("sfo", i) for i in sfo.ids()), *(("lax", i) for i in lax.ids())])
    assert stream.complete
    waits = fleet.wait_many([("sfo", i) for i in sfo.ids("Failed")[:3]], polling=QUICKLY)
    assert len([item async for item in waits]) == 3
    expected = {*(("sfo", i) for i in sfo.ids("Failed")), *(("lax", i) for i in lax.ids("Failed"))}
    report = await fleet.retry_many(fleet.stream(FAILED), concurrency=4)
    assert {(site, o.task_id) for site, o in report.outcomes} == expected
    assert report.counts == {Result.ACCEPTED: len(expected)}
    assert report.complete
    assert sorted([*patched(sfo), *patched(lax)]) == sorted(i for _, i in expected)
    running = [("sfo", i) for i in sfo.ids("In Progress")[:4]]
    async with fleet.cancel_many(running) as outcomes:
        assert [outcome.result async for _, outcome in outcomes] == [Result.ACCEPTED] * 4
    assert others() == set()


async def test_a_job_that_is_cut_off_at_any_word_sends_nothing_twice(start, monkeypatch):
    # Side by side: each waits for seconds until the writes of a lost job can't be under way any more.
    async with asyncio.TaskGroup() as cases:
        for case in range(2):
            for by in ("filter", "tasks"):
                cases.create_task(_cut_off(start, monkeypatch, case, by), name=f"case {case} by {by}")


async def _cut_off(start, monkeypatch, case, by):
    rng = Random(SEED * 100 + case)
    # For a while after a retry the old failure shows: a listing alone would send it again.
    simulators = {
        name: await start(
            seed=n, tasks=60, failed=1.0, stale_failed=0.3,
            latency=lambda r: 0.02 if r.method == "PATCH" else 0.002,
        )
        for n, name in enumerate(("sfo", "lax"))
    }  # fmt: skip
    # Long enough for a machine that is busy with other things: every outcome is judged.
    policy = attrs.evolve(BRIEF, deadline=5, attempt_timeout=5)
    sites = {name: far(sddc, monkeypatch, concurrency=4, policy=policy) for name, sddc in simulators.items()}
    fleet = Here(sites)
    targets: Any = [item async for item in fleet.stream(FAILED)] if by == "tasks" else FAILED
    fleet.words.clear()
    fleet.jobs = 0
    cuts = {name: [rng.randint(2, 9) for _ in range(2)] for name in simulators}
    fleet.cut = lambda name, words: bool(cuts[name]) and words == cuts[name][0] and bool(cuts[name].pop(0))
    seen: Counter[tuple[str, str]] = Counter()
    async with fleet.retry_many(targets) as outcomes:
        async for site, outcome in outcomes:
            seen[site, outcome.task_id] += 1
            assert outcome.result is Result.ACCEPTED, outcome
    assert fleet.jobs > 2, "a job was cut off"
    sent = Counter((name, i) for name, sddc in simulators.items() for i in patched(sddc))
    assert set(sent.values()) == {1}, "nothing was sent twice"
    assert seen == sent == Counter((name, i) for name, sddc in simulators.items() for i in sddc.tasks)
    assert outcomes.report.counts == {Result.ACCEPTED: 120}


async def test_a_job_that_only_lost_touch_stops_before_another_one_takes_its_place(start, monkeypatch):
    # One write after the other: they take longer than the lease, and that is longer than a look waits.
    sfo = await start(tasks=30, failed=1.0, latency=lambda r: 0.08 if r.method == "PATCH" else 0.0)
    policy = attrs.evolve(BRIEF, deadline=0.4, attempt_timeout=0.4, grace=0.2)
    fleet = Here({"sfo": far(sfo, monkeypatch, concurrency=1, policy=policy)}, lease=1.0)
    fleet.silent = True
    cuts = [3]
    fleet.cut = lambda name, words: words in cuts and bool(cuts.pop())
    report = await fleet.retry_many(FAILED)
    assert fleet.jobs == 2
    before = [r.token for r in sfo.requests.select(method="PATCH", path="/v1/tasks/.*")]
    assert len(set(before)) == 2, "both sent some"
    # A machine that is busy may lose an answer: that is for the look to say.
    assert report.counts[Result.ACCEPTED] + report.counts[Result.UNKNOWN] == 30
    assert report.counts[Result.ACCEPTED] > 25
    assert set(Counter(patched(sfo)).values()) == {1}


async def test_ids_alone_end_as_unknown_where_a_look_cannot_tell_and_are_not_sent_again(start, monkeypatch):
    sfo = await start(seed=1, tasks=40, failed=1.0, latency=lambda r: 0.02 if r.method == "PATCH" else 0.0)
    fleet = Here({"sfo": far(sfo, monkeypatch, concurrency=2)})
    cuts = [3]
    fleet.cut = lambda name, words: words in cuts and bool(cuts.pop())
    report = await fleet.retry_many([("sfo", i) for i in sfo.ids()])
    assert len(report) == 40
    assert set(report.counts) <= {Result.ACCEPTED, Result.UNKNOWN}
    assert report.counts[Result.UNKNOWN] > 0
    assert set(Counter(patched(sfo)).values()) == {1}


async def test_what_a_run_skips_is_skipped_as_well_by_the_job_that_takes_over(start, monkeypatch):
    sfo = await start(tasks=80, latency=lambda r: 0.02 if r.method == "PATCH" else 0.0)
    expected = {Result.ACCEPTED: 40, Result.SKIPPED: 40}
    fleet = Here({"sfo": far(sfo, monkeypatch, concurrency=2)})
    everything = [item async for item in fleet.stream()]
    cuts = [4]
    fleet.cut = lambda name, words: words in cuts and bool(cuts.pop())
    report = await fleet.retry_many(everything)
    assert cuts == []
    assert report.counts == expected
    assert set(Counter(patched(sfo)).values()) == {1}
    assert fleet.words["intents"] > 0
    fleet.words.clear()
    assert set((await fleet.retry_many(everything, dry_run=True)).counts) == {Result.SKIPPED}
    assert fleet.words["intents"] == 0, "what is not sent is not announced"


async def test_a_listing_that_is_cut_off_yields_each_task_once(start, monkeypatch):
    sfo = await start(tasks=200)
    fleet = Here({"sfo": far(sfo, monkeypatch)})
    cuts = [4, 3]
    fleet.cut = lambda name, words: bool(cuts) and words == cuts[-1] and bool(cuts.pop())
    seen = [task.id async for _, task in fleet.stream()]
    assert fleet.jobs == 3
    assert sorted(seen) == sorted(sfo.ids())


async def test_sites_in_trouble_are_told_of_with_each_of_their_targets(start, monkeypatch):
    sfo = await start(seed=1)
    monkeypatch.setenv("WRONG", "wrong")
    refused = far(sfo, monkeypatch, auth=PasswordAuth(sfo.username, EnvSecret("WRONG")))
    unset = far(sfo, monkeypatch, auth=PasswordAuth(sfo.username, EnvSecret("NOT_SET_ON_THE_WORKER")))
    with nobody() as empty:
        # Given up when its repeats are spent: a busy machine would meet the brief deadline first.
        patient = attrs.evolve(BRIEF, deadline=10)
        down = Site(empty.url, PasswordAuth("a", EnvSecret("WRONG")), policy=patient)
        fleet = Here({"sfo": far(sfo, monkeypatch), "refused": refused, "down": down, "unset": unset})
        stream = fleet.stream()
        with pytest.raises(SiteTroubles, match="3 of 4 sites in trouble"):
            assert [site async for site, _ in stream] == ["sfo"] * 30
        assert {n: type(t.error) for n, t in stream.troubles.items()} == {
            "refused": Unauthorized, "down": NotSentError, "unset": UsageError,
        }  # fmt: skip
        targets = [(name, f"a{n}") for name in ("refused", "down", "unset") for n in range(12)]
        report = await fleet.retry_many([*targets, *(("sfo", i) for i in sfo.ids("Failed"))])
        assert report.troubles.keys() == {"refused", "down", "unset"}
        assert report.counts == {Result.NOT_SENT: 36, Result.ACCEPTED: 15}
        with pytest.raises(FleetFailures):
            report.raise_for_failures()
        waits = fleet.wait_many([*targets[:1], ("sfo", sfo.ids("Successful")[0])], polling=QUICKLY)
        with pytest.raises(SiteTroubles):
            assert [site async for site, _ in waits] == ["sfo"]
        assert waits.missed.keys() == {("refused", "a0")}


async def test_leaving_early_sends_no_more_and_accounts_for_each_target(start, monkeypatch):
    sfo = await start(tasks=200, failed=1.0, latency=lambda r: 0.05 if r.method == "PATCH" else 0.0)
    fleet = Here({"sfo": far(sfo, monkeypatch, concurrency=2)})
    async with fleet.retry_many([("sfo", i) for i in sfo.ids()]) as outcomes:
        for _ in range(3):
            await anext(outcomes)
    report = outcomes.report
    assert report.stopped == "it was left before its end"
    assert len(report) == 200
    sent = patched(sfo)
    assert 3 <= len(sent) < 30
    assert report.counts == {Result.ACCEPTED: len(sent), Result.NOT_SENT: 200 - len(sent)}
    assert others() == set()


async def test_a_slow_reader_holds_the_jobs_back(start, monkeypatch):
    sfo = await start(tasks=1200)
    fleet = Here({"sfo": far(sfo, monkeypatch, policy=QUICK)})
    async with fleet.stream() as stream:
        await anext(stream)
        async with asyncio.timeout(10):
            while not fleet.words["room"]:
                await asyncio.sleep(0.01)
        # 1,000 that wait, and what the job had in hand when it was told.
        assert fleet.words["tasks"] * 32 <= 1000 + 2 * 32
        assert len([item async for item in stream]) == 1199


async def test_a_wait_goes_on_where_the_lost_one_was_and_keeps_its_time(start, monkeypatch):
    sfo = await start(seed=1, tasks=10)
    running = sfo.add_task(status="In Progress")
    fleet = Here({"sfo": far(sfo, monkeypatch)})
    cuts = [2]
    fleet.cut = lambda name, words: words in cuts and bool(cuts.pop())
    ended = sfo.ids("Failed")[:3]
    waits = fleet.wait_many([("sfo", i) for i in [*ended, running]], timeout=1.0, polling=QUICKLY)
    seen = []
    async with asyncio.timeout(4):
        with pytest.raises(WaitTimeout):
            async for _, task in waits:
                seen.append(task.id)
    assert sorted(seen) == sorted(ended)
    assert waits.missed.keys() == {("sfo", running)}


@pytest.mark.parametrize(
    "secret", ["VMw@re1!", lambda: "VMw@re1!"], ids=["a text", "a function that nobody can import"]
)
def test_a_secret_that_would_travel_is_refused_before_anything_does(secret):
    with pytest.raises(UsageError, match=r"site sfo can't go to another machine: .* EnvSecret") as caught:
        Here({"sfo": Site("sfo-vcf01.rainpole.io", PasswordAuth("a", secret))})
    assert "VMw@re1!" not in str(caught.value)


@pytest.mark.parametrize(
    "targets", ["a758", None, ["a758"], {"oak": FAILED}, [("oak", "a758")], {"sfo": "a758"}]
)
def test_targets_that_cannot_be_meant_are_told_before_a_job_begins(targets):
    fleet = Here({"sfo": Site("sfo-vcf01.rainpole.io", PasswordAuth("a", EnvSecret("A")))})
    with pytest.raises(UsageError):
        fleet.retry_many(targets)
    with pytest.raises(UsageError):
        fleet.wait_many(targets)
    assert fleet.jobs == 0
