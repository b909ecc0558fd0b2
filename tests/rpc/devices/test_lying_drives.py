"""Drives that answer anything at all: a call may fail, with a reason that is about the drive, but never as a bug."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.nvme.opcodes import AdminOpcode, IdentifyCns
from nvmed.nvme.transport import Command, Completion
from nvmed.simulator.faults import Fault
from nvmed.simulator.state.drive import ControllerState
from nvmed.v1 import firmware_pb2 as firmware
from nvmed.v1 import inventory_pb2 as inventory
from nvmed.v1 import log_pb2 as logs
from nvmed.v1 import namespace_pb2 as spaces
from nvmed.v1 import telemetry_pb2 as telemetry
from nvmed.v1.firmware_pb2_grpc import FirmwareServiceStub
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.log_pb2_grpc import LogServiceStub
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from tests.rpc.harness import Daemon, reason_of
from tests.rpc.namespace_calls import wait

Content = Callable[[int, int], bytes]
"""What is answered, by the size that is asked for and a number that differs from command to command."""


def same(byte: int) -> Content:
    return lambda size, _: bytes([byte]) * size


def noise(number: int) -> Content:
    return lambda size, seed: random.Random(f"{number}/{seed}").randbytes(size)


CONTENTS: dict[str, Content] = {
    "ones": same(0xFF),
    "zeros": same(0x00),
    "top bits": same(0x80),
    "low bits": same(0x01),
    **{f"noise {number}": noise(number) for number in range(4)},
}


class Lie:
    """Answers commands with bytes that mean nothing, and results that are as large as can be."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def before(self, controller: ControllerState, command: Command, data: Any) -> Completion:
        if data is not None:
            data[:] = self._content(len(data), command.cdw10 ^ command.cdw12)
        return Completion(0, 0xFFFF_FFFF)

    def after(self, controller: ControllerState, command: Command, data: Any) -> None:
        """Nothing is left to do."""


NVME0: dict[str, Any] = {"controller": "nvme0"}
FIRST: dict[str, Any] = {"controller": "nvme0", "nsid": 1}
SOON: dict[str, Any] = {"wait_timeout_ms": 1}
LOSS: dict[str, Any] = {"acknowledge_data_loss": True}
Log, Spaces = LogServiceStub, NamespaceServiceStub
CALLS: list[tuple[Any, str, Any]] = [
    (InventoryServiceStub, "GetControllerCapabilities", inventory.GetControllerCapabilitiesRequest(name="nvme0")),
    (TelemetryServiceStub, "GetTelemetryCapabilities", telemetry.GetTelemetryCapabilitiesRequest(**NVME0)),
    (FirmwareServiceStub, "GetFirmwareSlots", firmware.GetFirmwareSlotsRequest(**NVME0)),
    (Log, "GetAnaLogSize", logs.GetAnaLogSizeRequest(**NVME0)),
    (Log, "GetAnaLog", logs.GetAnaLogRequest(**NVME0)),
    (Log, "GetLbaStatusLog", logs.GetLbaStatusLogRequest(**NVME0)),
    (Log, "GetSmartLog", logs.GetSmartLogRequest(**NVME0)),
    (Log, "ListErrorLogEntries", logs.ListErrorLogEntriesRequest(**NVME0)),
    (Log, "GetEffectsLog", logs.GetEffectsLogRequest(**NVME0)),
    (Log, "GetSelfTestLog", logs.GetSelfTestLogRequest(**NVME0)),
    (Log, "StartSelfTest", logs.StartSelfTestRequest(test=logs.SELF_TEST_SHORT, **NVME0)),
    (Log, "GetSanitizeStatus", logs.GetSanitizeStatusRequest(**NVME0)),
    (Log, "GetPersistentEventLog", logs.GetPersistentEventLogRequest(**NVME0)),
    (Log, "GetSupportedLogPages", logs.GetSupportedLogPagesRequest(**NVME0)),
    (Log, "GetOcpSmartLog", logs.GetOcpSmartLogRequest(**NVME0)),
    (Spaces, "ListAllocatedNamespaces", spaces.ListAllocatedNamespacesRequest(**NVME0)),
    (Spaces, "GetNamespaceIdentity", spaces.GetNamespaceIdentityRequest(**FIRST)),
    (Spaces, "GetLogicalBlockSize", spaces.GetLogicalBlockSizeRequest(**FIRST)),
    (Spaces, "AttachControllers", spaces.AttachControllersRequest(controller_ids=[1], **FIRST, **SOON)),
    (Spaces, "DetachControllers", spaces.DetachControllersRequest(controller_ids=[1], **FIRST, **SOON)),
    (Spaces, "RescanController", spaces.RescanControllerRequest(**NVME0, **SOON)),
    (Spaces, "CreateNamespace", spaces.CreateNamespaceRequest(size_blocks=8, **NVME0)),
    (Spaces, "DeleteNamespace", spaces.DeleteNamespaceRequest(**FIRST, **LOSS, **SOON)),
    (Spaces, "FormatNamespace", spaces.FormatNamespaceRequest(timeout_ms=1000, **FIRST, **LOSS)),
]
"""Calls that ask a drive: service, method, request."""


async def outcome(daemon: Daemon, call: Any) -> str:
    """The reason that a call fails with, or that the operation ends with which it begins; "" if it ends well."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as failure:
        return reason_of(failure)
    if isinstance(answer, longrunning.Operation):
        done = await wait(daemon, answer)
        return "" if not done.HasField("error") else "BUG" if done.error.code == 13 else "ended"
    return ""


def lie(daemon: Daemon, content: Content, where: Callable[[Command], bool]) -> None:
    opcodes = (AdminOpcode.IDENTIFY, AdminOpcode.GET_LOG_PAGE, AdminOpcode.NAMESPACE_MANAGEMENT)
    for opcode in opcodes:
        daemon.drive().faults.add(Fault(Lie(content), opcode=opcode, where=where, times=None))


def is_about_the_controller(command: Command) -> bool:
    return command.opcode == AdminOpcode.IDENTIFY and command.cdw10 & 0xFF == IdentifyCns.CONTROLLER


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("about_itself", [False, True], ids=["of all else", "also of itself"])
async def test_whatever_a_drive_answers_is_no_bug(daemon: Daemon, name: str, about_itself: bool) -> None:
    lie(daemon, CONTENTS[name], lambda command: about_itself or not is_about_the_controller(command))
    reasons = {
        method: await outcome(daemon, getattr(service(daemon.channel), method)(request))
        for service, method, request in CALLS
    }
    assert [method for method, reason in reasons.items() if reason == "BUG"] == []


async def test_the_same_calls_end_well_with_a_drive_that_does_not_lie(daemon: Daemon) -> None:
    telling = [(service, method, request) for service, method, request in CALLS if method.startswith(("Get", "List"))]
    for service, method, request in telling:
        assert await outcome(daemon, getattr(service(daemon.channel), method)(request)) == "", method
