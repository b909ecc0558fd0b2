"""What a host shows of its NVMe controllers, and how to open one: implemented by `linux` (sysfs) and `simulator`.

All values are what the kernel read when the controller was last initialised: they say what the host knows. What the
drive says now, only a new Identify tells.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final, Protocol

from nvmed.nvme.kernel_log import KernelLine
from nvmed.nvme.surroundings import Indicator, Surroundings
from nvmed.nvme.transport import Transport
from nvmed.reasons import Reason, error

NODE_NAME = re.compile(r"nvme\d+(n\d+)?|ng\d+n\d+", re.ASCII)
"""Device node names that nvmed opens: a controller, a namespace's block device, its character device. Full match only:
`nvme_open` scans prefixes and so lets `nvme0n1p1` and `nvme0/../x` through."""


FABRICS: Final = frozenset({"tcp", "rdma", "fc", "loop"})
"""Transports of connections. Others belong to a device."""

CONNECTION_OPTIONS: Final = ("traddr", "trsvcid", "host_traddr", "host_iface")
"""What is an option, of the `address` that sysfs shows; `src_addr` was found out, and a reconnect may change it."""


DISCOVERY_NQN: Final = "nqn.2014-08.org.nvmexpress.discovery"
"""The well-known one, which every discovery subsystem has that has none of its own."""

CONTROLLER_ID_UNKNOWN: Final = -1
"""`ControllerNode.controller_id` where the kernel shows none (Linux before 4.20)."""


@dataclass(frozen=True, slots=True)
class NamespaceNode:
    """A namespace as the kernel shows it.

    `node` is the block device, "" where there is none or it is hidden (a command set that the kernel does not know, and
    metadata that it cannot use, leave only the character device); `generic_node` is the character device or "".
    """

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
    host_id: str = ""
    instance: str = field(default="", compare=False)
    """Which of the kernel's devices this is, whatever it is called: `{boot}:{number}`, never the same of two."""

    @property
    def is_identified(self) -> bool:
        """False while the kernel has not asked it who it is: then it shows no serial, no model and no NQN."""
        return bool(self.serial or self.model) or self.state == "live"

    @property
    def is_discovery(self) -> bool:
        """Whether it is a discovery controller: the kernel makes a subsystem for each, whatever its NQN."""
        return self.controller_type == "discovery" or self.subsystem_nqn == DISCOVERY_NQN

    @property
    def is_connection(self) -> bool:
        """Whether it is reached over fabrics."""
        return self.transport in FABRICS or "traddr=" in self.address


def connection_options(address: str) -> dict[str, str]:
    """The options of a connection that are in an `address` as sysfs shows it."""
    words = dict(word.split("=", 1) for word in address.split(",") if "=" in word)
    return {name: words[name] for name in CONNECTION_OPTIONS if name in words}


def identity_of(node: ControllerNode) -> tuple[str, ...]:
    """What tells a controller from every other one, and stays as long as it does.

    Of a connection over fabrics it is what the host asked for: with the dynamic controller model the target hands out
    another controller identifier at each association, so after each reset (Base 2.1, 2.1.3.1).
    """
    if not node.is_connection:
        return ("device", node.serial, node.model, node.subsystem_nqn, str(node.controller_id))
    options = connection_options(node.address)
    where = (options.get(name, "") for name in CONNECTION_OPTIONS)
    return ("connection", node.subsystem_nqn, node.host_nqn, node.host_id, node.transport, *where)


def instance_of(node: ControllerNode) -> str:
    """Its instance, or its node's name where the host tells none."""
    return node.instance or node.node


def is_same_device(node: ControllerNode, other: ControllerNode) -> bool:
    """Whether two looks at a host saw the same controller, and the same of the kernel's devices for it."""
    return identity_of(node) == identity_of(other) and _is_same_instance(node, other)


def _is_same_instance(node: ControllerNode, other: ControllerNode) -> bool:
    if node.instance and other.instance:
        return node.instance == other.instance
    return node.node == other.node


def require_same(expected: ControllerNode, now: ControllerNode | None, name: str) -> None:
    """Raise DEVICE_IDENTITY_CHANGED unless `now` is the controller that `expected` was; `name` is the node meant."""
    if now is None:
        what = f"{expected.node} (serial {expected.serial}) is gone"
    elif identity_of(now) != identity_of(expected):
        what = f"{expected.node} was {described(expected)}, and is {described(now)} now"
    elif not _is_same_instance(now, expected):
        what = f"{expected.node} went, and what came in its place says that it is {described(now)} too"
    else:
        return
    raise error(
        Reason.DEVICE_IDENTITY_CHANGED,
        f"{what}; list the controllers again",
        node=name,
        serial=expected.serial,
        controller_id=expected.controller_id,
    )


def described(node: ControllerNode) -> str:
    """Who a controller is, for people."""
    if not node.is_connection:
        return f"serial {node.serial}, controller id {node.controller_id}, {node.model}, {node.subsystem_nqn}"
    where = ",".join(f"{name}={value}" for name, value in connection_options(node.address).items())
    ends = f"{node.host_nqn} to {node.subsystem_nqn}"
    return f"serial {node.serial}, the connection of {ends} by {node.transport}, {where}"


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

        Checks after opening that the node still is that controller, as `check` does; `OSError` if it cannot be opened.
        """
        ...

    def check(self, controller: ControllerNode) -> None:
        """Raise DEVICE_IDENTITY_CHANGED unless its node still is that controller (`require_same`)."""
        ...

    def usage(self, node: str) -> Usage:
        """Whether a namespace's block device (`nvme0n1`) is in use; `OSError` where the host cannot tell."""
        ...

    def surroundings(self, controller: ControllerNode) -> Surroundings:
        """What is around a controller; what the host does not tell is left out. No command is sent to the drive."""
        ...

    def set_indicator(self, controller: ControllerNode, indicator: Indicator, is_on: bool) -> None:
        """Switch a light of the controller's bay.

        Raises DEVICE_IDENTITY_CHANGED, INDICATOR_UNSUPPORTED where there is none, `OSError` where it cannot be
        switched.
        """
        ...

    def on_battery(self) -> bool | None:
        """Whether the host runs on battery: every supply from mains is off line. None where it does not tell."""
        ...

    def kernel_log(self) -> Sequence[KernelLine]:
        """What the kernel's log has, oldest first; `OSError` where it may not be read."""
        ...

    def watch(self) -> HostEvents:
        """What happens to NVMe devices from now on, on the event loop. `OSError` where the host does not tell."""
        ...
