"""NVMe controllers as sysfs shows them, and opening one: `LinuxHost` implements `Host`.

Where the kernel (6.12) puts things, under /sys:

    class/nvme/nvme0                    a controller, wherever it is attached: PCIe or fabrics
        nvme0n1, ng0n1                  its namespaces, without native multipath or for those that are private
        nvme3c0n1                       its path to head nvme3n1: hidden, but with queue limits and ana_state
    class/nvme-subsystem/nvme-subsys3   a subsystem
        nvme0, nvme1                    links to its controllers
        nvme3n1, ng3n1                  heads: what can be opened
    class/block, class/nvme-generic     every nvme0n1 and every ng0n1

Numbers mean nothing: head nvme3n1 may be reached through nvme0 and nvme1 alone, and its nsid may be 7. Any attribute
may be missing (older kernels, other transports), and any file may vanish while it is read.
"""

from __future__ import annotations

import functools
import mmap
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nvmed.files import open_descriptor, read_bytes
from nvmed.linux import kernel_log, surroundings
from nvmed.linux.attributes import names_in, number_in, opened_directory, read_attribute
from nvmed.linux.ioctl import LinuxTransport
from nvmed.linux.power import on_battery
from nvmed.linux.uevent import LinuxEvents
from nvmed.linux.usage import is_shown, usage
from nvmed.nvme.host import (
    CONTROLLER_ID_UNKNOWN,
    NODE_NAME,
    ControllerNode,
    HostEvents,
    NamespaceNode,
    Usage,
    require_same,
)
from nvmed.nvme.kernel_log import KernelLine
from nvmed.nvme.layout import shown_text
from nvmed.nvme.surroundings import Indicator, Surroundings
from nvmed.nvme.transport import Transport
from nvmed.reasons import Reason, error, invalid_field

_CONTROLLER: Final = re.compile(r"nvme(\d+)", re.ASCII)
_NAMESPACE: Final = re.compile(r"nvme(\d+)(?:c\d+)?n(\d+)", re.ASCII)
"""A namespace's directory in its controller's: the namespace itself, or (`c`) a path to a multipath head."""

_SECTOR_BYTES: Final = 512
"""The unit of a block device's `size`, whatever its logical blocks are."""


def scan(sysfs_root: str | Path = "/sys") -> tuple[ControllerNode, ...]:
    """Every controller there is, ordered by number; none if the kernel has no NVMe driver."""
    root = Path(sysfs_root)
    names = [name for name in names_in(root / "class/nvme") if _CONTROLLER.fullmatch(name)]
    subsystems = _subsystems(root)
    found = (_controller(root, name, subsystems.get(name, "")) for name in sorted(names, key=_number))
    return tuple(controller for controller in found if controller)


class LinuxHost:
    """`Host` of this machine, or of whatever the two directories show."""

    def __init__(self, sysfs_root: str | Path = "/sys", dev_root: str | Path = "/dev") -> None:
        self._sysfs_root = Path(sysfs_root)
        self._dev_root = Path(dev_root)

    def scan(self) -> tuple[ControllerNode, ...]:
        return scan(self._sysfs_root)

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        """Open read-only: enough for every command of a daemon that has CAP_SYS_ADMIN, and no writer to the kernel.

        The checks hold for as long as the transport is open: a file keeps its device's numbers from being given away.
        """
        name = node or controller.node
        if not NODE_NAME.fullmatch(name):
            raise invalid_field(
                "node", f"{name!r} is no node of a controller or namespace; give nvme0, nvme0n1 or ng0n1"
            )
        path = self._dev_root / name
        fd = open_descriptor(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            self._check(fd, controller, name)
        except BaseException:
            os.close(fd)
            raise
        return LinuxTransport(fd, str(path))

    def usage(self, node: str) -> Usage:
        """As `nvmed.linux.usage` finds it."""
        return usage(node, sysfs_root=self._sysfs_root, dev_root=self._dev_root)

    def surroundings(self, controller: ControllerNode) -> Surroundings:
        """As `nvmed.linux.surroundings` finds them."""
        return surroundings.surroundings(self._sysfs_root, controller)

    def set_indicator(self, controller: ControllerNode, indicator: Indicator, is_on: bool) -> None:
        """As `nvmed.linux.surroundings` does it, once the node is known to be that controller still."""
        self.check(controller)
        surroundings.set_indicator(self._sysfs_root, controller, indicator, is_on)

    def on_battery(self) -> bool | None:
        """By `/sys/class/power_supply`, where servers mostly show nothing."""
        return on_battery(self._sysfs_root)

    def kernel_log(self) -> Sequence[KernelLine]:
        """What /dev/kmsg gives, where the unit opens it."""
        return kernel_log.read(self._dev_root)

    def watch(self) -> HostEvents:
        """The kernel's own events, by netlink."""
        return LinuxEvents()

    def check(self, controller: ControllerNode) -> None:
        """As `Host.check`, by what sysfs shows now."""
        require_same(controller, _controller(self._sysfs_root, controller.node, whole=False), controller.node)

    def _check(self, fd: int, expected: ControllerNode, name: str) -> None:
        """Raise unless `fd` is the device that sysfs calls `name`, and that one still is, or belongs to, `expected`."""
        if not _is_device(os.fstat(fd), self._sysfs_root, name):
            raise error(
                Reason.DEVICE_IDENTITY_CHANGED,
                f"{self._dev_root / name} is not the device that the kernel calls {name}; list the controllers again",
                node=name,
                serial=expected.serial,
                controller_id=expected.controller_id,
            )
        now = _controller(self._sysfs_root, expected.node, whole=name != expected.node)
        require_same(expected, now, name)
        if name != expected.node and now and not any(name in (ns.node, ns.generic_node) for ns in now.namespaces):
            raise error(
                Reason.NAMESPACE_NOT_FOUND,
                f"{name} is no namespace that {now.node} gives a path to; list its namespaces",
                node=name,
                controller_node=now.node,
            )


def _is_device(status: os.stat_result, root: Path, name: str) -> bool:
    """Whether an opened file has the kind and the numbers that sysfs gives the node `name`."""
    if name.startswith("ng"):
        kind, is_kind = "nvme-generic", stat.S_ISCHR(status.st_mode)
    elif _CONTROLLER.fullmatch(name):
        kind, is_kind = "nvme", stat.S_ISCHR(status.st_mode)
    else:
        kind, is_kind = "block", stat.S_ISBLK(status.st_mode)
    try:
        with opened_directory(root / "class" / kind / name) as directory:
            numbers = read_attribute(directory, "dev")
    except OSError:
        return False
    return is_kind and numbers == f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def _controller(root: Path, name: str, subsystem: str = "", *, whole: bool = True) -> ControllerNode | None:
    """The controller `name`, or None if it is gone, or went while it was read."""
    try:
        with opened_directory(root / "class/nvme" / name) as directory:
            return read_controller(root, directory, name, subsystem, whole=whole)
    except OSError:
        return None


def read_controller(
    root: Path, directory: int, name: str, subsystem: str = "", *, whole: bool = True
) -> ControllerNode | None:
    """The controller whose directory that is, or None if it went while it was read. `OSError` if it is gone.

    Without its namespaces if it is not to be `whole`: who it is takes a dozen attributes, and there may be hundreds.
    """
    entries = names_in(directory) if whole else []
    limits = [limit for entry in entries if _NAMESPACE.fullmatch(entry) and (limit := _limit(directory, entry))]
    found = ControllerNode(
        node=name,
        serial=read_attribute(directory, "serial", shown_text),
        model=read_attribute(directory, "model", shown_text),
        firmware_revision=read_attribute(directory, "firmware_rev", shown_text),
        controller_id=number_in(directory, "cntlid", CONTROLLER_ID_UNKNOWN),
        subsystem_nqn=read_attribute(directory, "subsysnqn"),
        subsystem_node=subsystem,
        transport=read_attribute(directory, "transport"),
        address=read_attribute(directory, "address"),
        state=read_attribute(directory, "state"),
        controller_type=read_attribute(directory, "cntrltype"),
        host_nqn=read_attribute(directory, "hostnqn"),
        numa_node=number_in(directory, "numa_node", number_in(directory, "device/numa_node", -1)),
        max_transfer_bytes=min(limits, default=None),
        namespaces=tuple(_namespaces(root, directory, entries)),
        host_id=read_attribute(directory, "hostid"),
        instance=f"{_boot()}:{os.fstat(directory).st_ino}",
    )
    return found if read_attribute(directory, "dev") else None  # the kernel takes this attribute away before all others


@functools.cache
def _boot() -> str:
    """Which boot of the kernel this is: within one, kernfs gives each directory a number that no later one gets."""
    try:
        return read_bytes("/proc/sys/kernel/random/boot_id").decode("ascii").strip()
    except OSError:
        return ""


def _limit(directory: int, namespace: str) -> int:
    """What every command may transfer, 0 if unknown; the admin queue has the limits of the namespaces' queues.

    `max_hw_sectors_kb` alone is not it: pages that are not contiguous take a segment each, and one more where the
    buffer does not begin on a page, so that the same command fails with EINVAL on some memory (seen on Linux 6.12 with
    512 KiB and 128 segments: 7 of 15 times; nvme-cli#2526, nvme-cli#3507).
    """
    hardware = number_in(directory, f"{namespace}/queue/max_hw_sectors_kb", 0) * 1024
    segments = number_in(directory, f"{namespace}/queue/max_segments", 0)
    return min(hardware, (segments - 1) * mmap.PAGESIZE) if segments > 1 else hardware


def _namespaces(root: Path, directory: int, entries: list[str]) -> list[NamespaceNode]:
    """The namespaces whose paths or selves are among `entries` of a controller's directory, ordered by nsid."""
    generic = set(names_in(root / "class/nvme-generic"))
    found = []
    for entry in entries:
        match = _NAMESPACE.fullmatch(entry)
        nsid = number_in(directory, f"{entry}/nsid", 0) if match else 0
        if not match or not nsid:
            continue
        suffix = f"{match[1]}n{match[2]}"
        nguid = _identifier(read_attribute(directory, f"{entry}/nguid"))
        uuid = read_attribute(directory, f"{entry}/uuid")
        found.append(
            NamespaceNode(
                node=f"nvme{suffix}" if is_shown(root, f"nvme{suffix}") else "",
                generic_node=f"ng{suffix}" if f"ng{suffix}" in generic else "",
                nsid=nsid,
                size_bytes=number_in(directory, f"{entry}/size", 0) * _SECTOR_BYTES,
                logical_block_bytes=number_in(directory, f"{entry}/queue/logical_block_size", 0),
                # uuid_show repeats the NGUID for a namespace that has no UUID.
                uuid="" if _identifier(uuid) == nguid else uuid,
                nguid=nguid,
                eui64=_identifier(read_attribute(directory, f"{entry}/eui")),
                ana_state=read_attribute(directory, f"{entry}/ana_state"),
            )
        )
    return sorted(found, key=lambda namespace: (namespace.nsid, namespace.node))


def _subsystems(root: Path) -> dict[str, str]:
    """The subsystem's node of each controller's: only the subsystem links to its controllers, not they to it."""
    directory = root / "class/nvme-subsystem"
    return {
        controller: subsystem
        for subsystem in names_in(directory)
        for controller in names_in(directory / subsystem)
        if _CONTROLLER.fullmatch(controller)
    }


def _identifier(text: str) -> str:
    """An NGUID or EUI-64 as hexadecimal digits alone: the kernel writes one with dashes and the other with blanks."""
    return text.replace("-", "").replace(" ", "").lower()


def _number(name: str) -> int:
    return int(name.removeprefix("nvme"))
