"""nvmed.v1.SupportService."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final, cast

from google.longrunning import operations_pb2 as longrunning

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.operations.manager import Manager
from nvmed.reasons import Reason, error
from nvmed.rpc.call import Call, current_call
from nvmed.rpc.convert import support as convert
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import page
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.rpc.resources import SUPPORT_BUNDLES
from nvmed.rpc.services.support_parts import Asked, drive_parts
from nvmed.rpc.services.support_state import HostState
from nvmed.rpc.wire import HEADROOM, chunk_message
from nvmed.security.patterns import HOST
from nvmed.security.policy import CREATE_SUPPORT, READ_SUPPORT, grant_of, may_see
from nvmed.support.collecting import Group
from nvmed.support.creating import Supports, Wanted
from nvmed.support.files import Bundle
from nvmed.v1 import support_pb2 as pb
from nvmed.v1 import support_pb2_grpc

_CHUNK_FIELD: Final = pb.ReadSupportBundleResponse.CHUNK_FIELD_NUMBER


class SupportService(support_pb2_grpc.SupportServiceServicer):
    """Makes bundles, and hands them out."""

    def __init__(
        self, supports: Supports, operations: Manager, inventory: Inventory, asked: Asked, state: HostState
    ) -> None:
        self._supports = supports
        self._store = supports.store
        self._operations = operations
        self._inventory = inventory
        self._asked = asked
        self._state = state

    async def CreateSupportBundle(self, request: pb.CreateSupportBundleRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        call = current_call.get()
        devices = await self._devices(request.controllers)
        wanted = Wanted(
            groups=self._groups(request, devices, call),
            principal=call.principal.name,
            controllers=tuple(device.resource_name for device in devices) if request.controllers else (),
            subjects=tuple(dict.fromkeys(call.resources.values())),
            part_timeout_ms=request.part_timeout_ms,
            timeout_ms=request.timeout_ms,
        )
        target = devices[0].resource_name if len(wanted.controllers) == 1 else HOST
        check, run = partial(self._supports.check, wanted), partial(self._supports.run, wanted=wanted)
        return await begin(self._operations, request, target, check, run)

    async def ReadSupportBundle(  # type: ignore[override]  # chunks are bytes already, see rpc.wire
        self, request: pb.ReadSupportBundleRequest, context: Any
    ) -> AsyncIterator[pb.ReadSupportBundleResponse | bytes]:
        bundle = self._bundle(request)
        if request.offset > bundle.size_bytes:
            raise error(
                Reason.OFFSET_OUT_OF_RANGE,
                f"offset: {request.offset}; the bundle has {bundle.size_bytes} bytes",
                offset=request.offset,
                size_bytes=bundle.size_bytes,
            )
        chunk_bytes = request.chunk_bytes or limits.CHUNK_BYTES_DEFAULT
        yield convert.header(bundle, request.offset, chunk_bytes)
        chunks = self._store.read(
            bundle,
            request.offset,
            chunk_bytes,
            HEADROOM,
            lambda buffer, size, offset: chunk_message(_CHUNK_FIELD, buffer, size, offset),
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
        yield convert.trailer(bundle)

    async def ListSupportBundles(
        self, request: pb.ListSupportBundlesRequest, context: Any
    ) -> pb.ListSupportBundlesResponse:
        principal = current_call.get().principal
        items = [
            convert.bundle(one)
            for one in self._store.all()
            if may_see(principal, READ_SUPPORT, one.principal, one.subjects)
        ]
        shown, token = page(items, request, pb.SupportBundle)
        return pb.ListSupportBundlesResponse(support_bundles=shown, next_page_token=token)

    async def GetSupportBundle(self, request: pb.GetSupportBundleRequest, context: Any) -> pb.SupportBundle:
        return convert.bundle(self._bundle(request))

    async def DeleteSupportBundle(
        self, request: pb.DeleteSupportBundleRequest, context: Any
    ) -> pb.DeleteSupportBundleResponse:
        wanted = mutation(request, request.name)
        if request.validate_only:
            return pb.DeleteSupportBundleResponse(name=self._bundle(request).name)
        run = partial(self._supports.delete, bundle=request.name.removeprefix(SUPPORT_BUNDLES))
        result = await self._operations.perform(wanted, run)
        return cast("pb.DeleteSupportBundleResponse", response(wanted.kind, result))

    def _bundle(self, request: Any) -> Bundle:
        return self._store.bundle(str(request.name).removeprefix(SUPPORT_BUNDLES))

    async def _devices(self, names: Sequence[str]) -> list[Device]:
        """The drives that are named, each once; all there are if none is."""
        present = await self._inventory.controllers()
        if not names:
            return list(present)
        found = [(await self._inventory.find(name, "controllers")).device for name in names]
        return list(dict.fromkeys(found))

    def _groups(self, request: pb.CreateSupportBundleRequest, devices: Sequence[Device], call: Call) -> list[Group]:
        """Who is asked what: the daemon first, where the caller may, then each drive."""
        kernel = self._state.kernel_log()
        groups = []
        if grant_of(call.principal, CREATE_SUPPORT, HOST) is not None:
            groups.append(Group(HOST, self._state.parts(kernel)))
        for device in devices:
            parts = [
                *self._state.drive_parts(device, kernel),
                *drive_parts(self._asked, device, request.telemetry_sources, request.telemetry_data_area),
            ]
            groups.append(Group(device.resource_name, parts, device.refused))
        return groups
