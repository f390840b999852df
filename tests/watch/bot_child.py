"""README's bot, to be run in a process of its own."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path

# With all that it imports, before a process is forked for each bot.
import vcf_tasks_async.transport  # noqa: F401
from vcf_tasks_async import PasswordAuth, Polling, TaskSession, sweeps

README = Path(__file__).parents[2] / "README.md"


def run(job):
    """Be the bot until killed."""
    asyncio.run(_run(**job))


async def _run(url, username, password, place):
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    [block] = [block for block in blocks if "async def bot(" in block]
    # A purge is told after 5 s, which are long here.
    sweeps.ABSENCE = 0.3
    shown = {}
    exec(block, shown)
    db = sqlite3.connect(place)
    # A kill is no power failure.
    db.execute("PRAGMA synchronous = OFF")
    async with TaskSession(url, PasswordAuth(username, password)) as session:
        await shown["bot"](session, db, Polling(initial=0.05, maximum=0.1))
