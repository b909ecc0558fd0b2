"""What a drive that follows OCP's specification keeps beside its health: firmware activations and panics."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from nvmed.nvme.ocp import HISTORY_ENTRIES, ErrorRecoveryLog, FirmwareActivation, FirmwareActivationHistory

ERROR_RECOVERY = ErrorRecoveryLog(
    panic_reset_wait_ms=1000, panic_reset_action=0x1, recovery_action_1=0x1, capabilities=0x3
)


class OcpState:
    """Of a subsystem. Called with its lock held."""

    def __init__(self) -> None:
        self._activations: deque[FirmwareActivation] = deque(maxlen=HISTORY_ENTRIES)
        self._count = 0
        self.error_recovery = ERROR_RECOVERY

    def activated(self, activation: FirmwareActivation) -> None:
        """Firmware was activated; the count of activations is filled in."""
        self._count = min(self._count + 1, 0xFFFF)
        self._activations.append(replace(activation, activation_count=self._count))

    def clear_activations(self) -> None:
        """Forget them; counting goes on."""
        self._activations.clear()

    def history(self) -> FirmwareActivationHistory:
        """The log, a ring: the 21st activation is in the place of the first."""
        entries = tuple(sorted(self._activations, key=lambda one: (one.activation_count - 1) % HISTORY_ENTRIES))
        return FirmwareActivationHistory(valid_entries=len(entries), entries=entries, version=1)

    def panic(self, panic_id: int, reset_action: int, recovery_action: int) -> None:
        """The drive panicked, and says what it needs."""
        before = self.error_recovery
        earlier = (before.panic_id, *before.previous_panic_ids)[: len(before.previous_panic_ids)]
        self.error_recovery = replace(
            before, panic_id=panic_id, panic_reset_action=reset_action, recovery_action_1=recovery_action,
            panic_count=min(before.panic_count + 1, 0xFF), previous_panic_ids=earlier,
        )  # fmt: skip
