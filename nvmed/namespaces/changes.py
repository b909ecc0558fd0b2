"""Changing namespaces: attach, detach, create, delete, format, and letting the kernel see it.

Everything is checked before anything is done: what the drive can do, what it has, and that nothing on the host uses
what would go. A command that changes the drive is one journalled step; another one lets the kernel look again and
waits until it shows the change, which is reported and no error when it takes too long: the drive was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nvmed.devices import namespaces
from nvmed.devices.controller import Device, Session
from nvmed.devices.inventory import Inventory
from nvmed.errors import NvmedError
from nvmed.namespaces.settings import Layout, check_creation, check_layout, require_made
from nvmed.nvme import namespace as commands
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.namespace import AttachmentSelect, NamespaceSettings
from nvmed.operations.running import Result, Running
from nvmed.operations.submit import submit
from nvmed.preconditions import gates
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gates import DriveState, Wanted
from nvmed.preconditions.host_view import HostView, rescan, wait_until
from nvmed.reasons import Reason, error, invalid_field

Views = Mapping[int, HostView]
"""What the kernel makes of a change, by the identifiers of the controllers that are on this host."""

STEPS: Final = {AttachmentSelect.ATTACH: "attach", AttachmentSelect.DETACH: "detach"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """Attach namespace `nsid` to controllers of its subsystem, or detach it; `device` is the one that is asked."""

    device: Device
    select: AttachmentSelect
    nsid: int
    controller_ids: Collection[int]
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Creation:
    """A namespace to create: its size in blocks or in bytes, its format by index or by the size of its blocks.

    `settings` has all the rest; sizes and format are filled in.
    """

    device: Device
    settings: NamespaceSettings
    size_blocks: int | None = None
    size_bytes: int | None = None
    capacity_blocks: int = 0
    format_index: int | None = None
    block_bytes: int | None = None
    extended_metadata: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """A namespace to delete with its data."""

    device: Device
    nsid: int
    wait_ms: int


class SubsystemControllers:
    """The controllers of a subsystem that are on this host."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    async def members(self, device: Device, nsid: int = 0) -> tuple[Device, ...]:
        """Those of `device`'s subsystem; of these those that lead to namespace `nsid`, if given."""
        subsystem = device.subsystem
        devices = [one for one in await self._inventory.controllers() if one.subsystem == subsystem]
        return tuple(one for one in devices if not nsid or namespaces.is_shown(one, nsid))

    async def by_id(self, device: Device) -> dict[int, Device]:
        """The same by controller identifier."""
        return {one.node.controller_id: one for one in await self.members(device)}

    async def nodes(self, device: Device, nsids: Collection[int]) -> frozenset[str]:
        """The block devices of these namespaces, by whatever controller."""
        shown = [one for member in await self.members(device) for one in member.node.namespaces]
        return frozenset(one.node for one in shown if one.node and one.nsid in nsids)


class Namespaces:
    """Each kind of change has a check, which changes nothing, and a run, which begins with the same check."""

    def __init__(self, drives: Drives) -> None:
        self._drives = drives
        self._family = SubsystemControllers(drives.inventory)

    # -- attachment

    async def check_attachment(self, wanted: Attachment) -> Result:
        """What would be done; raises what keeps it from being done."""
        (state,) = await self._drives.examine((wanted.device,))
        async with wanted.device.open() as session:
            needed = await self._plan_attachment(session, wanted, state)
        return _attachment_result(wanted, await self._reports(wanted, needed, None))

    async def attach(self, running: Running, wanted: Attachment) -> Result:
        """Attach or detach where that is not so already, and wait for the kernel."""
        async with self._drives.claim((wanted.device,), f"operations/{running.record.id}") as (state,):
            async with wanted.device.open() as session:
                needed = await self._plan_attachment(session, wanted, state)
                if needed:
                    make = commands.attach if wanted.select is AttachmentSelect.ATTACH else commands.detach
                    command, data = make(wanted.nsid, needed)
                    running.no_return()
                    async with running.step(STEPS[wanted.select], nsid=wanted.nsid, controller_ids=list(needed)):
                        await submit(running, session, command, data)
            views = await self._show(running, wanted)
        return _attachment_result(wanted, await self._reports(wanted, needed, views))

    async def _plan_attachment(self, session: Session, wanted: Attachment, state: DriveState) -> tuple[int, ...]:
        """The controllers for which something has to be done, ascending."""
        (await session.device.capabilities(session)).require(namespaces.MANAGEMENT)
        commands.require_nsid(wanted.nsid)
        await namespaces.require_allocated(session, wanted.nsid)
        known = await namespaces.list_controllers(session)
        unknown = sorted(set(wanted.controller_ids) - set(known))
        if unknown:
            raise error(
                Reason.CONTROLLER_NOT_FOUND,
                f"controller_ids: the subsystem has no controller {unknown[0]}; it has {_listed(known)}",
                controller_id=unknown[0],
            )
        attached = set(await namespaces.list_controllers(session, wanted.nsid))
        if wanted.select is AttachmentSelect.ATTACH:
            needed = tuple(sorted(set(wanted.controller_ids) - attached))
            gates.refuse(gates.evaluate(("SUBSYSTEM_BUSY",), state, Wanted()))
        else:
            needed = tuple(sorted(set(wanted.controller_ids) & attached))
            paths = {one.node.controller_id for one in await self._family.members(wanted.device, wanted.nsid)}
            nodes = await self._family.nodes(wanted.device, (wanted.nsid,)) if paths <= set(needed) else frozenset()
            refuse_in_use(state, nodes)
        return needed

    async def _show(self, running: Running, wanted: Attachment) -> Views:
        """Let the kernel look at each of the controllers that are here; what it made of it, by their identifiers."""
        ids = set(wanted.controller_ids)
        family = await self._family.by_id(wanted.device)
        here = [family[number] for number in sorted(ids & family.keys())]
        should_show = wanted.select is AttachmentSelect.ATTACH
        async with running.step("rescan", controllers=[one.resource_name for one in here]) as outcome:
            await rescan(here)
            shown = await wait_until(
                self._drives.inventory,
                here,
                lambda device: namespaces.is_shown(device, wanted.nsid) is should_show,
                wanted.wait_ms,
            )
            outcome["shown"] = sorted(one.resource_name for one in shown)
        return {
            number: HostView.SHOWN if family.get(number) in shown else HostView.NOT_SHOWN
            for number in ids & family.keys()
        }

    async def _reports(self, wanted: Attachment, needed: Collection[int], views: Views | None) -> list[dict[str, Any]]:
        family = await self._family.by_id(wanted.device)
        return _reports(sorted(set(wanted.controller_ids)), needed, family, wanted.nsid, views)

    # -- creation

    async def check_creation(self, wanted: Creation) -> Result:
        """What would be created; raises what keeps it from being."""
        (state,) = await self._drives.examine((wanted.device,))
        async with wanted.device.open() as session:
            settings, common = await self._plan_creation(session, wanted, state)
        return _creation_result(wanted, settings, common, 0)

    async def create(self, running: Running, wanted: Creation) -> Result:
        """Create it, attached to nothing."""
        holder = f"operations/{running.record.id}"
        async with self._drives.claim((wanted.device,), holder) as (state,), wanted.device.open() as session:
            settings, common = await self._plan_creation(session, wanted, state)
            before = await namespaces.list_nsids(session, allocated=True)
            command, data = commands.create(settings)
            running.no_return()
            async with running.step("create", size_blocks=settings.nsze, allocated=list(before)) as outcome:
                completion = await submit(running, session, command, data)
                outcome["nsid"] = nsid = completion.result & 0xFFFF_FFFF
            await _compare(session, nsid, settings)
        return _creation_result(wanted, settings, common, nsid)

    async def _plan_creation(
        self, session: Session, wanted: Creation, state: DriveState
    ) -> tuple[NamespaceSettings, IdentifyNamespace]:
        """The settings to send, and what the drive's namespaces have in common."""
        (await session.device.capabilities(session)).require(namespaces.MANAGEMENT)
        gates.refuse(gates.evaluate(("SUBSYSTEM_BUSY",), state, Wanted()))
        common = await namespaces.read_common(session)
        index = namespaces.choose_format(common, index=wanted.format_index, size_bytes=wanted.block_bytes)
        block = namespaces.block_bytes(common.lbaf[index])
        blocks = wanted.size_blocks or 0
        if wanted.size_bytes is not None:
            if wanted.size_bytes % block:
                raise invalid_field("size_bytes", f"{wanted.size_bytes} is not a multiple of the {block} of a block")
            blocks = wanted.size_bytes // block
        settings = replace(
            wanted.settings,
            nsze=blocks,
            ncap=wanted.capacity_blocks or blocks,
            flbas=commands.flbas_of(index, extended_metadata=wanted.extended_metadata),
        )
        commands.create(settings)  # says what does not fit before anything is asked of the drive's capacity
        check_layout(Layout(index, wanted.extended_metadata, settings.dps, protection_first=False), common)
        check_creation(settings, common, state.identity)
        identity = state.identity
        if identity.tnvmcap and settings.ncap * block > identity.unvmcap:
            raise error(
                Reason.NVME_CAPACITY,
                f"the drive has {identity.unvmcap} bytes left for namespaces, not {settings.ncap * block}",
                unallocated_bytes=identity.unvmcap,
            )
        return settings, common

    # -- deletion

    async def check_deletion(self, wanted: Deletion) -> Result:
        """Who would lose it; raises what keeps it from being deleted."""
        (state,) = await self._drives.examine((wanted.device,))
        async with wanted.device.open() as session:
            attached = await self._plan_deletion(session, wanted, state)
        return await self._deletion_result(wanted, attached, None)

    async def delete(self, running: Running, wanted: Deletion) -> Result:
        """Delete it, and wait until the kernel has dropped its nodes."""
        async with self._drives.claim((wanted.device,), f"operations/{running.record.id}") as (state,):
            async with wanted.device.open() as session:
                attached = await self._plan_deletion(session, wanted, state)
                running.no_return()
                async with running.step("delete", nsid=wanted.nsid, controller_ids=list(attached)):
                    await submit(running, session, commands.delete(wanted.nsid))
            gone = Attachment(wanted.device, AttachmentSelect.DETACH, wanted.nsid, attached, wanted.wait_ms)
            views = await self._show(running, gone)
        return await self._deletion_result(wanted, attached, views)

    async def _plan_deletion(self, session: Session, wanted: Deletion, state: DriveState) -> tuple[int, ...]:
        """The controllers that it is attached to."""
        (await session.device.capabilities(session)).require(namespaces.MANAGEMENT)
        commands.require_nsid(wanted.nsid)
        await namespaces.require_allocated(session, wanted.nsid)
        refuse_in_use(state, await self._family.nodes(wanted.device, (wanted.nsid,)))
        return await namespaces.list_controllers(session, wanted.nsid)

    async def _deletion_result(
        self, wanted: Deletion, attached: Collection[int], views: Views | None
    ) -> dict[str, Any]:
        family = await self._family.by_id(wanted.device)
        reports = _reports(sorted(attached), attached, family, wanted.nsid, views)
        return {"controller": wanted.device.resource_name, "nsid": wanted.nsid, "reports": reports}


async def _compare(session: Session, nsid: int, settings: NamespaceSettings) -> None:
    """Raise NVME_DATA_INVALID if a new namespace is not as asked; a drive that does not tell of it is believed."""
    try:
        made = await namespaces.read_allocated(session, nsid)
    except NvmedError as exc:
        if exc.nvme is None:
            raise
        return
    require_made(nsid, settings, made)


def refuse_in_use(state: DriveState, nodes: Collection[str]) -> None:
    """Raise GATE_FAILED if the host uses one of these block devices or boots from it, or somebody else is at work."""
    usages = tuple(usage for usage in state.usages if usage.node in nodes)
    concerned = replace(state, usages=usages, unknown=state.unknown if nodes else ())
    gates.refuse(gates.evaluate(gates.HOST, concerned, Wanted()))


def _reports(
    ids: Collection[int], changed: Collection[int], family: dict[int, Device], nsid: int, views: Views | None
) -> list[dict[str, Any]]:
    """`ControllerReport`s; `views` is None where nothing was done."""
    reports = []
    for number in ids:
        view = HostView.UNSPECIFIED if views is None else views.get(number, HostView.ELSEWHERE)
        reports.append(report(number, family.get(number), nsid, view, changed=number in changed))
    return reports


def report(number: int, device: Device | None, nsid: int, view: HostView, *, changed: bool = True) -> dict[str, Any]:
    """A `ControllerReport`; `device` is None for a controller that is not on this host."""
    return {
        "controller_id": number,
        "controller": device.resource_name if device else "",
        "outcome": "OUTCOME_CHANGED" if changed else "OUTCOME_UNCHANGED",
        "host_view": view.value,
        "device_node": namespaces.node_of(device, nsid) if device else "",
    }


def _attachment_result(wanted: Attachment, reports: list[dict[str, Any]]) -> dict[str, Any]:
    return {"controller": wanted.device.resource_name, "nsid": wanted.nsid, "reports": reports}


def _creation_result(
    wanted: Creation, settings: NamespaceSettings, common: IdentifyNamespace, nsid: int
) -> dict[str, Any]:
    index = settings.flbas & 0xF | settings.flbas >> 5 << 4
    return {
        "controller": wanted.device.resource_name,
        "nsid": nsid,
        "size_blocks": str(settings.nsze),
        "lba_format": index,
        "logical_block_bytes": namespaces.block_bytes(common.lbaf[index]),
    }


def _listed(numbers: Collection[int]) -> str:
    shown = sorted(numbers)
    more = f" and {len(shown) - 8} more" if len(shown) > 8 else ""
    return ", ".join(str(number) for number in shown[:8]) + more
