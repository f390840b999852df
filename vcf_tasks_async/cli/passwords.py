"""Where a password or API key comes from: the environment, a file, a command, the keyring, or a person.

Never from the command line: others on the machine can read that.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, hidden
from vcf_tasks_async.cli.running import need

__all__ = ["from_command", "from_environment", "from_file", "from_keyring", "from_person"]

# Seconds for a command that fetches a password; it may have to ask a person.
_PATIENCE = 120
_LARGEST = 64 * 1024


def from_environment(name: str) -> v.Secret:
    """What the environment variable *name* holds."""
    text = os.environ.get(name, "")
    if not text:
        raise v.UsageError(f"the environment variable {name} is not set, or empty")
    return v.Secret(text)


def from_file(path: Path) -> Callable[[], str]:
    """The first line of the file *path*, read at each login, so that a rotation is followed.

    Raises:
        UsageError: it can't be read now, or is empty.
    """

    def read() -> str:
        try:
            with path.open("rb") as opened:
                text = opened.read(_LARGEST).decode()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8"
            raise v.UsageError(f"the password file {path} can't be read: {why}") from None
        line = text.partition("\n")[0].rstrip("\r")
        if not line:
            raise v.UsageError(f"the password file {path} has nothing in its first line")
        return line

    read()
    return read


def from_command(command: Sequence[str]) -> Callable[[], str]:
    """The first line that *command* prints, run at each login; no shell is between."""

    def ask() -> str:
        name = v.inert(command[0], limit=120)
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command
                command, stdout=subprocess.PIPE, timeout=_PATIENCE, check=False
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it can't be run"
            raise v.UsageError(f"the password command {name}: {why}") from None
        except subprocess.TimeoutExpired:
            raise v.UsageError(f"the password command {name} took more than {_PATIENCE} s") from None
        line = done.stdout.decode(errors="replace").partition("\n")[0].rstrip("\r")
        if done.returncode or not line:
            what = f"ended with exit code {done.returncode}" if done.returncode else "printed nothing"
            raise v.UsageError(f"the password command {name} {what}")
        return line

    return ask


def from_keyring(host: str, username: str) -> Callable[[], str]:
    """The password that the system's keyring has for *username* at *host*, asked for at each login."""
    need("keyring", "keyring")

    def ask() -> str:
        import keyring  # noqa: PLC0415 - an extra
        import keyring.errors  # noqa: PLC0415

        try:
            found = keyring.get_password(f"vcf-tasks:{host}", username)
        except keyring.errors.KeyringError as error:
            raise v.UsageError(f"the keyring can't be used: {v.inert(str(error), limit=200)}") from None
        if not found:
            raise v.UsageError(f"the keyring has no such password: keyring set vcf-tasks:{host} {username}")
        return found

    return ask


def from_person(host: str, username: str) -> v.Secret:
    """What a person types, unseen, on the terminal; stdin may be a pipe.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not can_ask():
        raise v.UsageError(
            "no password, and no terminal to ask for it: give --password-file, --password-command, --keyring,"
            " VCF_PASSWORD or a profile"
        )
    text = hidden(f"Password of {v.inert(username, limit=80)} at {host}")
    if not text:
        raise v.UsageError("no password was given")
    return v.Secret(text)
