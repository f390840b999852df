"""Opens and closes sessions, many times, and prints as JSON what grew: ``python open_close.py 10000 1000``.

The first number is of sessions that only open and close, the second of sessions that make a call in between.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from pathlib import Path

from fault_server import PASSWORD, FaultServer

from vcf_tasks_async import PasswordAuth, TaskSession


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held() -> dict[str, int]:
    gc.collect()
    return {
        "resident_kb": resident() // 1024,
        "objects": len(gc.get_objects()),
        "fds": len(list(Path("/proc/self/fd").iterdir())),
        "tasks": len(asyncio.all_tasks()),
    }


async def main(idle: int, calling: int) -> None:
    async with FaultServer() as server:
        auth = PasswordAuth("admin@local", PASSWORD)

        async def cycles(idle: int, calling: int) -> None:
            for _ in range(idle):
                async with TaskSession(server.url, auth):
                    pass
            for _ in range(calling):
                async with TaskSession(server.url, auth) as session:
                    await session.get("a")
                server.requests.clear()
                server.raw.clear()

        # What is filled once (caches, arenas) is filled by a tenth of it.
        await cycles(idle // 10, calling // 10)
        await asyncio.sleep(0.05)
        before = held()
        await cycles(idle, calling)
        await asyncio.sleep(0.05)
        after = held()
    print(json.dumps({what: after[what] - before[what] for what in before}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
