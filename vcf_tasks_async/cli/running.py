"""How a command begins and ends: what it needs, its event loop, its exit code.

Imports nothing that an extra brings: it is what tells that an extra is missing.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, Final, NoReturn, TypeVar

import vcf_tasks_async as v

__all__ = ["INTERRUPTED", "fail", "harden_output", "need", "run"]

T = TypeVar("T")

#: The exit code of a command that was stopped with Ctrl-C: 128 and the number of SIGINT, as in a shell.
INTERRUPTED: Final = 130


def fail(message: str) -> NoReturn:
    """End with exit code 1 and *message*, one line on stderr."""
    print(f"vcf-tasks: {message}", file=sys.stderr)
    raise SystemExit(1)


def harden_output() -> None:
    """Let no text break the output: what the terminal's encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def need(extra: str, *modules: str) -> None:
    """End with a word on how to install *extra* when one of its *modules* is missing."""
    missing = [module for module in modules if not _is_there(module)]
    if missing:
        fail(f"needs {' and '.join(missing)}: pip install 'vcf-tasks-async[{extra}]'")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def run(work: Coroutine[Any, Any, T]) -> T:
    """What *work* returns. Ctrl-C and the library's errors end the program in one line, or none."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except v.VcfTasksError as error:
        fail(v.inert(str(error), limit=1000))
