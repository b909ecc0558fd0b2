"""Firmware Image Download and Firmware Commit (Base 2.0, sections 5.12 and 5.11)."""

from __future__ import annotations

from nvmed.nvme.firmware import Commit, CommitAction, decode_commit, decode_download
from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import Activation
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.events import FIRMWARE_ACTIVATION_STARTING
from nvmed.simulator.state.persistent_events import firmware_commit

MULTIPLE_UPDATE_DETECTED = 1
"""Dword 0 of Firmware Commit: portions came through more than one controller."""


def download(controller: ControllerState, request: Request) -> int:
    """Firmware Image Download: CDW10 is the zero-based number of dwords, CDW11 the offset in dwords."""
    offset, length = decode_download(request.command)
    limit = controller.subsystem.spec.maximum_transfer_bytes
    if limit is not None and length > limit:
        raise Refused(Sc.INVALID_FIELD)
    controller.subsystem.firmware.receive(controller.controller_id, offset, request.take(length))
    return 0


def commit(controller: ControllerState, request: Request) -> int:
    """Firmware Commit; refuses where only a reset activates what was committed."""
    wanted, firmware = decode_commit(request.command), controller.subsystem.firmware
    before, status = firmware.revision, 0
    try:
        return _commit(controller, wanted)
    except Refused as refusal:
        status = refusal.status
        raise
    finally:
        event = firmware_commit(before, firmware.revision, wanted.action, wanted.slot, status)
        controller.record(EventType.FIRMWARE_COMMIT, event)


def _commit(controller: ControllerState, wanted: Commit) -> int:
    firmware, slot, action = controller.subsystem.firmware, wanted.slot, wanted.action
    if action > CommitAction.ACTIVATE_IMMEDIATELY:
        raise Refused(Sc.INVALID_FIELD)
    if slot > len(firmware.slots) or (action == CommitAction.ACTIVATE_AT_RESET and not slot):
        raise Refused(Sc.INVALID_FIRMWARE_SLOT)
    result = MULTIPLE_UPDATE_DETECTED if len(firmware.download.controllers) > 1 else 0
    at_once = action == CommitAction.ACTIVATE_IMMEDIATELY
    if firmware.download.portions if at_once else action != CommitAction.ACTIVATE_AT_RESET:
        slot = firmware.store(slot)
    if action != CommitAction.REPLACE:
        _activate(controller, slot, at_once=at_once, result=result)
    return result


def _activate(controller: ControllerState, slot: int, *, at_once: bool, result: int) -> None:
    firmware = controller.subsystem.firmware
    if not slot or not firmware.slots[slot - 1]:
        raise Refused(Sc.INVALID_FIRMWARE_SLOT)
    if firmware.slots[slot - 1] in firmware.spec.prohibited_revisions:
        raise Refused(Sc.ACTIVATION_PROHIBITED)
    if not at_once:
        firmware.wait_for_reset(slot, firmware.spec.activation)
        status = _AT_RESET[firmware.spec.activation]
        if status is not None:
            raise Refused(status, result)
        return
    if firmware.spec.activation_time_ms > firmware.spec.maximum_time_ms:
        raise Refused(Sc.MAXIMUM_TIME_VIOLATION)
    if not firmware.spec.immediate:
        firmware.wait_for_reset(slot, firmware.spec.activation)
        raise Refused(_AT_ONCE[firmware.spec.activation], result)
    for one in controller.subsystem.controllers.values():
        one.events.post(FIRMWARE_ACTIVATION_STARTING)
    firmware.activate(slot)


_AT_RESET: dict[Activation, Sc | None] = {
    Activation.CONTROLLER_RESET: None,
    Activation.SUBSYSTEM_RESET: Sc.NEEDS_SUBSYSTEM_RESET,
    Activation.CONVENTIONAL_RESET: Sc.NEEDS_CONVENTIONAL_RESET,
}
"""What actions 1 and 2 answer: a controller level reset is what the host is going to do anyway."""

_AT_ONCE: dict[Activation, Sc] = {
    Activation.CONTROLLER_RESET: Sc.NEEDS_CONTROLLER_RESET,
    Activation.SUBSYSTEM_RESET: Sc.NEEDS_SUBSYSTEM_RESET,
    Activation.CONVENTIONAL_RESET: Sc.NEEDS_CONVENTIONAL_RESET,
}
"""What action 3 answers on a drive that cannot activate while it runs."""
