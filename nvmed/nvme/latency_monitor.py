"""OCP's latency monitor: what it counted, log page C3h, and how it is set, feature C5h (sections 4.8.9 and 4.12.10).

Commands are counted by how long they took, in four buckets: from threshold A on, from B, from C, from D. The active
buckets count now; when their timer reaches its threshold they become the static ones, and begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.feature_table_ocp import LATENCY_MONITOR
from nvmed.nvme.features import set_features
from nvmed.nvme.latency_config import BUCKETS, LatencyMonitorConfig
from nvmed.nvme.layout import U8, U16, U32, U64, Structure, array, at, bit, raw, record
from nvmed.nvme.ocp import GUID_BYTES, GUIDS
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command

TIMER_MINUTES: Final = 5
THRESHOLD_MS: Final = 5
WINDOW_MS: Final = 100
"""Units of the timer, of the thresholds (which are one less than their number of units), and of the minimum window."""

THRESHOLD_MS_MAX: Final = 256 * THRESHOLD_MS
NO_TIMESTAMP: Final = (1 << 64) - 1


@unique
class MonitoredCommand(IntEnum):
    """What is counted, in the order of the log's bytes."""

    DEALLOCATE = 0
    WRITE = 1
    READ = 2


COMMANDS: Final = len(MonitoredCommand)


@dataclass(frozen=True, slots=True)
class LatencyBuckets(Structure):
    """The four buckets, active or static. Counters of bucket 0 are first, timestamps and latencies of it last."""

    SIZE = 186

    counters: tuple[int, ...] = at(0, array(U32, BUCKETS * (COMMANDS + 1)))
    timestamps: tuple[int, ...] = at(64, array(U64, BUCKETS * COMMANDS), (NO_TIMESTAMP,) * (BUCKETS * COMMANDS))
    latencies_ms: tuple[int, ...] = at(160, array(U16, BUCKETS * COMMANDS))
    timestamp_units: int = at(184, U16)

    def count(self, bucket: int, command: MonitoredCommand) -> int:
        """Commands that fell into a bucket."""
        return self.counters[bucket * (COMMANDS + 1) + 1 + command]

    def measured(self, bucket: int, command: MonitoredCommand) -> tuple[int, int] | None:
        """(latency in ms, when: as the Timestamp feature has it) of the one that was measured; None for none."""
        index = measured_index(bucket, command)
        stamp = self.timestamps[index]
        return None if stamp == NO_TIMESTAMP else (self.latencies_ms[index], stamp)


def measured_index(bucket: int, command: MonitoredCommand) -> int:
    """Where a bucket's timestamp and latency of a command lie."""
    return (BUCKETS - 1 - bucket) * COMMANDS + command


@dataclass(frozen=True, slots=True)
class LatencyMonitorLog(Structure):
    """Latency Monitor, C3h. `thresholds` and `minimum_window` are in their units; `timer` in five minutes."""

    SIZE = 512

    status: int = at(0, U8)
    timer: int = at(2, U16)
    timer_threshold: int = at(4, U16)
    thresholds: tuple[int, ...] = at(6, array(U8, BUCKETS))
    latency_modes: int = at(10, U16)
    minimum_window: int = at(12, U8)
    active: LatencyBuckets = at(0x20, record(LatencyBuckets))  # noqa: RUF009  # a field, as all are
    static: LatencyBuckets = at(0xF0, record(LatencyBuckets))  # noqa: RUF009  # a field, as all are
    debug_log_size_dwords: bytes = at(0x1B4, raw(12))
    debug_triggers: int = at(0x1C0, U16)
    debug_latency_ms: int = at(0x1C2, U16)
    debug_timestamp: int = at(0x1C4, U64, NO_TIMESTAMP)
    debug_pointer: int = at(0x1CC, U16)
    debug_source: int = at(0x1CE, U16)
    debug_timestamp_units: int = at(0x1D0, U8)
    version: int = at(0x1EE, U16)
    guid: bytes = at(0x1F0, raw(GUID_BYTES), GUIDS[LogPage.OCP_LATENCY_MONITOR])

    @property
    def is_enabled(self) -> bool:
        """Whether it counts; the rest of the log means nothing if not."""
        return bit(self.status, 0)

    @property
    def supports_largest(self) -> bool:
        """Whether a counter may be told to keep its largest latency instead of its first."""
        return bit(self.status, 1)

    @property
    def measures(self) -> bool:
        """Whether latencies are measured, and not only counted."""
        return bit(self.status, 2)

    @property
    def thresholds_ms(self) -> tuple[int, ...]:
        """From where on commands are counted in each bucket."""
        return tuple((value + 1) * THRESHOLD_MS for value in self.thresholds)


def config_of(log: LatencyMonitorLog) -> LatencyMonitorConfig:
    """What set the monitor as `log` shows it."""
    return LatencyMonitorConfig(
        timer_threshold=log.timer_threshold,
        thresholds=log.thresholds,
        latency_modes=log.latency_modes,
        minimum_window=log.minimum_window,
        debug_triggers=log.debug_triggers,
        enabled=int(log.is_enabled),
    )


def set_latency_monitor(uuid_index: int, *, save: bool) -> Command:
    """Write `LatencyMonitorConfig`."""
    return set_features(LATENCY_MONITOR, save=save, uuid_index=uuid_index)
