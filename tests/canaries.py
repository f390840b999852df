"""Planted secrets, and the watch that sees them wherever a test lets one show.

Passwords and tokens of the fixtures that tests share carry a mark: the fault server's begin with `CANARY`,
the simulator has one password for everybody, and its access tokens are JWTs, which all begin alike. What else
the client wraps in a `Secret` (a refresh token's id) is noted as it is wrapped. Looked at are output, log
records of all loggers, warnings, what a child process printed, and errors with chain, attributes and locals.
"""

from __future__ import annotations

import functools
import logging
import subprocess
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import vcf_tasks_async
from vcf_tasks_async.errors import VcfTasksError
from vcf_tasks_async.secret import Secret

CANARY = "cAnArY"
SIMULATED_PASSWORD = "VMw@re1!VMw@re1!"
JWT = "eyJhbGciOi"  # {"alg":
MARKS = (CANARY, SIMULATED_PASSWORD, JWT)
# Shorter texts, such as a test's "theirs", stand in too many places for other reasons.
_LONG_ENOUGH = 16
_TESTS = str(Path(__file__).parent)
_CLIENT = str(Path(vcf_tasks_async.__file__).parent)
_SIMULATOR = str(Path(_CLIENT, "testing"))


class Watch:
    """Notes where secrets show, until the findings are taken."""

    def __init__(self) -> None:
        self._found: list[str] = []
        self._unmarked: set[str] = set()
        self._errors: weakref.WeakSet[VcfTasksError] = weakref.WeakSet()

    def look(self, where: str, text: str | bytes | None) -> None:
        """Note whether a secret stands in *text*, and what stands before it."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        for secret in (*MARKS, *self._unmarked):
            if text and (at := text.find(secret)) >= 0:
                self._found.append(f"{where}: …{text[max(0, at - 150) : at]}***")

    def look_at_error(self, error: BaseException) -> None:
        """Look at all that *error* shows, if it came out of the client."""
        if isinstance(error, VcfTasksError) or any(
            map(_of_the_client, traceback.walk_tb(error.__traceback__))
        ):
            self._look_at_faces(error)

    def _look_at_faces(self, error: BaseException) -> None:
        for where, text in faces(error).items():
            self.look(f"{type(error).__name__}, {where}", text)

    def wrapped(self, text: object) -> None:
        """The client has put *text* into a `Secret`."""
        if isinstance(text, str) and len(text) >= _LONG_ENOUGH and not any(mark in text for mark in MARKS):
            self._unmarked.add(text)

    def made(self, error: VcfTasksError) -> None:
        """*error* is being made; it is looked at once more, whole, if it still lives when its test ends."""
        self._errors.add(error)

    def taken(self) -> list[str]:
        """What was found since the last time."""
        for error in list(self._errors):
            self.look_at_error(error)
        self._errors.clear()
        found, self._found = self._found, []
        return list(dict.fromkeys(found))

    def next_test(self) -> None:
        self._unmarked.clear()


watch = Watch()


def faces(error: BaseException, *, every_frame: bool = False) -> dict[str, str]:
    """All that an error shows to anybody.

    Args:
        every_frame: look into the tests' own frames as well: they hold what they plant.
    """
    shown: dict[str, str] = {}
    pending, seen = [error], set()
    while pending:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        name = type(each).__name__
        shown[f"str of {name}"] = str(each)
        shown[f"repr of {name}"] = repr(each) + repr(each.args)
        shown[f"attributes of {name}"] = repr(vars(each))
        shown[f"locals of {name}"] = "\n".join(_locals(each, every_frame))
        pending += [other for other in (each.__cause__, each.__context__) if other is not None]
        pending += getattr(each, "exceptions", ())
    return shown


def _of_the_client(at: tuple[FrameType, int]) -> bool:
    place = at[0].f_code.co_filename
    return place.startswith(_CLIENT) and not place.startswith(_SIMULATOR)


def _locals(error: BaseException, every_frame: bool) -> Iterable[str]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        if every_frame or not frame.f_code.co_filename.startswith(_TESTS):
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_qualname} line {line}: {name} = {_shown(value)}"


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as failure:  # noqa: BLE001 - as traceback.TracebackException does it
        return f"<no repr: {failure!r}>"


class _Records(logging.Handler):
    """Looks at every record of every logger, as DEBUG shows them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("vmware"):
            # The official SDK, our second client, logs passwords at DEBUG. Not ours to mend.
            return
        watch.look(f"log of {record.name}", record.getMessage() + repr(record.args))
        if record.exc_info and record.exc_info[1] is not None:
            watch.look(f"log of {record.name}", "".join(traceback.format_exception(record.exc_info[1])))


def install() -> ExitStack:
    """Begin to watch; close what is returned to end it."""
    root, handler = logging.getLogger(), _Records(logging.DEBUG)
    stack = ExitStack()
    stack.callback(root.setLevel, root.level)
    stack.callback(root.removeHandler, handler)
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)

    def child(process: subprocess.CompletedProcess[Any], _: None) -> None:
        watch.look("output of a child", process.stdout)
        watch.look("errors of a child", process.stderr)

    def read(_: object, result: Any) -> None:
        for text in result:
            watch.look("output that was read", text)

    def made(error: VcfTasksError, _: None) -> None:
        watch.look("a new error", repr(error) + repr(vars(error)))
        watch.made(error)

    _after(stack, Secret, "__init__", lambda secret, _: watch.wrapped(secret.reveal()))
    _after(stack, VcfTasksError, "__init__", made)
    _after(stack, warnings.WarningMessage, "__init__", lambda it, _: watch.look("a warning", str(it.message)))
    _after(stack, subprocess.CompletedProcess, "__init__", child)
    _after(stack, pytest.CaptureFixture, "readouterr", read)
    _before(stack, pytest.RaisesExc, "__exit__", _raised)
    return stack


def _raised(_: object, kind: object, error: BaseException | None, trace: object) -> None:
    if error is not None:
        watch.look_at_error(error)


def _after(stack: ExitStack, owner: type, name: str, then: Callable[[Any, Any], None]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        then(self, result)
        return result

    setattr(owner, name, method)
    stack.callback(setattr, owner, name, original)


def _before(stack: ExitStack, owner: type, name: str, first: Callable[..., None]) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def method(self: Any, *args: Any) -> Any:
        first(self, *args)
        return original(self, *args)

    setattr(owner, name, method)
    stack.callback(setattr, owner, name, original)
