"""The command line, `vcf-tasks`: the library's face, in a terminal. Needs the `cli` extra.

One module for each command; `show` is what they share on the screen, `running` how they begin and end.
"""

from __future__ import annotations

from vcf_tasks_async.cli.running import INTERRUPTED, harden_output, need

__all__ = ["main"]


def main() -> None:
    """What the script `vcf-tasks` runs. Exit codes: 0 done, 1 not, 2 wrong usage, 130 stopped by Ctrl-C."""
    harden_output()
    need("cli", "click", "rich")
    try:
        from vcf_tasks_async.cli.app import vcf_tasks  # noqa: PLC0415 - only once click is there
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    vcf_tasks.main(prog_name="vcf-tasks")
