"""SMART data that several want from time to time, read once for all of them: each read costs the drive a command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from nvmed.nvme.health import SmartLog

AGE_MAX: Final = 1.5
"""How old data may be that others have read, in intervals of who asks: those of the round before leave this round's
command to another question.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """SMART data, and when they were read: in seconds since the epoch, and by the monotonic clock."""

    log: SmartLog
    read_at: float
    read_at_monotonic: float


@dataclass(slots=True)
class SharedSmart:
    """The last reading of a controller; `monotonic` tells its age, in seconds. Belongs to one event loop."""

    monotonic: Callable[[], float] = time.monotonic
    _last: Reading | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def within(
        self, age_max_s: float, read: Callable[[], Awaitable[SmartLog]], clock: Callable[[], float] = time.time
    ) -> Reading:
        """The last reading if it is younger than `age_max_s`, else a new one; 0 for a new one in any case.

        Who asks while another one reads waits for that. Raises what `read` raises.
        """
        async with self._one_at_a_time:
            last = self._last
            if last is None or self.monotonic() - last.read_at_monotonic >= age_max_s:
                last = self._last = None
                log = await read()
                last = self._last = Reading(log, clock(), self.monotonic())
            return last
