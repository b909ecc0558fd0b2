"""The data of OCP's feature C5h, which sets the latency monitor (section 4.12.10): the one layout that all go by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.layout import U8, U16, Structure, array, at

BUCKETS: Final = 4


@unique
class DiscardDebugLog(IntEnum):
    """Byte 11 of the feature: whether the debug log goes, and whether the rest of the feature is set."""

    KEEP = 0
    DISCARD = 1
    DISCARD_ALONE = 2


@dataclass(frozen=True, slots=True)
class LatencyMonitorConfig(Structure):
    """The data of feature C5h: setting it empties all buckets, unless only the debug log is discarded."""

    SIZE = 4096

    timer_threshold: int = at(0, U16)
    thresholds: tuple[int, ...] = at(2, array(U8, BUCKETS))
    latency_modes: int = at(6, U16)
    minimum_window: int = at(8, U8)
    debug_triggers: int = at(9, U16)
    discard: int = at(11, U8)
    enabled: int = at(12, U8)
