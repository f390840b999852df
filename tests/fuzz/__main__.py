"""`python tests/fuzz`: a million odd inputs, or as many as you like.

The same seed makes the same inputs. What is found is written to a file that pytest runs:

    python tests/fuzz --inputs 1000000 --seed 1 --jobs 2
    python tests/fuzz --target task --start 5000 --inputs 1
    PYTHONPATH=tests/fuzz python -m pytest found/task_1_5000.py
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from campaign import Finding, chunk, shares
from fuzz_targets import TARGETS

_CHUNK = 1000
# So many findings of one target are written; more would say the same.
_MOST = 20


def main() -> int:
    options = _options()
    names = options.target or list(TARGETS)
    chunks = [
        (name, options.seed, range(at, min(at + _CHUNK, options.start + count)))
        for name, count in shares(options.inputs, names).items()
        for at in range(options.start, options.start + count, _CHUNK)
    ]
    counts: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    found: Counter[str] = Counter()
    began = time.perf_counter()
    for name, count, took, findings in _results(chunks, options.jobs):
        counts[name] += count
        seconds[name] += took
        for finding in findings:
            found[name] += 1
            if found[name] <= _MOST:
                _tell(finding, options.into)
    for name in names:
        print(f"{name:22}{counts[name]:>10,} inputs{seconds[name]:>9.1f} s{found[name]:>6} findings")
    print(
        f"{'all':22}{counts.total():>10,} inputs{time.perf_counter() - began:>9.1f} s"
        f"{found.total():>6} findings"
    )
    return 1 if found else 0


def _results(
    chunks: list[tuple[str, int, range]], jobs: int
) -> Iterator[tuple[str, int, float, list[Finding]]]:
    if jobs == 1:
        for each in chunks:
            yield chunk(*each)
        return
    with ProcessPoolExecutor(jobs) as pool:
        futures = {pool.submit(chunk, *each): each for each in chunks}
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception as error:
                # A process that died takes the pool along.
                raise SystemExit(
                    f"{error!r} in or beside {futures[future]}: run these with --jobs 1"
                ) from error


def _tell(finding: Finding, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    name = finding.target.replace(" ", "_").replace("-", "_")
    file = into / f"{name}_{finding.seed}_{finding.number}.py"
    file.write_text(finding.as_test(), "utf-8", "backslashreplace")
    print(f"--- {file}\n{finding.as_test()[:2500]}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="number of the first input of each target")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may come again")
    parser.add_argument("--into", type=Path, default=Path("found"), help="directory for what is found")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
