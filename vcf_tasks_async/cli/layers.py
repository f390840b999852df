"""Settings by where they come from: options, then VCF_… variables, then a profile. Plain values."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from click.core import ParameterSource

import vcf_tasks_async as v
from vcf_tasks_async.cli.profiles import SECRETS, Config

__all__ = ["layers_of", "merged"]

_SECRETS: Final = (*SECRETS, "keyring", "token_env")
_TLS: Final = ("ca_file", "fingerprint", "verify")
_GROUPS: Final = (_SECRETS, _TLS)
#: Secrets that the environment may hold itself.
_FROM_ENVIRONMENT: Final = {
    "VCF_PASSWORD": "password_env",
    "VCF_API_KEY": "api_key_env",
    "VCF_TOKEN": "token_env",
}


def layers_of(
    options: Mapping[str, Any], source: Callable[[str], ParameterSource | None], environ: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Settings by where they come from, named as in a profile: the command line's, the environment's."""
    layers: list[dict[str, Any]] = [{}, {}]
    for name, value in options.items():
        if value is None or value is False:
            continue
        layer = layers[source(name) is not ParameterSource.COMMANDLINE]
        if name == "insecure":
            layer["verify"] = False
        elif name.endswith("_command"):
            layer[name] = _split(name, value)
        elif name.endswith("_file"):
            # What a person types is relative to where they are, not to the profile.
            layer[name] = str(Path(value).expanduser().absolute())
        else:
            layer["url" if name == "host" else name] = value
    for variable, key in _FROM_ENVIRONMENT.items():
        if environ.get(variable):
            layers[1][key] = variable
    for layer, where in zip(layers, ("options", "environment"), strict=True):
        for group in _GROUPS:
            given = [key for key in group if key in layer]
            if len(given) > 1:
                names = " and ".join(key.replace("_", " ") for key in given)
                raise v.UsageError(f"the {where} give {names}: one of them is enough")
    return layers


def merged(layers: list[dict[str, Any]], config: Config, name: str | None) -> dict[str, Any]:
    """The settings that hold: the first layer's, then the next one's, then the profile's.

    Args:
        layers: the strongest first.
        config: the configuration file.
        name: the profile that was asked for, or None for the default one, if it is meant for that host.
    """
    asked = next((layer["url"] for layer in layers if "url" in layer), None)
    profile: Mapping[str, Any] = {}
    if name is not None:
        profile = config.profile(name)
    elif config.default is not None:
        profile = config.profile(config.default)
        if asked is not None and _host(asked) != _host(str(profile.get("url", ""))):
            profile = {}
    result: dict[str, Any] = {}
    for layer in (*layers, profile):
        taken = {key for group in _GROUPS if any(key in result for key in group) for key in group}
        result |= {key: value for key, value in layer.items() if key not in result and key not in taken}
    return result


def _host(url: str) -> str:
    return url.partition("://")[2].rstrip("/").lower() if "://" in url else url.rstrip("/").lower()


def _split(name: str, command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise v.UsageError(f"{name.replace('_', ' ')}: {error}") from None
    if not words:
        raise v.UsageError(f"{name.replace('_', ' ')} takes a command, such as 'pass show vcf/sfo'")
    return words
