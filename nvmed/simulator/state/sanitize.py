"""The sanitize operation of a subsystem."""

from __future__ import annotations

from collections.abc import Callable

from nvmed.nvme.health import SanitizeState
from nvmed.simulator.refusal import Refused, Sc

GLOBAL_DATA_ERASED = 1 << 8
PROGRESS_SCALE = 1 << 16


class Sanitizer:
    """The sanitize operation of a subsystem, which takes `duration_s` by its clock. Lock held throughout.

    No thread waits for its end: it is over, and `ended` called, when anything next asks for its state.
    `fail_next` makes the next operation end in failure, which only "exit failure mode" or another attempt leaves.
    """

    def __init__(self, duration_s: float, clock: Callable[[], float], ended: Callable[[], None]) -> None:
        self._duration_s = duration_s
        self._clock = clock
        self._ended = ended
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
        self._state, self._started, self.command = SanitizeState.IN_PROGRESS, self._clock(), command

    def exit_failure_mode(self) -> None:
        """Leave the state that a failure left."""
        if self.state is SanitizeState.FAILED:
            self._state = SanitizeState.NEVER_SANITIZED

    def _elapsed(self) -> float:
        return (self._clock() - self._started) / self._duration_s if self._duration_s > 0 else 1.0

    def _finish(self) -> None:
        self._state = SanitizeState.FAILED if self.fail_next else SanitizeState.COMPLETED
        self.fail_next = False
        self._ended()
