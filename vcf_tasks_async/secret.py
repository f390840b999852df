"""A text that does not show: passwords, keys and tokens travel through the library in this."""

from __future__ import annotations

from typing import Any, Final

# What stands where a secret would be shown.
MASK: Final = "***"


class Secret:
    """Holds a secret text; shows, prints, formats and pickles as nothing of it.

    Example:
        >>> Secret("VMw@re1!")
        Secret('***')
        >>> Secret("VMw@re1!").reveal()
        'VMw@re1!'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the wire and for nothing else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret does not pickle: give a callable, which is asked where it is needed")


class AnsweredSecret(Secret):
    """A secret that SDDC Manager told. It pickles, so that what holds it can travel, but without its text.

    Example:
        >>> import pickle
        >>> pickle.loads(pickle.dumps(AnsweredSecret("VMw@re1!")))
        Secret('***')
    """

    __slots__ = ()

    def reveal(self) -> str:
        """The text itself, for the wire and for nothing else.

        Raises:
            ValueError: it came out of a pickle, and its text stayed behind.
        """
        text: str | None = self._text
        if text is None:
            raise ValueError("a secret did not travel with its pickle: ask SDDC Manager for it again")
        return text

    def __reduce__(self) -> str | tuple[Any, ...]:
        return _without_text, ()


def _without_text() -> AnsweredSecret:
    secret = AnsweredSecret("")
    secret._text = None  # type: ignore[assignment]  # noqa: SLF001 - its own
    return secret
