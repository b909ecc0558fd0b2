"""The sanitize operation of a subsystem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nvmed.nvme.health import SanitizePhase, SanitizeState
from nvmed.nvme.sanitize import Action, Sanitize, decode
from nvmed.simulator.refusal import Refused, Sc

GLOBAL_DATA_ERASED = 1 << 8
PROGRESS_SCALE = 1 << 16

Phase = SanitizePhase

_STATES = {
    Phase.RESTRICTED_PROCESSING: SanitizeState.IN_PROGRESS,
    Phase.UNRESTRICTED_PROCESSING: SanitizeState.IN_PROGRESS,
    Phase.MEDIA_VERIFICATION: SanitizeState.IN_PROGRESS,
    Phase.POST_VERIFICATION_DEALLOCATION: SanitizeState.IN_PROGRESS,
    Phase.RESTRICTED_FAILURE: SanitizeState.FAILED,
    Phase.UNRESTRICTED_FAILURE: SanitizeState.FAILED,
}
"""SSTAT's word for each phase; an idle drive says how the last operation ended."""

_PROCESSING = (Phase.RESTRICTED_PROCESSING, Phase.UNRESTRICTED_PROCESSING)
_FAILURE = (Phase.RESTRICTED_FAILURE, Phase.UNRESTRICTED_FAILURE)


class Sanitizer:
    """The sanitize operation of a subsystem, which takes `duration_s` by its clock. Lock held throughout.

    No thread waits for its end: it is over, and `erased` or `ended` called, when anything next asks for its state.
    Power may be lost meanwhile; it goes on afterwards. `fail_next` makes the next operation end in failure. `stall_at`
    is the fraction at which operations stand still while it is set.
    """

    def __init__(
        self,
        duration_s: float,
        clock: Callable[[], float],
        erased: Callable[[Sanitize], None],
        ended: Callable[[SanitizeState], None],
    ) -> None:
        self._duration_s = duration_s
        self._clock = clock
        self._erased = erased
        self._ended = ended
        self._phase = Phase.IDLE
        self._last = SanitizeState.NEVER_SANITIZED
        self._failed_in = Phase.IDLE
        self._started = 0.0
        self._has_erased = False
        self.command = 0
        self.pattern = 0
        self.unexpected_deallocation = False
        self.fail_next = False
        self.stall_at: float | None = None

    @property
    def phase(self) -> SanitizePhase:
        """Where the operation stands."""
        if self._phase in (*_PROCESSING, Phase.POST_VERIFICATION_DEALLOCATION) and self._fraction() >= 1:
            self._finish()
        return self._phase

    @property
    def state(self) -> SanitizeState:
        """How the last operation is doing, or how it ended."""
        return _STATES.get(self.phase, self._last)

    @property
    def progress(self) -> int:
        """SPROG: 65536ths of what runs, FFFFh when nothing does."""
        if self.phase in (Phase.IDLE, Phase.MEDIA_VERIFICATION, *_FAILURE):
            return PROGRESS_SCALE - 1
        return int(self._fraction() * PROGRESS_SCALE)

    @property
    def status(self) -> int:
        """SSTAT."""
        state = self.state
        erased = GLOBAL_DATA_ERASED if state is SanitizeState.COMPLETED and self._has_erased else 0
        wanted = decode(self.command, self.pattern)
        passes = 0
        if wanted is not None and wanted.action is Action.OVERWRITE:
            passes = int(wanted.passes * (1 if self._phase is Phase.IDLE else self._fraction()))
        return state | passes << 3 | erased

    @property
    def information(self) -> int:
        """SSI: the phase, and which one failed."""
        return self.phase | self._failed_in << 4

    def written(self) -> None:
        """The host wrote: what was erased all over is so no more."""
        self._has_erased = False

    def check(self, *, reads: bool = False) -> None:
        """Refuse commands that need the media while an operation runs, or after one failed; media that are shown may be
        read.
        """
        phase = self.phase
        if phase is Phase.MEDIA_VERIFICATION and reads:
            return
        if _STATES.get(phase) is SanitizeState.IN_PROGRESS:
            raise Refused(Sc.SANITIZE_IN_PROGRESS)
        if phase in _FAILURE:
            raise Refused(Sc.SANITIZE_FAILED)

    def start(self, cdw10: int, cdw11: int, *, unexpected_deallocation: bool = False) -> None:
        """Begin an operation: after a restricted failure only a restricted one."""
        wanted = decode(cdw10, cdw11)
        if self.state is SanitizeState.IN_PROGRESS:
            raise Refused(Sc.SANITIZE_IN_PROGRESS)
        unrestricted = wanted is not None and wanted.unrestricted_exit
        if self._phase is Phase.RESTRICTED_FAILURE and unrestricted:
            raise Refused(Sc.SANITIZE_FAILED)
        self._phase = Phase.UNRESTRICTED_PROCESSING if unrestricted else Phase.RESTRICTED_PROCESSING
        self._started, self._failed_in, self._has_erased = self._clock(), Phase.IDLE, False
        self.command, self.pattern = cdw10, cdw11
        self.unexpected_deallocation = unexpected_deallocation

    def exit_failure_mode(self) -> None:
        """Leave the state that a failure left, where that may be left without another attempt."""
        if self.state is SanitizeState.IN_PROGRESS:
            raise Refused(Sc.SANITIZE_IN_PROGRESS)
        if self._phase is Phase.RESTRICTED_FAILURE:
            raise Refused(Sc.SANITIZE_FAILED)
        if self._phase is Phase.UNRESTRICTED_FAILURE:
            self._phase, self._last = Phase.IDLE, SanitizeState.FAILED

    def exit_media_verification(self) -> None:
        """Deallocate what was shown; refused where nothing is."""
        if self.phase is not Phase.MEDIA_VERIFICATION:
            raise Refused(Sc.INVALID_FIELD)
        self._phase, self._started = Phase.POST_VERIFICATION_DEALLOCATION, self._clock()

    def save(self) -> dict[str, Any]:
        """What outlives the power: as JSON has it."""
        return {
            "phase": self.phase, "last": self._last, "failed_in": self._failed_in, "fraction": self._fraction(),
            "command": self.command, "pattern": self.pattern, "has_erased": self._has_erased,
        }  # fmt: skip

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on where `save` left off."""
        self._phase, self._last = Phase(saved["phase"]), SanitizeState(saved["last"])
        self._failed_in, self._has_erased = Phase(saved["failed_in"]), saved["has_erased"]
        self._started = self._clock() - saved["fraction"] * self._duration_s
        self.command, self.pattern = saved["command"], saved["pattern"]

    def _fraction(self) -> float:
        done = min(1.0, (self._clock() - self._started) / self._duration_s) if self._duration_s > 0 else 1.0
        return done if self.stall_at is None else min(done, self.stall_at)

    def _finish(self) -> None:
        if self._phase is Phase.POST_VERIFICATION_DEALLOCATION:
            return self._complete(deallocate=True)
        wanted = decode(self.command, self.pattern)
        if self.fail_next or wanted is None:
            restricted = self._phase is Phase.RESTRICTED_PROCESSING
            self._failed_in = self._phase
            self._phase = Phase.RESTRICTED_FAILURE if restricted else Phase.UNRESTRICTED_FAILURE
            self.fail_next = False
            return self._ended(SanitizeState.FAILED)
        if wanted.media_verification:
            self._phase = Phase.MEDIA_VERIFICATION
            self._erased(Sanitize(wanted.action, wanted.passes, wanted.pattern, no_deallocate=True))
            return self._ended(SanitizeState.IN_PROGRESS)
        return self._complete(deallocate=not wanted.no_deallocate or self.unexpected_deallocation)

    def _complete(self, *, deallocate: bool) -> None:
        wanted = decode(self.command, self.pattern) or Sanitize(Action.BLOCK_ERASE)
        self._phase, self._has_erased = Phase.IDLE, True
        unexpected = wanted.no_deallocate and deallocate
        self._last = SanitizeState.COMPLETED_UNEXPECTED_DEALLOCATE if unexpected else SanitizeState.COMPLETED
        self._erased(Sanitize(wanted.action, wanted.passes, wanted.pattern, no_deallocate=not deallocate))
        self._ended(self._last)
