"""README's bot, killed again and again: nothing is missed, nothing is told twice."""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import os
import sqlite3
from datetime import datetime
from random import Random

import bot_child
from soak_log import lies

from vcf_tasks_async.testing import SddcManagerSimulator

KILLS = 4
SEED = int(os.environ.get("VCF_TASKS_SEED", "5"))


def written(place):
    """What the bot has written, as lines of a log."""
    if not place.exists():
        return []
    with sqlite3.connect(place) as db:
        try:
            rows = [json.loads(row) for (row,) in db.execute("SELECT event FROM events ORDER BY rowid")]
        except sqlite3.OperationalError:  # killed before it had made its table
            rows = []
    db.close()
    return [
        [
            row["kind"],
            row.get("taskId"),
            row.get("path", ""),
            row.get("before"),
            row.get("after"),
            datetime.fromisoformat(row["at"]).timestamp(),
        ]
        for row in rows
    ]


async def grown(place, lines):
    """Until the bot has written more than so many lines."""
    while len(written(place)) <= lines:
        await asyncio.sleep(0.02)


async def test_a_bot_that_is_killed_again_and_again_misses_nothing_and_tells_nothing_twice(tmp_path):
    rng = Random(SEED)
    place = tmp_path / "bot.db"
    options = {"running": 0.5, "step_seconds": (0.1, 1.5), "arrivals": 7200.0}
    kills = in_the_middle = 0
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["bot_child"])
    with SddcManagerSimulator(30, **options).in_thread() as sddc:
        initial = {task_id: task["status"] for task_id, task in sddc.snapshot().items()}
        job = {"url": sddc.url, "username": sddc.username, "password": sddc.password, "place": str(place)}
        while True:
            before = len(written(place))
            bot = processes.Process(target=bot_child.run, args=(job,))
            bot.start()
            try:
                # It tells something, and then is killed at any moment.
                await grown(place, before)
                if kills == KILLS:
                    break
                await asyncio.sleep(rng.uniform(0.0, 0.3))
            finally:
                if kills < KILLS:
                    bot.kill()
                    bot.join()
            kills += 1
            in_the_middle += len(written(place)) > before + 1
            sddc.purge(sddc.ids("SUCCESSFUL")[-1])
        try:
            # The world stands still until all of it is told.
            sddc.clock.speed = 0
            history = list(sddc.history)
            while wrong := lies(written(place), history, initial, surely_seen=math.inf):
                if any("twice" in lie or "follow" in lie or "invented" in lie for lie in wrong):
                    break
                await asyncio.sleep(0.1)
        finally:
            bot.kill()
            bot.join()
    assert wrong == []
    assert in_the_middle >= 2
    log = written(place)
    assert len(log) > 60
    # The same log with a line missing, or a line twice, is told from it; but what changed between the first
    # look at a task and its event, nobody can tell.
    noticed = 0
    for at in rng.sample(range(len(log)), 20):
        noticed += bool(lies(log[:at] + log[at + 1 :], history, initial, surely_seen=math.inf))
        noticed += bool(lies([*log[: at + 1], *log[at:]], history, initial, surely_seen=math.inf))
    assert noticed >= 34
