"""nvmed.v1.AdminService."""

from __future__ import annotations

import os
from typing import Any, Final

import nvmed
from nvmed import limits
from nvmed.rpc.call import current_call
from nvmed.v1 import admin_pb2, admin_pb2_grpc

FEATURES: Final = (
    "inventory",
    "telemetry",
    "telemetry.resume",
    "telemetry.acknowledge",
    "operations",
    "firmware",
    "firmware.upload",
    "firmware.download",
    "inventory.reset",
    "keys",
    "logs",
    "passthru",
    "namespaces",
    "events",
)
"""What clients may rely on: append-only."""


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """Tells about the daemon."""

    def __init__(self, *, simulated: bool) -> None:
        self._simulated = simulated

    async def GetServerInfo(self, request: admin_pb2.GetServerInfoRequest, context: Any) -> admin_pb2.ServerInfo:
        system = os.uname()
        return admin_pb2.ServerInfo(
            version=nvmed.__version__,
            api_versions=["nvmed.v1"],
            kernel_release=system.release,
            host_name=system.nodename,
            simulated=self._simulated,
            features=FEATURES,
            limits=limits.PUBLISHED,
            principal=current_call.get().principal.name,
        )
