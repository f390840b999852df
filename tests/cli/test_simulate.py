"""`vcf-tasks simulate` as a script waits for it, and as a person pastes from it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from terminal import VCF_TASKS, environment, in_pipe


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


@pytest.mark.parametrize("options", [(), ("--tls",), ("--host", "0.0.0.0"), ("--release", "4.5")])
def test_the_printed_snippet_runs_as_it_stands(options: tuple[str, ...]) -> None:
    with simulate("--port", "0", "--tasks", "7", *options) as simulator:
        assert simulator.url.startswith("https://" if "--tls" in options else "http://")
        ended = in_pipe(sys.executable, "-c", simulator.snippet)
    assert ended.stderr == ""
    assert len(ended.stdout.splitlines()) == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_with_exit_code_0(number: signal.Signals) -> None:
    with simulate("--port", "0", "--tasks", "3") as simulator:
        simulator.process.send_signal(number)
        rest, complaint = simulator.process.communicate(timeout=10)
    assert (simulator.process.returncode, rest, complaint) == (0, "", "")


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = in_pipe(*VCF_TASKS, "simulate", "--port", port, "--tasks", "3")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert f"can't listen on 127.0.0.1, port {port}" in ended.stderr
    assert "--port 0" in ended.stderr


def test_an_unknown_release_is_told_with_exit_code_2() -> None:
    ended = in_pipe(*VCF_TASKS, "simulate", "--release", "7")
    assert ended.returncode == 2
    assert "9.1" in ended.stderr
