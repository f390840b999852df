"""Text of an enemy stays text: in every command, as text and as JSON, in a pipe and on a terminal."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

import pytest
from access import access
from launcher import Launcher

from vcf_tasks_async.testing import SddcManagerSimulator

# Colours, a window title, a link, the clipboard; C1; a line that erases itself; markup; text turned round;
# NUL, DEL, lines; half a surrogate pair; hidden blanks.
EVIL = (
    "\x1b[31m\x1b]0;own\x07\x1b]8;;http://e\x1b\\x\x1b]8;;\x1b\\\x1b]52;c;cm0=\x07\x9b31m\x9d0;own\x9c\x1b[2K\r"
    "[red]x[/red] [link=http://e]:skull: \u202eback\u2066 \x00\x7f\nline\u2028two \ud800 \ufe00\u200b end"
)
#: Our own colours and cursor movements.
OURS = rb"\x1b\[([0-9;]*m|\?25[lh]|[0-9]*[AK])"
_IDS = [f"3ee54a9{digit}-5d0f-4d54-8d26-f1a2d4a9b1a1" for digit in range(3)]
SEQUENCES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2066\u202e\u200b\ufe00\ud800-\udfff]")


def evil_task(task_id: str, status: str) -> dict[str, object]:
    step = {"name": EVIL, "type": EVIL, "status": status.upper().replace(" ", "_"), "description": EVIL}
    wrong = {"errorCode": EVIL, "message": EVIL, "remediationMessage": EVIL, "referenceToken": EVIL}
    if status == "Failed":
        step |= {"errors": [wrong], "stages": [{**step, "errors": [wrong]}]}
    return {
        "id": task_id,
        "name": EVIL,
        "type": EVIL,
        "status": status,
        "creationTimestamp": EVIL,
        "completionTimestamp": EVIL,
        "resolutionStatus": EVIL,
        "isRetryable": True,
        "isCancellable": True,
        "errors": [wrong] if status == "Failed" else [],
        "resources": [{"name": EVIL, "type": EVIL, "fqdn": EVIL, "resourceId": EVIL}],
        "subTasks": [step, {"name": EVIL, "status": EVIL}],
    }


@pytest.fixture(scope="module")
def _evil() -> Iterator[SddcManagerSimulator]:
    tasks = [
        evil_task(_IDS[0], "Failed"),
        evil_task(_IDS[1], "In Progress"),
        {**evil_task(_IDS[2], "Failed"), "status": EVIL},
        {**evil_task(_IDS[2], "Failed"), "id": f"evil\x1b[31m{EVIL}"},
    ]
    words = json.dumps(
        {"errorCode": "E", "message": EVIL, "remediationMessage": EVIL, "referenceToken": EVIL}
    )
    simulator = SddcManagerSimulator(tasks, live=False)
    simulator.faults.add(method="PATCH", path="/v1/tasks/.*", times=None, status=409, body=words)
    simulator.faults.add(method="DELETE", path="/v1/tasks/.*", times=None, status=400, body=words)
    simulator.faults.add(method="GET", path="/v1/tasks/5ee.*", times=None, status=400, body=words)
    account = {
        "id": EVIL, "name": EVIL, "username": EVIL, "resourceName": EVIL, "entityType": EVIL,
        "status": "FAILED", "errors": [{"message": EVIL}], "oldPassword": EVIL, "newPassword": EVIL,
    }  # fmt: skip
    changes = {"elements": [{**evil_task(_IDS[0], "Failed"), "subTasks": [account]}]}
    simulator.faults.add(path="/v1/credentials/tasks", times=None, status=200, body=json.dumps(changes))
    with simulator.in_thread() as running:
        yield running


@pytest.fixture
def evil(launcher: Launcher, _evil: SddcManagerSimulator) -> Launcher:
    launcher.environment = {**access(_evil), "VCF_CALL_TIMEOUT": "10"}
    return launcher


COMMANDS = {
    "list": ("list",),
    "list-failed": ("list", "--failed", "--sort", "name"),
    "get": ("get", _IDS[0], _IDS[2]),
    "get-refused": ("get", "5ee54a90-5d0f-4d54-8d26-f1a2d4a9b1a1"),
    "tree": ("tree", _IDS[0]),
    "tree-failed": ("tree", "--failed", _IDS[0][:8]),
    "watch": ("watch", "--every", "0.1"),
    "watch-id": ("watch", _IDS[0], "--every", "0.1"),
    "wait": ("wait", _IDS[0], _IDS[1], "--every", "0.1", "--timeout", "0.25"),
    "retry": ("retry", _IDS[0], "--yes"),
    "retry-failed": ("retry", "--failed", "--yes"),
    "cancel": ("cancel", "--running", "--yes"),
    "credentials": ("credentials",),
    "no-such-beginning": ("get", "evil"),
    "login": ("login", "--check", "-u", EVIL.replace("\x00", "").replace("\ud800", "")),
}


def stopped(name: str, sign: str) -> dict[str, signal.Signals]:
    """Ctrl-C for what does not end by itself, once *sign* is there."""
    return {sign: signal.SIGINT} if name == "watch" else {}


@pytest.mark.parametrize("name", COMMANDS)
def test_text_of_an_enemy_stays_text_in_a_pipe(evil: Launcher, name: str) -> None:
    ended = evil.run(*COMMANDS[name], code=None, signals=stopped(name, "appeared"))
    assert ended.code < 8 or (name, ended.code) == ("watch", 130)
    for text in (ended.out, ended.err):
        assert not FORBIDDEN.search(text)
    said = ended.out + ended.err
    if name not in ("no-such-beginning", "login"):
        assert "\\x1b[31m\\x1b]0;own\\x07" in said
    if name in ("list", "list-failed", "get", "tree", "retry-failed", "credentials"):
        assert "[red]x[/red] [link=http://e]:skull:" in said
        assert "\\u202eback" in said


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name not in ("get-refused", "no-such-beginning")]
)
def test_json_keeps_it_to_the_letter_and_is_plain_ascii(evil: Launcher, name: str) -> None:
    ended = evil.run(*COMMANDS[name], "--json", code=None, signals=stopped(name, "appeared"))
    assert not re.search(r"[^\n\x20-\x7e]", ended.out)
    assert not FORBIDDEN.search(ended.err)
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert records
    if name in ("list", "get", "tree", "credentials"):
        assert records[0]["name"] == EVIL


@pytest.mark.parametrize("name", COMMANDS)
def test_text_of_an_enemy_stays_text_on_a_terminal(evil: Launcher, name: str) -> None:
    ended = evil.on_terminal(*COMMANDS[name], code=None, columns=200, signals=stopped(name, "PROGRESS"))
    bare = SEQUENCES.sub(b"", ended.raw).decode()
    assert not FORBIDDEN.search(bare.replace("\r\n", "\n").replace("\r", ""))
    # What is left are our own colours and cursor movements; nothing of the enemy's ends up among them.
    ours = set(re.findall(rb"\x1b.[^A-Za-z]*[A-Za-z]", ended.raw))
    assert all(re.fullmatch(OURS, sequence) for sequence in ours), ours


def test_ids_alone_are_one_harmless_line_each(evil: Launcher) -> None:
    lines = evil.lines("list", "-q")
    assert sorted(lines)[:3] == _IDS
    assert len(lines) == 4
    assert max(lines).startswith("evil\\x1b[31m")
