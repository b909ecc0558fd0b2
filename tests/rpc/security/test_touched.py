"""Everything that a call touches is authorised and audited, also what its request names beside its first resource."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import pytest
from google.protobuf.message import Message

from nvmed.audit_chain import decode, newest_first
from nvmed.config import Binding, Config, HostConfig, Listen, Policy, UnixListener
from nvmed.daemon import opened
from nvmed.reload import Served
from nvmed.security.bindings import make_policy
from nvmed.security.policy import METHODS
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import HOST_NQN
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import desired_pb2, erasure_pb2, feature_pb2, firmware_pb2, inventory_pb2, key_pb2, namespace_pb2
from tests.rpc.harness import reason_of, small_drive
from tests.rpc.namespace_calls import PAIR

SHA256: Final = bytes(range(32))
IMAGE: Final = f"images/{SHA256.hex()}"
FIRST, SECOND, SUBSYSTEM = "controllers/pair-1", "controllers/pair-2", "SUBSYSTEM"
BOTH: Final = {FIRST, SECOND}
ELSEWHERE: Final = 77
"""Identifier of a controller that another host may have."""


class Case(NamedTuple):
    """A request, all that it touches, and of that what it names first: who lacks that, hears of nothing else."""

    method: str
    request: Any
    touches: set[str]
    named: str = FIRST


def attachment(kind: Any, *controller_ids: int) -> Any:
    return kind(controller="nvme0", nsid=1, controller_ids=controller_ids, validate_only=True)


def namespace(kind: Any, **about: Any) -> Any:
    return kind(controller="nvme0", acknowledge_data_loss=True, validate_only=True, **about)


def activation(kind: Any) -> Any:
    return kind(
        controller="nvme0", slot=1, activation_mode=firmware_pb2.ACTIVATION_MODE_ON_NEXT_RESET, validate_only=True
    )


_ATTACH, _DETACH = namespace_pb2.AttachControllersRequest, namespace_pb2.DetachControllersRequest
_DELETE, _FORMAT = namespace_pb2.DeleteNamespaceRequest, namespace_pb2.FormatNamespaceRequest
_ENDS: Final[Any] = {"host_nqn": HOST_NQN, "subsystem_nqn": "PAIR'S NQN"}

DESIRED: Final = desired_pb2.DesiredState(firmware={"revision": "2.0", "image": IMAGE})

CASES: Final = [
    Case("NamespaceService/AttachControllers", attachment(_ATTACH, 1), {FIRST}),
    Case("NamespaceService/AttachControllers", attachment(_ATTACH, 2), BOTH),
    Case("NamespaceService/AttachControllers", attachment(_ATTACH, ELSEWHERE), {FIRST, SUBSYSTEM}),
    Case("NamespaceService/DetachControllers", attachment(_DETACH, 2), BOTH),
    Case("NamespaceService/DetachControllers", attachment(_DETACH, 2, ELSEWHERE), {*BOTH, SUBSYSTEM}),
    Case("NamespaceService/DeleteNamespace", namespace(_DELETE, nsid=1), BOTH),
    Case("NamespaceService/DeleteNamespace", namespace(_DELETE, nsid=2), {FIRST}),
    Case("NamespaceService/DeleteNamespace", namespace(_DELETE, nsid=3), BOTH),
    Case("NamespaceService/FormatNamespace", namespace(_FORMAT, nsid=1), BOTH),
    Case("NamespaceService/FormatNamespace", namespace(_FORMAT, all_namespaces=True), BOTH),
    Case(
        "FirmwareService/StageFirmware",
        firmware_pb2.StageFirmwareRequest(controllers=["nvme0"], image=IMAGE, slot=2, validate_only=True),
        {*BOTH, IMAGE},
    ),
    Case(
        "FirmwareService/StageFirmware",
        firmware_pb2.StageFirmwareRequest(controllers=["nvme0", "nvme2"], image=IMAGE, slot=2, validate_only=True),
        {*BOTH, IMAGE, "controllers/other-1"},
    ),
    Case("FirmwareService/ActivateFirmware", activation(firmware_pb2.ActivateFirmwareRequest), BOTH),
    Case("FirmwareService/RollbackFirmware", activation(firmware_pb2.RollbackFirmwareRequest), BOTH),
    Case(
        "FirmwareService/DownloadFirmware",
        firmware_pb2.DownloadFirmwareRequest(
            header=firmware_pb2.DownloadHeader(controller="nvme0", size_bytes=4096, validate_only=True)
        ),
        BOTH,
    ),
    Case(
        "FirmwareService/UploadImage",
        firmware_pb2.UploadImageRequest(
            header=firmware_pb2.UploadHeader(sha256=SHA256, size_bytes=4096, validate_only=True)
        ),
        {"host", IMAGE},
        "host",
    ),
    Case(
        "FirmwareService/FetchImage",
        firmware_pb2.FetchImageRequest(url="https://example.org/a", sha256=SHA256, size_bytes=4096, validate_only=True),
        {"host", IMAGE},
        "host",
    ),
    Case(
        "InventoryService/ResetSubsystem",
        inventory_pb2.ResetSubsystemRequest(name=SUBSYSTEM, acknowledge_disruption=True, validate_only=True),
        {*BOTH, SUBSYSTEM},
        SUBSYSTEM,
    ),
    Case(
        "DriveService/SanitizeDrive",
        erasure_pb2.SanitizeDriveRequest(
            controller="nvme0",
            methods=[erasure_pb2.ERASURE_METHOD_SANITIZE_BLOCK_ERASE],
            acknowledge_data_loss=True,
            validate_only=True,
        ),
        BOTH,
    ),
    Case(
        "DriveService/RevertDrive",
        erasure_pb2.RevertDriveRequest(
            controller="nvme0", psid="X" * 32, acknowledge_data_loss=True, validate_only=True
        ),
        BOTH,
    ),
    Case(
        "DriveService/ExitSanitizeFailureMode",
        erasure_pb2.ExitSanitizeFailureModeRequest(controller="nvme0", validate_only=True),
        BOTH,
    ),
    Case(
        "DriveService/SetFeature",
        feature_pb2.SetFeatureRequest(controller="nvme0", feature="error-recovery", nsid=1, validate_only=True),
        BOTH,
    ),
    Case("DriveService/PlanDrive", desired_pb2.PlanDriveRequest(controller="nvme0", desired=DESIRED), {FIRST, IMAGE}),
    Case(
        "DriveService/ApplyDrive",
        desired_pb2.ApplyDriveRequest(controller="nvme0", desired=DESIRED, validate_only=True),
        {*BOTH, IMAGE},
    ),
    Case(
        "KeyService/RotateTlsKey",
        key_pb2.RotateTlsKeyRequest(
            **_ENDS, psk=key_pb2.ConfiguredPsk(key=bytes(32), hash=key_pb2.HMAC_ALGORITHM_SHA256), validate_only=True
        ),
        {"host", *BOTH},
        "host",
    ),
    Case(
        "KeyService/RotateDhchapKey",
        key_pb2.RotateDhchapKeyRequest(**_ENDS, host_secret="DHHC-1:00:x:", validate_only=True),
        {"host", *BOTH},
        "host",
    ),
]


class Tried:
    """A daemon with a drive of two controllers, and a caller who is admin over what a test says."""

    def __init__(self, served: Served, channel: grpc.aio.Channel) -> None:
        self.served = served
        self.channel = channel
        self._real: dict[str, str] = {}

    async def look(self) -> None:
        """Learn how the subsystem of the pair is called."""
        subsystem = next(
            one for one in await self.served.components.inventory.subsystems() if one.serial == PAIR.serial
        )
        self._real = {SUBSYSTEM: subsystem.name, "PAIR'S NQN": subsystem.nqn}

    def real(self, name: str) -> str:
        return self._real.get(name, name)

    def give(self, resources: set[str]) -> None:
        """Let the caller be admin over these, and nothing else."""
        binding = Binding(
            principals=("unix:caller",), roles=("admin",), resources=tuple(map(self.real, sorted(resources)))
        )
        listen = self.served.configured.listen
        self.served.components.admission.policy = make_policy(Config(listen=listen, policy=Policy(bindings=(binding,))))

    async def call(self, case: Case) -> tuple[str, str]:
        """The reason and message that a call is refused with, "" for none."""
        request = type(case.request)()
        request.CopyFrom(case.request)
        for field in ("name", "subsystem_nqn"):
            if field in request.DESCRIPTOR.fields_by_name:
                setattr(request, field, self.real(getattr(request, field)))
        try:
            await self._send(case.method, request)
        except grpc.aio.AioRpcError as failure:
            return reason_of(failure), failure.details() or ""
        return "", ""

    async def _send(self, method: str, request: Message) -> None:
        path = f"/nvmed.v1.{method}"
        if method.endswith("UploadImage"):
            async for _ in self.channel.stream_stream(path, _bytes)(_once(request)):
                pass
        elif method.endswith("DownloadFirmware"):
            await self.channel.stream_unary(path, _bytes)(_once(request))
        else:
            await self.channel.unary_unary(path, _bytes)(request)


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()


async def _once(request: Message) -> AsyncIterator[Message]:
    yield request


@pytest.fixture
async def tried(tmp_path: Path) -> AsyncIterator[Tried]:
    socket = UnixListener(path=str(tmp_path / "caller.sock"), principal="caller")
    configured = Config(state_dir=str(tmp_path / "state"), host=HostConfig(simulate=1), listen=Listen(unix=(socket,)))
    host = SimulatedHost([Subsystem(PAIR), Subsystem(small_drive("OTHER"))])
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(opened(host, configured, "test"))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(served.addresses[0]))
        found = Tried(served, channel)
        await found.look()
        yield found


def test_every_method_that_touches_more_is_tried() -> None:
    assert {f"/nvmed.v1.{case.method}" for case in CASES} == {name for name, rule in METHODS.items() if rule.also}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method.partition('/')[2]}-{len(case.touches)}")
async def test_all_that_a_call_touches_is_authorised(tried: Tried, case: Case) -> None:
    tried.give(case.touches)
    reason, message = await tried.call(case)
    assert reason != "POLICY_DENIED", message
    for missing in sorted(case.touches):
        tried.give(case.touches - {missing} or {"images/of-nobody"})
        reason, message = await tried.call(case)
        assert reason == "POLICY_DENIED", (missing, message)
        if missing != case.named:
            assert tried.real(missing) not in message or missing == IMAGE  # nobody is told which drive it is


async def test_all_that_a_call_touches_is_audited(tried: Tried) -> None:
    tried.give(BOTH)
    detach = attachment(_DETACH, 1, 2)
    detach.validate_only = False
    assert await tried.call(Case("NamespaceService/DetachControllers", detach, BOTH)) == ("", "")
    audit = tried.served.components.admission.audit
    await audit.flush()
    lines = await asyncio.to_thread(lambda: [decode(line) for _, line in newest_first(audit.directory, 0)])
    about = [line.fields for line in lines if line.fields.get("event") in ("attempt", "outcome")]
    assert [set(one["resources"]) for one in about] == [BOTH, BOTH]
