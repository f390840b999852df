"""A fleet on a real Dask cluster: each site by a worker of its zone, and one worker killed in mid-run."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter

import pytest

pytest.importorskip("distributed", reason="the extra dask is not installed")

from cluster import QUIET, Cluster
from distributed import Client
from fleet_site import FAILED
from sddc_forks import Forks

from vcf_tasks_async import (
    EnvSecret,
    PasswordAuth,
    Policy,
    Polling,
    Result,
    Site,
    SiteTroubles,
    Status,
    TaskFilter,
    UsageError,
)
from vcf_tasks_async.dask import DaskFleet, _do
from vcf_tasks_async.job_words import Job, Verb

VARIABLE = "VCF_TASKS_TEST_PASSWORD"
POLICY = Policy(deadline=1.5, attempt_timeout=1.2, base=0.02, cap=0.2, grace=0.5, budget=5)
OPTIONS = {
    "tasks": 40, "failed": 1.0, "running": 0, "not_retryable": 0, "credential_tasks": 0, "live": False,
    "stale_failed": 0.3, "write_latency": 0.04, "password": QUIET[VARIABLE],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet_client(caplog):
    # What Dask's client says of connections that a killed worker leaves is not this test's affair.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One for all tests, since its processes take seconds to start; the last test kills a worker."""
    with Cluster(tmp_path_factory.mktemp("dask"), "zone-sfo=1", "zone-sfo=1,zone-lax=1", "zone-lax=1") as it:
        yield it


def sites_of(forks: Forks, *zones: str | None) -> dict[str, Site]:
    # The password is in the workers' environment alone.
    assert VARIABLE not in os.environ
    return {
        f"s{n}": Site(
            each["url"],
            PasswordAuth(each["username"], EnvSecret(VARIABLE)),
            policy=POLICY,
            concurrency=2,
            zone=zone,
        )
        for n, (each, zone) in enumerate(zip(forks.managers, zones, strict=True))
    }


async def until_executing(client: Client, wanted: bool) -> None:
    """Wait until the workers have something of ours to do, or nothing."""
    async with asyncio.timeout(8):
        while wanted is not any(
            (await client.run(lambda dask_worker: len(dask_worker.state.executing))).values()
        ):
            await asyncio.sleep(0.05)


async def test_jobs_go_to_the_zones_of_their_sites_and_a_zone_without_a_worker_is_a_trouble(
    cluster, tmp_path
):
    options = {**OPTIONS, "tasks": 6, "running": 0.5, "failed": 0.5, "zombies": 0}
    with Forks(tmp_path, [{**options, "seed": n} for n in range(4)]) as forks:
        async with await cluster.client() as client:
            sites = sites_of(forks, "sfo", "lax", None, "oak")
            async with DaskFleet(sites, client, lease=1.0, patience=0.5) as fleet:
                stream = fleet.stream()
                with pytest.raises(
                    SiteTroubles, match=r'no worker of the cluster reaches zone oak: .*"zone-oak=1"'
                ):
                    assert {site async for site, _ in stream} == {"s0", "s1", "s2"}
                running = TaskFilter(status=[Status.IN_PROGRESS, Status.PENDING])
                report = await fleet.cancel_many({"s0": running, "s3": running})
                assert report.sites["s0"].counts.keys() <= {Result.ACCEPTED}
                assert report.troubles.keys() == {"s3"}
                assert not report.complete
                failed = [item async for item in fleet.stream({"s1": FAILED})]
                polling = Polling(initial=0.02, maximum=0.05)
                assert (
                    len([item async for item in fleet.wait_many(failed, polling=polling)]) == len(failed) > 0
                )
            # A break leaves nothing of ours on the cluster.
            async for _ in DaskFleet(sites_of(forks, "sfo", "lax", None, None), client).stream():
                break
            await until_executing(client, False)
            # Nor does a job that was left before its first word, which nobody reads.
            job = Job("s0", sites["s0"], Verb.LIST, TaskFilter(), {}, 1.0)
            late = client.submit(_do, job, "nobody's", "late", key="late", pure=False)
            await until_executing(client, True)
            await client.cancel([late])
            await until_executing(client, False)
        with pytest.raises(UsageError, match="asynchronous=True"):
            DaskFleet(sites, None)
    assert isinstance(client, Client)


async def test_one_of_three_workers_killed_in_mid_run_and_each_target_is_retried_once(cluster, tmp_path):
    zones = ("sfo", "lax", "sfo", "lax", "sfo", "lax")
    with Forks(tmp_path, [{**OPTIONS, "seed": n} for n in range(6)]) as forks:
        async with await cluster.client() as client:
            fleet = DaskFleet(sites_of(forks, *zones), client, lease=1.0)
            stream = fleet.stream(FAILED)
            listed = [(site, task.id) async for site, task in stream]
            assert len(set(listed)) == len(listed) == 6 * 40
            assert stream.complete
            killed, seen = False, Counter()
            async with fleet.retry_many(FAILED) as outcomes:
                async for site, outcome in outcomes:
                    seen[site, outcome.task_id] += 1
                    assert outcome.result is Result.ACCEPTED, outcome
                    if not killed and len(seen) >= 60:
                        # It has work of its zone: nobody else was given it yet.
                        where = await client.processing()
                        assert any(where.values())
                        cluster.kill("w1")
                        killed = True
            report = outcomes.report
            waits = fleet.wait_many([], timeout=1)
            assert [item async for item in waits] == []
        applied = Counter({(f"s{n}", i): c for n in range(6) for i, c in forks.applied(n).items()})
        said = cluster.said()
    assert killed
    assert report.counts == {Result.ACCEPTED: 240}
    assert report.complete
    assert seen == Counter(listed), "each target has one outcome"
    assert applied == Counter(listed), "each was asked for once, by the simulators' own record"
    assert QUIET[VARIABLE] not in said
