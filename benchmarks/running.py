"""Runs a case: each trial in turn, each run in a process of its own, round after round.

The order turns round with every round, so that a machine that gets slower hits all alike.
"""

from __future__ import annotations

import compileall
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks.cases import ROOT, Case, Trial
from benchmarks.peers import missing
from benchmarks.server import Site, read_meter, serving

_NAMED = ("vcf-tasks-async", "aiohttp", "cattrs", "attrs", "anyio", "orjson", "msgspec", "httpx", "vcf-sdk")
# Seconds for one run: the slowest, the SDK at 200 ms, takes 30.
_PATIENCE = 600


def made_with() -> dict[str, Any]:
    """What the results were made with: without it they can't be compared."""
    versions: dict[str, str | None] = {}
    for name in _NAMED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": versions,
    }


def run_case(case: Case, runs: int, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run all trials *runs* times, in turns.

    Returns:
        ``{"title", "reference", "load", "trials": {label: {"title", "measures": {name: [values]}}},
        "skipped"}``; the values of all trials stand in the order of the rounds, and *load* is the machine's
        load average before and after.
    """
    skipped = {label: why for label, trial in case.trials.items() if (why := _why_not(trial))}
    trials = {label: trial for label, trial in case.trials.items() if label not in skipped}
    measures: dict[str, dict[str, list[float]]] = {label: {} for label in trials}
    load = [os.getloadavg()[0]]
    # As pip does when it installs: all the others come with their bytecode.
    compileall.compile_dir(ROOT / "vcf_tasks_async", quiet=1)
    with ExitStack() as stack:
        sites: dict[Any, Site] = {}
        for trial in trials.values():
            if trial.how is not None and trial.how not in sites:
                sites[trial.how] = stack.enter_context(serving(trial.how))
        order = list(trials.items())
        for _ in range(max(1, runs * case.runs)):
            for label, trial in order:
                found = _run_once(trial, sites.get(trial.how))
                say(f"  {label}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()))
                for name, value in found.items():
                    measures[label].setdefault(name, []).append(value)
            order.reverse()
    return {
        "title": case.title,
        "reference": case.reference,
        "load": [*load, os.getloadavg()[0]],
        "trials": {
            label: {"title": trial.title, "measures": measures[label]} for label, trial in trials.items()
        },
        "skipped": skipped,
    }


def _why_not(trial: Trial) -> str | None:
    if absent := missing(trial.needs):
        return f"{', '.join(absent)} not installed: pip install -e '.[bench]'"
    if (trial.work or {}).get("peer") == "ours-collect":
        from vcf_tasks_async import TaskSession  # noqa: PLC0415 - only here

        if not hasattr(TaskSession, "collect"):
            return "this release has no session.collect"
    return None


def _children_cpu() -> float:
    """CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run_once(trial: Trial, site: Site | None) -> dict[str, float]:
    if site is not None:
        read_meter(site)
    started, spent = time.perf_counter(), _children_cpu()
    process = subprocess.Popen(
        trial.arguments(site), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        told, trouble = process.communicate(timeout=_PATIENCE)
    finally:
        process.kill()
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{trial.title} failed:\n{trouble}")
    if trial.command and not trial.tells:
        return {"wall_s": wall, "cpu_s": _children_cpu() - spent}
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    if site is not None:
        found |= {name: float(value) for name, value in read_meter(site).items()}
    return found
