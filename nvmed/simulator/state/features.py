"""The features of a controller: which there are, and the values they have."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nvmed.nvme import feature_table_ocp as ocp
from nvmed.nvme.features import HostBehavior
from nvmed.nvme.latency_config import LatencyMonitorConfig
from nvmed.nvme.opcodes import FeatureId, FeatureSelect
from nvmed.simulator.spec import DriveSpec

MAXIMUM_QUEUES = 64
OVER_THRESHOLD_KELVIN = 343
UNDER_THRESHOLD = 1 << 20
"""THSEL of the temperature threshold: the value below which the drive is too cold."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature: what it starts with, and what may be done to it.

    `data_bytes` is the size of its data structure, `selector_mask` the bits of CDW11 that choose one of its values,
    `shift` how far a value lies higher in CDW11 than in what Get Features answers. `is_action` does something when it
    is set, and has no value. `is_ocp` is one of the OCP Datacenter NVMe SSD Specification.
    """

    default: int = 0
    data_bytes: int = 0
    saveable: bool = False
    changeable: bool = True
    per_namespace: bool = False
    selector_mask: int = 0
    value_mask: int = 0xFFFF_FFFF
    shift: int = 0
    is_action: bool = False
    is_ocp: bool = False

    @property
    def capabilities(self) -> int:
        """Dword 0 of Get Features with SEL 3."""
        return self.saveable | self.per_namespace << 1 | self.changeable << 2


FEATURES: dict[int, Feature] = {
    FeatureId.ARBITRATION: Feature(saveable=True),
    FeatureId.POWER_MANAGEMENT: Feature(value_mask=0xFF),
    FeatureId.TEMPERATURE_THRESHOLD: Feature(
        OVER_THRESHOLD_KELVIN, saveable=True, selector_mask=0x3F_0000, value_mask=0xFFFF
    ),
    FeatureId.ERROR_RECOVERY: Feature(per_namespace=True, saveable=True),
    FeatureId.VOLATILE_WRITE_CACHE: Feature(1, saveable=True, value_mask=1),
    FeatureId.NUMBER_OF_QUEUES: Feature((MAXIMUM_QUEUES - 1) << 16 | MAXIMUM_QUEUES - 1),
    FeatureId.INTERRUPT_COALESCING: Feature(value_mask=0xFFFF),
    FeatureId.WRITE_ATOMICITY_NORMAL: Feature(changeable=False),
    FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION: Feature(),
    FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION: Feature(saveable=True, data_bytes=256, value_mask=1),
    FeatureId.TIMESTAMP: Feature(data_bytes=8),
    FeatureId.KEEP_ALIVE_TIMER: Feature(),
    FeatureId.HOST_CONTROLLED_THERMAL_MANAGEMENT: Feature(saveable=True),
    FeatureId.NON_OPERATIONAL_POWER_STATE_CONFIG: Feature(value_mask=1),
    FeatureId.LBA_STATUS_INFORMATION_REPORT_INTERVAL: Feature(0x0001_0001, saveable=True),
    FeatureId.HOST_BEHAVIOR_SUPPORT: Feature(data_bytes=HostBehavior.SIZE),
    FeatureId.SANITIZE_CONFIG: Feature(saveable=True, value_mask=1),
    FeatureId.SOFTWARE_PROGRESS_MARKER: Feature(saveable=True, value_mask=0xFF),
    FeatureId.HOST_IDENTIFIER: Feature(data_bytes=16),
    FeatureId.NAMESPACE_WRITE_PROTECTION_CONFIG: Feature(per_namespace=True, value_mask=7),
    ocp.CLEAR_FIRMWARE_HISTORY: Feature(is_action=True, is_ocp=True),
    ocp.EOL_PLP_FAILURE_MODE: Feature(3, saveable=True, value_mask=3, shift=30, is_ocp=True),
    ocp.CLEAR_PCIE_ERROR_COUNTERS: Feature(is_action=True, is_ocp=True),
    ocp.ENABLE_IEEE1667: Feature(saveable=True, value_mask=1, shift=31, is_ocp=True),
    ocp.PLP_HEALTH_CHECK_INTERVAL: Feature(15, saveable=True, value_mask=0xFFFF, shift=16, is_ocp=True),
    ocp.DSSD_POWER_STATE: Feature(25, saveable=True, value_mask=0x7F, is_ocp=True),
    ocp.TELEMETRY_PROFILE: Feature(saveable=True, value_mask=0xFF, is_ocp=True),
    ocp.DSSD_ASYNC_EVENTS: Feature(saveable=True, value_mask=1, is_ocp=True),
    ocp.LATENCY_MONITOR: Feature(data_bytes=LatencyMonitorConfig.SIZE, saveable=True, is_ocp=True),
}


def features_of(spec: DriveSpec) -> dict[int, Feature]:
    """The features that a drive has, as it has them."""
    its = spec.features
    absent = set(its.absent)
    if not spec.autonomous_power_states:
        absent.add(FeatureId.AUTONOMOUS_POWER_STATE_TRANSITION)
    return {
        fid: replace(
            one,
            saveable=one.saveable and fid not in its.not_saveable,
            changeable=one.changeable and fid not in its.not_changeable,
        )
        for fid, one in FEATURES.items()
        if fid not in absent and ((its.ocp and spec.ocp is not None) or not one.is_ocp)
    }


Key = tuple[int, int, int]
"""Feature identifier, namespace (0 for the controller), selector."""

Value = tuple[int, bytes]
"""Dword and data structure."""


class Features:
    """The current and saved values of one controller's features. Called with the subsystem's lock held.

    `etdas` is whether the host said that it knows telemetry data area 4.
    """

    def __init__(self, spec: DriveSpec) -> None:
        self.known = features_of(spec)
        """The features there are."""
        self._saved: dict[Key, Value] = {}
        self._current: dict[Key, Value] = {}
        self.etdas = False

    def reset(self) -> None:
        """A controller level reset: saved values come back, the rest are default."""
        self._current = dict(self._saved)
        self.etdas = False

    def value(self, feature_id: int, nsid: int = 0, selector: int = 0) -> int:
        """The dword of a feature."""
        return self._current.get((feature_id, nsid, selector), default_value(feature_id, selector))[0]

    def select(self, select: int, key: Key) -> Value:
        """What Get Features with SEL 0, 1 or 2 gives."""
        values = {FeatureSelect.CURRENT: self._current, FeatureSelect.SAVED: self._saved}.get(FeatureSelect(select), {})
        return values.get(key, default_value(key[0], key[2]))

    def store(self, key: Key, value: Value, *, save: bool) -> None:
        """Give a feature another value."""
        self._current[key] = value
        if key[0] == FeatureId.HOST_BEHAVIOR_SUPPORT:
            self.etdas = bool(HostBehavior.parse(value[1]).etdas)
        if save:
            self._saved[key] = value

    def save(self) -> dict[str, Any]:
        """Current and saved values as JSON has them: a daemon that dies resets no drive."""
        both = {"current": self._current, "saved": self._saved}
        return {
            which: [[*key, dword, data.hex()] for key, (dword, data) in values.items()]
            for which, values in both.items()
        } | {"etdas": self.etdas}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Be as `save` says."""
        self._current, self._saved = (
            {(fid, nsid, selector): (dword, bytes.fromhex(data)) for fid, nsid, selector, dword, data in saved[which]}
            for which in ("current", "saved")
        )
        self.etdas = saved["etdas"]


def default_value(feature_id: int, selector: int = 0) -> Value:
    """What a feature has before anybody sets it."""
    feature = FEATURES[feature_id]
    return (0 if selector & UNDER_THRESHOLD else feature.default), bytes(feature.data_bytes)


class Timestamp:
    """Feature 0Eh: milliseconds since 1970 that the host set, and go on counting; before, since power on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._origin_ms = 0
        self._set_at = clock()
        self._by_host = False

    def set(self, milliseconds: int) -> None:
        """The host says what time it is."""
        self._origin_ms, self._set_at, self._by_host = milliseconds, self._clock(), True

    @property
    def milliseconds(self) -> int:
        return self._origin_ms + int((self._clock() - self._set_at) * 1000)

    @property
    def value(self) -> int:
        """As the feature and logs have it: 48 bits of milliseconds, attributes (origin: set by the host), reserved."""
        return self.milliseconds & (1 << 48) - 1 | (0x02 if self._by_host else 0) << 48

    def data(self) -> bytes:
        """The feature's data structure."""
        return struct.pack("<Q", self.value)
