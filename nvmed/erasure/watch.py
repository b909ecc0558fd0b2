"""Watching a drive sanitize itself: by its log, at most one command in ten seconds, through resets and absences."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from nvmed.devices.inventory import Inventory
from nvmed.erasure.evidence import read_log
from nvmed.errors import DataLoss, NotFound, NvmedError, Unavailable
from nvmed.nvme.health import SanitizeStatus
from nvmed.nvme.sanitize import is_running, is_verifying
from nvmed.operations.running import Running
from nvmed.reasons import Reason, error

POLL_S: Final = 10.0
GONE_S: Final = 900.0
"""How long a drive may be away: through resets, and a host that loses and finds it again."""

STALL_S_MIN: Final = 3600.0
STALL_ESTIMATES: Final = 3
"""A drive that shows no progress may take this many times what it said it takes in all, and an hour in any case."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A status log: its bytes and what they say."""

    raw: bytes
    status: SanitizeStatus


class Watch:
    """Waits for the end of a sanitize; asks through whatever node the controller has by then."""

    def __init__(self, inventory: Inventory, controller: str, version: int) -> None:
        self._inventory = inventory
        self._controller = controller
        self._version = version
        self.last: Seen | None = None
        """What was seen last."""

    @property
    def raw(self) -> str:
        """The bytes of that, in hexadecimal digits; "" for nothing."""
        return self.last.raw.hex() if self.last else ""

    async def look(self) -> Seen:
        """The log as it is now: one command."""
        device = (await self._inventory.find(self._controller)).device
        async with device.open() as session:
            raw = await read_log(session)
        self.last = Seen(raw, SanitizeStatus.parse(raw, self._version))
        return self.last

    async def until_over(self, running: Running, estimate_s: int | None, stall_s: float) -> Seen:
        """The log once the drive has ended, or shows its media.

        Raises ERASURE_STALLED, ERASURE_UNCONFIRMED, and what `running.checkpoint` raises.
        """
        clock = asyncio.get_running_loop().time
        patience = stall_s or max(STALL_S_MIN, STALL_ESTIMATES * (estimate_s or 0))
        progress, moved_at, heard_at = -1, clock(), clock()
        while True:
            try:
                seen = await self.look()
            except NvmedError as exc:
                if not passes(exc) or clock() - heard_at > GONE_S:
                    raise self._gone(exc) from exc
            else:
                heard_at = clock()
                if not is_running(seen.status) or is_verifying(seen.status):
                    return seen
                if seen.status.sprog != progress:
                    progress, moved_at = seen.status.sprog, clock()
                if clock() - moved_at > patience:
                    raise error(
                        Reason.ERASURE_STALLED,
                        f"the drive stands at {seen.status.fraction_complete:.0%} for more than {patience:.0f} s",
                        controller=self._controller,
                    )
                _tell(running, seen.status, estimate_s)
            await running.until_stopped(asyncio.sleep(POLL_S))

    def _gone(self, exc: NvmedError) -> NvmedError:
        return error(
            Reason.ERASURE_UNCONFIRMED,
            f"{self._controller} was not seen to end: {exc.message}",
            controller=self._controller,
            nvme=exc.nvme,
            os=exc.os,
        )


def passes(exc: NvmedError) -> bool:
    """Whether a drive may be heard again after it."""
    return isinstance(exc, Unavailable | NotFound | DataLoss) or exc.reason == "DEVICE_IDENTITY_CHANGED"


def _tell(running: Running, status: SanitizeStatus, estimate_s: int | None) -> None:
    done = status.fraction_complete
    running.estimate(done * 100, None if estimate_s is None else estimate_s * (1 - done))
