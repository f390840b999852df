"""What a call is and what it brings: the words in which `api` speaks to `transport`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import attrs

from vcf_tasks_async.gate import OPEN, Gate
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.steps import ErrorDetail

T = TypeVar("T")


# Not frozen, nor are `Reply` and `Answer`: each request makes one of each, and would pay three times as much.
@attrs.define
class Call(Generic[T]):
    """What is to be sent and how its answer is read.

    Attributes:
        what: for errors, such as ``retry of task 3ee5``.
        safe: sending it twice does no harm.
        repeat: False for a call that is not worth a second attempt.
        read: makes the result of the answer's body; a DecodeError of a safe call is worth a repeat.
        secrets: what the answer must not tell, whoever repeats it there.
        gate: what it passes each time it is sent.
        arrived: told that an answer has come whole, before it is read.
        waits_out: asked about a 403: whether it only says "not now", and is to be waited out.
        deadline: seconds for the whole call; None takes the policy's.
    """

    method: str
    path: str
    what: str
    read: Callable[[bytes], Awaitable[T]]
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = attrs.field(default=None, repr=False)
    safe: bool = False
    repeat: bool = True
    secrets: tuple[Secret, ...] = ()
    gate: Gate = OPEN
    arrived: Callable[[], None] | None = None
    waits_out: Callable[[ErrorDetail | None], Awaitable[bool]] | None = None
    deadline: float | None = None

    def secrets_with(self, token: Secret | None) -> tuple[Secret, ...]:
        """The secrets of this call, and the *token* that went with it."""
        return self.secrets if token is None else (*self.secrets, token)


@attrs.define
class Reply(Generic[T]):
    """A call's result, and how many attempts it took."""

    value: T
    attempts: int


class TokenSource(Protocol):
    """What `auth.Tokens` is to the transport."""

    def current(self) -> Secret | None: ...
    async def ready(self) -> None: ...
    def accepted(self, token: Secret) -> None: ...
    async def renew(self, rejected: Secret, *, certain: bool) -> bool: ...
