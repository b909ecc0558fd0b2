"""The host's controllers by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from nvmed.devices.controller import Device
from nvmed.devices.lane import Lane
from nvmed.devices.names import Named, Names
from nvmed.devices.shared import Shared
from nvmed.nvme.host import NODE_NAME, Host, NamespaceNode
from nvmed.reasons import Reason, error, invalid_field

LANE_GRACE_MS = 5_000
"""How long a command may outlive its timeout before its lane counts as stalled: the kernel aborts and resets first."""

WAITING_MAX = 1_000
"""How many may wait to read what the kernel tells of a drive."""

CONTROLLERS = "controllers/"
SUBSYSTEMS = "subsystems/"


nodes_meant: ContextVar[Mapping[str, str]] = ContextVar("nodes_meant")
"""Resource names of what device nodes were when the call being served was allowed to go on."""


@dataclass(frozen=True, slots=True)
class Subsystem:
    """An NVM subsystem: its controllers, and each of its namespaces with the devices that lead to it."""

    name: str
    nqn: str
    serial: str
    model: str
    devices: tuple[Device, ...]
    namespaces: tuple[Namespace, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A controller that reaches a namespace, and the namespace as the kernel shows it there: with its ANA state, and
    without multipath with a node of its own."""

    device: Device
    node: NamespaceNode


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of a subsystem with the paths to it."""

    name: str
    node: NamespaceNode
    paths: tuple[Path, ...]
    """Each controller that reaches it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a request named: a controller, and the namespace node if it was one that was named."""

    device: Device
    namespace_node: str = ""


class Inventory:
    """Finds controllers; keeps one `Device`, and so one lane, for each as long as it is there."""

    def __init__(self, host: Host, names: Names | None = None) -> None:
        self._host = host
        self._names = names or Names()
        self._scanner = Lane("inventory", threads=1, waiting_max=WAITING_MAX)
        self._scans = Shared(self._look)
        self._devices: dict[str, Device] = {}
        self._aliases: dict[str, str] = {}

    async def controllers(self) -> tuple[Device, ...]:
        """Every controller there is now, ordered by name: one scan serves all who ask before it begins."""
        return await self._scans.result()

    async def _look(self) -> tuple[Device, ...]:
        found = {one.name: one for one in await self._scanner.run(self._scan)}
        for name in self._devices.keys() - found.keys():
            self._devices.pop(name).lane.close()
        for name, one in found.items():
            if name in self._devices:
                self._devices[name].node = one.node
            else:
                self._devices[name] = Device(name, one.node, self._host, Lane(name, grace_ms=LANE_GRACE_MS))
            self._devices[name].subsystem = SUBSYSTEMS + one.subsystem
        self._aliases = {one.alias: name for name, one in found.items() if one.alias}
        return tuple(self._devices[name] for name in sorted(found))

    def _scan(self) -> tuple[Named, ...]:
        return self._names.assign(self._host.scan())

    @property
    def lane(self) -> Lane:
        """The thread that scans, no drive's."""
        return self._scanner

    @property
    def known(self) -> tuple[Device, ...]:
        """The controllers of the last scan, without another."""
        return tuple(self._devices.values())

    def forget_identities(self, node: str = "") -> None:
        """Let the controller of a node be identified anew, or every one: the kernel has initialised it, or may have."""
        for device in self.known:
            if node in ("", device.node.node):
                device.forget_identity()

    def canonical(self, name: str) -> str:
        """`controllers/{controller}`, as it is called now if that was its name before the kernel had identified it."""
        key = name.removeprefix(CONTROLLERS)
        return CONTROLLERS + self._aliases.get(key, key)

    async def find(self, name: str, field: str = "name") -> Target:
        """The controller that `name` names: `controllers/{controller}`, or a device node as of now.

        Raises INVALID_FIELD for what cannot be a name, CONTROLLER_NOT_FOUND. A resource name is answered from the last
        scan, as opening checks the identity again; a node is always looked up anew, as the kernel recycles nodes, and
        if `nodes_meant` says that it was another controller, DEVICE_IDENTITY_CHANGED is raised.
        """
        found = await self._find(name, field)
        _refuse_another(name, found.device.resource_name)
        return found

    async def _find(self, name: str, field: str) -> Target:
        if name.startswith(CONTROLLERS):
            key = name.removeprefix(CONTROLLERS)
            if key not in self._devices:
                await self.controllers()
                key = self._aliases.get(key, key)
            if key in self._devices:
                return Target(self._devices[key])
        elif NODE_NAME.fullmatch(name):
            for device in await self.controllers():
                if device.node.node == name:
                    return Target(device)
            for device in sorted(self.known, key=lambda device: device.node.state != "live"):
                if any(name in (ns.node, ns.generic_node) for ns in device.node.namespaces):
                    return Target(device, name)
        else:
            raise invalid_field(
                field,
                f"{name!r} is neither controllers/{{controller}} nor a device node (nvme0, nvme0n1, ng0n1); "
                "ListControllers shows both",
            )
        raise error(Reason.CONTROLLER_NOT_FOUND, f"no controller {name!r} on this host", name=name)

    async def subsystems(self) -> tuple[Subsystem, ...]:
        """Every NVM subsystem there is now, ordered by name."""
        grouped: dict[str, list[Device]] = {}
        for device in await self.controllers():
            grouped.setdefault(device.subsystem, []).append(device)
        return tuple(_subsystem(name, devices) for name, devices in sorted(grouped.items()))

    async def find_subsystem(self, name: str) -> Subsystem:
        """The subsystem `subsystems/{subsystem}`; raises SUBSYSTEM_NOT_FOUND."""
        for subsystem in await self.subsystems():
            if subsystem.name == name:
                return subsystem
        raise error(Reason.SUBSYSTEM_NOT_FOUND, f"no NVM subsystem {name!r} on this host", name=name)

    async def find_namespace(self, name: str) -> Namespace:
        """The namespace of a resource name or of a device node as of now.

        Raises INVALID_FIELD for what cannot be a name, NAMESPACE_NOT_FOUND.
        """
        if not (name.startswith(SUBSYSTEMS) or NODE_NAME.fullmatch(name)):
            raise invalid_field(
                "name",
                f"{name!r} is neither subsystems/{{subsystem}}/namespaces/{{nsid}} nor a device node (nvme0n1, ng0n1); "
                "ListNamespaces shows both",
            )
        for subsystem in await self.subsystems():
            for namespace in subsystem.namespaces:
                nodes = {node for path in namespace.paths for node in (path.node.node, path.node.generic_node)}
                if name == namespace.name or name in nodes:
                    _refuse_another(name, namespace.name)
                    return namespace
        raise error(Reason.NAMESPACE_NOT_FOUND, f"no namespace {name!r} on this host", name=name)

    def close(self) -> None:
        """Let go of every lane."""
        for device in self._devices.values():
            device.lane.close()
        self._scanner.close()
        self._names.close()


def _refuse_another(node: str, found: str) -> None:
    """Raise DEVICE_IDENTITY_CHANGED if `node` was not `found` when the call being served was allowed."""
    meant = nodes_meant.get({}).get(node, found)
    if meant != found:
        raise error(
            Reason.DEVICE_IDENTITY_CHANGED,
            f"{node} was {meant} when the call was allowed, and now is {found}",
            node=node,
            expected=meant,
            found=found,
        )


def _subsystem(name: str, devices: list[Device]) -> Subsystem:
    paths: dict[int, list[Path]] = {}
    for device in devices:
        for node in device.node.namespaces:
            paths.setdefault(node.nsid, []).append(Path(device, node))
    namespaces = tuple(
        Namespace(f"{name}/namespaces/{nsid}", _chosen(paths[nsid]), tuple(paths[nsid])) for nsid in sorted(paths)
    )
    first = devices[0].node
    return Subsystem(name, first.subsystem_nqn, first.serial, first.model, tuple(devices), namespaces)


def _chosen(paths: list[Path]) -> NamespaceNode:
    """The node that stands for a namespace: without multipath it has one for each path."""
    return min((path.node for path in paths), key=lambda node: (not node.node, not node.generic_node, node.node))
