"""Letting the kernel look for namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nvmed.devices import namespaces
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.operations.running import Result, Running
from nvmed.preconditions.host_view import HostView, rescan_one, wait_until


@dataclass(frozen=True, slots=True)
class Rescan:
    """Let the kernel look for namespaces of `device`, and wait so long until it shows those that are attached."""

    device: Device
    wait_ms: int


class Rescans:
    """RescanController."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def check(self, wanted: Rescan) -> Result:
        """What is attached, and whether the kernel shows it already."""
        attached = await _attached(wanted.device)
        await self._inventory.controllers()
        return _result(wanted.device, attached, is_shown=_shown(wanted.device) == set(attached))

    async def run(self, running: Running, wanted: Rescan) -> Result:
        """Rescan and wait."""
        device = wanted.device
        async with running.step("rescan") as outcome:
            await rescan_one(device)
            attached = await _attached(device)
            so = await wait_until(self._inventory, (device,), lambda one: _shown(one) == set(attached), wanted.wait_ms)
            outcome["shown"] = sorted(_shown(device))
        return _result(device, attached, is_shown=bool(so))


async def _attached(device: Device) -> tuple[int, ...]:
    async with device.open() as session:
        return await namespaces.list_nsids(session, allocated=False)


def _shown(device: Device) -> set[int]:
    return {one.nsid for one in device.node.namespaces}


def _result(device: Device, attached: tuple[int, ...], *, is_shown: bool) -> dict[str, Any]:
    view = HostView.SHOWN if is_shown else HostView.NOT_SHOWN
    return {
        "controller": device.resource_name,
        "host_view": view.value,
        "namespaces": [
            {
                "nsid": nsid,
                "attached": True,
                "device_node": namespaces.node_of(device, nsid),
            }
            for nsid in attached
        ],
    }
