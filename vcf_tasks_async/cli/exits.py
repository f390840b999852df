"""Exit codes: one table for all commands. docs/cli.md shows it; scripts rely on it.

Errors are told by the names of their classes, so that nothing is imported for a command that goes well.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

__all__ = ["MEANINGS", "Exit", "code_of", "code_of_all"]


class Exit(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONNECTION = 3
    LOGIN = 4
    NOT_FOUND = 5
    TIMEOUT = 6
    REFUSED = 7
    INTERRUPTED = 130
    TERMINATED = 143


#: What each code means, for docs/cli.md and for those who read a script.
MEANINGS: Final = {
    Exit.DONE: "done; also when whoever read the output left early, as `head` does",
    Exit.FAILED: "some tasks or targets failed, or what was shown is not all there is",
    Exit.USAGE: "wrong usage, a configuration that can't be meant, or an extra that is not installed",
    Exit.CONNECTION: "no connection: name, network or certificate, or the answer was lost",
    Exit.LOGIN: "the login was refused, or this account may not do that",
    Exit.NOT_FOUND: "there is no such task (any more)",
    Exit.TIMEOUT: "time ran out first",
    Exit.REFUSED: "SDDC Manager said no for another reason, or gave an answer that can't be read",
    Exit.INTERRUPTED: "stopped by Ctrl-C",
    Exit.TERMINATED: "stopped by SIGTERM",
}

_BY_CLASS: Final = {
    "UsageError": Exit.USAGE,
    "Unauthorized": Exit.LOGIN,
    "Forbidden": Exit.LOGIN,
    "TaskNotFound": Exit.NOT_FOUND,
    "TaskGone": Exit.NOT_FOUND,
    "WaitTimeout": Exit.TIMEOUT,
    "TaskStalled": Exit.TIMEOUT,
    "DeadlineError": Exit.TIMEOUT,
    "TransportError": Exit.CONNECTION,
    "ApiError": Exit.REFUSED,
    "DecodeError": Exit.REFUSED,
    "UnsupportedError": Exit.REFUSED,
}


def code_of(error: BaseException) -> Exit:
    """The exit code of a command that ends with *error*: that of its class, or the nearest base with one.

    A wait that gave up because no look worked has the code of what kept it from looking; that of sites in
    trouble is theirs, where they are alike.
    """
    troubles = getattr(error, "troubles", None)
    if troubles:
        return code_of_all(trouble.error for trouble in troubles.values())
    for cls in type(error).__mro__:
        if cls.__name__ == "WaitError" and error.__cause__ is not None:
            return code_of(error.__cause__)
        if cls.__name__ in _BY_CLASS:
            return _BY_CLASS[cls.__name__]
    return Exit.FAILED


def code_of_all(errors: Iterable[BaseException | None]) -> Exit:
    """The exit code for many targets, of which each failed with an error, or with None if it did not.

    The code of their errors where all failed alike (a single one, or a login that was refused); else FAILED.
    """
    codes = {Exit.DONE if error is None else code_of(error) for error in errors}
    if len(codes) < 2:
        return codes.pop() if codes else Exit.DONE
    return Exit.FAILED
