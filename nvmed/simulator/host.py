"""A host with simulated drives, as a kernel would show them: `nvmed.nvme.host.Host`, without a kernel.

    host = SimulatedHost()
    drive = host.add(Subsystem(DriveSpec(serial="A")))
    host.open(host.scan()[0]).admin(...)
    host.unplug("nvme0")                       # surprise removal; drive.controller.reappear() plugs it in again
    host.add(Subsystem(DriveSpec(serial="B"))) # now this one is nvme0
    host.add(Subsystem(DriveSpec(serial="C", dynamic_controllers=True)), Connection())
    host.cut("nvme1"), host.reconnect("nvme1") # it has another controller identifier now

Numbers are given as Linux gives them: the lowest free one to each controller; a subsystem has its first controller's
number and keeps it; with several controllers in the subsystem, namespaces are multipath heads named by it.
"""

from __future__ import annotations

import errno
import itertools
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from nvmed.nvme.ana import AnaState
from nvmed.nvme.host import NODE_NAME, ControllerNode, HostEvents, NamespaceNode, Usage, Use, UseKind, require_same
from nvmed.nvme.kernel_log import KernelLine
from nvmed.nvme.layout import bit
from nvmed.nvme.surroundings import Indicator, PathFacts, Surroundings
from nvmed.nvme.transport import Transport
from nvmed.reasons import Reason, error, invalid_field
from nvmed.simulator import replay
from nvmed.simulator.controller import Controller
from nvmed.simulator.drives import drive, good_bay
from nvmed.simulator.faults import os_error
from nvmed.simulator.host_events import SimulatedEvents
from nvmed.simulator.kernel import KernelView, KnownNamespace
from nvmed.simulator.lock import DeferringLock
from nvmed.simulator.spec import HOST_ID, HOST_NQN, Connection
from nvmed.simulator.state.drive import Change, SubsystemState
from nvmed.simulator.subsystem import Subsystem
from nvmed.simulator.transport import SimulatedTransport

Uevent = Mapping[str, str]
"""The properties of a kernel's event: ACTION, SUBSYSTEM, DEVNAME, perhaps DEVTYPE, NVME_AEN, NVME_EVENT."""

QUEUE_LIMIT_BYTES = 1024 * 1024
"""What Linux takes in one passthrough command at most on common hosts, whatever the drive's MDTS."""

BOOT_MOUNTS = frozenset({"/", "/boot", "/boot/efi", "/efi", "/usr"})
"""What a host needs to boot."""

USABLE = AnaState.OPTIMIZED, AnaState.NON_OPTIMIZED


_Key = tuple[int, str]
"""A namespace: its identifier and UUID, so that a new one with an old identifier is another."""


def _key(known: KnownNamespace) -> _Key:
    return known.nsid, str(known.names.uuid)


@dataclass(slots=True, eq=False)
class _Group:
    """A subsystem as the kernel knows it: `heads` has the number in the names of each namespace's nodes."""

    subsystem: SubsystemState[Controller]
    number: int
    heads: dict[_Key, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Plugged:
    """A controller that has a node."""

    number: int
    group: _Group
    view: KernelView
    instance: str
    connection: Connection | None
    unsubscribe: Callable[[], None] = lambda: None
    is_gone: bool = False
    is_cut: bool = False
    source_port: int = 50_000

    @property
    def node(self) -> str:
        return f"nvme{self.number}"

    @property
    def controller(self) -> Controller:
        return self.view.controller


class SimulatedHost:
    """Implements `Host`. Thread-safe. `queue_limit_bytes` is the kernel's limit of a transfer, None for none."""

    def __init__(
        self, subsystems: Iterable[Subsystem] = (), *, queue_limit_bytes: int | None = QUEUE_LIMIT_BYTES
    ) -> None:
        self._lock = DeferringLock()
        self._queue_limit_bytes = queue_limit_bytes
        self._plugged: dict[int, _Plugged] = {}
        self._groups: list[_Group] = []
        self._watchers: dict[object, Callable[[Uevent], None]] = {}
        self._shown: set[tuple[str, str]] = set()
        self._mounts: dict[str, list[str]] = {}
        self.battery: bool | None = None
        self.kernel_lines: list[KernelLine] = []
        self._connections: dict[Controller, Connection] = {}
        self._surroundings: dict[Controller, Surroundings] = {}
        self._boot = uuid.uuid4()
        self._instances = itertools.count(1)
        for subsystem in subsystems:
            self.add(subsystem)

    # Host

    def scan(self) -> tuple[ControllerNode, ...]:
        """Every controller there is now, ordered by node number."""
        with self._lock:
            return tuple(self._describe(self._plugged[number]) for number in sorted(self._plugged))

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        """As `Host.open`: ENOENT where there is no such node, DEVICE_IDENTITY_CHANGED where it is another drive's."""
        name = node or controller.node
        if not NODE_NAME.fullmatch(name):
            raise invalid_field("node", f"{name!r} is no node of a controller or namespace; give nvme0 or nvme0n1")
        with self._lock:
            nodes = {one.node: one for one in self._plugged.values()}
            if name not in nodes and not any(self._namespace(one, name) for one in nodes.values()):
                raise os_error(errno.ENOENT)
            self._check(controller, name)
            if nodes[controller.node].is_cut and name == controller.node:
                raise os_error(errno.EWOULDBLOCK)
            return self._open(nodes[controller.node], name)

    def check(self, controller: ControllerNode) -> None:
        """As `Host.check`."""
        with self._lock:
            self._check(controller, controller.node)

    def _check(self, controller: ControllerNode, name: str) -> None:
        plugged = next((one for one in self._plugged.values() if one.node == controller.node), None)
        require_same(controller, self._describe(plugged) if plugged else None, name)

    def _open(self, plugged: _Plugged, name: str) -> Transport:
        make = partial(
            SimulatedTransport,
            limit_bytes=self._limit_bytes(plugged),
            namespace_count=lambda: len(plugged.view.namespaces),
            rescan=partial(self._rescan, plugged),
        )
        if name == plugged.node:
            return make(partial(_live, plugged), nsid=None)
        known = self._namespace(plugged, name)
        if known is None:
            raise error(
                Reason.NAMESPACE_NOT_FOUND,
                f"{name} is no namespace that {plugged.node} gives a path to; list its namespaces",
                node=name,
                controller_node=plugged.node,
            )
        return make(partial(self._path, plugged.group, _key(known)), nsid=known.nsid)

    # who uses them

    def occupy(self, node: str, mount_point: str = "/mnt") -> None:
        """Mount a namespace's block device; `/` and what else a host boots from makes it a boot device.

        `KeyError` if there is no such node.
        """
        with self._lock:
            self._require_block_device(node)
            self._mounts.setdefault(node, []).append(mount_point)

    def vacate(self, node: str) -> None:
        """Unmount it wherever it is mounted."""
        with self._lock:
            self._mounts.pop(node, None)

    def usage(self, node: str) -> Usage:
        """Whether a namespace's block device is in use, as `nvmed.linux.usage` tells it. ENOENT if it is not there."""
        with self._lock:
            try:
                self._require_block_device(node)
            except KeyError:
                raise os_error(errno.ENOENT) from None
            mounts = self._mounts.get(node, [])
            uses = tuple(Use(UseKind.MOUNT, node, mount_point) for mount_point in mounts)
            return Usage(node, bool(mounts), uses, not BOOT_MOUNTS.isdisjoint(mounts))

    def on_battery(self) -> bool | None:
        """What `battery` was set to."""
        return self.battery

    def kernel_log(self) -> Sequence[KernelLine]:
        """What `kernel_lines` were set to."""
        return tuple(self.kernel_lines)

    def _require_block_device(self, node: str) -> None:
        if (node, "block") not in self._shown:
            raise KeyError(node)

    # what is around them

    def surroundings(self, controller: ControllerNode) -> Surroundings:
        """As `Host.surroundings`; of a drive that nothing was said of, those of a good one in a bay with lights."""
        with self._lock:
            self._check(controller, controller.node)
            plugged = self._plugged[self._number(controller.node)]
            around = self._surroundings.get(plugged.controller) or good_bay(plugged.number, plugged.connection)
            paths = (PathFacts(one.node, one.nsid, one.ana_state) for one in self._namespaces(plugged))
            return replace(around, paths=around.paths or (*paths,))

    def surround(self, node: str, **changes: Any) -> None:
        """Change what is around a controller: fields of `Surroundings`. `KeyError` if there is no such node."""
        with self._lock:
            plugged = self._plugged[self._number(node)]
            before = self._surroundings.get(plugged.controller) or good_bay(plugged.number, plugged.connection)
            self._surroundings[plugged.controller] = replace(before, **changes)

    def set_indicator(self, controller: ControllerNode, indicator: Indicator, is_on: bool) -> None:
        """As `Host.set_indicator`."""
        with self._lock:
            there = self.surroundings(controller).indicators
            if indicator not in there:
                raise error(
                    Reason.INDICATOR_UNSUPPORTED,
                    f"{controller.node} has no {indicator.value} indicator",
                    node=controller.node,
                    indicator=indicator.value,
                )
            self.surround(controller.node, indicators={**there, indicator: is_on})

    # drives that come and go

    def add(self, subsystem: Subsystem, connection: Connection | None = None) -> Subsystem:
        """Plug in a drive with all of its controllers that are present, or connect them; returns it.

        Its controllers after the first are connected at the ports after that of `connection`.
        """
        with self._lock:
            for index, controller in enumerate(subsystem.controllers.values()):
                if connection is not None:
                    port = str(int(connection.trsvcid) + index)
                    self._connections[controller] = replace(connection, trsvcid=port)
                controller.subscribe_changes(partial(self._changed, controller))
                if controller.present:
                    self._plug(controller)
        return subsystem

    def unplug(self, node: str) -> Controller:
        """Remove a controller by surprise; its `reappear` plugs it in again. `KeyError` if there is no such node."""
        controller = self.controller(node)
        controller.disappear()
        return controller

    def cut(self, node: str) -> None:
        """Let a connection fail: nothing gets through, and the kernel tries to `reconnect`."""
        with self._lock:
            plugged = self._plugged[self._number(node)]
            plugged.is_cut = True
            self._tell_controller("change", plugged, NVME_EVENT="disconnected")

    def reconnect(self, node: str) -> None:
        """The kernel has made the connection anew, from another port of its own: a new association, so a reset."""
        with self._lock:
            plugged = self._plugged[self._number(node)]
            plugged.is_cut = False
            plugged.source_port += 1
        plugged.controller.reset()

    def _number(self, node: str) -> int:
        return {one.node: number for number, one in self._plugged.items()}[node]

    def controller(self, node: str) -> Controller:
        """The controller behind a node, for its faults and journal. `KeyError` if there is no such node."""
        with self._lock:
            return {one.node: one.controller for one in self._plugged.values()}[node]

    def subscribe(self, callback: Callable[[Uevent], None]) -> Callable[[], None]:
        """Call `callback` with every event of the kernel, in the thread that caused it; the result ends that."""
        key = object()
        with self._lock:
            self._watchers[key] = callback

        def unsubscribe() -> None:
            with self._lock:
                self._watchers.pop(key, None)

        return unsubscribe

    def watch(self) -> HostEvents:
        """As `Host.watch`; what happens in any thread is told on the loop."""
        return SimulatedEvents(self.subscribe)

    def _changed(self, controller: Controller, change: Change) -> None:
        with self._lock:
            plugged = next((one for one in self._plugged.values() if one.controller is controller), None)
            if change is Change.GONE and plugged is not None:
                self._unplug(plugged)
            elif change is Change.BACK and plugged is None:
                self._plug(controller)
            elif change is Change.RESET and plugged is not None:
                self._associate(plugged)
                plugged.view.initialise()
                self._show_namespaces()
                self._tell_controller("change", plugged, NVME_EVENT="connected")

    def _plug(self, controller: Controller) -> None:
        group = next((one for one in self._groups if one.subsystem is controller.subsystem), None)
        taken = set(self._plugged) | {one.number for one in self._groups}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        if group is None:
            group = _Group(controller.subsystem, number)
            self._groups.append(group)
        instance, connection = f"{self._boot}:{next(self._instances)}", self._connections.get(controller)
        plugged = self._plugged[number] = _Plugged(number, group, KernelView(controller), instance, connection)
        self._associate(plugged)
        plugged.view.initialise()
        plugged.unsubscribe = controller.subscribe_async_events(partial(self._event, plugged))
        self._tell_controller("add", plugged)
        self._show_namespaces()
        self._tell_controller("change", plugged, NVME_EVENT="connected")

    def _associate(self, plugged: _Plugged) -> None:
        """A new association with the target, which may know the controller by another number then."""
        subsystem = plugged.group.subsystem
        if plugged.connection is not None and subsystem.spec.dynamic_controllers:
            subsystem.renumber(plugged.controller)

    def _unplug(self, plugged: _Plugged) -> None:
        plugged.is_gone = True
        plugged.unsubscribe()
        del self._plugged[plugged.number]
        if not any(one.group is plugged.group for one in self._plugged.values()):
            self._groups.remove(plugged.group)
        self._show_namespaces()
        self._tell_controller("remove", plugged)

    def _event(self, plugged: _Plugged, dword: int) -> None:
        """An asynchronous event: the kernel acts on it, or hands it on."""
        with self._lock:
            if plugged.is_gone:
                return
            if plugged.view.handle_event(dword):
                self._show_namespaces()
            else:
                self._tell_controller("change", plugged, NVME_AEN=f"{dword:#08x}")

    def _rescan(self, plugged: _Plugged) -> None:
        with self._lock:
            plugged.view.scan_namespaces()
            self._show_namespaces()

    # what the kernel shows

    def _describe(self, plugged: _Plugged) -> ControllerNode:
        identity, namespaces = plugged.view.identity, self._namespaces(plugged)
        connection = plugged.connection
        where = f"{connection.address},src_addr=192.0.2.9:{plugged.source_port}" if connection else ""
        return ControllerNode(
            node=plugged.node,
            serial=identity.sn,
            model=identity.mn,
            firmware_revision=identity.fr,
            controller_id=identity.cntlid,
            subsystem_nqn=identity.subnqn,
            subsystem_node=f"nvme-subsys{plugged.group.number}",
            transport=connection.transport if connection else "pcie",
            address=where or f"0000:{plugged.number + 1:02x}:00.0",
            state="connecting" if plugged.is_cut else "live",
            controller_type="io",
            host_nqn=connection.host_nqn if connection else HOST_NQN,
            host_id=connection.host_id if connection else HOST_ID,
            instance=plugged.instance,
            numa_node=0,
            max_transfer_bytes=self._limit_bytes(plugged) if namespaces else None,
            namespaces=namespaces,
        )

    def _limit_bytes(self, plugged: _Plugged) -> int | None:
        limits = (self._queue_limit_bytes, plugged.view.identity.max_transfer_bytes)
        return min((limit for limit in limits if limit is not None), default=None)

    def _namespaces(self, plugged: _Plugged) -> tuple[NamespaceNode, ...]:
        return tuple(self._describe_namespace(plugged, known) for known in plugged.view.namespaces.values())

    def _describe_namespace(self, plugged: _Plugged, known: KnownNamespace) -> NamespaceNode:
        identity, names = known.identity, known.names
        suffix = self._suffix(plugged, known)
        return NamespaceNode(
            node=f"nvme{suffix}",
            generic_node=f"ng{suffix}",
            nsid=known.nsid,
            size_bytes=identity.nsze * known.block_bytes,
            logical_block_bytes=known.block_bytes,
            uuid=str(names.uuid or ""),
            nguid=(names.nguid or b"").hex(),
            eui64=(names.eui64 or b"").hex(),
            ana_state=known.shown_state,
        )

    def _suffix(self, plugged: _Plugged, known: KnownNamespace) -> str:
        """`0n1`: the subsystem's number for a multipath head, the controller's for a drive that has one controller."""
        group, key = plugged.group, _key(known)
        if key not in group.heads:
            taken = set(group.heads.values())
            group.heads[key] = next(number for number in range(1, len(taken) + 2) if number not in taken)
        number = group.number if bit(plugged.view.identity.cmic, 1) else plugged.number
        return f"{number}n{group.heads[key]}"

    def _namespace(self, plugged: _Plugged, name: str) -> KnownNamespace | None:
        """The namespace behind a node's name, if the controller gives a path to it."""
        wanted = name.removeprefix("nvme").removeprefix("ng")
        namespaces = plugged.view.namespaces.values()
        return next((known for known in namespaces if self._suffix(plugged, known) == wanted), None)

    def _path(self, group: _Group, key: _Key) -> Controller:
        """The controller that a namespace's node uses now, as nvme_find_path chooses one."""
        with self._lock:
            members = [one for one in self._plugged.values() if one.group is group]
            paths = [
                (known.ana_state or AnaState.OPTIMIZED, one.number, one.controller)
                for one in members
                if (known := one.view.namespaces.get(key[0])) and _key(known) == key
            ]
        if not paths:
            raise os_error(errno.ENODEV)
        state, _, controller = min(paths, key=lambda path: path[:2])
        if state not in USABLE:
            raise os_error(errno.EWOULDBLOCK)
        return controller

    # events

    def _show_namespaces(self) -> None:
        """Forget the numbers of namespaces that are gone, and tell of nodes that came and went."""
        for group in self._groups:
            members = [one for one in self._plugged.values() if one.group is group]
            there = {_key(known) for one in members for known in one.view.namespaces.values()}
            group.heads = {key: number for key, number in group.heads.items() if key in there}
        nodes = {
            (node, subsystem)
            for one in self._plugged.values()
            for namespace in self._namespaces(one)
            for node, subsystem in ((namespace.node, "block"), (namespace.generic_node, "nvme-generic"))
        }
        for action, changed in (("remove", self._shown - nodes), ("add", nodes - self._shown)):
            for node, subsystem in sorted(changed):
                kind = {"DEVTYPE": "disk"} if subsystem == "block" else {}
                self._tell(action, node, subsystem, **kind)
                if action == "remove":
                    self._mounts.pop(node, None)
        self._shown = nodes

    def _tell_controller(self, action: str, plugged: _Plugged, **more: str) -> None:
        transport = plugged.connection.transport if plugged.connection else "pcie"
        self._tell(action, plugged.node, "nvme", NVME_TRTYPE=transport, **more)

    def _tell(self, action: str, node: str, subsystem: str, **more: str) -> None:
        path = f"/devices/virtual/{subsystem}/{node}"
        event = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": subsystem, "DEVNAME": node, **more}
        for watcher in tuple(self._watchers.values()):
            self._lock.later(partial(watcher, event))


def _live(plugged: _Plugged) -> Controller:
    if plugged.is_gone:
        raise os_error(errno.ENODEV)
    if plugged.is_cut:
        raise os_error(errno.EINTR)  # the kernel gives up what is in flight
    return plugged.controller


def default_host(count: int, recordings: Iterable[str] = ()) -> SimulatedHost:
    """A host with `count` believable drives and those of files: what `nvmed --simulate` serves. CONFIG_INVALID names a
    file that is none.
    """
    drives = [Subsystem(drive(number)) for number in range(1, count + 1)]
    return SimulatedHost([*drives, *(replay.load(Path(file)) for file in recordings)])
