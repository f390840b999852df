"""Real child processes that start in a few milliseconds: one process imports everything, then forks.

As a program it is that process: each line on its stdin is a job in JSON; it forks a child for the job,
writes the child's pid and, when told to reap it, its exit code. As a module, `Nursery` drives it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import vcf_tasks_async as v


class Nursery:
    """Starts children and kills them; ends with its ``with``."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._parent:  # closes the pipes, waits
            self._parent.stdin.close()

    def _line(self) -> str:
        return self._parent.stdout.readline().strip()

    def start(self, **job: Any) -> int:
        """Start a child that does *job*; its pid."""
        self._parent.stdin.write(json.dumps(job) + "\n")
        self._parent.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Wait for the child to end, and reap it; its exit code, negative for a signal."""
        self._parent.stdin.write("reap\n")
        self._parent.stdin.flush()
        return int(self._line())

    def kill_after(self, seconds: float, *, since: Callable[[], bool] | None = None, **job: Any) -> bool:
        """Start a child and kill it *seconds* later, or after *since* came true; False when it had ended."""
        pid = self.start(**job)
        patience = time.monotonic() + 1.0
        while since is not None and not since() and time.monotonic() < patience:
            time.sleep(0.001)
        time.sleep(seconds)  # not for luck: the moment of the kill is what the test varies
        # Not reaped before `ended`, so the pid is still its own.
        os.kill(pid, signal.SIGKILL)
        return self.ended() == -signal.SIGKILL


async def _job(job: dict[str, Any]) -> None:
    """Retry what has failed, as a user's script does."""
    policy = v.Policy(base=0.02, cap=0.2, deadline=1.0, attempt_timeout=0.9, grace=job["grace"])
    auth = v.PasswordAuth(job["username"], job["password"])
    async with v.TaskSession(job["url"], auth, policy=policy, concurrency=job["concurrency"]) as session:
        targets = (
            job["ids"] if "ids" in job else session.stream(v.TaskFilter(status=v.Status.FAILED), page_size=50)
        )
        report = await session.retry_many(targets, journal=job["journal"])
    Path(job["report"]).write_text(json.dumps(report.to_json()))  # noqa: ASYNC240 - nothing else runs here


def _main() -> None:
    def say(what: object) -> None:
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()

    assert v.TaskSession  # with all that it imports, before the first fork
    say("ready")
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            try:
                asyncio.run(_job(json.loads(line)))
            except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        say(pid)
        sys.stdin.readline()  # "reap"
        _, status = os.waitpid(pid, 0)
        say(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    _main()
