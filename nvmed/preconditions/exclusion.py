"""Who works on an NVM subsystem: one operation at a time, whichever controller or path it came by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nvmed.reasons import Reason, error


class Exclusion:
    """Subsystems that an operation works on. Nobody waits: a second operation is refused, and told of the first."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def holder(self, subsystem: str) -> str | None:
        """Who works on `subsystem` now."""
        return self._holders.get(subsystem)

    @contextmanager
    def hold(self, subsystem: str, holder: str) -> Iterator[None]:
        """Work on `subsystem`; raises SUBSYSTEM_BUSY."""
        if (other := self._holders.get(subsystem)) is not None:
            raise error(
                Reason.SUBSYSTEM_BUSY,
                f"{subsystem} is being worked on by {other}; wait for it",
                subsystem=subsystem,
                holder=other,
            )
        self._holders[subsystem] = holder
        try:
            yield
        finally:
            del self._holders[subsystem]
