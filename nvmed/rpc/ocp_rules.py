"""The rules about fields of requests for OCP's log pages: part of `nvmed.rpc.rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nvmed.nvme import latency_monitor
from nvmed.rpc.field_rules import MUTATION, NAME, Rule, anything, number

_PAGE: Final[Mapping[str, Rule]] = {"controller": NAME, "uuid_index": number(0, 0x7F)}
_LOG: Final[Mapping[str, Rule]] = {**_PAGE, "include_raw": anything()}
_THRESHOLD: Final = number(
    latency_monitor.THRESHOLD_MS, latency_monitor.THRESHOLD_MS_MAX, multiple_of=latency_monitor.THRESHOLD_MS
)
_COUNTER_BITS: Final = number(0, 0xFFF)

OCP: Final[Mapping[str, Mapping[str, Rule]]] = {
    "GetOcpSmartLogRequest": _LOG,
    "GetOcpErrorRecoveryLogRequest": _LOG,
    "GetOcpFirmwareActivationHistoryRequest": _LOG,
    "GetLatencyMonitorLogRequest": _LOG,
    "GetOcpDeviceCapabilitiesRequest": _LOG,
    "GetOcpUnsupportedRequirementsRequest": _LOG,
    "GetOcpHardwareComponentsRequest": _LOG,
    "GetOcpTcgConfigurationLogRequest": _LOG,
    "GetOcpTelemetryStringsRequest": _PAGE,
    "ClearOcpFirmwareActivationHistoryRequest": {**_PAGE, **MUTATION},
    "ConfigureLatencyMonitorRequest": {
        **_PAGE,
        "enabled": anything(),
        "timer_threshold_minutes": number(
            0, 0xFFFF * latency_monitor.TIMER_MINUTES, multiple_of=latency_monitor.TIMER_MINUTES
        ),
        **{f"threshold_{letter}_ms": _THRESHOLD for letter in "abcd"},
        "latency_mode_bits": _COUNTER_BITS,
        "minimum_window_ms": number(0, 0xFF * latency_monitor.WINDOW_MS, multiple_of=latency_monitor.WINDOW_MS),
        "debug_trigger_bits": _COUNTER_BITS,
        "discard_debug_log": anything(),
        "save": anything(),
        **MUTATION,
    },
}
