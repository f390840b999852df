"""Simulated SDDC Managers, each in a process of its own: one process imports everything, then forks them.

As a program: `python sddc_forks.py '<json>'` forks a child for each job of the list and prints, in one line
of JSON, the pid and URL of each; it ends them when its stdin is closed. Each write that is about to be
applied goes into the job's file *log*, so that the record outlives the process. As a module, `Forks` drives
it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

# With all that it imports, before the first fork.
from vcf_tasks_async.testing import SddcManagerSimulator


class Forks:
    """Simulators in processes, one for each of *jobs* (options); all are gone at the end of its ``with``.

    Attributes:
        managers: pid, url, username and password of each.
    """

    def __init__(self, logs: Path, jobs: list[dict[str, Any]]) -> None:
        self._logs = logs
        self._jobs = [{"log": str(logs / f"{n}.log"), "options": options} for n, options in enumerate(jobs)]

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__)), json.dumps(self._jobs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.managers: list[dict[str, Any]] = json.loads(self._parent.stdout.readline())
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._parent:  # closes the pipes, waits
            self._parent.stdin.close()

    def kill(self, number: int) -> None:
        """End one at once; it is not reaped before all are, so that its pid is still its own."""
        os.kill(self.managers[number]["pid"], signal.SIGKILL)

    def applied(self, number: int) -> Counter[str]:
        """How often each task was asked to be retried or cancelled, as this one noted it."""
        log = self._logs / f"{number}.log"
        return Counter(log.read_text().split()) if log.exists() else Counter()


async def _serve(job: dict[str, Any], say: int) -> None:
    slow = job["options"].pop("write_latency", 0.0)
    sddc = SddcManagerSimulator(latency=lambda r: slow if r.method == "PATCH" else 0.0, **job["options"])
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    @sddc.on_request
    def note(request) -> None:
        # Called right before it is decided; a write with a dead token will not be applied.
        if (
            request.method in ("PATCH", "DELETE")
            and re.fullmatch("/v1/tasks/[^/]+", request.path)
            and sddc._tokens.accepts(request.token)
        ):
            os.write(log, f"{request.path.rpartition('/')[2]}\n".encode())

    await sddc.start()
    about = {"pid": os.getpid(), "url": sddc.url, "username": sddc.username, "password": sddc.password}
    os.write(say, json.dumps(about).encode())
    os.close(say)
    await asyncio.Event().wait()


def _main(jobs: list[dict[str, Any]]) -> None:
    children, said = [], []
    for job in jobs:
        hear, say = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                sys.stdin.close()
                os.close(hear)
                asyncio.run(_serve(job, say))
            finally:
                os._exit(1)
        os.close(say)
        children.append(pid)
        said.append(hear)
    answers = []
    for hear in said:
        with os.fdopen(hear, "rb") as pipe:
            answers.append(json.loads(pipe.read()))
    sys.stdout.write(json.dumps(answers) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
