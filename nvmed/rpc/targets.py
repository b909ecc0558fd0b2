"""The controller, and the namespace, that a request names: in one way, or in two that agree."""

from __future__ import annotations

from typing import Any

from nvmed.devices.inventory import Inventory, Target
from nvmed.nvme.opcodes import NSID_MAX
from nvmed.reasons import invalid_field


async def find_target(inventory: Inventory, request: Any) -> Target:
    """What `controller` of a request names.

    Raises INVALID_FIELD if that is a namespace's node, and the request names another namespace beside it, or all.
    """
    target = await inventory.find(request.controller, "controller")
    number = node_nsid(target)
    if not number:
        return target
    fields = request.DESCRIPTOR.fields_by_name
    nsid = request.nsid if "nsid" in fields else 0
    if 1 <= nsid <= NSID_MAX and nsid != number:
        raise invalid_field("nsid", f"is {nsid}, and {request.controller} is namespace {number}; leave one of them out")
    if "all_namespaces" in fields and request.all_namespaces:
        raise invalid_field(
            "controller", f"{request.controller} is namespace {number}; with all_namespaces, name the controller"
        )
    return target


def node_nsid(target: Target) -> int:
    """The namespace whose node was named, 0 if it was a controller."""
    for one in target.device.node.namespaces:
        if target.namespace_node and target.namespace_node in (one.node, one.generic_node):
            return one.nsid
    return 0
