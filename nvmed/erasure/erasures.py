"""What the rest of the daemon asks of this room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nvmed.devices.lane import Lane
from nvmed.erasure.certificate import HostFacts, Outcome
from nvmed.erasure.failure_mode import FailureModes
from nvmed.erasure.formats import FormatRecords
from nvmed.erasure.kit import Kit
from nvmed.erasure.records import NAME, Records, Stored
from nvmed.erasure.reverting import KIND as REVERT
from nvmed.erasure.reverting import Reverting
from nvmed.erasure.sanitizing import KIND, Sanitizing
from nvmed.erasure.signing import Signer
from nvmed.erasure_record import PublicKey
from nvmed.operations.manager import Reconcile
from nvmed.preconditions.drives import Drives


class Erasures:
    """Erases drives and keeps the records of it, in `state_dir`. Belongs to one event loop."""

    def __init__(
        self,
        state_dir: Path,
        drives: Drives,
        host: HostFacts = HostFacts(),  # noqa: B008  # frozen
        on_battery: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self.lane = Lane("erasures", threads=1)
        self._signer = Signer(state_dir)
        self._records = Records(state_dir / NAME, self._signer)
        kit = Kit(drives, self._records, self.lane, host, on_battery)
        self.sanitizing = Sanitizing(kit)
        self.reverting = Reverting(kit)
        self.failure_modes = FailureModes(drives)
        self.formats = FormatRecords(kit)

    def close(self) -> None:
        """End the thread."""
        self.lane.close()

    def reconcilers(self) -> Mapping[str, Reconcile]:
        """How each kind is reconciled."""
        return {KIND: self.sanitizing.reconcile, REVERT: self.reverting.reconcile, **self.failure_modes.reconcilers()}

    @property
    def written(self) -> Mapping[Outcome, int]:
        """How many records this daemon has written, by outcome."""
        return {outcome: self._records.written[outcome.value] for outcome in Outcome}

    async def public_key(self) -> PublicKey:
        """The key that records are signed with; raises ERASURE_KEY_DAMAGED, STATE_NOT_WRITABLE."""
        return await self.lane.run(self._signer.public_key)

    async def records(self) -> tuple[Stored, ...]:
        """Every record, in order."""
        return await self.lane.run(self._records.all)

    async def record(self, id: str) -> Stored:  # noqa: A002
        """The record of that id; raises ERASURE_RECORD_NOT_FOUND."""
        return await self.lane.run(lambda: self._records.find(id))
