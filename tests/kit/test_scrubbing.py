"""What a snapshot may say: no name, address or secret, in whatever field and text it stood."""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcf_tasks_async.fixed_words import FIXED_WORDS
from vcf_tasks_async.scrubbing import Scrubber

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
    for field in ("password", "oldPassword", "accessToken", "api_key", "clientSecret", "passphrases", "pin"):
        assert "urkel" not in json.dumps(scrubber.scrub({field: ["urkel", {"x": "urkel"}], "a": 1}))


# What an attacker could not have put there by plan: a word that is nobody's, of nine characters or more.
NOBODYS = st.text("aeiouxqz0123456789äßéж", min_size=9, max_size=14).filter(
    lambda word: not word.isdigit() and not any(part in word for part in FIXED_WORDS if len(part) > 4)
)
BESIDE = st.sampled_from(
    [
        "host",
        "failed",
        "root",
        "(",
        "/",
        "=",
        ": ",
        ".",
        "-",
        "_",
        "@",
        "://",
        '"',
        "\n",
        "\\",
        "{",
        "'",
        "password",
    ]
)


@settings(deadline=None)
@given(
    NOBODYS,
    st.lists(BESIDE, max_size=4),
    st.lists(BESIDE, max_size=4),
    st.sampled_from(["", " "]),
    st.booleans(),
)
def test_a_word_that_nobody_knows_survives_nowhere(word, before, after, between, keep_names):
    text = between.join([*before, word, *after])
    # In a field for names, a name that is kept is there on purpose.
    document = (
        {"message": text, "novel": {text: [text]}, "errors": [error(text)]}
        if keep_names
        else everywhere(text)
    )
    shown = json.dumps(Scrubber(key=b"1", keep_names=keep_names).scrub(document), ensure_ascii=False)
    assert word.lower() not in shown.lower()


def in_text(said):
    """Every sentence that a password stands in, and what of it must not be seen."""
    return [
        f"password {said} rejected", f"Password {said} was wrong", f"login root/{said} failed",
        f"root:{said} refused",
        f"logged in as admin / {said}", f"user svc-vcf/{said}", f"credentials root:{said}@sfo-vcf01",
        f"sftp://backup:{said}@host/x", f"curl -u admin:{said} https://x", f"the key is '{said} {said}'",
        json.dumps({"a": json.dumps({"newPassword": f"{said} \"x\" {said}"})}),
    ]  # fmt: skip


@pytest.mark.parametrize("keep_names", [False, True])
@pytest.mark.parametrize(
    "said", ["hunter2", "Admin123", "VMware1!", "Password-1", "Secret#12", "4711", "123", "Ab@c/d1"]
)
def test_a_password_in_a_sentence_goes_also_where_names_stay(said, keep_names):
    scrubber = Scrubber(key=b"1", keep_names=keep_names)
    scrubber.scrub({"username": "svc-vcf", "fqdn": "sfo-vcf01.rainpole.io"})
    for text in in_text(said):
        assert said not in scrubber.scrub(text), text


@pytest.mark.parametrize(
    "said", ["Admin123", "Admin@123", "P@ssw0rd", "Password_1", "VMware123!", "hunter2", "Host#1"]
)
def test_what_looks_like_a_password_goes_though_nothing_says_that_it_is_one(said):
    for keep_names in False, True:
        assert said.strip("!") not in Scrubber(keep_names=keep_names).scrub(f"tried {said} in vain")


@pytest.mark.parametrize("keep_names", [False, True])
def test_what_is_encoded_or_in_a_document_in_a_text_goes(keep_names):
    packed = base64.b64encode(b"root:VMware1!zwiebel").decode()
    inner = json.dumps({"password": "two words", "hosts": ["zwiebel9"], "token": 7})
    scrubber = Scrubber(keep_names=keep_names)
    shown = scrubber.scrub(
        {
            "message": f"got {packed}",
            "arguments": [packed, inner, json.dumps([inner])],
            "context": {"x": packed},
        }
    )
    assert packed.rstrip("=") not in json.dumps(shown)
    assert json.loads(shown["arguments"][1]).keys() == {"password", "hosts", "token"}
    assert not [word for word in ("two", "words", "zwiebel", "7") if f'"{word}' in json.dumps(shown)]


def test_names_that_stay_are_those_that_fields_for_names_have_said():
    scrubber = Scrubber(keep_names=True)
    text = "sfo01-esx07 and sfo01-esx08.rainpole.io at 10.1.2.3 lost jdoe@rainpole.io, jdoe2 and zwiebel.io"
    resource = {"fqdn": "sfo01-esx07.rainpole.io", "name": "ds-zwiebelring", "username": "jdoe"}
    shown = scrubber.scrub({"message": text, "label": "ds-zwiebelring", "resources": [resource]})
    assert shown["resources"] == [resource]
    assert shown["label"] == "ds-zwiebelring"
    kept, _, gone = shown["message"].partition(", ")
    assert kept == text.partition(", ")[0]
    assert "jdoe" not in gone
    assert "zwiebel" not in gone


def test_ids_are_others_unless_they_are_to_be_found_again():
    uuid = "16ab8935-805b-4edf-aace-72c98134f667"
    fields = ("id", "taskId", "resourceIds", "vcenter_id", "clusterID", "resource_uuid", "referenceToken")
    for name in fields:
        shown = Scrubber().scrub({name: "host cluster/1"})[name]
        assert shown.startswith("id-"), f"{name}: it may be made of names, and it goes into a path"
        assert shown.replace("-", "").isalnum()
    assert Scrubber().scrub({"valid": "host", "idle": "host"}) == {"valid": "host", "idle": "host"}
    assert Scrubber(keep_ids=True).scrub([uuid, {"id": uuid}]) == [uuid, {"id": uuid}]
    assert Scrubber(keep_ids=True).scrub({"id": "host"}) != {"id": "host"}
    assert Scrubber(keep_ids=True, keep_names=True).scrub({"id": "zwiebel"}) == {"id": "zwiebel"}
    scrubber = Scrubber()
    shown = scrubber.scrub({"id": "a", "others": [{"id": "a"}, {"id": "A"}]})
    assert shown["id"] == shown["others"][0]["id"] != shown["others"][1]["id"]
    assert scrubber.counts == {"names": 0, "addresses": 0, "ids": 2}


@pytest.mark.parametrize(
    "piece",
    [
        "password",
        "password ",
        "user as ",
        ":a",
        "a://b@",
        "<password",
        "\\",
        "a.",
        "key '",
        "-----BEGIN A-----",
    ],
)
def test_a_text_that_almost_matches_takes_no_minutes(piece):
    began = time.process_time()
    Scrubber().scrub(piece * (60_000 // len(piece)))
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.1.2.3", r"198\.1[89]\.\d+\.\d+"),
        ("10.1.2.3/24", r"198\.1[89]\.\d+\.\d+/24"),
        ("10.1.2.3:443", r"198\.1[89]\.\d+\.\d+:443"),
        ("fd00::1", r"2001:db8::[0-9a-f:]+"),
        ("fd00::1/64", r"2001:db8::[0-9a-f:]+/64"),
        ("127.0.0.1:8080", r"127\.0\.0\.1:8080"),
        ("16AB8935-805B-4EDF-AACE-72C98134F667", r"[0-9A-F-]{36}"),
        ("b50c1f6a2b9e0177b50c1f6a2b9e0177", r"[0-9a-f]{32}"),
        ("B5:0C:1F:6A:2B:9E", r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}"),
        ("https://zwiebel.io:8443/x/y", r"https://name-\w{8}\.example:8443/\w{8}"),
        ("zwiebel://host", r"x://name-\w{8}"),
        ("jane@zwiebel.io", r"name-\w{8}@name-\w{8}\.example"),
        ("root@10.1.2.3:22", r"root@198\.1[89]\.\d+\.\d+:22"),
        ("ZWIEBEL\\root", r"name-\w{8}\\root"),
        ("(task=zwiebel, 3)", r"\(task=name-\w{8}, 3\)"),
        ("hostänode", r"name-\w{8}"),
        ("9.0.1 of 41%", r"9\.0\.1 of 41%"),
        ("10.1.2.* or 10.1.*.*", r"name-\w{8} or name-\w{8}"),
        ("{host]", r"{host]"),
        ("{host}", r"{host}"),
    ],
)
def test_a_stand_in_has_the_shape_of_what_it_stands_for(text, shown):
    made = Scrubber().scrub(text)
    assert re.fullmatch(shown, made), made


def test_what_stands_in_a_field_for_names_is_a_name_though_it_is_a_plain_word():
    for name in ("fqdn", "hostName", "username", "resourceName", "clusterName", "ipAddress", "sans", "owner"):
        assert Scrubber().scrub({name: ["production"]}) != {name: ["production"]}, name
    assert Scrubber().scrub({"resources": [{"name": "host"}]}) != {"resources": [{"name": "host"}]}
    assert Scrubber().scrub({"name": "host", "stages": [{"name": "host"}]})["stages"] == [{"name": "host"}]
    known = {"fqdn": "localhost", "username": "admin", "owner": "administrator@vsphere.local", "host": ""}
    assert Scrubber().scrub(known) == known


def test_a_known_secret_goes_wherever_it_is_repeated_the_longest_one_first():
    scrubber = Scrubber()
    assert scrubber.scrub("the clusters are there") == "the clusters are there"
    # Of plain words, so that nothing but its being known takes it out; one too short to be known.
    scrubber.add_secrets(["clusters", "clusters are", "the host", "host"])
    shown = scrubber.scrub(
        {"message": "host: clusters, (clusters are) Clusters", "clusters": "clusters are the hosts"}
    )
    assert shown == {"message": "host: ***, (***) Clusters", "***": "*** ***s"}


def test_a_number_has_another_one_as_long_and_what_is_none_stays():
    scrubber = Scrubber()
    for number in (1_000_000, -12_345_678, 4_711_000_000_123, 2**70):
        made = scrubber.scrub({"count": number})["count"]
        assert made != number
        assert (len(str(made)), made < 0) == (len(str(number)), number < 0)
    same = {"count": [999_999, -999_999, 1_750_000_000_000, 0.5, True, None, "", []]}
    assert scrubber.scrub(same) == same
    assert scrubber.scrub({"token": [4711, 0.5, True, None, "", "x", {"name": "z"}]}) == {
        "token": [0, 0, True, None, "", "***", {"name": "***"}]
    }
    for number in (4_711_000.5, -12_345_678.0):
        made = scrubber.scrub([number])[0]
        assert made != number
        assert (len(f"{made:.0f}"), type(made)) == (len(f"{int(number)}"), float)
    for number in (0.25, 41.5, 1e308, float("inf")):
        assert scrubber.scrub([number]) == [number]
    assert scrubber.scrub({"pin": 471_100, "pass": [4711]}) == {"pin": 0, "pass": [0]}


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("ConfigureClusterImageStep1", True),
        ("AcmeHostAction", True),
        ("AcmeAction", False),
        ("AcmeHostZwiebel", False),
        ("com.vmware.vapi.std.errors.ServiceUnavailable", True),
        ("com.zwiebel.Kuchen", False),
    ],
)
def test_a_class_of_the_products_stays(text, stays):
    assert (Scrubber().scrub(text) == text) is stays


@pytest.mark.parametrize(
    ("code", "stays"),
    [
        ("ZWIEBEL", False),
        ("ZWIEBEL_KUCHEN", False),
        ("zwiebel_failed", False),
        ("10.1.2.3", False),
        ("ACME_FAILED", True),
        ("WAITING_FOR_FROBNICATION", True),
        ("com.vmware.vcf.domainmanager", True),
        ("Paused By Operator", True),
    ],
)
def test_a_code_stays_when_it_is_made_of_known_words_or_joined_with_one(code, stays):
    assert (Scrubber().scrub({"status": code}) == {"status": code}) is stays


def test_numbered_things_and_joined_words_are_no_passwords():
    text = "host-1, VLAN_100, Re-check of vmnic_2 (NSX-4), step 3/4"
    assert Scrubber(keep_words=["vmnic"]).scrub(text) == text


def test_no_two_addresses_share_a_stand_in():
    scrubber = Scrubber()
    assert len({scrubber.scrub(f"10.1.{n // 250}.{n % 250}") for n in range(3000)}) == 3000


def test_what_is_the_products_own_stays():
    own = {
        "name": "Commissioning host(s) to VMware Cloud Foundation", "type": "HOST_COMMISSION",
        "status": "In Progress",
        "raw": "HostVibValidationAction", "errorCode": "TA_TASK_CAN_NOT_BE_RETRIED",
        "creationTimestamp": "1970-01-21T06:52:48.075Z", "isRetryable": True, "progress": 41, "share": 0.5,
        "causes": [{"type": "com.vmware.vapi.std.errors.ServiceUnavailable"}], "nothing": None, "some": [],
        "message": "The clock is 412.7 seconds away: Offset is above the limit of 300 s",
    }  # fmt: skip
    said = "Check that the password is valid, the token expired and root/admin is a user: Password Rotation."
    assert Scrubber().scrub(said) == said
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
