"""Asking a person: for a password, or whether it is meant. On the terminal, also where stdin is a pipe."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["can_ask", "confirm", "hidden"]


def can_ask() -> bool:
    """Whether there is a terminal on which a person could be asked."""
    if sys.stdin is not None and sys.stdin.isatty():
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True


def confirm(question: str) -> bool:
    """Whether a person says yes to *question*, which is clean already; anything else is no."""
    with _plain_signals():
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.isatty():
            answer = sys.stdin.readline()
        else:
            with open("/dev/tty", encoding="utf-8", errors="replace") as terminal:  # noqa: PTH123 - no path
                answer = terminal.readline()
        if not answer.endswith("\n"):
            print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")


def hidden(question: str) -> str:
    """What a person types without seeing it; empty for nothing."""
    from getpass import getpass  # noqa: PLC0415 - only where a person is asked

    try:
        return getpass(f"{question}: ")
    except EOFError:
        return ""


@contextmanager
def _plain_signals() -> Iterator[None]:
    """Ctrl-C ends what blocks here; a handler of an event loop would not be heard before the answer."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
