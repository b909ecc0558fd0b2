"""What `nvmedctl top` knows of hosts, and how it asks: lists and events of the daemon, and one SMART log of each drive.

A drive whose lane is stalled is not asked: it would only fail. Why a drive refuses stands in its row, the others go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import nvmedctl
from nvmed.errors import NvmedError
from nvmedctl.cli import pb, render
from nvmedctl.cli.session import Session
from nvmedctl.cli.settings import CALL_TIMEOUT_S
from nvmedctl.cli.text import label
from nvmedctl.client import Client
from nvmedctl.retry import DEFAULT_RETRY

AT_A_TIME: Final = 8
"""Drives of one host that are asked at the same time."""

PAUSE_S: Final = 0.5
"""Between two looks at what the daemon knows, which cost its drives nothing."""

RUNNING: Final = 'state = "STATE_PENDING" OR state = "STATE_RUNNING"'
OPERATIONS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Drive:
    """A row. What is not known is None; `doing` is the operation on it, `said` what it refused with."""

    host: str
    name: str
    node: str
    model: str
    state: str
    is_stalled: bool
    temperature_celsius: int | None = None
    used_percent: int | None = None
    spare_percent: int | None = None
    media_errors: int | None = None
    warnings: tuple[str, ...] = ()
    doing: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """What is being done: `done` and `total` are bytes, 0 where it has none."""

    host: str
    name: str
    method: str
    target: str
    phase: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A stream of bytes into a host's spool."""

    host: str
    name: str
    principal: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A host at one moment; `failure` is why there is nothing newer."""

    host: str
    drives: tuple[Drive, ...] = ()
    operations: tuple[Operation, ...] = ()
    uploads: tuple[Upload, ...] = ()
    failure: str = ""


@asynccontextmanager
async def watched(session: Session, addresses: Sequence[str]) -> AsyncIterator[list[tuple[str, Client]]]:
    """The clients to ask: the session's own where no address is given."""
    if not addresses:
        yield [(str(session.client.address), session.client)]
        return
    async with AsyncExitStack() as stack:
        timeout = session.settings.timeout or CALL_TIMEOUT_S
        yield [
            (address, await stack.enter_async_context(Client(address, tls=session.settings.tls(), timeout=timeout)))
            for address in dict.fromkeys(addresses)
        ]


@dataclass(slots=True)
class Poller:
    """One host: what was seen of it last, and what its drives said."""

    address: str
    client: Client
    seen: Seen = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _said: dict[str, Any] = field(default_factory=dict)
    """The SMART log of each drive, or the error that there was instead."""
    _asked: set[str] = field(default_factory=set)
    """Drives that have not answered yet."""
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TIME))

    def __post_init__(self) -> None:
        self.seen = Seen(self.address)

    async def poll(self, told: Callable[[], None], interval_s: float) -> None:
        """Ask for ever: the drives each `interval_s`, the daemon when something happens. Calls `told` for each news."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as drives:
            while True:
                self._changed.clear()
                try:
                    controllers = [each async for each in self.client.list_controllers()]
                    if loop.time() >= due:
                        due = loop.time() + interval_s
                        for each in controllers:
                            if each.name not in self._asked and not _is_stalled(each):
                                drives.create_task(self._ask(each.name))
                    await self._look(controllers)
                except NvmedError as failure:
                    self.seen = Seen(self.address, self.seen.drives, failure=failure.message)
                told()
                await asyncio.sleep(PAUSE_S)  # however much happens
                busy = self.seen.operations or self.seen.uploads
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0, min(due - loop.time(), PAUSE_S if busy else interval_s))):
                        await self._changed.wait()

    async def listen(self) -> None:
        """Note for ever that something happens on the host; a stream that breaks is made again."""
        while True:
            try:
                async for message in self.client.watch_events(pb.event.WatchEventsRequest()):
                    if not message.HasField("heartbeat"):
                        self._changed.set()
            except NvmedError:
                await asyncio.sleep(DEFAULT_RETRY.max_delay)

    async def _ask(self, name: str) -> None:
        """Read one drive's SMART log: one that hangs holds nobody up."""
        self._asked.add(name)
        try:
            async with self._turns:
                self._said[name] = await self.client.logs.GetSmartLog(pb.log.GetSmartLogRequest(controller=name))
        except NvmedError as failure:
            self._said[name] = failure
        finally:
            self._asked.discard(name)
            self._changed.set()

    async def _look(self, controllers: Sequence[Any]) -> None:
        operations, uploads = await self._operations(), await self._uploads()
        drives = tuple(self._drive(each, self._said.get(each.name), operations) for each in controllers)
        self.seen = Seen(self.address, drives, operations, uploads)

    async def _operations(self) -> tuple[Operation, ...]:
        request = pb.longrunning.ListOperationsRequest(filter=RUNNING, page_size=OPERATIONS_MAX)
        answer = await self.client.operations.ListOperations(request)
        found = []
        for operation in answer.operations:
            about = nvmedctl.operations.metadata(operation)
            for each in about.parts or (about,):
                name = getattr(each, "operation", "") or operation.name
                method = about.method.rpartition("/")[2]
                found.append(
                    Operation(self.address, name, method, each.target, each.phase, each.bytes_done, each.bytes_total)
                )
        return tuple(found)

    async def _uploads(self) -> tuple[Upload, ...]:
        request = pb.firmware.ListUploadsRequest(filter="receiving = true", page_size=OPERATIONS_MAX)
        answer = await self.client.firmware.ListUploads(request)
        return tuple(
            Upload(self.address, each.name, each.principal, each.received_bytes, each.size_bytes)
            for each in answer.uploads
        )

    def _drive(self, controller: Any, smart: Any, operations: Sequence[Operation]) -> Drive:
        row = Drive(
            host=self.address,
            name=controller.name,
            node=controller.device_node or "-",
            model=controller.model_number,
            state=render.enum(controller, "state"),
            is_stalled=_is_stalled(controller),
            doing=next((each.phase or each.method for each in operations if each.target == controller.name), ""),
            said=smart.reason if isinstance(smart, NvmedError) else "",
        )
        if smart is None or isinstance(smart, NvmedError):
            return row
        return replace(
            row,
            temperature_celsius=smart.temperature_celsius if smart.HasField("temperature_celsius") else None,
            used_percent=smart.percentage_used,
            spare_percent=smart.available_spare_percent,
            media_errors=smart.media_errors,
            warnings=tuple(
                label(pb.log.SmartLog.CriticalWarning.Name(each), "CRITICAL_WARNING_")
                for each in smart.critical_warnings
            ),
        )


def _is_stalled(controller: Any) -> bool:
    return bool(controller.lane_state == pb.resources.Controller.LANE_STATE_STALLED)
