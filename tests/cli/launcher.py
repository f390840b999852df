"""Starts commands through `prefork`, in a pipe or on a terminal; tells what they wrote and how they ended."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from terminal import environment

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_PATIENCE = 15.0


class Ended:
    """What a command wrote, and how it ended."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.raw = out
        self.out = out.decode()
        self.err = err.decode()
        assert "Traceback" not in self.out + self.err, self.out + self.err

    @property
    def text(self) -> str:
        """Everything that was ever on the terminal, frame after frame."""
        return _SEQUENCE.sub("", self.out)

    @property
    def lines(self) -> list[str]:
        return self.text.replace("\r", "\n").split("\n")

    @property
    def width(self) -> int:
        return max(cell_len(line) for line in self.lines)


class Launcher:
    """Starts one command at a time.

    Attributes:
        environment: what each command gets, besides a plain terminal's.
    """

    def __init__(self, asking: socket.socket) -> None:
        self._asking = asking
        self.environment: dict[str, str] = {}

    def run(
        self,
        *argv: str,
        code: int | None = 0,
        typed: str = "",
        signals: Mapping[str, signal.Signals] = {},
        leave: str | None = None,
        interrupt: Callable[[], bool] | None = None,
    ) -> Ended:
        """Run it with its output in pipes.

        Args:
            argv: the command's arguments.
            code: the exit code that it must end with; None for any.
            typed: what is on its stdin.
            signals: sent once such a text is in its output.
            leave: the reader of stdout leaves once this text was read.
            interrupt: whether it is time for Ctrl-C, which it gets once it has nothing to do then.
        """
        with tempfile.TemporaryFile() as stdin:
            stdin.write(typed.encode())
            stdin.seek(0)
            out, out_end = os.pipe()
            err, err_end = os.pipe()
            child = self._start(argv, (stdin.fileno(), out_end, err_end))
        os.close(out_end)
        os.close(err_end)
        wrote = _read({out: b"", err: b""}, child, signals, leave, interrupt=interrupt)
        return self._ended(code, wrote[out], wrote[err])

    def on_terminal(
        self,
        *argv: str,
        code: int | None = 0,
        columns: int = 80,
        rows: int = 24,
        answers: Mapping[str, str] = {},
        signals: Mapping[str, signal.Signals] = {},
    ) -> Ended:
        """Run it on a terminal; *answers* are typed once what they answer is on the screen."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        child = self._start(argv, (theirs, theirs, theirs))
        os.close(theirs)
        wrote = _read({ours: b""}, child, signals, None, dict(answers))[ours]
        if b"\x1b[?25l" in wrote:
            assert wrote.rindex(b"\x1b[?25h") > wrote.rindex(b"\x1b[?25l"), "the cursor is back"
        return self._ended(code, wrote, b"")

    def lines(self, *argv: str, code: int = 0, typed: str = "") -> list[str]:
        """The lines it wrote to a pipe: no colours, nothing that blanks fill up."""
        ended = self.run(*argv, code=code, typed=typed)
        self.complaint = ended.err
        assert "\x1b" not in ended.out + ended.err
        lines = ended.out.splitlines()
        assert all(line == line.rstrip() for line in lines)
        return lines

    def records(self, *argv: str, code: int = 0, typed: str = "") -> list[dict[str, Any]]:
        """The objects it wrote with --json."""
        return [json.loads(line) for line in self.lines(*argv, "--json", code=code, typed=typed)]

    def _start(self, argv: tuple[str, ...], files: tuple[int, ...]) -> int:
        request = {"argv": argv, "env": environment(**self.environment)}
        socket.send_fds(self._asking, [json.dumps(request).encode()], files)
        return int(self._asking.recv(100))

    def _ended(self, expected: int | None, out: bytes, err: bytes) -> Ended:
        code = int(self._asking.recv(100))
        ended = Ended(code, out, err)
        assert expected in (None, code), f"exit code {code}: {ended.text}{ended.err}"
        return ended


def _read(
    wrote: dict[int, bytes],
    child: int,
    signals: Mapping[str, signal.Signals],
    leave: str | None,
    answers: dict[str, str] | None = None,
    interrupt: Callable[[], bool] | None = None,
) -> dict[int, bytes]:
    """Read all files to their end, and do what is to be done meanwhile."""
    worked: int | None = None
    ends = time.monotonic() + _PATIENCE
    waiting, due = dict(answers or {}), dict(signals)
    with selectors.DefaultSelector() as ready:
        for file in wrote:
            ready.register(file, selectors.EVENT_READ)
        while ready.get_map():
            if time.monotonic() > ends:
                os.kill(child, signal.SIGKILL)
                raise AssertionError(f"still running: {wrote}")
            if interrupt is not None and interrupt():
                before, worked = worked, _work_of(child)
                if before is not None and before == worked:
                    os.kill(child, signal.SIGINT)
                    interrupt = None
            for key, _ in ready.select(0.5 if interrupt is None else 0.05):
                file = key.fd
                chunk = _chunk(file)
                wrote[file] += chunk
                seen = wrote[file].decode(errors="replace")
                for question in [question for question in waiting if question in seen]:
                    os.write(file, waiting.pop(question).encode())
                for text in [text for text in due if text in seen]:
                    os.kill(child, due.pop(text))
                if not chunk or (leave is not None and leave in seen):
                    ready.unregister(file)
                    os.close(file)
    return wrote


def _work_of(child: int) -> int | None:
    """The time on a processor that *child* has had, in ticks, while it waits; None where it does not."""
    state, *fields = Path(f"/proc/{child}/stat").read_text("utf-8").rpartition(")")[2].split()
    return int(fields[10]) + int(fields[11]) if state == "S" else None


def _chunk(file: int) -> bytes:
    try:
        return os.read(file, 65536)
    except OSError:
        # Linux says EIO when the last process on a terminal's other side is gone.
        return b""


@contextmanager
def launching() -> Iterator[Launcher]:
    """A launcher, and the process behind it."""
    asking, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    script = str(Path(__file__).with_name("prefork.py"))
    with (
        asking,
        subprocess.Popen(
            [sys.executable, script, str(asked.fileno())], pass_fds=[asked.fileno()], env=environment()
        ) as process,
    ):
        asked.close()
        try:
            yield Launcher(asking)
        finally:
            asking.close()
            process.wait(timeout=5)
