"""Log pages about endurance, capacity, power and partitions, of drives whose specification has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nvmed.nvme.endurance import (
    BILLION,
    CapacityConfiguration,
    ChannelConfiguration,
    ConfigurationHead,
    EnduranceGroupLog,
    GroupConfiguration,
    GroupConfigurationHead,
    MediaUnit,
    MediaUnitHead,
    PredictableLatencyLog,
    RotationalMediaLog,
    build_capacity_configurations,
    build_media_units,
)
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.partitions import BOOT_PARTITION_UNIT_BYTES, BootPartitionHeader
from nvmed.nvme.power_measurement import PowerBin, PowerMeasurementLog
from nvmed.simulator.commands.log_page import Page, Reader, whole
from nvmed.simulator.refusal import Refused, Sc
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.state.drive import ControllerState

CHANNELS, MEDIA_UNITS = 4, 8
WATTS = 2 << 16
"""Power scale: 10 mW."""


def _group(controller: ControllerState, request: LogPageRequest) -> int:
    """The endurance group that LSI names."""
    if not 1 <= request.lsi <= controller.subsystem.spec.endurance_groups:
        raise Refused(Sc.INVALID_FIELD)
    return request.lsi


def _endurance(controller: ControllerState, request: LogPageRequest) -> bytes:
    """All that the drive does is in group 1; the others are new."""
    spec, health = controller.subsystem.spec, controller.health
    first = _group(controller, request) == 1
    share = spec.capacity_bytes // spec.endurance_groups
    written, read = (-(-health.bytes_written // BILLION), -(-health.bytes_read // BILLION)) if first else (0, 0)
    return EnduranceGroupLog(
        features=int(spec.rotational), available_spare=health.available_spare, available_spare_threshold=10,
        percentage_used=health.percentage_used if first else 0, endurance_estimate=share * 1825 // BILLION,
        data_units_read=read, data_units_written=written, media_units_written=written,
        host_read_commands=health.read_commands if first else 0,
        host_write_commands=health.write_commands if first else 0, media_errors=health.media_errors if first else 0,
        total_capacity=share, unallocated_capacity=0,
    ).build()  # fmt: skip


def _aggregate(controller: ControllerState, request: LogPageRequest) -> bytes:
    """Group 1, while the drive warns of something."""
    groups = [1] if controller.health.critical_warning else []
    return len(groups).to_bytes(8, "little") + b"".join(group.to_bytes(2, "little") for group in groups)


def _no_events(controller: ControllerState, request: LogPageRequest) -> bytes:
    return bytes(8)


def _predictable_latency(controller: ControllerState, request: LogPageRequest) -> bytes:
    if not 1 <= request.lsi <= controller.subsystem.spec.nvm_sets:
        raise Refused(Sc.INVALID_FIELD)
    return PredictableLatencyLog(
        status=1, typical_reads=1_000_000, typical_writes=200_000, maximum_window_ms=10_000,
        minimum_recovery_high_ms=2_000, minimum_recovery_low_ms=500, reads_estimate=900_000, writes_estimate=150_000,
        time_estimate_ms=8_000,
    ).build()  # fmt: skip


def _media_units(controller: ControllerState, request: LogPageRequest) -> bytes:
    worn = min(controller.health.percentage_used, 0xFF)
    units = tuple(
        MediaUnit(
            MediaUnitHead(number, endurance_group_id=1, available_spare=100, percentage_used=worn, channel_count=1),
            (number % CHANNELS,),
        )
        for number in range(MEDIA_UNITS)
    )
    return build_media_units(units, CHANNELS, configuration=1)


def _configurations(controller: ControllerState, request: LogPageRequest) -> bytes:
    """All in one endurance group, or half in each of two."""
    spec = controller.subsystem.spec
    return build_capacity_configurations(
        tuple(
            CapacityConfiguration(
                ConfigurationHead(number, group_count=number),
                tuple(_group_configuration(spec, group, number) for group in range(1, number + 1)),
            )
            for number in (1, 2)
        )
    )


def _group_configuration(spec: DriveSpec, group: int, groups: int) -> GroupConfiguration:
    channels = range(CHANNELS // groups * (group - 1), CHANNELS // groups * group)
    share = spec.capacity_bytes // groups
    return GroupConfiguration(
        GroupConfigurationHead(group, 100, total_capacity=share, endurance_estimate=share * 1825 // BILLION),
        (),
        tuple(ChannelConfiguration(channel, tuple(range(channel, MEDIA_UNITS, CHANNELS))) for channel in channels),
    )


def _rotational(controller: ControllerState, request: LogPageRequest) -> bytes:
    return RotationalMediaLog(
        endurance_group_id=_group(controller, request), actuators=2, nominal_speed=7200,
        spinups=controller.health.power_cycles, loads=controller.health.power_cycles,
    ).build()  # fmt: skip


def _boot_partition(controller: ControllerState, request: LogPageRequest) -> bytes:
    boot = controller.subsystem.spec.boot_partitions or (b"", b"")
    content = boot[request.lsp & 1]
    units = max(len(one) for one in boot) // BOOT_PARTITION_UNIT_BYTES
    return BootPartitionHeader(information=units).build() + content


def _power(controller: ControllerState, request: LogPageRequest) -> bytes:
    bins = [PowerBin(50, WATTS | 800), PowerBin(10, WATTS | 825)]
    return (
        PowerMeasurementLog(
            attributes=1, generation=1, size_bytes=PowerMeasurementLog.SIZE + len(bins) * PowerBin.SIZE,
            measurements=60, bin_count=len(bins), bins_supported=64, average=WATTS | 810, maximum=WATTS | 840,
            error_percent=5,
        ).build()
        + b"".join(one.build() for one in bins)
    )  # fmt: skip


def _if(has: Callable[[DriveSpec], object], read: Reader) -> Page:
    return Page(whole(read), lambda controller: bool(has(controller.subsystem.spec)))


PAGES: Mapping[int, Page] = {
    LogPage.ENDURANCE_GROUP_INFORMATION: _if(lambda spec: spec.endurance_groups, _endurance),
    LogPage.ENDURANCE_GROUP_EVENT_AGGREGATE: _if(lambda spec: spec.endurance_groups, _aggregate),
    LogPage.PREDICTABLE_LATENCY_PER_NVM_SET: _if(lambda spec: spec.nvm_sets, _predictable_latency),
    LogPage.PREDICTABLE_LATENCY_EVENT_AGGREGATE: _if(lambda spec: spec.nvm_sets, _no_events),
    LogPage.MEDIA_UNIT_STATUS: _if(lambda spec: spec.capacity_management, _media_units),
    LogPage.SUPPORTED_CAPACITY_CONFIGURATION_LIST: _if(lambda spec: spec.capacity_management, _configurations),
    LogPage.ROTATIONAL_MEDIA_INFORMATION: _if(lambda spec: spec.rotational and spec.endurance_groups, _rotational),
    LogPage.BOOT_PARTITION: _if(lambda spec: spec.boot_partitions, _boot_partition),
    LogPage.POWER_MEASUREMENT: _if(lambda spec: spec.power_measurement, _power),
}
