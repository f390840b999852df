"""Reading a fleet: each item with its site; a site in trouble costs the others nothing and is not hidden."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from fleet_site import FAILED, black_hole, nobody, others, site_of

from vcf_tasks_async import (
    EventKind,
    Fleet,
    NotSentError,
    PasswordAuth,
    Polling,
    Site,
    SiteTask,
    SiteTroubles,
    Tls,
    Unauthorized,
    UsageError,
    WaitError,
    WaitTimeout,
)

QUICKLY = Polling(initial=0.02, maximum=0.05, patience=0.3)


async def test_a_stream_yields_every_task_of_every_site_once_with_its_site(start):
    simulators = {f"s{n}": await start(seed=n, tasks=120) for n in range(3)}
    async with Fleet({name: site_of(sddc) for name, sddc in simulators.items()}) as fleet:
        stream = fleet.stream()
        seen = [(site, task.id) async for site, task in stream]
    assert sorted(seen) == sorted((name, i) for name, sddc in simulators.items() for i in sddc.ids())
    assert stream.complete
    assert stream.troubles == {}


async def test_a_filter_may_be_another_one_for_each_site_and_leaves_out_the_rest(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    async with Fleet({"sfo": site_of(sfo), "lax": site_of(lax)}) as fleet:
        seen = {site: task.id async for site, task in fleet.stream({"sfo": FAILED})}
    assert seen.keys() == {"sfo"}
    assert len(lax.requests) == 0, "a site that is not meant is not asked"


async def test_sites_that_are_down_or_refuse_the_login_are_told_of_at_the_end(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    wrong = PasswordAuth(lax.username, "wrong")
    with nobody() as down:
        sites = {"down": down, "sfo": site_of(sfo), "lax": site_of(lax, auth=wrong)}
        sites["ca"] = Site("sfo-vcf01.rainpole.io", wrong, tls=Tls(ca_file="/nowhere.pem"))
        async with Fleet(sites) as fleet:
            seen = []
            with pytest.raises(SiteTroubles, match="3 of 4 sites in trouble: ") as caught:
                async for site, task in fleet.stream():
                    seen.append((site, task.id))
            assert sorted(seen) == sorted(("sfo", i) for i in sfo.ids())
            troubles = caught.value.troubles
            assert {name: type(trouble.error) for name, trouble in troubles.items()} == {
                "down": NotSentError,
                "lax": Unauthorized,
                "ca": UsageError,
            }
            assert "/nowhere.pem" in str(troubles["ca"])
            quiet = fleet.stream(raise_troubles=False)
            assert len([item async for item in quiet]) == len(seen)
            assert quiet.troubles.keys() == troubles.keys()
            assert not quiet.complete
    assert lax.failed_logins == 1, "a refused login is not tried again and again"


async def test_a_site_that_never_answers_does_not_hold_up_the_others(start):
    sfo = await start()
    with black_hole() as slow:
        async with Fleet({"slow": slow, "sfo": site_of(sfo)}, concurrency=1 + slow.concurrency) as fleet:
            begun = time.perf_counter()
            async with fleet.stream() as stream:
                for _ in sfo.ids():
                    assert (await anext(stream)).site == "sfo"
            assert time.perf_counter() - begun < slow.policy.attempt_timeout


async def test_a_bare_break_leaves_nothing_behind(start):
    sites = {f"s{n}": site_of(await start(seed=n, tasks=300)) for n in range(3)}
    async with Fleet(sites) as fleet:
        async for _ in fleet.stream(page_size=10):
            break
        # What was in flight ends by itself.
        async with asyncio.timeout(5):
            while others():
                await asyncio.sleep(0.01)
        async with fleet.watch(polling=QUICKLY) as events:
            await anext(events)
        assert others() == set()


async def test_a_timeout_round_one_anext_loses_nothing(start):
    sddc = await start(tasks=40, latency=0.05)
    async with Fleet({"sfo": site_of(sddc)}) as fleet:
        stream, seen = fleet.stream(page_size=10), []
        while True:
            try:
                async with asyncio.timeout(0.01):
                    seen.append((await anext(stream)).task.id)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                break
    assert sorted(seen) == sorted(sddc.ids())


async def test_a_reader_who_waits_holds_the_sites_back(start):
    simulators = [await start(seed=n, tasks=400) for n in range(4)]
    sites = {f"s{n}": site_of(sddc) for n, sddc in enumerate(simulators)}
    async with Fleet(sites) as fleet, fleet.stream(page_size=20) as stream:
        await anext(stream)
        for _ in range(20):
            # As long as anyone goes on reading.
            before = [len(sddc.requests) for sddc in simulators]
            await asyncio.sleep(0.05)
            if before == [len(sddc.requests) for sddc in simulators]:
                break
        pages = sum(sddc.requests.count(path="/v1/tasks") for sddc in simulators)
        # 256 that wait for the reader, and at each site one page in hand and two ahead.
        assert pages * 20 <= 256 + 4 * 3 * 20 + 20
        rest = [item async for item in stream]
    assert len(rest) == 4 * 400 - 1


async def test_requests_of_all_sites_are_bounded_together(start):
    in_flight = most = 0

    def slowly(request) -> float:
        return 0.01

    simulators = [await start(seed=n, tasks=60, latency=slowly) for n in range(5)]

    def count(request) -> None:
        nonlocal in_flight, most
        now = sum(s.requests._in_flight for s in simulators)
        most = max(most, now)

    for sddc in simulators:
        sddc.on_request(count)
    async with Fleet({f"s{n}": site_of(s) for n, s in enumerate(simulators)}, concurrency=3) as fleet:
        assert len([item async for item in fleet.stream(page_size=10, prefetch=4)]) == 300
    assert most == 3


async def test_wait_many_yields_each_task_as_it_ends_and_names_what_did_not(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    running = lax.add_task(status="In Progress")
    lax.tasks[running]["status"] = "In Progress"
    with nobody() as down:
        async with Fleet({"sfo": site_of(sfo), "lax": site_of(lax), "down": down}) as fleet:
            ended = sfo.ids("Failed")[:3]
            targets = [*(("sfo", i) for i in ended), ("lax", running), ("down", "a758")]
            waits = fleet.wait_many(targets, timeout=1, polling=QUICKLY)
            seen = []
            with pytest.raises(WaitError):
                async for item in waits:
                    assert isinstance(item, SiteTask)
                    seen.append((item.site, item.task.id))
    assert sorted(seen) == sorted(("sfo", i) for i in ended)
    assert waits.missed.keys() == {("lax", running), ("down", "a758")}, "each target is accounted for"
    assert isinstance(waits.missed["lax", running], WaitTimeout)


async def test_a_site_where_nothing_can_be_waited_for_is_in_trouble_and_its_targets_are_missed(start):
    sfo, lax = await start(seed=1), await start(seed=2)
    async with Fleet(
        {"sfo": site_of(sfo), "lax": site_of(lax, auth=PasswordAuth(lax.username, "wrong"))}
    ) as fleet:
        ids = {"sfo": sfo.ids("Failed")[:2], "lax": lax.ids("Failed")[:2]}
        waits = fleet.wait_many(ids, polling=QUICKLY)
        with pytest.raises(SiteTroubles):
            assert len([item async for item in waits]) == 2
    assert isinstance(waits.troubles["lax"].error, Unauthorized)
    assert set(waits.missed) == {("lax", i) for i in ids["lax"]}


async def test_watch_tells_the_events_of_all_sites_and_of_one_that_is_lost(start):
    sfo, lax = await start(seed=1, tasks=3), await start(seed=2, tasks=3)
    refused = site_of(lax, auth=PasswordAuth(lax.username, "wrong"))
    fleet = Fleet({"sfo": site_of(sfo), "lax": site_of(lax), "refused": refused})
    async with fleet, fleet.watch(polling=QUICKLY, initial=False) as events:
        event = await anext(events)
        assert (event.site, event.event.kind) == ("refused", EventKind.LOST)
        assert isinstance(event.event.error, Unauthorized)
        assert events.troubles.keys() == {"refused"}
        # Tasks that are there are known before anything new appears.
        while not (sfo.requests.count(path="/v1/tasks") and lax.requests.count(path="/v1/tasks")):
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        new = {"sfo": sfo.add_task(status="Failed"), "lax": lax.add_task(status="Failed")}
        seen = {}
        while len(seen) < 2:
            site, event = await anext(events)
            seen[site] = (event.kind, event.task_id)
    assert seen == {name: (EventKind.APPEARED, task_id) for name, task_id in new.items()}


async def test_a_watch_goes_on_from_its_cursor_and_tells_each_event_once(start):
    sfo, lax = await start(seed=1, tasks=20), await start(seed=2, tasks=20)
    async with Fleet({"sfo": site_of(sfo), "lax": site_of(lax)}) as fleet:
        told: list[tuple[str, str | None]] = []
        cursor = None
        while len(told) < 40:
            # Left after every seventh event: what waited for the reader is told to the next one.
            async with asyncio.timeout(10), fleet.watch(polling=QUICKLY, cursor=cursor) as events:
                for _ in range(min(7, 40 - len(told))):
                    site, event = await anext(events)
                    told.append((site, event.task_id))
                cursor = json.loads(json.dumps(events.cursor))
    assert sorted(told) == sorted([*(("sfo", i) for i in sfo.ids()), *(("lax", i) for i in lax.ids())])


async def test_a_fleet_opens_again_and_says_when_it_is_not_open(start):
    sddc = await start(tasks=2)
    fleet = Fleet({"sfo": site_of(sddc)})
    assert repr(fleet) == "<Fleet of 1 site (not open)>"
    with pytest.raises(UsageError, match="async with Fleet"):
        await anext(fleet.stream())
    for _ in range(2):
        async with fleet:
            assert len([item async for item in fleet.stream()]) == 2
            session = await fleet.session("sfo")
            assert (await session.get(sddc.ids()[0])).id == sddc.ids()[0]
            with pytest.raises(UsageError, match=r"no site 'lax': it has sfo"):
                await fleet.session("lax")
    assert others() == set()
    assert sddc.logins == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda site: {}, "takes its sites by name"),
        (lambda site: [site], "takes its sites by name"),
        (lambda site: {"sfo": "sfo-vcf01"}, "takes a Site, not str"),
        (lambda site: {"../sfo": site}, "no name for a site"),
        (lambda site: {"sfo": site, "SFO": site}, "differ in case alone"),
        (lambda site: {"sfo": Site("http://sfo-vcf01.rainpole.io", site.auth)}, "site sfo: http://"),
        (lambda site: {"sfo": Site("sfo-vcf01", site.auth, concurrency=0)}, "site sfo: concurrency"),
    ],
)
def test_sites_that_cannot_be_meant_are_refused_with_their_name(make, words):
    with pytest.raises(UsageError, match=words):
        Fleet(make(Site("sfo-vcf01.rainpole.io", PasswordAuth("a", "b"))))


@pytest.mark.parametrize("call", [Fleet.wait_many, Fleet.watch])
@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"sfo": "a758"}, r"of site sfo as an iterable: \[task_id\] for one"),
        ({"sfo": 3}, "of site sfo as an iterable"),
        ({"oak": ["a758"]}, "no site 'oak'"),
        ("a758", "give pairs of a site"),
        (["a758"], "a pair of a site's name"),
    ],
)
def test_what_cannot_be_followed_is_told_at_once(call, targets, words):
    fleet = Fleet({"sfo": Site("sfo-vcf01.rainpole.io", PasswordAuth("a", "b"))})
    with pytest.raises(UsageError, match=words):
        call(fleet, targets)
