"""The one command: `python -m benchmarks`. See docs/performance.md."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import compare, report
from benchmarks.cases import cases
from benchmarks.plot import svg
from benchmarks.running import made_with, run_case
from benchmarks.stats import Results

_COMMANDS = ("run", "report", "compare")


def main(words: list[str]) -> int:
    """Run what *words* ask for; 1 when `compare` found something slower."""
    options = _parser().parse_args(
        words if words[:1] and words[0] in (*_COMMANDS, "-h", "--help") else ["run", *words]
    )
    done: int = options.does(options)
    return done


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="measure (what happens without a word, too)")
    run.add_argument("--quick", action="store_true", help="the cases that matter most, small: under a minute")
    run.add_argument("--case", action="append", metavar="NAME", help="this case only; may be given again")
    run.add_argument(
        "--only",
        action="append",
        metavar="CLIENT",
        help="this client and the case's reference only; again, too",
    )
    run.add_argument("--runs", type=int, help="runs of each (default 5, with --quick 3)")
    run.add_argument("--list", action="store_true", help="name the cases and end")
    run.add_argument("--json", type=Path, metavar="FILE", help="write the results, after each case")
    run.set_defaults(does=_run)
    shown = commands.add_parser("report", help="show results that were written with --json")
    shown.add_argument("files", nargs="+", type=Path, help="results; of a case in several, the last counts")
    shown.set_defaults(does=_report)
    for command in (run, shown):
        command.add_argument("--table", action="store_true", help="print the README's tables alone")
        command.add_argument("--reach", action="store_true", help="print what was aimed at and reached alone")
        command.add_argument("--svg", type=Path, metavar="FILE", help="write the README's picture")
    compared = commands.add_parser("compare", help="say what got slower beyond the spread; ends with 1 then")
    compared.add_argument("old", type=Path)
    compared.add_argument("new", type=Path)
    compared.set_defaults(does=_compare)
    return parser


def _run(options: argparse.Namespace) -> int:
    known = cases(quick=options.quick)
    if options.list:
        print("\n".join(f"{name:14} {case.title}" for name, case in known.items()))
        return 0
    if unknown := set(options.case or ()) - known.keys():
        sys.exit(f"no case {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    document: dict[str, Any] = {"made": made_with(), "cases": {}}
    runs = options.runs or (3 if options.quick else 5)
    for name in options.case or known:
        case = known[name].only(options.only) if options.only else known[name]
        _say(f"{name}: {case.title}")
        started = time.monotonic()
        document["cases"][name] = run_case(case, runs, _say)
        for label, why in document["cases"][name]["skipped"].items():
            _say(f"  {label} left out: {why}")
        _say(f"  {time.monotonic() - started:.0f} s")
        # A run that is stopped half way keeps what it has.
        if options.json:
            options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    _show(Results(document), options)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(options: argparse.Namespace) -> int:
    _show(Results(*map(_read, options.files)), options)
    return 0


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def _show(results: Results, options: argparse.Namespace) -> None:
    if options.svg:
        options.svg.write_text(svg(results), "utf-8")
    parts = [
        part(results)
        for wanted, part in ((options.table, report.table), (options.reach, report.reach))
        if wanted
    ] or [report.everything(results), report.reach(results)]
    print("\n\n".join(parts))


def _compare(options: argparse.Namespace) -> int:
    old, new = Results(_read(options.old)), Results(_read(options.new))
    found = compare.changes(old, new)
    for change in found:
        print(f"{'WORSE ' if change.is_worse else 'better'}  {change}")
    worse = sum(change.is_worse for change in found)
    print(f"{worse} worse, {len(found) - worse} better beyond the spread")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
