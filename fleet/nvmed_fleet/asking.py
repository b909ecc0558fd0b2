"""Asking a daemon for an operation, until it is known what came of it.

Ids are made of what is asked, so whoever asks again, another worker after a crash too, asks the same question. Attempts
count up where an operation ended without having done anything: the daemon remembers the ended ones, so that a worker
that begins anew passes by them quickly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message
from nvmedctl import operations
from nvmedctl.client import Client
from nvmedctl.errors import from_status
from nvmedctl.retry import RetryPolicy

from nvmed.errors import NvmedError
from nvmed.reasons import Reason
from nvmed_fleet import plan, verdicts
from nvmed_fleet.records import Asked, now
from nvmed_fleet.verdicts import Next

ATTEMPTS = 20
"""Operations for one step. Contention with another client's ends much earlier."""

AGAIN = RetryPolicy(first_delay=0.2, max_delay=10.0)

M = TypeVar("M", bound=Message)
T = TypeVar("T")
Settle = Callable[[], Awaitable[bool | None]]
"""Asks the drive: True if it is as wanted, False if as before, None if neither."""


@dataclass(frozen=True, slots=True)
class Question:
    """A step of one drive. `round` counts how often what failed was begun again."""

    campaign: str
    host: str
    drive: str
    step: str
    round: int

    def id(self, attempt: int) -> str:
        return plan.request_id(self.campaign, self.host, self.drive, self.step, f"{self.round}.{attempt}")


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a host's daemon, and how long the host may be silent."""

    client: Client
    unreachable_after_s: float

    async def reach(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call that may be repeated, until the host answers; then what it answers, or raises.

        Raises what the way there broke with, once that has lasted `unreachable_after_s`.
        """
        began, failures = time.monotonic(), 0
        while True:
            try:
                return await call()
            except NvmedError as failure:
                failures += 1
                delay = AGAIN.delay(failures, failure)
                silent_s = time.monotonic() - began
                if verdicts.after(failure) is not Next.SAME_ID or silent_s + delay > self.unreachable_after_s:
                    raise
                await asyncio.sleep(delay)


class StepFailed(Exception):
    """A step that came to nothing: the error, and everything that was asked for it."""

    def __init__(self, cause: NvmedError, asked: tuple[Asked, ...], *, uncertain: bool = False) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.asked = asked
        self.uncertain = uncertain


async def perform(
    session: Session,
    question: Question,
    begin: Callable[[str], Awaitable[Operation]],
    response: type[M],
    settle: Settle,
) -> tuple[M | None, tuple[Asked, ...]]:
    """Have a step done once: its response, None if the drive itself had to tell that it was done; raises `StepFailed`.

    `begin` makes the call with the request id that it gets.
    """
    asked: list[Asked] = []
    for attempt in range(ATTEMPTS):
        entry = Asked(question.step, question.id(attempt), begun=now())
        ended = await _ended(session, partial(_once, session.client, begin, entry.request_id))
        entry = replace(entry, operation=ended.name, ended=now())
        if ended.failure is None:
            return ended.response(response), (*asked, entry)
        failure = ended.failure
        again, settled = await _after(session, ended, settle)
        asked.append(replace(entry, settled=settled, reason=failure.reason, message=failure.message))
        if again is None:
            return None, tuple(asked)
        if not again or attempt + 1 == ATTEMPTS:
            raise StepFailed(failure, tuple(asked), uncertain=ended.next is Next.ASK_DRIVE and not settled)
        await asyncio.sleep(AGAIN.delay(attempt + 1, failure))
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, slots=True)
class _Ended:
    """What a question came to: an operation that succeeded, one that failed, or none at all."""

    operation: Operation | None = None
    failure: NvmedError | None = None
    next: Next = Next.GIVE_UP

    @property
    def name(self) -> str:
        return self.operation.name if self.operation else ""

    def response(self, kind: type[M]) -> M:
        if self.operation is None:
            raise AssertionError("only an operation succeeds")
        return operations.unpack(self.operation, kind)


async def _ended(session: Session, once: Callable[[], Awaitable[Operation]]) -> _Ended:
    try:
        done = await session.reach(once)
    except NvmedError as failure:
        return _Ended(None, failure, verdicts.after(failure))
    if done.WhichOneof("result") != "error":
        return _Ended(done)
    found = from_status(done.error)
    return _Ended(done, found, verdicts.after(found, operations.metadata(done).next_step))


async def _once(client: Client, begin: Callable[[str], Awaitable[Operation]], request_id: str) -> Operation:
    return await operations.wait(client.operations, await begin(request_id))


async def _after(session: Session, ended: _Ended, settle: Settle) -> tuple[bool | None, bool]:
    """Whether to ask anew, None if nothing is left to do; and whether the drive told."""
    if ended.next is not Next.ASK_DRIVE:
        return ended.next is Next.NEW_ID, False
    try:
        found = await session.reach(settle)
    except NvmedError:
        return False, False  # the failure itself says more than that the drive cannot be asked either
    if found:
        return None, True
    # The daemon died over it and the drive is as before: that is known now, so it is not repeated blindly.
    died = ended.failure is not None and ended.failure.reason == Reason.OPERATION_UNCERTAIN.name
    return found is False and died, found is not None


def described(failure: NvmedError) -> dict[str, Any]:
    """What records keep of an error."""
    gates = "".join(f"; {gate.kind} {gate.subject}: {gate.description}" for gate in failure.gates)
    return {"reason": failure.reason, "message": (failure.message + gates)[:1000]}
