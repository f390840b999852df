"""A site of a fleet: where it is, who we are there, and what comes from it, with its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import attrs

from vcf_tasks_async.address import Tls
from vcf_tasks_async.auth import Auth
from vcf_tasks_async.errors import UsageError, VcfTasksError
from vcf_tasks_async.events import TaskEvent
from vcf_tasks_async.models import Task
from vcf_tasks_async.outcomes import Outcome
from vcf_tasks_async.policy import Policy
from vcf_tasks_async.session import TaskSession
from vcf_tasks_async.slots import Limiter
from vcf_tasks_async.text import inert

# A site's name is a file's name as well: its journal's.
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
# Troubles that the text of an error shows.
_SHOWN: Final = 3


@attrs.frozen
class Site:
    """One SDDC Manager of a fleet; its name is its key there.

    Args:
        url: as for `TaskSession`, like all that follow but the zone.
        auth: who we are. To run on other machines (`vcf_tasks_async.dask`) its secret must be a callable
            that pickles, such as `EnvSecret`, `FileSecret` or `CommandSecret`.
        tls: how the certificate is judged.
        concurrency: requests in flight at most at this site.
        policy: deadlines, pauses and repeats.
        zone: the network zone it is reached from, where one machine does not reach all.
        allow_http: take plain http to other machines.
        proxy: URL of an HTTP proxy.

    Example:
        >>> Site("sfo-vcf01.rainpole.io", PasswordAuth("svc-tasks@vsphere.local", EnvSecret("SFO_PASSWORD")))
        Site(url='sfo-vcf01.rainpole.io', zone=None)
    """

    url: str
    auth: Auth = attrs.field(repr=False)
    tls: Tls | None = attrs.field(default=None, repr=False)
    concurrency: int = attrs.field(default=8, repr=False)
    policy: Policy = attrs.field(factory=Policy, repr=False)
    zone: str | None = None
    allow_http: bool = attrs.field(default=False, repr=False)
    proxy: str | None = attrs.field(default=None, repr=False)

    def session(self, *, limiter: Limiter | None = None) -> TaskSession:
        """A session with it, not opened yet.

        Raises:
            UsageError: something about the site can't be meant.
        """
        return TaskSession(
            self.url,
            self.auth,
            tls=self.tls,
            concurrency=self.concurrency,
            policy=self.policy,
            allow_http=self.allow_http,
            proxy=self.proxy,
            limiter=limiter,
        )


class SiteTask(NamedTuple):
    """A task, and the site it is at. Also a target for `Fleet.retry_many` and the like."""

    site: str
    task: Task


class SiteEvent(NamedTuple):
    """What happened to a task, or to the connection with its site."""

    site: str
    event: TaskEvent


class SiteOutcome(NamedTuple):
    """What became of one target, and the site it is at."""

    site: str
    outcome: Outcome


@attrs.frozen
class SiteTrouble:
    """Something kept a whole site from doing its part: it is down, or refuses the login.

    Attributes:
        site: its name.
        doing: what was to be done there: ``list``, ``wait``, ``watch``, ``retry`` or ``cancel``.
        error: what was raised.

    Example:
        >>> print(SiteTrouble("sfo", "list", NotSentError("connection refused")))
        list at sfo: connection refused
    """

    site: str
    doing: str
    error: Exception = attrs.field(eq=False)

    def __str__(self) -> str:
        return f"{self.doing} at {self.site}: {inert(str(self.error), limit=300)}"

    def to_json(self) -> dict[str, Any]:
        """As plain values, ready for `json.dumps`."""
        return {
            "site": self.site,
            "doing": self.doing,
            "kind": type(self.error).__name__,
            "error": str(self.error),
        }


class SiteTroubles(VcfTasksError):
    """Some sites could not do their part. Raised at the end, when all the others have done theirs.

    Attributes:
        troubles: what was wrong, by the name of the site.
    """

    def __init__(self, message: str, *, troubles: Mapping[str, SiteTrouble], **where: Any) -> None:
        super().__init__(message, **where)
        self.troubles = dict(troubles)


def joined(troubles: Mapping[str, SiteTrouble], sites: int) -> SiteTroubles:
    """One error for these troubles, among so many sites."""
    shown = "; ".join(map(str, list(troubles.values())[:_SHOWN]))
    more = f"; and {len(troubles) - _SHOWN} more" if len(troubles) > _SHOWN else ""
    return SiteTroubles(f"{len(troubles)} of {sites} sites in trouble: {shown}{more}", troubles=troubles)


def checked_sites(sites: object) -> dict[str, Site]:
    """*sites*, when they can be a fleet's.

    Raises:
        UsageError: they can't; the text names the site.
    """
    if not isinstance(sites, Mapping) or not sites:
        raise UsageError('a fleet takes its sites by name: {"sfo": Site("sfo-vcf01.rainpole.io", auth), …}')
    folded: dict[str, str] = {}
    for name, site in sites.items():
        checked_name(name)
        if not isinstance(site, Site):
            raise UsageError(f"site {name} takes a Site, not {type(site).__name__}")
        # On some file systems their journals would be one file.
        if (other := folded.setdefault(name.lower(), name)) != name:
            raise UsageError(f"the sites {other} and {name} differ in case alone: give one another name")
    return dict(sites)


def checked_name(name: object) -> str:
    """*name*, when it can be a site's.

    Raises:
        UsageError: it can't.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise UsageError(f"{inert(str(name), limit=80)!r} is no name for a site: 1 to 64 of A-Z a-z 0-9 . _ -")
