"""`nvmed.linux` on the real kernel: what it scans and what its ioctls bring is what nvme-cli sees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vm import nvmet, qemu
from tests.vm.guest import Guest
from tests.vm.nvmet import Namespace, Port, Target

NQN = "nqn.2026-01.dev.nvmed:linux"


def scan() -> list[dict[str, Any]]:
    """In the guest: every controller that nvmed sees."""
    import dataclasses

    from nvmed.linux.sysfs import LinuxHost

    return [dataclasses.asdict(controller) for controller in LinuxHost().scan()]


def named(guest: Guest, node: str) -> dict[str, Any]:
    return next(controller for controller in guest.call(scan) if controller["node"] == node)


def identify(node: str) -> str:
    """In the guest: Identify Controller through nvmed, in hexadecimal digits."""
    from nvmed.nvme.identify import identify_controller
    from tests.vm.inside import opened

    data = bytearray(4096)
    with opened(node) as transport:
        assert transport.admin(identify_controller(), data).status == 0
    return data.hex()


@contextlib.contextmanager
def two_paths(guest: Guest) -> Iterator[tuple[str, str]]:
    """A target of the kernel's own by two ports: its controllers, found through the first and the second."""
    near, far = Port(service=4420), Port(service=4421, ana={1: "inaccessible"})
    target = Target(NQN, serial="NVMED-PATHS", namespaces=[Namespace(7)], ports=[near, far])
    with (
        nvmet.serving(guest, target),
        nvmet.connected(guest, target, near) as first,
        nvmet.connected(guest, target, far) as second,
    ):
        guest.wait(f"grep -q inaccessible /sys/class/nvme/{second}/nvme*c*n*/ana_state")
        yield first, second


def test_scan_finds_what_nvme_list_finds(guest: Guest) -> None:
    with two_paths(guest):
        controllers = guest.call(scan)
        listed = guest.json("nvme list -o json")["Devices"]
        verbose = guest.json("nvme list -v -o json")["Devices"]
    seen = {
        f"/dev/{namespace['node']}": (
            controller["serial"],
            controller["model"],
            controller["firmware_revision"],
            namespace["size_bytes"],
            namespace["logical_block_bytes"],
        )
        for controller in controllers
        for namespace in controller["namespaces"]
    }
    fields = ("SerialNumber", "ModelNumber", "Firmware", "PhysicalSize", "SectorSize")
    assert seen == {device["DevicePath"]: tuple(device[field] for field in fields) for device in listed}

    members = {
        (controller["node"], controller["subsystem_node"], controller["subsystem_nqn"], controller["transport"])
        for controller in controllers
    }
    assert members == {
        (controller["Controller"], subsystem["Subsystem"], subsystem["SubsystemNQN"], controller["Transport"])
        for host in verbose
        for subsystem in host["Subsystems"]
        for controller in subsystem["Controllers"]
    }


def test_paths_show_their_state(guest: Guest) -> None:
    with two_paths(guest) as (first, second):
        near, far = (named(guest, node) for node in (first, second))
    assert near["subsystem_node"] == far["subsystem_node"]
    assert [path["node"] for path in near["namespaces"]] == [path["node"] for path in far["namespaces"]]
    assert [path["nsid"] for path in near["namespaces"]] == [7]
    assert [path["ana_state"] for path in near["namespaces"] + far["namespaces"]] == ["optimized", "inaccessible"]
    assert "trsvcid=4421" in far["address"]


@pytest.mark.parametrize("drive", qemu.CONTROLLERS, ids=lambda drive: drive.device)
def test_identify_is_byte_for_byte_that_of_nvme_cli(guest: Guest, drive: qemu.Controller) -> None:
    node = guest.node(drive)
    expected = guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
    assert len(expected) == 4096
    assert bytes.fromhex(guest.call(identify, node)) == expected


def all_on_an_old_kernel(node: str, namespace: str) -> tuple[str, bool]:
    """In the guest: Identify, and 64 KiB written and read, where the kernel has no 64-bit ioctls."""
    import os

    from nvmed.nvme.identify import identify_controller
    from nvmed.nvme.transport import Command
    from tests.vm.inside import be_an_old_kernel, opened

    be_an_old_kernel(node)
    identity = bytearray(4096)
    with opened(node) as transport:
        assert transport.admin(identify_controller(), identity).status == 0
    sent, received = bytearray(os.urandom(65536)), bytearray(65536)
    with opened(node, namespace) as transport:
        written = transport.io(Command(opcode=1, nsid=1, cdw12=127), sent)
        read = transport.io(Command(opcode=2, nsid=1, cdw12=127), received)
    return identity.hex(), written.status == read.status == 0 and sent == received


def test_an_old_kernel_is_served_through_the_32_bit_ioctl(guest: Guest) -> None:
    node = guest.node(qemu.SOLO)
    expected = guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
    (namespace,) = named(guest, node)["namespaces"]
    identity, blocks_came_back = guest.call(all_on_an_old_kernel, node, namespace["node"])
    assert bytes.fromhex(identity) == expected
    assert blocks_came_back


def refusals(node: str) -> list[int]:
    """In the guest: what a log page, an opcode and a namespace that QEMU has not are answered with."""
    from nvmed.nvme.transport import Command
    from tests.vm.inside import opened

    telemetry, commit, namespace = Command(0x02, cdw10=0x07 | 127 << 16), Command(0x10), Command(0x06, nsid=0x1000)
    with opened(node) as transport:
        completions = [
            transport.admin(telemetry, bytearray(512)),
            transport.admin(commit),
            transport.admin(namespace, bytearray(4096)),
        ]
    return [completion.status for completion in completions]


def test_refusals_are_values(guest: Guest) -> None:
    assert guest.call(refusals, guest.node(qemu.SOLO)) == [0x4002, 0x4001, 0x400B]


def write_and_read(node: str, namespace: str) -> bool:
    """In the guest: 64 KiB to the namespace's node and back."""
    import os

    from nvmed.nvme.transport import Command
    from tests.vm.inside import opened

    sent, received = bytearray(os.urandom(65536)), bytearray(65536)
    with opened(node, namespace) as transport:
        written = transport.io(Command(opcode=1, nsid=1, cdw12=127), sent)
        read = transport.io(Command(opcode=2, nsid=1, cdw12=127), received)
    return written.status == read.status == 0 and sent == received


@pytest.mark.parametrize("kind", ["node", "generic_node"])
def test_reads_and_writes(guest: Guest, kind: str) -> None:
    controller = named(guest, guest.node(qemu.SOLO))
    (namespace,) = controller["namespaces"]
    assert guest.call(write_and_read, controller["node"], namespace[kind])


def reset_and_rescan(node: str) -> str:
    """In the guest: both ioctls that have no argument, and the state afterwards."""
    from tests.vm.inside import found, opened

    with opened(node) as transport:
        transport.reset_controller()
        transport.rescan()
    return found(node).state


def test_reset_and_rescan(guest: Guest) -> None:
    assert guest.call(reset_and_rescan, guest.node(qemu.SOLO)) == "live"
    assert "resetting controller" in guest.sh("dmesg | tail -n 20")


def remember(node: str) -> str:
    """In the guest: what nvmed knows of a controller, for `open_remembered`."""
    import pickle

    from tests.vm.inside import found

    return pickle.dumps(found(node)).hex()


def open_remembered(memory: str) -> str:
    """In the guest: the reason why a controller cannot be opened any more, "" if it can."""
    import pickle

    from nvmed.errors import NvmedError
    from nvmed.linux.sysfs import LinuxHost

    try:
        LinuxHost().open(pickle.loads(bytes.fromhex(memory))).close()  # noqa: S301
    except NvmedError as failure:
        return failure.reason
    except OSError as failure:
        return type(failure).__name__
    return ""


def test_a_node_given_to_the_next_drive_is_not_mistaken(guest: Guest) -> None:
    first, second = (qemu.Controller(name, f"NVMED-{name}", qemu.SPARE_SLOTS[0]) for name in ("first", "second"))
    with guest.plugged(first) as node:
        memory = guest.call(remember, node)
        assert guest.call(open_remembered, memory) == ""
    assert guest.call(open_remembered, memory) == "FileNotFoundError"
    with guest.plugged(second) as again:
        assert again == node, "the kernel did not give the number away"
        assert guest.call(open_remembered, memory) == "DEVICE_IDENTITY_CHANGED"


def hold(node: str) -> None:
    """In the guest: keep a controller open until it is removed, and write down what the next command brings."""
    import errno
    import time
    from pathlib import Path

    from nvmed.nvme.identify import identify_controller
    from tests.vm.inside import opened

    note = Path("/run/held")
    with opened(node) as transport:
        note.touch()
        while Path(f"/sys/class/nvme/{node}").exists():
            time.sleep(0.05)
        try:
            transport.admin(identify_controller(), bytearray(4096))
        except OSError as failure:
            note.write_text(errno.errorcode[failure.errno or 0])


def test_a_drive_pulled_while_open(guest: Guest) -> None:
    drive = qemu.Controller("held", "NVMED-held", qemu.SPARE_SLOTS[1])
    with guest.plugged(drive) as node, guest.running(hold, node):
        guest.wait("[ -e /run/held ]")
        guest.pull(drive)
        guest.wait("[ -s /run/held ]")
    assert guest.sh("cat /run/held; rm /run/held") == "ENODEV"
