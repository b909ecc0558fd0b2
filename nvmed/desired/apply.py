"""ApplyDrive: what differs, mended in order by the trades, as one operation whose journalled steps are theirs.

Applying again does only what still differs. What loses data is asked for by name before anything is done, and a
namespace that is as desired is never formatted or made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from nvmed import limits
from nvmed.desired.plan import differences
from nvmed.desired.state import Consent, Desired, DesiredFirmware, DesiredLayout, Difference, Kind
from nvmed.devices import namespaces as reading
from nvmed.devices.controller import Device
from nvmed.features.changes import Features, refuse_owned
from nvmed.firmware.activation import APPLY, WITHIN, Activation, Activations
from nvmed.firmware.staging import Firmware, Preconditions, Staging
from nvmed.namespaces.changes import Attachment, Creation, Deletion, Namespaces
from nvmed.namespaces.format import Formats, Formatting
from nvmed.namespaces.recorder import Recorder
from nvmed.nvme.namespace import AttachmentSelect, Format, NamespaceSettings
from nvmed.operations.manager import Interrupted, Reconcile, Verdict
from nvmed.operations.records import State
from nvmed.operations.running import Result, Running
from nvmed.preconditions.drives import Drives, fresh_identity, slots_if_shown
from nvmed.reasons import invalid_field

HISTORY: Final = frozenset({APPLY})
"""Kinds that are a drive's history, which is not forgotten."""

LOSING: Final = frozenset({"delete", "create", "format"})
"""Steps after which, if they were cut off, somebody has to look."""


class DesiredStates:
    """PlanDrive and ApplyDrive."""

    def __init__(self, drives: Drives, firmware: Firmware, recorder: Recorder) -> None:
        self._drives = drives
        self._firmware = firmware
        self._activations = Activations(firmware)
        self._namespaces = Namespaces(drives)
        self._formats = Formats(drives, recorder)
        self._features = Features(drives)

    async def plan(self, device: Device, desired: Desired) -> Result:
        """What differs, in the order in which it would be mended."""
        found = await differences(device, desired)
        return {"controller": device.resource_name, "differences": [one.shown() for one in found]}

    async def check(self, device: Device, desired: Desired, consent: Consent) -> Result:
        """The same; raises what keeps any of it from being mended, as far as that can be known before the rest is."""
        found = await differences(device, desired)
        _require_consent(found, consent)
        for one in found:
            if one.setting is not None and found[0].kind is Kind.FEATURE:  # others may change what there is to set
                await self._features.check(replace(one.setting, acknowledged=consent.risk, overrides=consent.overrides))
        return {"controller": device.resource_name, "differences": [one.shown() for one in found]}

    async def run(self, running: Running, device: Device, desired: Desired, consent: Consent) -> Result:
        """Mend it; what still differs afterwards is in the result, and what waits for a reset does."""
        name = device.resource_name
        found = await differences(device, desired)
        _require_consent(found, consent)
        firmware: dict[str, Result] = {}
        for one in found:
            running.checkpoint()
            device = await self._device(name)
            done = await self._mend(running, device, desired, one, consent)
            if one.kind is Kind.FIRMWARE:
                firmware[WITHIN] = done
            running.may_stop()
        left = await differences(await self._device(name), desired)
        return {
            "controller": name,
            "differences": [one.shown() for one in found],
            "remaining": [one.shown() for one in left],
            **firmware,
        }

    async def _device(self, name: str) -> Device:
        await self._drives.inventory.controllers()  # after a reset it may have another node
        return (await self._drives.inventory.find(name)).device

    async def _mend(
        self, running: Running, device: Device, desired: Desired, one: Difference, consent: Consent
    ) -> Result:
        match one.kind:
            case Kind.FIRMWARE if desired.firmware is not None:
                return await self._update(running, device, desired.firmware, consent)
            case Kind.NAMESPACES:
                return await self._lay_out(running, device, desired.layout or DesiredLayout(), one.nsids)
            case Kind.FORMAT:
                block = desired.layout.block_bytes if desired.layout else 0
                wanted = Formatting(device, one.nsids[0], Format(0), None, block, limits.FORMAT_MS_DEFAULT)
                return await self._formats.run(running, wanted)
            case Kind.FEATURE if one.setting is not None:
                wanted_value = replace(
                    one.setting, device=device, acknowledged=consent.risk, overrides=consent.overrides
                )
                return await self._features.set(running, wanted_value)
        raise AssertionError(f"{one.kind} differs, which nothing desired is about")

    async def _update(self, running: Running, device: Device, wanted: DesiredFirmware, consent: Consent) -> Result:
        """Stage the image unless a slot holds the revision, then activate that slot."""
        conditions = Preconditions(overrides=consent.overrides)
        slot, image = await _slot_of(device, wanted.revision), ""
        if not slot:
            if not wanted.sha256:
                raise invalid_field(
                    "desired.firmware.image", f"is required: no slot of {device.resource_name} holds {wanted.revision}"
                )
            staging = Staging((device,), wanted.sha256, revision=wanted.revision, preconditions=conditions)
            (staged,) = (await self._firmware.stage(running, staging))["drives"]
            slot, image = int(staged["slot"]), f"images/{wanted.sha256}"
            running.may_stop()
        activation = Activation(device, slot, wanted.mode, preconditions=conditions, acknowledged=consent.disruption)
        activated = await self._activations.activate(running, activation)
        return {"image": image, "activation_mode": f"ACTIVATION_MODE_{wanted.mode.value}", **activated}

    async def _lay_out(self, running: Running, device: Device, wanted: DesiredLayout, nsids: Sequence[int]) -> Result:
        """Delete every namespace, make one of the desired size, and attach it to this controller."""
        for nsid in nsids:
            await self._namespaces.delete(running, Deletion(device, nsid, limits.WAIT_MS_DEFAULT))
        async with device.open() as session:
            total = (await fresh_identity(session)).tnvmcap
            common = await reading.read_common(session)
        block = wanted.block_bytes or reading.block_bytes(common.lbaf[0])
        size = total * wanted.capacity_percent // 100
        settings = NamespaceSettings(nsze=0, ncap=0, flbas=0)
        creation = Creation(device, settings, size_bytes=size - size % block, block_bytes=block)
        made = await self._namespaces.create(running, creation)
        attachment = Attachment(
            device, AttachmentSelect.ATTACH, int(made["nsid"]), (device.node.controller_id,), limits.WAIT_MS_DEFAULT
        )
        return await self._namespaces.attach(running, attachment)


def _require_consent(found: Sequence[Difference], consent: Consent) -> None:
    """Raise INVALID_FIELD for what is not acknowledged, before anything is touched; FEATURE_OWNED."""
    losing = [one for one in found if one.loses_data]
    if losing and not consent.data_loss:
        raise invalid_field(
            "acknowledge_data_loss",
            f"must be true: {losing[0].subject} has {losing[0].now}, not {losing[0].wanted}, and loses its data",
        )
    disrupting = [one for one in found if one.disrupts]
    if disrupting and not consent.disruption:
        raise invalid_field("acknowledge_disruption", f"must be true: {disrupting[0].subject} needs a reset")
    for one in found:
        if one.setting is not None:
            refuse_owned(one.setting)


async def _slot_of(device: Device, revision: str) -> int:
    """A slot that holds a revision, 0 if none does."""
    async with device.open() as session:
        slots = await slots_if_shown(session)
    held = [slot for slot in range(1, 8) if slots and slots.revision(slot) == revision]
    return held[0] if held else 0


def reconcilers() -> Mapping[str, Reconcile]:
    """What became of an ApplyDrive that did not end: which steps were done, and whether somebody has to look."""

    async def reconcile(case: Interrupted) -> Verdict:
        done = [step.name for step in case.steps if (step.outcome or {}).get("ok")]
        last = case.steps[-1]
        told = f"done: {', '.join(done) or 'nothing'}"
        if last.name in LOSING and last.outcome is None:  # even if one of the same name was done before
            return Verdict(
                State.NEEDS_ATTENTION, f"{told}; cut off in {last.name}: look at the namespaces, then apply again"
            )
        return Verdict(State.SAFE_TO_RETRY, f"{told}; applying again does only what still differs")

    return {APPLY: reconcile}
