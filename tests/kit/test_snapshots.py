"""A snapshot of a system as a file: whole or not there, and a simulator can be what it is of."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress

import pytest

from vcf_tasks_async import PasswordAuth, Status, TaskFilter, TaskSession, UsageError, write_snapshot
from vcf_tasks_async.testing import SddcManagerSimulator, snapshot_file


async def everything(sddc):
    async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
        tasks = [task.to_json() async for task in session.stream()]
        credentials = [task.to_json() async for task in session.credentials.stream()]
        return tasks, credentials


async def snapshot(sddc, path, **options):
    async with TaskSession(sddc.url, PasswordAuth(sddc.username, sddc.password)) as session:
        return await write_snapshot(session, path, **options)


@pytest.mark.parametrize("name", ["lab.json", "lab.json.gz"])
async def test_a_snapshot_with_its_names_kept_is_the_same_world_again(tmp_path, name):
    odd = {"id": "zwiebel", "creationTimestamp": None, "half": "\ud800", "big": 999_999, "status": "Novel"}
    odd |= {"novel": {"Novel": [1, None, {}]}, "subTasks": [{"status": "Odd", "novel": ["s"]}], "name": None}
    path = tmp_path / name
    async with SddcManagerSimulator(60, release="9.1", credential_tasks=0.2, speed=0, order="name") as real:
        real.add_task(odd)
        known = [
            word
            for task in real.snapshot().values()
            for word in str(task["name"]).split()
            if word[-1].isdigit()
        ]
        report = await snapshot(
            real, path, keep_names=True, keep_ids=True, keep_words=["novel", "big", "\ud800", *known]
        )
        tasks, credentials = await everything(real)
    assert report.complete
    assert report.replaced["names"] == report.replaced["addresses"] == report.replaced["ids"] == 0
    assert (report.tasks, report.credential_tasks) == (len(tasks), len(credentials))
    assert len(credentials) > 5
    assert path.stat().st_mode & 0o777 == 0o600
    async with SddcManagerSimulator(snapshot=path, speed=0) as again:
        assert again.release == "9.1"
        assert await everything(again) == (tasks, credentials)
        assert again.retention_days == 90


async def test_a_scrubbed_snapshot_has_the_shapes_and_no_password_and_lives_on(tmp_path):
    path = tmp_path / "lab.json"
    async with SddcManagerSimulator(40, failed=0.5, credential_tasks=0.3, speed=0, release="9.0") as real:
        secrets = {
            account[key]
            for entry in real._world.entries.values()
            for account in (entry.credential or {}).get("accounts", [])
            for key in ("oldPassword", "newPassword")
        }
        assert len(secrets) > 10
        real.add_task(name=f"a task that says {min(secrets)}")
        await snapshot(real, tmp_path / "names.json", keep_names=True)
        await snapshot(real, path)
        tasks, credentials = await everything(real)
    kept = (tmp_path / "names.json").read_text()
    assert "rainpole" in kept
    assert not [secret for secret in secrets if secret in kept], "though nothing marks it in that task's name"
    text = path.read_text()
    assert "rainpole" not in text
    assert not [secret for secret in secrets if secret in text]
    async with SddcManagerSimulator(snapshot=path, speed=0, retry_succeeds=1.0) as again:
        shown, accounts = await everything(again)
        assert [shape(task) for task in shown] == [shape(task) for task in tasks]
        assert [shape(task) for task in accounts] == [shape(task) for task in credentials]
        failed = next(t for t in shown if t["status"] == "Failed" and t.get("isRetryable"))
        rotation = next(t for t in accounts if t["status"] == "FAILED")
        async with TaskSession(again.url, PasswordAuth(again.username, again.password)) as session:
            await session.retry(failed["id"])
            await session.credentials.cancel(rotation["id"])
            assert (await session.credentials.get(rotation["id"])).raw_status == "USER_CANCELLED"
            [*elements] = await session.credentials.resource_credentials(rotation["id"])
            assert all(c.password.reveal().startswith("Sim-") for e in elements for c in e.credentials)
            again.clock.advance(1e6)
            assert (await session.get(failed["id"])).succeeded


def shape(value):
    """Its keys, the kinds of its values, and what says how it stands."""
    if isinstance(value, dict):
        return {k: v if k in ("status", "type", "errorCode") else shape(v) for k, v in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value)


async def test_an_installer_is_known_for_one_and_what_is_refused_is_said(tmp_path):
    async with SddcManagerSimulator(3, product="vcf-installer") as installer:
        report = await snapshot(installer, tmp_path / "i.json")
        assert (report.credential_tasks, str(report)) == (None, "3 tasks")
        assert SddcManagerSimulator(snapshot=tmp_path / "i.json").product == "vcf-installer"
        installer.faults.add(path="/v1/tasks/config/settings", status=403, times=None)
        assert str(await snapshot(installer, tmp_path / "i.json")) == "3 tasks, no settings (403)"
    assert SddcManagerSimulator(snapshot=tmp_path / "i.json").product == "vcf-installer"
    async with SddcManagerSimulator(3) as sddc:
        sddc.faults.add(path="/v1/credentials/tasks", status=403, times=None)
        assert str(await snapshot(sddc, tmp_path / "r.json")) == "3 tasks, no credential tasks (403)"
        with pytest.raises(UsageError, match=r"4\.5, 5\.2, 9\.0, 9\.1, not '7'"):
            await snapshot(sddc, tmp_path / "x.json", release="7")


async def test_a_run_that_fails_leaves_no_file_and_the_old_one_as_it_was(tmp_path):
    path = tmp_path / "lab.json"
    path.write_text("old")
    async with SddcManagerSimulator(300) as sddc:
        sddc.faults.add(path="/v1/tasks", query={"pageNumber": "3"}, status=403, times=None)
        with pytest.raises(Exception, match="403"):
            await snapshot(sddc, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text() == "old"


async def test_a_file_that_is_no_whole_snapshot_is_told(tmp_path):
    path = tmp_path / "lab.json"
    async with SddcManagerSimulator(5, release="9.1") as sddc:
        await snapshot(sddc, path)
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text), indent=2))
    assert len(SddcManagerSimulator(snapshot=path).tasks) == 5, "a formatter may go over it"
    for broken in (
        text[: len(text) // 2],
        text[: text.rindex("\n]") + 1],
        "",
        "{}",
        '{"format": "x"}\n',
        "[]",
    ):
        path.write_text(broken)
        with pytest.raises(ValueError, match=r"lab\.json (is no snapshot|ends in the middle)"):
            SddcManagerSimulator(snapshot=path)
    path.write_text(text.replace('"version": 1', '"version": 2'))
    with pytest.raises(ValueError, match="version 2, not of 1"):
        SddcManagerSimulator(snapshot=path)
    path.write_text(text)
    with pytest.raises(ValueError, match="give one of them"):
        SddcManagerSimulator(5, snapshot=path)


async def test_a_selection_has_its_own_credential_tasks_and_no_others(tmp_path):
    path = tmp_path / "lab.json"
    async with SddcManagerSimulator(60, failed=0.5, credential_tasks=0.3, speed=0) as real:
        tasks, credentials = await everything(real)
        failed = {task["id"] for task in tasks if task["status"] == "Failed"}
        views = {view["id"] for view in credentials}
        report = await snapshot(real, path, where=TaskFilter(status=Status.FAILED), keep_ids=True)
        assert (report.tasks, report.credential_tasks) == (len(failed), len(failed & views))
        assert 0 < len(failed & views) < len(views)
        first = tasks[0]["id"]
        report = await snapshot(real, path, only=lambda task: task.id == first)
        assert (report.tasks, report.credential_tasks) == (1, first in views)
        # All are meant: one that is in the second list alone stays.
        report = await snapshot(real, path, only=lambda task: True, keep_ids=True)
        assert report.credential_tasks == len(views)
    async with SddcManagerSimulator(snapshot=path, speed=0) as again:
        shown, accounts = await everything(again)
        assert {task["id"] for task in shown} == {task["id"] for task in tasks}
        assert {view["id"] for view in accounts} == views


async def test_what_was_replaced_is_counted_and_what_is_no_file_is_refused(tmp_path):
    task = {"id": "16ab8935-805b-4edf-aace-72c98134f667", "status": "Failed", "name": "zwiebel lost 10.1.2.3"}
    task |= {"errors": [{"message": "password hunter2 of zwiebel at 10.1.2.3, 10.1.2.4", "token": "x y"}]}
    async with SddcManagerSimulator([task]) as sddc:
        report = await snapshot(sddc, tmp_path / "lab.json")
        assert report.replaced == {"names": 1, "addresses": 2, "ids": 1, "secrets": 2}
        (tmp_path / "directory").mkdir()
        with pytest.raises(UsageError, match="directory is no file"):
            await snapshot(sddc, tmp_path / "directory")


async def test_a_packed_file_that_was_cut_or_is_none_is_told(tmp_path):
    path = tmp_path / "lab.json.gz"
    async with SddcManagerSimulator(20) as sddc:
        await snapshot(sddc, path)
    whole = path.read_bytes()
    for broken, why in (
        (whole[: len(whole) // 2], "ends in the middle"),
        (b"{}", "is no snapshot"),
        (gzip.compress(b"\xff\xfe"), "is no snapshot"),
        (gzip.compress(b"[" * 100_000), "is no snapshot"),
    ):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=rf"lab\.json\.gz {why}"):
            SddcManagerSimulator(snapshot=path)


async def test_a_packed_file_is_known_by_what_it_is_and_not_by_its_name(tmp_path):
    packed, link = tmp_path / "lab.json.gz", tmp_path / "latest.json"
    link.symlink_to(packed)
    async with SddcManagerSimulator(5) as sddc:
        await snapshot(sddc, link)
    assert link.is_symlink()
    for path in (packed, link):
        assert len(SddcManagerSimulator(snapshot=path).tasks) == 5
    link.unlink()
    link.symlink_to(link)
    async with SddcManagerSimulator(5) as sddc:
        with pytest.raises(OSError, match="symbolic links"):
            await snapshot(sddc, link)
    assert link.is_symlink()


def places_in(value, place=()):
    yield place
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places_in(value[key], (*place, key))


def test_whatever_stands_in_a_damaged_file_it_is_told_or_taken(tmp_path):
    path = tmp_path / "lab.json"
    step = {"id": "s", "status": "FAILED", "resourceName": "h", "oldPassword": "***"}
    task = {
        "id": "t",
        "status": "Failed",
        "resources": [{"resourceId": "r", "fqdn": "h"}],
        "subTasks": [step],
    }
    whole = {"format": "vcf-tasks-snapshot", "version": 1, "release": "9.1", "product": "sddc-manager"}
    whole |= {"settings": {"retentionDays": 3}, "tasks": [task], "credentialTasks": [task]}
    taken = 0
    for *before, last in list(places_in(whole))[1:]:
        for odd in (None, 5, "x", [1], [[]], {"a": 1}, True):
            damaged = inner = json.loads(json.dumps(whole))
            for key in before:
                inner = inner[key]
            inner[last] = odd
            path.write_text(json.dumps(damaged))
            with suppress(ValueError):
                SddcManagerSimulator(snapshot=path)
                taken += 1
    assert taken > 100


def test_a_few_packed_bytes_that_are_gigabytes_are_told_before_they_fill_the_memory(tmp_path, monkeypatch):
    head = b'{"format": "vcf-tasks-snapshot", "version": 1, "tasks": [\n'
    monkeypatch.setattr(snapshot_file, "_LONGEST", 1000)
    monkeypatch.setattr(snapshot_file, "_MOST_LINES", 1000)
    monkeypatch.setattr(snapshot_file, "_LARGEST", 2000)
    path = tmp_path / "lab.json.gz"
    for bomb in (b"\0" * 5000, b'{"a": "' + b"0" * 5000, head + b"0" * 5000, head + b"{},\n" * 5000):
        for text in (bomb, head[:-1] + bomb):
            path.write_bytes(gzip.compress(text))
            with pytest.raises(ValueError, match=r"lab\.json\.gz is no snapshot"):
                SddcManagerSimulator(snapshot=path)
