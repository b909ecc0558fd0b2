"""What differs between a drive and what it should be, in the order in which it is mended: nothing is changed.

Firmware first, since another revision may have other features; then namespaces, whose features are gone with them; then
features.
"""

from __future__ import annotations

from collections.abc import Sequence

from nvmed.desired.state import Desired, DesiredFeature, DesiredFirmware, DesiredLayout, Difference, Kind
from nvmed.devices import namespaces
from nvmed.devices.controller import Device, Session
from nvmed.devices.features import query_of, read_feature
from nvmed.features.changes import Setting
from nvmed.firmware.activation import Mode
from nvmed.nvme.feature_fields import Scope, Values
from nvmed.preconditions.drives import fresh_identity, slots_if_shown

CAPACITY_TOLERANCE_PERCENT = 1
"""Drives round the size of a namespace up or down to what their media take."""


async def differences(device: Device, desired: Desired) -> tuple[Difference, ...]:
    """All that differs; raises what keeps the drive from being asked."""
    found: list[Difference] = []
    async with device.open() as session:
        if desired.firmware is not None:
            found += await _firmware(session, desired.firmware)
        if desired.layout is not None:
            found += await _layout(session, desired.layout)
        for feature in desired.features:
            found += await _feature(session, feature)
    return tuple(found)


async def _firmware(session: Session, wanted: DesiredFirmware) -> Sequence[Difference]:
    running = (await fresh_identity(session)).fr
    slots = await slots_if_shown(session)
    due = slots.revision(slots.next_slot) if slots and slots.next_slot else running
    if due == wanted.revision and (running == wanted.revision or wanted.mode is Mode.ON_NEXT_RESET):
        return ()
    now = f"{running}, {due} after the next reset" if due != running else running
    return (
        Difference(Kind.FIRMWARE, "firmware", now, wanted.revision, disrupts=wanted.mode is not Mode.ON_NEXT_RESET),
    )


async def _layout(session: Session, wanted: DesiredLayout) -> Sequence[Difference]:
    is_managed = (await session.device.capabilities(session)).has(namespaces.MANAGEMENT)
    nsids = await namespaces.list_nsids(session, allocated=is_managed)
    read = namespaces.read_allocated if is_managed else None
    data = {
        nsid: await read(session, nsid) if read else (await namespaces.read_active(session, nsid))[0] for nsid in nsids
    }
    if wanted.capacity_percent:
        identity = await fresh_identity(session)
        total = identity.tnvmcap
        sizes = {nsid: one.nsze * namespaces.block_bytes(one.format) for nsid, one in data.items()}
        percent = sum(sizes.values()) * 100 / total if total else 0.0
        if len(sizes) != 1 or abs(percent - wanted.capacity_percent) > CAPACITY_TOLERANCE_PERCENT:
            now = f"{len(sizes)} namespaces with {percent:.0f} % of the drive"
            text = f"one namespace with {wanted.capacity_percent} % of the drive"
            return (Difference(Kind.NAMESPACES, "namespaces", now, text, loses_data=True, nsids=nsids),)
    if not wanted.block_bytes:
        return ()
    other = {
        nsid: size for nsid, one in data.items() if (size := namespaces.block_bytes(one.format)) != wanted.block_bytes
    }
    return [
        Difference(
            Kind.FORMAT, f"namespace {nsid}", f"blocks of {size} bytes", f"blocks of {wanted.block_bytes} bytes",
            loses_data=True, nsids=(nsid,),
        )
        for nsid, size in other.items()
    ]  # fmt: skip


async def _feature(session: Session, wanted: DesiredFeature) -> Sequence[Difference]:
    """One for each namespace that it is to be set of, where it is a namespace's and none is named."""
    nsids: tuple[int, ...] = (wanted.nsid,)
    if wanted.row.scope is Scope.NAMESPACE and not wanted.nsid:
        nsids = await namespaces.list_nsids(session, allocated=False)
    found = []
    for nsid in nsids:
        query = await query_of(session, wanted.row.fid, wanted.row, nsid, wanted.selection)
        report = await read_feature(session, query)
        current = report.current.fields if report.current else {}
        saved = report.saved.fields if report.saved else {}
        if _has(current, wanted.fields) and (not wanted.save or _has(saved, wanted.fields)):
            continue
        subject = f"{wanted.row.name} of namespace {nsid}" if nsid else wanted.row.name
        now = _text(current, wanted.fields) + (f" (saved: {_text(saved, wanted.fields)})" if wanted.save else "")
        setting = Setting(
            session.device, wanted.row.fid, wanted.row, nsid, wanted.selection, wanted.fields, save=wanted.save
        )
        found.append(Difference(Kind.FEATURE, subject, now, _text(wanted.fields, wanted.fields), setting=setting))
    return found


def _has(values: Values, wanted: Values) -> bool:
    return all(values.get(name) == value for name, value in wanted.items())


def _text(values: Values, names: Values) -> str:
    return ", ".join(f"{name}={values.get(name, 'not told')}" for name in names)
