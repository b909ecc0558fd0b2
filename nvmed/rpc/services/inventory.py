"""nvmed.v1.InventoryService."""

from __future__ import annotations

from typing import Any

from nvmed.devices.inventory import SUBSYSTEMS, Inventory
from nvmed.rpc import convert
from nvmed.rpc.listing import page
from nvmed.v1 import inventory_pb2, inventory_pb2_grpc, resources_pb2


class InventoryService(inventory_pb2_grpc.InventoryServiceServicer):
    """Answers from the kernel's view of the host; only capabilities ask a drive."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def ListControllers(
        self, request: inventory_pb2.ListControllersRequest, context: Any
    ) -> inventory_pb2.ListControllersResponse:
        items = [convert.controller(device) for device in await self._inventory.controllers()]
        shown, token = page(items, request)
        return inventory_pb2.ListControllersResponse(controllers=shown, next_page_token=token)

    async def GetController(
        self, request: inventory_pb2.GetControllerRequest, context: Any
    ) -> resources_pb2.Controller:
        await self._inventory.controllers()  # state and firmware revision as of now
        return convert.controller((await self._inventory.find(request.name)).device)

    async def GetControllerCapabilities(
        self, request: inventory_pb2.GetControllerCapabilitiesRequest, context: Any
    ) -> inventory_pb2.ControllerCapabilities:
        device = (await self._inventory.find(request.name)).device
        async with device.open() as session:
            identity = await device.identify(session)
            capabilities = await device.capabilities(session)
        return convert.capabilities(device, identity, capabilities)

    async def ListSubsystems(
        self, request: inventory_pb2.ListSubsystemsRequest, context: Any
    ) -> inventory_pb2.ListSubsystemsResponse:
        items = [convert.subsystem(found) for found in await self._inventory.subsystems()]
        shown, token = page(items, request)
        return inventory_pb2.ListSubsystemsResponse(subsystems=shown, next_page_token=token)

    async def GetSubsystem(self, request: inventory_pb2.GetSubsystemRequest, context: Any) -> resources_pb2.Subsystem:
        return convert.subsystem(await self._inventory.find_subsystem(request.name))

    async def ListNamespaces(
        self, request: inventory_pb2.ListNamespacesRequest, context: Any
    ) -> inventory_pb2.ListNamespacesResponse:
        if request.parent in ("", f"{SUBSYSTEMS}-"):
            subsystems = await self._inventory.subsystems()
        else:
            subsystems = (await self._inventory.find_subsystem(request.parent),)
        items = [convert.namespace(found) for subsystem in subsystems for found in subsystem.namespaces]
        shown, token = page(sorted(items, key=lambda item: item.name), request)
        return inventory_pb2.ListNamespacesResponse(namespaces=shown, next_page_token=token)

    async def GetNamespace(self, request: inventory_pb2.GetNamespaceRequest, context: Any) -> resources_pb2.Namespace:
        return convert.namespace(await self._inventory.find_namespace(request.name))
