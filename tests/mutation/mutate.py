"""Mutation testing of the rooms where a silent mistake would do harm: are the tests able to fail?

    python tests/mutation/mutate.py [GROUP …] [--sample N] [--seed N] [--log FILE] [--again FILE]

Each mutant runs in a fork of this process: imported from memory, so that no file changes, and with the
libraries loaded already. A mutant is killed when a test fails, or takes longer than ten seconds. Those that
survive are shown as diffs. Runs for minutes to an hour on one core; no part of the suite.
"""

from __future__ import annotations

import argparse
import difflib
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
from pathlib import Path

import hypothesis
import pytest
from operators import mutants

ROOT = Path(__file__).parents[2]
PACKAGE = "vcf_tasks_async"
# The modules, and the fewest tests that keep their promises; the quickest to fail first.
GROUPS = {
    "policy": (["policy"], ["tests/unit/test_policy.py"]),
    "auth": (
        ["auth", "tokens"],
        ["tests/unit/test_auth.py", "tests/unit/test_token_rules.py", "tests/unit/test_tokens.py"],
    ),
    "paging": (["paging", "grid"], ["tests/unit/test_grid.py", "tests/listing"]),
    "decoding": (
        ["codec", "structuring", "folding", "pages", "shapes"],
        ["tests/unit/test_codec.py", "tests/unit/test_shapes.py", "tests/unit/test_credential_models.py"],
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


class FromMemory(importlib.abc.MetaPathFinder):
    """Finds one module, with another source than its file has. A plugin of pytest's, too."""

    def __init__(self, module: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = f"{PACKAGE}.{module}", path, source

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        # Before pytest's own finder, which comes first by now and knows the package by its plugin.
        sys.meta_path.insert(0, self)

    def find_spec(self, fullname, path, target=None):
        if fullname != self._name:
            return None
        loader = importlib.machinery.SourceFileLoader(fullname, str(self._path))
        loader.get_code = lambda _: compile(self._source, str(self._path), "exec")
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


def verdict(module: str, source: str, tests: list[str], scratch: Path) -> str:
    """killed, timeout or survived: what the tests say when *module* is *source*."""
    output = scratch / "output"
    child = os.fork()
    if not child:
        try:
            os._exit(_run(module, source, tests, output))
        finally:
            # Whatever was raised, this process must not go on as if it were its parent.
            traceback.print_exc()
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


def _run(module: str, source: str, tests: list[str], output: Path) -> int:
    os.setsid()
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    # To find the smallest failing example takes long, and nobody reads it.
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", phases=phases, database=None)
    hypothesis.settings.load_profile("mutation")
    options = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += [f"--timeout={TEST_TIMEOUT}", "--hypothesis-seed=5"]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    return pytest.main(
        [*options, *tests], plugins=[FromMemory(module, ROOT / PACKAGE / f"{module}.py", source)]
    )


def interval(killed: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval of a share."""
    share, z = killed / total, 1.96
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - reach) / (1 + z * z / total), (middle + reach) / (1 + z * z / total)


def diff(before: str, after: str) -> str:
    """The lines that differ."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in list(lines)[2:])


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
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
        for group in args.group or GROUPS:
            _one_group(group, args, Path(scratch))


def _one_group(group: str, args: argparse.Namespace, scratch: Path) -> None:
    modules, tests = GROUPS[group]
    sources = {module: (ROOT / PACKAGE / f"{module}.py").read_text("utf-8") for module in modules}
    if verdict(modules[0], sources[modules[0]], tests, scratch) != "survived":
        sys.exit(f"{group}: its tests fail without a mutant\n{(scratch / 'output').read_text()}")
    for module, source in sources.items():
        if verdict(module, f"{source}\nraise ImportError", tests, scratch) != "killed":
            sys.exit(f"{module}: even a mutant that can't be imported survives")
    drawn = [(module, *mutant) for module, source in sources.items() for mutant in mutants(source)]
    whole = len(drawn)
    if args.again:
        records = map(json.loads, args.again.read_text().splitlines())
        before = {(r["module"], r["diff"]) for r in records if r["verdict"] == "survived"}
        drawn = [each for each in drawn if (each[0], diff(sources[each[0]], each[2])) in before]
    elif args.sample and args.sample < whole:
        drawn = random.Random(args.seed).sample(drawn, args.sample)
    tally: dict[str, dict[str, int]] = {}
    for module, name, source in drawn:
        started = time.monotonic()
        found = verdict(module, source, tests, scratch)
        shown = diff(sources[module], source)
        counts = tally.setdefault(module, {"killed": 0, "timeout": 0, "survived": 0})
        counts[found] += 1
        if found == "survived":
            print(f"--- survived: {module}.py {name}\n{shown}", flush=True)
        if args.log:
            record = {"group": group, "module": module, "name": name, "verdict": found, "diff": shown}
            record["seconds"] = round(time.monotonic() - started, 1)
            with args.log.open("a") as file:
                file.write(json.dumps(record) + "\n")
    for module, counts in [*tally.items(), (group, {k: sum(c[k] for c in tally.values()) for k in
                           ("killed", "timeout", "survived")})]:  # fmt: skip
        total = sum(counts.values())
        low, high = interval(total - counts["survived"], total)
        print(
            f"{module}: {total} mutants, {counts}, score {1 - counts['survived'] / total:.1%}"
            f" (95 %: {low:.1%} to {high:.1%}; {whole} in the group)",
            flush=True,
        )


if __name__ == "__main__":
    main()
