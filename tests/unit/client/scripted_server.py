"""A daemon that misbehaves as told: real gRPC on a real unix socket, with a script instead of drives."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
from grpc_status import rpc_status

from nvmed.errors import NvmedError
from nvmed.reasons import Reason, error
from nvmed.rpc.errors import to_status
from nvmed.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    inventory_pb2,
    inventory_pb2_grpc,
    resources_pb2,
    telemetry_pb2,
    telemetry_pb2_grpc,
)
from nvmed.v1.telemetry_pb2 import StreamTelemetryResponse as Part

CONTROLLER = "controllers/sim0001-1"
GENERATION = 7
CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Step:
    """What one StreamTelemetry call does: sends `edit` of the right parts, then fails with `error` if there is one."""

    edit: Callable[[list[Part]], Sequence[Part]] = lambda parts: parts
    error: NvmedError | None = None


def cut(count: int, failure: NvmedError | None = None) -> Step:
    """Send `count` parts (a header is one), then fail: by default as a drive does that went away."""
    return Step(lambda parts: parts[:count], failure or error(Reason.DEVICE_GONE))


async def refuse(context: Any, failure: NvmedError) -> None:
    """End a call with `failure`, as the daemon does."""
    await context.abort_with_status(rpc_status.to_status(to_status(failure, "request-1")))


@dataclass
class Telemetry(telemetry_pb2_grpc.TelemetryServiceServicer):
    """Serves `log` by `plan`, a step a call, and properly once the plan is used up. `requests` is what came."""

    log: bytes
    plan: list[Step] = field(default_factory=list)
    generation: int = GENERATION
    requests: list[telemetry_pb2.StreamTelemetryRequest] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)

    CaptureTelemetry = ReadCapture = ListCaptures = GetCapture = DeleteCapture = cast("Any", None)  # not served

    def parts(self, request: telemetry_pb2.StreamTelemetryRequest) -> list[Part]:
        """The parts that `request` should get."""
        log, start = self.log, request.offset
        header = telemetry_pb2.TelemetryHeader(
            controller=CONTROLLER,
            source=request.source,
            data_area=request.data_area or telemetry_pb2.TELEMETRY_DATA_AREA_3,
            total_bytes=len(log),
            start_offset=start,
            generation_number=self.generation,
            resume_token=f"token-{self.generation}",
            chunk_bytes=CHUNK_BYTES,
        )
        parts = [Part(header=header)]
        for offset in range(start, len(log), CHUNK_BYTES):
            data = log[offset : offset + CHUNK_BYTES]
            parts.append(Part(chunk={"offset": offset, "crc32": zlib.crc32(data), "data": data}))
        trailer = telemetry_pb2.TelemetryTrailer(
            total_bytes=len(log),
            sha256=hashlib.sha256(log[start:]).digest(),
            hash_covers_from_offset=start,
            generation_number=self.generation,
            async_event_retained=True,
        )
        return [*parts, Part(trailer=trailer)]

    async def StreamTelemetry(  # noqa: N802
        self, request: telemetry_pb2.StreamTelemetryRequest, context: Any
    ) -> AsyncIterator[Part]:
        self.requests.append(request)
        step = self.plan.pop(0) if self.plan else Step()
        for part in step.edit(self.parts(request)):
            yield part
        if step.error:
            await refuse(context, step.error)

    async def GetTelemetryCapabilities(  # noqa: N802
        self, request: telemetry_pb2.GetTelemetryCapabilitiesRequest, context: Any
    ) -> telemetry_pb2.TelemetryCapabilities:
        log = telemetry_pb2.TelemetryCapabilities.Log(
            generation_number=self.generation,
            area_end_bytes=[512, 4096, len(self.log), 0],
            available=True,
            reason_identifier=b"\xab\xcd".ljust(128, b"\0"),
        )
        return telemetry_pb2.TelemetryCapabilities(
            controller=CONTROLLER, supported=True, max_data_area=3, max_transfer_bytes=131072, host_log=log
        )

    async def AcknowledgeTelemetry(  # noqa: N802
        self, request: telemetry_pb2.AcknowledgeTelemetryRequest, context: Any
    ) -> telemetry_pb2.AcknowledgeTelemetryResponse:
        if request.generation_number != self.generation:
            await refuse(context, error(Reason.TELEMETRY_GENERATION_CHANGED))
        if not request.validate_only:
            self.acknowledged.append(request.generation_number)
        return telemetry_pb2.AcknowledgeTelemetryResponse(
            controller=CONTROLLER, generation_number=request.generation_number
        )


@dataclass
class Inventory(inventory_pb2_grpc.InventoryServiceServicer):
    """`count` controllers in pages of two. A name other than theirs gets `failure`."""

    count: int = 5
    failure: NvmedError = field(default_factory=lambda: error(Reason.CONTROLLER_NOT_FOUND))
    filters: list[str] = field(default_factory=list)

    def controller(self, number: int) -> resources_pb2.Controller:
        return resources_pb2.Controller(
            name=f"controllers/sim{number:04}-1",
            device_node=f"nvme{number}",
            model_number="Simulated \x1b[31mred",
            state=resources_pb2.Controller.STATE_LIVE,
            numa_node=-1,
        )

    async def ListControllers(  # noqa: N802
        self, request: inventory_pb2.ListControllersRequest, context: Any
    ) -> inventory_pb2.ListControllersResponse:
        self.filters.append(request.filter)
        first = int(request.page_token or 0)
        last = min(first + 2, self.count)
        return inventory_pb2.ListControllersResponse(
            controllers=[self.controller(number) for number in range(first, last)],
            next_page_token=str(last) if last < self.count else "",
        )

    async def GetController(  # noqa: N802
        self, request: inventory_pb2.GetControllerRequest, context: Any
    ) -> resources_pb2.Controller:
        for number in range(self.count):
            found = self.controller(number)
            if request.name in (found.name, found.device_node):
                return found
        await refuse(context, self.failure)
        raise AssertionError

    async def GetControllerCapabilities(  # noqa: N802
        self, request: inventory_pb2.GetControllerCapabilitiesRequest, context: Any
    ) -> inventory_pb2.ControllerCapabilities:
        """Never answers."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def make_inventory(count: int = 5, failure: NvmedError | None = None) -> Inventory:
    """An inventory that serves controllers and leaves the rest to its base, which says UNKNOWN or UNIMPLEMENTED."""
    return Inventory(count, failure or error(Reason.CONTROLLER_NOT_FOUND))  # type: ignore[abstract]


class Admin(admin_pb2_grpc.AdminServiceServicer):
    """Says a version and two limits."""

    async def GetServerInfo(  # noqa: N802
        self, request: admin_pb2.GetServerInfoRequest, context: Any
    ) -> admin_pb2.ServerInfo:
        return admin_pb2.ServerInfo(version="9.9", simulated=True, limits={"chunk_bytes_max": 1 << 20, "window_max": 8})


@asynccontextmanager
async def serving(folder: Path, telemetry: Telemetry, inventory: Inventory | None = None) -> AsyncIterator[str]:
    """Serve on a socket in `folder`; yields its address."""
    server = grpc.aio.server()
    telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(telemetry, server)
    if inventory:
        inventory_pb2_grpc.add_InventoryServiceServicer_to_server(inventory, server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(Admin(), server)  # type: ignore[abstract]
    address = f"unix:{folder}/nvmed.sock"
    server.add_insecure_port(address)
    await server.start()
    try:
        yield address
    finally:
        await server.stop(None)
