"""One measured run in a process of its own: `python -m benchmarks.worker <JSON>` prints its measures.

Each run starts with nothing imported, nothing warm and no garbage of the run before.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from typing import Any

from benchmarks import decoding, meters, workload
from benchmarks.peers import LISTING, RETRIES, Job


def listing(name: str, options: dict[str, Any]) -> dict[str, float]:
    """A listing, or a bulk run, by one of the peers."""
    job = Job(**options["job"])
    switches = {name: True for name in ("ticker", "keep", "trace") if options.get(name)}
    meter = meters.Meter(**switches)
    run = (RETRIES if options["kind"] == "retries" else LISTING)[name].load()
    found = run(job, meter)
    if inspect.iscoroutine(found):
        asyncio.run(found)
    if meter.count != job.tasks:
        raise SystemExit(f"{name} had {meter.count} tasks instead of {job.tasks}")
    if "ticker" in switches:
        meter.found["loads_ms"] = meters.page_loads_ms(workload.page_body())
    return meter.found


def main(options: dict[str, Any]) -> dict[str, float]:
    """Do what *options* say."""
    if options["kind"] == "decoding":
        return decoding.measure(options["peer"], options["pages"])
    return listing(options["peer"], options)


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
