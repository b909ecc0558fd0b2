"""nvmed.v1.DriveService, the part about self-tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from google.longrunning import operations_pb2 as longrunning

from nvmed.devices.inventory import Inventory
from nvmed.nvme.opcodes import NSID_ALL, SelfTestCode
from nvmed.operations.manager import Manager
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.targets import find_target
from nvmed.self_test.tests import SelfTests, Test
from nvmed.v1 import drive_pb2_grpc
from nvmed.v1 import self_test_pb2 as pb


class SelfTestMethods(drive_pb2_grpc.DriveServiceServicer):
    """Self-tests as operations."""

    _inventory: Inventory
    _operations: Manager
    _self_tests: SelfTests

    async def RunSelfTest(self, request: pb.RunSelfTestRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        device = (await find_target(self._inventory, request)).device
        nsid = request.nsid if request.HasField("nsid") else NSID_ALL
        wanted = Test(device, SelfTestCode(request.test), nsid, request.timeout_ms)
        check, run = partial(self._self_tests.check, wanted), partial(self._self_tests.run, wanted=wanted)
        return await begin(self._operations, request, device.resource_name, check, run)
