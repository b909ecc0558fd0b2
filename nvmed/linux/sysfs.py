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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nvmed.files import open_descriptor, read_bytes
from nvmed.linux.ioctl import LinuxTransport
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
from nvmed.nvme.layout import shown_text
from nvmed.nvme.transport import Transport
from nvmed.reasons import Reason, error, invalid_field

_CONTROLLER: Final = re.compile(r"nvme(\d+)", re.ASCII)
_NAMESPACE: Final = re.compile(r"nvme(\d+)(?:c\d+)?n(\d+)", re.ASCII)
"""A namespace's directory in its controller's: the namespace itself, or (`c`) a path to a multipath head."""

_ATTRIBUTE_BYTES: Final = 4096
"""An attribute is at most a page."""

_UNKNOWN: Final = ("(efault)", "(null)")
"""What printk makes of a pointer to nothing: a controller's serial and model before the kernel has identified it (seen
on Linux 6.12 with nvme-tcp, right after the event that it was added)."""

_SECTOR_BYTES: Final = 512
"""The unit of a block device's `size`, whatever its logical blocks are."""


def scan(sysfs_root: str | Path = "/sys") -> tuple[ControllerNode, ...]:
    """Every controller there is, ordered by number; none if the kernel has no NVMe driver."""
    root = Path(sysfs_root)
    names = [name for name in _names(root / "class/nvme") if _CONTROLLER.fullmatch(name)]
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
        with _directory(root / "class" / kind / name) as directory:
            numbers = _read(directory, "dev")
    except OSError:
        return False
    return is_kind and numbers == f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def _controller(root: Path, name: str, subsystem: str = "", *, whole: bool = True) -> ControllerNode | None:
    """The controller `name`, or None if it is gone, or went while it was read."""
    try:
        with _directory(root / "class/nvme" / name) as directory:
            return read_controller(root, directory, name, subsystem, whole=whole)
    except OSError:
        return None


def read_controller(
    root: Path, directory: int, name: str, subsystem: str = "", *, whole: bool = True
) -> ControllerNode | None:
    """The controller whose directory that is, or None if it went while it was read. `OSError` if it is gone.

    Without its namespaces if it is not to be `whole`: who it is takes a dozen attributes, and there may be hundreds.
    """
    entries = _names(directory) if whole else []
    limits = [limit for entry in entries if _NAMESPACE.fullmatch(entry) and (limit := _limit(directory, entry))]
    found = ControllerNode(
        node=name,
        serial=_read(directory, "serial", shown_text),
        model=_read(directory, "model", shown_text),
        firmware_revision=_read(directory, "firmware_rev", shown_text),
        controller_id=_number_in(directory, "cntlid", CONTROLLER_ID_UNKNOWN),
        subsystem_nqn=_read(directory, "subsysnqn"),
        subsystem_node=subsystem,
        transport=_read(directory, "transport"),
        address=_read(directory, "address"),
        state=_read(directory, "state"),
        controller_type=_read(directory, "cntrltype"),
        host_nqn=_read(directory, "hostnqn"),
        numa_node=_number_in(directory, "numa_node", _number_in(directory, "device/numa_node", -1)),
        max_transfer_bytes=min(limits, default=None),
        namespaces=tuple(_namespaces(root, directory, entries)),
        host_id=_read(directory, "hostid"),
        instance=f"{_boot()}:{os.fstat(directory).st_ino}",
    )
    return found if _read(directory, "dev") else None  # the kernel takes this attribute away before all others


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
    hardware = _number_in(directory, f"{namespace}/queue/max_hw_sectors_kb", 0) * 1024
    segments = _number_in(directory, f"{namespace}/queue/max_segments", 0)
    return min(hardware, (segments - 1) * mmap.PAGESIZE) if segments > 1 else hardware


def _namespaces(root: Path, directory: int, entries: list[str]) -> list[NamespaceNode]:
    """The namespaces whose paths or selves are among `entries` of a controller's directory, ordered by nsid."""
    generic = set(_names(root / "class/nvme-generic"))
    found = []
    for entry in entries:
        match = _NAMESPACE.fullmatch(entry)
        nsid = _number_in(directory, f"{entry}/nsid", 0) if match else 0
        if not match or not nsid:
            continue
        suffix = f"{match[1]}n{match[2]}"
        nguid = _identifier(_read(directory, f"{entry}/nguid"))
        uuid = _read(directory, f"{entry}/uuid")
        found.append(
            NamespaceNode(
                node=f"nvme{suffix}" if is_shown(root, f"nvme{suffix}") else "",
                generic_node=f"ng{suffix}" if f"ng{suffix}" in generic else "",
                nsid=nsid,
                size_bytes=_number_in(directory, f"{entry}/size", 0) * _SECTOR_BYTES,
                logical_block_bytes=_number_in(directory, f"{entry}/queue/logical_block_size", 0),
                # uuid_show repeats the NGUID for a namespace that has no UUID.
                uuid="" if _identifier(uuid) == nguid else uuid,
                nguid=nguid,
                eui64=_identifier(_read(directory, f"{entry}/eui")),
                ana_state=_read(directory, f"{entry}/ana_state"),
            )
        )
    return sorted(found, key=lambda namespace: (namespace.nsid, namespace.node))


def _subsystems(root: Path) -> dict[str, str]:
    """The subsystem's node of each controller's: only the subsystem links to its controllers, not they to it."""
    directory = root / "class/nvme-subsystem"
    return {
        controller: subsystem
        for subsystem in _names(directory)
        for controller in _names(directory / subsystem)
        if _CONTROLLER.fullmatch(controller)
    }


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    """A descriptor of the directory. It stays that of the device it was opened for, even if the kernel gives the name
    to another one meanwhile: attributes of two drives are never mixed."""
    fd = open_descriptor(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def _names(directory: Path | int) -> list[str]:
    """The names in a directory, none if it is missing or vanishes."""
    try:
        return os.listdir(directory)  # noqa: PTH208  (pathlib takes no descriptors)
    except OSError:
        return []


def _utf8(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("utf-8", "replace").strip(" \t\n")


def _read(directory: int, name: str, as_text: Callable[[bytes], str] = _utf8) -> str:
    """An attribute stripped of padding, "" if it is missing, unreadable, unknown yet, or of a device that is going."""
    try:
        fd = open_descriptor(name, os.O_RDONLY, directory=directory)
    except OSError:
        return ""
    try:
        text = as_text(os.read(fd, _ATTRIBUTE_BYTES))
        return "" if text in _UNKNOWN else text
    except OSError:
        return ""
    finally:
        os.close(fd)


def _number_in(directory: int, name: str, default: int) -> int:
    """A decimal attribute, or `default`; the kernel writes nothing negative but -1 for what there is none of."""
    text = _read(directory, name)
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else default


def _identifier(text: str) -> str:
    """An NGUID or EUI-64 as hexadecimal digits alone: the kernel writes one with dashes and the other with blanks."""
    return text.replace("-", "").replace(" ", "").lower()


def _number(name: str) -> int:
    return int(name.removeprefix("nvme"))
