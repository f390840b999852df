"""Real-shaped inputs to begin with: what the simulator's generator makes, and what real servers write."""

from __future__ import annotations

import base64
import json
from functools import cache
from random import Random
from typing import Any, Final

from vcf_tasks_async import credential_models, models, steps
from vcf_tasks_async.base import json_names
from vcf_tasks_async.codec import encode
from vcf_tasks_async.cursor import Told
from vcf_tasks_async.events import Mark
from vcf_tasks_async.folding import decode_task
from vcf_tasks_async.testing.causes import failure_errors
from vcf_tasks_async.testing.generator import Shares, TaskGenerator

# Each password of the corpus holds it, so that any one that shows is seen.
PLANTED: Final = "cAnArY"
_NOW: Final = 1_750_000_000
_RELEASES: Final = ("4.5", "9.0", "9.1")
_EACH: Final = Shares(failed=0.4, running=0.1, pending=0.1, cancelled=0.1, warned=0.1, credentials=0.1)


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


@cache
def raw_tasks() -> list[dict[str, Any]]:
    """Tasks as the simulator tells them: mostly small ones, so that a million inputs end, of each release."""
    made: list[dict[str, Any]] = []
    for release in _RELEASES:
        generator = TaskGenerator(5, now=_NOW, release=release)
        made += [each.raw for each in generator.make(6, _EACH)]
        for status in ("FAILED", "IN_PROGRESS", "SUCCESSFUL", "CANCELLED"):
            made += [generator.one(status, subtasks=count).raw for count in (0, 1, 1, 2, 2, 3)]
    # What 9.1 documents and the simulator does not send.
    made[-1]["subTasks"][0]["documentationLink"] = {"title": "How to", "url": "https://docs.example/1"}
    made[-2]["errors"] = [{"notifications": [{"severity": "ERROR", "remediations": [{"id": 5, "more": []}]}]}]
    return made


@cache
def tasks() -> list[bytes]:
    return [_dumped(raw) for raw in raw_tasks()]


@cache
def pages() -> list[bytes]:
    rng, raws = Random(5), raw_tasks()
    return [
        _dumped(
            {
                "elements": rng.sample(raws, count),
                "pageMetadata": {
                    "pageNumber": 1,
                    "pageSize": count,
                    "totalElements": 40 * count,
                    "totalPages": 40,
                },
            }
        )
        for count in (0, 1, 1, 2, 2, 3, 4)
        for _ in range(4)
    ]


@cache
def credential_tasks() -> list[bytes]:
    """Credential tasks, their passwords marked."""
    made: list[bytes] = []
    for release in _RELEASES:
        generator = TaskGenerator(5, now=_NOW, release=release)
        for status in ("FAILED", "SUCCESSFUL", "IN_PROGRESS", "CANCELLED"):
            one = generator.one(status, credential=True, subtasks=2)
            for number, account in enumerate(one.credential["accounts"]):
                account["oldPassword"] = f"{PLANTED}-old-{number}"
                account["newPassword"] = f'{PLANTED}-"new"-{number}'
            made.append(_dumped(_view(one.raw, one.credential)))
    return made


def _view(raw: dict[str, Any], credential: dict[str, Any]) -> dict[str, Any]:
    """The task as the credentials API tells it."""
    told = {key: value for key, value in raw.items() if key not in ("resources", "resolutionStatus")}
    subs = [
        {**account, **{key: value for key, value in sub.items() if key not in ("type", "resources")}}
        for sub, account in zip(raw["subTasks"], credential["accounts"], strict=True)
    ]
    return {**told, "type": credential["type"], "isAutoRotate": credential["isAutoRotate"], "subTasks": subs}


@cache
def credential_pages() -> list[bytes]:
    ones = [json.loads(body) for body in credential_tasks()]
    return [
        _dumped({"elements": ones[at : at + 2], "pageMetadata": {"totalElements": 2}}) for at in (0, 3, 6, 9)
    ]


@cache
def resource_credentials() -> list[bytes]:
    account = {"credentialType": "SSH", "username": "root", "password": f"{PLANTED}-set"}
    resource = {"resourceName": "sfo01-esx01", "resourceType": "ESXI", "credentials": [account, account]}
    return [_dumped([resource, resource]), _dumped([])]


@cache
def refusals() -> list[bytes]:
    """Bodies of refusals."""
    rng = Random(5)
    errors = [failure_errors(rng, "sfo01-esx01.rainpole.io", release)[0] for release in _RELEASES * 4]
    page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
    return [*map(_dumped, errors), page, b"", b"Unauthorized", *tasks()[:2]]


@cache
def upkeep() -> list[bytes]:
    """Answers of what 9.1 adds."""
    failed = [{"taskId": "b1", "errorCode": "TA_1", "message": "It runs"}]
    return [_dumped({"successful": ["a", "b"], "failed": failed}), _dumped({"retentionDays": 90})]


@cache
def cursors() -> list[bytes]:
    marks = [(raw["id"], Mark.of(decode_task(body))) for raw, body in zip(raw_tasks(), tasks(), strict=True)]
    return [encode(Told(dict(marks[at : at + 3])).cursor()) for at in range(0, len(marks), 3)]


@cache
def journals() -> list[bytes]:
    head = {"journal": "vcf-tasks-async", "version": 1, "manager": "sfo-vcf01", "action": "retry"}
    notes: list[dict[str, Any]] = [
        {
            "intent": "a",
            "at": 1_750_000_000.5,
            "status": "FAILED",
            "completed": "2026-01-01T00:00:00Z",
            "steps": "ab",
        },
        {"outcome": "a", "result": "accepted", "reason": None},
        {"intent": "b", "at": 1_750_000_001},
        {"outcome": "b", "result": "rejected", "reason": "It runs", "status": 409},
        {"outcome": "c", "result": "skipped", "reason": "it has not failed"},
        {"intent": "d", "at": 1_750_000_002.5, "status": None, "completed": None, "steps": None},
    ]
    lines = [_dumped(note) + b"\n" for note in (head, *notes)]
    return [b"".join(lines), b"".join(lines[:3]), lines[0], b""]


@cache
def tokens() -> list[bytes]:
    claims = [
        {"iat": _NOW, "exp": _NOW + 3600, "sub": "administrator@vsphere.local"},
        {"exp": _NOW + 3600},
        {"iat": float(_NOW), "exp": _NOW + 0.5},
        {"iat": _NOW, "exp": _NOW - 5},
    ]
    return [_dumped(each) for each in claims]


def as_token(claims: bytes) -> str:
    """A JWT of *claims*."""
    parts = (b'{"alg":"HS256","typ":"JWT"}', claims, b"signature")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


RETRY_AFTERS: Final = [
    "0", "120", " 5 ", "999999999", "9999999999", "1" * 400, "-5", "+5", "1.5", "1e3", "0x10", "٣",
    "²", "", "Wed, 21 Oct 2026 07:28:00 GMT", "Wednesday, 21-Oct-26 07:28:00 GMT",
    "Wed Oct 21 07:28:00 2026", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359",
    "Wed, 21 Oct 2026 07:28:61 GMT", "soon",
]  # fmt: skip
TIMESTAMPS: Final = [
    "2019-06-20T12:03:18.890Z", "1970-01-21T06:52:48.075Z", "2019-06-20T12:03:18+02:00", "2019-06-20",
    "20190620", "2019-W25-4", "2019-06-20T12:03:18.890123456Z", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "2019-06-20T24:00:00", "2019-06-20 12:03:18,890", "1561032198890", "",
    "Z",
]  # fmt: skip
STATUSES: Final = [
    "Successful", "SUCCESSFUL", "In Progress", "IN_PROGRESS", "in-progress", "Failed", "CANCELED",
    "Cancelled", "Completed With Warning", "TIMED_OUT", "Skipped", "User Cancelled", "fa\u0131led",
    "UNKNOWN", "name", "mro", " ",
]  # fmt: skip
TEXTS: Final = [
    "Unable to commission the host", "Köln — 東京 😀", "\x1b[2J\x1b]0;title\x07",
    "one\r\ntwo\ttabs  and blanks", "a\u202eb\u2066c\u2069", "pay\u200bpal\ufeff\u00ad",
    "\ud800x\udfff", "a\U000e0101\U000e0041", "\u0600\u06dd", "e\u0301\u0327\ufe0f\u20e3",
    "\u3164\u2800\uffa0\u115f", "\\x1b\\u202e…", "\x85\x9b\u2028\u2029\xa0\u3000", "",
]  # fmt: skip


SITES: Final = f"""[fleet]
concurrency = 32
[defaults]
username = "svc-tasks@vsphere.local"
password_env = "VCF_PASSWORD"
deadline = 60.5
[sites.sfo]
url = "sfo-vcf01.rainpole.io"
password = "{PLANTED}-sfo"
ca_file = "ca.pem"
zone = "west"
[sites.lax]
url = "https://lax-vcf01.rainpole.io:8443"
api_key = "{PLANTED}-lax"
verify = false
proxy = "http://proxy.rainpole.io:3128"
concurrency = 4
[sites.nyc]
url = "nyc-vcf01.rainpole.io"
password_command = ["pass", "show", "vcf/nyc"]
fingerprint = "{":".join(["ab"] * 32)}"
"""
TOML_VALUES: Final = [
    "0", "-1", "1.5", "nan", "inf", "1e999", "true", "[]", "{}", '""', '" "', '"\\u0000"',
    '"~nobody/x"', "2026-01-01", "2026-13-01T25:00:00Z", "9" * 5000, "[" * 2000, "{a=" * 2000,
    "[1, [2, [3]]]", '"x\\u202ey"', '"http://u:p@h"', '"[::1"', '"\\uD800"', "0x" + "f" * 400,
    '"a" # b', "'", '"http://sfo-vcf01"', '"../x"',
]  # fmt: skip


@cache
def names() -> list[str]:
    """All field names of all models, and some of nobody's."""
    found = {
        name
        for room in (models, steps, credential_models)
        for cls in vars(room).values()
        if hasattr(cls, "__attrs_attrs__")
        for name in json_names(cls).values()
    }
    return [
        *sorted(found),
        "",
        "new",
        "__class__",
        "extra",
        "raw_status",
        "apiToken",
        "PRIVATE-KEY",
        "id ",
        "Id",
    ]
