"""How a command begins and ends: what it needs, its event loop, its signals, its exit code.

Imports nothing that an extra brings: it is what tells that an extra is missing.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, NoReturn, TypeVar

import vcf_tasks_async as v
from vcf_tasks_async.cli.exits import Exit, code_of

__all__ = ["fail", "fail_with", "harden_output", "let_the_reader_go", "need", "run", "warn"]

T = TypeVar("T")


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """End with exit code *code* and *message*, one line on stderr."""
    print(f"vcf-tasks: {message}", file=sys.stderr)
    raise SystemExit(int(code))


def fail_with(error: v.VcfTasksError) -> NoReturn:
    """End with what *error* says, and the exit code of its class."""
    fail(v.inert(str(error), limit=1000), code_of(error))


def warn(message: str) -> None:
    """Say *message*, one line on stderr, and go on."""
    print(f"vcf-tasks: warning: {message}", file=sys.stderr)


def harden_output() -> None:
    """Let no text break the output: what the terminal's encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def let_the_reader_go() -> None:
    """Whoever read stdout is gone: what is still to come goes nowhere, without a word."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def need(extra: str, *modules: str) -> None:
    """End with a word on how to install *extra* when one of its *modules* is missing."""
    missing = [module for module in modules if not _is_there(module)]
    if missing:
        fail(f"needs {' and '.join(missing)}: pip install 'vcf-tasks-async[{extra}]'", Exit.USAGE)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def run(work: Coroutine[Any, Any, T]) -> T:
    """What *work* returns. Ctrl-C and SIGTERM end the program with their exit codes.

    A signal cancels *work*, which may still tell what it has got; a second one cuts that short.
    """
    import asyncio  # noqa: PLC0415 - `--help` needs none
    import signal  # noqa: PLC0415

    received: list[int] = []

    async def stoppable() -> T:
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        assert me is not None

        def stop(number: int) -> None:
            received.append(number)
            me.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            # On Windows, loops have no signal handlers and Ctrl-C arrives as an exception.
            with suppress(NotImplementedError):
                loop.add_signal_handler(number, stop, number)
        return await work

    try:
        result = asyncio.run(stoppable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(_of_signal(received)) from None
    except v.VcfTasksError:
        if received:
            raise SystemExit(_of_signal(received)) from None
        raise
    if received:
        raise SystemExit(_of_signal(received))
    return result


def _of_signal(received: list[int]) -> int:
    # 128 and the signal's number, as in a shell; what came first counts.
    return 128 + received[0] if received else int(Exit.INTERRUPTED)
