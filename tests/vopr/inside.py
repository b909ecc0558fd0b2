"""What stands in nvmed's place where it would make threads or ask this machine, and where a simulation listens.

Nothing of what nvmed decides is here: a lane is a lane, only its threads are steps of the loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import structlog

import nvmed.daemon
import nvmed.devices.lane
import nvmed.events.sources
import nvmed.linux.key_thread
import nvmed.rpc.governed
import nvmed.security.audit
import nvmed.security.audit_file
import nvmed.support.collecting
import nvmed.trim
from nvmed import config
from nvmed.devices.names import Named as GivenName
from nvmed.devices.names import Names
from nvmed.disk.files import Disk
from nvmed.events.events import Events
from nvmed.events.kinds import Event
from nvmed.nvme.host import ControllerNode
from nvmed.operations.journal import ANSWERS_MAX, Journal
from nvmed.operations.records import Record, State
from nvmed.security.audit import Audit
from tests.vopr.clock import CLOCK, VirtualDatetime
from tests.vopr.drives import Scene
from tests.vopr.history import Audited, Began, Bug, Ended, Entry, Intended, Named, Published, Settled
from tests.vopr.loop import SimulatedLoop, SteppedWorker

RULES_LOOK_S: Final = 600.0
"""How often it is looked whether files of rules can be read: each second would be most of what there is."""


class Place:
    """Where in this process a simulation goes on."""

    scene: Scene


AT: Final = Place()

opened: list[RecordedJournal] = []
"""Journals that were not closed."""


def install() -> None:
    """Put it all in its place; once in a process."""
    for module, name, stand_in in (
        (nvmed.devices.lane, "_Worker", SteppedWorker),
        (nvmed.linux.key_thread, "ThreadPoolExecutor", SteppedExecutor),
        (nvmed.daemon, "Journal", RecordedJournal),
        (nvmed.daemon, "Names", RecordedNames),
        (nvmed.daemon, "Audit", SteppedAudit),
        (nvmed.daemon, "make_fabrics", lambda configured: AT.scene.host.kernel),
        (nvmed.daemon, "make_key_service", lambda configured: AT.scene.host.kernel.keyring),
        (nvmed.events.sources, "Events", RecordedEvents),
        (nvmed.trim, "returned", _nothing_returned),
        (nvmed.rpc.governed, "LOOK_S", RULES_LOOK_S),
        (nvmed.security.audit, "datetime", VirtualDatetime),
        (nvmed.security.audit_file, "datetime", VirtualDatetime),
        (nvmed.support.collecting, "datetime", VirtualDatetime),
    ):
        assert hasattr(module, name), name
        setattr(module, name, stand_in)
    Disk.write = _dated(Disk.write)  # type: ignore[method-assign]
    os.ftruncate = _truncated(os.ftruncate)
    structlog.configure(processors=[_heard], wrapper_class=structlog.make_filtering_bound_logger(20))


def _heard(logger: Any, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    if event["event"] == "bug":
        AT.scene.note(Bug(text=f"{event.get('kind') or event.get('work') or ''}: {traceback.format_exc(limit=-4)}"))
    raise structlog.DropEvent


@asynccontextmanager
async def _nothing_returned() -> AsyncIterator[None]:
    yield


def _dated(write: Callable[[Disk, int, bytes | memoryview, int], None]) -> Any:
    def written(self: Disk, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        write(self, descriptor, data, offset)
        os.utime(descriptor, ns=(CLOCK.time_ns(),) * 2)

    return written


def _truncated(truncate: Callable[[int, int], None]) -> Callable[[int, int], None]:
    def truncated(descriptor: int, size: int) -> None:
        truncate(descriptor, size)
        os.utime(descriptor, ns=(CLOCK.time_ns(),) * 2)

    return truncated


def _loop() -> SimulatedLoop:
    return cast("SimulatedLoop", asyncio.get_running_loop())


class SteppedExecutor:
    """A thread pool of one thread, as steps of the loop, one after the other."""

    def __init__(self, *, initializer: Callable[[], None], **_: Any) -> None:
        self._begin = initializer
        self._waiting: deque[tuple[concurrent.futures.Future[Any], Callable[[], Any]]] = deque()
        self._is_busy = False

    def submit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """As of an Executor."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._waiting.append((future, lambda: function(*args, **kwargs)))
        self._go_on()
        return future

    def shutdown(self) -> None:
        """As of an Executor; what waits is done without it."""

    def _go_on(self) -> None:
        while not self._is_busy and self._waiting:
            future, function = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                self._is_busy = True
                _loop().in_thread(lambda function=function: self._run(function), self._done(future))  # type: ignore[misc]

    def _run(self, function: Callable[[], Any]) -> Any:
        self._begin()
        return function()

    def _done(self, future: concurrent.futures.Future[Any]) -> Callable[[Any, BaseException | None], None]:
        def done(result: Any, failure: BaseException | None) -> None:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
            self._is_busy = False
            self._go_on()

        return done


class SteppedAudit(Audit):
    """The audit without its thread: what waits is written together, at a step of the loop."""

    def __init__(self, configured: config.Config) -> None:
        super().__init__(configured)
        self._batch: list[Any] = []
        self._is_writing = False

    def _put(self, job: Any) -> None:
        self._waiting += 1
        self._batch.append(job)
        self._go_on()

    def _go_on(self) -> None:
        if self._batch and not self._is_writing:
            jobs, self._batch, self._is_writing = self._batch, [], True
            loop = cast("SimulatedLoop", self._loop)
            loop.in_thread(lambda: self._write(jobs), lambda failure, exc: self._is_written(jobs, failure, exc))

    def _write(self, jobs: Sequence[Any]) -> str:
        failure = self._writer.write(jobs)
        for job in jobs:
            if not failure and job.fields is not None and job.fields.get("operation"):
                AT.scene.note(Audited(kind=job.fields["event"], operation=job.fields["operation"].partition("/")[2]))
        AT.scene.reached("audited", is_act=True)
        return failure

    def _is_written(self, jobs: Sequence[Any], failure: str, exc: BaseException | None) -> None:
        self._is_writing = False
        if exc is not None:
            raise exc
        self._written(jobs, failure)
        self._go_on()

    async def close(self) -> None:
        """As of an Audit."""
        await self.flush()
        self._writer.close()


class RecordedJournal(Journal):
    """A journal whose rows are entries of the history once they are on disk."""

    def __init__(self, path: Path, history: Collection[str] = (), answers_max: int = ANSWERS_MAX) -> None:
        super().__init__(path, history, answers_max)
        self._rows_written: list[Entry] = []
        opened.append(self)

    def close(self) -> None:
        """As of a Journal."""
        super().close()
        if self in opened:
            opened.remove(self)

    def together(self, functions: Sequence[Callable[[], Any]]) -> Sequence[tuple[Any, Exception | None]]:
        """As of a Journal."""
        AT.scene.reached("before rows", is_act=True)
        self._rows_written.clear()
        outcomes = super().together(functions)
        for entry in self._rows_written:
            AT.scene.note(entry)
        is_act = bool(self._rows_written)
        AT.scene.reached("after rows", is_act=is_act)
        return outcomes

    def begin(self, record: Record) -> Record:
        """As of a Journal."""
        found = super().begin(record)
        if found.id == record.id:
            self._rows_written.append(
                Began(
                    operation=found.id, kind=found.kind, target=found.target, principal=found.principal,
                    request_id=found.request_id, parent=found.parent,
                )
            )  # fmt: skip
        return found

    def intend(self, operation: str, name: str, detail: Any) -> int:
        """As of a Journal."""
        number = super().intend(operation, name, detail)
        self._rows_written.append(Intended(operation=operation, step=number, name=name))
        return number

    def settle(self, operation: str, number: int, outcome: Any) -> None:
        """As of a Journal."""
        super().settle(operation, number, outcome)
        self._rows_written.append(Settled(operation=operation, step=number, ok=bool(outcome.get("ok"))))

    def finish(self, operation: str, state: State, *, result: Any = None, failure: Any = None) -> Record:
        """As of a Journal."""
        found = super().finish(operation, state, result=result, failure=failure)
        reason = str((failure or {}).get("reason", ""))
        self._rows_written.append(
            Ended(operation=operation, state=state.value, result=dict(result or {}), reason=reason)
        )
        return found


class RecordedNames(Names):
    """Names that are entries of the history when they are given."""

    def assign(self, nodes: Sequence[ControllerNode]) -> tuple[GivenName, ...]:
        """As of Names."""
        given = super().assign(nodes)
        for one in given:
            if who := AT.scene.host.who(one.node):
                AT.scene.note(Named(name=f"controllers/{one.name}", drive=who))
        return given


class RecordedEvents(Events):
    """Events that are entries of the history when they are told."""

    def publish(self, event: Event) -> Event:
        """As of Events."""
        told = super().publish(event)
        state = getattr(told.detail, "state", None)
        AT.scene.note(
            Published(
                run=self.run, number=told.sequence, kind=told.kind.value, operation=told.operation.partition("/")[2],
                state=state.value if isinstance(state, State) else "",
            )
        )  # fmt: skip
        return told
