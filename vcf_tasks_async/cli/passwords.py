"""Passwords from the system's keyring, or from a person; the library's own sources are for all else.

Never from the command line: others on the machine can read that.
"""

from __future__ import annotations

from collections.abc import Callable

import vcf_tasks_async as v
from vcf_tasks_async.cli.asking import can_ask, hidden
from vcf_tasks_async.cli.running import need

__all__ = ["from_keyring", "from_person"]


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
