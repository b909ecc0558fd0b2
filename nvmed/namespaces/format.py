"""Formatting namespaces, which loses their data."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from nvmed.devices import namespaces
from nvmed.devices.controller import Device, Session
from nvmed.errors import NvmedError
from nvmed.namespaces.changes import SubsystemControllers, refuse_in_use
from nvmed.namespaces.recorder import Recorder
from nvmed.namespaces.settings import Layout, check_layout, described, require_formatted
from nvmed.nvme import namespace as commands
from nvmed.nvme.identify import IdentifyNamespace
from nvmed.nvme.layout import bit
from nvmed.nvme.namespace import Format, SecureErase, remaining_percent
from nvmed.nvme.opcodes import NSID_ALL
from nvmed.operations.running import Result, Running
from nvmed.operations.submit import submit
from nvmed.preconditions.drives import Drives
from nvmed.preconditions.gates import DriveState
from nvmed.preconditions.host_view import HostView, rescan, wait_until
from nvmed.reasons import Reason, error, invalid_field

FORMAT_APPLIES_TO_ALL, ERASE_APPLIES_TO_ALL, NO_BROADCAST = 0, 1, 3
"""Bits of FNA (Base 2.0, figure 275)."""

FORMAT_STEP: Final = "format"
PROGRESS_POLL_S: Final = 0.2
SHOWN_WAIT_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Formatting:
    """What to format: `nsid`, None for every namespace attached to the controller.

    The format is named by index, by the size of its blocks, or not at all, which keeps the one in use. `settings` has
    the rest.
    """

    device: Device
    nsid: int | None
    settings: Format
    format_index: int | None
    block_bytes: int | None
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to send, and which namespaces it is about."""

    settings: Format
    layout: Layout
    nsids: tuple[int, ...]
    block_bytes: int


class Formats:
    """FormatNamespace."""

    def __init__(self, drives: Drives, recorder: Recorder) -> None:
        self._drives = drives
        self._recorder = recorder
        self._family = SubsystemControllers(drives.inventory)

    async def check(self, wanted: Formatting) -> Result:
        """What would be formatted, and to what; raises what keeps it from being."""
        (state,) = await self._drives.examine((wanted.device,))
        async with wanted.device.open() as session:
            plan = await self._plan(session, wanted, state)
        return _result(wanted, plan, HostView.UNSPECIFIED)

    async def run(self, running: Running, wanted: Formatting) -> Result:
        """Format, wait until the drive is done, and until the kernel shows the new blocks."""
        device = wanted.device
        async with self._drives.claim((device,), f"operations/{running.record.id}") as (state,):
            async with device.open() as session:
                plan = await self._plan(session, wanted, state)
            kept = await self._recorder.before(device, plan.settings, plan.nsids)
            running.no_return()
            try:
                await self._format(running, wanted, plan, kept)
                view = await self._show(running, device, plan)
            except NvmedError as exc:
                # If the drive may have heard it and did not answer, its reconciler finds out and writes the record.
                if kept and not running.is_uncertain and (exc.nvme or running.progress.phase != FORMAT_STEP):
                    exc.metadata["erasure_record"] = await self._record(running, kept, exc)
                raise
            name = await self._record(running, kept) if kept else ""
        return {**_result(wanted, plan, view), "erasure_record": name}

    async def _format(self, running: Running, wanted: Formatting, plan: _Plan, kept: Mapping[str, Any]) -> None:
        nsid = NSID_ALL if wanted.nsid is None else wanted.nsid
        command = replace(commands.format_nvm(nsid, plan.settings), timeout_ms=wanted.timeout_ms)
        detail: dict[str, Any] = {"nsids": list(plan.nsids), "lba_format": plan.settings.lba_format}
        erasure: dict[str, Any] = {"erasure": kept} if kept else {}
        async with wanted.device.open() as session:
            async with running.step(FORMAT_STEP, nsid=nsid, **detail, **erasure):
                await submit(running, session, command)
            async with running.step("verify", **detail):
                await _verify(session, plan, wanted.timeout_ms)

    async def _record(self, running: Running, kept: Mapping[str, Any], why: NvmedError | None = None) -> str:
        async with running.step("record"):
            return await self._recorder.after(running.record, kept, why)

    async def _plan(self, session: Session, wanted: Formatting, state: DriveState) -> _Plan:
        capabilities = await session.device.capabilities(session)
        capabilities.require("format_nvm")
        if wanted.settings.secure_erase == SecureErase.CRYPTOGRAPHIC:
            capabilities.require("format_crypto_erase")
        if wanted.nsid is not None:
            commands.require_nsid(wanted.nsid)
        nsids = await self._affected(session, wanted, state.identity.fna)
        first, _ = await namespaces.read_active(session, nsids[0])
        layout = await _layout(session, wanted, nsids, first)
        check_layout(layout, first)
        settings = replace(
            wanted.settings,
            lba_format=layout.format_index,
            extended_metadata=layout.extended_metadata,
            protection=layout.protection,
            protection_first=layout.protection_first,
        )
        lost = nsids if wanted.nsid is not None else await _all_nsids(session)
        refuse_in_use(state, await self._family.nodes(wanted.device, lost))
        return _Plan(settings, layout, nsids, namespaces.block_bytes(first.lbaf[settings.lba_format]))

    async def _affected(self, session: Session, wanted: Formatting, fna: int) -> tuple[int, ...]:
        """The namespaces that the format is about, ascending; INVALID_FIELD if they are more than the request says."""
        erases = wanted.settings.secure_erase != SecureErase.NONE
        affects_all = bit(fna, ERASE_APPLIES_TO_ALL if erases else FORMAT_APPLIES_TO_ALL)
        if wanted.nsid is not None and not affects_all:
            return (wanted.nsid,)
        if wanted.nsid is not None:
            raise invalid_field(
                "all_namespaces", "must be true: this controller formats all of its namespaces at once (FNA)"
            )
        if bit(fna, NO_BROADCAST):
            raise error(
                Reason.NVME_UNSUPPORTED,
                "this controller cannot format all of its namespaces at once (FNA bit 3 is set); name each",
            )
        nsids = await namespaces.list_nsids(session, allocated=False)
        if not nsids:
            raise error(Reason.NAMESPACE_NOT_FOUND, f"{wanted.device.resource_name} has no namespace attached")
        return nsids

    async def _show(self, running: Running, device: Device, plan: _Plan) -> HostView:
        """Let the kernel look again, until it shows blocks of the new size wherever it shows these namespaces."""
        family = await self._family.members(device)
        async with running.step("rescan", controllers=[one.resource_name for one in family]) as outcome:
            await rescan(family)
            shown = await wait_until(
                self._drives.inventory, family, lambda one: _shows_blocks(one, plan), SHOWN_WAIT_MS
            )
            outcome["shown"] = sorted(one.resource_name for one in shown)
        return HostView.SHOWN if len(shown) == len(family) else HostView.NOT_SHOWN


async def _layout(session: Session, wanted: Formatting, nsids: Collection[int], first: IdentifyNamespace) -> Layout:
    """What the namespaces are to have: what the request names, else what they have.

    Raises INVALID_FIELD if they have different ones, for a command gives them all the same.
    """
    asked = wanted.settings
    if wanted.format_index is not None or wanted.block_bytes is not None:
        index = namespaces.choose_format(first, index=wanted.format_index, size_bytes=wanted.block_bytes)
        return Layout(index, asked.extended_metadata, int(asked.protection), asked.protection_first)
    found = {nsid: Layout.of((await namespaces.read_active(session, nsid))[0]) for nsid in nsids}
    if len(set(found.values())) > 1:
        shown = "; ".join(f"namespace {nsid}: {described(layout)}" for nsid, layout in [*found.items()][:8])
        raise invalid_field(
            "lba_format", f"is required: the namespaces do not have the same, and each would get it ({shown})"
        )
    kept = Layout.of(first)
    return Layout(
        kept.format_index,
        asked.extended_metadata or kept.extended_metadata,
        int(asked.protection) or kept.protection,
        asked.protection_first or kept.protection_first,
    )


async def _all_nsids(session: Session) -> tuple[int, ...]:
    """Every namespace of the subsystem: with FNA bit 0 or 1, those of other controllers are formatted as well."""
    is_managed = (await session.device.capabilities(session)).has(namespaces.MANAGEMENT)
    return await namespaces.list_nsids(session, allocated=is_managed)


async def _verify(session: Session, plan: _Plan, timeout_ms: int) -> None:
    """Wait until every namespace is formatted as it should be; raises NVME_DATA_INVALID if one is not.

    A controller may complete the command before it is done, and then tells how much is left (FPI).
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_ms / 1000
    for nsid in plan.nsids:
        while True:
            data, _ = await namespaces.read_active(session, nsid)
            if not remaining_percent(data):
                break
            if loop.time() >= deadline:
                raise error(
                    Reason.COMMAND_TIMEOUT,
                    f"namespace {nsid} still has {remaining_percent(data)} % of its format to do after {timeout_ms} ms",
                    nsid=nsid,
                )
            await asyncio.sleep(PROGRESS_POLL_S)
        require_formatted(nsid, plan.layout, data)


def _shows_blocks(device: Device, plan: _Plan) -> bool:
    shown = [one.logical_block_bytes for one in device.node.namespaces if one.nsid in plan.nsids]
    return all(size == plan.block_bytes for size in shown)


def _result(wanted: Formatting, plan: _Plan, view: HostView) -> dict[str, Any]:
    nsids: Collection[int] = plan.nsids
    return {
        "controller": wanted.device.resource_name,
        "nsids": list(nsids),
        "lba_format": plan.settings.lba_format,
        "logical_block_bytes": plan.block_bytes,
        "host_view": view.value,
    }
