"""Runs mutations, each as an operation of its own task: the call that asked may go away, the operation goes on.

Everything that changes a drive or a key is an operation. A long one is handed to the caller by name (`start`), a short
one is waited for (`perform`); both are journalled step by step, both are replayed for a `request_id` seen before, and
both are reconciled with the drive after a crash.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError, Reason, error
from nvmed.operations import failure
from nvmed.operations.journal import Journal, Record, State, Step

REMEMBERED_MS: Final = 30 * 24 * 3600 * 1000
"""How long ended operations are remembered: well over the 24 h that a request_id must be (AIP-155)."""

T = TypeVar("T")

log: Final = structlog.get_logger("nvmed.operations")

Result = Mapping[str, Any]
"""What an operation gives: a JSON object with the field names of its response message."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is to be done: `kind` is the method, `target` the resource, `digest` the SHA-256 of the request."""

    kind: str
    target: str
    principal: str
    request_id: str
    digest: bytes
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What reconciliation found of an interrupted operation. `result` goes with SUCCEEDED, `message` with the rest."""

    state: State
    message: str = ""
    result: Result | None = None


Run = Callable[["Running"], Awaitable[Result]]
Reconcile = Callable[[Record, Sequence[Step]], Awaitable[Verdict]]


@dataclass(slots=True)
class Progress:
    """How far an operation is."""

    phase: str = ""
    bytes_done: int = 0
    bytes_total: int = 0
    cancellable: bool = False
    since: float = field(default_factory=time.monotonic)

    @property
    def bytes_per_second(self) -> float:
        """Mean rate of this phase."""
        return self.bytes_done / max(time.monotonic() - self.since, 1e-6)


class Running:
    """An operation from the inside: what its function uses to say what it does."""

    def __init__(self, record: Record, manager: Manager) -> None:
        self.record = record
        self.progress = Progress()
        self.done = asyncio.Event()
        self._manager = manager
        self._cancel_requested = False

    @asynccontextmanager
    async def step(self, name: str, *, cancellable: bool = False, **detail: Any) -> AsyncIterator[dict[str, Any]]:
        """One journalled step: the intent is on disk before the body runs, the outcome after.

        The body adds to the outcome through the dict it gets. What it raises is journalled as the outcome and raised.
        """
        self.checkpoint()
        number = await self._manager.intend(self.record.id, name, detail)
        self.progress = Progress(phase=name, cancellable=cancellable)
        self._manager.changed(self.record)
        outcome: dict[str, Any] = {}
        try:
            yield outcome
        except NvmedError as exc:
            await self._manager.settle(self.record.id, number, {**outcome, "failure": failure.dump(exc)})
            raise
        await self._manager.settle(self.record.id, number, {**outcome, "ok": True})
        self.progress.cancellable = True

    def advance(self, done: int, total: int) -> None:
        """Say how many bytes of this phase are done."""
        self.progress.bytes_done, self.progress.bytes_total = done, total

    def checkpoint(self) -> None:
        """A place where stopping is safe: raises OPERATION_CANCELLED if somebody asked for it."""
        if self._cancel_requested:
            raise error(Reason.OPERATION_CANCELLED, f"{self.record.kind} was cancelled", operation=self.record.id)

    def request_cancel(self) -> None:
        """Ask to stop at the next checkpoint; there may be none any more."""
        self._cancel_requested = True


class Manager:
    """Owns every operation. Made, then `recover`ed, then used, then closed, on one event loop."""

    def __init__(self, journal: Journal, reconcilers: Mapping[str, Reconcile]) -> None:
        self._journal = journal
        self._thread = Lane("journal", threads=1, waiting_max=100_000)
        self._reconcilers = reconcilers
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[Record], None]] = []
        self._closing = False

    async def recover(self) -> None:
        """Reconcile what a crash interrupted with what the drives say, and forget what is old."""
        for record in await self._call(self._journal.open_operations):
            steps = await self._call(partial(self._journal.steps, record.id))
            verdict = await self._reconcile(record, steps)
            log.warning("reconciled", operation=record.id, kind=record.kind, state=verdict.state.value)
            await self._call(
                partial(
                    self._journal.finish,
                    record.id,
                    verdict.state,
                    result=verdict.result,
                    failure=None if verdict.state is State.SUCCEEDED else failure.dump(_interrupted(record, verdict)),
                )
            )
        await self._call(partial(self._journal.forget_before, time.time_ns() // 1_000_000 - REMEMBERED_MS))

    async def start(self, mutation: Mutation, run: Run) -> Record:
        """Begin an operation; with a request_id that was used before, find the operation of then.

        Raises REQUEST_ID_REUSED if that was another request, STATE_NOT_WRITABLE, SHUTTING_DOWN.
        """
        if self._closing:
            raise error(Reason.SHUTTING_DOWN, "the daemon is stopping; try again when it is back")
        wanted = Record(
            id=uuid.uuid4().hex,
            kind=mutation.kind,
            target=mutation.target,
            principal=mutation.principal,
            request_id=mutation.request_id,
            digest=mutation.digest,
            parameters=mutation.parameters,
        )
        # Not to be cut in two by a caller that goes away: what the journal has begun must be run.
        begun: asyncio.Task[Record] = self._spawn(self._begin(wanted, run))
        return await asyncio.shield(begun)

    async def perform(self, mutation: Mutation, run: Run) -> Result:
        """Do an operation and wait for what it gives; raises what it raises. Cancelling ends the waiting alone."""
        record = await self.wait((await self.start(mutation, run)).id)
        if record.state is State.SUCCEEDED:
            return record.result or {}
        raise failure.load(record.failure or {})

    async def wait(self, operation: str, timeout_s: float | None = None) -> Record:
        """The operation once it has ended, or as it is after `timeout_s`; raises OPERATION_NOT_FOUND."""
        running = self._running.get(operation)
        if running is not None:
            try:
                async with asyncio.timeout(timeout_s):
                    await running.done.wait()
            except TimeoutError:
                pass
        return await self.get(operation)

    async def get(self, operation: str) -> Record:
        """The operation of that id; raises OPERATION_NOT_FOUND."""
        return await self._call(partial(self._journal.operation, operation))

    async def list(self, *, kind: str = "", target: str = "") -> Sequence[Record]:
        """Operations, oldest first."""
        return await self._call(partial(self._journal.operations, kind=kind, target=target))

    async def steps(self, operation: str) -> Sequence[Step]:
        """The steps of an operation."""
        return await self._call(partial(self._journal.steps, operation))

    def progress(self, operation: str) -> Progress | None:
        """How far an operation that runs now is."""
        running = self._running.get(operation)
        return running.progress if running else None

    async def cancel(self, operation: str) -> None:
        """Ask an operation to stop where that is safe. Too late is no error: it then ends as it would have."""
        running = self._running.get(operation)
        if running is None:
            await self.get(operation)
        else:
            running.request_cancel()

    def subscribe(self, listener: Callable[[Record], None]) -> Callable[[], None]:
        """Call `listener` with each operation that begins, changes phase or ends; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def close(self) -> None:
        """Take no more, ask all to stop where that is safe, wait for them, close the journal."""
        self._closing = True
        for running in self._running.values():
            running.request_cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._call(self._journal.close)
        self._thread.close()

    async def intend(self, operation: str, name: str, detail: Mapping[str, Any]) -> int:
        """Journal an intent; for `Running`."""
        return await self._call(partial(self._journal.intend, operation, name, detail))

    async def settle(self, operation: str, number: int, outcome: Mapping[str, Any]) -> None:
        """Journal an outcome; for `Running`."""
        await self._call(partial(self._journal.settle, operation, number, outcome))

    def changed(self, record: Record) -> None:
        """Tell the listeners."""
        for listener in self._listeners:
            listener(record)

    async def _begin(self, wanted: Record, run: Run) -> Record:
        record = await self._call(partial(self._journal.begin, wanted))
        if record.id != wanted.id:
            if record.digest != wanted.digest or record.kind != wanted.kind:
                raise error(
                    Reason.REQUEST_ID_REUSED,
                    f"request_id {wanted.request_id} was used for another request; use a new one",
                    request_id=wanted.request_id,
                )
            return record
        running = self._running[record.id] = Running(record, self)
        self._spawn(self._run(running, run))
        return record

    async def _run(self, running: Running, run: Run) -> None:
        record = running.record
        self.changed(record)
        ended = partial(self._journal.finish, record.id)
        try:
            result = await run(running)
            ended = partial(ended, State.SUCCEEDED, result=result)
        except NvmedError as exc:
            cancelled = exc.reason == Reason.OPERATION_CANCELLED.name
            ended = partial(ended, State.CANCELLED if cancelled else State.FAILED, failure=failure.dump(exc))
        except Exception:
            log.exception("bug", operation=record.id, kind=record.kind)
            bug = error(Reason.BUG, f"a bug in nvmed ended operation {record.id}; its log has the details")
            ended = partial(ended, State.FAILED, failure=failure.dump(bug))
        try:
            self.changed(await self._call(ended))
        except NvmedError as exc:  # the outcome is lost, which reconciliation will have to find out
            log.error("outcome_not_journalled", operation=record.id, reason=exc.reason, message=exc.message)
        finally:
            del self._running[record.id]
            running.done.set()

    async def _reconcile(self, record: Record, steps: Sequence[Step]) -> Verdict:
        if not steps:
            return Verdict(State.SAFE_TO_RETRY, "nothing had been done yet")
        reconcile = self._reconcilers.get(record.kind)
        if reconcile is None:
            return Verdict(State.NEEDS_ATTENTION, f"interrupted in step {steps[-1].name}")
        try:
            return await reconcile(record, steps)
        except NvmedError as exc:
            return Verdict(State.NEEDS_ATTENTION, f"interrupted in step {steps[-1].name}; {exc.message}")

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _call(self, function: Callable[[], T]) -> T:
        return await self._thread.run(function)


def _interrupted(record: Record, verdict: Verdict) -> NvmedError:
    reason = Reason.OPERATION_INTERRUPTED if verdict.state is State.SAFE_TO_RETRY else Reason.OPERATION_UNCERTAIN
    return error(reason, f"{record.kind} of {record.target}: {verdict.message}", operation=record.id)
