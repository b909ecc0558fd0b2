"""The kernel's own events about NVMe devices (NETLINK_KOBJECT_UEVENT), as an asynchronous iterator.

The kernel's multicast group is read, not udev's: no daemon in between, and nothing to link. What a controller tells:

- `add`, `remove`: the device is there, or is going; namespaces likewise, as block devices.
- `change` with NVME_AEN=0x00070f02: an asynchronous event that the kernel does not handle itself, dword 0 of its
  completion (type 2:0, information 15:8, log page 23:16).
- `change` with NVME_EVENT=connected or rediscover: a fabrics controller (re)connected, a discovery log changed.

Events are hints: the buffer can overflow (`RESCAN`), and what they say may be past. Scan, then believe the scan.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from nvmed.nvme.host import EVENTS_LOST, HostEvent

_KERNEL_GROUP: Final = 1
_NETLINK_KOBJECT_UEVENT: Final = 15
_SO_RCVBUFFORCE: Final = 33
"""asm-generic/socket.h; not in `socket`. Passes net.core.rmem_max, for CAP_NET_ADMIN."""

_MESSAGE_BYTES: Final = 16384
"""The kernel's limit is 2048 bytes of properties and the path (UEVENT_BUFFER_SIZE)."""

_BUFFER_BYTES: Final = 4 << 20
"""Some thousand events: what a whole shelf of drives sends when it comes or goes."""

_TURN: Final = 64
"""Messages read before other tasks get a turn."""


@dataclass(frozen=True, slots=True)
class Uevent:
    """One event: `action` (add, remove, change, bind, ...), path below /sys, and all properties."""

    action: str
    devpath: str
    subsystem: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The device's name in the kernel: `nvme0`."""
        return self.devpath.rpartition("/")[2]

    @property
    def nvme_aen(self) -> int | None:
        """Dword 0 of an asynchronous event, if this tells of one."""
        text = self.properties.get("NVME_AEN", "")
        return int(text, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", text) else None

    @property
    def host_event(self) -> HostEvent:
        """What it tells, without what only Linux says."""
        started = self.properties.get("NVME_EVENT") == "connected"
        return HostEvent(self.action, self.name, self.nvme_aen, started)


RESCAN: Final = Uevent("rescan", "", "")
"""Events were lost: whatever was believed of the host must be read again. Compare with `is`."""


def parse(message: bytes) -> Uevent | None:
    """A message of the kernel (kobject_uevent_env): `action@devpath`, then `KEY=value`, each ended by NUL.

    None if it is not one: udev's own messages begin with `libudev`, and have no header of that form.
    """
    header, *pairs = message.decode("utf-8", "replace").split("\0")
    action, at, devpath = header.partition("@")
    if not (action and at and devpath.startswith("/")):
        return None
    properties = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return Uevent(action, devpath, properties.get("SUBSYSTEM", ""), properties)


def is_nvme(event: Uevent) -> bool:
    """Whether it is about a controller, a subsystem, or a namespace (partitions are not)."""
    return event.subsystem in ("nvme", "nvme-subsystem") or (
        event.subsystem == "block" and event.name.startswith("nvme") and event.properties.get("DEVTYPE") == "disk"
    )


class UeventReader:
    """`async for event in reader`: every wanted event since it was made, and `RESCAN` where some were lost.

    Make it, then scan, then iterate: so nothing falls between. The only queue is the kernel's buffer, which is bounded.
    One task iterates; close when it is done.
    """

    def __init__(self, wanted: Callable[[Uevent], bool] = is_nvme, buffer_bytes: int = _BUFFER_BYTES) -> None:
        self._wanted = wanted
        self._socket = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            _NETLINK_KOBJECT_UEVENT,
        )
        try:
            _enlarge(self._socket, buffer_bytes)
            self._socket.bind((0, _KERNEL_GROUP))
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Uevent:
        while True:
            for _ in range(_TURN):
                try:
                    event = self._receive()
                except BlockingIOError:
                    await self._readable()
                    continue
                if event is RESCAN or (event and self._wanted(event)):
                    return event
            await asyncio.sleep(0)

    def _receive(self) -> Uevent | None:
        """The next message, None if it is not the kernel's; BlockingIOError if there is none."""
        try:
            message, _, flags, (sender, _) = self._socket.recvmsg(_MESSAGE_BYTES)
        except OSError as exc:
            if exc.errno == errno.ENOBUFS:
                return RESCAN
            raise
        if flags & socket.MSG_TRUNC:
            return RESCAN
        # Root in this network namespace can send to the group, but only the kernel has port 0.
        return parse(message) if sender == 0 else None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._socket, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._socket)


class LinuxEvents:
    """`HostEvents` of this machine, closed with its reader. `OSError` where netlink is forbidden."""

    def __init__(self, reader: UeventReader | None = None) -> None:
        self._reader = reader or UeventReader()

    def close(self) -> None:
        self._reader.close()

    async def __aiter__(self) -> AsyncIterator[HostEvent]:
        async for event in self._reader:
            yield EVENTS_LOST if event is RESCAN else event.host_event


def _enlarge(netlink: socket.socket, size_bytes: int) -> None:
    try:
        netlink.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)
    except OSError:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)
