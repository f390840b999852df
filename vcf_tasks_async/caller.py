"""One call: its token, its slot, its deadline, its repeats, and the result or the error it ends with.

The loop that sleeps; the rules are `policy`'s, the sending `transport`'s, the tokens `tokens`'.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from random import Random
from typing import Any, Final, TypeVar

import anyio

from vcf_tasks_async.answers import Answer, Trouble, error_for, undecodable
from vcf_tasks_async.calls import Call, Reply, TokenSource
from vcf_tasks_async.clocks import Clocks
from vcf_tasks_async.codec import decode_error
from vcf_tasks_async.errors import DeadlineError, DecodeError, NotSentError, UsageError, VcfTasksError
from vcf_tasks_async.masking import masked_sample
from vcf_tasks_async.policy import (
    Failure,
    Fate,
    Policy,
    RepeatBudget,
    delay_before,
    may_repeat,
    polite_pause,
)
from vcf_tasks_async.secret import Secret
from vcf_tasks_async.slots import Share
from vcf_tasks_async.text import inert
from vcf_tasks_async.transport import Transport

_log = logging.getLogger("vcf_tasks_async")
T = TypeVar("T")

_FOR_TOKEN: Final = "the login"  # noqa: S105 - what was waited for
_FOR_ANSWER: Final = "an answer"
# Timers may fire this much early.
_TICK: Final = 0.001
_FOR_ROOM: Final = "room among the credential operations"
_FOR_SLOT: Final = "its turn; raise Policy.deadline or the concurrency if that is too short"
# A rejected token is replaced twice in one call: by a refresh, and when that one is rejected, by a login.
_RENEWALS: Final = 2
_LEAST: Final = 1.0
# Bytes from which sessions that share slots decode one answer after the other.
_LARGE: Final = 16_384


class Caller:
    """Makes calls to one SDDC Manager.

    Args:
        transport: sends one attempt.
        manager: its name, for errors and logs.
        policy: deadlines, pauses and repeats.
        concurrency: attempts in flight at most.
        rng: for jitter.
        clocks: those of the session.
        share: this session's place in a bound that several share.
    """

    def __init__(
        self,
        transport: Transport,
        manager: str,
        policy: Policy,
        *,
        concurrency: int,
        rng: Random,
        clocks: Clocks,
        share: Share | None = None,
    ) -> None:
        self._transport = transport
        self._manager = manager
        self._policy = policy
        self._slots = anyio.Semaphore(concurrency, fast_acquire=True)
        self._share = share
        self._budget = RepeatBudget(policy.budget)
        self._rng = rng
        self._closing = asyncio.Event()
        self._clocks = clocks

    def close(self) -> None:
        """Send nothing more, and end what is under way: whoever queues, pauses or waits is told at once."""
        self._closing.set()
        self._transport.close()
        self._clocks.strike_all()

    async def sleep(self, pause: float) -> None:
        """Sleep for *pause* seconds, or until the session closes."""
        try:
            async with asyncio.timeout(pause):
                await self._closing.wait()
        except TimeoutError:
            pass

    async def call(self, call: Call[T], tokens: TokenSource | None = None) -> Reply[T]:
        """Send *call*, again where that is allowed, and read its answer.

        Raises:
            ApiError: the server said no; its subclass says how.
            NotSentError: it never got there.
            OutcomeUnknownError: a write was sent and its answer lost.
            DeadlineError: time ran out (for a write: before it was sent; a read may have been tried
                several times by then).
            TransportError: no usable answer to a read.
            DecodeError: an answer to a read that can't be read.
        """
        ends = self._clocks.now() + (call.deadline or self._policy.deadline)
        self._budget.give()
        attempts = renewals = 0
        while True:
            token = self._enter_at_once(tokens) or await self._enter(call, tokens, ends, attempts)
            try:
                self._check(call, tokens, ends, attempts)
                attempts += 1
                outcome = await self._transport.attempt(call, token, ends)
            finally:
                self._leave(tokens)
            if token is not None and tokens is not None and _took_the_token(outcome):
                tokens.accepted(token)
            if isinstance(outcome, Answer):
                if call.arrived is not None:
                    call.arrived()
                result = await self._result(call, outcome, token)
                if not isinstance(result, Trouble):
                    return Reply(result[0], attempts)
                outcome = result
            rejected = outcome.failure.status
            crowded = rejected == 403 and await self._is_crowded(call, outcome, attempts, ends)
            if (
                rejected in (401, 403)
                and not crowded
                and token is not None
                and tokens is not None
                and renewals < _RENEWALS
            ):
                renewals += 1
                call.gate.came_back()
                renewal = tokens.renew(token, certain=rejected == 401)
                if await self._until(ends, renewal, call, attempts, _FOR_TOKEN):
                    continue
            pause = self._pause(call, outcome.failure, attempts + 1, ends, crowded=crowded)
            if pause is None or self._closing.is_set():
                if self._was_cut_short(call, outcome.failure, ends):
                    raise self._deadline(call, attempts, _FOR_ANSWER)
                raise error_for(outcome, what=call.what, safe=call.safe, **self._where(call, attempts))
            _log.debug(
                "%s %s at %s: %s; again in %.2f s",
                call.method, inert(call.path, limit=200), self._manager, outcome.words, pause,
            )  # fmt: skip
            call.gate.came_back()
            await self.sleep(pause)

    def _enter_at_once(self, tokens: TokenSource | None) -> Secret | None:
        """What `_enter` does, where nothing has to be waited for; None where something has."""
        if tokens is None or self._share is not None or not self._slots.value:
            return None
        if (token := tokens.current()) is not None:
            self._slots.acquire_nowait()
        return token

    async def _enter(
        self, call: Call[T], tokens: TokenSource | None, ends: float, attempts: int
    ) -> Secret | None:
        """Wait for a token and a slot; returns holding the slot.

        Token calls take none of the session's: one that waited for it while all callers hold theirs would
        wait for ever. Of the shared slots they do: nobody who holds one waits for a token.
        """
        if tokens is None:
            await self._enter_share(call, ends, attempts)
            return None
        while True:
            if tokens.current() is None:
                await self._until(ends, tokens.ready(), call, attempts, _FOR_TOKEN)
            try:
                self._slots.acquire_nowait()
            except anyio.WouldBlock:
                await self._until(ends, self._slots.acquire(), call, attempts, _FOR_SLOT)
            try:
                await self._enter_share(call, ends, attempts)
            except BaseException:
                self._slots.release()
                raise
            token = tokens.current()
            if token is not None:
                return token
            # It expired or was rejected while we queued.
            self._leave(tokens)

    async def _result(self, call: Call[T], answer: Answer, token: Secret | None) -> tuple[T] | Trouble:
        if self._share is None or len(answer.body) < _LARGE:
            return await _result(call, answer, token)
        async with self._share.decoding:
            return await _result(call, answer, token)

    async def _enter_share(self, call: Call[Any], ends: float, attempts: int) -> None:
        if self._share is not None and not self._share.acquire_nowait():
            await self._until(ends, self._share.acquire(), call, attempts, _FOR_SLOT)

    def _leave(self, tokens: TokenSource | None) -> None:
        if self._share is not None:
            self._share.release()
        if tokens is not None:
            self._slots.release()

    async def _until(self, ends: float, work: Awaitable[T], call: Call[Any], attempts: int, what: str) -> T:
        """*work*, unless the call's deadline or the end of the session comes first."""
        try:
            with self._clocks.until(ends):
                return await work
        except TimeoutError as error:
            if isinstance(error, VcfTasksError):
                raise
        if self._closing.is_set():
            raise _closed()
        raise self._deadline(call, attempts, what)

    def _deadline(self, call: Call[Any], attempts: int, what: str) -> DeadlineError:
        tries = f" ({attempts} attempts)" if attempts > 1 else ""
        seconds = call.deadline or self._policy.deadline
        return DeadlineError(
            f"{call.what} at {self._manager}: {seconds:g} s passed while it waited for {what}{tries}",
            **self._where(call, attempts),
        )

    def _was_cut_short(self, call: Call[Any], failure: Failure, ends: float) -> bool:
        """Whether it was the deadline that ended a read, for whom nothing else is to be told."""
        over = self._clocks.now() >= ends - _TICK
        return call.safe and failure.fate is Fate.LOST and over and not self._closing.is_set()

    def _least(self, call: Call[Any]) -> float:
        """Seconds that must be left for *call* to go out.

        A write that leaves in the last moment could only end as an answer that is lost.
        """
        if call.safe:
            return 0.0
        seconds = call.deadline or self._policy.deadline
        return min(_LEAST, self._policy.attempt_timeout / 10, seconds / 10)

    def _check(self, call: Call[Any], tokens: TokenSource | None, ends: float, attempts: int) -> None:
        """Whether *call* may go out at all."""
        # A token call may, when the session closes: the farewell, which gives the refresh token back.
        if tokens is not None and self._closing.is_set():
            raise _closed()
        if not self._transport.is_usable:
            raise UsageError("the aiohttp session that was lent is closed: keep it open as long as this one")
        if self._clocks.now() + self._least(call) > ends:
            raise self._deadline(call, attempts, _FOR_SLOT)
        if not call.gate.may_leave():
            raise NotSentError(
                f"{call.what} at {self._manager}: not sent, the run was ended", **self._where(call, attempts)
            )

    async def _is_crowded(self, call: Call[Any], outcome: Trouble, attempts: int, ends: float) -> bool:
        """Whether a 403 says no more than "not now"."""
        if call.waits_out is None:
            return False
        # Whatever it turns out to mean, it was refused: not on its way while that is found out.
        call.gate.came_back()
        detail = None if outcome.answer is None else decode_error(outcome.answer.body)
        return await self._until(ends, call.waits_out(detail), call, attempts, _FOR_ROOM)

    def _pause(
        self, call: Call[Any], failure: Failure, attempt: int, ends: float, *, crowded: bool
    ) -> float | None:
        """Seconds until *attempt*; None when there is to be none: by the rules, the clock or the budget."""
        left = ends - self._least(call) - self._clocks.now()
        if crowded:
            # Takes nothing from the budget, which is for trouble.
            politely = polite_pause(attempt, failure.retry_after, self._policy, rng=self._rng)
            # With something to spare, so that the refusal is told and not that time ran out.
            return politely if politely + self._least(call) < left else None
        if not call.repeat or not may_repeat(failure, safe=call.safe):
            return None
        pause = delay_before(attempt, failure, self._policy, rng=self._rng)
        if pause is None or pause >= left:
            return None
        return pause if self._budget.take() else None

    def _where(self, call: Call[Any], attempts: int) -> dict[str, Any]:
        return {"manager": self._manager, "method": call.method, "path": call.path, "attempts": attempts}


async def _result(call: Call[T], answer: Answer, token: Secret | None) -> tuple[T] | Trouble:
    try:
        return (await call.read(answer.body),)
    except DecodeError as error:
        error.sample = masked_sample(error.sample, call.secrets_with(token))
        # Only its facts are of use: its frames hold the body, which may be large, or secret.
        return undecodable(answer, error.with_traceback(None))


def _took_the_token(outcome: Answer | Trouble) -> bool:
    """Whether SDDC Manager knew who asked, whatever it said then: a refusal for another reason counts."""
    if isinstance(outcome, Answer):
        return True
    return (
        outcome.answer is not None
        and outcome.failure.status in (400, 404, 409)
        and outcome.answer.body != b""
    )


def _closed() -> UsageError:
    return UsageError("the session was closed: open it again with `async with`")
