"""What waits to be sent to a collector, and how it is sent: nobody waits for it, and nothing grows while it is away."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, unique
from typing import Any, Final, Generic, TypeVar

import grpc
import structlog

T = TypeVar("T")

WAITING_MAX: Final = 4_096
BATCH_MAX: Final = 256
"""Messages of one export: so few that encoding them does not hold up the event loop."""

SEND_EVERY_S: Final = 1.0
RETRY_S: Final = 5.0
EXPORT_S: Final = 10.0
TELL_EVERY_S: Final = 60.0

_LATER: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes after which the same is sent again (OTLP 1.x, section Failures)."""

log: Final = structlog.get_logger("nvmed.otel")

Export = Callable[..., Awaitable[Any]]
"""A method of a stub: request, then `timeout` and `metadata`."""


@unique
class Outcome(Enum):
    """What came of an export."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"


class Sender:
    """Sends one signal (`traces`, `metrics`, `logs`). That it fails is logged once, and that it works again."""

    def __init__(self, signal: str, export: Export, metadata: Sequence[tuple[str, str]]) -> None:
        self.signal = signal
        self._export = export
        self._metadata = metadata
        self._failing = ""

    async def send(self, request: Any) -> Outcome:
        """Send it once, for at most `EXPORT_S`."""
        try:
            await self._export(request, timeout=EXPORT_S, metadata=self._metadata)
        except grpc.aio.AioRpcError as exc:
            code = exc.code()
            if code.name != self._failing:
                self._failing = code.name
                # Not its details: a proxy may quote the headers that it was sent.
                log.warning("otel_failing", signal=self.signal, code=code.name)
            return Outcome.LATER if code in _LATER else Outcome.REFUSED
        if self._failing:
            self._failing = ""
            log.info("otel_works", signal=self.signal)
        return Outcome.SENT


class Outbox(Generic[T]):
    """Messages of one signal that wait, at most `WAITING_MAX`; what finds no room is dropped and counted.

    `put` is for any thread and never waits. `request_of` makes the request of a batch.
    """

    def __init__(self, sender: Sender, request_of: Callable[[Sequence[T]], Any]) -> None:
        self._sender = sender
        self._request_of = request_of
        self._waiting: deque[T] = deque()
        self.dropped = 0
        self._told = 0
        self._told_at = -TELL_EVERY_S

    def put(self, message: T) -> None:
        """Send it some time."""
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
        else:
            self._waiting.append(message)

    async def serve(self) -> None:
        """Send what comes, until cancelled."""
        while True:
            await asyncio.sleep(SEND_EVERY_S)
            while self._waiting and await self._send_some() is Outcome.LATER:
                self._tell()
                await asyncio.sleep(RETRY_S)
            self._tell()

    async def flush(self) -> None:
        """Send what waits, as far as the collector takes it at once."""
        while self._waiting and await self._send_some() is not Outcome.LATER:
            pass
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._told_at = -TELL_EVERY_S
        self._tell()

    async def _send_some(self) -> Outcome:
        batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        outcome = Outcome.LATER
        try:
            outcome = await self._sender.send(self._request_of(batch))
        finally:  # also if this is cancelled
            if outcome is Outcome.LATER:
                self._waiting.extendleft(reversed(batch))
        if outcome is Outcome.REFUSED:
            self.dropped += len(batch)
        return outcome

    def _tell(self) -> None:
        """Log how many were dropped, from time to time."""
        now = time.monotonic()
        if self.dropped > self._told and now - self._told_at >= TELL_EVERY_S:
            log.warning("otel_dropped", signal=self._sender.signal, dropped=self.dropped - self._told)
            self._told, self._told_at = self.dropped, now
