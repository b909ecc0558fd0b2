"""nvmed.v1.TelemetryService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from nvmed import limits
from nvmed.captures.capturing import Capturing
from nvmed.devices import telemetry
from nvmed.devices.extended_telemetry import ExtendedTelemetry
from nvmed.devices.inventory import Inventory
from nvmed.devices.telemetry import TelemetryEnd, TelemetryRequest, TelemetryStart
from nvmed.operations.manager import Manager
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import telemetry as convert
from nvmed.rpc.convert.digests import has_digest
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.mutation import journalled
from nvmed.rpc.services.telemetry_captures import AREAS, LOGS, CaptureMethods
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.security.policy import CREATE_TELEMETRY
from nvmed.v1 import telemetry_pb2, telemetry_pb2_grpc

_CHUNK_FIELD: Final = telemetry_pb2.StreamTelemetryResponse.CHUNK_FIELD_NUMBER


class TelemetryService(CaptureMethods, telemetry_pb2_grpc.TelemetryServiceServicer):
    """Streams telemetry logs; chunks are encoded by the threads that read them."""

    def __init__(
        self,
        inventory: Inventory,
        extended: ExtendedTelemetry,
        operations: Manager,
        capturing: Capturing,
    ) -> None:
        self._inventory = inventory
        self._extended = extended
        self._operations = operations
        self._capturing = capturing

    async def GetTelemetryCapabilities(
        self, request: telemetry_pb2.GetTelemetryCapabilitiesRequest, context: Any
    ) -> telemetry_pb2.TelemetryCapabilities:
        device = (await self._inventory.find(request.controller, "controller")).device
        state = await telemetry.read_state(device)
        return convert.capabilities(device, state)

    async def StreamTelemetry(  # type: ignore[override]  # chunks are bytes already, see rpc.wire
        self, request: telemetry_pb2.StreamTelemetryRequest, context: Any
    ) -> AsyncIterator[telemetry_pb2.StreamTelemetryResponse | bytes]:
        if request.create:
            current_call.get().require(CREATE_TELEMETRY)
        device = (await self._inventory.find(request.controller, "controller")).device
        chunk_bytes = request.chunk_bytes or limits.CHUNK_BYTES_DEFAULT
        wanted = TelemetryRequest(
            log=LOGS[request.source],
            area=AREAS[request.data_area],
            create=request.create,
            retain_async_event=request.retain_async_event or not request.HasField("retain_async_event"),
            chunk_bytes=chunk_bytes,
            window=await current_call.get().lease.window(
                chunk_bytes, request.window or limits.WINDOW_DEFAULT, limits.READ_AHEAD_BYTES_MAX
            ),
            transfer_bytes=request.max_transfer_bytes,
            resume_token=request.resume_token,
            offset=request.offset,
            headroom=HEADROOM,
            encode=lambda buffer, size, offset: chunk_message(_CHUNK_FIELD, buffer, size, offset),
            must_notice_changes=request.require_change_detection,
            has_digest=has_digest(request),
            journalled=journalled(self._operations, request, device.resource_name, replayed="create"),
        )
        async with aclosing(telemetry.stream(device, wanted, self._extended)) as parts:
            total = 0
            async for part in parts:
                if isinstance(part, TelemetryStart):
                    total = part.total_bytes
                    yield convert.header(device.resource_name, request, part, chunk_bytes)
                elif isinstance(part, TelemetryEnd):
                    yield convert.trailer(request.offset, total, part)
                else:
                    yield part

    async def AcknowledgeTelemetry(
        self, request: telemetry_pb2.AcknowledgeTelemetryRequest, context: Any
    ) -> telemetry_pb2.AcknowledgeTelemetryResponse:
        device = (await self._inventory.find(request.controller, "controller")).device
        change = None
        if not request.validate_only:
            change = journalled(self._operations, request, device.resource_name, replayed="clear_event")
        await telemetry.acknowledge(device, request.generation_number, change)
        return fitted(
            telemetry_pb2.AcknowledgeTelemetryResponse,
            controller=device.resource_name,
            generation_number=request.generation_number,
        )
