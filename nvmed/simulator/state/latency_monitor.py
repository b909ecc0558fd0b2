"""OCP's latency monitor of a controller: what it counts as commands take their time (log page C3h, feature C5h)."""

from __future__ import annotations

from collections.abc import Callable

from nvmed.nvme.latency_config import BUCKETS, LatencyMonitorConfig
from nvmed.nvme.latency_monitor import (
    COMMANDS,
    NO_TIMESTAMP,
    THRESHOLD_MS,
    TIMER_MINUTES,
    LatencyBuckets,
    LatencyMonitorLog,
    MonitoredCommand,
    measured_index,
)

DEFAULT = LatencyMonitorConfig(
    timer_threshold=0x7E0, thresholds=(5, 0x13, 0x1E, 0x2E), latency_modes=0xFFF, minimum_window=0xA, enabled=1
)
"""What the specification has drives leave the factory with: a week, and 30, 100, 155 and 235 ms."""

FEATURE_STATUS = 0x6
"""Largest latencies are supported, and latencies are measured."""

COUNTER_MAX = 0xFFFF_FFFF


class _Buckets:
    """Active buckets as they grow."""

    def __init__(self) -> None:
        self.counters = [0] * (BUCKETS * (COMMANDS + 1))
        self.timestamps = [NO_TIMESTAMP] * (BUCKETS * COMMANDS)
        self.latencies = [0] * (BUCKETS * COMMANDS)

    def structure(self) -> LatencyBuckets:
        return LatencyBuckets(tuple(self.counters), tuple(self.timestamps), tuple(self.latencies))


class LatencyMonitor:
    """Counts slow commands. Called with the subsystem's lock held; `clock` gives seconds, `timestamp` a log's."""

    def __init__(self, clock: Callable[[], float], timestamp: Callable[[], int]) -> None:
        self._clock = clock
        self._timestamp = timestamp
        self.config = DEFAULT
        self.configure(DEFAULT)

    def configure(self, config: LatencyMonitorConfig) -> None:
        """Set it: all buckets are empty."""
        self.config = config
        self._active, self._static, self._since = _Buckets(), LatencyBuckets(), self._clock()

    def observe(self, command: MonitoredCommand, latency_ms: float) -> None:
        """A command took so long."""
        self._turn()
        thresholds_ms = [(one + 1) * THRESHOLD_MS for one in self.config.thresholds]
        reached = [number for number, one in enumerate(thresholds_ms) if latency_ms >= one]
        if not self.config.enabled or not reached:
            return
        bucket = reached[-1]
        counter = bucket * (COMMANDS + 1) + 1 + command
        self._active.counters[counter] = min(self._active.counters[counter] + 1, COUNTER_MAX)
        index = measured_index(bucket, command)
        keeps_largest = self.config.latency_modes >> (bucket * COMMANDS + COMMANDS - 1 - command) & 1
        first = self._active.timestamps[index] == NO_TIMESTAMP
        if first or (keeps_largest and latency_ms > self._active.latencies[index]):
            self._active.latencies[index] = min(int(latency_ms), 0xFFFF)
            self._active.timestamps[index] = self._timestamp()

    def log(self, version: int) -> LatencyMonitorLog:
        """The log as it is now."""
        self._turn()
        config = self.config
        return LatencyMonitorLog(
            status=FEATURE_STATUS | config.enabled & 1, timer=self._timer, timer_threshold=config.timer_threshold,
            thresholds=config.thresholds, latency_modes=config.latency_modes, minimum_window=config.minimum_window,
            active=self._active.structure(), static=self._static, debug_triggers=config.debug_triggers,
            version=version,
        )  # fmt: skip

    @property
    def _timer(self) -> int:
        return min(int((self._clock() - self._since) / 60 / TIMER_MINUTES), 0xFFFF)

    def _turn(self) -> None:
        """Make the active buckets the static ones once their time is over."""
        threshold = self.config.timer_threshold
        if threshold and self._timer >= threshold:
            self._static, self._active, self._since = self._active.structure(), _Buckets(), self._clock()
