"""`vcf-tasks simulate` as a script waits for it, and as a person pastes from it."""

from __future__ import annotations

import signal
import socket
import sys
import time

import pytest
from simulator_process import Simulator, simulate
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


def says(simulator: Simulator) -> str:
    assert simulator.process.stdout is not None
    return simulator.process.stdout.readline()


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no SIGUSR1")
def test_sigusr1_is_an_outage_from_which_it_comes_back_as_it_was() -> None:
    with simulate("--port", "0", "--tasks", "7") as simulator:
        before = in_pipe(*VCF_TASKS, "list", "--json", **simulator.environment)
        simulator.process.send_signal(signal.SIGUSR1)
        assert says(simulator) == "down, until the next SIGUSR1\n"
        host, _, port = simulator.url.removeprefix("http://").partition(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
        simulator.process.send_signal(signal.SIGUSR1)
        assert says(simulator) == f"listening on {simulator.url}\n"
        after = in_pipe(*VCF_TASKS, "list", "--json", **simulator.environment)
        simulator.process.send_signal(signal.SIGUSR1)
        assert says(simulator).startswith("down")
        simulator.process.send_signal(signal.SIGTERM)
        assert simulator.process.wait(timeout=10) == 0
    assert before.stdout.count("\n") == 7
    assert before.stdout == after.stdout


def test_new_tasks_arrive_and_requests_take_their_time() -> None:
    options = ("--tasks", "0", "--speed", "3600", "--arrivals", "60", "--latency", "0.3")
    with simulate("--port", "0", *options) as sddc:
        started = time.monotonic()
        listed = in_pipe(*VCF_TASKS, "list", "-q", **sddc.environment)
    assert listed.stdout.count("\n") > 1, listed.stderr
    assert time.monotonic() - started > 0.6, "a login and a page"
