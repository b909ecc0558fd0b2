"""nvmed.v1.InventoryService."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from google.longrunning import operations_pb2 as longrunning

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.devices.inventory import SUBSYSTEMS, Inventory
from nvmed.firmware.resets import Kind, Reset, Resets
from nvmed.locator.locators import Locators, Wanted
from nvmed.nvme.host import Host
from nvmed.operations.manager import Manager
from nvmed.preconditions.gates import check_overrides
from nvmed.rpc.convert import inventory as convert
from nvmed.rpc.convert import surroundings as convert_surroundings
from nvmed.rpc.convert.operations import response
from nvmed.rpc.listing import page
from nvmed.rpc.longrunning import begin, replayed
from nvmed.rpc.mutation import mutation
from nvmed.v1 import inventory_pb2, inventory_pb2_grpc, operations_pb2, resources_pb2


class InventoryService(inventory_pb2_grpc.InventoryServiceServicer):
    """Answers from the kernel's view of the host; only capabilities ask a drive, and resets change one."""

    def __init__(
        self, inventory: Inventory, operations: Manager, resets: Resets, host: Host, locators: Locators
    ) -> None:
        self._inventory = inventory
        self._operations = operations
        self._resets = resets
        self._host = host
        self._locators = locators

    async def ListControllers(
        self, request: inventory_pb2.ListControllersRequest, context: Any
    ) -> inventory_pb2.ListControllersResponse:
        items = [convert.controller(device) for device in await self._inventory.controllers()]
        shown, token = page(items, request, resources_pb2.Controller)
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

    async def GetControllerSurroundings(
        self, request: inventory_pb2.GetControllerSurroundingsRequest, context: Any
    ) -> inventory_pb2.ControllerSurroundings:
        device = (await self._inventory.find(request.name)).device
        found = await self._inventory.lane.run(lambda: self._host.surroundings(device.node))
        return convert_surroundings.surroundings(device.resource_name, found, self._locators.until_ms)

    async def SetLocator(
        self, request: inventory_pb2.SetLocatorRequest, context: Any
    ) -> inventory_pb2.SetLocatorResponse:
        device = (await self._inventory.find(request.name)).device
        wanted = Wanted(
            device,
            convert_surroundings.INDICATORS[request.indicator],
            request.on,
            request.timeout_ms or limits.LOCATOR_MS_DEFAULT,
        )
        change = mutation(request, device.resource_name)
        if request.validate_only:
            found = response(change.kind, await self._locators.check(wanted))
        else:
            result = await self._operations.perform(change, partial(self._locators.run, wanted=wanted))
            found = response(change.kind, result)
        return cast("inventory_pb2.SetLocatorResponse", found)

    async def ListSubsystems(
        self, request: inventory_pb2.ListSubsystemsRequest, context: Any
    ) -> inventory_pb2.ListSubsystemsResponse:
        items = [convert.subsystem(found) for found in await self._inventory.subsystems()]
        shown, token = page(items, request, resources_pb2.Subsystem)
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
        shown, token = page(sorted(items, key=lambda item: item.name), request, resources_pb2.Namespace)
        return inventory_pb2.ListNamespacesResponse(namespaces=shown, next_page_token=token)

    async def GetNamespace(self, request: inventory_pb2.GetNamespaceRequest, context: Any) -> resources_pb2.Namespace:
        return convert.namespace(await self._inventory.find_namespace(request.name))

    async def ResetController(
        self, request: inventory_pb2.ResetControllerRequest, context: Any
    ) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        device = (await self._inventory.find(request.name)).device
        return await self._reset(request, _reset(request, Kind.CONTROLLER, device, device.resource_name))

    async def ResetSubsystem(self, request: inventory_pb2.ResetSubsystemRequest, context: Any) -> longrunning.Operation:
        if (known := await replayed(self._operations, request)) is not None:
            return known
        subsystem = await self._inventory.find_subsystem(request.name)
        return await self._reset(request, _reset(request, Kind.SUBSYSTEM, subsystem.devices[0], subsystem.name))

    async def _reset(self, request: Any, reset: Reset) -> longrunning.Operation:
        check, run = partial(self._resets.check, reset), partial(self._resets.run, reset=reset)
        return await begin(self._operations, request, reset.target, check, run)


def _reset(request: Any, kind: Kind, device: Device, target: str) -> Reset:
    names = (operations_pb2.Gate.Name(gate).removeprefix("GATE_") for gate in request.override_gates)
    return Reset(kind, device, target, request.acknowledge_disruption, check_overrides(names))
