"""Gates over the wire: validate_only names every one that does not hold, and what is overridden is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from grpc_status import rpc_status
from nvmedctl.errors import from_status

from nvmed.config import Firmware
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.preconditions.erase_gates import ERASE_GATES
from nvmed.simulator.faults import Fault, Hang, Patch
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import DriveSpec, FirmwareSpec
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1 import operations_pb2
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.rpc.firmware_calls import CODE, activate, commits, downloads, put, refused, rollback, stage
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive
from tests.rpc.operation_calls import ask, failed, gates, metadata, states, succeeded, unpacked, violated, wait

FRMW = 260
"""Offset of FRMW in Identify Controller; bit 0: slot 1 read only, 3:1 slots, 4: activates without reset."""

STAGE_GATES = {
    "SUPPORTED", "EXPECTED_MODEL", "EXPECTED_REVISION", "IMAGE", "GRANULARITY", "TRANSFER_SIZE", "SLOT_EXISTS",
    "SLOT_WRITABLE", "TRANSITION", "IMAGE_LISTED", "BOOT_DEVICE", "IN_USE", "SUBSYSTEM_BUSY",
}  # fmt: skip
ACTIVATE_GATES = {
    "SUPPORTED", "EXPECTED_MODEL", "EXPECTED_REVISION", "SLOT_EXISTS", "SLOT_CONTENT", "TRANSITION", "BOOT_DEVICE",
    "IN_USE", "SUBSYSTEM_BUSY", "LIVE_ACTIVATION", "DISRUPTION_ACKNOWLEDGED",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One gate that does not hold: of which drive, by which rules, after what, for which request."""

    gate: str
    found: str
    spec: dict[str, Any] = field(default_factory=dict)
    firmware: dict[str, Any] = field(default_factory=dict)
    rules: str = ""
    prepare: Callable[[Daemon], Any] = lambda daemon: None
    image: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    overridable: bool = False


def identify(offset: int, *content: int) -> Callable[[Daemon], None]:
    def lie(daemon: Daemon) -> None:
        daemon.drive().faults.add(Fault(Patch(offset, bytes(content)), opcode=AdminOpcode.IDENTIFY, times=None))

    return lie


def damage(daemon: Daemon) -> None:
    """One bit of every image in the spool is another, and its size is as before."""
    for path in (daemon.state_dir / "spool").rglob("*"):
        if path.is_file() and path.stat().st_size == 64 * KIB:
            content = bytearray(path.read_bytes())
            content[5000] ^= 1
            path.chmod(0o600)
            path.write_bytes(content)


FORBID = '[[forbid]]\nmodel = "nvmed*"\nfrom = ["1.*"]\nto = ["2.*"]\nbecause = "it bricks"\n'
NOT_LIVE = '[[quirk]]\nforbid_live_activation = true\nbecause = "goes offline"\n'
OTHERS = '[[allow]]\nmodel = "nvmed*"\nfrom = ["0.*"]\nto = ["2.*"]\n'

STAGE_CASES = [
    Case("SUPPORTED", "no firmware commands", spec={"optional_admin_commands": 0x2}),
    Case("EXPECTED_MODEL", "not 'other'", fields={"preconditions": pb.FirmwarePreconditions(model_number="other")}),
    Case("EXPECTED_MODEL", "not 'other'", image={"model_number": "other"}),
    Case("EXPECTED_REVISION", "'1.0.0' runs, not '0.9'",
         fields={"preconditions": pb.FirmwarePreconditions(firmware_revision="0.9")}),
    Case("IMAGE", "SHA-256", prepare=damage),
    Case("GRANULARITY", "FWUG 8", firmware={"granularity_pages": 8}, image={"size": 36 * KIB}, overridable=True),
    Case("GRANULARITY", "by the firmware rules", rules='[[quirk]]\ngranularity_bytes = 32768\n',
         image={"size": 36 * KIB}, overridable=True),
    Case("TRANSFER_SIZE", "one command carries 8192", spec={"mdts": 1}, firmware={"granularity_pages": 4}),
    Case("TRANSFER_SIZE", "one command carries 8192", spec={"mdts": 1}, rules='[[quirk]]\ntransfer_bytes = 65536\n'),
    Case("SLOT_EXISTS", "there is no slot 4", fields={"slot": 4}),
    Case("SLOT_WRITABLE", "slot 1 is read only", firmware={"slot_1_read_only": True}, fields={"slot": 1}),
    Case("SLOT_WRITABLE", "name the slot", firmware={"slots": ("1.0.0",)}),
    Case("TRANSITION", "it bricks", rules=FORBID, overridable=True),
    Case("TRANSITION", "not among the steps", rules=OTHERS, overridable=True),
    Case("IMAGE_LISTED", "do not list", rules="require_listed_images = true\n", overridable=True),
    Case("IN_USE", "/mnt", prepare=lambda daemon: daemon.host.occupy("nvme0n1"), overridable=True),
]  # fmt: skip

ACTIVATE_CASES = [
    Case("SUPPORTED", "no firmware commands", spec={"optional_admin_commands": 0x2}),
    Case("SUPPORTED", "FRMW bit 4", prepare=identify(FRMW, 0b00110), fields={"mode": "IMMEDIATE"}),
    Case("EXPECTED_MODEL", "not 'other'", fields={"preconditions": pb.FirmwarePreconditions(model_number="other")}),
    Case("EXPECTED_REVISION", "not '0.9'", fields={"preconditions": pb.FirmwarePreconditions(firmware_revision="0.9")}),
    Case("SLOT_EXISTS", "there is no slot 4", fields={"slot": 4}),
    Case("SLOT_CONTENT", "slot 3 is empty", fields={"slot": 3}),
    Case("SLOT_CONTENT", "holds '2.0.0', not '3.0.0'", fields={"slot_revision": "3.0.0"}),
    Case("TRANSITION", "it bricks", rules=FORBID, overridable=True),
    Case("IN_USE", "/mnt", prepare=lambda daemon: daemon.host.occupy("nvme0n1"), overridable=True),
    Case("LIVE_ACTIVATION", "goes offline", rules=NOT_LIVE, prepare=identify(FRMW, 0b10110),
         fields={"mode": "IMMEDIATE"}, overridable=True),
    Case("DISRUPTION_ACKNOWLEDGED", "set acknowledge_disruption", fields={"acknowledge_disruption": False}),
    Case("DISRUPTION_ACKNOWLEDGED", "set acknowledge_disruption", prepare=identify(FRMW, 0b10110),
         fields={"mode": "IMMEDIATE", "acknowledge_disruption": False}),
]  # fmt: skip


def named(case: Case) -> str:
    return f"{case.gate}: {case.found}"


async def start(start_daemon: StartDaemon, case: Case, tmp_path: Path, slots: tuple[str, ...]) -> Daemon:
    rules = tmp_path / "rules.toml"
    rules.write_text(case.rules)
    firmware = FirmwareSpec(**{"slots": slots, "granularity_enforced": False, **case.firmware})
    return await start_daemon(small_drive(firmware=firmware, **case.spec), firmware=Firmware(rules=str(rules)))


@pytest.mark.parametrize("case", STAGE_CASES, ids=named)
async def test_a_gate_of_staging(start_daemon: StartDaemon, tmp_path: Path, case: Case) -> None:
    daemon = await start(start_daemon, case, tmp_path, ("1.0.0", "", ""))
    image = await put(daemon, **case.image)
    case.prepare(daemon)
    found = await gates(stage(daemon, image=image, validate_only=True, **case.fields))
    assert found.keys() == {case.gate}
    assert case.found in found[case.gate]
    done = await wait(daemon, await stage(daemon, image=image, **case.fields))
    assert await failed(daemon, done) == ("FAILED", "GATE_FAILED")
    assert case.found in done.error.message
    assert (downloads(daemon), commits(daemon)) == (0, [])
    override = {"override_gates": [f"GATE_{case.gate}"], **case.fields}
    if case.overridable:
        answer = await succeeded(daemon, await stage(daemon, image=image, **override), pb.StageFirmwareResponse)
        assert states(answer.gates)[case.gate] == "OVERRIDDEN"
        assert (answer.drives[0].slot_revision, len(commits(daemon))) == ("2.0.0", 1)
    else:
        await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", stage(daemon, image=image, **override))


@pytest.mark.parametrize("case", ACTIVATE_CASES, ids=named)
async def test_a_gate_of_activating(start_daemon: StartDaemon, tmp_path: Path, case: Case) -> None:
    daemon = await start(start_daemon, case, tmp_path, ("1.0.0", "2.0.0", ""))
    case.prepare(daemon)
    found = await gates(activate(daemon, validate_only=True, **case.fields))
    assert found.keys() == {case.gate}
    assert case.found in found[case.gate]
    done = await wait(daemon, await activate(daemon, **case.fields))
    assert await failed(daemon, done) == ("FAILED", "GATE_FAILED")
    assert commits(daemon) == []
    override = {"override_gates": [f"GATE_{case.gate}"], **case.fields}
    if case.overridable:
        answer = await succeeded(daemon, await activate(daemon, **override), pb.ActivateFirmwareResponse)
        assert states(answer.gates)[case.gate] == "OVERRIDDEN"
        assert answer.running_revision == "2.0.0"
    else:
        await refused(CODE.INVALID_ARGUMENT, "INVALID_FIELD", activate(daemon, **override))


async def test_a_boot_drive_is_both(daemon: Daemon) -> None:
    daemon.host.occupy("nvme0n1", "/boot/efi")
    image = await put(daemon)
    found = await gates(stage(daemon, image=image, validate_only=True))
    assert found == {
        "BOOT_DEVICE": "the host boots from nvme0n1 (nvme0n1 mounted /boot/efi)",
        "IN_USE": "nvme0n1 is in use (nvme0n1 mounted /boot/efi)",
    }
    daemon.drive().subsystem.firmware.slots[2] = "0.9.0"
    assert await gates(activate(daemon, 3, "ON_NEXT_RESET", validate_only=True)) == found
    assert await gates(rollback(daemon, slot=3, validate_only=True)) == found
    half = stage(daemon, image=image, override_gates=["GATE_IN_USE"])
    assert await failed(daemon, await half) == ("FAILED", "GATE_FAILED")
    both = await stage(daemon, image=image, override_gates=["GATE_IN_USE", "GATE_BOOT_DEVICE"])
    answer = await succeeded(daemon, both, pb.StageFirmwareResponse)
    assert {gate for gate, how in states(answer.gates).items() if how == "OVERRIDDEN"} == {"IN_USE", "BOOT_DEVICE"}


async def test_a_subsystem_is_worked_on_by_one_at_a_time(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="PAIR", controllers=2))
    image = await put(daemon)
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=1))
    begun = await stage(daemon, image=image)
    await asyncio.to_thread(hang.reached.wait)
    found = await gates(stage(daemon, "nvme1", image=image, validate_only=True))
    assert found == {"SUBSYSTEM_BUSY": found["SUBSYSTEM_BUSY"]}
    assert begun.name in found["SUBSYSTEM_BUSY"]
    busy = await wait(daemon, await stage(daemon, "nvme1", image=image))
    assert await failed(daemon, busy) == ("FAILED", "SUBSYSTEM_BUSY")
    failure = from_status(busy.error)
    assert (failure.code, failure.retry_delay_ms) == ("UNAVAILABLE", 1000)
    assert metadata(busy).next_step == OperationMetadata.NEXT_STEP_REQUEST_AGAIN
    daemon.host.occupy("nvme0n1")
    both = await wait(daemon, await stage(daemon, "nvme1", image=image))
    assert await failed(daemon, both) == ("FAILED", "GATE_FAILED")
    assert from_status(both.error).metadata["transient"] == "SUBSYSTEM_BUSY"
    assert metadata(both).next_step == OperationMetadata.NEXT_STEP_UNSPECIFIED
    daemon.host.vacate("nvme0n1")
    other = activate(daemon, 1, controller="nvme1", validate_only=True, mode="ON_NEXT_RESET")
    assert unpacked(await other, pb.ActivateFirmwareResponse).slot == 1  # it runs already: nothing would be done
    hang.release()
    await succeeded(daemon, begun, pb.StageFirmwareResponse)
    await succeeded(daemon, await stage(daemon, "nvme1", image=image, slot=3), pb.StageFirmwareResponse)


async def test_all_gates_that_do_not_hold_are_named_together(start_daemon: StartDaemon, tmp_path: Path) -> None:
    """Of every drive, with those that hold in the metadata."""
    rules = tmp_path / "rules.toml"
    rules.write_text("require_listed_images = true\n" + FORBID)
    specs = [small_drive(serial, firmware=FirmwareSpec(slot_1_read_only=True)) for serial in ("A", "B")]
    daemon = await start_daemon(*specs, firmware=Firmware(rules=str(rules)))
    image = await put(daemon, model_number="other")
    daemon.host.occupy("nvme1n1", "/")
    conditions = pb.FirmwarePreconditions(firmware_revision="0.9")
    call = stage(daemon, "nvme0", "nvme1", image=image, slot=1, preconditions=conditions, validate_only=True)
    error = await refused(CODE.FAILED_PRECONDITION, "GATE_FAILED", call)
    status = rpc_status.from_call(error)
    assert status is not None
    found = [(gate, controller) for gate, controller, _ in violated(status)]
    everywhere = ["EXPECTED_MODEL", "EXPECTED_REVISION", "SLOT_WRITABLE", "TRANSITION", "IMAGE_LISTED"]
    assert found == [
        *((gate, "controllers/a-1") for gate in everywhere),
        *((gate, "controllers/b-1") for gate in [*everywhere, "BOOT_DEVICE", "IN_USE"]),
    ]
    assert not (await ask(daemon, "ListOperations")).operations


async def test_validate_only_answers_what_would_be_done_and_how_each_gate_was_found(daemon: Daemon) -> None:
    image = await put(daemon)
    checked = await stage(daemon, image=image, validate_only=True)
    assert (checked.name, checked.done) == ("", True)
    answer = unpacked(checked, pb.StageFirmwareResponse)
    assert (answer.drives[0].slot, answer.drives[0].outcome) == (2, pb.FIRMWARE_OUTCOME_UNSPECIFIED)
    assert states(answer.gates).keys() == STAGE_GATES
    daemon.drive().subsystem.firmware.slots[1] = "2.0.0"
    checked = await activate(daemon, validate_only=True)
    plan = unpacked(checked, pb.ActivateFirmwareResponse)
    assert (checked.name, plan.slot_revision, plan.outcome) == ("", "2.0.0", pb.FIRMWARE_OUTCOME_UNSPECIFIED)
    assert states(plan.gates).keys() == ACTIVATE_GATES
    back = unpacked(await rollback(daemon, leaves="1.0.0", validate_only=True), pb.ActivateFirmwareResponse)
    assert (back.slot, set(states(back.gates))) == (2, ACTIVATE_GATES)
    assert (downloads(daemon), commits(daemon)) == (0, [])
    assert not (await ask(daemon, "ListOperations")).operations


def test_every_gate_is_tried() -> None:
    """GATE_SUBSYSTEM_BUSY and GATE_BOOT_DEVICE have tests of their own above."""
    tried = {case.gate for case in STAGE_CASES + ACTIVATE_CASES} | {"SUBSYSTEM_BUSY", "BOOT_DEVICE"}
    others = {"RISK_ACKNOWLEDGED", *ERASE_GATES}
    assert tried | others == {name.removeprefix("GATE_") for name in operations_pb2.Gate.keys()[1:]}
    assert tried == STAGE_GATES | ACTIVATE_GATES


async def test_rules_are_read_anew(start_daemon: StartDaemon, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("")
    daemon = await start_daemon(firmware=Firmware(rules=str(rules)))
    image = await put(daemon)
    unpacked(await stage(daemon, image=image, validate_only=True), pb.StageFirmwareResponse)
    rules.write_text("require_listed_images = true\n")
    assert (await gates(stage(daemon, image=image, validate_only=True))).keys() == {"IMAGE_LISTED"}
    rules.write_text("require_listed_images = perhaps\n")
    call = stage(daemon, image=image, validate_only=True)
    await refused(CODE.FAILED_PRECONDITION, "FIRMWARE_RULES_INVALID", call)
    digest = hashlib.sha256(build_image("2.0.0", 64 * KIB)).hexdigest()
    rules.write_text(f'require_listed_images = true\n[[image]]\nsha256 = "{digest}"\n')
    checked = unpacked(await stage(daemon, image=image, validate_only=True), pb.StageFirmwareResponse)
    assert states(checked.gates)["IMAGE_LISTED"] == "HOLDS"
    rules.unlink()
    await refused(CODE.FAILED_PRECONDITION, "FIRMWARE_RULES_INVALID", stage(daemon, image=image, validate_only=True))
