"""Health of drives as metrics, by the names of OpenTelemetry's conventions for hardware where they have one.

Semantic conventions, `hw.*` metrics: common, physical disk and temperature. What they have no name for is `nvmed.*`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)

from nvmed.devices.controller import Device
from nvmed.devices.sampler import Sample
from nvmed.nvme.health import CriticalWarning, SmartLog
from nvmed.otel.messages import attributes_of

Point = tuple[float, Mapping[str, str]]
"""A value, and the attributes that it has beside the drive's."""

_INT64_MAX: Final = 2**63 - 1
"""NVMe counts in 128 bits, OTLP in 63: a counter that is beyond stays there, in some million years."""

_FATAL: Final = frozenset(
    {CriticalWarning.READ_ONLY, CriticalWarning.RELIABILITY_DEGRADED, CriticalWarning.PERSISTENT_MEMORY_READ_ONLY}
)
STATES: Final = ("ok", "degraded", "failed", "predicted_failure")


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric: how it is called, what of a sample it is. `is_monotonic` None for a gauge, else it is a sum."""

    name: str
    unit: str
    description: str
    points: Callable[[SmartLog], Iterator[Point]]
    is_monotonic: bool | None = None


def state_of(smart: SmartLog) -> str:
    """The drive's `hw.state`."""
    warnings = set(smart.warnings)
    if warnings & _FATAL:
        return "failed"
    if CriticalWarning.SPARE_BELOW_THRESHOLD in warnings or smart.percentage_used >= 100:
        return "predicted_failure"
    return "degraded" if warnings else "ok"


def _status(smart: SmartLog) -> Iterator[Point]:
    now = state_of(smart)
    for state in STATES:
        yield int(state == now), {"hw.state": state}


def _endurance(smart: SmartLog) -> Iterator[Point]:
    remaining = max(0, 100 - smart.percentage_used) / 100
    yield remaining, {"hw.physical_disk.state": "remaining"}


def _temperature(smart: SmartLog) -> Iterator[Point]:
    if (composite := smart.temperature_celsius) is not None:
        yield composite, {"hw.sensor_location": "composite"}
    for number, degrees in enumerate(smart.sensors_celsius, 1):
        if degrees is not None:
            yield degrees, {"hw.sensor_location": f"sensor-{number}"}


def _io(smart: SmartLog) -> Iterator[Point]:
    yield smart.bytes_read, {"disk.io.direction": "read"}
    yield smart.bytes_written, {"disk.io.direction": "write"}


def _one(value: Callable[[SmartLog], float], attributes: Mapping[str, str]) -> Callable[[SmartLog], Iterator[Point]]:
    return lambda smart: iter([(value(smart), attributes)])


MEASURES: Final = (
    Measure("hw.status", "1", "1 for the state that the drive is in.", _status, is_monotonic=False),
    Measure(
        "hw.errors",
        "{error}",
        "Errors of data that were not corrected.",
        _one(lambda smart: smart.media_errors, {"error.type": "media"}),
        is_monotonic=True,
    ),
    Measure("hw.physical_disk.endurance_utilization", "1", "Rated endurance that is left.", _endurance),
    Measure(
        "hw.physical_disk.smart",
        "1",
        "Spare capacity that is left.",
        _one(lambda smart: smart.available_spare / 100, {"hw.physical_disk.smart_attribute": "available_spare"}),
    ),
    Measure("hw.temperature", "Cel", "Composite temperature, and that of sensors.", _temperature),
    Measure("nvmed.drive.io", "By", "Data that the host read and wrote.", _io, is_monotonic=True),
    Measure(
        "nvmed.drive.power_on_time",
        "h",
        "Time with power.",
        _one(lambda smart: smart.power_on_hours, {}),
        is_monotonic=True,
    ),
    Measure(
        "nvmed.drive.unsafe_shutdowns",
        "{shutdown}",
        "Times that it lost power unprepared.",
        _one(lambda smart: smart.unsafe_shutdowns, {}),
        is_monotonic=True,
    ),
)


def metrics_of(devices: Sequence[Device], samples: Mapping[str, Sample]) -> list[Metric]:
    """The metrics of all drives as they were last read; a drive that could not be read has none."""
    now = time.time_ns()
    read = [
        (_drive(device), sample.smart)
        for device in devices
        if (sample := samples.get(device.name)) is not None and sample.smart is not None
    ]
    return [_metric(measure, read, now) for measure in MEASURES] if read else []


def _drive(device: Device) -> Mapping[str, str]:
    node = device.node
    return {
        "hw.id": device.resource_name,
        "hw.type": "physical_disk",
        "hw.name": node.node.rpartition("/")[2],
        "hw.model": node.model,
        "hw.serial_number": node.serial,
        "hw.firmware_version": node.firmware_revision,
        "hw.physical_disk.type": "SSD",
    }


def _metric(measure: Measure, read: Sequence[tuple[Mapping[str, str], SmartLog]], now: int) -> Metric:
    points = [
        _point(value, {**drive, **attributes}, now)
        for drive, smart in read
        for value, attributes in measure.points(smart)
    ]
    metric = Metric(name=measure.name, unit=measure.unit, description=measure.description)
    if measure.is_monotonic is None:
        metric.gauge.CopyFrom(Gauge(data_points=points))
    else:
        metric.sum.CopyFrom(
            Sum(
                data_points=points,
                is_monotonic=measure.is_monotonic,
                aggregation_temporality=AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
            )
        )
    return metric


def _point(value: float, attributes: Mapping[str, str], now: int) -> NumberDataPoint:
    point = NumberDataPoint(time_unix_nano=now, attributes=attributes_of(attributes))
    if isinstance(value, int):
        point.as_int = min(value, _INT64_MAX)
    else:
        point.as_double = value
    return point
