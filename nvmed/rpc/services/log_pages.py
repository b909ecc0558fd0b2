"""nvmed.v1.LogService, the part about endurance, capacity, power, effects and partitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from nvmed.devices import logs_more
from nvmed.devices.controller import Device
from nvmed.devices.telemetry import Journalled
from nvmed.nvme.endurance import EnduranceGroupLog, PredictableLatencyLog, RotationalMediaLog
from nvmed.nvme.opcodes import LogPage
from nvmed.rpc.convert import log_pages as convert
from nvmed.v1 import log_pages_pb2 as pb

AGGREGATES: Final = {
    pb.EventAggregateLog.SUBJECT_ENDURANCE_GROUPS: LogPage.ENDURANCE_GROUP_EVENT_AGGREGATE,
    pb.EventAggregateLog.SUBJECT_NVM_SETS: LogPage.PREDICTABLE_LATENCY_EVENT_AGGREGATE,
}


class LogPageMethods:
    """A part of LogService, which has the inventory that `_find` looks at, and the operations that clear events."""

    _find: Callable[[Any], Any]
    _clearing: Callable[[Any, Device], Journalled | None]

    async def GetEnduranceGroupLog(self, request: pb.GetEnduranceGroupLogRequest, context: Any) -> pb.EnduranceGroupLog:
        device, group = await self._find(request), request.endurance_group_id
        read = await logs_more.read_of(device, EnduranceGroupLog, group)
        return convert.endurance_group(device, group, read, include_raw=request.include_raw)

    async def GetEventAggregateLog(self, request: pb.GetEventAggregateLogRequest, context: Any) -> pb.EventAggregateLog:
        device = await self._find(request)
        clear = self._clearing(request, device)
        read = await logs_more.read_aggregate(device, AGGREGATES[request.subject], clear)
        return convert.aggregate(device, request.subject, read, include_raw=request.include_raw)

    async def GetPredictableLatencyLog(
        self, request: pb.GetPredictableLatencyLogRequest, context: Any
    ) -> pb.PredictableLatencyLog:
        device = await self._find(request)
        read = await logs_more.read_of(device, PredictableLatencyLog, request.nvm_set_id)
        return convert.predictable_latency(device, request.nvm_set_id, read, include_raw=request.include_raw)

    async def GetMediaUnitStatusLog(
        self, request: pb.GetMediaUnitStatusLogRequest, context: Any
    ) -> pb.MediaUnitStatusLog:
        device = await self._find(request)
        read = await logs_more.read_media_units(device, request.domain_id)
        return convert.media_units(device, read, include_raw=request.include_raw)

    async def GetCapacityConfigurations(
        self, request: pb.GetCapacityConfigurationsRequest, context: Any
    ) -> pb.CapacityConfigurations:
        device = await self._find(request)
        read = await logs_more.read_capacity_configurations(device, request.domain_id)
        return convert.capacity_configurations(device, read, include_raw=request.include_raw)

    async def GetRotationalMediaLog(
        self, request: pb.GetRotationalMediaLogRequest, context: Any
    ) -> pb.RotationalMediaLog:
        device, group = await self._find(request), request.endurance_group_id
        read = await logs_more.read_of(device, RotationalMediaLog, group)
        return convert.rotational(device, group, read, include_raw=request.include_raw)

    async def GetFeatureEffectsLog(self, request: pb.GetFeatureEffectsLogRequest, context: Any) -> pb.FeatureEffectsLog:
        device = await self._find(request)
        read = await logs_more.read_effects_of(device, LogPage.FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS)
        return convert.feature_effects(device, read, include_raw=request.include_raw)

    async def GetManagementEffectsLog(
        self, request: pb.GetManagementEffectsLogRequest, context: Any
    ) -> pb.ManagementEffectsLog:
        device = await self._find(request)
        read = await logs_more.read_effects_of(device, LogPage.NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS)
        return convert.management_effects(device, read, include_raw=request.include_raw)

    async def GetChangedNamespaces(self, request: pb.GetChangedNamespacesRequest, context: Any) -> pb.ChangedNamespaces:
        device, allocated = await self._find(request), request.allocated
        clear = self._clearing(request, device)
        read = await logs_more.read_changed_namespaces(device, allocated=allocated, clear=clear)
        return convert.changed_namespaces(device, read, allocated=allocated, include_raw=request.include_raw)

    async def GetBootPartition(self, request: pb.GetBootPartitionRequest, context: Any) -> pb.BootPartition:
        device = await self._find(request)
        header = await logs_more.read_boot_partition(device, request.partition_id)
        return convert.boot_partition(device, request.partition_id, header)

    async def GetPowerMeasurementLog(
        self, request: pb.GetPowerMeasurementLogRequest, context: Any
    ) -> pb.PowerMeasurementLog:
        device = await self._find(request)
        read = await logs_more.read_power_measurement(device)
        return convert.power_measurement(device, read, include_raw=request.include_raw)

    async def GetSanitizedNamespaces(
        self, request: pb.GetSanitizedNamespacesRequest, context: Any
    ) -> pb.SanitizedNamespaces:
        device, in_progress = await self._find(request), request.in_progress
        read = await logs_more.read_sanitized_namespaces(device, in_progress=in_progress)
        return convert.sanitized_namespaces(device, read, in_progress=in_progress, include_raw=request.include_raw)
