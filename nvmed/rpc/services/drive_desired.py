"""nvmed.v1.DriveService, the part about what a drive should be."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from google.longrunning import operations_pb2 as longrunning

from nvmed.desired.apply import DesiredStates
from nvmed.desired.state import Consent
from nvmed.devices.inventory import Inventory
from nvmed.operations.manager import Manager
from nvmed.preconditions.gates import check_overrides
from nvmed.rpc.call import current_call
from nvmed.rpc.convert import desired as convert
from nvmed.rpc.convert.fitted import fitted_dict
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.targets import find_target
from nvmed.v1 import desired_pb2 as pb
from nvmed.v1 import drive_pb2_grpc, operations_pb2

NEEDED: Final = {
    "firmware": ("firmware.stage", "firmware.activate"),
    "namespaces": ("namespace.format", "namespace.delete", "namespace.create", "namespace.attach"),
    "features": ("feature.set",),
}
"""The permissions that each part of a desired state needs beside the method's own."""


class DesiredMethods(drive_pb2_grpc.DriveServiceServicer):
    """Planning and applying desired state."""

    _inventory: Inventory
    _operations: Manager
    _desired: DesiredStates

    async def PlanDrive(self, request: pb.PlanDriveRequest, context: Any) -> pb.PlanDriveResponse:
        desired = convert.desired(request.desired)
        device = (await find_target(self._inventory, request)).device
        return fitted_dict(pb.PlanDriveResponse, await self._desired.plan(device, desired))

    async def ApplyDrive(self, request: pb.ApplyDriveRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        desired = convert.desired(request.desired)
        for part, _ in request.desired.ListFields():
            for permission in NEEDED[part.name]:
                current_call.get().require(permission)
        device = (await find_target(self._inventory, request)).device
        names = (operations_pb2.Gate.Name(gate).removeprefix("GATE_") for gate in request.override_gates)
        consent = Consent(
            data_loss=request.acknowledge_data_loss,
            disruption=request.acknowledge_disruption,
            risk=request.acknowledge_risk,
            overrides=check_overrides(names),
        )
        check = partial(self._desired.check, device, desired, consent)
        run = partial(self._desired.run, device=device, desired=desired, consent=consent)
        asked = {"firmware_revision": desired.firmware.revision} if desired.firmware else {}
        return await begin(self._operations, request, device.resource_name, check, run, **asked)
