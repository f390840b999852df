"""Sites from a TOML file: `Fleet.from_toml`. docs/fleets.md describes the file for users.

Every key is checked before anything is built from it, so that an error names the file, the table and the key.
"""

from __future__ import annotations

import difflib
import logging
import math
import os
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import attrs

from vcf_tasks_async.address import Tls
from vcf_tasks_async.auth import ApiKeyAuth, Auth, PasswordAuth, SecretInput
from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.policy import Policy
from vcf_tasks_async.secret_sources import CommandSecret, EnvSecret, FileSecret
from vcf_tasks_async.sites import Site, checked_name
from vcf_tasks_async.text import inert

_log = logging.getLogger("vcf_tasks_async")

_SECRETS: Final = tuple(
    kind + source for kind in ("password", "api_key") for source in ("", "_env", "_file", "_command")
)
_TLS: Final = ("ca_file", "fingerprint", "verify")
_TEXTS: Final = ("username", "zone", "proxy", "ca_file", "fingerprint")
# A site's own key of a group stands for all of the group's defaults.
_GROUPS: Final = (_SECRETS, _TLS)
_KEYS: Final = ("username", *_SECRETS, *_TLS, "concurrency", "deadline", "zone", "proxy")


def read_sites(path: str | os.PathLike[str]) -> tuple[dict[str, Site], int | None]:
    """The sites in a file, by name, and the whole fleet's concurrency where it says one.

    Raises:
        UsageError: the file can't be read or used; the text names it, the table and the key.
    """
    try:
        return _read(Path(path))
    except UsageError as error:
        # Without its frames and what it came of: they hold the file, passwords and all.
        refused = error.with_traceback(None)
        refused.__context__ = None
    raise refused


def _read(file: Path) -> tuple[dict[str, Site], int | None]:
    why, readable_by_others = "", False
    try:
        with file.open("rb") as opened:
            readable_by_others = bool(os.fstat(opened.fileno()).st_mode & (stat.S_IRGRP | stat.S_IROTH))
            document = tomllib.load(opened)
    except OSError as error:
        raise UsageError(f"the file of sites {file} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        # No TOML, no UTF-8, a number too long, tables too deep.
        # Raised below: the parser's frames hold the whole file.
        document, why = None, inert(str(error), limit=160)
    if document is None:
        raise UsageError(f"{file} is no TOML: {why}")
    _known(file, "", document, ("fleet", "defaults", "sites"))
    fleet = _Table(file, "fleet", _table(file, "fleet", document.get("fleet", {})))
    _known(file, "[fleet] ", fleet.keys, ("concurrency",))
    defaults = _table(file, "defaults", document.get("defaults", {}))
    _Table(file, "defaults", defaults).check(_KEYS)
    tables = _table(file, "sites", document.get("sites", {}))
    if not tables:
        raise UsageError(f'{file} has no sites: each is a table, such as [sites.sfo] with url = "…"')
    sites: dict[str, Site] = {}
    open_secrets: list[str] = []
    for name, keys in tables.items():
        table = _Table(file, f"sites.{name}", _table(file, f"sites.{name}", keys))
        try:
            checked_name(name)
        except UsageError as error:
            raise UsageError(f"{file}: {error}") from None
        table.check(("url", *_KEYS))
        merged = attrs.evolve(table, keys=_merged(defaults, table.keys))
        sites[name] = merged.site()
        if "password" in merged.keys or "api_key" in merged.keys:
            open_secrets.append(name)
    if open_secrets and readable_by_others:
        _log.warning(
            "%s holds secrets (%s) and can be read by others on this machine: chmod 600 it, or name an"
            " environment variable, a file or a command instead",
            file,
            ", ".join(open_secrets[:3]) + (", …" if len(open_secrets) > 3 else ""),
        )
    return sites, fleet.count("concurrency")


def _merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    dropped = {key for group in _GROUPS if any(key in own for key in group) for key in group}
    return {**{key: value for key, value in defaults.items() if key not in dropped}, **own}


def _table(file: Path, name: str, value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise UsageError(f"{file}: {name} is a table, such as [{name if '.' in name else name + '.sfo'}]")


def _known(file: Path, where: str, keys: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in keys:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"
            raise UsageError(f"{file}: {where}{inert(key, limit=60)} is no key here: {hint}")


@attrs.frozen
class _Table:
    """One table of the file, and the place to name in an error."""

    file: Path
    name: str
    keys: dict[str, Any]

    def check(self, known: tuple[str, ...]) -> None:
        """Whether all of its keys exist and have values of their kind."""
        _known(self.file, f"[{self.name}] ", self.keys, known)
        for key, value in self.keys.items():
            if key.endswith("_command"):
                whole = isinstance(value, list) and value and all(_is_text(each) for each in value)
                if not whole:
                    self.refuse(key, 'takes a list of texts, such as ["pass", "show", "vcf/sfo"]')
            elif key == "verify":
                if not isinstance(value, bool):
                    self.refuse(key, "takes true or false")
            elif key == "concurrency":
                self.count(key)
            elif key == "deadline":
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                    self.refuse(key, f"takes seconds above 0, not {inert(repr(value), limit=40)}")
            elif not _is_text(value):
                # The value is not shown: it may be a secret.
                self.refuse(key, "takes a text that is not empty")
        for group in _GROUPS:
            given = [key for key in group if key in self.keys]
            if len(given) > 1:
                self.refuse(given[0], f"does not go together with {given[1]}: give one of them")

    def count(self, key: str) -> int | None:
        """A whole number from 1 on."""
        value = self.keys.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            self.refuse(key, f"takes a whole number from 1 on, not {inert(repr(value), limit=40)}")
        return value

    def refuse(self, key: str, why: str) -> NoReturn:
        raise UsageError(f"{self.file}: [{self.name}] {key} {why}")

    def site(self) -> Site:
        """The site that this table and the defaults describe."""
        if "url" not in self.keys:
            self.refuse("url", 'is missing: give it a host name, such as url = "sfo-vcf01.rainpole.io"')
        site = Site(
            self.keys["url"],
            self._auth(),
            tls=self._tls(),
            concurrency=self.keys.get("concurrency", 8),
            policy=_policy(self.keys.get("deadline")),
            zone=self.keys.get("zone"),
            proxy=self.keys.get("proxy"),
        )
        try:
            site.session()
        except UsageError as error:
            key = "proxy" if str(error).startswith("proxy") else "url"
            self.refuse(key, f"can't be used: {error}")
        return site

    def _auth(self) -> Auth:
        key = next((key for key in _SECRETS if key in self.keys), None)
        if key is None:
            self.refuse(
                "password_env",
                "is missing: name an environment variable there, or give password_file,"
                " password_command, or one of api_key_env, api_key_file and api_key_command",
            )
        secret = self._secret(key)
        if key.startswith("api_key"):
            return ApiKeyAuth(secret)
        if "username" not in self.keys:
            self.refuse("username", 'is missing, such as username = "svc-tasks@vsphere.local"')
        return PasswordAuth(self.keys["username"], secret)

    def _secret(self, key: str) -> SecretInput:
        value = self.keys[key]
        if key.endswith("_command"):
            return CommandSecret(tuple(value))
        if key.endswith("_file"):
            return FileSecret(str(self._beside(value)))
        return EnvSecret(value) if key.endswith("_env") else value

    def _tls(self) -> Tls | None:
        key = next((key for key in _TLS if key in self.keys), None)
        if key is None or self.keys[key] is True:
            return None
        make: dict[str, Callable[[Any], Tls]] = {
            "ca_file": lambda value: Tls(ca_file=str(self._beside(value))),
            "fingerprint": lambda value: Tls(fingerprint=value),
            "verify": lambda value: Tls(verify=value),
        }
        try:
            return make[key](self.keys[key])
        except UsageError as error:
            self.refuse(key, f"can't be used: {error}")

    def _beside(self, path: str) -> Path:
        """*path*, which is relative to the file that names it."""
        return self.file.parent / Path(path).expanduser()


def _policy(deadline: float | None) -> Policy:
    if deadline is None:
        return Policy()
    return Policy(deadline=deadline, attempt_timeout=min(Policy().attempt_timeout, deadline))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
