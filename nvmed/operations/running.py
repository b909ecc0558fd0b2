"""What the function of an operation uses to record its steps, report progress and learn that it is cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from nvmed import tracing
from nvmed.errors import NvmedError
from nvmed.operations import failure
from nvmed.operations.records import Record
from nvmed.reasons import Reason, error

T = TypeVar("T")

Result = Mapping[str, Any]
"""What an operation gives: its response message in protobuf's JSON (bytes as base64), by the fields' own names."""

Run = Callable[["Running"], Awaitable[Result]]


class Keeper(Protocol):
    """What `Running` needs of the manager."""

    async def intend(self, operation: str, name: str, detail: Mapping[str, Any]) -> int: ...

    async def settle(self, operation: str, number: int, outcome: Mapping[str, Any]) -> None: ...

    async def begin_part(self, parent: Running, target: str, parameters: Mapping[str, Any], run: Run) -> Record: ...

    def changed(self, record: Record) -> None: ...


@dataclass(slots=True)
class Progress:
    """How far an operation is."""

    phase: str = ""
    bytes_done: int = 0
    bytes_total: int = 0
    percent: float | None = None
    remaining_s: float | None = None
    cancellable: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def bytes_per_second(self) -> float:
        """Mean rate of this phase."""
        return self.bytes_done / max(time.monotonic() - self.since, 1e-6)


class Running:
    """One operation while its function runs."""

    def __init__(self, record: Record, keeper: Keeper) -> None:
        self.record = record
        self.progress = Progress(cancellable=True)
        self.done = asyncio.Event()
        self.parts: list[str] = []
        self.is_uncertain = False
        self.is_left = False
        self._keeper = keeper
        self._stop: Reason | None = None
        self._interrupt: Callable[[], object] | None = None
        self._is_final = False

    @asynccontextmanager
    async def step(self, name: str, *, cancellable: bool = False, **detail: Any) -> AsyncIterator[dict[str, Any]]:
        """One journalled step: the intent is on disk before the body runs, the outcome after.

        The body adds to the outcome through the dict it gets. What it raises is journalled as the outcome and raised.
        An outcome that cannot be journalled makes the operation uncertain: then the drive is asked what came of it.
        """
        self.checkpoint()
        number = await self._keeper.intend(self.record.id, name, detail)
        self.progress = Progress(phase=name, cancellable=cancellable and not self._is_final)
        self._keeper.changed(self.record)
        outcome: dict[str, Any] = {}
        try:
            with tracing.within(tracing.current.get().child(f"step {name}", {"nvmed.step": number})):
                yield outcome
        except Exception as exc:
            known = exc if isinstance(exc, NvmedError) else error(Reason.BUG, f"{type(exc).__name__} in step {name}")
            await self._settle(number, {**outcome, "failure": failure.dump(known)})
            raise
        await self._settle(number, {**outcome, "ok": True})
        self.progress.cancellable = not self._is_final

    async def part(self, target: str, parameters: Mapping[str, Any], run: Run) -> Record:
        """Begin an operation that this one consists of; it is cancelled with this one. Wait for it with the manager."""
        return await self._keeper.begin_part(self, target, parameters, run)

    def advance(self, done: int, total: int) -> None:
        """Say how many bytes of this phase are done."""
        self.progress.bytes_done, self.progress.bytes_total = done, total

    def estimate(self, percent: float, remaining_s: float | None) -> None:
        """Say how much of this phase is done where it is not bytes, and how long the rest takes, None if unknown."""
        self.progress.percent, self.progress.remaining_s = percent, remaining_s

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to cancel it, too late or not."""
        return self._stop is Reason.OPERATION_CANCELLED

    @property
    def should_stop(self) -> bool:
        """Whether `checkpoint` would raise; any thread may ask."""
        return self._stop is not None and not self._is_final

    def checkpoint(self) -> None:
        """A place where stopping is safe: raises OPERATION_CANCELLED or OPERATION_INTERRUPTED if it should."""
        if not self.should_stop:
            return
        if self.cancel_requested:
            raise error(Reason.OPERATION_CANCELLED, f"{self.record.kind} was cancelled", operation=self.record.id)
        raise error(
            Reason.OPERATION_INTERRUPTED,
            f"{self.record.kind} was stopped between two steps, as the daemon is stopping; make the request again",
            operation=self.record.id,
        )

    async def until_stopped(self, work: Awaitable[T]) -> T:
        """What `work` gives; if the operation should stop meanwhile, `work` is cancelled and `checkpoint` raises.

        For waiting on somebody who may never answer, where no drive is touched.
        """
        task = asyncio.ensure_future(work)
        self._interrupt = task.cancel
        if self.should_stop:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            self.checkpoint()
            raise
        finally:
            self._interrupt = None

    def no_return(self) -> None:
        """From here on nothing stops it: half of it done would be worse than all of it."""
        self.checkpoint()
        self._is_final = True
        self.progress.cancellable = False

    def finish_anyway(self) -> None:
        """From here on nothing stops it, not even what was asked before: it puts back what it did."""
        self._is_final = True
        self.progress.cancellable = False

    def may_stop(self) -> None:
        """From here on it may be stopped again: what could not be left half done is whole."""
        self._is_final = False

    def leave_to_drive(self) -> None:
        """Say that the drive goes on by itself: a daemon that stops leaves the operation open, and the next one's
        reconciler resumes it.
        """
        self.is_left = True

    def uncertain(self) -> None:
        """Say that it is not known what came of the last step, so that the drive is asked before the operation ends."""
        self.is_uncertain = True

    def request_stop(self, why: Reason) -> None:
        """Ask to stop at the next checkpoint, for OPERATION_CANCELLED or OPERATION_INTERRUPTED; there may be none."""
        self._stop = self._stop or why
        if self._interrupt is not None and self.should_stop:
            self._interrupt()
            self._interrupt = None

    async def _settle(self, number: int, outcome: Mapping[str, Any]) -> None:
        try:
            await self._keeper.settle(self.record.id, number, outcome)
        except NvmedError:
            self.is_uncertain = True
            raise
