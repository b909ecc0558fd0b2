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
        try:
            once = partial(_once, session.client, begin, entry.request_id, response)
            name, answer = await session.reach(once)
            asked.append(replace(entry, operation=name, ended=now()))
            return answer, tuple(asked)
        except NvmedError as failure:
            asked.append(replace(entry, ended=now(), reason=failure.reason, message=failure.message))
            again = await _after(session, failure, settle, asked)
            if again is None:
                return None, tuple(asked)
            if not again or attempt + 1 == ATTEMPTS:
                raise StepFailed(
                    failure, tuple(asked), uncertain=verdicts.after(failure) is Next.ASK_DRIVE
                ) from failure
            await asyncio.sleep(AGAIN.delay(attempt + 1, failure))
    raise AssertionError("the last attempt returns or raises")


async def _once(
    client: Client, begin: Callable[[str], Awaitable[Operation]], request_id: str, response: type[M]
) -> tuple[str, M]:
    begun = await begin(request_id)
    done = await operations.wait(client.operations, begun)
    return done.name, operations.unpack(done, response)


async def _after(session: Session, failure: NvmedError, settle: Settle, asked: list[Asked]) -> bool | None:
    """Whether to ask anew; None if nothing is left to do."""
    match verdicts.after(failure):
        case Next.NEW_ID:
            return True
        case Next.ASK_DRIVE:
            try:
                found: bool | None = await session.reach(settle)
            except NvmedError:
                return False  # the failure itself says more than that the drive cannot be asked either
            asked[-1] = replace(asked[-1], settled=found is not None)
            if found:
                return None
            # The daemon died over it and the drive is as before: that is known now, so it is not repeated blindly.
            return found is False and failure.reason == Reason.OPERATION_UNCERTAIN.name
        case _:
            return False


def described(failure: NvmedError) -> dict[str, Any]:
    """What records keep of an error."""
    gates = "".join(f"; {gate.kind} {gate.subject}: {gate.description}" for gate in failure.gates)
    return {"reason": failure.reason, "message": (failure.message + gates)[:1000]}
