"""The simulator in a thread of its own, with its own event loop, for sync code and for any test style."""

import asyncio
import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vcf_tasks_async.testing.simulator import SddcManagerSimulator

__all__ = ["SimulatorThread"]


# Real seconds after which starting or stopping counts as hung.
_TIMEOUT_S = 30.0


class SimulatorThread:
    """Serves a simulator from a daemon thread between `with` and its end.

    `with` gives the simulator itself. Its methods are safe to call from the caller's thread; `stop` and
    `start` may be awaited on any asyncio loop, and `stop_serving` and `start_serving` here do the same
    without one.

    Example:
        >>> from vcf_tasks_async.testing import SddcManagerSimulator
        >>> with SddcManagerSimulator(tasks=3).in_thread() as sddc:
        ...     sddc.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, simulator: "SddcManagerSimulator") -> None:
        self.simulator = simulator
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "SddcManagerSimulator":
        self._loop = loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name="sddc-manager-simulator", daemon=True
        )
        self._thread.start()
        self.simulator._serving_loop = loop  # noqa: SLF001 - the two are one
        try:
            self.start_serving()
        except BaseException:
            self._end()
            raise
        return self.simulator

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop_serving()
        finally:
            self._end()

    def start_serving(self) -> None:
        """Listen (again), and return when it does."""
        loop = self._running()
        asyncio.run_coroutine_threadsafe(self.simulator.start(), loop).result(_TIMEOUT_S)

    def stop_serving(self) -> None:
        """Stop listening and drop all connections, as a restart of the appliance does."""
        loop = self._running()
        asyncio.run_coroutine_threadsafe(self.simulator.stop(), loop).result(_TIMEOUT_S)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError(
                "the simulator's thread does not run: use `with simulator.in_thread() as sddc:`"
            )
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            if pending:
                loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def _end(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        self.simulator._serving_loop = None  # noqa: SLF001 - likewise
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_TIMEOUT_S)
