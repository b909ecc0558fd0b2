"""The machine that QEMU plays: its command line and the drives that it has of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.vm.lab.build import Lab

AGENT_PORT = 7000
ROOT_PORTS = 5
"""PCIe slots that a drive can be pulled from and plugged into: rp0 to rp4."""


@dataclass(frozen=True, slots=True)
class Controller:
    """One of QEMU's controllers: its device id for QMP, its serial number, its slot; `subsystem` as others share it."""

    device: str
    serial: str
    slot: str
    subsystem: str = ""


@dataclass(frozen=True, slots=True)
class Namespace:
    """One of QEMU's namespaces: who has it, and whether it is shared or not attached yet."""

    controller: Controller
    nsid: int
    shared: bool = False
    detached: bool = False

    @property
    def size_bytes(self) -> int:
        """Each has its own size, by which tests can tell them apart."""
        return (16 + self.nsid) << 20


LEFT = Controller("left", "NVMED-PAIR", "rp0", "pair")
RIGHT = Controller("right", "NVMED-PAIR", "rp1", "pair")
SOLO = Controller("solo", "NVMED-SOLO", "rp2")
CONTROLLERS = (LEFT, RIGHT, SOLO)
SPARE_SLOTS = ("rp3", "rp4")

SHARED = Namespace(LEFT, 1, shared=True)
DETACHED = Namespace(LEFT, 2, shared=True, detached=True)
PRIVATE = Namespace(RIGHT, 3)
SINGLE = Namespace(SOLO, 1)
NAMESPACES = (SHARED, DETACHED, PRIVATE, SINGLE)

KERNEL_ARGUMENTS = (
    "console=ttyS0 loglevel=5 panic=-1 mitigations=off nokaslr audit=0 net.ifnames=0 "
    "nvme_core.admin_timeout=15 systemd.show_status=false systemd.log_level=notice "
    "module_blacklist=ahci,kvm,kvm_amd,kvm_intel,evdev,button,serio_raw,qemu_fw_cfg "
    "systemd.mask=systemd-logind.service systemd.mask=serial-getty@ttyS0.service"
)
"""What nobody uses here is left out of the boot, which is emulated."""


def command_line(lab: Lab, run_folder: Path, agent_port: int) -> list[str]:
    """QEMU's arguments; disks are sparse files in `run_folder`, fresh in each run."""
    return [
        *lab.tools.qemu,
        *("-machine", "q35,usb=off,vmport=off", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048"),
        # Slots of the kernel's own hotplug driver, with an attention indicator, and not of ACPI's.
        *("-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"),
        *("-display", "none", "-nodefaults", "-no-reboot"),
        *("-serial", f"file:{run_folder}/serial.log", "-qmp", f"unix:{run_folder}/qmp.sock,server=on,wait=off"),
        *("-kernel", str(lab.kernel.vmlinux), "-initrd", str(lab.image.initrd), "-append", KERNEL_ARGUMENTS),
        *("-drive", f"if=virtio,format=raw,snapshot=on,file={lab.image.disk}"),
        *("-drive", f"if=virtio,format=raw,readonly=on,file={lab.payload}"),
        *("-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{agent_port}-:{AGENT_PORT}"),
        *("-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci"),
        *drive_arguments(run_folder),
    ]


def drive_arguments(run_folder: Path) -> list[str]:
    """Root ports, a subsystem of two controllers with namespaces of every kind, and a drive by itself."""
    words = []
    for number in range(ROOT_PORTS):
        words += ["-device", f"pcie-root-port,id=rp{number},chassis={number + 1},slot={number + 1}"]
    words += ["-device", "nvme-subsys,id=pair,nqn=pair"]
    for controller in CONTROLLERS:
        subsystem = f",subsys={controller.subsystem}" if controller.subsystem else ""
        options = f"id={controller.device},serial={controller.serial},bus={controller.slot}{subsystem}"
        words += ["-device", f"nvme,{options}"]
    for namespace in NAMESPACES:
        name = f"{namespace.controller.device}{namespace.nsid}"
        disk = run_folder / f"{name}.img"
        with disk.open("wb") as file:
            file.truncate(namespace.size_bytes)
        flags = "".join(
            f",{flag}={'on' if value else 'off'}"
            for flag, value in (("shared", namespace.shared), ("detached", namespace.detached))
        )
        words += ["-drive", f"if=none,id={name},format=raw,file={disk}"]
        words += ["-device", f"nvme-ns,drive={name},bus={namespace.controller.device},nsid={namespace.nsid}{flags}"]
    return words
