"""nvmed.v1.LogService, the part about OCP's log pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from nvmed.devices import logs_ocp
from nvmed.devices.controller import Device
from nvmed.devices.logs_ocp import LatencyMonitorChange
from nvmed.nvme import latency_monitor
from nvmed.nvme.latency_config import LatencyMonitorConfig
from nvmed.nvme.latency_monitor import LatencyMonitorLog
from nvmed.nvme.ocp import (
    DeviceCapabilities,
    ErrorRecoveryLog,
    FirmwareActivationHistory,
    TcgConfigurationLog,
    UnsupportedRequirements,
)
from nvmed.operations.manager import Manager
from nvmed.operations.running import Result, Running
from nvmed.rpc.convert import ocp_logs as convert
from nvmed.rpc.convert.operations import response
from nvmed.rpc.mutation import mutation
from nvmed.v1 import log_pb2, ocp_pb2

THRESHOLDS: Final = tuple(f"threshold_{letter}_ms" for letter in "abcd")


class OcpLogMethods:
    """A part of LogService, which has the inventory that `_find` looks at."""

    _operations: Manager
    _find: Callable[[Any], Any]

    async def GetOcpSmartLog(self, request: log_pb2.GetOcpSmartLogRequest, context: Any) -> log_pb2.OcpSmartLog:
        device = await self._find(request)
        read = await logs_ocp.read_health(device, _index(request))
        return convert.smart(device, read, include_raw=request.include_raw)

    async def GetOcpErrorRecoveryLog(
        self, request: ocp_pb2.GetOcpErrorRecoveryLogRequest, context: Any
    ) -> ocp_pb2.OcpErrorRecoveryLog:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, ErrorRecoveryLog, _index(request))
        return convert.error_recovery(device, read, include_raw=request.include_raw)

    async def GetOcpFirmwareActivationHistory(
        self, request: ocp_pb2.GetOcpFirmwareActivationHistoryRequest, context: Any
    ) -> ocp_pb2.OcpFirmwareActivationHistory:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, FirmwareActivationHistory, _index(request))
        return convert.firmware_history(device, read, include_raw=request.include_raw)

    async def ClearOcpFirmwareActivationHistory(
        self, request: ocp_pb2.ClearOcpFirmwareActivationHistoryRequest, context: Any
    ) -> ocp_pb2.ClearOcpFirmwareActivationHistoryResponse:
        device: Device = await self._find(request)
        wanted = mutation(request, device.resource_name)

        async def run(running: Running) -> Result:
            async def change(step: str, clear: Callable[[], Any]) -> None:
                async with running.step(step):
                    await clear()

            return await clear_with(change)

        async def clear_with(change: Any) -> Result:
            cleared = await logs_ocp.clear_firmware_history(device, _index(request), change)
            return {"controller": device.resource_name, "cleared_activations": cleared}

        result = await clear_with(None) if request.validate_only else await self._operations.perform(wanted, run)
        return cast("ocp_pb2.ClearOcpFirmwareActivationHistoryResponse", response(wanted.kind, result))

    async def GetLatencyMonitorLog(
        self, request: ocp_pb2.GetLatencyMonitorLogRequest, context: Any
    ) -> ocp_pb2.LatencyMonitorLog:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, LatencyMonitorLog, _index(request))
        return convert.latency(device, read, include_raw=request.include_raw)

    async def ConfigureLatencyMonitor(
        self, request: ocp_pb2.ConfigureLatencyMonitorRequest, context: Any
    ) -> ocp_pb2.ConfigureLatencyMonitorResponse:
        device: Device = await self._find(request)
        change, wanted = latency_change(request), mutation(request, device.resource_name)

        async def run(running: Running) -> Result:
            async def journal(
                before: LatencyMonitorConfig, after: LatencyMonitorConfig, configure: Callable[[], Any]
            ) -> None:
                async with running.step("configure", before=_shown(before), after=_shown(after)):
                    await configure()

            return await configure_with(journal)

        async def configure_with(journal: Any) -> Result:
            await logs_ocp.configure_latency_monitor(device, _index(request), change, journal)
            return {"controller": device.resource_name, "buckets_reset": not change.sets_nothing}

        result = await configure_with(None) if request.validate_only else await self._operations.perform(wanted, run)
        return cast("ocp_pb2.ConfigureLatencyMonitorResponse", response(wanted.kind, result))

    async def GetOcpDeviceCapabilities(
        self, request: ocp_pb2.GetOcpDeviceCapabilitiesRequest, context: Any
    ) -> ocp_pb2.OcpDeviceCapabilities:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, DeviceCapabilities, _index(request))
        return convert.capabilities(device, read, include_raw=request.include_raw)

    async def GetOcpUnsupportedRequirements(
        self, request: ocp_pb2.GetOcpUnsupportedRequirementsRequest, context: Any
    ) -> ocp_pb2.OcpUnsupportedRequirements:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, UnsupportedRequirements, _index(request))
        return convert.requirements(device, read, include_raw=request.include_raw)

    async def GetOcpHardwareComponents(
        self, request: ocp_pb2.GetOcpHardwareComponentsRequest, context: Any
    ) -> ocp_pb2.OcpHardwareComponents:
        device = await self._find(request)
        read = await logs_ocp.read_components(device, _index(request))
        return convert.components(device, read, include_raw=request.include_raw)

    async def GetOcpTcgConfigurationLog(
        self, request: ocp_pb2.GetOcpTcgConfigurationLogRequest, context: Any
    ) -> ocp_pb2.OcpTcgConfigurationLog:
        device = await self._find(request)
        read = await logs_ocp.read_ocp(device, TcgConfigurationLog, _index(request))
        return convert.tcg(device, read, include_raw=request.include_raw)

    async def GetOcpTelemetryStrings(
        self, request: ocp_pb2.GetOcpTelemetryStringsRequest, context: Any
    ) -> ocp_pb2.OcpTelemetryStrings:
        device = await self._find(request)
        return convert.strings(device, await logs_ocp.read_strings(device, _index(request)))


def _index(request: Any) -> int | None:
    return request.uuid_index if request.HasField("uuid_index") else None


def latency_change(request: ocp_pb2.ConfigureLatencyMonitorRequest) -> LatencyMonitorChange:
    """What a request changes, in the feature's own units: the rules have seen to it that they divide."""
    thresholds = (_given(request, name) for name in THRESHOLDS)
    timer, window = _given(request, "timer_threshold_minutes"), _given(request, "minimum_window_ms")
    enabled = _given(request, "enabled")
    return LatencyMonitorChange(
        enabled=None if enabled is None else int(enabled),
        timer_threshold=None if timer is None else timer // latency_monitor.TIMER_MINUTES,
        thresholds=tuple(None if ms is None else ms // latency_monitor.THRESHOLD_MS - 1 for ms in thresholds),
        latency_modes=_given(request, "latency_mode_bits"),
        minimum_window=None if window is None else window // latency_monitor.WINDOW_MS,
        debug_triggers=_given(request, "debug_trigger_bits"),
        discard_debug_log=request.discard_debug_log,
        save=request.save or not request.HasField("save"),
    )


def _given(request: Any, name: str) -> int | None:
    return getattr(request, name) if request.HasField(name) else None


def _shown(config: LatencyMonitorConfig) -> Mapping[str, Any]:
    """A setting as the journal keeps it: in the feature's units."""
    return {
        "enabled": config.enabled,
        "timer_threshold": config.timer_threshold,
        "thresholds": [*config.thresholds],
        "latency_modes": config.latency_modes,
        "minimum_window": config.minimum_window,
        "debug_triggers": config.debug_triggers,
        "discard_debug_log": config.discard,
    }
