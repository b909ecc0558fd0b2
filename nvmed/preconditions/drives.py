"""Drives that an operation is about to change: what they are now, and nobody else working on them meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from nvmed.devices.controller import Device, Session
from nvmed.devices.inventory import Inventory
from nvmed.devices.logs import controller_nsid, read_bytes
from nvmed.errors import InvalidArgument, NotFound, NvmedError, Unavailable, Unimplemented
from nvmed.nvme import identify
from nvmed.nvme.capabilities import Capabilities
from nvmed.nvme.firmware import FirmwareSlots
from nvmed.nvme.host import Usage
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import IDENTIFY_BYTES, LogPage
from nvmed.preconditions.exclusion import Exclusion
from nvmed.preconditions.gates import DriveState

BACK_S: Final = 60.0
"""How long a controller may take to be live again after a reset."""

BACK_POLL_S: Final = 0.2

UsageOf = Callable[[str], Usage]
"""Whether a namespace's block device is in use; blocks, and raises `OSError` where that cannot be told."""


async def fresh_identity(session: Session) -> IdentifyController:
    """Identify Controller as the drive answers it now, not as it was remembered."""
    data = bytearray(IDENTIFY_BYTES)
    await session.admin(identify.identify_controller(), data)
    return IdentifyController.parse(bytes(data))


async def fresh_slots(session: Session) -> FirmwareSlots:
    """The firmware slot log."""
    page = partial(
        get_log_page, LogPage.FIRMWARE_SLOT_INFORMATION, nsid=controller_nsid(await session.device.identify(session))
    )
    return FirmwareSlots.parse(await read_bytes(session, page, 0, FirmwareSlots.SIZE))


async def slots_if_shown(session: Session) -> FirmwareSlots | None:
    """The firmware slot log; None of a controller that refuses it, though every one with firmware commands has it."""
    try:
        return await fresh_slots(session)
    except (Unimplemented, InvalidArgument) as exc:
        if exc.nvme is None:
            raise
        return None


class Drives:
    """Examines drives and claims them. `usage` is the host's."""

    def __init__(self, inventory: Inventory, exclusion: Exclusion, usage: UsageOf) -> None:
        self.inventory = inventory
        self._exclusion = exclusion
        self._usage = usage

    async def examine(self, devices: Sequence[Device]) -> tuple[DriveState, ...]:
        """What each drive is now; raises what the first that cannot be asked raised."""
        nodes = await self._namespace_nodes()
        return tuple(await asyncio.gather(*(self._examine(device, nodes) for device in devices)))

    @asynccontextmanager
    async def claim(self, devices: Sequence[Device], holder: str) -> AsyncIterator[tuple[DriveState, ...]]:
        """What each drive is, while nobody else works on their subsystems.

        Where somebody does already, that is in the drive's state, for its gate to say; nothing may be changed then.
        """
        busy: dict[str, str] = {}
        with ExitStack() as stack:
            for subsystem in dict.fromkeys(device.subsystem for device in devices):
                if (other := self._exclusion.holder(subsystem)) is not None:
                    busy[subsystem] = other
                else:
                    stack.enter_context(self._exclusion.hold(subsystem, holder))
            states = await self.examine(devices)
            yield tuple(replace(state, busy_with=busy.get(state.subsystem, "")) for state in states)

    def hold(self, subsystem: str, holder: str) -> AbstractContextManager[None]:
        """Work on a subsystem whose drives may not be there now; raises SUBSYSTEM_BUSY."""
        return self._exclusion.hold(subsystem, holder)

    async def returned(self, name: str) -> tuple[Device, IdentifyController]:
        """The controller of a resource name, and its identity, once it answers after a reset.

        It may have another node then. Raises what kept it from answering when it has had its time.
        """
        until = time.monotonic() + BACK_S
        while True:
            try:
                await self.inventory.controllers()
                device = (await self.inventory.find(name)).device
                device.forget_identity()
                async with device.open() as session:
                    return device, await fresh_identity(session)
            except NvmedError as exc:
                # It may come back as another of the kernel's devices between the look and the opening.
                is_under_way = isinstance(exc, Unavailable | NotFound) or exc.reason == "DEVICE_IDENTITY_CHANGED"
                if not is_under_way or time.monotonic() >= until:
                    raise
                await asyncio.sleep(BACK_POLL_S)

    async def forget_identities(self, subsystem: str) -> None:
        """Let every controller of a subsystem be identified anew, as its firmware is another."""
        for device in await self.inventory.controllers():
            if device.subsystem == subsystem:
                device.forget_identity()

    async def _namespace_nodes(self) -> Mapping[str, Sequence[str]]:
        """The block devices of each subsystem's namespaces, by whatever controller they are reached."""
        nodes: dict[str, dict[str, None]] = {}
        for device in await self.inventory.controllers():
            names = nodes.setdefault(device.subsystem, {})
            names.update((namespace.node, None) for namespace in device.node.namespaces if namespace.node)
        return {subsystem: tuple(names) for subsystem, names in nodes.items()}

    async def _examine(self, device: Device, nodes: Mapping[str, Sequence[str]]) -> DriveState:
        subsystem = device.subsystem
        async with device.open() as session:
            identity = await fresh_identity(session)
            limit = (await device.transfer_limit(session)).firmware_bytes
            has_firmware = Capabilities(identity).has("firmware_download")
            slots = await slots_if_shown(session) if has_firmware else None
        usages, unknown = [], []
        for node in nodes.get(subsystem, ()):
            found = await device.lane.run(lambda node=node: self._usage_of(node))  # type: ignore[misc]
            if isinstance(found, Usage):
                usages.append(found)
            else:
                unknown.append(found)
        return DriveState(
            controller=device.resource_name,
            subsystem=subsystem,
            identity=identity,
            slots=slots,
            limit_bytes=limit,
            usages=tuple(usages),
            unknown=tuple(unknown),
            busy_with=self._exclusion.holder(subsystem) or "",
        )

    def _usage_of(self, node: str) -> Usage | str:
        """The usage of a node, or why it cannot be told. Blocks."""
        try:
            return self._usage(node)
        except OSError as exc:
            return f"whether {node} is in use cannot be told: {exc.strerror or exc}"
        except NvmedError as exc:
            return f"whether {node} is in use cannot be told: {exc.message}"
