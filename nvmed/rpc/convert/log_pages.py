"""Logs about endurance, capacity, power, effects and partitions as messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nvmed.devices.controller import Device
from nvmed.devices.logs import Read
from nvmed.devices.logs_more import Configurations, Listed
from nvmed.nvme.effects import CommandEffects, SupportedLogPages
from nvmed.nvme.endurance import (
    BILLION,
    ChannelConfiguration,
    EnduranceGroupLog,
    GroupConfiguration,
    MediaUnit,
    MediaUnitHeader,
    PredictableLatencyLog,
    RotationalMediaLog,
)
from nvmed.nvme.layout import bit, bits
from nvmed.nvme.opcodes import NSID_ALL, FeatureId
from nvmed.nvme.partitions import BootPartitionHeader, SanitizedNamespacesHeader
from nvmed.nvme.power_measurement import NO_ERROR_PERCENT, PowerBin, PowerMeasurementLog, milliwatts
from nvmed.rpc.convert.fitted import fitted, omissions, timestamp_fields
from nvmed.v1 import log_pages_pb2 as pb


def _common(device: Device, read: Read[Any], include_raw: bool) -> dict[str, Any]:
    """The fields that all of them have."""
    return {"controller": device.resource_name, "raw": read.raw if include_raw else b""}


def _billions(value: int) -> int | None:
    return value * BILLION or None


def endurance_group(
    device: Device, group: int, read: Read[EnduranceGroupLog], *, include_raw: bool
) -> pb.EnduranceGroupLog:
    """Wear and health of an endurance group."""
    log = read.log
    return fitted(
        pb.EnduranceGroupLog,
        endurance_group_id=group,
        critical_warnings=[warning + 1 for warning in log.warnings],
        rotational=log.is_rotational,
        available_spare_percent=log.available_spare,
        available_spare_threshold_percent=log.available_spare_threshold,
        percentage_used=log.percentage_used,
        domain_id=log.domain_id,
        endurance_estimate_bytes=_billions(log.endurance_estimate),
        bytes_read=_billions(log.data_units_read),
        bytes_written=_billions(log.data_units_written),
        media_bytes_written=_billions(log.media_units_written),
        write_amplification=log.write_amplification,
        host_read_commands=log.host_read_commands,
        host_write_commands=log.host_write_commands,
        media_errors=log.media_errors,
        error_log_entries=log.error_log_entries,
        total_capacity_bytes=log.total_capacity or None,
        unallocated_capacity_bytes=log.unallocated_capacity or None,
        **_common(device, read, include_raw),
    )


def aggregate(device: Device, subject: int, read: Read[tuple[int, ...]], *, include_raw: bool) -> pb.EventAggregateLog:
    """What has events."""
    return fitted(
        pb.EventAggregateLog,
        subject=subject,
        ids=read.log,
        async_event_retained=read.event_retained,
        **_common(device, read, include_raw),
    )


def predictable_latency(
    device: Device, nvm_set: int, read: Read[PredictableLatencyLog], *, include_raw: bool
) -> pb.PredictableLatencyLog:
    """The latency window of an NVM set."""
    log = read.log
    return fitted(
        pb.PredictableLatencyLog,
        nvm_set_id=nvm_set,
        window=bits(log.status, 2, 0),
        event_bits=log.event_types,
        typical_reads=log.typical_reads,
        typical_writes=log.typical_writes,
        maximum_deterministic_ms=log.maximum_window_ms,
        minimum_recovery_high_ms=log.minimum_recovery_high_ms,
        minimum_recovery_low_ms=log.minimum_recovery_low_ms,
        reads_left=log.reads_estimate,
        writes_left=log.writes_estimate,
        time_left_ms=log.time_estimate_ms,
        **_common(device, read, include_raw),
    )


def media_units(
    device: Device, read: Read[Listed[MediaUnitHeader, MediaUnit]], *, include_raw: bool
) -> pb.MediaUnitStatusLog:
    """How worn each media unit is."""
    header = read.log.header
    return fitted(
        pb.MediaUnitStatusLog,
        media_unit_count=header.count,
        channel_count=header.channels,
        selected_configuration_id=header.selected_configuration,
        media_units=[
            fitted(
                pb.MediaUnitStatusLog.MediaUnit,
                media_unit_id=one.head.media_unit_id,
                domain_id=one.head.domain_id,
                endurance_group_id=one.head.endurance_group_id,
                nvm_set_id=one.head.nvm_set_id,
                capacity_adjustment=one.head.capacity_adjustment,
                available_spare_percent=one.head.available_spare,
                percentage_used=one.head.percentage_used,
                channel_ids=one.channels,
            )
            for one in read.log.items
        ],
        omissions=omissions(read.log.omissions),
        **_common(device, read, include_raw),
    )


def capacity_configurations(
    device: Device, read: Read[Configurations], *, include_raw: bool
) -> pb.CapacityConfigurations:
    """How the capacity can be divided."""
    found, missing = read.log
    return fitted(
        pb.CapacityConfigurations,
        configuration_count=read.raw[0],
        configurations=[
            fitted(
                pb.CapacityConfigurations.Configuration,
                configuration_id=one.head.configuration_id,
                domain_id=one.head.domain_id,
                endurance_groups=[_group(group) for group in one.groups],
            )
            for one in found
        ],
        omissions=omissions(missing),
        **_common(device, read, include_raw),
    )


def _group(group: GroupConfiguration) -> pb.CapacityConfigurations.EnduranceGroup:
    return fitted(
        pb.CapacityConfigurations.EnduranceGroup,
        endurance_group_id=group.head.endurance_group_id,
        capacity_adjustment=group.head.capacity_adjustment,
        total_capacity_bytes=group.head.total_capacity or None,
        spare_capacity_bytes=group.head.spare_capacity or None,
        endurance_estimate_bytes=_billions(group.head.endurance_estimate),
        nvm_set_ids=group.nvm_sets,
        channels=[_channel(channel) for channel in group.channels],
    )


def _channel(channel: ChannelConfiguration) -> pb.CapacityConfigurations.Channel:
    return fitted(pb.CapacityConfigurations.Channel, channel_id=channel.channel_id, media_unit_ids=channel.media_units)


def rotational(
    device: Device, group: int, read: Read[RotationalMediaLog], *, include_raw: bool
) -> pb.RotationalMediaLog:
    """How rotational media are."""
    log = read.log
    return fitted(
        pb.RotationalMediaLog,
        endurance_group_id=group,
        actuators=log.actuators,
        nominal_speed_rpm=log.nominal_speed,
        spinups=log.spinups,
        failed_spinups=log.failed_spinups,
        loads=log.loads,
        failed_loads=log.failed_loads,
        **_common(device, read, include_raw),
    )


FEATURES: Final[Mapping[int, str]] = {int(one): one.name for one in FeatureId}

SCOPES: Final = {
    0: pb.EFFECT_SCOPE_NAMESPACE,
    1: pb.EFFECT_SCOPE_CONTROLLER,
    2: pb.EFFECT_SCOPE_NVM_SET,
    3: pb.EFFECT_SCOPE_ENDURANCE_GROUP,
    4: pb.EFFECT_SCOPE_DOMAIN,
    5: pb.EFFECT_SCOPE_NVM_SUBSYSTEM,
}
"""By bit of the dword's scope."""


def feature_effects(device: Device, read: Read[SupportedLogPages], *, include_raw: bool) -> pb.FeatureEffectsLog:
    """Features, and what setting them affects."""
    return fitted(
        pb.FeatureEffectsLog,
        features=[
            fitted(
                pb.FeatureEffectsLog.Feature,
                feature_id=number,
                title=FEATURES.get(number, ""),
                **_effects(read.log.pages[number]),
            )
            for number in read.log.identifiers
        ],
        **_common(device, read, include_raw),
    )


MANAGEMENT: Final[Mapping[int, str]] = {
    0x00: "READ_NVME_MI_DATA_STRUCTURE",
    0x01: "NVM_SUBSYSTEM_HEALTH_STATUS_POLL",
    0x02: "CONTROLLER_HEALTH_STATUS_POLL",
    0x03: "CONFIGURATION_SET",
    0x04: "CONFIGURATION_GET",
    0x05: "VPD_READ",
    0x06: "VPD_WRITE",
    0x07: "RESET",
    0x08: "SES_RECEIVE",
    0x09: "SES_SEND",
    0x0A: "MANAGEMENT_ENDPOINT_BUFFER_READ",
    0x0B: "MANAGEMENT_ENDPOINT_BUFFER_WRITE",
    0x0C: "SHUTDOWN",
}
"""Management Interface commands by opcode (NVMe-MI 1.2, section 5)."""


def management_effects(device: Device, read: Read[SupportedLogPages], *, include_raw: bool) -> pb.ManagementEffectsLog:
    """Commands of NVMe-MI, and what they affect."""
    return fitted(
        pb.ManagementEffectsLog,
        commands=[
            fitted(
                pb.ManagementEffectsLog.Command,
                opcode=number,
                title=MANAGEMENT.get(number, ""),
                **_effects(read.log.pages[number]),
            )
            for number in read.log.identifiers
        ],
        **_common(device, read, include_raw),
    )


def _effects(dword: int) -> dict[str, Any]:
    """What both logs say of an entry."""
    effects = CommandEffects(dword)
    return {
        "changes_data": effects.changes_data,
        "changes_namespace": effects.changes_namespace,
        "changes_inventory": effects.changes_inventory,
        "changes_controller": effects.changes_controller,
        "selects_uuid": effects.selects_uuid,
        "scopes": [scope for number, scope in SCOPES.items() if bit(effects.scope, number)],
    }


def changed_namespaces(
    device: Device, read: Read[tuple[int, ...]], *, allocated: bool, include_raw: bool
) -> pb.ChangedNamespaces:
    """Namespaces that changed."""
    too_many = read.log == (NSID_ALL,)
    return fitted(
        pb.ChangedNamespaces,
        allocated=allocated,
        nsids=() if too_many else read.log,
        too_many=too_many,
        async_event_retained=read.event_retained,
        **_common(device, read, include_raw),
    )


def boot_partition(device: Device, partition: int, header: BootPartitionHeader) -> pb.BootPartition:
    """What a boot partition is."""
    return fitted(
        pb.BootPartition,
        controller=device.resource_name,
        partition_id=partition,
        active_partition_id=header.active_id,
        size_bytes=header.size_bytes,
        offset_bytes=BootPartitionHeader.SIZE,
    )


def power_measurement(
    device: Device, read: Read[Listed[PowerMeasurementLog, PowerBin]], *, include_raw: bool
) -> pb.PowerMeasurementLog:
    """What a drive draws."""
    log = read.log.header
    return fitted(
        pb.PowerMeasurementLog,
        running=log.is_running,
        generation_number=log.generation,
        measurement_type=log.measurement_type,
        measurements=log.measurements,
        has_gaps=log.has_gaps,
        estimated=log.is_estimated,
        minutes_left=log.minutes_left,
        stopped_timestamp_ms=bits(log.stopped_at, 47, 0),
        average_milliwatts=milliwatts(log.average) if log.measurements else None,
        maximum_milliwatts=milliwatts(log.maximum) if log.measurements else None,
        maximum_time=timestamp_fields(log.maximum_at)["event_time"],
        error_percent=None if log.error_percent == NO_ERROR_PERCENT else log.error_percent,
        bin_width_milliwatts=log.bin_width_mw,
        bins=[
            fitted(pb.PowerMeasurementLog.Bin, from_milliwatts=milliwatts(one.lower), count=one.count)
            for one in read.log.items
        ],
        overflows=log.overflows,
        omissions=omissions(read.log.omissions),
        **_common(device, read, include_raw),
    )


def sanitized_namespaces(
    device: Device, read: Read[Listed[SanitizedNamespacesHeader, int]], *, in_progress: bool, include_raw: bool
) -> pb.SanitizedNamespaces:
    """Namespaces that are being sanitized, or were."""
    return fitted(
        pb.SanitizedNamespaces,
        in_progress=in_progress,
        generation=read.log.header.generation,
        nsids=read.log.items,
        omissions=omissions(read.log.omissions),
        **_common(device, read, include_raw),
    )
