"""A simulated SDDC Manager for tests, demos and trying things out.

It speaks the Tasks API over real HTTP and shares no code with the client, so that a mistake in one is
seen by the other. Needs the `testing` extra (PyJWT, trustme). Importing this package is cheap: the
server is imported with the first name that needs it.

Example:
    >>> from vcf_tasks_async.testing import SddcManagerSimulator
    >>> SddcManagerSimulator(tasks=2, release="9.1")
    <SddcManagerSimulator 9.1 not started, 2 tasks>
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcf_tasks_async.testing.clock import SimulatorClock
    from vcf_tasks_async.testing.faults import Fault, FaultPlan
    from vcf_tasks_async.testing.record import RecordedRequest, RequestRecord
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator
    from vcf_tasks_async.testing.store import Change
    from vcf_tasks_async.testing.threads import SimulatorThread

__all__ = [
    "Change",
    "Fault",
    "FaultPlan",
    "RecordedRequest",
    "RequestRecord",
    "SddcManagerSimulator",
    "SimulatorClock",
    "SimulatorThread",
]

_HOMES = {
    "Change": "store",
    "Fault": "faults",
    "FaultPlan": "faults",
    "RecordedRequest": "record",
    "RequestRecord": "record",
    "SddcManagerSimulator": "simulator",
    "SimulatorClock": "clock",
    "SimulatorThread": "threads",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
