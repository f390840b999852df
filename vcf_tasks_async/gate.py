"""The word between a write and whoever asked for it: whether it may leave, and that it came back."""

from __future__ import annotations

from typing import Final, Protocol


class Gate(Protocol):
    """What a write passes each time it is sent."""

    def may_leave(self) -> bool:
        """Asked right before each sending; False ends the call as not sent."""
        ...

    def came_back(self) -> None:
        """Take it that the sending was provably not applied, and that another may follow."""
        ...


class _Open:
    def may_leave(self) -> bool:
        return True

    def came_back(self) -> None:
        pass


OPEN: Final[Gate] = _Open()
