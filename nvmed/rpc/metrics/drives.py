"""What a controller is, its lane, and its health by its SMART data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nvmed.devices.controller import Device
from nvmed.devices.sampler import Sample
from nvmed.nvme.health import SENSORS, CriticalWarning, SmartLog
from nvmed.rpc.metrics.table import DriveMetric, Values, of_smart, one


def _info(device: Device, _: Sample) -> Values:
    node = device.node
    yield (node.node, node.model, node.serial, node.firmware_revision, node.transport), 1


def _state(device: Device, _: Sample) -> Values:
    yield (device.node.state,), 1


def _failure(_: Device, sample: Sample) -> Values:
    if sample.failure:
        yield (sample.failure,), 1


def _warnings(_: Device, sample: Sample) -> Values:
    if sample.smart:
        for warning in CriticalWarning:
            yield (warning.name.lower(),), float(warning in sample.smart.warnings)


def _temperatures(_: Device, sample: Sample) -> Values:
    if sample.smart:
        names = ("composite", *(str(number) for number in range(1, SENSORS + 1)))
        for name, celsius in zip(names, (sample.smart.temperature_celsius, *sample.smart.sensors_celsius), strict=True):
            if celsius is not None:
                yield (name,), celsius


def _levels(sample: Sample, values: Callable[[SmartLog], tuple[int, int]]) -> Values:
    for level, value in enumerate(values(sample.smart) if sample.smart else (), 1):
        yield (str(level),), value


def _of_device(value: Callable[[Device], float]) -> Callable[[Device, Sample], Values]:
    return lambda device, _: one(value(device))


HEALTH: Final = (
    DriveMetric(
        "nvmed_drive_info", "What the controller is; always 1.", _info,
        ("node", "model", "serial", "firmware", "transport"),
    ),
    DriveMetric("nvmed_drive_state", "State in which the kernel has the controller; always 1.", _state, ("state",)),
    DriveMetric(
        "nvmed_drive_readable", "1 if the last reading of SMART data succeeded; 0 if not, or if there was none yet.",
        lambda _, sample: one(sample.smart is not None),
    ),
    DriveMetric(
        "nvmed_drive_failure", "Why the last reading failed, a reason of docs/errors.md; absent if it did not.",
        _failure, ("reason",),
    ),
    DriveMetric(
        "nvmed_drive_read_timestamp_seconds", "When SMART data were last read, 0 for never.",
        lambda _, sample: one(sample.read_at),
    ),
    DriveMetric(
        "nvmed_lane_stalled", "1 while a command has outlived its timeout.", _of_device(lambda d: d.lane.stalled),
        is_live=True,
    ),
    DriveMetric(
        "nvmed_lane_stalled_seconds", "How long the oldest such command has been running, 0 without one.",
        _of_device(lambda d: d.lane.stalled_for_ms / 1000), is_live=True,
    ),
    DriveMetric(
        "nvmed_lane_busy_threads", "Threads that wait for the drive.", _of_device(lambda d: d.lane.busy), is_live=True
    ),
    DriveMetric(
        "nvmed_lane_waiting_calls", "Calls that wait for a thread.", _of_device(lambda d: d.lane.waiting), is_live=True
    ),
    DriveMetric(
        "nvmed_drive_temperature_celsius", "Temperature: the composite one, and those sensors that are there.",
        _temperatures, ("sensor",),
    ),
    DriveMetric("nvmed_drive_critical_warning", "1 while the warning is set.", _warnings, ("warning",)),
    DriveMetric(
        "nvmed_drive_available_spare_ratio", "Spare capacity that is left.",
        of_smart(lambda s: s.available_spare / 100),
    ),
    DriveMetric(
        "nvmed_drive_available_spare_threshold_ratio", "Below this the drive warns.",
        of_smart(lambda s: s.available_spare_threshold / 100),
    ),
    DriveMetric(
        "nvmed_drive_used_ratio", "Estimate of the life that is used; may exceed 1.",
        of_smart(lambda s: s.percentage_used / 100),
    ),
    DriveMetric("nvmed_drive_read_bytes_total", "Bytes that the host read.", of_smart(lambda s: s.bytes_read)),
    DriveMetric("nvmed_drive_written_bytes_total", "Bytes that the host wrote.", of_smart(lambda s: s.bytes_written)),
    DriveMetric(
        "nvmed_drive_read_commands_total", "Read commands of the host.", of_smart(lambda s: s.host_read_commands)
    ),
    DriveMetric(
        "nvmed_drive_write_commands_total", "Write commands of the host.", of_smart(lambda s: s.host_write_commands)
    ),
    DriveMetric(
        "nvmed_drive_busy_seconds_total", "Time in which commands were outstanding, in whole minutes.",
        of_smart(lambda s: s.busy_minutes * 60),
    ),
    DriveMetric("nvmed_drive_power_cycles_total", "Power cycles.", of_smart(lambda s: s.power_cycles)),
    DriveMetric(
        "nvmed_drive_power_on_seconds_total", "Time with power, in whole hours.",
        of_smart(lambda s: s.power_on_hours * 3600),
    ),
    DriveMetric(
        "nvmed_drive_unsafe_shutdowns_total", "Losses of power without notice.", of_smart(lambda s: s.unsafe_shutdowns)
    ),
    DriveMetric(
        "nvmed_drive_media_errors_total", "Errors of data that were not corrected.", of_smart(lambda s: s.media_errors)
    ),
    DriveMetric(
        "nvmed_drive_error_log_entries_total", "Entries that the error log ever had.",
        of_smart(lambda s: s.error_log_entries),
    ),
    DriveMetric(
        "nvmed_drive_warning_temperature_seconds_total", "Time above the warning temperature, in whole minutes.",
        of_smart(lambda s: s.warning_temperature_time * 60),
    ),
    DriveMetric(
        "nvmed_drive_critical_temperature_seconds_total", "Time above the critical temperature, in whole minutes.",
        of_smart(lambda s: s.critical_temperature_time * 60),
    ),
    DriveMetric(
        "nvmed_drive_thermal_transitions_total",
        "Times that the drive slowed down to cool off, lightly (1) or heavily (2): host controlled thermal management.",
        lambda _, sample: _levels(sample, lambda s: (s.thermal_transitions_1, s.thermal_transitions_2)), ("level",),
    ),
    DriveMetric(
        "nvmed_drive_thermal_throttled_seconds_total", "Time that it was slowed down so.",
        lambda _, sample: _levels(sample, lambda s: (s.thermal_time_1, s.thermal_time_2)), ("level",),
    ),
)  # fmt: skip
"""What the controller is, its lane, and its SMART data."""
