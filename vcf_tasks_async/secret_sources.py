"""Where a secret is asked for, by name: these travel and show where the secret itself must not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import attrs

from vcf_tasks_async.errors import UsageError
from vcf_tasks_async.text import inert

# Seconds that a password command may take.
_PATIENCE = 60.0


@attrs.frozen
class EnvSecret:
    """A secret in an environment variable, read at each login, where the login is made.

    Example:
        >>> PasswordAuth("administrator@vsphere.local", EnvSecret("VCF_PASSWORD"))
        PasswordAuth(username='administrator@vsphere.local', password=<callable>)
    """

    name: str

    def __call__(self) -> str:
        """The secret.

        Raises:
            UsageError: the variable is not set, or empty.
        """
        text = os.environ.get(self.name)
        if not text:
            raise UsageError(f"the environment variable {self.name} is not set: it is to hold the secret")
        return text


@attrs.frozen
class FileSecret:
    """A secret in a file of its own, read at each login; the line's end does not count.

    Example:
        >>> ApiKeyAuth(FileSecret("/run/secrets/vcf-api-key"))
        ApiKeyAuth(key=<callable>)
    """

    path: str

    def __call__(self) -> str:
        """The secret.

        Raises:
            UsageError: the file can't be read, or is empty.
        """
        try:
            text = Path(self.path).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = (error.strerror or "") if isinstance(error, OSError) else "no UTF-8"
            raise UsageError(f"the file {self.path} with the secret can't be read: {why}") from None
        if not text:
            raise UsageError(f"the file {self.path}, which is to hold the secret, is empty")
        return text


@attrs.frozen
class CommandSecret:
    """A secret that a command prints, such as ``pass`` or a vault's client; run at each login, in no shell.

    Args:
        command: the program and its arguments. What it prints to stderr is never shown.

    Example:
        >>> CommandSecret(("pass", "show", "vcf/sfo"))
        CommandSecret(command=('pass', 'show', 'vcf/sfo'))
    """

    command: tuple[str, ...] = attrs.field(converter=tuple)

    def __call__(self) -> str:
        """The secret.

        Raises:
            UsageError: the command can't be run, fails, prints nothing, or takes more than a minute.
        """
        name = inert(self.command[0], limit=60) if self.command else "(empty)"
        try:
            ran = subprocess.run(  # noqa: S603 - the user's own command, and no shell
                self.command, capture_output=True, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
            )
            text = ran.stdout.decode().rstrip("\r\n")
        except subprocess.CalledProcessError as error:
            raise UsageError(
                f"the command {name}, which is to print the secret, ended with {error.returncode}"
            ) from None
        except subprocess.TimeoutExpired:
            raise UsageError(f"the command {name}, which is to print the secret, took too long") from None
        except (OSError, ValueError, IndexError):
            raise UsageError(f"the command {name}, which is to print the secret, can't be run") from None
        if not text:
            raise UsageError(f"the command {name}, which is to print the secret, printed nothing")
        return text
