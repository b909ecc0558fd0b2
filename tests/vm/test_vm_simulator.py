"""The simulator as the kernel sees it over NVMe/TCP: nvme-cli finds what was simulated, and so does nvmed."""

from __future__ import annotations

from nvmed.nvme.ana import AnaState
from nvmed.nvme.identify import identify_controller
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Transport
from nvmed.simulator import recorder, recording, replay
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem
from tests.vm import simulated
from tests.vm.guest import PYTHON, Guest
from tests.vm.test_vm_linux import identify, named


def drive(**changes: object) -> Subsystem:
    """A small drive with a telemetry log in each area."""
    telemetry = TelemetrySpec.of_sizes(8192, 65536, 0, 1 * MIB, seed=7)
    spec = {"serial": "NVMED-SIM", "namespaces": (NamespaceSpec(size_bytes=64 * MIB),), "telemetry": telemetry}
    return Subsystem(DriveSpec(**{**spec, **changes}))  # type: ignore[arg-type]


def test_the_kernel_finds_the_drive(guest: Guest) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.wait(f"[ -b /dev/{node}n1 ]")
        identified = guest.json(f"nvme id-ctrl /dev/{node} -o json")
        assert (identified["sn"].strip(), identified["mn"].strip()) == ("NVMED-SIM", subsystem.spec.model)
        assert bytes.fromhex(guest.call(identify, node)) == guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
        seen = named(guest, node)
        assert (seen["serial"], seen["transport"], seen["state"]) == ("NVMED-SIM", "tcp", "live")
        assert [namespace["size_bytes"] for namespace in seen["namespaces"]] == [64 * MIB]


def test_blocks_come_back(guest: Guest) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.wait(f"[ -b /dev/{node}n1 ]")
        guest.sh(f"head -c 1M /dev/urandom > /tmp/blocks; dd if=/tmp/blocks of=/dev/{node}n1 bs=128k oflag=direct")
        guest.sh(f"dd if=/dev/{node}n1 bs=128k count=8 iflag=direct | cmp - /tmp/blocks; rm /tmp/blocks")


def test_a_target_that_dies_and_comes_back(guest: Guest) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        state = f"/sys/class/nvme/{node}/state"
        target.stop()
        guest.wait(f"grep -q connecting {state}")
        assert guest.run("nvme", "id-ctrl", f"/dev/{node}").returncode != 0
        target.start()
        guest.wait(f"grep -q live {state}")
        assert guest.run("nvme", "id-ctrl", f"/dev/{node}").returncode == 0


def test_two_paths_with_ana(guest: Guest) -> None:
    subsystem = drive(controllers=2)
    _, second = sorted(subsystem.controllers)
    with (
        simulated.serving(guest, subsystem, paths=2) as target,
        target.connected(guest, subsystem, path=0),
        target.connected(guest, subsystem, path=1) as node,
    ):
        state = f"/sys/class/nvme/{node}/nvme*c*n1/ana_state"
        guest.wait(f"grep -qx optimized {state}")
        subsystem.set_ana_state(1, AnaState.INACCESSIBLE, second)
        guest.wait(f"grep -qx inaccessible {state}")


def test_namespaces_come_and_go(guest: Guest) -> None:
    subsystem = drive()
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.wait(f"[ -b /dev/{node}n1 ]")
        cntlid = guest.sh(f"cat /sys/class/nvme/{node}/cntlid").strip()
        guest.sh(f"nvme detach-ns /dev/{node} -n 1 -c {cntlid}")
        guest.wait(f"! [ -e /dev/{node}n1 ]")
        guest.sh(f"nvme attach-ns /dev/{node} -n 1 -c {cntlid}")
        guest.wait(f"[ -b /dev/{node}n1 ]")


def test_nvme_cli_reads_its_logs(guest: Guest) -> None:
    subsystem = drive()
    subsystem.controller.set_critical_warning(0x04)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        smart = guest.json(f"nvme smart-log /dev/{node} -o json")
        assert (smart["critical_warning"], smart["temperature"]) == (4, subsystem.spec.composite_temperature_kelvin)
        assert subsystem.spec.firmware.slots[0] in guest.sh(f"nvme fw-log /dev/{node}")
        guest.sh(f"nvme telemetry-log /dev/{node} --output-file=/tmp/log --host-generate=0")
    assert len(guest.get("/tmp/log")) == (subsystem.spec.telemetry.last_blocks[2] + 1) * 512


def test_a_drive_is_recorded_through_the_kernel(guest: Guest) -> None:
    """`nvmed simulator record` of a node: what a real kernel's ioctls brought is what the drive answers in process."""
    subsystem = drive(nvme_version=0x0001_0400, mdts=3)
    with simulated.serving(guest, subsystem) as target, target.connected(guest, subsystem) as node:
        guest.sh(f"{PYTHON} -m nvmed simulator record --controller {node} --keep-identifiers /tmp/drive.json")
        identified = guest.run("nvme", "id-ctrl", f"/dev/{node}", "-b").stdout
        smart = guest.run("nvme", "get-log", f"/dev/{node}", "-i", "2", "-l", "160", "-b").stdout  # errors move
    made = recording.parse(guest.get("/tmp/drive.json"), "drive.json")
    replayed = replay.replayed(made, "drive.json").controller
    for command, expected in (
        (identify_controller(), identified),
        (get_log_page(LogPage.SMART_HEALTH_INFORMATION, 160, nsid=NSID_ALL), smart),
    ):
        answered = bytearray(len(expected))
        assert replayed.execute(Queue.ADMIN, command, answered).status == 0
        assert answered == expected
    alone = recorder.record(opened_in_process(subsystem))
    differ = {key for key in alone.answers if made.answers.get(key, (-1,))[0] != alone.answers[key][0]}
    assert {(key[0], key[2] & 0xFF) for key in differ} <= {
        (AdminOpcode.GET_FEATURES, FeatureId.NUMBER_OF_QUEUES),  # which a target answers, not the drive
        (AdminOpcode.GET_FEATURES, FeatureId.KEEP_ALIVE_TIMER),
    }
    assert made.answers.keys() == alone.answers.keys()


def opened_in_process(subsystem: Subsystem) -> Transport:
    host = SimulatedHost([subsystem])
    return host.open(host.scan()[0])
