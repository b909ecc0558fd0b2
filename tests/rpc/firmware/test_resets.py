"""ResetController and ResetSubsystem over the wire."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from nvmed.nvme.opcodes import AdminOpcode
from nvmed.preconditions import drives
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.spec import Activation, DriveSpec, FirmwareSpec
from nvmed.simulator.transport import SimulatedTransport
from nvmed.v1 import inventory_pb2 as pb
from nvmed.v1.firmware_pb2 import ListFirmwareHistoryRequest, StageFirmwareResponse
from nvmed.v1.operations_pb2 import GATE_IN_USE, GATE_SUBSYSTEM_BUSY
from tests.rpc.firmware_calls import CODE, activate, refused, stage, stub
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask, failed, gates, metadata, state, states, steps, succeeded, unpacked, wait

DRIVE = "controllers/nvmed1-1"
RESET_GATES = {"BOOT_DEVICE", "IN_USE", "SUBSYSTEM_BUSY", "DISRUPTION_ACKNOWLEDGED"}


async def reset(daemon: Daemon, name: str = "nvme0", **fields: Any) -> Any:
    request = pb.ResetControllerRequest(**{"name": name, "acknowledge_disruption": True, **fields})
    return await daemon.inventory.ResetController(request)


async def subsystem(daemon: Daemon) -> str:
    (found,) = (await daemon.inventory.ListSubsystems(pb.ListSubsystemsRequest())).subsystems
    return found.name


async def reset_subsystem(daemon: Daemon, name: str, **fields: Any) -> Any:
    request = pb.ResetSubsystemRequest(**{"name": name, "acknowledge_disruption": True, **fields})
    return await daemon.inventory.ResetSubsystem(request)


@pytest.fixture
def resets(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each reset that a transport was asked for."""
    seen: list[str] = []
    for name in ("reset_controller", "reset_subsystem"):
        original = getattr(SimulatedTransport, name)

        def count(transport: Any, original: Callable[[Any], None] = original, name: str = name) -> None:
            seen.append(name)
            original(transport)

        monkeypatch.setattr(SimulatedTransport, name, count)
    return seen


async def test_a_controller_is_reset(start_daemon: StartDaemon, resets: list[str]) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(("1.0.0", "2.0.0"))))
    await wait(daemon, await activate(daemon, 2, "ON_NEXT_RESET"))
    begun = await reset(daemon)
    done = await wait(daemon, begun)
    answer = unpacked(done, pb.ResetControllerResponse)
    assert (answer.controller, answer.previous_revision, answer.running_revision) == (DRIVE, "1.0.0", "2.0.0")
    assert states(answer.gates).keys() == RESET_GATES
    assert (metadata(done).method, metadata(done).target) == ("nvmed.v1.InventoryService/ResetController", DRIVE)
    assert (steps(done), resets) == (["reset"], ["reset_controller"])
    shown = await daemon.inventory.GetController(pb.GetControllerRequest(name="nvme0"))
    assert shown.firmware_revision == "2.0.0"


async def test_a_reset_that_activates_firmware_is_its_history(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(firmware=FirmwareSpec(("1.0.0", "2.0.0"))))
    await wait(daemon, await reset(daemon))
    await wait(daemon, await activate(daemon, 2, "ON_NEXT_RESET"))
    await wait(daemon, await reset(daemon))
    history = await stub(daemon).ListFirmwareHistory(ListFirmwareHistoryRequest(parent="nvme0"))
    rows = [(one.method.rpartition("/")[2], one.previous_revision, one.running_revision) for one in history.records]
    assert rows == [("ResetController", "1.0.0", "2.0.0"), ("ActivateFirmware", "1.0.0", "1.0.0")]


async def test_a_subsystem_is_reset(start_daemon: StartDaemon, resets: list[str]) -> None:
    firmware = FirmwareSpec(("1.0.0", "2.0.0"), activation=Activation.SUBSYSTEM_RESET)
    daemon = await start_daemon(DriveSpec(serial="PAIR", controllers=2, firmware=firmware))
    await wait(daemon, await activate(daemon, 2, "ON_NEXT_RESET"))
    assert unpacked(await wait(daemon, await reset(daemon)), pb.ResetControllerResponse).running_revision == "1.0.0"
    name = await subsystem(daemon)
    answer = await succeeded(daemon, await reset_subsystem(daemon, name), pb.ResetSubsystemResponse)
    assert (answer.subsystem, answer.previous_revision, answer.running_revision) == (name, "1.0.0", "2.0.0")
    assert resets == ["reset_controller", "reset_subsystem"]


async def test_a_reset_is_done_once(start_daemon: StartDaemon, resets: list[str]) -> None:
    daemon = await start_daemon()
    again = str(uuid.uuid4())
    done = await wait(daemon, await reset(daemon, request_id=again))
    assert await reset(daemon, request_id=again) == done
    call = reset(daemon, request_id=again, override_gates=[GATE_IN_USE])
    await refused(CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", call)
    await refused(
        CODE.INVALID_ARGUMENT, "REQUEST_ID_REUSED", reset_subsystem(daemon, await subsystem(daemon), request_id=again)
    )
    later = await start_daemon(state_dir=daemon.state_dir, host=daemon.host)
    assert await reset(later, request_id=again) == done
    assert resets == ["reset_controller"]


@pytest.mark.parametrize("whole", [False, True])
async def test_gates_of_a_reset(daemon: Daemon, resets: list[str], whole: bool) -> None:
    name = await subsystem(daemon)

    async def ask_for(**fields: Any) -> Any:
        return await (reset_subsystem(daemon, name, **fields) if whole else reset(daemon, **fields))

    checked = await ask_for(validate_only=True)
    assert (checked.name, checked.done) == ("", True)
    unacknowledged = await gates(ask_for(acknowledge_disruption=False, validate_only=True))
    assert unacknowledged.keys() == {"DISRUPTION_ACKNOWLEDGED"}
    assert await failed(daemon, await ask_for(acknowledge_disruption=False)) == ("FAILED", "GATE_FAILED")
    daemon.host.occupy("nvme0n1", "/")
    assert (await gates(ask_for(validate_only=True))).keys() == {"BOOT_DEVICE", "IN_USE"}
    assert await failed(daemon, await ask_for()) == ("FAILED", "GATE_FAILED")
    assert resets == []
    done = await wait(daemon, await ask_for(override_gates=["GATE_IN_USE", "GATE_BOOT_DEVICE"]))
    assert (state(done), len(resets)) == ("SUCCEEDED", 1)


async def test_no_reset_gets_into_another_operation(daemon: Daemon, resets: list[str]) -> None:
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=2))
    begun = await stage(daemon)
    await asyncio.to_thread(hang.reached.wait)
    assert (await gates(reset(daemon, validate_only=True))).keys() == {"SUBSYSTEM_BUSY"}
    assert await failed(daemon, await reset(daemon)) == ("FAILED", "SUBSYSTEM_BUSY")
    whole = reset_subsystem(daemon, await subsystem(daemon), validate_only=True)
    assert (await gates(whole)).keys() == {"SUBSYSTEM_BUSY"}
    assert resets == []
    hang.release()
    await succeeded(daemon, begun, StageFirmwareResponse)


async def test_a_reset_cannot_be_cancelled_once_it_is_made(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go, original = threading.Event(), threading.Event(), SimulatedTransport.reset_controller

    def slow(transport: SimulatedTransport) -> None:
        reached.set()
        go.wait()
        original(transport)

    monkeypatch.setattr(SimulatedTransport, "reset_controller", slow)
    begun = await reset(daemon)
    await asyncio.to_thread(reached.wait)
    await ask(daemon, "CancelOperation", name=begun.name)
    shown = metadata(await ask(daemon, "GetOperation", name=begun.name))
    assert (shown.phase, shown.cancellable, shown.cancel_requested) == ("reset", False, True)
    go.set()
    await succeeded(daemon, begun, pb.ResetControllerResponse)


async def test_a_drive_comes_back_at_another_node(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a drive falls off the bus in a reset and is found again."""
    daemon = await start_daemon(small_drive("A"), small_drive("B"))
    first, second = daemon.drive("nvme0"), daemon.drive("nvme1")

    def swap(transport: Any) -> None:
        for controller in (first, second):
            controller.disappear()
        for controller in (second, first):
            controller.reappear()

    monkeypatch.setattr(SimulatedTransport, "reset_controller", swap)
    answer = await succeeded(daemon, await reset(daemon, "controllers/a-1"), pb.ResetControllerResponse)
    assert answer.controller == "controllers/a-1"
    shown = await daemon.inventory.GetController(pb.GetControllerRequest(name="controllers/a-1"))
    assert shown.device_node == "nvme1"


async def test_a_drive_that_cannot_reset_its_subsystem(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(subsystem_reset=False))
    done = await wait(daemon, await reset_subsystem(daemon, await subsystem(daemon)))
    assert await failed(daemon, done) == ("FAILED", "NVME_UNSUPPORTED")


async def test_a_drive_that_is_gone_before_its_reset(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    controller: Controller = daemon.drive()

    def vanish(transport: Any) -> None:
        controller.disappear()
        raise OSError(19, "No such device")

    monkeypatch.setattr(SimulatedTransport, "reset_controller", vanish)
    monkeypatch.setattr(drives, "BACK_S", 0.0)
    done = await wait(daemon, await reset(daemon))
    assert (state(done), metadata(done).steps[0].failure_reason) == ("NEEDS_ATTENTION", "DEVICE_GONE")


@pytest.mark.parametrize(
    ("code", "reason", "fields"),
    [
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"name": ""}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"name": "nvme0/../nvme1"}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"override_gates": [GATE_SUBSYSTEM_BUSY]}),
        (CODE.INVALID_ARGUMENT, "INVALID_FIELD", {"request_id": "1"}),
        (CODE.NOT_FOUND, "CONTROLLER_NOT_FOUND", {"name": "nvme9"}),
    ],
    ids=str,
)
async def test_bad_requests(daemon: Daemon, code: grpc.StatusCode, reason: str, fields: dict[str, Any]) -> None:
    await refused(code, reason, reset(daemon, **fields))
    if "name" not in fields:
        await refused(code, reason, reset_subsystem(daemon, await subsystem(daemon), **fields))
    await refused(CODE.NOT_FOUND, "SUBSYSTEM_NOT_FOUND", reset_subsystem(daemon, "subsystems/none"))
