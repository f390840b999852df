"""The Slack bot of `examples/`, with Slack's SDK, over a simulated SDDC Manager and a Slack on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import repeat
from pathlib import Path

import aiohttp
import pytest
from access import access
from aiohttp import web

from vcf_tasks_async.testing import SddcManagerSimulator

signature = pytest.importorskip("slack_sdk.signature")
PROGRAM = Path(__file__).parents[2] / "examples" / "slack_bot.py"
SECRET = "the signing secret"
# Enough of those that run to let them fail, and of those that failed to be retried.
TASKS = {"running": 0.5, "failed": 0.2, "not_retryable": 0, "credential_tasks": 0, "zombies": 0}


# Slack's documentation of chat.postMessage: no formatting, no link out of a bare address or name, no preview.
PLAIN = {"mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}


def gone() -> web.Response:
    """A refusal, as Slack sends most of them: with status 200."""
    return web.json_response({"ok": False, "error": "channel_not_found"})


def flooded() -> web.Response:
    """It has heard too much, and wants to hear no more for a second."""
    error = {"ok": False, "error": "ratelimited"}
    return web.json_response(error, status=429, headers={"Retry-After": "1"})


def down() -> web.Response:
    return web.Response(status=503, text="<html>", content_type="text/html")


def cut() -> web.Response:
    """An answer whose connection ends too early."""
    response = web.Response(body=b"{", headers={"Content-Length": "9"}, content_type="application/json")
    response.force_close()
    return response


class Slack:
    """What Slack does: takes messages, and says what people say."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.manners: list[dict[str, object]] = []  # how each message is to be shown
        self.refusals: Iterator[web.Response] = iter(())  # what it says instead of taking a message
        self.refused: list[str] = []
        self.refused_at: list[float] = []
        self.url = ""
        self.place: Path | None = None
        self.kept: set[str] = (
            set()
        )  # the bot's place whenever it says something: what it says is not in there

    async def post(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer xoxb-1"
        message = await request.json()
        assert message.pop("channel") == "C1"
        text = message.pop("text")
        if self.place is not None:
            self.kept.add(self.place.read_text())
        if (refusal := next(self.refusals, None)) is not None:
            self.refused.append(text)
            self.refused_at.append(time.monotonic())
            return refusal
        self.said.append(text)
        self.manners.append(message)
        return web.json_response({"ok": True})

    async def hear(self, words: str) -> str:
        """The message that has *words* in it, once it is there."""
        async with asyncio.timeout(8):
            while not (found := [text for text in self.said if words in text]):
                await asyncio.sleep(0.01)
        return found[0]


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    it = Slack()
    app = web.Application()
    app.router.add_post("/api/chat.postMessage", it.post)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
    yield it
    await runner.cleanup()


@asynccontextmanager
async def bot(
    sddc: SddcManagerSimulator, slack: Slack, place: Path, **more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    names = {
        **access(sddc), "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": SECRET, "SLACK_CHANNEL": "C1",
        "SLACK_URL": slack.url, "POLL_SECONDS": "0.1", "PLACE": str(place), "PORT": "0", **more,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), env={**os.environ, **names},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    port = (await process.stdout.readline()).split()[-1].decode()
    try:
        yield process, f"http://127.0.0.1:{port}/slack/events"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def say(url: str, document: dict[str, object], *, secret: str = SECRET) -> tuple[int, str]:
    body, stamp = json.dumps(document), str(int(time.time()))
    signed = signature.SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body)
    headers = {"X-Slack-Signature": signed, "X-Slack-Request-Timestamp": stamp}
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as response:
        return response.status, await response.text()


def mention(event_id: str, text: str) -> dict[str, object]:
    return {
        "type": "event_callback", "event_id": event_id, "event": {"type": "app_mention", "text": text},
    }  # fmt: skip


async def terminate(process: asyncio.subprocess.Process) -> str:
    """What the bot said on standard error, ended by SIGTERM as it should."""
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    told = await asyncio.wait_for(process.stderr.read(), 8)
    assert await process.wait() == 0, told.decode()
    return told.decode()


def settled(place: Path) -> bool:
    return place.exists() and json.loads(place.read_text())["cursor"] is not None


async def has_settled(slack: Slack, place: Path) -> None:
    """The bot has seen what is there and written down where it stands; from here on *slack* looks at that."""
    while not settled(place):
        await asyncio.sleep(0.01)
    slack.place = place


async def test_the_bot_tells_failures_over_a_kill_and_retries_once_when_asked(
    slack: Slack, tmp_path: Path
) -> None:
    place = tmp_path / "place.json"
    with SddcManagerSimulator(30, speed=0, **TASKS).in_thread() as sddc:
        first, second, third = sddc.ids("In Progress")[:3]
        async with bot(sddc, slack, place) as (process, _):
            await has_settled(slack, place)
            sddc.fail(first, "<!channel> the disk & the clock \x1b[2J")
            text = await slack.hear(first)
            assert "&lt;!channel&gt; the disk &amp; the clock" in text
            assert " — " in text  # and the remedy
            assert "\x1b" not in text
            while place.read_text() in slack.kept:  # written down: from here on it is not to be told again
                await asyncio.sleep(0.01)
            process.kill()
            await process.wait()
        sddc.fail(second)
        async with bot(sddc, slack, place) as (process, url):
            await slack.hear(second)
            assert await say(url, {"type": "url_verification", "challenge": "c"}) == (
                200,
                '{"challenge": "c"}',
            )
            asked = mention("Ev1", f"<@U1> retry {first}")
            assert (await say(url, asked, secret="another"))[0] == 401
            # Slack says it again when it is in doubt.
            assert [(await say(url, asked))[0] for _ in range(2)] == [200, 200]
            await slack.hear(f"retry of {first} accepted")
            assert (await say(url, mention("Ev2", f"<@U1> retry {third}")))[0] == 200
            await slack.hear(f"retry of {third} rejected")
            patched = [request.path for request in sddc.requests.select(method="PATCH")]
            assert patched == [f"/v1/tasks/{first}", f"/v1/tasks/{third}"]
            # Old failures are no news, and nothing is told twice.
            told = [text for text in slack.said if " failed (" in text]
            assert [(first in text, second in text) for text in told] == [(True, False), (False, True)]
            assert slack.manners == [PLAIN] * len(slack.said)
            assert await terminate(process) == ""


async def test_what_slack_does_not_take_is_told_later_and_sigterm_waits_for_answers_but_not_for_ever(
    slack: Slack, tmp_path: Path
) -> None:
    place = tmp_path / "place.json"
    with SddcManagerSimulator(30, speed=0, **TASKS).in_thread() as sddc:
        first, second = sddc.ids("In Progress")[:2]
        failed = sddc.ids("Failed")[0]
        async with bot(sddc, slack, place, GRACE_SECONDS="0.1") as (process, url):
            await has_settled(slack, place)
            slack.refusals = (gone() for _ in repeat(None))
            sddc.fail(first, "\x1b[2J")
            while len(slack.refused) < 3:
                await asyncio.sleep(0.01)
            await say(url, mention("Ev1", f"<@U1> retry {failed}"))
            while not [text for text in slack.refused if "accepted" in text]:
                await asyncio.sleep(0.01)
            told = await terminate(process)
            assert f"failed ({first})" in told.splitlines()[0]
            assert "channel_not_found" in told.splitlines()[0]
            assert f"retry of {failed}: given up before it was answered" in told
            assert "\x1b" not in told
        assert slack.kept == {place.read_text()}
        slack.refusals = iter([flooded(), down(), cut(), gone()])
        slack.refused_at.clear()
        async with bot(sddc, slack, place) as (process, url):
            await slack.hear(first)
            flooded_at, down_at, *_ = slack.refused_at
            assert down_at - flooded_at >= 1
            assert len(slack.kept) == 1
            while place.read_text() in slack.kept:
                await asyncio.sleep(0.01)
            sddc.fail(second)
            await slack.hear(second)
            slack.said.clear()
            sddc.faults.add(method="PATCH", delay_answer=0.3)
            await say(url, mention("Ev2", f"<@U1> retry {second}"))
            while len(sddc.requests.select(method="PATCH")) < 2:
                await asyncio.sleep(0.01)
            slack.refusals = iter([gone()])
            assert len((await terminate(process)).splitlines()) == 5
            assert slack.said == [f"retry of {second} accepted"]
