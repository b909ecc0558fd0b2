"""The daemon on a real kernel, asked from outside over gRPC: what it lists is what sysfs and nvme-cli show."""

from __future__ import annotations

from nvmed.simulator.subsystem import Subsystem
from tests.vm import nvmet, qemu, simulated
from tests.vm.daemon import Daemon
from tests.vm.guest import Guest
from tests.vm.nvmet import Namespace, Port, Target

TARGET = Target("nqn.2026-01.dev.nvmed:inventory", ports=[Port(service=4420), Port(service=4421)])


def attribute(guest: Guest, node: str, name: str) -> str:
    return guest.sh(f"cat /sys/class/nvme/{node}/{name}").strip()


async def test_controllers_are_those_of_sysfs(guest: Guest, daemon: Daemon) -> None:
    async with daemon.client() as client:
        listed = [controller async for controller in client.list_controllers()]
    assert sorted(controller.device_node for controller in listed) == sorted(guest.sh("ls /sys/class/nvme").split())
    for controller in listed:
        shown = {
            "serial": controller.serial_number,
            "model": controller.model_number,
            "firmware_rev": controller.firmware_revision,
            "cntlid": str(controller.controller_id),
            "subsysnqn": controller.subsystem_nqn,
            "transport": controller.transport,
            "address": controller.address,
        }
        assert shown == {name: attribute(guest, controller.device_node, name) for name in shown}
        assert controller.state == controller.STATE_LIVE
    assert len({controller.name for controller in listed}) == len(listed)


async def test_namespaces_are_those_of_nvme_list(guest: Guest, daemon: Daemon) -> None:
    subsystem = Subsystem()
    with (
        simulated.serving(guest, subsystem) as target,
        target.connected(guest, subsystem) as node,
        nvmet.serving(guest, TARGET),
        nvmet.connected(guest, TARGET, TARGET.ports[0]),
        nvmet.connected(guest, TARGET, TARGET.ports[1]),
    ):
        guest.wait(f"[ -b /dev/{node}n1 ]")
        listed = guest.json("nvme list -o json")["Devices"]
        async with daemon.client() as client:
            namespaces = [namespace async for namespace in client.list_namespaces()]
    assert {
        (f"/dev/{namespace.device_node}", namespace.size_bytes, namespace.logical_block_bytes)
        for namespace in namespaces
    } == {(device["DevicePath"], device["PhysicalSize"], device["SectorSize"]) for device in listed}
    shared = [namespace for namespace in namespaces if len(namespace.paths) == 2]
    assert {namespace.size_bytes for namespace in shared} == {qemu.SHARED.size_bytes, Namespace().size_mib << 20}


async def test_a_drive_that_comes_and_goes(guest: Guest, daemon: Daemon) -> None:
    drive = qemu.Controller("visitor", "NVMED-VISITOR", qemu.SPARE_SLOTS[0])
    visitors = f'serial_number = "{drive.serial}"'
    async with daemon.client() as client:
        with guest.plugged(drive) as node:
            assert [found.device_node async for found in client.list_controllers(visitors)] == [node]
        assert [found async for found in client.list_controllers(visitors)] == []


def test_nvmedctl_speaks_to_its_own_host(guest: Guest, daemon: Daemon) -> None:
    table = daemon.ctl("--address", "unix:/run/nvmed/admin.sock", "controllers", "list", "-o", "wide")
    for drive in qemu.CONTROLLERS:
        assert drive.serial in table
