"""What a request is about, by the names that the policy speaks of.

A request may name a device node, which the kernel gives to the next drive. So the node is looked up before the call is
authorised, and what it was then is kept for the call: if it is another controller when the handler looks it up, the
handler gets DEVICE_IDENTITY_CHANGED instead of a drive that nobody allowed. Opening checks the identity once more.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from nvmed.captures.store import Captures
from nvmed.devices.controller import Device
from nvmed.devices.inventory import CONTROLLERS, Inventory, nodes_meant
from nvmed.errors import NotFound, NvmedError
from nvmed.nvme.host import NODE_NAME
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record
from nvmed.rpc.wire import ReceivedChunk
from nvmed.security.patterns import COLLECTIONS, HOST
from nvmed.security.policy import Also, Rule

OPERATIONS: Final = "operations/"
SUPPORT_BUNDLES: Final = "supportBundles/"
"""Names with the id of the operation that made them: they are about what that was about."""
CAPTURES: Final = "captures/"

_WHOLE: Final = ("", "-", *COLLECTIONS, *(f"{name}/-" for name in COLLECTIONS))
"""Names that mean everything there is of a collection, as the parent of a list."""

_OF_NAMESPACES: Final = frozenset(
    {
        "/nvmed.v1.InventoryService/GetNamespace",
        "/nvmed.v1.PassthruService/ExecuteIo",
        "/nvmed.v1.PassthruService/TestPassthru",
    }
)
"""Methods for which a namespace's node stands for the namespace, not for the controller that leads to it."""

_CONTROLLER_NODE: Final = re.compile(r"nvme[0-9]+")


class Resources:
    """Finds the canonical names of what requests name."""

    def __init__(self, inventory: Inventory, operations: Manager, captures: Captures) -> None:
        self._inventory = inventory
        self._operations = operations
        self._captures = captures

    async def of(self, method: str, request: Any, rule: Rule, operation: Record | None = None) -> Mapping[str, str]:
        """What `request` is about: the names in the rule's field, with the canonical ones; then what it also touches.

        Without a name, it is the host. A name that does not exist stays as it is: whoever may not know that learns no
        more than that they may not. What is also touched is told by what the request says of it. A request that names
        an `operation` is about everything that this is about.
        """
        if operation is not None:
            return {f"{OPERATIONS}{operation.id}: {subject}": subject for subject in operation.subjects}
        names = _values(request, rule.resource_field) if rule.resource_field else []
        found = {name or HOST: await self._canonical(method, name) for name in names or [""]}
        for also in rule.also:
            for asked, resource in await _TOUCHED[also](self._inventory, request, dict(found)):
                found.setdefault(asked, resource)
        return found

    async def operation(self, request: Any, rule: Rule) -> Record | None:
        """The operation that `request` names, None if it names none, or one that there is not."""
        names = _values(request, rule.resource_field) if rule.resource_field else []
        return await self.operation_of_name(names[0]) if len(names) == 1 else None

    async def operation_of_name(self, name: str) -> Record | None:
        """The operation of that name, or that made what has it; None if it is no name of one."""
        for prefix in (OPERATIONS, SUPPORT_BUNDLES):
            if name.startswith(prefix):
                with suppress(NotFound):
                    return await self._operations.get(name.removeprefix(prefix))
        return None

    async def canonical(self, name: str) -> str:
        """The canonical name of what `name` is, for no call: `host` for ""."""
        return await self._canonical("", name)

    async def _canonical(self, method: str, name: str) -> str:
        if name in _WHOLE:
            return HOST
        if name.startswith(CAPTURES) and (capture := self._captures.find(name.removeprefix(CAPTURES))) is not None:
            return capture.controller  # which may be gone: its captures are still its own
        try:
            if NODE_NAME.fullmatch(name):
                return await self._behind(method, name)
            if name.startswith(CONTROLLERS):
                found = self._inventory.canonical(name)
                nodes_meant.set({**nodes_meant.get({}), name: found})
                return found
        except NvmedError:
            pass
        return name

    async def _behind(self, method: str, node: str) -> str:
        """The controller, or namespace, that `node` is now; for this call it must stay that."""
        if method in _OF_NAMESPACES and not _CONTROLLER_NODE.fullmatch(node):
            found = (await self._inventory.find_namespace(node)).name
        else:
            found = (await self._inventory.find(node)).device.resource_name
        nodes_meant.set({**nodes_meant.get({}), node: found})
        return found


Touched = Iterable[tuple[str, str]]
"""Resources that a call also touches: what the caller is told of each, and its canonical name."""

Named = Mapping[str, str]
"""What a request names: by the name that it has, the canonical one."""


async def _by_identifier(inventory: Inventory, request: Any, named: Named) -> Touched:
    wanted = set(request.controller_ids)
    touched: list[tuple[str, str]] = []
    async for asked, subsystem, family in _families(inventory, named):
        touched += _told(asked, [one for one in family if one.node.controller_id in wanted])
        if wanted - {one.node.controller_id for one in family}:
            touched.append((f"controllers of the subsystem of {asked} that are not on this host", subsystem))
    return touched


async def _leading_to(inventory: Inventory, request: Any, named: Named) -> Touched:
    touched: list[tuple[str, str]] = []
    async for asked, _, family in _families(inventory, named):
        touched += _told(asked, [one for one in family if _leads(one, request)])
    return touched


def _leads(device: Device, request: Any) -> bool:
    """Whether a controller leads to the namespace of a request, or to any if it is about all."""
    nsids = [namespace.nsid for namespace in device.node.namespaces]
    return bool(nsids) if getattr(request, "all_namespaces", False) else request.nsid in nsids


async def _same_subsystem(inventory: Inventory, request: Any, named: Named) -> Touched:
    touched: list[tuple[str, str]] = []
    async for asked, _, family in _families(inventory, named):
        touched += _told(asked, family)
    return touched


async def _connected(inventory: Inventory, request: Any, named: Named) -> Touched:
    ends = (request.host_nqn, request.subsystem_nqn)
    devices = [one for one in await inventory.controllers() if (one.node.host_nqn, one.node.subsystem_nqn) == ends]
    return [(f"the connection {one.node.node} to {request.subsystem_nqn}", one.resource_name) for one in devices]


async def _image(inventory: Inventory, request: Any, named: Named) -> Touched:
    return [(request.image, request.image)]


async def _desired_image(inventory: Inventory, request: Any, named: Named) -> Touched:
    name = request.desired.firmware.image
    return [(name, name)] if name else []


async def _uploaded(inventory: Inventory, request: Any, named: Named) -> Touched:
    if isinstance(request, ReceivedChunk) or not request.HasField("header"):
        return []  # will be refused: a stream begins with its header
    name = f"images/{request.header.sha256.hex()}"
    return [(name, name)]


async def _fetched(inventory: Inventory, request: Any, named: Named) -> Touched:
    name = f"images/{request.sha256.hex()}"
    return [(name, name)]


_TOUCHED: Final[Mapping[Also, Callable[[Inventory, Any, Named], Awaitable[Touched]]]] = {
    Also.CONTROLLER_IDS: _by_identifier,
    Also.NAMESPACE: _leading_to,
    Also.SUBSYSTEM: _same_subsystem,
    Also.IMAGE: _image,
    Also.DESIRED_IMAGE: _desired_image,
    Also.UPLOADED: _uploaded,
    Also.FETCHED: _fetched,
    Also.CONNECTIONS: _connected,
}


async def _families(inventory: Inventory, named: Named) -> AsyncIterator[tuple[str, str, Sequence[Device]]]:
    """For each controller or subsystem that is named: its name in the request, the subsystem, all its controllers."""
    devices = await inventory.controllers()
    for asked, resource in named.items():
        subsystems = {one.subsystem for one in devices if resource in (one.resource_name, one.subsystem)}
        for subsystem in subsystems:
            yield asked, subsystem, [one for one in devices if one.subsystem == subsystem]


def _told(asked: str, devices: Collection[Device]) -> Touched:
    return [
        (f"controller {one.node.controller_id} ({one.node.node}) of the subsystem of {asked}", one.resource_name)
        for one in devices
    ]


def _values(message: Any, path: str) -> list[str]:
    """The strings in the field `path` of a message."""
    name, _, rest = path.partition(".")
    value = getattr(message, name)
    if rest:
        return _values(value, rest)
    return [str(one) for one in value] if isinstance(value, Iterable) and not isinstance(value, str) else [value]
