"""`vcf-tasks trust`: look at a host's certificate, and pin it in a profile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, confirm
from vcf_tasks_async.cli.exits import Exit
from vcf_tasks_async.cli.output import Output, clean, output_options
from vcf_tasks_async.cli.place import place_of
from vcf_tasks_async.cli.profiles import Config, config_path, read_config
from vcf_tasks_async.cli.running import fail, need, run

if TYPE_CHECKING:
    from vcf_tasks_async.cli.certificate import Certificate

__all__ = ["trust"]


@click.command(
    epilog="It sends no password. Compare the fingerprint with what the machine itself says, by a way that"
    " nobody in between can change: its console, or whoever runs it."
)
@click.argument("host")
@click.option("-p", "--profile", metavar="NAME", help="Profile to pin it in; else the host's, or a new one.")
@click.option(
    "--config", envvar="VCF_CONFIG", show_envvar=True, type=click.Path(dir_okay=False), metavar="FILE",
    help="Configuration file instead of ~/.config/vcf-tasks/config.toml.",
)  # fmt: skip
@click.option("-y", "--yes", is_flag=True, help="Pin it without asking.")
@output_options
def trust(host: str, profile: str | None, config: str | None, yes: bool, out: Output) -> None:
    """Show a host's certificate, and pin it in a profile.

    Without a terminal to ask on, and without --yes, it is only shown.

    \b
    Examples:
      vcf-tasks trust sfo-vcf01.rainpole.io
      vcf-tasks trust sfo-vcf01.rainpole.io -p sfo --yes
      vcf-tasks trust sfo-vcf01.rainpole.io --json | jq -r .fingerprint
    """
    from vcf_tasks_async.cli.certificate import look_at  # noqa: PLC0415 - asyncio, which `--help` needs not

    scheme, name, port = place_of(host)
    if scheme == "http":
        raise v.UsageError(f"{clean(host)} has no certificate: http is not encrypted")
    try:
        certificate = run(look_at(name, port))
    except (OSError, TimeoutError) as error:
        fail(f"{clean(host, limit=300)} shows no certificate: {clean(error) or 'no answer'}", Exit.CONNECTION)
    _show(certificate, host, out)
    file = config_path() if config is None else Path(config).expanduser()
    settings = read_config(file)
    table = profile or _profile_of(settings, host) or name.partition(".")[0]
    question = f"Pin it in profile {clean(table, limit=60)} of {file}?"
    if not yes and not (can_ask() and confirm(question)):
        return
    _pin(settings, table, host, certificate.fingerprint)
    if out.is_text:
        out.line(f"pinned in profile {clean(table, limit=60)} of {file}")


def _show(certificate: Certificate, host: str, out: Output) -> None:
    since, until = certificate.validity
    if out.json:
        out.record(
            {
                "record": "certificate",
                "host": host,
                "fingerprint": certificate.fingerprint,
                "subject": certificate.subject or None,
                "issuer": certificate.issuer or None,
                "names": certificate.names,
                "notBefore": since or None,
                "notAfter": until or None,
                "problem": certificate.problem,
            }
        )
        return
    if out.quiet:
        out.line(certificate.fingerprint)
        return
    facts = [
        ("host", clean(host, limit=300)),
        ("for", certificate.subject),
        ("names", ", ".join(certificate.names)),
        ("from", certificate.issuer),
        ("valid", f"{since} to {until}" if certificate.facts else "not now, so more of it can't be read"),
        ("SHA-256", out.style(certificate.fingerprint, "bold")),
        ("system", certificate.problem or "this system trusts it already: there is no need to pin it"),
    ]
    for name, text in facts:
        if text:
            out.line(f"{out.style(f'{name:<9}', 'dim')}{text}")


def _profile_of(config: Config, host: str) -> str | None:
    """The profile that is for *host*, where there is just one."""
    there = [name for name, keys in config.profiles.items() if _same(str(keys.get("url", "")), host)]
    return there[0] if len(there) == 1 else None


def _same(one: str, other: str) -> bool:
    return bool(one) and place_of(one) == place_of(other)


def _pin(config: Config, name: str, host: str, fingerprint: str) -> None:
    """Write the fingerprint into the profile, and leave all else in the file as it was."""
    need("cli", "tomlkit")
    import tomlkit  # noqa: PLC0415 - only who writes

    before = config.profiles.get(name, {})
    if before.get("url") and not _same(str(before["url"]), host):
        raise v.UsageError(
            f"profile {clean(name, limit=60)} of {config.path} is for {clean(before['url'], limit=260)}:"
            " give --profile"
        )
    document: Any = (
        tomlkit.parse(config.path.read_text("utf-8")) if config.path.exists() else tomlkit.document()
    )
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    table = profiles.setdefault(name, tomlkit.table())
    table.setdefault("url", host)
    for other in ("ca_file", "verify"):
        table.pop(other, None)
    table["fingerprint"] = fingerprint
    _write(config.path, tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole: half of a configuration would be none."""
    import tempfile  # noqa: PLC0415 - only who writes

    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".config-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
