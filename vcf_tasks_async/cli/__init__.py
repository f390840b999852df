"""The command line, `vcf-tasks`: the library's face, in a terminal. Needs the `cli` extra.

One module for each command, which `app` loads when it is asked for. They share: `connection`, `layers`,
`profiles` and `passwords` (which SDDC Manager, and who we are), `sites` (one of them, or a fleet),
`selection` and `search` (which tasks), `bulk` (acting on them), `output` and `records` (text and JSON),
`show` and `live` (what moves on a terminal), `running` and `exits` (how they begin and end).
"""

from __future__ import annotations

from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.running import harden_output, need

__all__ = ["main"]


def main() -> None:
    """What the script `vcf-tasks` runs. Its exit codes are `Exit`."""
    harden_output()
    need("cli", "click", "rich")
    try:
        from vcf_tasks_async.cli.app import vcf_tasks  # noqa: PLC0415 - only once click is there
    except KeyboardInterrupt:
        raise SystemExit(int(Exit.INTERRUPTED)) from None
    vcf_tasks.main(prog_name="vcf-tasks")
