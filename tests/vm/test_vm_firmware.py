"""Firmware through real ioctls: the simulator is the drive, the kernel's driver stands between it and nvmed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from google.longrunning.operations_pb2 import Operation
from nvmedctl import Client
from nvmedctl.operations import metadata, unpack, wait

from nvmed.errors import FailedPrecondition, NvmedError
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Fault, Hang
from nvmed.simulator.firmware_image import build_image
from nvmed.simulator.spec import KIB, MIB, DriveSpec, NamespaceSpec
from nvmed.simulator.subsystem import Subsystem
from nvmed.v1 import firmware_pb2 as pb
from nvmed.v1.inventory_pb2 import ResetControllerRequest, ResetControllerResponse
from nvmed.v1.operations_pb2 import OperationMetadata
from tests.vm import qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import PATIENCE_S, Guest

NEW = "2.0.0"
MOUNT = "/run/mounted"


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    async with daemon.client() as connected:
        yield connected


@contextlib.contextmanager
def connected(guest: Guest) -> Iterator[tuple[Subsystem, simulated.Target, str]]:
    """A drive that runs 1.0.0, its target, and its node in the guest."""
    subsystem = Subsystem(DriveSpec(serial="NVMED-FIRMWARE", namespaces=(NamespaceSpec(size_bytes=16 * MIB),)))
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.wait(f"[ -b /dev/{node}n1 ]")
        yield subsystem, target, node


@contextlib.contextmanager
def mounted(guest: Guest, device: str) -> Iterator[None]:
    """A file system on `device`, in use while the block lasts."""
    guest.sh(f"mkfs.ext4 -q -F {device}; mkdir -p {MOUNT}; mount {device} {MOUNT}")
    try:
        yield
    finally:
        guest.sh(f"umount {MOUNT}")


async def uploaded(client: Client, folder: Path, size: int = 300 * KIB) -> str:
    """The name of an image of 2.0.0 in the spool."""
    file = folder / "image"
    file.write_bytes(build_image(NEW, size))
    return (await client.upload_image(file, firmware_revision=NEW)).image.name


async def staged(client: Client, node: str, image: str) -> pb.StageFirmwareResponse.Drive:
    """The image in slot 2."""
    begun = await client.firmware.StageFirmware(pb.StageFirmwareRequest(controllers=[node], image=image, slot=2))
    (drive,) = unpack(await wait(client.operations, begun), pb.StageFirmwareResponse).drives
    return drive


async def activated(client: Client, node: str, mode: pb.ActivationMode) -> pb.ActivateFirmwareResponse:
    """What came of the activation of slot 2."""
    request = pb.ActivateFirmwareRequest(
        controller=node, slot=2, slot_revision=NEW, activation_mode=mode, acknowledge_disruption=True
    )
    return unpack(
        await wait(client.operations, await client.firmware.ActivateFirmware(request)), pb.ActivateFirmwareResponse
    )


async def verified(client: Client, node: str) -> pb.VerifyFirmwareResponse:
    request = pb.VerifyFirmwareRequest(controller=node, firmware_revision=NEW, slot=2)
    return unpack(
        await wait(client.operations, await client.firmware.VerifyFirmware(request)), pb.VerifyFirmwareResponse
    )


async def slots(client: Client, node: str) -> tuple[int, list[str]]:
    """The active slot, and what each of the drive's slots holds."""
    found = await client.firmware.GetFirmwareSlots(pb.GetFirmwareSlotsRequest(controller=node))
    (active,) = (slot.slot for slot in found.slots if slot.active)
    return active, [slot.revision for slot in found.slots]


def slots_by_nvme_cli(guest: Guest, node: str) -> tuple[int, list[str]]:
    """The same of `nvme fw-log`, as far as the drive has slots."""
    log = guest.run("nvme", "fw-log", f"/dev/{node}", "-b").stdout
    count = guest.json(f"nvme id-ctrl /dev/{node} -o json")["frmw"] >> 1 & 7
    return log[0] & 7, [log[at : at + 8].decode().strip(" \0") for at in range(8, 8 + 8 * count, 8)]


def kernel_revision(guest: Guest, node: str) -> str:
    return guest.sh(f"cat /sys/class/nvme/{node}/firmware_rev").strip()


async def test_upload_stage_activate_verify(guest: Guest, client: Client, tmp_path: Path) -> None:
    """The drive is reset by the kernel's ioctl, which brings the new revision, to sysfs too."""
    with connected(guest) as (subsystem, _, node):
        drive = await staged(client, node, await uploaded(client, tmp_path))
        assert (drive.outcome, drive.slot_revision) == (pb.FIRMWARE_OUTCOME_STAGED, NEW)
        assert await slots(client, node) == slots_by_nvme_cli(guest, node) == (1, ["1.0.0", NEW, ""])
        assert subsystem.firmware.revision == kernel_revision(guest, node) == "1.0.0", "staging activated"
        answer = await activated(client, node, pb.ACTIVATION_MODE_CONTROLLER_RESET)
        assert (answer.outcome, answer.previous_revision, answer.running_revision) == (
            pb.FIRMWARE_OUTCOME_ACTIVATED, "1.0.0", NEW,
        )  # fmt: skip
        assert await slots(client, node) == slots_by_nvme_cli(guest, node) == (2, ["1.0.0", NEW, ""])
        assert guest.json(f"nvme id-ctrl /dev/{node} -o json")["fr"].strip() == NEW
        found = await verified(client, node)
        assert (found.running_revision, found.active_slot) == (NEW, 2)
        guest.wait(f"grep -q {NEW} /sys/class/nvme/{node}/firmware_rev")


async def test_a_reset_of_its_own_activates(guest: Guest, client: Client, tmp_path: Path) -> None:
    with connected(guest) as (subsystem, _, node):
        await staged(client, node, await uploaded(client, tmp_path))
        answer = await activated(client, node, pb.ACTIVATION_MODE_ON_NEXT_RESET)
        assert (answer.outcome, answer.required_reset) == (
            pb.FIRMWARE_OUTCOME_PENDING_RESET, pb.REQUIRED_RESET_CONTROLLER,
        )  # fmt: skip
        assert subsystem.firmware.revision == "1.0.0"
        with pytest.raises(NvmedError) as failure:
            await verified(client, node)
        assert failure.value.reason == "FIRMWARE_NOT_VERIFIED"
        request = ResetControllerRequest(name=node, acknowledge_disruption=True)
        begun = await client.inventory.ResetController(request)
        reset = unpack(await wait(client.operations, begun), ResetControllerResponse)
        assert (reset.previous_revision, reset.running_revision) == ("1.0.0", NEW)
        assert (await verified(client, node)).active_slot == slots_by_nvme_cli(guest, node)[0] == 2


async def test_activation_without_a_reset(guest: Guest, client: Client, tmp_path: Path) -> None:
    with connected(guest) as (_, _, node):
        await staged(client, node, await uploaded(client, tmp_path))
        answer = await activated(client, node, pb.ACTIVATION_MODE_IMMEDIATE)
        assert (answer.outcome, answer.running_revision) == (pb.FIRMWARE_OUTCOME_ACTIVATED, NEW)
        assert slots_by_nvme_cli(guest, node)[0] == 2
        assert guest.json(f"nvme id-ctrl /dev/{node} -o json")["fr"].strip() == NEW


async def test_a_mounted_namespace_blocks(guest: Guest, client: Client, tmp_path: Path) -> None:
    with connected(guest) as (subsystem, _, node):
        image = await uploaded(client, tmp_path)
        await staged(client, node, image)
        with mounted(guest, f"/dev/{node}n1"):
            for attempt in (
                lambda: activated(client, node, pb.ACTIVATION_MODE_CONTROLLER_RESET),
                lambda: reset(client, node),
            ):
                with pytest.raises(FailedPrecondition) as failure:
                    await attempt()
                assert failure.value.reason == "GATE_FAILED"
                assert [(gate.kind, MOUNT in gate.description) for gate in failure.value.gates] == [("IN_USE", True)]
            assert (subsystem.firmware.revision, subsystem.firmware.pending) == ("1.0.0", 0)
        answer = await activated(client, node, pb.ACTIVATION_MODE_CONTROLLER_RESET)
        assert answer.running_revision == NEW


async def reset(client: Client, node: str) -> ResetControllerResponse:
    """What came of a reset that nothing overrides."""
    request = ResetControllerRequest(name=node, acknowledge_disruption=True)
    return unpack(
        await wait(client.operations, await client.inventory.ResetController(request)), ResetControllerResponse
    )


async def test_qemus_drives_say_that_they_cannot(guest: Guest, client: Client, tmp_path: Path) -> None:
    node = guest.node(qemu.SOLO)
    image = await uploaded(client, tmp_path)
    request = pb.StageFirmwareRequest(controllers=[node], image=image, validate_only=True)
    with pytest.raises(FailedPrecondition) as refused:
        await client.firmware.StageFirmware(request)
    assert "SUPPORTED" in [gate.kind for gate in refused.value.gates]
    assert await slots(client, node) == slots_by_nvme_cli(guest, node)


async def test_a_target_killed_in_mid_download(guest: Guest, client: Client, tmp_path: Path) -> None:
    """Nothing was committed, and the operation says so; when the target is back, the same works."""
    with connected(guest) as (subsystem, target, node):
        image = await uploaded(client, tmp_path, 1 * MIB)
        hang = Hang()
        fault = Fault(hang, opcode=AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, skip=3)
        subsystem.controller.faults.add(fault)
        begun = await client.firmware.StageFirmware(pb.StageFirmwareRequest(controllers=[node], image=image, slot=2))
        assert await asyncio.to_thread(hang.reached.wait, PATIENCE_S)
        hang.release()
        await asyncio.to_thread(target.stop)
        ended = await wait(client.operations, begun)
        with pytest.raises(NvmedError) as failure:
            unpack(ended, pb.StageFirmwareResponse)
        assert failure.value.reason in ("NVME_PATH", "COMMAND_TIMEOUT", "DEVICE_GONE")
        assert state(ended) in (OperationMetadata.STATE_FAILED, OperationMetadata.STATE_SAFE_TO_RETRY)
        assert subsystem.firmware.slots == ["1.0.0", "", ""]
        target.start()
        guest.wait(f"grep -q live /sys/class/nvme/{node}/state")
        assert (await staged(client, node, image)).slot_revision == NEW
        assert slots_by_nvme_cli(guest, node) == (1, ["1.0.0", NEW, ""])


def state(operation: Operation) -> OperationMetadata.State:
    return metadata(operation).state
