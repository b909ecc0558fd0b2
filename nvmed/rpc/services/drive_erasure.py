"""nvmed.v1.DriveService, the part about erasing."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from google.longrunning import operations_pb2 as longrunning

from nvmed.devices.inventory import Inventory
from nvmed.erasure.erasures import Erasures
from nvmed.erasure.kit import NAMED
from nvmed.operations.manager import Manager
from nvmed.operations.request_digest import RequestDigests
from nvmed.rpc.convert import erasure as convert
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import page
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.rpc.targets import find_target
from nvmed.v1 import drive_pb2_grpc
from nvmed.v1 import erasure_pb2 as pb


class ErasureMethods(drive_pb2_grpc.DriveServiceServicer):
    """Erasing drives, and the records of it."""

    _digests: RequestDigests
    _erasures: Erasures
    _inventory: Inventory
    _operations: Manager

    async def SanitizeDrive(self, request: pb.SanitizeDriveRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        wanted = convert.sanitizing((await find_target(self._inventory, request)).device, request)
        sanitizing = self._erasures.sanitizing
        check, run = partial(sanitizing.check, wanted), partial(sanitizing.run, wanted=wanted)
        return await begin(self._operations, request, wanted.device.resource_name, check, run)

    async def RevertDrive(self, request: pb.RevertDriveRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request, self._digests)) is not None:
            return known
        wanted = convert.reverting((await find_target(self._inventory, request)).device, request)
        reverting = self._erasures.reverting
        check, run = partial(reverting.check, wanted), partial(reverting.run, wanted=wanted)
        return await begin(self._operations, request, wanted.device.resource_name, check, run, self._digests)

    async def ExitSanitizeFailureMode(
        self, request: pb.ExitSanitizeFailureModeRequest, context: Any
    ) -> pb.ExitSanitizeFailureModeResponse:
        device = (await find_target(self._inventory, request)).device
        wanted, modes = mutation(request, device.resource_name), self._erasures.failure_modes
        if request.validate_only:
            result = await modes.check(device)
        else:
            result = await self._operations.perform(wanted, partial(modes.run, device=device))
        return cast("pb.ExitSanitizeFailureModeResponse", response(wanted.kind, result))

    async def ListErasureRecords(
        self, request: pb.ListErasureRecordsRequest, context: Any
    ) -> pb.ListErasureRecordsResponse:
        records = [convert.record(one, whole=False) for one in await self._erasures.records()]
        shown, token = page(records, request, pb.ErasureRecord, lambda one: int(one.sequence))
        return pb.ListErasureRecordsResponse(erasure_records=shown, next_page_token=token)

    async def GetErasureRecord(self, request: pb.GetErasureRecordRequest, context: Any) -> pb.ErasureRecord:
        return convert.record(await self._erasures.record(request.name.removeprefix(NAMED)), whole=True)

    async def GetErasureKey(self, request: pb.GetErasureKeyRequest, context: Any) -> pb.ErasureKey:
        key = await self._erasures.public_key()
        return fitted(pb.ErasureKey, key_id=key.id, public_key=key.raw, pem=key.pem)
