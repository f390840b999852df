"""Checks of the simulator's options, so that a typo fails at once and says what is allowed."""

from collections.abc import Collection

__all__ = ["check_choice", "check_share", "check_whole"]


def check_choice(name: str, value: object, allowed: Collection[object]) -> None:
    """Raise ValueError unless *value* is one of *allowed*."""
    if value not in allowed:
        listed = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name}={value!r} is not known: choose one of {listed}")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless *value* lies between 0 and 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r} must be a share between 0 and 1")


def check_whole(name: str, value: object, *, minimum: int) -> None:
    """Raise ValueError unless *value* is a whole number of at least *minimum*."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name}={value!r} must be a whole number of {minimum} or more")
