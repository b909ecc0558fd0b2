"""Time and chance that a seed decides, for a process that is a simulation and nothing else.

`install` must come before anything of nvmed is imported: some take `time.time` as the default of an argument.
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from datetime import datetime, tzinfo
from typing import Final, Self, SupportsIndex

EPOCH_S: Final = 1_800_000_000.0
"""When a simulation begins: in January 2027."""

BOOT_S: Final = 1_000.0
"""What the monotonic clock says then."""


class Clock:
    """`now_s` is since the simulation began. `debt_s` is what a thread has slept beyond that: the loop pays it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.debt_s = 0.0

    def time(self) -> float:
        """As time.time."""
        return EPOCH_S + self.now_s + self.debt_s

    def time_ns(self) -> int:
        """As time.time_ns, to the microsecond."""
        return round(self.time() * 1e6) * 1000

    def monotonic(self) -> float:
        """As time.monotonic."""
        return BOOT_S + self.now_s + self.debt_s

    def steady(self) -> float:
        """As `monotonic`, but the same for all threads: what a drive goes by, which one thread tells of before another
        does that has slept less.
        """
        return BOOT_S + self.now_s

    def sleep(self, seconds: SupportsIndex | float) -> None:
        """As time.sleep, for what is run as a thread's."""
        self.debt_s += float(seconds)


CLOCK: Final = Clock()
CHANCE: Final = random.Random(0)
"""What nvmed itself draws: identifiers and keys."""


class VirtualDatetime(datetime):
    """`datetime`, for modules that ask it for the time."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(CLOCK.time(), tz)


def install() -> None:
    """Put the clock and the chance in the place of this process's."""
    time.time, time.time_ns, time.monotonic = CLOCK.time, CLOCK.time_ns, CLOCK.monotonic
    time.sleep = CLOCK.sleep
    time.perf_counter = CLOCK.monotonic
    os.urandom = CHANCE.randbytes
    uuid.uuid4 = _uuid4
    secrets.token_bytes = lambda nbytes=None: CHANCE.randbytes(nbytes or 32)
    secrets.token_hex = lambda nbytes=None: CHANCE.randbytes(nbytes or 32).hex()


def begin(seed: int) -> None:
    """Begin a simulation: the same from here on for the same seed."""
    CLOCK.now_s = CLOCK.debt_s = 0.0
    CHANCE.seed(f"nvmed/{seed}")
    random.seed(f"global/{seed}")


def _uuid4() -> uuid.UUID:
    return uuid.UUID(bytes=CHANCE.randbytes(16), version=4)
