"""Activation, rollback and verification: which of the images in its slots a drive runs.

How is always named. Commit action 2 is what every mode but IMMEDIATE uses; a reset is made only where the request says
so and acknowledges it, and only if the drive did not ask for a stronger one. What still has to be reset is an outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.errors import NvmedError
from nvmed.firmware.resets import Kind, do_reset
from nvmed.firmware.staging import Firmware, Preconditions, commit, gate_results, look, outcome_field
from nvmed.nvme.firmware import CommitAction
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.status import RequiredReset
from nvmed.operations.journal_reader import Query
from nvmed.operations.records import Record, State
from nvmed.operations.running import Result, Running
from nvmed.preconditions import gates
from nvmed.preconditions.drives import fresh_identity, fresh_slots
from nvmed.preconditions.gates import DriveState, GateResult, Wanted
from nvmed.reasons import Reason, error

SERVICE: Final = "nvmed.v1.FirmwareService"
STAGE: Final = f"{SERVICE}/StageFirmware"
ACTIVATE: Final = f"{SERVICE}/ActivateFirmware"
ROLLBACK: Final = f"{SERVICE}/RollbackFirmware"
KINDS: Final = (STAGE, ACTIVATE, ROLLBACK)
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


@dataclass(frozen=True, slots=True)
class Activation:
    """A slot to run (0: for a rollback, the one that ran before), and how."""

    device: Device
    slot: int
    mode: Mode
    slot_revision: str = ""
    preconditions: Preconditions = field(default_factory=Preconditions)
    acknowledged: bool = False


class Activations:
    """ActivateFirmware, RollbackFirmware and VerifyFirmware."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._drives = firmware.drives

    # -- activating

    async def check(self, activation: Activation, *, rollback: bool = False) -> Result:
        """Every gate, and nothing else; raises GATE_FAILED."""
        (drive,) = await self._drives.examine((activation.device,))
        slot, results = await self._gated(activation, drive, rollback=rollback)
        return _result(drive, slot, results)

    async def activate(self, running: Running, activation: Activation, *, rollback: bool = False) -> Result:
        """Activate; raises GATE_FAILED before anything was done, FIRMWARE_NOT_VERIFIED if something else runs after."""
        async with self._drives.claim((activation.device,), f"operations/{running.record.id}") as (drive,):
            slot, results = await self._gated(activation, drive, rollback=rollback)
            result = _result(drive, slot, results)
            if _is_current(drive, slot):
                return {**result, **outcome_field("ALREADY_CURRENT"), "running_revision": drive.revision}
            required = await self._commit(running, activation, drive, slot)
            kind = RESETS.get(activation.mode)
            if kind is not None and required in SUFFICES[kind]:
                identity = await self._reset(running, kind, activation, drive)
                return {**result, **await self._verified(running, activation, slot, drive, identity)}
            if activation.mode is Mode.IMMEDIATE and required is None:
                return {**result, **await self._verified(running, activation, slot, drive)}
        if _runs(drive, slot):  # what waited for a reset is undone
            return {**result, **outcome_field("ACTIVATED"), "running_revision": drive.revision}
        return {
            **result,
            **outcome_field("PENDING_RESET"),
            "required_reset": reset_field(required or RequiredReset.CONTROLLER),
            "running_revision": drive.revision,
        }

    async def _gated(
        self, activation: Activation, drive: DriveState, *, rollback: bool
    ) -> tuple[int, tuple[GateResult, ...]]:
        """The slot, and the gates that hold."""
        slot = activation.slot
        if rollback and not slot:
            before = Query(LOOKED_BACK_MAX, target=drive.controller, history_of=(ACTIVATE, ROLLBACK))
            activations = await self._firmware.operations.page(before)
            slot = previous_slot(drive, [record for _, record in activations])
        mode, conditions = activation.mode, activation.preconditions
        wanted = Wanted(
            rules=await self._firmware.rules(),
            overrides=conditions.overrides,
            model=conditions.model,
            revision=conditions.revision,
            target_revision=_held(drive, slot),
            slot=slot,
            slot_revision=activation.slot_revision,
            live=mode is Mode.IMMEDIATE,
            disruptive=mode is not Mode.ON_NEXT_RESET,
            acknowledged=activation.acknowledged,
        )
        current = _is_current(drive, slot) and activation.slot_revision in ("", _held(drive, slot))
        results = gates.evaluate(gates.CURRENT if current else gates.ACTIVATE, drive, wanted)
        gates.refuse(results)
        return slot, results

    async def _commit(
        self, running: Running, activation: Activation, drive: DriveState, slot: int
    ) -> RequiredReset | None:
        live = activation.mode is Mode.IMMEDIATE
        action = CommitAction.ACTIVATE_IMMEDIATELY if live else CommitAction.ACTIVATE_AT_RESET
        running.no_return()
        intent: dict[str, Any] = {
            "action": int(action),
            "mode": activation.mode.value,
            "slot": slot,
            "slot_revision": _held(drive, slot),
            "running_revision": drive.revision,
            "active_slot": drive.slots.active_slot if drive.slots else 0,
            "next_slot": drive.slots.next_slot if drive.slots else 0,
        }
        async with activation.device.open() as session, running.step("commit", **intent) as outcome:
            required = (await commit(session, running, action, slot)).required_reset
            outcome["required_reset"] = required.name if required else ""
        return required

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
        self,
        running: Running,
        activation: Activation,
        slot: int,
        drive: DriveState,
        identity: IdentifyController | None = None,
    ) -> dict[str, Any]:
        """That the drive runs what is in the slot, by a fresh Identify and the slot log."""
        device = (await self._drives.inventory.find(drive.controller)).device
        async with device.open() as session:
            after = await look(session, running)
            revision = (identity or await fresh_identity(session)).fr
        await self._drives.forget_identities(drive.subsystem)
        expected = _held(drive, slot)
        if (revision, after.active_slot) != (expected, slot):
            raise error(
                Reason.FIRMWARE_NOT_VERIFIED,
                f"{drive.controller} runs {revision!r} from slot {after.active_slot} after the activation, not "
                f"{expected!r} from slot {slot}",
                controller=drive.controller,
                running_revision=revision,
                active_slot=after.active_slot,
            )
        return {**outcome_field("ACTIVATED"), "running_revision": revision}

    # -- verifying

    async def verify(self, device: Device, revision: str, slot: int) -> Result:
        """That `device` runs `revision`, from `slot` if that is not 0; raises FIRMWARE_NOT_VERIFIED."""
        async with device.open() as session:
            identity = await fresh_identity(session)
            slots = await fresh_slots(session)
        if identity.fr != revision or slot not in (0, slots.active_slot):
            wanted = f"{revision!r}" + (f" from slot {slot}" if slot else "")
            raise error(
                Reason.FIRMWARE_NOT_VERIFIED,
                f"{device.resource_name} runs {identity.fr!r} from slot {slots.active_slot}, not {wanted}",
                controller=device.resource_name,
                running_revision=identity.fr,
                active_slot=slots.active_slot,
            )
        return {
            "controller": device.resource_name,
            "running_revision": identity.fr,
            "active_slot": slots.active_slot,
            "kernel_revision": device.node.firmware_revision,
        }


def previous_slot(drive: DriveState, activations: Sequence[Record]) -> int:
    """The slot to go back to, 0 if it is not known.

    An activation that waits for its reset is undone by the slot that runs. Otherwise it is a slot with the revision
    that ran before the last of `activations`, which are newest first, else the only other slot that holds an image.
    """
    slots = drive.slots
    if slots is None:
        return 0
    if slots.next_slot not in (0, slots.active_slot):
        return slots.active_slot
    others = {
        slot: slots.revision(slot)
        for slot in range(1, drive.updates.slots + 1)
        if slots.revision(slot) and slot != slots.active_slot
    }
    for record in activations:
        if record.state is State.SUCCEEDED:
            before = (record.result or {}).get("previous_revision", "")
            found = [slot for slot, revision in others.items() if revision == before]
            if before and before != drive.revision and found:
                return found[0]
    return next(iter(others)) if len(others) == 1 else 0


def reset_field(required: RequiredReset) -> str:
    """RequiredReset as the contract names it."""
    return f"REQUIRED_RESET_{required.name}"


def _runs(drive: DriveState, slot: int) -> bool:
    """Whether a drive runs what is in the slot."""
    slots = drive.slots
    return bool(slots and slot and slots.active_slot == slot and drive.revision == slots.revision(slot))


def _is_current(drive: DriveState, slot: int) -> bool:
    """Whether a drive runs what is in the slot, and nothing else waits for a reset."""
    return _runs(drive, slot) and drive.slots is not None and drive.slots.next_slot in (0, slot)


def _held(drive: DriveState, slot: int) -> str:
    return drive.slots.revision(slot) if drive.slots and 0 < slot <= drive.updates.slots else ""


def _result(drive: DriveState, slot: int, results: tuple[GateResult, ...]) -> dict[str, Any]:
    return {
        "controller": drive.controller,
        "slot": slot,
        "slot_revision": _held(drive, slot),
        "previous_revision": drive.revision,
        "gates": gate_results(results),
    }
