"""What a host shows of its NVMe controllers, and how to open one: implemented by `linux` (sysfs) and `simulator`.

All values are what the kernel read when the controller was last initialised: they say what the host knows. What the
drive says now, only a new Identify tells.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Protocol

from nvmed.nvme.transport import Transport

NODE_NAME = re.compile(r"nvme\d+(n\d+)?|ng\d+n\d+", re.ASCII)
"""Device node names that nvmed opens: a controller, a namespace's block device, its character device. Full match only:
`nvme_open` scans prefixes and so lets `nvme0n1p1` and `nvme0/../x` through."""


@dataclass(frozen=True, slots=True)
class NamespaceNode:
    """A namespace as the kernel shows it. `node` is the block device, `generic_node` the character device or ""."""

    node: str
    generic_node: str
    nsid: int
    size_bytes: int
    logical_block_bytes: int
    uuid: str = ""
    nguid: str = ""
    eui64: str = ""
    ana_state: str = ""


@dataclass(frozen=True, slots=True)
class ControllerNode:
    """A controller as the kernel shows it; strings are stripped of padding, "" where the kernel shows none.

    `max_transfer_bytes` is what the kernel's queue takes in one command, wherever the buffer lies; None where unknown.
    `namespaces` are those this controller gives a path to. With multipath their nodes belong to the subsystem
    (`nvme0n1` may be of `nvme1`).
    """

    node: str
    serial: str
    model: str
    firmware_revision: str
    controller_id: int
    subsystem_nqn: str
    subsystem_node: str
    transport: str
    address: str
    state: str
    controller_type: str = ""
    host_nqn: str = ""
    numa_node: int = -1
    max_transfer_bytes: int | None = None
    namespaces: tuple[NamespaceNode, ...] = ()


@unique
class UseKind(Enum):
    """How a block device is used."""

    MOUNT = "mounted"
    SWAP = "swapped to"
    HOLDER = "part of"


@dataclass(frozen=True, slots=True)
class Use:
    """One use: `device` is the block device used (`nvme0n1p2`, `dm-0`), `subject` its mount point or holder, if any."""

    kind: UseKind
    device: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the host says of a namespace's block device, and what explains it.

    `is_claimed` is the kernel's verdict: an exclusive open fails. `is_boot`: it backs what the host boots from.
    """

    node: str
    is_claimed: bool
    uses: tuple[Use, ...]
    is_boot: bool

    @property
    def is_in_use(self) -> bool:
        return self.is_claimed or bool(self.uses)


@dataclass(frozen=True, slots=True)
class HostEvent:
    """What the host told about the device `node`. It is a hint, and may be past: scan, then believe the scan.

    `action` is the kernel's: add, remove, change and others. `async_event` is dword 0 of an asynchronous event that the
    kernel leaves to others; `is_started` says that it has initialised a controller.
    """

    action: str
    node: str
    async_event: int | None = None
    is_started: bool = False


EVENTS_LOST: Final = HostEvent("lost", "")
"""Something was not told. Compare with `is`."""


class HostEvents(Protocol):
    """Every event since it was made, each once, in order, with EVENTS_LOST where some are missing.

    What waits to be read is bounded. One task iterates, on the event loop on which it was made.
    """

    def __aiter__(self) -> AsyncIterator[HostEvent]: ...

    def close(self) -> None:
        """Let go; whoever iterates gets no more."""
        ...


class Host(Protocol):
    """Where controllers are found and opened. Methods block: call them in a thread."""

    def scan(self) -> tuple[ControllerNode, ...]:
        """Every controller there is now, ordered by node number."""
        ...

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        """Open `controller`'s own node, or `node`, a namespace of it.

        Checks after opening that the node still is that controller (serial, controller id, device number), and raises
        DEVICE_IDENTITY_CHANGED if it is not; `OSError` if it cannot be opened.
        """
        ...

    def usage(self, node: str) -> Usage:
        """Whether a namespace's block device (`nvme0n1`) is in use; `OSError` where the host cannot tell."""
        ...

    def watch(self) -> HostEvents:
        """What happens to NVMe devices from now on, on the event loop. `OSError` where the host does not tell."""
        ...
