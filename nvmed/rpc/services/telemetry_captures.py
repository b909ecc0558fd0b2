"""nvmed.v1.TelemetryService, the part about captures: what is on the host's disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning

from nvmed import limits
from nvmed.captures.capturing import Capturing, Wanted, delete
from nvmed.captures.files import Capture
from nvmed.devices.inventory import Inventory
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryLog
from nvmed.operations.manager import Manager
from nvmed.reasons import Reason, error
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import captures as convert
from nvmed.rpc.listing import page
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.security.policy import ACKNOWLEDGE_TELEMETRY, CREATE_TELEMETRY, READ_TELEMETRY, grant_of
from nvmed.v1 import telemetry_pb2

LOGS: Final = {
    telemetry_pb2.TELEMETRY_SOURCE_HOST: TelemetryLog.HOST_INITIATED,
    telemetry_pb2.TELEMETRY_SOURCE_CONTROLLER: TelemetryLog.CONTROLLER_INITIATED,
}
AREAS: Final = {
    telemetry_pb2.TELEMETRY_DATA_AREA_UNSPECIFIED: TelemetryDataArea.AREA_3,
    telemetry_pb2.TELEMETRY_DATA_AREA_1: TelemetryDataArea.AREA_1,
    telemetry_pb2.TELEMETRY_DATA_AREA_2: TelemetryDataArea.AREA_2,
    telemetry_pb2.TELEMETRY_DATA_AREA_3: TelemetryDataArea.AREA_3,
    telemetry_pb2.TELEMETRY_DATA_AREA_4: TelemetryDataArea.AREA_4,
    telemetry_pb2.TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED: TelemetryDataArea.CONTROLLER_DETERMINED,
}
CAPTURES: Final = "captures/"
_EVERYWHERE: Final = ("", "-", "controllers/-")
_CHUNK_FIELD: Final = telemetry_pb2.ReadCaptureResponse.CHUNK_FIELD_NUMBER


class CaptureMethods:
    """The methods; a part of the servicer, which has what is declared here."""

    _inventory: Inventory
    _operations: Manager
    _capturing: Capturing

    async def CaptureTelemetry(
        self, request: telemetry_pb2.CaptureTelemetryRequest, context: Any
    ) -> longrunning.Operation:
        call = current_call.get()
        for is_asked, permission in ((request.create, CREATE_TELEMETRY), (request.acknowledge, ACKNOWLEDGE_TELEMETRY)):
            if is_asked:
                call.require(permission)
        if (known := await replayed(self._operations, request)) is not None:
            return known
        device = (await self._inventory.find(request.controller, "controller")).device
        wanted = Wanted(
            device=device,
            log=LOGS[request.source],
            area=AREAS[request.data_area],
            create=request.create,
            acknowledge=request.acknowledge,
            ttl_s=request.ttl_s,
            principal=call.principal.name,
            labels=dict(request.labels),
        )
        return await begin(
            self._operations,
            request,
            device.resource_name,
            partial(self._capturing.check, wanted),
            partial(self._capturing.run, wanted=wanted),
        )

    async def ReadCapture(
        self, request: telemetry_pb2.ReadCaptureRequest, context: Any
    ) -> AsyncIterator[Any]:  # chunks are bytes already, see rpc.wire
        found = self._capture(request.name)
        if request.offset > found.size_bytes:
            raise error(
                Reason.OFFSET_OUT_OF_RANGE,
                f"offset {request.offset} is beyond the end of {found.name}, which has {found.size_bytes} bytes",
                offset=request.offset,
                total_bytes=found.size_bytes,
            )
        chunk_bytes = request.chunk_bytes or limits.CHUNK_BYTES_DEFAULT
        await current_call.get().lease.window(chunk_bytes, 1, chunk_bytes)
        yield convert.header(found, request.offset, chunk_bytes)
        chunks = self._capturing.store.read(
            found, request.offset, chunk_bytes, HEADROOM, partial(chunk_message, _CHUNK_FIELD)
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
        yield convert.trailer(found)

    async def ListCaptures(
        self, request: telemetry_pb2.ListCapturesRequest, context: Any
    ) -> telemetry_pb2.ListCapturesResponse:
        call = current_call.get()
        wanted = "" if request.parent in _EVERYWHERE else next(iter(call.resources.values()))
        seen = [
            convert.capture(one)
            for one in self._capturing.store.all()
            if one.controller == (wanted or one.controller)
            and grant_of(call.principal, READ_TELEMETRY, one.controller) is not None
        ]
        shown, token = page(seen, request, telemetry_pb2.Capture)
        return telemetry_pb2.ListCapturesResponse(captures=shown, next_page_token=token)

    async def GetCapture(self, request: telemetry_pb2.GetCaptureRequest, context: Any) -> telemetry_pb2.Capture:
        return convert.capture(self._capture(request.name))

    async def DeleteCapture(
        self, request: telemetry_pb2.DeleteCaptureRequest, context: Any
    ) -> telemetry_pb2.DeleteCaptureResponse:
        capture = request.name.removeprefix(CAPTURES)
        if request.validate_only:
            self._capture(request.name)
        else:
            run = partial(delete, store=self._capturing.store, capture=capture)
            await self._operations.perform(mutation(request, request.name), run)
        return telemetry_pb2.DeleteCaptureResponse(name=request.name)

    def _capture(self, name: str) -> Capture:
        return self._capturing.store.capture(name.removeprefix(CAPTURES))
