"""What `devices` knows, as the messages of the contract."""

from __future__ import annotations

from typing import Final

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Namespace, Subsystem
from nvmed.devices.omission import Omission
from nvmed.events.kinds import ControllerState, NamespaceState, PathState
from nvmed.nvme import firmware
from nvmed.nvme.capabilities import CAPABILITIES, Capabilities
from nvmed.nvme.host import CONTROLLER_ID_UNKNOWN
from nvmed.nvme.identify import IdentifyController
from nvmed.rpc.convert.fitted import fitted, omissions
from nvmed.v1 import inventory_pb2, resources_pb2

NO_CONTROLLER_ID: Final = Omission("controller_id", "", "the kernel shows no cntlid of this controller")

_STATES: Final = {
    "new": resources_pb2.Controller.STATE_NEW,
    "live": resources_pb2.Controller.STATE_LIVE,
    "resetting": resources_pb2.Controller.STATE_RESETTING,
    "connecting": resources_pb2.Controller.STATE_CONNECTING,
    "deleting": resources_pb2.Controller.STATE_DELETING,
    "deleting (no IO)": resources_pb2.Controller.STATE_DELETING,
    "dead": resources_pb2.Controller.STATE_DEAD,
}
"""By what sysfs says (`nvme_sysfs_show_state`)."""


def controller(device: Device) -> resources_pb2.Controller:
    """The resource of a controller as it is."""
    return controller_state(ControllerState(device.resource_name, device.node, device.lane.stalled, device.subsystem))


def controller_state(found: ControllerState) -> resources_pb2.Controller:
    """The resource of a controller as it was."""
    node = found.node
    kinds = resources_pb2.Controller
    lacks_id = node.controller_id == CONTROLLER_ID_UNKNOWN
    return fitted(
        resources_pb2.Controller,
        name=found.name,
        device_node=node.node,
        serial_number=node.serial,
        model_number=node.model,
        firmware_revision=node.firmware_revision,
        controller_id=None if lacks_id else node.controller_id,
        omissions=omissions([NO_CONTROLLER_ID] if lacks_id else ()),
        subsystem=found.subsystem,
        subsystem_nqn=node.subsystem_nqn,
        transport=node.transport,
        address=node.address,
        state=_STATES.get(node.state, kinds.STATE_UNSPECIFIED),
        lane_state=kinds.LANE_STATE_STALLED if found.is_stalled else kinds.LANE_STATE_SERVING,
        controller_type=node.controller_type,
        numa_node=node.numa_node,
        queue_max_transfer_bytes=node.max_transfer_bytes or 0,
        host_nqn=node.host_nqn,
        namespaces=sorted({f"{found.subsystem}/namespaces/{namespace.nsid}" for namespace in node.namespaces}),
    )


def subsystem(found: Subsystem) -> resources_pb2.Subsystem:
    """The resource of an NVM subsystem."""
    return fitted(
        resources_pb2.Subsystem,
        name=found.name,
        nqn=found.nqn,
        serial_number=found.serial,
        model_number=found.model,
        controllers=[device.resource_name for device in found.devices],
        namespaces=[namespace.name for namespace in found.namespaces],
    )


def namespace(found: Namespace) -> resources_pb2.Namespace:
    """The resource of a namespace as it is."""
    paths = tuple(PathState.of(path.device.resource_name, path.node) for path in found.paths)
    return namespace_state(NamespaceState(found.name, found.node, paths))


def namespace_state(found: NamespaceState) -> resources_pb2.Namespace:
    """The resource of a namespace as it was."""
    node = found.node
    return fitted(
        resources_pb2.Namespace,
        name=found.name,
        nsid=node.nsid,
        device_node=node.node,
        generic_device_node=node.generic_node,
        size_bytes=node.size_bytes,
        logical_block_bytes=node.logical_block_bytes,
        uuid=node.uuid,
        nguid=node.nguid,
        eui64=node.eui64,
        paths=map(path, found.paths),
    )


def path(found: PathState) -> resources_pb2.Namespace.Path:
    """A path to a namespace."""
    return fitted(
        resources_pb2.Namespace.Path,
        controller=found.controller,
        ana_state=found.ana_state,
        device_node=found.node,
        generic_device_node=found.generic_node,
    )


def capabilities(
    device: Device, identity: IdentifyController, found: Capabilities
) -> inventory_pb2.ControllerCapabilities:
    """What a controller can do."""
    updates = firmware.FirmwareUpdates.of(identity)
    return fitted(
        inventory_pb2.ControllerCapabilities,
        controller=device.resource_name,
        capabilities=[
            fitted(
                inventory_pb2.ControllerCapabilities.Capability,
                capability=name,
                supported=found.has(name),
                source=CAPABILITIES[name].source,
                description=found.why_not(name),
            )
            for name in sorted(CAPABILITIES)
        ],
        nvme_version=identity.version,
        max_transfer_bytes=identity.max_transfer_bytes or 0,
        firmware_slots=updates.slots,
        firmware_slot1_read_only=updates.slot_1_read_only,
        firmware_update_granularity_bytes=firmware.granularity_bytes(identity.fwug),
    )
