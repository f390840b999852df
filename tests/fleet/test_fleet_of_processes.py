"""20 SDDC Managers in 20 processes, two of them killed in mid-run: every target is accounted for."""

from __future__ import annotations

from collections import Counter

import pytest
from fleet_site import FAILED, QUICK
from sddc_forks import Forks

from vcf_tasks_async import Fleet, PasswordAuth, Result, Site, SiteTroubles

OPTIONS = {
    "tasks": 30, "failed": 1.0, "running": 0, "not_retryable": 0, "credential_tasks": 0, "live": False,
    "write_latency": 0.03,
}  # fmt: skip


@pytest.mark.parametrize("by_task", [True, False], ids=["tasks", "listing"])
async def test_two_of_20_managers_killed_in_mid_run_and_every_target_is_accounted_for(tmp_path, by_task):
    jobs = [{**OPTIONS, "seed": n} for n in range(20)]
    with Forks(tmp_path, jobs) as forks:
        names = [f"s{n:02d}" for n in range(20)]
        sites = {
            name: Site(
                each["url"], PasswordAuth(each["username"], each["password"]), concurrency=2, policy=QUICK
            )
            for name, each in zip(names, forks.managers, strict=True)
        }
        killed = {"s03": 3, "s11": 11}
        async with Fleet(sites) as fleet:
            pairs = [item async for item in fleet.stream(FAILED)]
            assert len(pairs) == 20 * 30
            seen: Counter[tuple[str, str]] = Counter()
            results: dict[tuple[str, str], Result] = {}
            async with fleet.retry_many(pairs if by_task else fleet.stream(FAILED)) as outcomes:
                async for site, outcome in outcomes:
                    seen[site, outcome.task_id] += 1
                    results[site, outcome.task_id] = outcome.result
                    while killed and len(seen) > 150:
                        forks.kill(killed.popitem()[1])
            report = outcomes.report
            # A fleet with dead sites is still good for the others.
            with pytest.raises(SiteTroubles) as caught:
                assert len({site async for site, _ in fleet.stream()}) == 18
            assert caught.value.troubles.keys() == {"s03", "s11"}
        applied = {name: forks.applied(n) for n, name in enumerate(names)}
    dead = {"s03", "s11"}
    expected = {(site, task.id) for site, task in pairs}
    assert report.troubles.keys() == dead
    assert set(seen.values()) == {1}, "no target has two outcomes"
    missing = expected - seen.keys()
    if by_task:
        assert missing == set(), "each target has one"
    # Of a listing that broke off, the rest is not known: the site says so.
    assert {site for site, _ in missing} <= dead
    assert all(report.sites[site].complete for site in names if site not in dead)
    for (site, task_id), result in results.items():
        assert applied[site][task_id] <= 1, "none was asked for twice"
        if site not in dead:
            assert result is Result.ACCEPTED
            assert applied[site][task_id] == 1
        elif result is not Result.UNKNOWN:
            assert applied[site][task_id] == (1 if result is Result.ACCEPTED else 0), (site, task_id, result)
    for site in dead:
        assert 0 < report.sites[site].counts[Result.ACCEPTED] < 30, "it was killed in mid-run"
    assert Counter(results.values()) == report.counts
