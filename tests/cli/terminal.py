"""Runs `vcf-tasks`, or a script, as a real process: with its output in a pipe, or on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from canaries import watch

VCF_TASKS = [str(Path(sys.executable).parent / "vcf-tasks")]
# Colours, cursor movements and their like.
_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


def environment(**more: str) -> dict[str, str]:
    """A plain terminal's environment, whatever the tests themselves run in."""
    unwanted = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith("VCF_")
    }
    # Whoever runs the tests may have a configuration.
    return kept | {"TERM": "xterm-256color", "PYTHONUTF8": "1", "XDG_CONFIG_HOME": "/nowhere"} | more


def in_pipe(*command: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        input=typed,
        env=environment(**more),
        timeout=18,
        check=False,
        # Without a terminal of its own, nobody can be asked behind the test's back.
        start_new_session=True,
    )


def script(source: str) -> tuple[str, ...]:
    """The command that runs *source*; a warning in it is an error, as in all tests."""
    return (sys.executable, "-W", "error", "-c", source)


class OnTerminal:
    """What a command wrote on a terminal of *columns*, byte by byte, and how it ended.

    *answers* are typed once what they answer is on the screen.
    """

    def __init__(
        self,
        *command: str,
        columns: int = 80,
        rows: int = 60,
        answers: Mapping[str, str] = {},
        **more: str,
    ) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(**more),
            start_new_session=True,
        )
        os.close(theirs)
        self.raw = b""
        waiting = {question.encode(): answer.encode() for question, answer in answers.items()}
        try:
            while chunk := _read(ours):
                self.raw += chunk
                for question in [question for question in waiting if question in self.raw]:
                    os.write(ours, waiting.pop(question))
            self.code = process.wait(timeout=5)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        watch.look("a terminal", self.raw)

    @property
    def text(self) -> str:
        """Everything that was ever on the screen, frame after frame."""
        return _SEQUENCE.sub(b"", self.raw).decode()

    @property
    def lines(self) -> list[str]:
        return self.text.replace("\r", "\n").split("\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # Linux says EIO when the last process on the other side is gone.
        return b""
