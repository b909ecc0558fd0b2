"""Whether namespaces are in use, by what, and whether the host boots from them.

The verdict is the kernel's: opening a block device with O_EXCL fails with EBUSY while it, or a partition of it, is
mounted, swapped to, or held by device-mapper, md, ZFS or bcache, in any mount namespace. The explanation is read from
/proc and sysfs and may be incomplete: another mount namespace's mounts do not show there, nor does an EFI partition
that is mounted only on demand. Never conclude from an empty explanation that a namespace is free.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nvmed.files import open_descriptor, read_bytes
from nvmed.nvme.host import NODE_NAME, Usage, Use, UseKind
from nvmed.reasons import invalid_field

BOOT_MOUNTS: Final = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr"})
"""What a host needs to boot."""

_POOLED: Final = frozenset({"zfs", "bcachefs"})
"""File systems whose member devices neither mountinfo nor sysfs tells."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo. `device` is `major:minor`, of no block device for btrfs, pools and network file systems."""

    device: str
    mount_point: str
    file_system: str
    source: str


def parse_mountinfo(text: bytes) -> tuple[Mount, ...]:
    """proc_pid_mountinfo(5); lines that are not of that form are left out."""
    mounts = []
    for line in text.split(b"\n"):
        fields = line.split(b" ")
        # Any number of optional fields follows the first six, then a lone hyphen.
        end = fields.index(b"-", 6) if b"-" in fields[6:] else len(fields)
        if len(fields) > end + 2:
            file_system, source = fields[end + 1 : end + 3]
            mounts.append(Mount(_text(fields[2]), _text(fields[4]), _text(file_system), _text(source)))
    return tuple(mounts)


def parse_swaps(text: bytes) -> tuple[str, ...]:
    """The devices swapped to of proc_swaps(5); files are of a mounted file system, which shows itself."""
    rows = (line.split() for line in text.split(b"\n")[1:])
    return tuple(_text(row[0]) for row in rows if len(row) >= 2 and row[1] == b"partition")


_ESCAPE: Final = re.compile(rb"\\([0-3][0-7]{2})")


def _text(field: bytes) -> str:
    """The kernel writes blanks, newlines and backslashes as three octal digits (mangle_path)."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), field).decode("utf-8", "replace")


def usage(
    node: str,
    *,
    sysfs_root: str | Path = "/sys",
    dev_root: str | Path = "/dev",
    proc_root: str | Path = "/proc",
) -> Usage:
    """Examine a namespace's block device (`nvme0n1`).

    It counts as one the host boots from, too, if it is claimed by nothing known while the host boots from a pool whose
    members are not known.
    One that is hidden or not there has no claim on it: nothing could open it. `OSError` if it cannot be opened for
    another reason than being in use: then nothing is known of it.
    """
    match = NODE_NAME.fullmatch(node)
    if not match or not match[1]:
        raise invalid_field("node", f"{node!r} is no namespace's block device; give one such as nvme0n1")
    stack = _Stack(Path(sysfs_root), Path(dev_root), node)
    # A unit's own mounts may hide the host's; process 1 has those, if it may be looked at.
    tables = (_read(Path(proc_root) / process / "mountinfo") for process in ("self", "1"))
    mounts = dict.fromkeys(mount for table in tables for mount in parse_mountinfo(table))
    uses = [Use(UseKind.HOLDER, below, name) for name, below in stack.below.items() if below]
    is_boot = False
    for mount in mounts:
        for name in stack.devices_of(mount):
            uses.append(Use(UseKind.MOUNT, name, mount.mount_point))
            is_boot = is_boot or mount.mount_point in BOOT_MOUNTS
    swaps = (stack.device_named(path) for path in parse_swaps(_read(Path(proc_root) / "swaps")))
    uses += [Use(UseKind.SWAP, name) for name in swaps if name in stack.below]
    is_claimed = is_shown(Path(sysfs_root), node) and _is_claimed(Path(dev_root) / node)
    pools = (mount for mount in mounts if mount.mount_point in BOOT_MOUNTS and mount.file_system in _POOLED)
    is_boot = is_boot or (is_claimed and not uses and any(pools))
    return Usage(node, is_claimed, tuple(dict.fromkeys(uses)), is_boot)


class _Stack:
    """A block device, its partitions, and all that is built on them (device-mapper, md), with the device below each."""

    def __init__(self, sysfs: Path, dev: Path, node: str) -> None:
        self._sysfs = sysfs
        self._dev = dev
        self.below: dict[str, str] = {}
        pending = [(node, "")]
        while pending:
            name, below = pending.pop()
            if name in self.below:
                continue
            self.below[name] = below
            directory = sysfs / "class/block" / name
            pending += [(holder.name, name) for holder in _entries(directory / "holders")]
            pending += [(part.name, "") for part in _entries(directory) if (part / "partition").exists()]
        numbers = (
            (_read(sysfs / "class/block" / name / "dev").decode("ascii", "replace").strip(), name)
            for name in self.below
        )
        self._names = dict(numbers)

    def devices_of(self, mount: Mount) -> list[str]:
        """The devices of this stack that `mount` is of."""
        if mount.device in self._names:
            return [self._names[mount.device]]
        source = self.device_named(mount.source)
        if mount.file_system == "btrfs":
            return [name for name in self._btrfs_members(source) if name in self.below]
        return [source] if source in self.below else []

    def device_named(self, path: str) -> str:
        """The kernel's name of the block device at `path` (/dev/mapper/root is dm-0), "" if it is none."""
        if not path.startswith("/dev/"):
            return ""
        node = self._dev / path.removeprefix("/dev/")
        try:
            status = node.stat()
        except OSError:
            return node.name
        if not stat.S_ISBLK(status.st_mode):
            return ""
        numbers = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
        link = self._sysfs / "dev/block" / numbers
        return self._names.get(numbers) or (link.resolve().name if link.exists() else node.name)

    def _btrfs_members(self, source: str) -> list[str]:
        """All devices of the btrfs that `source`, the only one mountinfo names, is a member of."""
        for file_system in _entries(self._sysfs / "fs/btrfs"):
            members = [member.name for member in _entries(file_system / "devices")]
            if source in members:
                return members
        return [source]


def is_shown(sysfs: Path, node: str) -> bool:
    """Whether a block device can be there to open: the kernel hides what it cannot use but by the generic node."""
    blocks = sysfs / "class/block"
    if not blocks.is_dir():  # it shows no block device at all, so it says nothing of this one
        return True
    return (blocks / node).exists() and _read(blocks / node / "hidden").strip() != b"1"


def _is_claimed(path: Path) -> bool:
    try:
        fd = open_descriptor(path, os.O_RDONLY | os.O_EXCL | os.O_NOFOLLOW)
    except OSError as exc:
        if exc.errno == errno.EBUSY:
            return True
        raise
    os.close(fd)
    return False


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


def _read(path: Path) -> bytes:
    """A file's contents, nothing if it is missing or may not be read: it only explains."""
    try:
        return read_bytes(path)
    except OSError:
        return b""
