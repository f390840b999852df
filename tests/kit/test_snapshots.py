"""A snapshot of a system: nothing of its names and secrets is in it, and a simulator can be what is."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random

import pytest

from vcf_tasks_async import PasswordAuth, TaskSession, UsageError, write_snapshot
from vcf_tasks_async.scrubbing import Scrubber
from vcf_tasks_async.testing import SddcManagerSimulator

PASSWORD = "Hunter2!Zwiebelkuchen"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6d2llYmVsIn0.c2lnbmF0dXJlLXp3aWViZWw"
# What must not be seen, and what of it would give it away.
NAMES = {
    "sfo01-esx07.zwiebel.io": "zwiebel", "zwiebelhost": "zwiebelhost", "10.11.12.13": "10.11.12.13",
    "fd12:3456::9abc": "3456::9abc", "jane.zwiebel@kuchen-corp.com": "kuchen-corp", "ZWIEBEL\\jdoe": "jdoe",
    "Jane Zwiebeldoe": "Zwiebeldoe", "B5:0C:1F:6A:2B:9E:01:77": "1F:6A:2B",
    "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8": "nThbg6kX",
    "https://jenkins.zwiebel.io/job/kuchen?x=1": "kuchen", "https://u:kuchenpw@zwiebel.io": "kuchenpw",
    "Zwiebelstraße": "wiebelstra", "cluster-Zwiebel_01": "wiebel", "4915112345678": "4915112345678",
}  # fmt: skip
SECRETS = {
    PASSWORD: "Zwiebelkuchen", f"Bearer {JWT}": "eyJhbGci", JWT: "c2lnbmF0dXJl",
    "password=Kuchen4711": "Kuchen4711", '{"newPassword": "Kuchen 4711"}': "4711",
    "--token Kuchen4711 --force": "Kuchen4711", "sftp://backup:Kuchen4711@host": "Kuchen4711",
    "-----BEGIN RSA PRIVATE KEY-----\nKuchen4711\n-----END RSA PRIVATE KEY-----": "Kuchen4711",
    "the new password is Kuchen4711.": "Kuchen4711", "<password>Kuchen4711</password>": "Kuchen4711",
    "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE": "BBBBB",
}  # fmt: skip


def error(text):
    return {
        "errorCode": text, "errorType": text, "arguments": [text],
        "context": {"component": text, text: text},
        "message": text, "remediationMessage": text, "causes": [{"type": text, "message": text}],
        "nestedErrors": [{"message": text, "novel": text}], "referenceToken": text,
        "label": text,
        "remediationUrl": text,
        "notifications": [{"severity": text, "message": text, "remediations": [text]}],
    }  # fmt: skip


def everywhere(text):
    """A task that says *text* in every field there is, in some that nobody has heard of, and as a key."""
    step = {
        "name": text, "type": text, "description": text, "status": text, "creationTimestamp": text,
        "completionTimestamp": text, "errors": [error(text)],
        "documentationLink": {"url": text, "label": text},
        "resources": [
            {"resourceId": text, "fqdn": text, "type": text, "name": text, "sans": [text], "novel": text}
        ],
    }  # fmt: skip
    return {
        "id": text, "localizableDescriptionPack": {"messageKey": text, "message": text, "arguments": [text]},
        "resolutionStatus": text, "subTasks": [{**step, "stages": [step], "subTasks": [step]}],
        "novel": {text: [text, {"deep": [[text]]}]}, **step,
    }  # fmt: skip


SENTENCES = (
    "{}",
    "Failed to connect to {} as root",
    "({}), then '{}'.",
    "task={}",
    "x/{}/y",
    "{}:443",
    "-{}-",
    "host*{}",
)


@pytest.mark.parametrize("what", NAMES)
def test_no_name_survives_in_any_field(what):
    scrubber = Scrubber(key=b"1")
    for sentence in SENTENCES:
        shown = json.dumps(scrubber.scrub(everywhere(sentence.replace("{}", what))), ensure_ascii=False)
        assert NAMES[what].lower() not in shown.lower(), sentence


@pytest.mark.parametrize("keep_names", [False, True])
@pytest.mark.parametrize("what", SECRETS)
def test_no_secret_survives_in_any_field_not_even_where_names_do(what, keep_names):
    scrubber = Scrubber(key=b"1", keep_names=keep_names)
    scrubber.add_secrets([PASSWORD])
    for sentence in ("{}", "it said: {}", "({})"):
        shown = json.dumps(scrubber.scrub(everywhere(sentence.replace("{}", what))), ensure_ascii=False)
        assert SECRETS[what] not in shown, sentence
    for field in ("password", "oldPassword", "accessToken", "api_key", "clientSecret", "passphrases"):
        assert "urkel" not in json.dumps(scrubber.scrub({field: ["urkel", {"x": "urkel"}], "a": 1}))


def test_random_names_in_random_places_survive_nowhere():
    rng = Random(5)
    scrubber = Scrubber(key=b"1")
    for _ in range(400):
        name = "".join(rng.choices("aeiou0123456789äßéж", k=9))
        words = [
            rng.choice(["host", "failed", "(", "/", "=", ": ", ".", "-", "_", '"', "\n", "\\"])
            for _ in "four"
        ]
        words.insert(rng.randrange(5), name)
        text = rng.choice(["", " "]).join(words)
        assert name not in json.dumps(scrubber.scrub(everywhere(text)), ensure_ascii=False), text


def test_what_is_the_products_own_stays():
    own = {
        "name": "Commissioning host(s) to VMware Cloud Foundation", "type": "HOST_COMMISSION",
        "status": "In Progress",
        "raw": "HostVibValidationAction", "errorCode": "TA_TASK_CAN_NOT_BE_RETRIED",
        "creationTimestamp": "1970-01-21T06:52:48.075Z", "isRetryable": True, "progress": 41, "share": 0.5,
        "causes": [{"type": "com.vmware.vapi.std.errors.ServiceUnavailable"}], "nothing": None, "some": [],
        "message": "The clock is 412.7 seconds away: Offset is above the limit of 300 s",
    }  # fmt: skip
    odd = {"status": "WAITING_FOR_FROBNICATION", "subTasks": [{"status": "Paused By Operator"}]}
    assert Scrubber().scrub(own) == own
    assert Scrubber().scrub(odd) == odd


def test_the_same_name_has_the_same_stand_in_wherever_it_is_said():
    scrubber = Scrubber()
    name = "sfo01-esx07.zwiebel.io"
    shown = scrubber.scrub(
        {"fqdn": name, "name": "sfo01-esx07", "message": f"Lost {name}:443, {name.upper()}."}
    )
    host, short = (
        shown["fqdn"],
        scrubber.scrub({"resources": [{"name": "sfo01-esx07"}]})["resources"][0]["name"],
    )
    assert shown["message"] == f"Lost {host}:443, {host}."
    assert host.startswith(f"{short}.")
    assert scrubber.scrub("zwiebel.io") == host.partition(".")[2]
    assert Scrubber().scrub({"fqdn": name}) != {"fqdn": host}, "nobody can try names out"
    one, two = "16ab8935-805b-4edf-aace-72c98134f667", "26ab8935-805b-4edf-aace-72c98134f667"
    ids = scrubber.scrub({"id": one, "taskId": two, "message": f"Task {one} follows {two}"})
    assert ids["message"] == f"Task {ids['id']} follows {ids['taskId']}"
    assert len({one, two, ids["id"], ids["taskId"]}) == 4
    assert Scrubber(keep_ids=True).scrub({"id": one}) == {"id": one}


def test_times_are_moved_and_keep_their_shape():
    moved = Scrubber(shift=timedelta(days=-1)).scrub(
        {
            "creationTimestamp": "2026-03-01T00:00:00.123Z",
            "at": 1_750_000_000_000,
            "message": "2026-03-01T00:00:00Z",
        }
    )
    assert moved == {
        "creationTimestamp": "2026-02-28T00:00:00.123Z",
        "at": 1_749_913_600_000,
        "message": "2026-02-28T00:00:00Z",
    }


# --- the file and the simulator ---------------------------------------------------------------------


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
    odd = {"id": "odd", "creationTimestamp": None, "half": "\ud800", "big": 2**70, "status": "Novel"}
    odd |= {"novel": {"Novel": [1, None, {}]}, "subTasks": [{"status": "Odd", "novel": ["x"]}], "name": None}
    path = tmp_path / name
    async with SddcManagerSimulator(60, release="9.1", credential_tasks=0.2, speed=0, order="name") as real:
        real.add_task(odd)
        report = await snapshot(real, path, keep_names=True, keep_ids=True)
        tasks, credentials = await everything(real)
    assert report.complete
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
