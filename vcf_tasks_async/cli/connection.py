"""Which SDDC Manager a command talks to, and as whom: options, then VCF_… variables, then a profile.

What belongs together is taken from one place: a password given as an option replaces the profile's way to get
one. And a profile that was not asked for lends its password to no other host.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

import vcf_tasks_async as v
from vcf_tasks_async.cli import passwords
from vcf_tasks_async.cli.layers import layers_of, merged
from vcf_tasks_async.cli.profiles import config_path, read_config
from vcf_tasks_async.cli.running import warn
from vcf_tasks_async.cli.selection import given_ids
from vcf_tasks_async.cli.times import seconds

__all__ = ["Connection", "Duration", "connected"]

if TYPE_CHECKING:
    from vcf_tasks_async.cli.sites import Sites

    _FloatType = click.ParamType[float]
else:
    # Not generic before click 8.2.
    _FloatType = click.ParamType


class Duration(_FloatType):
    """An option that takes seconds, or a duration such as ``1h30m``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float | int):
            return float(value)
        try:
            return seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Connection:
    """How to reach an SDDC Manager.

    Attributes:
        keys: the merged settings, named as in a profile.
        folder: what paths in a profile are relative to.
        timeout: seconds for each call.
        fleet: the sites of ``--fleet``, for commands that take all of them.
        site: the one site of a fleet that is meant.
        site_name: its name, where it was asked for.
    """

    keys: Mapping[str, Any]
    folder: Path
    timeout: float
    fleet: v.Fleet | None = None
    site: v.Site | None = None
    site_name: str | None = None

    @property
    def url(self) -> str:
        """Host name or URL.

        Raises:
            UsageError: none was given.
        """
        self._check_site()
        url = self.keys.get("url") if self.site is None else self.site.url
        if not url:
            raise v.UsageError(
                "which SDDC Manager? Give --host, VCF_HOST, or a profile in ~/.config/vcf-tasks/config.toml"
            )
        return str(url)

    @property
    def tls(self) -> v.Tls:
        """How its certificate is judged."""
        if self.site is not None:
            return self.site.tls or v.Tls()
        keys = self.keys
        ca_file = None if "ca_file" not in keys else str(self._path(keys["ca_file"]))
        return v.Tls(ca_file=ca_file, fingerprint=keys.get("fingerprint"), verify=keys.get("verify", True))

    @property
    def username(self) -> str:
        """The user, or how else it logs in."""
        if self.site is not None:
            return str(getattr(self.site.auth, "username", "an API key"))
        if "token_env" in self.keys:
            return "the holder of VCF_TOKEN"
        if any(self.keys.get(key) for key in self.keys if key.startswith("api_key")):
            return "an API key"
        return str(self.keys.get("username", ""))

    def session(self, *, concurrency: int | None = None) -> v.TaskSession:
        """A session, not opened yet. Asks for the password where only a person knows it.

        Raises:
            UsageError: something is missing or can't be meant.
        """
        keys, call = self.keys, self.timeout
        self._check_site()
        if self.site is not None:
            site = self.site
            if concurrency is not None:
                import attrs  # noqa: PLC0415 - a fleet has loaded it already

                site = attrs.evolve(site, concurrency=concurrency)
            return site.session()
        return v.TaskSession(
            self.url,
            self._auth(),
            tls=self.tls,
            concurrency=concurrency or keys.get("concurrency", 8),
            policy=_policy(call),
            allow_http=keys.get("allow_http", False),
            proxy=keys.get("proxy"),
        )

    def sites(self, *, concurrency: int | None = None) -> Sites:
        """The SDDC Manager, or all sites of the fleet, not opened yet.

        Raises:
            UsageError: something is missing or can't be meant.
        """
        from vcf_tasks_async.cli.sites import OneSite, SitesOfFleet  # noqa: PLC0415 - `--help` needs none

        if self.fleet is not None:
            return SitesOfFleet(self.fleet)
        return OneSite(self.session(concurrency=concurrency), self.site_name)

    def given_ids(self, ids: Iterable[str]) -> list[str]:
        """The ids that were given, also on stdin; in a fleet those of records with their sites."""
        return given_ids(ids, in_fleet=self.fleet is not None or self.site_name is not None)

    def _check_site(self) -> None:
        if self.fleet is not None and self.site is None:
            names = ", ".join(self.fleet.sites)
            raise v.UsageError(
                f"this is for one site: give --site. The fleet has {v.inert(names, limit=300)}"
            )

    def _auth(self) -> v.PasswordAuth | v.ApiKeyAuth | v.BearerAuth:
        if "token_env" in self.keys:
            return v.BearerAuth(v.EnvSecret(self.keys["token_env"]))
        api_key = self._secret("api_key")
        if api_key is not None:
            return v.ApiKeyAuth(api_key)
        username = self.keys.get("username")
        if not username:
            raise v.UsageError("who are you? Give --username, VCF_USERNAME, or username in the profile")
        host = v.inert(self.url.partition("://")[2] or self.url, limit=260).rstrip("/")
        if self.keys.get("keyring"):
            return v.PasswordAuth(username, passwords.from_keyring(host, username))
        password = self._secret("password")
        return v.PasswordAuth(
            username, passwords.from_person(host, username) if password is None else password
        )

    def _secret(self, kind: str) -> v.Secret | Callable[[], str] | None:
        keys = self.keys
        if kind in keys:
            return v.Secret(keys[kind])
        if f"{kind}_env" in keys:
            return v.EnvSecret(keys[f"{kind}_env"])
        if f"{kind}_file" in keys:
            return v.FileSecret(str(self._path(keys[f"{kind}_file"])))
        if f"{kind}_command" in keys:
            return v.CommandSecret(keys[f"{kind}_command"])
        return None

    def _path(self, text: str) -> Path:
        return self.folder / Path(text).expanduser()


# --- options ------------------------------------------------------------------------------------------------


def _complete_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        names = read_config(config_path()).profiles
    except v.VcfTasksError:
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _option(*names: str, env: str | None = None, **how: Any) -> Callable[..., Any]:
    return click.option(*names, envvar=env, show_envvar=env is not None, **how)


_OPTIONS: Final = (
    _option("-H", "--host", env="VCF_HOST", metavar="HOST", help="Host name or URL of SDDC Manager."),
    _option(
        "-u", "--username", env="VCF_USERNAME", metavar="NAME",
        help="Who logs in, such as administrator@vsphere.local.",
    ),
    _option(
        "--password-file", env="VCF_PASSWORD_FILE", type=click.Path(dir_okay=False), metavar="FILE",
        help="File that holds the password and nothing else.",
    ),
    _option(
        "--password-command", env="VCF_PASSWORD_COMMAND", metavar="COMMAND",
        help="Command that prints the password, such as 'pass show vcf/sfo'.",
    ),
    _option("--keyring", is_flag=True, help="Take the password from the system's keyring (extra `keyring`)."),
    _option(
        "--api-key-file", env="VCF_API_KEY_FILE", type=click.Path(dir_okay=False), metavar="FILE",
        help="File with a service account's API key.",
    ),
    _option(
        "-p", "--profile", env="VCF_PROFILE", metavar="NAME", shell_complete=_complete_profile,
        help="Profile in the configuration file.",
    ),
    _option(
        "--fleet", env="VCF_FLEET", type=click.Path(dir_okay=False), metavar="FILE",
        help="File of sites, instead of all else here: docs/fleets.md.",
    ),
    click.option("--site", metavar="NAME", help="The one site of the fleet that is meant; all without it."),
    _option(
        "--config", env="VCF_CONFIG", type=click.Path(dir_okay=False), metavar="FILE",
        help="Configuration file instead of ~/.config/vcf-tasks/config.toml.",
    ),
    _option(
        "--ca-file", env="VCF_CA_FILE", type=click.Path(dir_okay=False), metavar="FILE",
        help="PEM file with the authority to trust.",
    ),
    _option(
        "--fingerprint", env="VCF_FINGERPRINT", metavar="SHA256",
        help="SHA-256 of the very certificate: `vcf-tasks trust`.",
    ),
    _option(
        "--insecure", env="VCF_INSECURE", is_flag=True,
        help="Take any certificate: whoever answers gets the password.",
    ),
    _option("--proxy", env="VCF_PROXY", metavar="URL", help="HTTP proxy; the environment's is not taken."),
    _option("--allow-http", is_flag=True, help="Take http:// to other machines, in the clear."),
    _option(
        "--call-timeout", env="VCF_CALL_TIMEOUT", type=Duration(), default="30s", show_default=True,
        help="Time for each call, with its repeats.",
    ),
)  # fmt: skip
_NAMES: Final = (
    "host", "username", "password_file", "password_command", "keyring", "api_key_file", "ca_file",
    "fingerprint", "insecure", "proxy", "allow_http",
)  # fmt: skip


def connected(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the connection; the command gets a `Connection` as *connection*."""

    def with_connection(**options: Any) -> Any:
        ctx = click.get_current_context()
        given = {name: options.pop(name) for name in _NAMES}
        profile, path = options.pop("profile"), options.pop("config")
        timeout = options.pop("call_timeout")
        if timeout <= 0:
            raise click.UsageError("--call-timeout takes more than no time")
        fleet, site = options.pop("fleet"), options.pop("site")
        if fleet is not None or site is not None:
            return command(connection=_of_fleet(fleet, site, given, timeout), **options)
        layers = layers_of(given, ctx.get_parameter_source, os.environ)
        file = config_path() if path is None else Path(path).expanduser()
        if path is not None and not file.is_file():
            raise v.UsageError(f"there is no configuration file {file}")
        connection = Connection(merged(layers, read_config(file), profile), file.parent.absolute(), timeout)
        _show_warnings()
        return command(connection=connection, **options)

    wrapped = update_wrapper(with_connection, command)
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _of_fleet(path: str | None, name: str | None, given: Mapping[str, Any], timeout: float) -> Connection:
    """The connection to a site of a fleet, or to all of them."""
    ctx = click.get_current_context()
    typed = [each for each in given if ctx.get_parameter_source(each) is ParameterSource.COMMANDLINE]
    if path is None or typed:
        what = (
            f"--fleet and --{typed[0].replace('_', '-')} don't go together"
            if typed
            else "--site goes with --fleet"
        )
        raise click.UsageError(f"{what}: the file of sites says where they are, and who you are")
    _show_warnings()
    fleet = _in_time(v.Fleet.from_toml(path), timeout)
    sites = fleet.sites
    if name is None:
        return Connection({}, Path(), timeout, fleet, next(iter(sites.values())) if len(sites) == 1 else None)
    if name not in sites:
        shown = v.inert(", ".join(sites), limit=300)
        raise v.UsageError(f"{path} has no site {v.inert(name, limit=60)!r}: it has {shown}")
    return Connection({}, Path(), timeout, None, sites[name], name)


def _policy(call: float) -> v.Policy:
    return v.Policy(deadline=call, attempt_timeout=min(30.0, call))


def _in_time(fleet: v.Fleet, timeout: float) -> v.Fleet:
    """*fleet* with *timeout* for each call: if it was asked for, else where the file says nothing."""
    import attrs  # noqa: PLC0415 - a fleet has loaded it already

    source = click.get_current_context().get_parameter_source("call_timeout")
    asked = source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    sites = {
        name: attrs.evolve(site, policy=_policy(timeout)) if asked or site.policy == v.Policy() else site
        for name, site in fleet.sites.items()
    }
    return v.Fleet(sites, concurrency=fleet.concurrency)


class _Warnings(logging.Handler):
    """What the library warns of, on stderr in the manner of a command."""

    def emit(self, record: logging.LogRecord) -> None:
        warn(v.inert(record.getMessage(), limit=500))


def _show_warnings() -> None:
    log = logging.getLogger("vcf_tasks_async")
    if not any(isinstance(handler, _Warnings) for handler in log.handlers):
        log.addHandler(_Warnings(logging.WARNING))
        log.propagate = False
