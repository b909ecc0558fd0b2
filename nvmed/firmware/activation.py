"""Activation, rollback and verification: which of the images in its slots a drive runs.

How is always named. Commit action 2 is what every mode but IMMEDIATE uses; a reset is made only where the request says
so and acknowledges it, and only if the drive did not ask for a stronger one. What still has to be reset is an outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.errors import NvmedError
from nvmed.firmware.evidence import UNVERIFIED, Content, content_of, look, runs_wanted
from nvmed.firmware.resets import Kind, do_reset
from nvmed.firmware.staging import Firmware, Preconditions, commit, outcome_field
from nvmed.nvme.firmware import CommitAction
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.status import RequiredReset
from nvmed.operations.journal_reader import Query
from nvmed.operations.records import Record, State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.drives import fresh_identity, slots_if_shown
from nvmed.preconditions.firmware_rules import Quirk
from nvmed.preconditions.gate_report import gate_results
from nvmed.preconditions.gates import DriveState, GateResult, Wanted
from nvmed.reasons import Reason, error

SERVICE: Final = "nvmed.v1.FirmwareService"
STAGE: Final = f"{SERVICE}/StageFirmware"
ACTIVATE: Final = f"{SERVICE}/ActivateFirmware"
ROLLBACK: Final = f"{SERVICE}/RollbackFirmware"
KINDS: Final = (STAGE, ACTIVATE, ROLLBACK)

APPLY: Final = "nvmed.v1.DriveService/ApplyDrive"
WITHIN: Final = "firmware"
"""Under what an operation that changes more than the firmware has, in its result, what an activation's is."""

"""Operations that are a drive's firmware history."""

LOOKED_BACK_MAX: Final = 100
"""Activations among which a rollback looks for what ran before."""


@unique
class Mode(Enum):
    """How firmware becomes active; the names are those of the contract's ActivationMode."""

    ON_NEXT_RESET = "ON_NEXT_RESET"
    CONTROLLER_RESET = "CONTROLLER_RESET"
    SUBSYSTEM_RESET = "SUBSYSTEM_RESET"
    IMMEDIATE = "IMMEDIATE"


RESETS: Final = {Mode.CONTROLLER_RESET: Kind.CONTROLLER, Mode.SUBSYSTEM_RESET: Kind.SUBSYSTEM}
"""What a mode resets after the commit."""

SUFFICES: Final = {
    Kind.CONTROLLER: frozenset({None, RequiredReset.CONTROLLER}),
    Kind.SUBSYSTEM: frozenset({None, RequiredReset.CONTROLLER, RequiredReset.SUBSYSTEM}),
}
"""The answers to a commit after which that reset activates the image."""


STRENGTH: Final = (RequiredReset.CONTROLLER, RequiredReset.SUBSYSTEM, RequiredReset.CONVENTIONAL)
"""Resets, the weakest first."""


@dataclass(frozen=True, slots=True)
class Activation:
    """A slot to run (0: for a rollback, the one that ran before), and how."""

    device: Device
    slot: int
    mode: Mode
    slot_revision: str = ""
    preconditions: Preconditions = field(default_factory=Preconditions)
    acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The slot to run, what it holds, what is different about the model, and how the gates were found."""

    slot: int
    content: Content
    quirk: Quirk
    results: tuple[GateResult, ...] = ()


class Activations:
    """ActivateFirmware, RollbackFirmware and VerifyFirmware."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._drives = firmware.drives

    # -- activating

    async def check(self, activation: Activation, *, rollback: bool = False) -> Result:
        """Every gate, and nothing else; raises GATE_FAILED."""
        (drive,) = await self._drives.examine((activation.device,))
        return _result(drive, await self._gated(activation, drive, rollback=rollback))

    async def activate(self, running: Running, activation: Activation, *, rollback: bool = False) -> Result:
        """Activate; raises GATE_FAILED before anything was done, FIRMWARE_NOT_VERIFIED if something else runs after."""
        async with self._drives.claim((activation.device,), f"operations/{running.record.id}") as (drive,):
            chosen = await self._gated(activation, drive, rollback=rollback)
            result = _result(drive, chosen)
            if _is_current(drive, chosen):
                return {**result, **outcome_field("ALREADY_CURRENT"), "running_revision": drive.revision}
            required = await self._commit(running, activation, drive, chosen)
            kind = RESETS.get(activation.mode)
            if kind is not None and required in SUFFICES[kind]:
                identity = await self._reset(running, kind, activation, drive)
                return {**result, **await self._verified(running, chosen, drive, identity)}
            if activation.mode is Mode.IMMEDIATE and required is None:
                return {**result, **await self._verified(running, chosen, drive)}
        if _runs(drive, chosen):  # what waited for a reset is undone
            return {**result, **outcome_field("ACTIVATED"), "running_revision": drive.revision}
        return {
            **result,
            **outcome_field("PENDING_RESET"),
            "required_reset": reset_field(required or RequiredReset.CONTROLLER),
            "running_revision": drive.revision,
        }

    async def _gated(self, activation: Activation, drive: DriveState, *, rollback: bool) -> _Chosen:
        """The slot, what it holds, and the gates; raises GATE_FAILED."""
        slot = activation.slot
        if rollback and not slot:
            slot = previous_slot(drive, await self._history(drive, (ACTIVATE, ROLLBACK, APPLY)))
        rules = await self._firmware.rules()
        content = content_of(drive.slots, slot, await self._history(drive, (STAGE,)))
        mode, conditions = activation.mode, activation.preconditions
        wanted = Wanted(
            rules=rules,
            overrides=conditions.overrides,
            model=conditions.model,
            revision=conditions.revision,
            target_revision=content.revision,
            slot=slot,
            slot_revision=activation.slot_revision,
            staged=content.staged,
            live=mode is Mode.IMMEDIATE,
            disruptive=mode is not Mode.ON_NEXT_RESET,
            acknowledged=activation.acknowledged,
        )
        chosen = _Chosen(slot, content, rules.quirk_of(drive.model))
        current = _is_current(drive, chosen) and activation.slot_revision in ("", content.revision)
        results = gates.evaluate(gates.CURRENT if current else gates.ACTIVATE, drive, wanted)
        gates.refuse(results)
        return replace(chosen, results=results)

    async def _history(self, drive: DriveState, kinds: Sequence[str]) -> Sequence[Record]:
        """The last operations of these kinds on a drive, newest first."""
        query = Query(LOOKED_BACK_MAX, target=drive.controller, history_of=kinds)
        return [record for _, record in await self._firmware.operations.page(query)]

    async def _commit(
        self, running: Running, activation: Activation, drive: DriveState, chosen: _Chosen
    ) -> RequiredReset | None:
        """The commit, and the reset that it takes; of a model without action 2, its staging was the commit."""
        live = activation.mode is Mode.IMMEDIATE
        action = CommitAction.ACTIVATE_IMMEDIATELY if live else CommitAction.ACTIVATE_AT_RESET
        running.no_return()
        intent: dict[str, Any] = {
            "action": int(action),
            "mode": activation.mode.value,
            "slot": chosen.slot,
            "slot_revision": chosen.content.revision,
            "running_revision": drive.revision,
            "active_slot": drive.running_slot,
            "next_slot": drive.slots.next_slot if drive.slots else 0,
        }
        if not chosen.quirk.takes(action):
            async with running.step("staged_for_reset", **intent) as outcome:
                outcome["required_reset"] = required = chosen.quirk.required_reset or ""
            return RequiredReset[required.upper()] if required else None
        async with activation.device.open() as session, running.step("commit", **intent) as outcome:
            committed = await commit(session, running, action, chosen.slot)
            required_reset = strongest(committed.required_reset, chosen.quirk)
            outcome["required_reset"] = required_reset.name if required_reset else ""
        return required_reset

    async def _reset(
        self, running: Running, kind: Kind, activation: Activation, drive: DriveState
    ) -> IdentifyController:
        try:
            _, identity = await do_reset(running, self._drives, kind, activation.device, drive)
        except NvmedError:
            running.uncertain()  # the image is committed, whatever became of the reset
            raise
        return identity

    async def _verified(
        self, running: Running, chosen: _Chosen, drive: DriveState, identity: IdentifyController | None = None
    ) -> dict[str, Any]:
        """That the drive runs what is in the slot: a fresh Identify decides, and where it cannot, the slot log."""
        try:
            device = (await self._drives.inventory.find(drive.controller)).device
            async with device.open() as session:
                after = await look(session, running)
                revision = (identity or await fresh_identity(session)).fr
            await self._drives.forget_identities(drive.subsystem)
        except NvmedError:
            running.uncertain()  # the image is committed, whether anybody can look at the drive or not
            raise
        expected, active = chosen.content.revision, after.running_slot(revision) if after else 0
        done = runs_wanted(drive.revision, revision, expected, from_slot=active == chosen.slot)
        if done is False:
            raise error(
                Reason.FIRMWARE_NOT_VERIFIED,
                f"{drive.controller} runs {revision!r} from slot {active or 'unknown'} after the activation, not "
                f"{expected!r} from slot {chosen.slot}",
                controller=drive.controller,
                running_revision=revision,
                active_slot=active,
            )
        return {**outcome_field("ACTIVATED" if done else UNVERIFIED), "running_revision": revision}

    # -- verifying

    async def verify(self, device: Device, revision: str, slot: int) -> Result:
        """That `device` runs `revision`, from `slot` if that is not 0; raises FIRMWARE_NOT_VERIFIED."""
        async with device.open() as session:
            identity = await fresh_identity(session)
            slots = await slots_if_shown(session)
        active = slots.running_slot(identity.fr) if slots else 0
        if identity.fr != revision or slot not in (0, active):
            wanted = f"{revision!r}" + (f" from slot {slot}" if slot else "")
            raise error(
                Reason.FIRMWARE_NOT_VERIFIED,
                f"{device.resource_name} runs {identity.fr!r} from slot {active or 'unknown'}, not {wanted}",
                controller=device.resource_name,
                running_revision=identity.fr,
                active_slot=active,
            )
        return {
            "controller": device.resource_name,
            "running_revision": identity.fr,
            "active_slot": active,
            "kernel_revision": device.node.firmware_revision,
        }


def previous_slot(drive: DriveState, activations: Sequence[Record]) -> int:
    """The slot to go back to, 0 if it is not known.

    An activation that waits for its reset is undone by the slot that runs. Otherwise it is a slot with the revision
    that ran before the last of `activations`, which are newest first, else the only other slot that holds an image.
    """
    slots, running = drive.slots, drive.running_slot
    if slots is None:
        return 0
    if slots.next_slot not in (0, running):
        return running
    others = {
        slot: slots.revision(slot)
        for slot in range(1, drive.updates.slots + 1)
        if slots.revision(slot) and slot != running
    }
    for record in activations:
        if record.state is State.SUCCEEDED:
            result = record.result or {}
            before = result.get(WITHIN, result).get("previous_revision", "")
            found = [slot for slot, revision in others.items() if revision == before]
            if before and before != drive.revision and found:
                return found[0]
    return next(iter(others)) if len(others) == 1 else 0


def strongest(answered: RequiredReset | None, quirk: Quirk) -> RequiredReset | None:
    """The reset that a drive asked for, or the one that its model needs if that is a stronger one."""
    if quirk.required_reset is None:
        return answered
    needed, order = RequiredReset[quirk.required_reset.upper()], [None, *STRENGTH]
    return max(answered, needed, key=order.index)


def reset_field(required: RequiredReset) -> str:
    """RequiredReset as the contract names it."""
    return f"REQUIRED_RESET_{required.name}"


def _runs(drive: DriveState, chosen: _Chosen) -> bool:
    """Whether a drive runs what is in the slot; of one that does not show its slots, by the revision alone."""
    if not chosen.slot or not chosen.content.revision or drive.revision != chosen.content.revision:
        return False
    return drive.slots is None or drive.running_slot == chosen.slot or chosen.content.staged is not None


def _is_current(drive: DriveState, chosen: _Chosen) -> bool:
    """Whether a drive runs what is in the slot, and nothing else waits for a reset."""
    return _runs(drive, chosen) and (drive.slots is None or drive.slots.next_slot in (0, chosen.slot))


def _result(drive: DriveState, chosen: _Chosen) -> dict[str, Any]:
    return {
        "controller": drive.controller,
        "slot": chosen.slot,
        "slot_revision": chosen.content.revision,
        "previous_revision": drive.revision,
        "gates": gate_results(chosen.results),
    }
