"""`vcf-tasks simulate` as a script waits for it, and as a person pastes from it."""

from __future__ import annotations

import signal
import socket
import sys

import pytest
from simulator_process import simulate
from terminal import VCF_TASKS, in_pipe


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
