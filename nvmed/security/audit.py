"""Who did what to which drive from where, and what came of it: written down before it is done.

Records go through one thread, those that wait together with one sync, so the event loop never waits for a disk. `write`
returns once they are on disk, or raises AUDIT_UNAVAILABLE, and then nothing may be changed. How something ended is
`note`d: it cannot be undone any more, so what cannot be written now is kept and written as soon as that is possible.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, unique
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

import structlog

from nvmed import config, limits
from nvmed.audit_chain import REMOVED as REMOVED_EVENT
from nvmed.audit_chain import stamp
from nvmed.cut import cut
from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.security.audit_file import RECOVERED as RECOVERED_EVENT
from nvmed.security.audit_file import AuditFile, Damaged

WAIT_S: Final = 10.0
"""A disk that does not take a record for so long counts as one that takes none."""

BATCH_MAX: Final = 256
KEPT_MAX: Final = 10_000
"""Records that are kept for later at most; how many more there were is recorded."""

MESSAGE_BYTES_MAX: Final = 1024
PARAMETERS_CHARACTERS_MAX: Final = 4096
RESOURCES_MAX: Final = 64

log: Final = structlog.get_logger("nvmed.audit")


@unique
class Kind(Enum):
    """What a record tells of."""

    ATTEMPT = "attempt"
    """A call that changes something, or shows a secret, is about to run."""
    OUTCOME = "outcome"
    """It has ended."""
    DENIAL = "denial"
    """A call was refused: unknown caller, or none that may do this."""
    OPERATION_BEGAN = "operation_began"
    OPERATION_ENDED = "operation_ended"
    STARTED = "started"
    """The daemon started."""
    STOPPED = "stopped"
    RELOADED = "reloaded"
    """The configuration was reloaded."""
    RELOAD_REFUSED = "reload_refused"
    REMOVED = REMOVED_EVENT
    RECOVERED = RECOVERED_EVENT
    LOST = "lost"
    """Records that had to be kept for later were too many; the message says how many are missing."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. Nothing in it is ever a secret: names, methods, reasons, parameters as the journal has them."""

    kind: Kind
    method: str = ""
    principal: str = ""
    peer: str = ""
    request_id: str = ""
    resources: Sequence[str] = ()
    operation: str = ""
    code: str = ""
    reason: str = ""
    message: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    when: datetime = field(default_factory=lambda: datetime.now(UTC))

    def fields(self) -> dict[str, Any]:
        """What a line says, without what is empty."""
        parameters: Any = dict(self.parameters)
        if len(repr(parameters)) > PARAMETERS_CHARACTERS_MAX:
            parameters = {"omitted": f"more than {PARAMETERS_CHARACTERS_MAX} characters"}
        more = len(self.resources) - RESOURCES_MAX
        shown = (cut(resource, limits.NAME_BYTES_MAX) for resource in self.resources[:RESOURCES_MAX])
        resources = [*shown, *([f"and {more} more"] if more > 0 else [])]
        plain = {
            "time": stamp(self.when),
            "event": self.kind.value,
            "method": cut(self.method, limits.NAME_BYTES_MAX),
            "principal": cut(self.principal, limits.IDENTITY_BYTES_MAX),
            "peer": cut(self.peer, limits.NAME_BYTES_MAX),
            "request_id": self.request_id,
            "resources": resources,
            "operation": self.operation,
            "code": self.code,
            "reason": self.reason,
            "message": cut(self.message, MESSAGE_BYTES_MAX),
            "parameters": parameters,
        }
        return {key: value for key, value in plain.items() if value}


@dataclass(slots=True)
class _Job:
    """A record on its way; without `done` it is kept if it cannot be written."""

    fields: dict[str, Any] | None
    keep: bool
    done: asyncio.Future[None] | None = None


@dataclass(frozen=True, slots=True)
class AuditStatus:
    """How an audit is: records `written` in this run, `waiting` to be written, and `lost` since the last were written.

    `failing` is why the last record could not be written, "" if it could.
    """

    written: int
    waiting: int
    lost: int
    failing: str


class Audit:
    """The audit of a daemon; belongs to one event loop, on which every method is called."""

    def __init__(self, configured: config.Config) -> None:
        directory, audit = configured.audit_directory, configured.audit
        self.directory: Final[Path] = directory
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._writer = _Writer(AuditFile(directory, audit.file_bytes_max, audit.files_max), journald=audit.journald)
        self._thread: threading.Thread | None = None

    async def write(self, event: Event) -> None:
        """Record `event` before what it tells of is done; raises AUDIT_UNAVAILABLE, and then it must not be done."""
        if self._is_stuck():
            raise _unavailable(self.directory, f"it has taken no record for {WAIT_S:.0f} s")
        try:
            async with asyncio.timeout(WAIT_S):
                await self._give(event.fields(), keep=False)
        except TimeoutError:
            raise _unavailable(self.directory, f"it has taken no record for {WAIT_S:.0f} s") from None

    def note(self, event: Event) -> None:
        """Record what has happened, now or as soon as that is possible."""
        self._put(_Job(event.fields(), keep=True))

    async def settle(self, event: Event) -> None:
        """As `note`, and wait until it is on disk, if that is possible now."""
        written = self._give(event.fields(), keep=True)
        if self._is_stuck():
            return
        try:
            async with asyncio.timeout(WAIT_S):
                await written
        except (TimeoutError, NvmedError):
            pass  # it is kept, and the log tells of the trouble

    def status(self) -> AuditStatus:
        """How it is now."""
        return replace(self._writer.status(), waiting=self._waiting + self._writer.status().waiting)

    async def flush(self) -> None:
        """Wait for everything that was given before."""
        await self._give(None, keep=False)

    async def close(self) -> None:
        """Write what is left, and end the thread."""
        if self._thread is not None:
            self._jobs.put(None)
            await self._loop.run_in_executor(None, self._thread.join, WAIT_S)

    def _give(self, fields: dict[str, Any] | None, *, keep: bool) -> asyncio.Future[None]:
        done = self._loop.create_future()
        done.add_done_callback(_look_at)
        self._put(_Job(fields, keep, done))
        return done

    def _put(self, job: _Job) -> None:
        if self._waiting >= KEPT_MAX and job.fields is not None:  # nothing moves: do not fill the memory
            self._writer.lose()
            if job.done is not None:
                job.done.set_exception(_unavailable(self.directory, f"{KEPT_MAX} records wait for it"))
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="audit", daemon=True)
            self._thread.start()
        self._waiting += 1
        self._jobs.put(job)

    def _is_stuck(self) -> bool:
        since = self._writer.busy_since
        return since is not None and time.monotonic() - since > WAIT_S

    def _serve(self) -> None:
        """The thread: takes what waits, writes it at once, tells who waits for it."""
        while True:
            jobs, is_last = _taken(self._jobs)
            failure = self._writer.write(jobs)
            with suppress(RuntimeError):  # the loop has been closed: nobody is left to tell
                self._loop.call_soon_threadsafe(self._written, jobs, failure)
            if is_last:
                self._writer.close()
                return

    def _written(self, jobs: Sequence[_Job], failure: str) -> None:
        self._waiting -= len(jobs)
        for job in jobs:
            if job.done is None or job.done.done():
                continue
            if failure and job.fields is not None:
                job.done.set_exception(_unavailable(self.directory, failure))
            else:
                job.done.set_result(None)


@asynccontextmanager
async def auditing(audit: Audit) -> AsyncIterator[None]:
    """Record that the daemon starts, and that it stopped; ends the audit."""
    await audit.settle(Event(Kind.STARTED))
    try:
        yield
    finally:
        await audit.settle(Event(Kind.STOPPED))
        await audit.close()


class _Writer:
    """What the thread does; `busy_since` and `lose` are the loop's as well."""

    def __init__(self, file: AuditFile, *, journald: bool) -> None:
        self._lost = 0
        self._written = 0
        self._lost_lock = threading.Lock()
        self.busy_since: float | None = None
        self._file = file
        self._kept: deque[dict[str, Any]] = deque()
        self._said = ""
        # A record goes to journald whatever the configured level of the log is.
        self._journal: Any = (
            structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))
            if journald
            else None
        )

    def write(self, jobs: Sequence[_Job]) -> str:
        """Write the records of `jobs` and those that were kept; returns why that was not possible, or ""."""
        self.busy_since = time.monotonic()
        try:
            return self._write(jobs)
        finally:
            self.busy_since = None

    def lose(self, change: int = 1) -> None:
        """Count a record that could not even be kept."""
        with self._lost_lock:
            self._lost += change

    def status(self) -> AuditStatus:
        """How it is, as far as the thread has come."""
        return AuditStatus(self._written, len(self._kept), self._lost, self._said)

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()

    def _write(self, jobs: Sequence[_Job]) -> str:
        new = [job.fields for job in jobs if job.fields is not None]
        lost = self._lost
        kept = [*self._kept, *([_lost(lost)] if lost else [])]
        if not new and not kept:
            return ""
        try:
            positions = self._file.append([*kept, *new])
        except Exception as exc:  # whatever it is, the thread must go on and the callers must know
            failure = _why(exc)
            self._keep([job.fields for job in jobs if job.keep and job.fields is not None])
            if failure != self._said:
                _say(lambda: log.error("audit_unavailable", message=failure))
            self._said = failure
            return failure
        self._written += len(positions)
        self._kept.clear()
        self.lose(-lost)
        if self._said:
            _say(lambda: log.warning("audit_available", kept=len(kept)))
            self._said = ""
        if self._journal is not None:
            for fields, at in zip((*kept, *new), positions, strict=True):
                _say(partial(self._journal.info, "audit", about=fields, sequence=at.sequence, hash=at.digest))
        return ""

    def _keep(self, records: Sequence[dict[str, Any]]) -> None:
        for fields in records:
            if len(self._kept) < KEPT_MAX:
                self._kept.append(fields)
            else:
                self.lose()


def _taken(jobs: SimpleQueue[_Job | None]) -> tuple[list[_Job], bool]:
    """What waits, at least one, and whether nothing follows."""
    taken: list[_Job] = []
    job = jobs.get()
    while job is not None:
        taken.append(job)
        if len(taken) == BATCH_MAX:
            return taken, False
        try:
            job = jobs.get_nowait()
        except Empty:
            return taken, False
    return taken, True


def _say(line: Callable[[], object]) -> None:
    """A log that cannot be written must not end the audit, whatever is wrong with it."""
    with suppress(Exception):
        line()


def _lost(count: int) -> dict[str, Any]:
    return Event(Kind.LOST, message=f"{count} records could not be kept").fields()


def _why(exc: Exception) -> str:
    if isinstance(exc, BlockingIOError):
        return "another daemon writes it"
    if isinstance(exc, OSError):
        return exc.strerror or str(exc)
    if isinstance(exc, Damaged):
        return str(exc)
    _say(lambda: log.error("bug", exc_info=exc))
    return "a bug in nvmed; its log has the details"


def _unavailable(directory: Path, why: str) -> NvmedError:
    return error(Reason.AUDIT_UNAVAILABLE, f"the audit in {directory} cannot be written: {why}", path=directory)


def _look_at(done: asyncio.Future[None]) -> None:
    """Nobody may wait any more; then its error is nobody's."""
    if not done.cancelled():
        done.exception()
