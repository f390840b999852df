"""A `vcf-tasks simulate` that runs in a process of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from terminal import VCF_TASKS, environment


class Simulator:
    """A running `vcf-tasks simulate`: its address from its first line, and the rest of its welcome."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        said = re.fullmatch(r"listening on (https?://\S+)\n", process.stdout.readline())
        assert said
        self.url = said[1]
        self.welcome = ""
        while "Ctrl-C" not in self.welcome:
            line = process.stdout.readline()
            assert line, self.welcome
            self.welcome += line

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs in order to talk to it."""
        password = re.search(r"^password +(\S+)$", self.welcome, re.MULTILINE)
        assert password
        name = "administrator@vsphere.local"
        return {"VCF_HOST": self.url, "VCF_USERNAME": name, "VCF_PASSWORD": password[1]}

    @property
    def snippet(self) -> str:
        end = "asyncio.run(main())"
        return self.welcome[self.welcome.index("import asyncio") : self.welcome.index(end) + len(end)]


@contextmanager
def simulate(*options: str) -> Iterator[Simulator]:
    with subprocess.Popen(
        [*VCF_TASKS, "simulate", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            yield Simulator(process)
        finally:
            process.kill()
