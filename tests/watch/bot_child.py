"""README's bot in a process of its own, to be killed: `python bot_child.py '<json>'`."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import sys
from pathlib import Path

from vcf_tasks_async import PasswordAuth, Polling, TaskSession

README = Path(__file__).parents[2] / "README.md"


async def main(job):
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    [block] = [block for block in blocks if "async def bot(" in block]
    shown = {}
    exec(block, shown)
    db = sqlite3.connect(job["db"])
    # A kill is no power failure.
    db.execute("PRAGMA synchronous = OFF")
    async with TaskSession(job["url"], PasswordAuth(job["username"], job["password"])) as session:
        await shown["bot"](session, db, Polling(initial=0.05, maximum=0.1))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
