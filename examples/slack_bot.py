"""A Slack bot: says when a task fails, with its cause, and retries one when asked to.

    pip install vcf-tasks-async slack-sdk
    export VCF_HOST=sfo-vcf01.rainpole.io VCF_USERNAME=svc-tasks@vsphere.local VCF_PASSWORD=…
    export SLACK_BOT_TOKEN=xoxb-… SLACK_SIGNING_SECRET=… SLACK_CHANNEL=C012AB3CD
    python examples/slack_bot.py         # Slack's Events API sends app mentions to http://…:3000/slack/events

    @tasks retry 16ab8935-805b-4edf-aace-72c98134f667

Where it has got to stands in a file, written after each message: killed at any moment and started again, it
misses no failure. One whose message went out in the very moment of the kill may be told twice. What Slack
refuses (too many messages, a channel that is gone) is said again until it is taken; the place waits there.
SIGTERM leaves the retries in progress GRACE_SECONDS (20) to be answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import ClientError, web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from vcf_tasks_async import (
    EnvSecret,
    EventKind,
    PasswordAuth,
    Polling,
    Task,
    TaskEvent,
    TaskSession,
    VcfTasksError,
    inert,
)

# No *bold*, no link out of a bare address or name, no preview of what it leads to.
PLAIN: dict[str, Any] = {
    "mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False,
}  # fmt: skip
_RETRY = re.compile(r"\bretry\s+([A-Za-z0-9._:-]+)")


class Place:
    """How far the bot has told, in a file that is whole at any moment."""

    def __init__(self, file: Path) -> None:
        self._file = file
        kept = json.loads(file.read_text()) if file.exists() else {}
        self.since = datetime.fromisoformat(kept["since"]) if kept else datetime.now(UTC)
        self.cursor: Any = kept.get("cursor")
        if not kept:
            # Killed before anything happened, it must not take a later day for its first.
            self.keep(None)

    def keep(self, cursor: Any) -> None:
        """Write it down: first beside the file, then in its place."""
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps({"since": self.since.isoformat(), "cursor": cursor}))
        beside.replace(self._file)


class Bot:
    """Tells one channel of one SDDC Manager."""

    def __init__(
        self, session: TaskSession, slack: AsyncWebClient, channel: str, place: Place, pause: float
    ) -> None:
        self._session, self._slack, self._channel, self._place = session, slack, channel, place
        self._pause = pause
        self._answering: set[asyncio.Task[None]] = set()
        self._known: deque[str] = deque(maxlen=1000)

    async def watch(self, polling: Polling) -> None:
        """Tell of each task that fails, until cancelled."""
        async with self._session.watch(cursor=self._place.cursor, polling=polling) as events:
            async for event in events:
                if event.task is not None and self._is_news(event):
                    await self._say(failure_of(event.task))
                self._place.keep(events.cursor)

    def _is_news(self, event: TaskEvent) -> bool:
        task = event.task
        if task is None or not task.failed:
            return False
        if event.kind is EventKind.APPEARED:
            # It came and failed between two looks; what had failed before the bot's first day is no news.
            return task.created_at is not None and task.created_at >= self._place.since
        return event.kind is EventKind.ENDED

    async def heard(self, event_id: str, text: str) -> None:
        """Somebody spoke to the bot. Slack says it again when the answer is late: it is done once."""
        asked = _RETRY.search(text)
        if asked is None or event_id in self._known:
            return
        self._known.append(event_id)
        answering = asyncio.create_task(self._retry(asked[1]), name=f"retry of {asked[1]}")
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)

    async def _retry(self, task_id: str) -> None:
        try:
            report = await self._session.retry_many([task_id])
        except VcfTasksError as error:
            await self._say(f"{task_id}: {error}")
            return
        for outcome in report.outcomes:
            why = f": {outcome.reason}" if outcome.reason else ""
            await self._say(f"retry of {task_id} {outcome.result.value}{why}")

    async def finish(self, within: float) -> None:
        """Wait for the retries in progress, *within* seconds: Slack will not ask for them again."""
        if not self._answering:
            return
        _, late = await asyncio.wait(self._answering, timeout=within)
        for answering in late:
            answering.cancel()
            print(f"{answering.get_name()}: given up before it was answered", file=sys.stderr)
        await asyncio.gather(*late, return_exceptions=True)

    async def _say(self, text: str) -> None:
        """Returns when Slack has taken it, however often that must be tried."""
        while True:
            try:
                await self._slack.chat_postMessage(channel=self._channel, text=harmless(text), **PLAIN)
            except (SlackApiError, ClientError, TimeoutError) as error:
                print(inert(f"not said: {text}: {error!r}"), file=sys.stderr)
                await asyncio.sleep(wanted_pause(error) or self._pause)
            else:
                return


def wanted_pause(error: Exception) -> float:
    """Seconds for which Slack wants to hear no more, 0 if it does not say."""
    seconds = error.response.headers.get("Retry-After", "") if isinstance(error, SlackApiError) else ""
    return float(seconds) if seconds.isdecimal() else 0


def failure_of(task: Task) -> str:
    """What people need: which task, why, and what to do."""
    return f"{task.name or task.id} failed ({task.id}): {task.cause or 'SDDC Manager does not say why'}"


def harmless(text: str) -> str:
    """*text* as plain text: a server's must not mention @channel, nor look like a link."""
    # Slack reads <!channel> and <https://…|another text> in any text, with `mrkdwn` or without.
    return inert(text, limit=3000).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def listener(bot: Bot, signing_secret: str) -> web.Application:
    """Where Slack's Events API sends what people say."""
    verifier = SignatureVerifier(signing_secret)

    async def events(request: web.Request) -> web.Response:
        body = await request.read()
        if not verifier.is_valid_request(body, dict(request.headers)):
            raise web.HTTPUnauthorized
        document = json.loads(body)
        if document.get("type") == "url_verification":
            return web.json_response({"challenge": document["challenge"]})
        said = document.get("event", {})
        if said.get("type") == "app_mention":
            await bot.heard(str(document.get("event_id")), str(said.get("text")))
        return web.Response()

    app = web.Application()
    app.router.add_post("/slack/events", events)
    return app


async def main() -> None:
    """Watch and listen until SIGTERM or Ctrl-C."""
    env = os.environ
    slack = AsyncWebClient(env["SLACK_BOT_TOKEN"], base_url=env.get("SLACK_URL", AsyncWebClient.BASE_URL))
    auth = PasswordAuth(env["VCF_USERNAME"], EnvSecret("VCF_PASSWORD"))
    every = float(env.get("POLL_SECONDS", "10"))
    polling = Polling(initial=every, maximum=every)
    async with TaskSession(env["VCF_HOST"], auth) as session:
        place = Place(Path(env.get("PLACE", "slack-bot.json")))
        bot = Bot(session, slack, env["SLACK_CHANNEL"], place, pause=every)
        runner = web.AppRunner(listener(bot, env["SLACK_SIGNING_SECRET"]))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", int(env.get("PORT", "3000")))
        await site.start()
        print("listening on port", runner.addresses[0][1], flush=True)
        watching = asyncio.create_task(bot.watch(polling))
        for ended in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ended, watching.cancel)
        try:
            await watching
        except asyncio.CancelledError:
            pass
        finally:
            await runner.cleanup()
            await bot.finish(within=float(env.get("GRACE_SECONDS", "20")))


if __name__ == "__main__":
    asyncio.run(main())
