"""Sanitize, and the Sanitize Status log (Base 2.0, sections 5.24 and 5.16.1.25)."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

from nvmed.nvme.health import SanitizeState
from nvmed.nvme.layout import bits
from nvmed.nvme.persistent_event import EventType
from nvmed.simulator.events import SANITIZED
from nvmed.simulator.persistent_events import sanitize_start
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.request import Request

if TYPE_CHECKING:
    from nvmed.simulator.controller import Controller
    from nvmed.simulator.subsystem import Subsystem


@unique
class Action(IntEnum):
    """SANACT, bits 2:0 of CDW10."""

    EXIT_FAILURE_MODE = 1
    BLOCK_ERASE = 2
    OVERWRITE = 3
    CRYPTO_ERASE = 4


CAPABILITY_BITS = {Action.CRYPTO_ERASE: 1 << 0, Action.BLOCK_ERASE: 1 << 1, Action.OVERWRITE: 1 << 2}
"""Bits of SANICAP that the actions need."""

GLOBAL_DATA_ERASED = 1 << 8
PROGRESS_SCALE = 1 << 16


class Sanitizer:
    """The sanitize operation of a subsystem, which takes `DriveSpec.sanitize_s` by its clock. Lock held throughout.

    No thread waits for its end: it is over, and its event told, when anything next asks for its state.
    `fail_next` makes the next operation end in failure, which only "exit failure mode" or another attempt leaves.
    """

    def __init__(self, subsystem: Subsystem) -> None:
        self._subsystem = subsystem
        self._state = SanitizeState.NEVER_SANITIZED
        self._started = 0.0
        self.command = 0
        self.fail_next = False

    @property
    def state(self) -> SanitizeState:
        """How the last operation is doing, or how it ended."""
        if self._state is SanitizeState.IN_PROGRESS and self._elapsed() >= 1:
            self._finish()
        return self._state

    @property
    def progress(self) -> int:
        """SPROG: 65536ths of the running operation, FFFFh when there is none."""
        if self.state is not SanitizeState.IN_PROGRESS:
            return PROGRESS_SCALE - 1
        return int(self._elapsed() * PROGRESS_SCALE)

    @property
    def status(self) -> int:
        """SSTAT."""
        erased = GLOBAL_DATA_ERASED if self.state is SanitizeState.COMPLETED else 0
        return self._state | erased

    def check(self) -> None:
        """Refuse commands that need the media while an operation runs, or after one failed."""
        if self.state is SanitizeState.IN_PROGRESS:
            raise Refused(Sc.SANITIZE_IN_PROGRESS)
        if self._state is SanitizeState.FAILED:
            raise Refused(Sc.SANITIZE_FAILED)

    def start(self, command: int) -> None:
        """Begin an operation."""
        self._state, self._started, self.command = SanitizeState.IN_PROGRESS, self._subsystem.clock(), command

    def exit_failure_mode(self) -> None:
        """Leave the state that a failure left."""
        if self.state is SanitizeState.FAILED:
            self._state = SanitizeState.NEVER_SANITIZED

    def _elapsed(self) -> float:
        duration = self._subsystem.spec.sanitize_s
        return (self._subsystem.clock() - self._started) / duration if duration > 0 else 1.0

    def _finish(self) -> None:
        self._state = SanitizeState.FAILED if self.fail_next else SanitizeState.COMPLETED
        self.fail_next = False
        for namespace in self._subsystem.namespaces:
            namespace.erase()
        for controller in self._subsystem.controllers.values():
            controller.events.post(SANITIZED)


def sanitize(controller: Controller, request: Request) -> int:
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
