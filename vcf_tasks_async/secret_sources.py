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
    """A secret in a file of its own, read at each login.

    The file holds one line of UTF-8. As Docker and Ansible have it, the line's end does not count; blanks
    before it do, since a password may have them. More lines are refused, not guessed at: wrong passwords lock
    the account.

    Example:
        >>> ApiKeyAuth(FileSecret("/run/secrets/vcf-api-key"))
        ApiKeyAuth(key=<callable>)
    """

    path: str

    def __call__(self) -> str:
        """The secret.

        Raises:
            UsageError: the file can't be read, is empty, or holds several lines.
        """
        line, trouble = _in_file(self.path)
        if not line:
            raise UsageError(f"the file {self.path}, which is to hold the secret, {trouble}")
        return line


@attrs.frozen
class CommandSecret:
    """A secret that a command prints, such as ``pass`` or a vault's client; run at each login, in no shell.

    It is to print one line, which is read as that of a `FileSecret`. For what prints more, such as an entry
    of ``pass`` with notes below the password, let a shell take the first line:
    ``CommandSecret(("sh", "-c", "pass show vcf/sfo | head -n 1"))``.

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
            UsageError: the command can't be run, fails, prints nothing or several lines, or takes more than
                a minute.
        """
        line, trouble = _printed(self.command)
        if not line:
            name = inert(self.command[0], limit=60) if self.command else "(empty)"
            raise UsageError(f"the command {name}, which is to print the secret, {trouble}")
        return line


# These return what is wrong, and raise nothing: an error's contexts and frames would show what was read.


def _in_file(path: str) -> tuple[str | None, str]:
    """The one line in the file, or None and what is wrong with it."""
    try:
        line = _line(Path(path).read_bytes())
    except UnicodeDecodeError:
        return None, "is no UTF-8"
    except (OSError, ValueError) as error:
        return None, f"can't be read: {getattr(error, 'strerror', None) or 'no path'}"
    return line, "is empty" if line is not None else "holds several lines: leave the secret alone in it"


def _printed(command: tuple[str, ...]) -> tuple[str | None, str]:
    """The one line that *command* prints, or None and what is wrong with it."""
    try:
        ran = subprocess.run(  # noqa: S603 - the user's own command, and no shell
            command, capture_output=True, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
        line = _line(ran.stdout)
    except subprocess.CalledProcessError as error:
        return None, f"ended with {error.returncode}"
    except subprocess.TimeoutExpired:
        return None, "took too long"
    except UnicodeDecodeError:
        return None, "printed no UTF-8"
    except (OSError, ValueError, IndexError):
        return None, "can't be run"
    return line, "printed nothing" if line is not None else "printed several lines: have it print one"


def _line(output: bytes) -> str | None:
    """The one line in *output*; None when it is more than one.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
    """
    # Windows' editors put a mark before it, which nobody sees and no password has.
    text = output.decode("utf-8-sig").rstrip("\r\n")
    return None if "\n" in text or "\r" in text else text
