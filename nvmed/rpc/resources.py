"""What a request is about, by the names that the policy speaks of.

A request may name a device node, which the kernel gives to the next drive. So the node is looked up before the call is
authorised, and what it was then is kept for the call: if it is another controller when the handler looks it up, the
handler gets DEVICE_IDENTITY_CHANGED instead of a drive that nobody allowed. Opening checks the identity once more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nvmed.devices.inventory import Inventory, nodes_meant
from nvmed.errors import NvmedError
from nvmed.nvme.host import NODE_NAME
from nvmed.operations.manager import Manager
from nvmed.security.patterns import COLLECTIONS, HOST

OPERATIONS: Final = "operations/"

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

    def __init__(self, inventory: Inventory, operations: Manager) -> None:
        self._inventory = inventory
        self._operations = operations

    async def of(self, method: str, request: Any, field: str) -> Mapping[str, str]:
        """What `request` is about: the names in its `field`, which may be nested or repeated, with the canonical ones.

        Without a name, it is the host. A name that does not exist stays as it is: whoever may not know that learns no
        more than that they may not.
        """
        names = _values(request, field) if field else []
        return {name or HOST: await self._canonical(method, name) for name in names or [""]}

    async def canonical(self, name: str) -> str:
        """The canonical name of what `name` is, for no call: `host` for ""."""
        return await self._canonical("", name)

    async def _canonical(self, method: str, name: str) -> str:
        if name in _WHOLE:
            return HOST
        try:
            if name.startswith(OPERATIONS):
                target = (await self._operations.get(name.removeprefix(OPERATIONS))).target
                return target if target.startswith(COLLECTIONS) else HOST
            if NODE_NAME.fullmatch(name):
                return await self._behind(method, name)
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


def _values(message: Any, path: str) -> list[str]:
    """The strings in the field `path` of a message."""
    name, _, rest = path.partition(".")
    value = getattr(message, name)
    if rest:
        return _values(value, rest)
    return [str(one) for one in value] if isinstance(value, Iterable) and not isinstance(value, str) else [value]
