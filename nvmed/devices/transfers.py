"""How much a controller takes in one command, learnt as it goes, for its logs and its firmware."""

from __future__ import annotations

import threading
from typing import Final

TRANSFER_MIN_BYTES: Final = 4096
"""Every controller takes a page of firmware; only logs are read in less, where it must be."""

TRANSFER_MAX_BYTES: Final = (1 << 32) - TRANSFER_MIN_BYTES
"""What the 32 bits of a command's length hold, in whole pages, whatever MDTS says."""

LEAST_BYTES: Final = 512
"""No controller takes less than a block of telemetry only."""


def smaller(refused_bytes: int) -> int:
    """The size to try after `refused_bytes` was refused: half, in whole pages while it is one at least."""
    half = refused_bytes // 2
    unit = TRANSFER_MIN_BYTES if half >= TRANSFER_MIN_BYTES else LEAST_BYTES
    return max(LEAST_BYTES, half // unit * unit)


class TransferLimit:
    """The largest transfer of one command to a controller, and the smallest (0: any).

    MDTS and the queue's limit say where to begin. Shared by the threads of a lane.
    """

    def __init__(self, bytes_: int) -> None:
        self._lock = threading.Lock()
        self._bytes = bytes_
        self._least = 0

    @property
    def bytes(self) -> int:
        return self._bytes

    @property
    def least(self) -> int:
        return self._least

    @property
    def firmware_bytes(self) -> int:
        """The same of a firmware image, whose portions are pages."""
        return max(self._bytes, TRANSFER_MIN_BYTES)

    def learn(self, accepted_bytes: int) -> None:
        """Remember that this much was accepted where more was refused."""
        with self._lock:
            self._bytes = min(self._bytes, accepted_bytes)

    def learn_least(self, accepted_bytes: int) -> None:
        """Remember that this much was accepted where less was refused."""
        with self._lock:
            self._least = max(self._least, accepted_bytes)
