"""Mutation testing of the rooms where a silent mistake would do harm: are the tests able to fail?

    python tests/mutation/mutate.py [GROUP …] [--sample N] [--seed N] [--log FILE] [--again FILE]

Each mutant runs in a fork, so that no file changes: one of a function's body by a swap of its code, after
imports and collection are done once; any other is imported from memory. A mutant is killed when a test
fails, or takes longer than ten seconds. Those that survive are shown as diffs. No part of the suite.
"""

from __future__ import annotations

import argparse
import difflib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from operators import mutants
from swapping import swap, swaps

ROOT = Path(__file__).parents[2]
PACKAGE = "vcf_tasks_async"
# The modules, and the fewest tests that keep their promises; the quickest to fail first.
GROUPS = {
    "policy": (["policy"], ["tests/unit/test_policy.py"]),
    "auth": (
        ["auth", "tokens"],
        ["tests/unit/test_auth.py", "tests/unit/test_token_rules.py", "tests/unit/test_tokens.py"],
    ),
    "scrubbing": (["scrubbing", "stand_ins"], ["tests/kit/test_scrubbing.py"]),
    "paging": (["paging", "grid"], ["tests/unit/test_grid.py", "tests/listing"]),
    "secrets": (["masking", "text"], ["tests/unit/test_masking.py", "tests/unit/test_text.py"]),
    "answers": (["answers"], ["tests/unit/test_answers.py"]),
    "decoding": (
        ["codec", "structuring", "folding", "pages", "shapes"],
        [
            "tests/unit/test_decoding_edges.py",
            "tests/unit/test_shapes.py",
            "tests/unit/test_codec.py",
            "tests/unit/test_credential_models.py",
        ],
    ),
}
# Seconds for one test, and for all tests of a mutant.
TEST_TIMEOUT = 10
RUN_TIMEOUT = 120
# Loaded once, before the forks.
LIBRARIES = (
    "aiohttp", "aiohttp.web", "aioresponses", "anyio", "anyio.to_thread", "cattrs", "jsonschema", "jwt",
    "msgspec", "trustme",
)  # fmt: skip


class Mutant:
    """A module with one change."""

    def __init__(self, module: str, name: str, source: str, before: str) -> None:
        self.module, self.name, self.source = module, name, source
        self.path = ROOT / PACKAGE / f"{module}.py"
        lines = difflib.unified_diff(before.splitlines(), source.splitlines(), lineterm="", n=0)
        self.diff = "\n".join(list(lines)[2:])
        # None where not only bodies of functions differ.
        self.codes = swaps(before, source, str(self.path))


class FromMemory(importlib.abc.MetaPathFinder):
    """Finds one module, with another source than its file has. A plugin of pytest's, too."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        # Before pytest's own finder, which comes first by now and knows the package by its plugin.
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname, path, target=None):
        if fullname != f"{PACKAGE}.{self._mutant.module}":
            return None
        loader = importlib.machinery.SourceFileLoader(fullname, str(self._mutant.path))
        loader.get_code = lambda _: compile(self._mutant.source, str(self._mutant.path), "exec")
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=loader)


Run = Callable[[], int]
Told = Callable[[Mutant, str, float], None]


def verdict(run: Run, output: Path) -> str:
    """killed, timeout or survived: how *run*, which is 0 where all tests pass, ends in a fork."""
    child = os.fork()
    if not child:
        try:
            os.setsid()
            with output.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            os._exit(run())
        finally:
            # Whatever was raised, this process must not go on as if it were its parent.
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
    watch = os.pidfd_open(child)
    in_time, _, _ = select.select([watch], [], [], RUN_TIMEOUT)
    os.close(watch)
    if not in_time:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not in_time or "Timeout (>" in output.read_text(errors="replace"):
        return "timeout"
    return "survived" if status == 0 else "killed"


def run_tests(tests: list[str], plugin: object) -> int:
    """0 when all *tests* pass; ends with the first that fails."""
    # To find the smallest failing example takes long, and nobody reads it.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", phases=phases, database=None)
    hypothesis.settings.load_profile("mutation")
    options = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += [f"--timeout={TEST_TIMEOUT}", "--hypothesis-seed=5"]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    return pytest.main([*options, *tests], plugins=[plugin])


class Swapped:
    """A plugin of pytest's that runs the collected tests in a fork for each mutant, and not at all itself."""

    def __init__(
        self, mutants: list[Mutant], told: Callable[[Mutant, str, float], None], output: Path
    ) -> None:
        self._mutants, self._told, self._output = mutants, told, output

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        gc.collect()
        gc.freeze()
        if verdict(partial(self._run, session, None), self._output) != "survived":
            raise AssertionError(f"the tests fail without a mutant: {self._output.read_text()}")
        for mutant in self._mutants:
            started = time.monotonic()
            found = verdict(partial(self._run, session, mutant), self._output)
            if "LookupError: no function lives" in self._output.read_text(errors="replace"):
                raise LookupError(mutant.name)
            self._told(mutant, found, time.monotonic() - started)
        return True

    def _run(self, session: pytest.Session, mutant: Mutant | None) -> int:
        gc.unfreeze()
        if mutant is not None:
            swap(str(mutant.path), mutant.codes or {})
        for item, after in zip(session.items, [*session.items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                reporter = session.config.pluginmanager.get_plugin("terminalreporter")
                failed = reporter.stats.get("failed", []) + reporter.stats.get("error", [])
                self._output.write_text("\n".join(report.longreprtext for report in failed))
                return 1
        return 0


def interval(killed: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a share."""
    share, z = killed / total, 1.96
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - reach) / (1 + z * z / total), (middle + reach) / (1 + z * z / total)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="all unless named")
    parser.add_argument("--sample", type=int, help="that many mutants of each group, drawn at random")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--log", type=Path, help="each verdict as a line of JSON")
    parser.add_argument("--again", type=Path, help="only what survived in this log")
    args = parser.parse_args()
    os.chdir(ROOT)
    for library in LIBRARIES:
        importlib.import_module(library)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"HYPOTHESIS_STORAGE_DIRECTORY": scratch, "HYPOTHESIS_EXAMPLES": "20"}
        for group in args.group or GROUPS:
            _one_group(group, args, Path(scratch))


def _one_group(group: str, args: argparse.Namespace, scratch: Path) -> None:
    modules, tests = GROUPS[group]
    output = scratch / "output"
    sources = {module: (ROOT / PACKAGE / f"{module}.py").read_text("utf-8") for module in modules}

    def imported(mutant: Mutant) -> str:
        return verdict(partial(run_tests, tests, FromMemory(mutant)), output)

    for module, source in sources.items():
        broken = Mutant(module, "can't be imported", f"{source}\nraise ImportError", source)
        if imported(broken) != "killed":
            sys.exit(f"{module}: even a mutant that can't be imported survives")
    drawn = [
        Mutant(module, name, mutant, source)
        for module, source in sources.items()
        for name, mutant in mutants(source)
    ]
    whole = len(drawn)
    if args.again:
        records = map(json.loads, args.again.read_text().splitlines())
        before = {(r["module"], r["diff"]) for r in records if r["verdict"] == "survived"}
        drawn = [each for each in drawn if (each.module, each.diff) in before]
    elif args.sample and args.sample < whole:
        drawn = random.Random(args.seed).sample(drawn, args.sample)
    log = args.log or scratch / f"{group}.jsonl"
    began = log.stat().st_size if log.exists() else 0

    shown = os.fdopen(os.dup(1), "w")

    def told(mutant: Mutant, found: str, seconds: float) -> None:
        if found == "survived":
            print(f"--- survived: {mutant.module}.py {mutant.name}\n{mutant.diff}", file=shown, flush=True)
        record = {"module": mutant.module, "name": mutant.name, "verdict": found, "diff": mutant.diff}
        with log.open("a") as file:
            file.write(json.dumps({"group": group, **record, "seconds": round(seconds, 1)}) + "\n")

    swapped = Swapped([each for each in drawn if each.codes], told, output)
    loop = os.fork()
    if not loop:
        # In a process of its own: what is imported and collected there stays there.
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(run_tests(tests, swapped))
        finally:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(loop, 0)[1]:
        sys.exit(f"{group}: the loop over the mutants broke off")
    for mutant in (each for each in drawn if not each.codes):
        started = time.monotonic()
        told(mutant, imported(mutant), time.monotonic() - started)
    with log.open() as file:
        file.seek(began)
        _sum_up(group, [json.loads(line) for line in file], whole)


def _sum_up(group: str, records: list[dict[str, str]], whole: int) -> None:
    for module in dict.fromkeys([*(record["module"] for record in records), group]):
        found = Counter(r["verdict"] for r in records if group == module or r["module"] == module)
        total, survived = found.total(), found["survived"]
        low, high = interval(total - survived, total)
        print(
            f"{module}: {total} mutants, {found['killed']} killed, {found['timeout']} timeouts, {survived}"
            f" survived; {1 - survived / total:.1%} (95 %: {low:.1%} to {high:.1%}); {whole} in the group"
        )


if __name__ == "__main__":
    main()
