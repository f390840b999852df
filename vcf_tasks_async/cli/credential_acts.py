"""`vcf-tasks credentials retry` and `cancel`: what `retry` and `cancel` are to tasks.

A retry says what is to be set, in a spec that may hold passwords: it comes from a file or stdin, and of what
stands in it only operations and accounts are ever shown.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.bulk import Acting, How
from vcf_tasks_async.cli.connection import Connection, Duration, connected
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.running import run, warn
from vcf_tasks_async.cli.search import Target
from vcf_tasks_async.cli.selection import given_ids, ids_argument
from vcf_tasks_async.cli.sites import Alone, Found, Listing, OneSite

__all__ = ["cancel_credentials", "retry_credentials"]

_STDIN: Final = "-"

_OPTIONS: Final = (
    click.option("-y", "--yes", is_flag=True, help="Don't ask."),
    click.option("--dry-run", is_flag=True, help="Send nothing, and say what would be done."),
    click.option(
        "--patience", type=Duration(), default="15m", show_default=True, metavar="DURATION",
        help="For each, while SDDC Manager runs ten credential operations and takes no more.",
    ),
)  # fmt: skip


def _acting(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return connected(output_options(command))


_EPILOG: Final = (
    "Each request is sent at most once; when its answer is lost, the task is looked at instead. Exit codes as"
    " those of retry."
)


@click.command("retry", epilog=_EPILOG)
@click.argument("task_id", metavar="ID")
@click.option(
    "--spec", required=True, type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
    help="What is to be done, as JSON: a CredentialsUpdateSpec of the API. - is stdin.",
)  # fmt: skip
@click.option("--wait", "follow", is_flag=True, help="Follow it to its end.")
@_acting
def retry_credentials(
    connection: Connection, out: Output, task_id: str, spec: str, follow: bool, patience: float, **how: Any
) -> None:
    """Retry a credential task that has failed, with a spec that says what is to be set.

    Shows the operation and the accounts of the spec, never a password, and asks.

    \b
    Examples:
      vcf-tasks credentials retry 3ee54a9a --spec spec.json --wait
      pass show vcf/spec | vcf-tasks credentials retry 3ee54a9a --spec - --yes
    """
    asked = How(follow=follow, **how)
    asked.check_terminal()
    meant = _spec(spec)
    sites = _CredentialSite(connection.session(), patience, meant)
    acting = Acting(v.Action.RETRY_CREDENTIALS, sites, [task_id], out, asked, list(_shown(meant)))
    raise SystemExit(int(run(acting.through())))


@click.command("cancel", epilog=_EPILOG)
@ids_argument(required=True)
@_acting
def cancel_credentials(
    connection: Connection, out: Output, ids: tuple[str, ...], patience: float, **how: Any
) -> None:
    """Cancel credential tasks that have failed: the opposite of `vcf-tasks cancel`.

    \b
    Examples:
      vcf-tasks credentials cancel 3ee54a9a
      vcf-tasks credentials --failed -q | vcf-tasks credentials cancel - --yes
    """
    asked = How(**how)
    asked.check_terminal()
    sites = _CredentialSite(connection.session(), patience)
    raise SystemExit(
        int(run(Acting(v.Action.CANCEL_CREDENTIALS, sites, given_ids(ids), out, asked).through()))
    )


def _spec(path: str) -> v.CredentialsUpdateSpec:
    """The spec in a file or on stdin."""
    if path == _STDIN:
        return v.read_spec(sys.stdin.buffer.read())
    try:
        with Path(path).open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            spec = v.read_spec(opened.read())
    except OSError as error:
        raise v.UsageError(f"{clean(path, limit=300)} can't be read: {error.strerror}") from None
    secret = any(account.password is not None for each in spec.elements for account in each.credentials)
    if secret and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warn(
            f"{clean(path, limit=300)} holds a password and others on this machine can read it: chmod 600 it"
        )
    return spec


def _shown(spec: v.CredentialsUpdateSpec) -> Iterator[str]:
    """What a person has to know of *spec*, and nothing that is secret."""
    yield f"{clean(spec.operation_type, limit=60)} of"
    for element in spec.elements:
        accounts = ", ".join(clean(account.username, limit=120) for account in element.credentials)
        named = (element.resource_type, element.resource_name or element.resource_id)
        resource = " ".join(clean(name, limit=260) for name in named if name)
        yield f"  {accounts or 'all accounts'} at {resource}"


class _CredentialSite(OneSite):
    """One SDDC Manager, for its credential tasks."""

    def __init__(
        self, session: v.TaskSession, patience: float, spec: v.CredentialsUpdateSpec | None = None
    ) -> None:
        super().__init__(session)
        self._patience = patience
        self._spec = spec

    @asynccontextmanager
    async def listing(
        self, where: v.TaskFilter, names: Collection[str] | None = None
    ) -> AsyncIterator[Listing]:
        """Its credential tasks."""
        async with self._session.credentials.stream(where) as stream:
            yield Listing(Alone(stream))
        self.check(stream.malformed, complete=stream.complete)

    def act(self, action: v.Action, targets: Sequence[Found | Target], **how: Any) -> v.BulkRun:
        """A run over them."""
        credentials, ids = self._session.credentials, [target.id for target in targets]
        if self._spec is not None:
            return credentials.retry_many(ids, self._spec, patience=self._patience, **how)
        return credentials.cancel_many(ids, patience=self._patience, **how)
