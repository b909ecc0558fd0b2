"""What happens to the program while it runs: lines that break at the worst moment, and events while nobody listens.

Nothing here waits for a time: each thing is done when what it needs has been seen.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from nvmedctl import Client

from clients.conformance.daemon import CLIENT_URI, Daemon, Wrong
from clients.conformance.proxy import BadLine, Way
from nvmed.events.events import Events
from nvmed.simulator import fault_socket
from nvmed.v1.telemetry_pb2 import (
    TELEMETRY_DATA_AREA_1,
    TELEMETRY_SOURCE_HOST,
    CaptureTelemetryRequest,
    CaptureTelemetryResponse,
)

TELEMETRY_CUTS = (1 << 20, 5 << 20)
"""Bytes of answers after which the first and the second connection break; the log has 16 MiB."""

UPLOAD_CUT = 2 << 20
"""Bytes of requests after which the first connection breaks; the image has 3 MiB."""

EVENTS = 3
"""Events that are made: while the client listens, while its line is broken, and after that."""

WAIT = "/google.longrunning.Operations/WaitOperation"

QUIET_S = 0.5
"""A call that waits is on a line that was quiet for so long; that it was one, the daemon's log says."""

SEEN_S = 60
"""How long anything may take to be seen on a busy machine."""

_LOOK_S = 0.05

HANG = """
[[faults]]
kind = "hang"
name = "staging"
controller = "nvme0"
opcode = "firmware-image-download"
count = 1
"""
"""Staging on the first drive ends when this does."""


@dataclass(slots=True)
class Disturbance:
    """The lines to one daemon, and what was done to them."""

    daemon: Daemon
    telemetry: BadLine
    upload: BadLine
    events: BadLine
    operations: BadLine
    captures: list[str] = field(default_factory=list)
    """What the events were about, in order."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Where the program finds each line."""
        return {
            "NVMED_ADDRESS": self.telemetry.address,
            "NVMED_UPLOAD_ADDRESS": self.upload.address,
            "NVMED_EVENTS_ADDRESS": self.events.address,
            "NVMED_OPERATIONS_ADDRESS": self.operations.address,
            "NVMED_EVENTS_TOKEN": Events().token(1),  # of a run that nobody remembers
            "NVMED_REQUEST_ID": str(uuid.uuid4()),
        }

    def reported(self, step: str) -> None:
        """The program has done `step`: what follows it begins."""
        if begin := self.steps.get(step):
            self._tasks.append(asyncio.create_task(begin(self)))

    async def done(self) -> None:
        """Raise `Wrong` unless everything was done that was planned."""
        await asyncio.gather(*self._tasks)
        if left := len([*self.telemetry.answers.cuts, *self.upload.requests.cuts]):
            raise Wrong(f"{left} cuts were not made")
        if len(self._tasks) != len(self.steps):
            raise Wrong("not every line was broken")

    async def _make_events(self) -> None:
        """One event that is heard, one while the line is broken, and one after."""
        async with Client(self.daemon.socket) as client:
            carried = self.events.answers.carried_bytes
            await self._capture(client)
            await until("the event on the line", lambda: self.events.answers.carried_bytes > carried)
            self.events.is_broken = True
            self.events.break_off()
            await self._capture(client)
            self.events.is_broken = False
            await self._capture(client)

    async def _capture(self, client: Client) -> None:
        """A capture of the second drive, whose event has no other of its kind beside it."""
        controllers = [controller.name async for controller in client.list_controllers()]
        request = CaptureTelemetryRequest(
            controller=controllers[1], source=TELEMETRY_SOURCE_HOST, data_area=TELEMETRY_DATA_AREA_1, create=True
        )
        operation = await client.telemetry.CaptureTelemetry(request)
        self.captures.append((await client.result(operation, CaptureTelemetryResponse)).capture)

    async def _cut_waiting(self) -> None:
        """Cut whoever waits until the daemon says that it was a call of WaitOperation; then the drive goes on."""

        def was_cut() -> bool:
            if self.operations.quiet_s > QUIET_S:
                self.operations.break_off()
            return any(
                call.method == WAIT and call.principal == f"uri:{CLIENT_URI}" and call.code == "CANCELLED"
                for call in self.daemon.calls
            )

        try:
            await until("WaitOperation cut off", was_cut)
        finally:
            await asyncio.to_thread(fault_socket.ask, self.daemon.socket, remove=["staging"])

    steps: ClassVar = {"watch-events": _make_events, "stage-image": _cut_waiting}
    """What begins when the program has done a step."""


async def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until `holds()`; raises `Wrong` if it never does."""
    for _ in range(int(SEEN_S / _LOOK_S)):
        if holds():
            return
        await asyncio.sleep(_LOOK_S)
    raise Wrong(f"{what} was not seen within {SEEN_S} s")


@asynccontextmanager
async def disturbing(daemon: Daemon) -> AsyncIterator[Disturbance]:
    """The lines, inside, and a first drive that does not finish staging while nobody was cut off waiting for it."""
    async with AsyncExitStack() as stack:

        async def line(requests: Sequence[int] = (), answers: Sequence[int] = ()) -> BadLine:
            one = BadLine("127.0.0.1", daemon.port, Way(list(requests)), Way(list(answers)))
            return await stack.enter_async_context(one.listening())

        disturbance = Disturbance(
            daemon,
            telemetry=await line(answers=TELEMETRY_CUTS),
            upload=await line(requests=[UPLOAD_CUT]),
            events=await line(),
            operations=await line(),
        )
        await asyncio.to_thread(fault_socket.ask, daemon.socket, add=HANG)
        try:
            yield disturbance
        finally:
            for task in disturbance._tasks:
                task.cancel()
            await asyncio.gather(*disturbance._tasks, return_exceptions=True)
