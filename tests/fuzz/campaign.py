"""Runs inputs by the thousand: each made from its number alone, and bounded in time and memory."""

from __future__ import annotations

import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, Final

import attrs
from fuzz_targets import TARGETS, Target

# CPU seconds for one input; the largest take some 20 ms.
TIME: Final = 2.0
# Bytes for all of a run, above what its process has when it begins. An input has 32 KB.
MEMORY: Final = 512 * 2**20


class TooLongError(Exception):
    """An input took more than its time."""


@attrs.frozen
class Finding:
    """An input that did what none may do."""

    target: str
    seed: int
    number: int
    given: Any = attrs.field(repr=False)
    error: str = attrs.field(repr=False)

    def as_test(self) -> str:
        """A test case: the text of a file that `replay` reads and that pytest runs."""
        name = self.target.replace(" ", "_").replace("-", "_")
        return (
            f'"""Seed {self.seed}, number {self.number}.\n\n{_quoted(self.error)}"""\n\n'
            "from fuzz_targets import TARGETS\n\n"
            f"GIVEN = {self.given!r}\n\n\n"
            f"def test_{name}_{self.seed}_{self.number}():\n"
            f"    TARGETS[{self.target!r}].check(GIVEN)\n"
        )


def _quoted(text: str) -> str:
    return text.encode("unicode_escape").decode().replace("\\n", "\n").replace('"""', "'''")


def given(target: Target, seed: int, number: int) -> Any:
    """Input *number* of a target: the same one for ever."""
    return target.make(Random(f"{seed}/{target.name}/{number}"))


def run(name: str, seed: int, numbers: range) -> Iterator[Finding]:
    """Check the inputs of these *numbers*."""
    target = TARGETS[name]
    for number in numbers:
        value = given(target, seed, number)
        if error := failure(target.check, value):
            yield Finding(name, seed, number, value, error)


def failure(check: Callable[[Any], None], value: Any) -> str | None:
    """What *check* raises for *value*, in words; None where all is well."""
    signal.setitimer(signal.ITIMER_VIRTUAL, TIME)
    try:
        check(value)
    except Exception:  # noqa: BLE001 - whatever comes out is a finding
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return traceback.format_exc(limit=-8)[-4000:]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


@contextmanager
def bounded() -> Iterator[None]:
    """Hold each input within its `TIME`, and all together within `MEMORY`. For the main thread."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLongError(f"more than {TIME} seconds")

    before, (soft, hard) = signal.signal(signal.SIGVTALRM, ring), resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGVTALRM, before)


def shares(inputs: int, names: list[str]) -> dict[str, int]:
    """How many of *inputs* each target gets."""
    total = sum(TARGETS[name].share for name in names)
    return {name: round(inputs * TARGETS[name].share / total) for name in names}


def chunk(name: str, seed: int, numbers: range) -> tuple[str, int, float, list[Finding]]:
    """`run`, for a process of a pool: also says how many inputs there were and how many seconds they took."""
    began = time.perf_counter()
    with bounded():
        findings = list(run(name, seed, numbers))
    return name, len(numbers), time.perf_counter() - began, findings
