"""Features of the OCP Datacenter NVMe SSD Specification 2.5 (2.0 has C1h to C7h too), for `FEATURES`.

Vendor identifiers, so they are asked of a controller that lists OCP's UUID and with its index. Error injection (C0h)
is not among them: it breaks drives on purpose, and is for a laboratory's own tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nvmed.nvme.feature_fields import FeatureRow, Field, Scope, Values
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.latency_config import DiscardDebugLog, LatencyMonitorConfig
from nvmed.nvme.layout import table

CLEAR_FIRMWARE_HISTORY: Final = 0xC1
EOL_PLP_FAILURE_MODE: Final = 0xC2
CLEAR_PCIE_ERROR_COUNTERS: Final = 0xC3
ENABLE_IEEE1667: Final = 0xC4
LATENCY_MONITOR: Final = 0xC5
PLP_HEALTH_CHECK_INTERVAL: Final = 0xC6
DSSD_POWER_STATE: Final = 0xC7
TELEMETRY_PROFILE: Final = 0xC8
DSSD_ASYNC_EVENTS: Final = 0xC9

MODES: Final = {1: "read only", 2: "write through", 3: "normal"}


def _mode(identity: IdentifyController, values: Values) -> str:
    return "" if values["mode"] in MODES else f"mode: is {values['mode']}; it must be 1, 2 or 3"


def _mode_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    if after["mode"] == before.get("mode") or after["mode"] == 3:
        return ""
    return f"a worn-out drive, or one whose power loss protection fails, goes on as {MODES[after['mode']]} from then on"


def _silo_hazard(identity: IdentifyController, before: Values, after: Values) -> str:
    if after["enabled"] == before.get("enabled"):
        return ""
    return "the drive's security protocols change, and with them who can lock and unlock it"


_OFF_ON: Final = {0: "disabled", 1: "enabled"}

_MONITOR: Final[Mapping[str, Sequence[tuple[str, str, Mapping[int, str]]]]] = {
    "timer_threshold": [("active_bucket_timer_threshold_5min", "in units of 5 minutes", {})],
    "thresholds": [(f"active_threshold_{letter}_5ms", "in units of 5 ms, less one", {}) for letter in "abcd"],
    "latency_modes": [("active_latency_configuration", "which buckets record", {})],
    "minimum_window": [("active_latency_minimum_window_100ms", "", {})],
    "debug_triggers": [("debug_log_trigger_enable", "which buckets trigger the debug log", {})],
    "discard": [("discard_debug_log", "", {one.value: one.name.lower().replace("_", " ") for one in DiscardDebugLog})],
    "enabled": [("enabled", "", _OFF_ON)],
}
"""Names, titles and values' names of each field of `LatencyMonitorConfig`, of an array's every item."""


def _monitor_fields() -> Iterator[Field]:
    for name, offset, codec in table(LatencyMonitorConfig):
        parts = _MONITOR[name]
        width = codec.size * 8 // len(parts)
        for low, (called, title, values) in zip(
            range(offset * 8, (offset + codec.size) * 8, width), parts, strict=True
        ):
            yield Field(called, low + width - 1, low, title, values, of_data=True)


OCP_FEATURES: Final = (
    FeatureRow(
        CLEAR_FIRMWARE_HISTORY, "ocp-clear-firmware-history", "Empty the firmware activation history (log C2h)",
        "OCP 2.5", (Field("clear", 31, 31, "1 to do it", {1: "clear"}),), is_action=True, is_ocp=True,
    ),
    FeatureRow(
        EOL_PLP_FAILURE_MODE, "ocp-eol-plp-failure-mode", "What a drive does at its end of life, or without PLP",
        "OCP 2.5", (Field("mode", 1, 0, "", MODES, set_low=30),), is_ocp=True, wrong=_mode,
        hazard=_mode_hazard,
    ),
    FeatureRow(
        CLEAR_PCIE_ERROR_COUNTERS, "ocp-clear-pcie-error-counters", "Set the PCIe correctable error counters to zero",
        "OCP 2.5", (Field("clear", 31, 31, "1 to do it", {1: "clear"}),), is_action=True, is_ocp=True,
    ),
    FeatureRow(
        ENABLE_IEEE1667, "ocp-ieee1667-silo", "The IEEE 1667 silo", "OCP 2.5",
        (Field("enabled", 0, 0, "", _OFF_ON, set_low=31),), is_ocp=True, hazard=_silo_hazard,
    ),
    FeatureRow(
        LATENCY_MONITOR, "ocp-latency-monitor", "The latency monitor (log C3h)", "OCP 2.5",
        tuple(_monitor_fields()),
        data_bytes=LatencyMonitorConfig.SIZE, is_ocp=True,
        owner="ConfigureLatencyMonitor sets it, whose fields belong together",
    ),
    FeatureRow(
        PLP_HEALTH_CHECK_INTERVAL, "ocp-plp-health-check-interval", "How often power loss protection is checked",
        "OCP 2.5", (Field("minutes", 15, 0, "0 for never", set_low=16),), is_ocp=True,
    ),
    FeatureRow(
        DSSD_POWER_STATE, "ocp-dssd-power-state", "Power that the drive may take", "OCP 2.5",
        (Field("watts", 6, 0, "one of the drive's DSSD power states (log C4h)"),), is_ocp=True,
    ),
    FeatureRow(
        TELEMETRY_PROFILE, "ocp-telemetry-profile", "Which telemetry profile is collected", "OCP 2.5",
        (Field("profile", 7, 0, "0 is the default"),), is_ocp=True,
    ),
    FeatureRow(
        DSSD_ASYNC_EVENTS, "ocp-async-event-configuration", "OCP's own asynchronous events", "OCP 2.5",
        (Field("panic_notices", 0, 0, "a drive that panicked says so", _OFF_ON),),
        scope=Scope.CONTROLLER, is_ocp=True,
    ),
)  # fmt: skip
