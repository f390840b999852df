"""Checks of the simulator's options, so that a typo fails at once and says what is allowed."""

from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from inspect import signature
from typing import Any, Final

__all__ = ["check_choice", "check_names", "check_options", "check_share", "check_tasks", "check_whole"]

#: The options of `SddcManagerSimulator` that take one of a few values.
CHOICES: Final[Mapping[str, tuple[object, ...]]] = {
    "release": ("4.5", "5.2", "9.0", "9.1"),
    "product": ("sddc-manager", "vcf-installer"),
    "page_base": (0, 1),
    "reported_page_size": ("elements", "requested"),
    "oversize": ("clamp", "reject"),
    "metadata": (True, False, "missing"),
    "spelling": ("mixed", "upper", "title"),
    "status_filter": ("title", "upper", "any", "ignored"),
    "name_filter": ("insensitive", "sensitive"),
    "unknown_parameters": ("ignore", "reject"),
    "order": ("newest", "oldest", "name", "given"),
    "order_by": ("works", "fails", "ignored"),
    "delete_failed": ("conflict", "remove"),
    "zombie_cancel": ("accept", "error"),
    "reject_status": (401, 403),
    "login_status": (200, 201),
    "login_failure": (400, 401),
    "refresh_as": ("json", "text"),
}
#: Those that take a share.
SHARES: Final = (
    "failed", "running", "zombies", "credential_tasks", "not_retryable", "retry_succeeds", "running_succeeds",
)  # fmt: skip


def check_options(options: Mapping[str, Any]) -> None:
    """Raise ValueError unless each of the simulator's *options* (by name) has a value that it can have."""
    for name, allowed in CHOICES.items():
        check_choice(name, options[name], allowed)
    for name in SHARES:
        check_share(name, options[name])
    if options["default_page_size"] is not None:
        check_whole("default_page_size", options["default_page_size"], minimum=1)


def check_tasks(tasks: object) -> None:
    """Raise ValueError unless *tasks* is a number of tasks, or raw tasks."""
    if isinstance(tasks, int):
        check_whole("tasks", tasks, minimum=0)
    elif isinstance(tasks, str | bytes | Mapping) or not isinstance(tasks, Iterable):
        # As every option with a value that it can't have.
        raise ValueError(  # noqa: TRY004
            f"tasks={tasks!r} must be a whole number, or a list of raw tasks"
        )


def check_names(options: Iterable[str], maker: Callable[..., object]) -> None:
    """Raise ValueError when one of the *options* is none that *maker* takes, with what may be meant."""
    known = list(signature(maker).parameters)
    for name in options:
        if name not in known:
            meant = get_close_matches(name, known, n=1)
            hint = f": did you mean {meant[0]}?" if meant else f"; it takes {', '.join(known)}"
            raise ValueError(f"there is no option {name}{hint}")


def check_choice(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise ValueError unless *value* is one of *allowed*."""
    if value not in allowed:
        listed = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name}={value!r} is not known: choose one of {listed}")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless *value* lies between 0 and 1."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} must be a share between 0 and 1")


def check_whole(name: str, value: object, *, minimum: int) -> None:
    """Raise ValueError unless *value* is a whole number of at least *minimum*."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name}={value!r} must be a whole number of {minimum} or more")
