"""The configuration file: profiles, one for each SDDC Manager. Only reads; `trust` writes a fingerprint.

Its keys are those of a file of sites, so that a table can be moved from one to the other.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import vcf_tasks_async as v
from vcf_tasks_async.cli.running import warn

__all__ = ["Config", "config_path", "read_config"]

SECRETS: Final = tuple(
    kind + source for kind in ("password", "api_key") for source in ("", "_env", "_file", "_command")
)
_TEXTS: Final = (
    "url", "username", "ca_file", "fingerprint", "proxy",
    *(key for key in SECRETS if not key.endswith("_command")),
)  # fmt: skip
_FLAGS: Final = ("verify", "keyring", "allow_http")
_KEYS: Final = (*_TEXTS, *_FLAGS, "password_command", "api_key_command", "concurrency")


@dataclass(frozen=True)
class Config:
    """What stands in a configuration file.

    Attributes:
        path: the file, whether it is there or not.
        default: the profile that is taken when none is named, or None.
        profiles: by name, as written, checked.
    """

    path: Path
    default: str | None = None
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def profile(self, name: str) -> Mapping[str, Any]:
        """The profile of that name.

        Raises:
            UsageError: there is none.
        """
        if name in self.profiles:
            return self.profiles[name]
        there = ", ".join(v.inert(each, limit=60) for each in self.profiles)
        what = f"it has {there}" if there else "it has none, or is not there"
        raise v.UsageError(f"{self.path} has no profile {v.inert(name, limit=60)!r}: {what}")


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the configuration is: VCF_CONFIG, or vcf-tasks/config.toml where XDG says."""
    if environ.get("VCF_CONFIG"):
        return Path(environ["VCF_CONFIG"]).expanduser()
    home = environ.get("XDG_CONFIG_HOME", "")
    # A relative one is to be ignored, says the XDG specification.
    base = Path(home) if Path(home).is_absolute() else Path("~/.config").expanduser()
    return base / "vcf-tasks" / "config.toml"


def read_config(path: Path) -> Config:
    """The configuration in *path*; an empty one where there is no such file.

    Raises:
        UsageError: it can't be read or meant; the text names the file, the table and the key.
    """
    import tomllib  # noqa: PLC0415 - only where there is something to read

    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            document = tomllib.load(opened)
    except FileNotFoundError:
        return Config(path)
    except OSError as error:
        raise v.UsageError(f"{path} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise v.UsageError(f"{path} is no TOML: {v.inert(str(error), limit=160)}") from None
    _known(path, "", document, ("default", "profiles"))
    default, profiles = document.get("default"), document.get("profiles", {})
    if default is not None and not isinstance(default, str):
        raise v.UsageError(f'{path}: default takes the name of a profile, such as default = "sfo"')
    if not isinstance(profiles, dict):
        raise v.UsageError(f"{path}: profiles are tables, such as [profiles.sfo]")
    for name, keys in profiles.items():
        _check(path, f"[profiles.{v.inert(name, limit=60)}]", keys)
    config = Config(path, default, profiles)
    if default is not None:
        config.profile(default)
    holds_secrets = any(key in ("password", "api_key") for keys in profiles.values() for key in keys)
    if holds_secrets and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        warn(
            f"{path} holds a password and others on this machine can read it: chmod 600 it, or name a file,"
            " a command or the keyring instead"
        )
    return config


def _check(path: Path, table: str, keys: Any) -> None:
    if not isinstance(keys, dict):
        raise v.UsageError(f"{path}: {table} is a table of keys such as url and username")
    _known(path, f"{table} ", keys, _KEYS)
    for key, value in keys.items():
        if key.endswith("_command"):
            if not (
                isinstance(value, list) and value and all(isinstance(each, str) and each for each in value)
            ):
                raise v.UsageError(
                    f'{path}: {table} {key} takes a list of texts, such as ["pass", "show", "vcf/sfo"]'
                )
        elif key in _FLAGS:
            if not isinstance(value, bool):
                raise v.UsageError(f"{path}: {table} {key} takes true or false")
        elif key == "concurrency":
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
                raise v.UsageError(f"{path}: {table} concurrency takes a whole number from 1 to 256")
        elif not isinstance(value, str) or not value:
            raise v.UsageError(f"{path}: {table} {key} takes a text that is not empty")
    given = [key for key in (*SECRETS, "keyring") if keys.get(key)]
    if len(given) > 1:
        raise v.UsageError(f"{path}: {table} has {' and '.join(given)}: give one of them")
    judged = [key for key in ("ca_file", "fingerprint") if key in keys]
    if len(judged) + (keys.get("verify") is False) > 1:
        raise v.UsageError(f"{path}: {table} takes one of ca_file, fingerprint and verify = false")


def _known(path: Path, where: str, keys: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in keys:
        if key not in known:
            close = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(known)}"
            raise v.UsageError(f"{path}: {where}{v.inert(key, limit=60)} is no key here: {hint}")
