"""The VCF Installer, and the turn in mid-bring-up from which on its address answers as SDDC Manager."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from vcf_tasks_async import (
    EventKind,
    PasswordAuth,
    Policy,
    Polling,
    Result,
    Status,
    TaskFilter,
    TaskGone,
    TaskSession,
    Unauthorized,
    UnsupportedError,
    WaitError,
)
from vcf_tasks_async.testing import SddcManagerSimulator

QUICK = Policy(base=0.01, cap=0.02, deadline=3, attempt_timeout=2, grace=0.1)
LOOKS = Polling(initial=0.02, maximum=0.05, patience=30)
INSTALLER, LOCAL, SSO = "Installer-pass1!", "Local-pass1!", "Sso-pass1!"


@pytest.fixture
async def installer() -> AsyncIterator[SddcManagerSimulator]:
    # Time stands still: tasks go on only when a test says so.
    options = {"product": "vcf-installer", "password": INSTALLER, "speed": 0}
    async with SddcManagerSimulator(tasks=40, failed=0.3, running=0.1, **options) as sddc:
        yield sddc


def session_with(sddc: SddcManagerSimulator, password: object = INSTALLER, username: object = "admin@local"):
    return TaskSession(sddc.url, PasswordAuth(username, password), policy=QUICK)


async def turn(sddc: SddcManagerSimulator, **how) -> None:
    """The services of the Installer end, and a while later others answer."""
    await sddc.stop()
    sddc.become_sddc_manager(**how)
    await asyncio.sleep(0.1)  # not for luck: the outage
    await sddc.start()


async def looked_at(sddc: SddcManagerSimulator) -> None:
    """Until somebody looks at tasks."""
    before = sddc.requests.count(method="GET")
    while sddc.requests.count(method="GET") == before:
        await asyncio.sleep(0.01)


async def test_the_same_session_works_with_the_installer(installer):
    async with session_with(installer) as session:
        assert {task.id async for task in session.stream()} == set(installer.ids())
        failed = session.stream(TaskFilter(status=Status.FAILED))
        report = await session.retry_many(failed)
        assert set(report.counts) <= {Result.ACCEPTED, Result.SKIPPED}
        running = installer.add_task()
        await session.cancel(running)
        assert (await session.wait(running, polling=LOOKS)).status is Status.CANCELLED
        with pytest.raises(UnsupportedError, match="need an SDDC Manager") as caught:
            await anext(session.credentials.stream())
        assert caught.value.needs == "SDDC Manager"


# A password may be the same on both, or asked for; and who logs in may be another one from then on.
def same(sddc):
    return {"local_password": INSTALLER}, INSTALLER, "admin@local"


def asked_for(sddc):
    def password() -> str:
        return INSTALLER if sddc.product == "vcf-installer" else LOCAL

    return {"local_password": LOCAL}, password, "admin@local"


def another_user(sddc):
    async def password() -> str:
        return INSTALLER if sddc.product == "vcf-installer" else SSO

    def username() -> str:
        return "admin@local" if sddc.product == "vcf-installer" else "administrator@vsphere.local"

    return {"password": SSO, "local_password": LOCAL}, password, username


@pytest.mark.parametrize("who", [same, asked_for, another_user])
async def test_wait_and_watch_survive_the_turn(installer, who):
    passwords, password, username = who(installer)
    task_id = installer.add_task(name="Bring-up")
    async with session_with(installer, password, username) as session:
        waiting = asyncio.create_task(session.wait(task_id, polling=LOOKS))
        async with session.watch([task_id], polling=LOOKS, initial=False) as events:
            await looked_at(installer)
            await turn(installer, keep_tasks=True, **passwords)
            await looked_at(installer)
            installer.complete(task_id)
            async for event in events:
                if event.kind is EventKind.ENDED:
                    break
        assert (await waiting).status is Status.SUCCESSFUL
        # What SDDC Manager has, the same session can do from now on.
        assert [task async for task in session.credentials.stream()] == []
    assert installer.failed_logins == 0
    assert installer.logins == 2


async def test_tasks_that_did_not_come_along_are_gone(installer, monkeypatch):
    for room in ("polling", "sweeps"):
        monkeypatch.setattr(f"vcf_tasks_async.{room}.ABSENCE", 0.2)
    task_id = installer.add_task()
    async with session_with(installer) as session:
        events = session.watch(TaskFilter(status=Status.IN_PROGRESS), polling=LOOKS)
        follower = asyncio.create_task(_kinds(events, EventKind.GONE))
        await looked_at(installer)
        await turn(installer, local_password=INSTALLER)
        fresh = installer.add_task(name="Host commissioning")
        assert EventKind.GONE in await follower
        with pytest.raises(TaskGone):
            await session.wait(task_id, polling=LOOKS)
        assert (await session.get(fresh)).name == "Host commissioning"


async def _kinds(events, last: EventKind) -> list[EventKind]:
    kinds = []
    async with events:
        async for event in events:
            kinds.append(event.kind)
            if event.kind is last:
                break
    return kinds


async def test_credentials_that_end_with_the_installer_end_the_wait_with_their_name(installer):
    task_id = installer.add_task()
    polling = Polling(initial=0.02, maximum=0.05, patience=0.6)
    async with session_with(installer) as session:
        waiting = asyncio.create_task(session.wait(task_id, polling=polling))
        watching = asyncio.create_task(_kinds(session.watch([task_id], polling=polling), EventKind.ENDED))
        await looked_at(installer)
        await turn(installer, local_password=LOCAL, keep_tasks=True)
        for follower in (waiting, watching):
            with pytest.raises(WaitError, match=r"login refused .*admin@local is not authorized") as caught:
                await follower
            assert isinstance(caught.value.__cause__, Unauthorized)
        assert waiting.exception().task.id == task_id
    # One wrong login, however many looks: no account gets locked.
    assert installer.failed_logins == 1


async def test_a_login_that_is_refused_while_services_start_is_tried_again_later(installer, monkeypatch):
    monkeypatch.setattr("vcf_tasks_async.tokens.HOLD_OFF", 0.2)
    task_id = installer.add_task()
    async with session_with(installer) as session:
        waiting = asyncio.create_task(session.wait(task_id, polling=LOOKS))
        await looked_at(installer)
        installer.faults.add(method="POST", path="/v1/tokens", status=401, times=2)
        await turn(installer, local_password=INSTALLER, keep_tasks=True)
        installer.complete(task_id)
        assert (await waiting).status is Status.SUCCESSFUL
    assert installer.requests.count(method="POST", path="/v1/tokens") == 4


async def test_only_an_installer_turns(installer):
    installer.become_sddc_manager()
    assert (installer.product, installer.username) == ("sddc-manager", "administrator@vsphere.local")
    with pytest.raises(ValueError, match="no VCF Installer"):
        installer.become_sddc_manager()
