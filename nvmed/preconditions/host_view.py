"""Waiting for the kernel to show what was done to a drive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from enum import Enum, unique
from typing import Final

import structlog

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.os_errors import os_error

POLL_S: Final = 0.05

log: Final = structlog.get_logger("nvmed.operations")


@unique
class HostView(Enum):
    """What the kernel makes of a change, by the contract's names."""

    UNSPECIFIED = "HOST_VIEW_UNSPECIFIED"
    SHOWN = "HOST_VIEW_SHOWN"
    NOT_SHOWN = "HOST_VIEW_NOT_SHOWN"
    ELSEWHERE = "HOST_VIEW_ELSEWHERE"


async def rescan_one(device: Device) -> None:
    """NVME_IOCTL_RESCAN: let the kernel look for the namespaces of a controller. It looks later, by itself."""
    async with device.open() as session:

        def ask() -> None:
            try:
                session.transport.rescan()
            except OSError as exc:
                raise os_error(exc, "ioctl(NVME_IOCTL_RESCAN)", session.path, controller=device.name) from exc

        await session.run(ask)


async def rescan(devices: Collection[Device]) -> None:
    """The same for several; one that cannot be asked is only not seen to show anything."""
    for device in devices:
        try:
            await rescan_one(device)
        except NvmedError as exc:
            log.warning("rescan_failed", controller=device.name, reason=exc.reason, message=exc.message)


async def wait_until(
    inventory: Inventory, devices: Collection[Device], is_so: Callable[[Device], bool], wait_ms: int
) -> list[Device]:
    """Those of `devices` of which `is_so` came true within `wait_ms`; looked at again and again until all are."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_ms / 1000
    while True:
        await inventory.controllers()
        so = [device for device in devices if is_so(device)]
        if len(so) == len(devices) or loop.time() >= deadline:
            return so
        await asyncio.sleep(POLL_S)
