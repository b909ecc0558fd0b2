"""Sanitize (Base 2.1, section 5.1.22)."""

from __future__ import annotations

from nvmed.nvme.layout import bit
from nvmed.nvme.persistent_event import EventType
from nvmed.nvme.sanitize import Action, SanitizeCapabilities, decode
from nvmed.simulator.commands.request import Request
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.state.drive import ControllerState
from nvmed.simulator.state.persistent_events import sanitize_start

RESERVED = 0xFFFF_F800
"""Bits of CDW10 that mean nothing."""


def sanitize(controller: ControllerState, request: Request) -> int:
    """Sanitize: begins in the background and answers at once."""
    subsystem, command = controller.subsystem, request.command
    sanitizer, spec = subsystem.sanitizer, subsystem.spec
    wanted = decode(command.cdw10, command.cdw11)
    if wanted is None or command.cdw10 & RESERVED:
        raise Refused(Sc.INVALID_FIELD)
    capabilities = SanitizeCapabilities(spec.sanitize_capabilities)
    if wanted.action is Action.EXIT_FAILURE_MODE:
        sanitizer.exit_failure_mode()
        return 0
    if wanted.action is Action.EXIT_MEDIA_VERIFICATION:
        if not capabilities.media_verification:
            raise Refused(Sc.INVALID_FIELD)
        sanitizer.exit_media_verification()
        return 0
    if wanted.action not in capabilities.actions:
        raise Refused(Sc.INVALID_FIELD)
    if wanted.media_verification and not capabilities.media_verification:
        raise Refused(Sc.INVALID_FIELD)
    inhibited = wanted.no_deallocate and capabilities.no_deallocate_inhibited
    if inhibited and not spec.no_deallocate_warns:
        raise Refused(Sc.INVALID_FIELD)
    if bit(command.cdw10, 8) and wanted.action is not Action.OVERWRITE:
        raise Refused(Sc.INVALID_FIELD)
    if subsystem.firmware.pending:
        raise Refused(Sc.NEEDS_CONTROLLER_RESET)
    sanitizer.start(command.cdw10, command.cdw11, unexpected_deallocation=inhibited)
    event = sanitize_start(spec.sanitize_capabilities, command.cdw10, command.cdw11)
    controller.record(EventType.SANITIZE_START, event)
    return 0
