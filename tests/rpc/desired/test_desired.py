"""PlanDrive and ApplyDrive over the wire: what differs, what is done about it, and what needs the caller's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed.nvme.opcodes import AdminOpcode, FeatureId
from nvmed.simulator.faults import Fault, Refuse
from nvmed.simulator.spec import GIB, MIB, DriveSpec, FirmwareSpec, NamespaceSpec
from nvmed.v1 import desired_pb2 as pb
from nvmed.v1.drive_pb2_grpc import DriveServiceStub
from nvmed.v1.firmware_pb2 import (
    ActivateFirmwareResponse,
    ActivationMode,
    FirmwareOutcome,
    FirmwarePreconditions,
    ListFirmwareHistoryRequest,
    RollbackFirmwareRequest,
)
from tests.rpc.firmware_calls import commits, put
from tests.rpc.firmware_calls import stub as firmware
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.namespace_calls import refused, sent
from tests.rpc.operation_calls import failed, steps, succeeded, wait

if TYPE_CHECKING:
    from nvmed.v1.drive_pb2_grpc import DriveServiceAsyncStub

WARM = {"feature": "temperature-threshold", "fields": [{"name": "threshold_kelvin", "value": 340}], "save": True}
CALM = {"feature": "volatile-write-cache", "fields": [{"name": "enabled", "value": 0}]}


def stub(daemon: Daemon) -> DriveServiceAsyncStub:
    return DriveServiceStub(daemon.channel)


def desired(**parts: Any) -> pb.DesiredState:
    return pb.DesiredState(**parts)


async def plan(daemon: Daemon, wanted: pb.DesiredState) -> list[tuple[str, str]]:
    found = await stub(daemon).PlanDrive(pb.PlanDriveRequest(controller="nvme0", desired=wanted))
    return [(pb.DriveDifference.Kind.Name(one.kind), one.subject) for one in found.differences]


async def apply(daemon: Daemon, wanted: pb.DesiredState, **more: Any) -> longrunning.Operation:
    return await stub(daemon).ApplyDrive(pb.ApplyDriveRequest(controller="nvme0", desired=wanted, **more))


def drive(**more: Any) -> DriveSpec:
    return small_drive(capacity_bytes=2 * GIB, namespaces=(NamespaceSpec(size_bytes=64 * MIB),), **more)


async def test_features_are_planned_and_applied_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    wanted = desired(features=[WARM, CALM])
    assert await plan(daemon, wanted) == [
        ("KIND_FEATURE", "temperature-threshold"), ("KIND_FEATURE", "volatile-write-cache"),
    ]  # fmt: skip
    checked = await apply(daemon, wanted, validate_only=True)
    assert checked.done
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 0
    operation = await apply(daemon, wanted)
    done = await succeeded(daemon, operation, pb.ApplyDriveResponse)
    assert (len(done.differences), list(done.remaining)) == (2, [])
    assert steps(await wait(daemon, operation)) == ["set_feature", "set_feature"]
    assert await plan(daemon, wanted) == []
    await succeeded(daemon, await apply(daemon, wanted), pb.ApplyDriveResponse)
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 2


async def test_another_block_size_loses_data_and_is_made_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    wanted = desired(namespaces={"logical_block_bytes": 4096}, features=[CALM])
    assert await plan(daemon, wanted) == [
        ("KIND_FORMAT", "namespace 1"), ("KIND_FEATURE", "volatile-write-cache"),
    ]  # fmt: skip
    assert await refused(apply(daemon, wanted, validate_only=True)) == "INVALID_FIELD"
    assert (await failed(daemon, await apply(daemon, wanted)))[1] == "INVALID_FIELD"
    assert sent(daemon.drive(), AdminOpcode.SET_FEATURES) == 0  # nothing at all was done
    for _ in range(2):
        done = await succeeded(daemon, await apply(daemon, wanted, acknowledge_data_loss=True), pb.ApplyDriveResponse)
        assert list(done.remaining) == []
    assert sent(daemon.drive(), AdminOpcode.FORMAT_NVM) == 1


async def test_over_provisioning_makes_one_namespace(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    wanted = desired(namespaces={"logical_block_bytes": 4096, "capacity_percent": 80})
    assert await plan(daemon, wanted) == [("KIND_NAMESPACES", "namespaces")]
    operation = await apply(daemon, wanted, acknowledge_data_loss=True)
    assert list((await succeeded(daemon, operation, pb.ApplyDriveResponse)).remaining) == []
    assert [one for one in steps(await wait(daemon, operation)) if one != "rescan"] == ["delete", "create", "attach"]
    assert await plan(daemon, wanted) == []
    (namespace,) = daemon.host.scan()[0].namespaces
    assert namespace.logical_block_bytes == 4096


async def test_a_drive_in_use_is_not_laid_out(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    daemon.host.occupy(daemon.host.scan()[0].namespaces[0].node, "/srv")
    wanted = desired(namespaces={"capacity_percent": 80})
    assert (await failed(daemon, await apply(daemon, wanted, acknowledge_data_loss=True)))[1] == "GATE_FAILED"
    assert sent(daemon.drive(), AdminOpcode.NAMESPACE_MANAGEMENT) == 0


async def test_what_fails_in_the_middle_is_told_and_gone_on_with(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    daemon.drive().faults.add(
        Fault(Refuse(0x4006), opcode=AdminOpcode.SET_FEATURES, feature_id=FeatureId.VOLATILE_WRITE_CACHE)
    )
    operation = await apply(daemon, desired(features=[WARM, CALM]))
    assert (await failed(daemon, operation))[0] == "FAILED"
    assert steps(await wait(daemon, operation)) == ["set_feature", "set_feature"]
    assert await plan(daemon, desired(features=[WARM, CALM])) == [("KIND_FEATURE", "volatile-write-cache")]
    assert not (
        await succeeded(daemon, await apply(daemon, desired(features=[WARM, CALM])), pb.ApplyDriveResponse)
    ).remaining


async def test_firmware_without_an_image_is_asked_for(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    wanted = desired(firmware={"revision": "2.0.0"})
    assert await plan(daemon, wanted) == [("KIND_FIRMWARE", "firmware")]
    assert await refused(apply(daemon, wanted, validate_only=True)) == "INVALID_FIELD"  # a reset is to be acknowledged
    told = await failed(daemon, await apply(daemon, wanted, acknowledge_disruption=True))
    assert told[1] == "INVALID_FIELD"
    assert await plan(daemon, desired(firmware={"revision": "1.0.0"})) == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"features": [{"feature": "temperature-treshold", "fields": [{"name": "threshold_kelvin", "value": 1}]}]},
        {"features": [{"feature": "temperature-threshold"}]},
        {"features": [{"feature": "number-of-queues", "fields": [{"name": "submission_less_one", "value": 1}]}]},
        {"features": [{"feature": "timestamp", "fields": [{"name": "milliseconds", "value": 1}]}]},
        {"features": [{"feature": "0x7a", "fields": [{"name": "a", "value": 1}]}]},
        {"namespaces": {"capacity_percent": 101}},
        {"firmware": {"revision": ""}},
    ],
)
async def test_what_no_drive_can_be_is_refused(start_daemon: StartDaemon, wanted: Any) -> None:
    daemon = await start_daemon(drive())
    assert await refused(plan(daemon, desired(**wanted))) == "INVALID_FIELD"


async def test_what_is_changed_needs_its_own_permissions(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive(), roles=("operator",), principal="op")
    assert await plan(daemon, desired(features=[CALM])) != []
    assert await refused(apply(daemon, desired(features=[CALM]))) == "POLICY_DENIED"


async def test_firmware_that_was_applied_is_rolled_back_to_what_it_replaced(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive(firmware=FirmwareSpec(("0.9.0", "1.0.0", ""), active_slot=2)))
    firmware_2 = {
        "revision": "2.0.0", "image": await put(daemon), "activation_mode": "ACTIVATION_MODE_CONTROLLER_RESET",
    }  # fmt: skip
    await succeeded(
        daemon, await apply(daemon, desired(firmware=firmware_2), acknowledge_disruption=True), pb.ApplyDriveResponse
    )
    request = RollbackFirmwareRequest(
        controller="nvme0",
        activation_mode=ActivationMode.ACTIVATION_MODE_CONTROLLER_RESET,
        preconditions=FirmwarePreconditions(firmware_revision="2.0.0"),
        acknowledge_disruption=True,
        validate_only=True,
    )
    found = ActivateFirmwareResponse()
    assert (await firmware(daemon).RollbackFirmware(request)).response.Unpack(found)
    assert found.slot_revision == "1.0.0"  # and not what is in the other slot that holds an image


async def test_a_drive_is_made_what_it_should_be_and_left_so(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(drive())
    image = await put(daemon)
    wanted = desired(
        firmware={"revision": "2.0.0", "image": image, "activation_mode": "ACTIVATION_MODE_CONTROLLER_RESET"},
        namespaces={"logical_block_bytes": 4096},
        features=[WARM],
    )
    consent = {"acknowledge_data_loss": True, "acknowledge_disruption": True}
    assert await plan(daemon, wanted) == [
        ("KIND_FIRMWARE", "firmware"), ("KIND_FORMAT", "namespace 1"), ("KIND_FEATURE", "temperature-threshold"),
    ]  # fmt: skip
    for differing in (3, 0):
        done = await succeeded(daemon, await apply(daemon, wanted, **consent), pb.ApplyDriveResponse)
        assert (len(done.differences), list(done.remaining)) == (differing, [])
    counts = {opcode: sent(daemon.drive(), opcode) for opcode in (AdminOpcode.FORMAT_NVM, AdminOpcode.SET_FEATURES)}
    assert (commits(daemon), [*counts.values()]) == ([(0, 2), (2, 2)], [1, 1])
    history = await firmware(daemon).ListFirmwareHistory(ListFirmwareHistoryRequest(parent="nvme0"))
    (record,) = history.records  # of the second there is nothing to tell
    assert (record.method, record.image, record.slot) == ("nvmed.v1.DriveService/ApplyDrive", image, 2)
    assert (record.previous_revision, record.running_revision) == ("1.0.0", "2.0.0")
    assert (record.outcome, record.activation_mode) == (
        FirmwareOutcome.FIRMWARE_OUTCOME_ACTIVATED, ActivationMode.ACTIVATION_MODE_CONTROLLER_RESET,
    )  # fmt: skip
