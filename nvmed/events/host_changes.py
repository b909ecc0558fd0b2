"""What has changed between two scans of the host, as events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Subsystem
from nvmed.events.kinds import ControllerState, Event, Kind, NamespaceState, PathState

Fields = Mapping[str, Callable[[Any], object]]


def _namespaces(state: ControllerState) -> frozenset[str]:
    return frozenset(f"{state.subsystem}/namespaces/{namespace.nsid}" for namespace in state.node.namespaces)


CONTROLLER_FIELDS: Final[Fields] = {
    "device_node": attrgetter("node.node"),
    "serial_number": attrgetter("node.serial"),
    "model_number": attrgetter("node.model"),
    "firmware_revision": attrgetter("node.firmware_revision"),
    "controller_id": attrgetter("node.controller_id"),
    "subsystem": attrgetter("subsystem"),
    "subsystem_nqn": attrgetter("node.subsystem_nqn"),
    "transport": attrgetter("node.transport"),
    "address": attrgetter("node.address"),
    "state": attrgetter("node.state"),
    "lane_state": attrgetter("is_stalled"),
    "controller_type": attrgetter("node.controller_type"),
    "numa_node": attrgetter("node.numa_node"),
    "queue_max_transfer_bytes": attrgetter("node.max_transfer_bytes"),
    "host_nqn": attrgetter("node.host_nqn"),
    "namespaces": _namespaces,
}
"""The fields of the contract's Controller, all but its name, and what decides each."""

NAMESPACE_FIELDS: Final[Fields] = {
    "nsid": attrgetter("node.nsid"),
    "device_node": attrgetter("node.node"),
    "generic_device_node": attrgetter("node.generic_node"),
    "size_bytes": attrgetter("node.size_bytes"),
    "logical_block_bytes": attrgetter("node.logical_block_bytes"),
    "uuid": attrgetter("node.uuid"),
    "nguid": attrgetter("node.nguid"),
    "eui64": attrgetter("node.eui64"),
    "paths": attrgetter("paths"),
}
"""The same of Namespace."""

ANOTHER_CONTROLLER: Final[Fields] = {"device_node": attrgetter("node.node"), "instance": attrgetter("node.instance")}
"""What the kernel changes only by letting a controller go and come again."""

ANOTHER_NAMESPACE: Final[Fields] = {key: NAMESPACE_FIELDS[key] for key in ("uuid", "nguid", "eui64")}
"""What no namespace changes: another one has its number now."""


@dataclass(frozen=True, slots=True)
class View:
    """The host as of one scan, by resource name."""

    controllers: Mapping[str, ControllerState] = field(default_factory=dict)
    namespaces: Mapping[str, NamespaceState] = field(default_factory=dict)

    @classmethod
    def of(cls, subsystems: Collection[Subsystem]) -> View:
        """What a scan found, but for controllers that the kernel has not identified yet.

        Linux shows a controller before it has asked it who it is: without a serial, so by a name that will not last.
        """
        return cls(
            {
                device.resource_name: _controller(device)
                for one in subsystems
                for device in one.devices
                if device.node.is_identified
            },
            {
                found.name: NamespaceState(
                    found.name,
                    found.node,
                    tuple(PathState.of(path.device.resource_name, path.node) for path in found.paths),
                )
                for one in subsystems
                for found in one.namespaces
            },
        )

    def controller_at(self, node: str) -> ControllerState | None:
        """The controller whose node it is."""
        return next((state for state in self.controllers.values() if state.node.node == node), None)

    def events(self) -> Iterator[Event]:
        """What there is, as if it all came now: controllers first."""
        yield from (controller_event(Kind.CONTROLLER_ADDED, state) for state in self.controllers.values())
        yield from (_namespace_event(self, Kind.NAMESPACE_ADDED, state) for state in self.namespaces.values())


def changes(before: View, after: View, went: Collection[str]) -> Iterator[Event]:
    """What made `after` of `before`. `went` are the nodes that the host said are gone: what has one of them and is
    there all the same went and came.

    Namespaces go before their controllers and come after them.
    """
    controllers = _compare(before.controllers, after.controllers, CONTROLLER_FIELDS, ANOTHER_CONTROLLER, went)
    namespaces = _compare(before.namespaces, after.namespaces, NAMESPACE_FIELDS, ANOTHER_NAMESPACE, went)
    for state in namespaces.gone:
        yield _namespace_event(before, Kind.NAMESPACE_REMOVED, state)
    for state in controllers.gone:
        yield controller_event(Kind.CONTROLLER_REMOVED, state)
    for state in controllers.come:
        yield controller_event(Kind.CONTROLLER_ADDED, state)
    for state, fields in controllers.changed:
        yield controller_event(Kind.CONTROLLER_CHANGED, state, fields)
    for state in namespaces.come:
        yield _namespace_event(after, Kind.NAMESPACE_ADDED, state)
    for state, fields in namespaces.changed:
        yield _namespace_event(after, Kind.NAMESPACE_CHANGED, state, fields)


@dataclass(slots=True)
class _Compared:
    gone: list[Any] = field(default_factory=list)
    come: list[Any] = field(default_factory=list)
    changed: list[tuple[Any, tuple[str, ...]]] = field(default_factory=list)


def _compare(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    fields: Fields,
    another: Fields,
    went: Collection[str],
) -> _Compared:
    found = _Compared()
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            (found.come if old is None else found.gone).append(new or old)
            continue
        differ = tuple(key for key, value in fields.items() if value(old) != value(new))
        if old.node.node in went or any(value(old) != value(new) for value in another.values()):
            found.gone.append(old)
            found.come.append(new)
        elif differ:
            found.changed.append((new, differ))
    return found


def _controller(device: Device) -> ControllerState:
    return ControllerState(device.resource_name, device.node, device.lane.stalled, device.subsystem)


def controller_event(kind: Kind, state: ControllerState, fields: tuple[str, ...] = (), **more: Any) -> Event:
    """An event about a controller, which says how it is unless it says something else."""
    return Event(
        kind, controller=state.name, device_node=state.node.node, changed_fields=fields, **{"detail": state, **more}
    )


def _namespace_event(view: View, kind: Kind, state: NamespaceState, fields: tuple[str, ...] = ()) -> Event:
    """One about a namespace; `controller` is that of its first path."""
    controller = state.paths[0].controller if state.paths else ""
    shown = view.controllers.get(controller)
    return Event(
        kind,
        controller=controller,
        device_node=shown.node.node if shown else "",
        namespace=state.name,
        changed_fields=fields,
        detail=state,
    )
