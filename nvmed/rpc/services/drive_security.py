"""nvmed.v1.DriveService, the part about security."""

from __future__ import annotations

from typing import Any

from nvmed.devices.inventory import Inventory
from nvmed.devices.security import read_security_state
from nvmed.nvme.security import BLOCK_SID, LOCKING
from nvmed.rpc.convert.fitted import fitted
from nvmed.rpc.targets import find_target
from nvmed.v1 import drive_pb2_grpc
from nvmed.v1 import security_pb2 as pb

_LOCKING_BITS = ("locking_supported", "locking_enabled", "locked", "media_encryption", "mbr_enabled", "mbr_done")
_SID_BITS = ("sid_owned", "sid_blocked")


class SecurityMethods(drive_pb2_grpc.DriveServiceServicer):
    """What a drive says to everybody."""

    _inventory: Inventory

    async def GetSecurityState(self, request: pb.GetSecurityStateRequest, context: Any) -> pb.SecurityState:
        device = (await find_target(self._inventory, request)).device
        found = await read_security_state(device)
        if found.discovery is None:
            return fitted(pb.SecurityState, controller=device.resource_name, protocols=found.protocols)
        discovery = found.discovery
        flags = {name: discovery.flag(LOCKING, number) for number, name in enumerate(_LOCKING_BITS)}
        flags |= {name: discovery.flag(BLOCK_SID, number) for number, name in enumerate(_SID_BITS)}
        return fitted(
            pb.SecurityState,
            controller=device.resource_name,
            protocols=found.protocols,
            tcg=True,
            security_subsystem_classes=discovery.classes,
            features=[
                fitted(pb.SecurityState.Feature, code=one.code, version=one.version, data=one.data)
                for one in discovery.features
            ],
            cut=discovery.is_cut,
            raw=found.raw if request.include_raw else b"",
            **flags,
        )
