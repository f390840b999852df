"""A simulated SDDC Manager in a process of its own, to be killed: `python sddc_process.py '<json>'`.

Prints its URL. Each write that is about to be applied goes into the file *log*, so that the record
outlives the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys

from vcf_tasks_async.testing import SddcManagerSimulator, SimulatorClock


async def main(job: dict[str, object]) -> None:
    # The clock stands while the tasks are made: after each start they are the same to the millisecond.
    clock = SimulatorClock(job["start"], speed=0.0)
    sddc = SddcManagerSimulator(clock=clock, **job["options"])
    clock.speed = 1.0
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @sddc.on_request
    def note(request) -> None:
        # Called right before it is decided; a write with a dead token will not be applied.
        if (
            request.method in ("PATCH", "DELETE")
            and re.fullmatch("/v1/tasks/[^/]+", request.path)
            and sddc._tokens.accepts(request.token)
        ):
            os.write(log, f"{os.getpid()} {request.path.rpartition('/')[2]}\n".encode())

    await sddc.start()
    print(sddc.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
