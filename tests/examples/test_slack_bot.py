"""The Slack bot of `examples/`, with Slack's SDK, over a simulated SDDC Manager and a Slack on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from vcf_tasks_async.testing import SddcManagerSimulator

signature = pytest.importorskip("slack_sdk.signature")
PROGRAM = Path(__file__).parents[2] / "examples" / "slack_bot.py"
SECRET = "the signing secret"


class Slack:
    """What Slack does: takes messages, and says what people say."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.url = ""
        self.place: Path | None = None
        self.kept = ""  # the bot's place when it last said something: what it says is not in there yet

    async def post(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer xoxb-1"
        message = await request.post() or await request.json()
        assert message["channel"] == "C1"
        self.said.append(str(message["text"]))
        if self.place is not None:
            self.kept = self.place.read_text()
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
    sddc: SddcManagerSimulator, slack: Slack, place: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    names = {
        "VCF_HOST": sddc.url, "VCF_USERNAME": sddc.username, "VCF_PASSWORD": sddc.password,
        "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": SECRET, "SLACK_CHANNEL": "C1",
        "SLACK_URL": slack.url, "POLL_SECONDS": "0.1", "PLACE": str(place), "PORT": "0",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), env={**os.environ, **names}, stdout=asyncio.subprocess.PIPE
    )
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


def settled(place: Path) -> bool:
    return place.exists() and json.loads(place.read_text())["cursor"] is not None


async def test_the_bot_tells_failures_over_a_kill_and_retries_once_when_asked(
    slack: Slack, tmp_path: Path
) -> None:
    place = tmp_path / "place.json"
    options = {"running": 0.5, "failed": 0.2, "not_retryable": 0, "credential_tasks": 0, "zombies": 0}
    with SddcManagerSimulator(30, speed=0, **options).in_thread() as sddc:
        first, second, third = sddc.ids("In Progress")[:3]
        async with bot(sddc, slack, place) as (process, _):
            while not settled(place):
                await asyncio.sleep(0.01)
            slack.place = place
            sddc.fail(first, "<!channel> the disk & the clock \x1b[2J")
            text = await slack.hear(first)
            assert "&lt;!channel&gt; the disk &amp; the clock" in text
            assert " — " in text  # and the remedy
            assert "\x1b" not in text
            while place.read_text() == slack.kept:  # written down: from here on it is not to be told again
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
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 5) == 0
