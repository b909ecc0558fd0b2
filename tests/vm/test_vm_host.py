"""What is around a drive on a real kernel: its slot and light, its link, what pulls it, and what a bundle says of it.

The daemon runs with the drop-ins that docs/host.md and docs/support.md name: they open what the unit keeps closed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from nvmedctl import Client

from nvmed.errors import NvmedError
from nvmed.v1 import inventory_pb2 as pb
from nvmed.v1.log_pb2 import GetSmartLogRequest
from tests.vm import nvmet, qemu
from tests.vm.daemon import SYSTEMD, Daemon
from tests.vm.guest import Guest
from tests.vm.nvmet import Port, Target

DROP_INS = ("kernel-log.conf", "locator.conf")
DIRECTORY = "/etc/systemd/system/nvmed.service.d"


@pytest.fixture(scope="module")
def opened(guest: Guest, daemon: Daemon) -> Iterator[Daemon]:
    """The daemon with the drop-ins."""
    for name in DROP_INS:
        guest.put(f"{DIRECTORY}/{name}", (SYSTEMD / "dropins" / name).read_bytes())
    guest.sh("systemctl daemon-reload; systemctl restart nvmed")
    yield daemon
    guest.sh(f"cd {DIRECTORY}; rm {' '.join(DROP_INS)}; systemctl daemon-reload; systemctl restart nvmed")


async def around(client: Client, node: str) -> pb.ControllerSurroundings:
    return await client.inventory.GetControllerSurroundings(pb.GetControllerSurroundingsRequest(name=node))


async def test_a_slot_its_light_and_link(guest: Guest, opened: Daemon) -> None:
    """QEMU's root port has a slot with an attention indicator, which blinks to locate."""
    node = guest.node(qemu.SOLO)
    device = guest.sh(f"readlink -f /sys/class/nvme/{node}/device").strip()
    number = str(int(qemu.SOLO.slot.removeprefix("rp")) + 1)
    attention = f"/sys/bus/pci/slots/{number}/attention"
    async with opened.client() as client:
        found = await around(client, node)
        assert (found.location.pci_address, found.location.slot) == (device.rpartition("/")[2], number)
        speed, width, fastest, widest = guest.sh(
            f"cd {device}; cat current_link_speed current_link_width max_link_speed max_link_width"
        ).splitlines()
        shown = (found.link.speed_mts, found.link.width, found.link.max_speed_mts, found.link.max_width)
        assert shown == (transfers(speed), int(width), transfers(fastest), int(widest))
        for on, kernel in ((True, "2"), (False, "0")):
            request = pb.SetLocatorRequest(name=node, indicator=pb.INDICATOR_LOCATE, on=on)
            await client.inventory.SetLocator(request)
            assert guest.sh(f"cat {attention}").strip() == kernel
            states = {state.indicator: state.on for state in (await around(client, node)).indicators}
            assert states[pb.INDICATOR_LOCATE] is on


def transfers(text: str) -> int:
    """Millions of transfers a second, of what sysfs says: "2.5 GT/s PCIe"."""
    return int(float(text.split()[0]) * 1000)


PULLED = {"DEVICE_GONE", "DEVICE_IDENTITY_CHANGED", "CONTROLLER_NOT_FOUND", "NVME_PATH"}
"""What a call says by where the pull meets it: at the open, behind it, before it, or as the kernel ends its command."""


async def test_a_drive_pulled_while_it_is_asked(guest: Guest, daemon: Daemon) -> None:
    """Every call ends, those on the way with a reason that says so; the slot's next drive is served."""
    drive = qemu.Controller("asked", "NVMED-ASKED", qemu.SPARE_SLOTS[0])

    async def ask(client: Client, name: str) -> str:
        while True:
            try:
                await client.logs.GetSmartLog(GetSmartLogRequest(controller=name))
            except NvmedError as failure:
                return failure.reason

    async with daemon.client() as client:
        with guest.plugged(drive) as node:
            name = (await client.inventory.GetController(pb.GetControllerRequest(name=node))).name
            async with asyncio.TaskGroup() as group:
                asking = [group.create_task(ask(client, name)) for _ in range(4)]
                await client.logs.GetSmartLog(GetSmartLogRequest(controller=name))
                await asyncio.to_thread(guest.pull, drive)
            assert {task.result() for task in asking} <= PULLED
        with guest.plugged(drive) as node:
            again = await client.inventory.GetController(pb.GetControllerRequest(name=node))
            assert (again.name, again.serial_number) == (name, drive.serial)
            log = await client.logs.GetSmartLog(GetSmartLogRequest(controller=name))
            assert log.HasField("temperature_celsius")


async def test_the_state_of_a_path_is_in_the_surroundings(guest: Guest, daemon: Daemon) -> None:
    port = Port(ana={1: "optimized"})
    target = Target("nqn.2026-01.dev.nvmed:around", ports=[port])
    with nvmet.serving(guest, target), nvmet.connected(guest, target) as node:
        async with daemon.client() as client:
            for state in ("optimized", "inaccessible", "optimized"):
                nvmet.set_ana_state(guest, target, port, 1, state)
                nvmet.wait_ana_state(guest, node, 1, state)
                found = await around(client, node)
                assert [path.ana_state for path in found.paths] == [state]
                assert not found.HasField("link")


KERNEL_LOG = """
import sys, tarfile, zstandard
with open(sys.argv[1], "rb") as file, zstandard.open(file) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
    for member in tar:
        if member.name.endswith("kernel.log"):
            sys.stdout.write(tar.extractfile(member).read().decode())
"""


def test_a_bundle_has_the_kernels_lines_about_the_drive(guest: Guest, opened: Daemon) -> None:
    """As the drop-in opens /dev/kmsg, which Debian gives to CAP_SYSLOG alone."""
    node = guest.node(qemu.SOLO)
    path = "/run/solo.tar.zst"
    guest.put("/run/kernel_log.py", KERNEL_LOG.encode())
    try:
        opened.ctl("--address", "unix:/run/nvmed/admin.sock", "support", "create", node, "-f", path)
        parts = {part["part"]: part for part in json.loads(opened.ctl("support", "show", path, "-o", "json"))["parts"]}
        (name,) = (name for name in parts if name.startswith("controllers/") and name.endswith("/kernel.log"))
        assert parts[name]["finding"] == "complete", parts[name]
        assert f"nvme {node}:" in guest.sh(f"/opt/nvmed/bin/python /run/kernel_log.py {path}")
    finally:
        guest.sh(f"rm -f {path} /run/kernel_log.py")


def test_the_journal_knows_how_grave_a_line_is(guest: Guest, daemon: Daemon) -> None:
    daemon.ctl("controllers", "list")
    newest = guest.sh("journalctl -u nvmed -o json -n 200 --no-pager").splitlines()
    lines = [(entry["PRIORITY"], json.loads(entry["MESSAGE"])) for entry in map(json.loads, newest)
             if str(entry["MESSAGE"]).startswith("{")]  # fmt: skip
    assert lines
    found = guest.sh("journalctl -u nvmed NVMED_EVENT=call NVMED_METHOD=/nvmed.v1.InventoryService/ListControllers"
                     " -o json -n 1 --no-pager")  # fmt: skip
    entry = json.loads(found)
    assert (entry["NVMED_CODE"], entry["SYSLOG_IDENTIFIER"]) == ("ok", "nvmed")
    assert entry["NVMED_REQUEST_ID"] == json.loads(entry["MESSAGE"])["request_id"]
    assert all(priority == {"debug": "7", "info": "6", "warning": "4", "error": "3"}[line["level"]]
               for priority, line in lines)  # fmt: skip
