"""Retry what has failed, at all sites of a file; made for cron and Ansible: JSON on stdout, and an exit code.

    python retry_failed.py --fleet sites.toml --journal /var/lib/vcf-tasks/$(date +%F) --wait --deadline 14400

Exit codes:
    0  every task was accepted, or skipped with a reason (with --wait: and did not fail again)
    1  some were rejected, not sent, or it is not known whether they were taken (with --wait: or failed again)
    2  an option or the file of sites can't be meant; nothing was sent
    3  a site could not do its part; the others did theirs
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from vcf_tasks_async import Fleet, FleetReport, Status, TaskFilter, UsageError


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fleet", required=True, metavar="FILE", help="the TOML file of sites")
    parser.add_argument("--name", help="only tasks with this in their name")
    parser.add_argument(
        "--journal",
        metavar="DIRECTORY",
        help="remembers the run; give it again after a kill, another one for another run",
    )
    parser.add_argument("--deadline", type=float, metavar="SECONDS", help="for the whole run")
    parser.add_argument("--rate", type=float, help="requests a second at most, at each site")
    parser.add_argument("--wait", action="store_true", help="follow each task to its end")
    parser.add_argument("--dry-run", action="store_true", help="send nothing, and say what would be sent")
    return parser.parse_args(arguments)


async def retry(options: argparse.Namespace) -> FleetReport:
    """The run itself."""
    async with Fleet.from_toml(options.fleet) as fleet:
        return await fleet.retry_many(
            TaskFilter(status=Status.FAILED, name=options.name),
            journal=options.journal,
            deadline=options.deadline,
            rate=options.rate,
            wait=options.wait,
            dry_run=options.dry_run,
        )


def code_of(report: FleetReport) -> int:
    """The exit code that a report comes to."""
    if report.troubles:
        return 3
    again = any(outcome.final is not None and outcome.final.failed for _, outcome in report.outcomes)
    return 1 if again or any(outcome.failed for _, outcome in report.outcomes) else 0


def main() -> int:
    """Run, print, and return the exit code."""
    options = options_of()
    try:
        report = asyncio.run(retry(options))
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(report.to_json()))
    print(report, file=sys.stderr)
    return code_of(report)


if __name__ == "__main__":
    raise SystemExit(main())
