"""Sanitize (Base 2.0, section 5.24)."""

from __future__ import annotations

from enum import IntEnum, unique

from nvmed.nvme.health import SanitizeState
from nvmed.nvme.layout import bits
from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.persistent_events import sanitize_start


@unique
class Action(IntEnum):
    """SANACT, bits 2:0 of CDW10."""

    EXIT_FAILURE_MODE = 1
    BLOCK_ERASE = 2
    OVERWRITE = 3
    CRYPTO_ERASE = 4


CAPABILITY_BITS = {Action.CRYPTO_ERASE: 1 << 0, Action.BLOCK_ERASE: 1 << 1, Action.OVERWRITE: 1 << 2}
"""Bits of SANICAP that the actions need."""


def sanitize(controller: ControllerState, request: Request) -> int:
    """Sanitize: begins in the background and answers at once."""
    subsystem = controller.subsystem
    sanitizer, number = subsystem.sanitizer, bits(request.command.cdw10, 2, 0)
    if number == Action.EXIT_FAILURE_MODE:
        sanitizer.exit_failure_mode()
        return 0
    if number not in CAPABILITY_BITS or not CAPABILITY_BITS[Action(number)] & subsystem.spec.sanitize_capabilities:
        raise Refused(Sc.INVALID_FIELD)
    if sanitizer.state is SanitizeState.IN_PROGRESS:
        raise Refused(Sc.SANITIZE_IN_PROGRESS)
    sanitizer.start(request.command.cdw10)
    event = sanitize_start(subsystem.spec.sanitize_capabilities, request.command.cdw10, request.command.cdw11)
    controller.record(EventType.SANITIZE_START, event)
    return 0
