"""A real Dask cluster on this machine: a scheduler and workers, each a process of its own, by Dask's CLI."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Self

from distributed import Client

QUIET = {
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
    # What stands in the worker's environment alone, and nowhere else.
    "VCF_TASKS_TEST_PASSWORD": "VMw@re1!VMw@re1!",
}


class Cluster:
    """A scheduler, and a worker for each set of resources; all are gone at the end of its ``with``.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, place: Path, *zones: str, threads: int = 4) -> None:
        self._place = place
        self._zones = zones
        self._threads = threads
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._start("scheduler", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        for number, resources in enumerate(self._zones):
            self.start_worker(f"w{number}", resources)
        return self

    def start_worker(self, name: str, resources: str) -> None:
        """Start a worker more; it joins within a second or two."""
        self._start(
            name, "worker", self.address, "--name", name, "--host", "127.0.0.1",
            "--nthreads", str(self._threads), "--no-nanny", "--no-dashboard",
            "--local-directory", str(self._place),
            *(["--resources", resources] if resources else []),
        )  # fmt: skip

    def _start(self, name: str, *arguments: str) -> None:
        log = (self._place / f"{name}.log").open("wb")
        self._logs.append(log)
        self._processes[name] = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **QUIET},
        )

    def kill(self, name: str) -> None:
        """End a process at once."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def said(self) -> str:
        """All that the processes have logged."""
        return "".join(path.read_text() for path in sorted(self._place.glob("*.log")))

    async def client(self) -> Client:
        """A client, once all workers that were not killed are there."""
        client = await Client(self.address, asynchronous=True, timeout=15)
        await client.wait_for_workers(len(self._processes.keys() - {"scheduler"}), timeout=15)
        return client

    def __exit__(self, *exc_info: object) -> None:
        # The workers first: they say goodbye to a scheduler that is there.
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        for log in self._logs:
            log.close()
