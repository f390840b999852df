"""`vcf-tasks` itself: the group that all commands belong to."""

from __future__ import annotations

import click

from vcf_tasks_async.cli.demo import demo
from vcf_tasks_async.cli.report import report
from vcf_tasks_async.cli.simulate import simulate

__all__ = ["vcf_tasks"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 not done, 2 wrong usage, 130 stopped by Ctrl-C.",
)
@click.version_option(package_name="vcf-tasks-async")
def vcf_tasks() -> None:
    """Tasks of VMware Cloud Foundation's SDDC Manager.

    \b
    Examples:
      vcf-tasks demo                    see it work: no SDDC Manager needed
      vcf-tasks simulate --port 8443    an SDDC Manager to write code against
      vcf-tasks report --output tasks.html   all tasks as one page
    """


vcf_tasks.add_command(demo)
vcf_tasks.add_command(report)
vcf_tasks.add_command(simulate)
