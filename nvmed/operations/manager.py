"""Runs mutations, each as an operation of its own task: the call that asked may go away, the operation goes on.

Everything that changes a drive or a key is an operation. A long one is handed to the caller by name (`start`), a short
one is waited for (`perform`); both are journalled step by step, both are replayed for a `request_id` seen before, and
both are reconciled with the drive after a crash.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog

from nvmed import tracing
from nvmed.devices.lane import Lane
from nvmed.errors import NvmedError
from nvmed.operations import failure
from nvmed.operations.journal import Journal
from nvmed.operations.journal_calls import JournalCalls
from nvmed.operations.journal_reader import JournalReader, Position, Query
from nvmed.operations.records import Record, State, Step, damaged, now_ms
from nvmed.operations.retention import Forgetting, Retention
from nvmed.operations.running import Progress, Result, Run, Running
from nvmed.reasons import Reason, error

T = TypeVar("T")

log: Final = structlog.get_logger("nvmed.operations")

__all__ = [
    "Interrupted",
    "Manager",
    "Mutation",
    "OperationListener",
    "Progress",
    "Reconcile",
    "Result",
    "Resumption",
    "Run",
    "Running",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is to be done: `kind` is the method, `target` the resource, `digest` the SHA-256 of the request.

    `resources` is everything that it touches: what its caller had to be allowed to change.
    """

    kind: str
    target: str
    principal: str
    request_id: str
    digest: bytes
    parameters: Mapping[str, Any] = field(default_factory=dict)
    resources: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Interrupted:
    """An operation that did not end, as the journal has it: at least one step, and the operations it consists of."""

    record: Record
    steps: Sequence[Step]
    parts: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an operation that did not end has ended.

    `result` goes with SUCCEEDED, `message` with the rest; `failure` is a saved error that is truer than a new one.
    `next_step` is the contract's NextStep where it is known better than by the operation's kind.
    """

    state: State
    message: str = ""
    result: Result | None = None
    failure: Mapping[str, Any] | None = None
    next_step: str = ""


class OperationListener(Protocol):
    """Sees every operation begin and end, in the context of whoever began it."""

    async def began(self, record: Record) -> None:
        """Raises what must keep the operation from being run."""

    async def ended(self, record: Record) -> None:
        """Raises nothing."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """An operation that did not end and goes on with `run`: what it began is still under way in the drive itself."""

    run: Run


Reconcile = Callable[[Interrupted], Awaitable[Verdict | Resumption]]

_ENDS: Final = {
    Reason.OPERATION_CANCELLED.name: State.CANCELLED,
    Reason.OPERATION_INTERRUPTED.name: State.SAFE_TO_RETRY,
}
"""How an operation ends that raised this; FAILED for any other reason."""


class Manager:
    """Owns every operation. Made, then `recover`ed, then used, then closed, on one event loop.

    `reconcilers` asks the drive about an interrupted operation of a kind.
    """

    def __init__(
        self,
        journal: Journal,
        reconcilers: Mapping[str, Reconcile],
        retention: Retention | None = None,
        listener: OperationListener | None = None,
        tracer: tracing.Tracer = tracing.OFF,
    ) -> None:
        self._journal = journal
        self._listener = listener
        self._tracer = tracer
        self._calls = JournalCalls(journal)
        self._reconcilers = reconcilers
        self._running: dict[str, Running] = {}
        self._unwritten: dict[str, Record] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._listeners: list[Callable[[Record], None]] = []
        self._reader = JournalReader(journal.path)
        self._forgetting = Forgetting(
            self._reader, retention or Retention(), lambda ids: self._call(partial(self._journal.forget, ids))
        )
        self._closing = False

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """The journal's thread, and those that read it."""
        return self._calls.lane, self._reader.lane

    def records_running(self) -> Sequence[Record]:
        """Each operation that has not ended, without asking the journal."""
        return [running.record for running in self._running.values()]

    # -- beginning and ending

    async def recover(self) -> None:
        """Reconcile what a crash interrupted with what the drives say, and begin to forget what is old."""
        interrupted = await self._call(self._journal.open_operations)
        parents = {record.parent for record in interrupted}
        for wholes in (False, True):  # parts first: what became of the whole follows from them
            group = [record for record in interrupted if (record.id in parents) is wholes]
            await asyncio.gather(*(self._settle_interrupted(record) for record in group))
        self._spawn(self._forgetting.forget())

    async def close(self) -> None:
        """Take no more, ask all to stop where that is safe, wait for them, close the journal."""
        self._closing = True
        for running in self._running.values():
            running.request_stop(Reason.OPERATION_INTERRUPTED)
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._reader.close()
        await self._calls.close()

    # -- doing

    async def start(self, mutation: Mutation, run: Run) -> Record:
        """Begin an operation; with a request_id that was used before, find the operation of then.

        Raises REQUEST_ID_REUSED if that was another request, STATE_NOT_WRITABLE, SHUTTING_DOWN.
        """
        wanted = Record(
            id=uuid.uuid4().hex,
            kind=mutation.kind,
            target=mutation.target,
            principal=mutation.principal,
            request_id=mutation.request_id,
            digest=mutation.digest,
            parameters=mutation.parameters,
            resources=mutation.resources,
            trace=tracing.current.get().context,
        )
        return await self._start(wanted, run)

    async def begin_part(self, parent: Running, target: str, parameters: Mapping[str, Any], run: Run) -> Record:
        """Begin an operation that `parent` consists of; for `Running`."""
        wanted = replace(
            parent.record, id=uuid.uuid4().hex, target=target, request_id="", parameters=parameters,
            parent=parent.record.id, state=State.PENDING, phase="", resources=(target,),
        )  # fmt: skip
        parent.parts.append(wanted.id)
        return await self._start(wanted, run)

    async def replay(self, mutation: Mutation) -> Record | None:
        """The operation that the request_id began before, None for a new one: ask before anything is looked up.

        Raises REQUEST_ID_REUSED if that was another request.
        """
        found = await self._call(partial(self._journal.find_request, mutation.principal, mutation.request_id))
        if found is not None:
            _same_request(found, mutation.kind, mutation.digest)
            return self._unwritten.get(found.id, found)
        return None

    async def perform(self, mutation: Mutation, run: Run) -> Result:
        """Do an operation and wait for what it gives; raises what it raises. Cancelling ends the waiting alone."""
        record = await self.wait((await self.start(mutation, run)).id)
        if record.state is State.SUCCEEDED:
            return record.result or {}
        raise failure.load(record.failure or {})

    # -- looking

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
        return self._truest(await self._call(partial(self._journal.operation, operation)))

    async def page(self, query: Query) -> Sequence[tuple[Position, Record]]:
        """Operations, newest first, each with where it stands."""
        if self._unwritten:
            query = replace(query, besides=(*query.besides, *self._unwritten))
        return tuple((position, self._truest(record)) for position, record in await self._reader.page(query))

    async def steps(self, operation: str) -> Sequence[Step]:
        """The steps of an operation."""
        return await self._call(partial(self._journal.steps, operation))

    async def parts(self, operation: str) -> Sequence[Record]:
        """The operations that an operation consists of."""
        found = await self._call(partial(self._journal.parts, operation))
        return tuple(self._truest(record) for record in found)

    def running(self, operation: str) -> Running | None:
        """The operation from the inside, while it runs."""
        return self._running.get(operation)

    def progress(self, operation: str) -> Progress | None:
        """How far an operation that runs now is."""
        running = self._running.get(operation)
        return running.progress if running else None

    async def cancel(self, operation: str) -> None:
        """Ask an operation to stop where that is safe. Too late is no error: it then ends as it would have."""
        running = self._running.get(operation)
        if running is None:
            await self.get(operation)
            return
        running.request_stop(Reason.OPERATION_CANCELLED)
        for part in running.parts:
            if part in self._running:
                self._running[part].request_stop(Reason.OPERATION_CANCELLED)

    def subscribe(self, listener: Callable[[Record], None]) -> Callable[[], None]:
        """Call `listener` with each operation that begins, changes phase or ends; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- for Running

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

    # -- inside

    async def _start(self, wanted: Record, run: Run) -> Record:
        if self._closing:
            raise error(Reason.SHUTTING_DOWN, "the daemon is stopping; try again when it is back")
        # Not to be cut in two by a caller that goes away: what the journal has begun must be run.
        begun: asyncio.Task[Record] = self._spawn(self._begin(wanted, run))
        return await asyncio.shield(begun)

    async def _begin(self, wanted: Record, run: Run) -> Record:
        record = await self._call(partial(self._journal.begin, wanted))
        if record.id != wanted.id:
            _same_request(record, wanted.kind, wanted.digest)
            return self._truest(record)
        running = self._running[record.id] = Running(record, self)
        if self._closing:
            running.request_stop(Reason.OPERATION_INTERRUPTED)
        self._spawn(self._run(running, run))
        await self._write_unwritten()
        if self._forgetting.is_due():
            self._spawn(self._forgetting.forget())
        return record

    async def _run(self, running: Running, run: Run) -> None:
        record = running.record
        self.changed(record)

        async def begin(running: Running) -> Result:
            if self._listener is not None:
                await self._listener.began(record)
            return await run(running)

        with tracing.within(tracing.current.get().child(*_told(record))):
            await self._run_to_end(running, begin)

    async def _run_to_end(self, running: Running, run: Run) -> None:
        record = running.record
        verdict = await self._verdict(running, run)
        if running.is_uncertain and verdict.state is not State.SUCCEEDED:
            verdict = await self._ask_drive(running, verdict)
        if not (running.is_left and verdict.state is State.SAFE_TO_RETRY):
            await self._end(record, verdict)
        del self._running[record.id]
        running.done.set()

    async def _verdict(self, running: Running, run: Run) -> Verdict:
        """How `run` ends."""
        record = running.record
        try:
            return Verdict(State.SUCCEEDED, result=await run(running))
        except NvmedError as exc:
            return Verdict(_ENDS.get(exc.reason, State.FAILED), exc.message, failure=failure.dump(exc))
        except Exception:
            log.exception("bug", operation=record.id, kind=record.kind)
            bug = error(Reason.BUG, f"a bug in nvmed ended operation {record.id}; its log has the details")
            return Verdict(State.FAILED, failure=failure.dump(bug))

    async def _ask_drive(self, running: Running, verdict: Verdict) -> Verdict:
        """What became of an operation whose last step failed in a way that leaves open whether it was done."""
        found = await self._reconcile(running.record)
        if isinstance(found, Resumption):
            return await self._verdict(running, found.run)
        if found.state is State.SAFE_TO_RETRY:
            return verdict  # nothing came of it, so the error is the whole truth
        if found.state is State.NEEDS_ATTENTION and verdict.message:
            return replace(found, message=f"{verdict.message}; {found.message}")
        return found

    async def _end(self, record: Record, verdict: Verdict) -> None:
        """Write how an operation ended; if that is not possible keep it in memory, and write it when it is."""
        saved = verdict.failure
        if verdict.state is not State.SUCCEEDED and saved is None:
            saved = failure.dump(_interrupted(record, verdict))
        if saved is not None:
            tracing.current.get().failed(str(saved.get("reason", verdict.state.value)))
        ended = replace(record, state=verdict.state, result=verdict.result, failure=saved, updated_ms=now_ms())
        try:
            ended = await self._call(partial(self._finish, ended))
        except NvmedError as exc:
            self._unwritten[record.id] = ended
            log.error("outcome_not_journalled", operation=record.id, state=ended.state.value, message=exc.message)
        self.changed(ended)
        if self._listener is not None:
            await self._listener.ended(ended)

    def _finish(self, ended: Record) -> Record:
        return self._journal.finish(ended.id, ended.state, result=ended.result, failure=ended.failure)

    async def _write_unwritten(self) -> None:
        for ended in [*self._unwritten.values()]:
            try:
                await self._call(partial(self._finish, ended))
            except NvmedError:
                return
            self._unwritten.pop(ended.id, None)

    async def _settle_interrupted(self, record: Record) -> None:
        with tracing.within(self._tracer.resumed(*_resumed(record))):
            await self._settled_or_resumed(record)

    async def _settled_or_resumed(self, record: Record) -> None:
        found = await self._reconcile(record)
        if isinstance(found, Resumption):
            log.info("resumed", operation=record.id, kind=record.kind)
            running = self._running[record.id] = Running(record, self)
            self._spawn(self._resume(running, found.run))
            return
        log.warning("reconciled", operation=record.id, kind=record.kind, state=found.state.value)
        await self._end(record, found)

    async def _resume(self, running: Running, run: Run) -> None:
        with tracing.within(self._tracer.resumed(*_resumed(running.record))):
            await self._run_to_end(running, run)

    async def _reconcile(self, record: Record) -> Verdict | Resumption:
        steps = await self.steps(record.id)
        if damage := record.damage or "; ".join(step.damage for step in steps if step.damage):
            return Verdict(State.NEEDS_ATTENTION, failure=damaged(record, damage).failure)
        if not steps:
            return Verdict(State.SAFE_TO_RETRY, "nothing had been done yet")
        where = f"interrupted in step {steps[-1].name}"
        reconcile = self._reconcilers.get(record.kind)
        if reconcile is None:
            return Verdict(State.NEEDS_ATTENTION, where)
        try:
            return await reconcile(Interrupted(record, steps, await self.parts(record.id)))
        except NvmedError as exc:
            return Verdict(State.NEEDS_ATTENTION, f"{where}; {exc.message}")
        except Exception:
            log.exception("bug", operation=record.id, kind=record.kind)
            return Verdict(State.NEEDS_ATTENTION, f"{where}; a bug in nvmed kept it from finding out more")

    def _truest(self, record: Record) -> Record:
        """`record`, or how it ended where that could not be written."""
        return self._unwritten.get(record.id, record)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _call(self, function: Callable[[], T]) -> T:
        return await self._calls.call(function)


def _same_request(found: Record, kind: str, digest: bytes) -> None:
    if (found.kind, found.digest) != (kind, digest):
        raise error(
            Reason.REQUEST_ID_REUSED,
            f"request_id {found.request_id} was used for another request; use a new one",
            request_id=found.request_id,
        )


def _told(record: Record) -> tuple[str, Mapping[str, tracing.Value]]:
    """What a trace says of an operation."""
    about = {"nvmed.operation": record.id, "nvmed.target": record.target, "nvmed.principal": record.principal}
    return f"operation {record.kind.rpartition('.')[2]}", about


def _resumed(record: Record) -> tuple[str, str, Mapping[str, tracing.Value]]:
    name, about = _told(record)
    return name, record.trace, {**about, "nvmed.resumed": True}


def _interrupted(record: Record, verdict: Verdict) -> NvmedError:
    reason = Reason.OPERATION_INTERRUPTED if verdict.state is State.SAFE_TO_RETRY else Reason.OPERATION_UNCERTAIN
    failed = error(reason, f"{record.kind} of {record.target}: {verdict.message}", operation=record.id)
    if verdict.next_step:
        failed.metadata["next_step"] = verdict.next_step
    return failed
