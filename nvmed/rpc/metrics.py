"""What Prometheus may know: calls, streams, operations, lanes and drives; `docs/metrics.md` is generated from here.

A scrape touches no drive: health is what the sampler read last. Controllers are labelled by their resource names'
last segment, methods by their full names; no label has a value that a caller makes up.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from grpc_channelz.v1 import channelz, channelz_pb2
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nvmed import __version__
from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.sampler import Sample, Sampler
from nvmed.nvme.health import SENSORS, CriticalWarning, SmartLog
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record, State
from nvmed.rpc.budget import Budget
from nvmed.security.policy import METHODS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNKNOWN: Final = "unknown"
"""Stands for every method that does not exist."""

DURATIONS_S: Final = (0.005, 0.02, 0.1, 0.5, 1, 5, 30, 120, 600)

disable_created_metrics()  # type: ignore[no-untyped-call]  # or each counter has a second series that says when it began

Values = Iterator[tuple[tuple[str, ...], float]]
"""Labels after the controller's, and a value."""


class CallMetrics:
    """Counts calls; told of each by its admission. Belongs to one event loop."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.begun = 0
        self._handled = Counter(
            "nvmed_calls", "Calls that ended, by gRPC code (ok for those that succeeded).", ["method", "code"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "nvmed_call_duration_seconds", "How long calls took, streams to their end.", ["method"],
            registry=registry, buckets=DURATIONS_S,
        )  # fmt: skip
        self._running = Gauge("nvmed_calls_in_progress", "Calls that run.", ["method"], registry=registry)
        self._streams = Gauge(
            "nvmed_streams_in_progress", "Calls that run and have sent a message of a stream.", ["method"],
            registry=registry,
        )  # fmt: skip
        self._sent = Counter("nvmed_stream_messages_sent", "Messages sent by streams.", ["method"], registry=registry)

    def began(self, method: str) -> None:
        """A call begins."""
        self.begun += 1
        self._running.labels(_known(method)).inc()

    def sent(self, method: str, *, first: bool) -> None:
        """A stream sends a message."""
        if first:
            self._streams.labels(method).inc()
        self._sent.labels(method).inc()

    def ended(self, method: str, code: str, seconds: float, *, streamed: bool) -> None:
        """A call has ended with `code`; `streamed` if it had sent a message of a stream."""
        known = _known(method)
        self._running.labels(known).dec()
        if streamed:
            self._streams.labels(known).dec()
        self._handled.labels(known, code).inc()
        self._seconds.labels(known).observe(seconds)


def calls_started() -> int:
    """Calls that gRPC began to receive, by its own count, on all servers of this process."""
    found = channelz.ChannelzServicer.GetServers(channelz_pb2.GetServersRequest(), None)
    return sum(server.data.calls_started for server in found.server)


def _known(method: str) -> str:
    return method if method in METHODS else UNKNOWN


@dataclass(frozen=True, slots=True)
class DriveMetric:
    """One metric of each controller: a gauge, or a counter if its name ends with `_total`."""

    name: str
    meaning: str
    values: Callable[[Device, Sample], Values]
    labels: tuple[str, ...] = ()

    def family(self) -> GaugeMetricFamily | CounterMetricFamily:
        """Itself without samples."""
        labels = ("controller", *self.labels)
        if self.name.endswith("_total"):
            return CounterMetricFamily(self.name, self.meaning, labels=labels)
        return GaugeMetricFamily(self.name, self.meaning, labels=labels)


def _of_device(value: Callable[[Device], float]) -> Callable[[Device, Sample], Values]:
    return lambda device, _: iter([((), float(value(device)))])


def _of_smart(value: Callable[[SmartLog], float]) -> Callable[[Device, Sample], Values]:
    """A value of SMART data; none where they could not be read."""
    return lambda _, sample: iter([((), float(value(sample.smart)))] if sample.smart else ())


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


DRIVE_METRICS: Final = (
    DriveMetric(
        "nvmed_drive_info", "What the controller is; always 1.", _info,
        ("node", "model", "serial", "firmware", "transport"),
    ),
    DriveMetric("nvmed_drive_state", "State in which the kernel has the controller; always 1.", _state, ("state",)),
    DriveMetric(
        "nvmed_drive_readable", "1 if the last reading of SMART data succeeded; 0 if not, or if there was none yet.",
        lambda _, sample: iter([((), float(sample.smart is not None))]),
    ),
    DriveMetric(
        "nvmed_drive_failure", "Why the last reading failed, a reason of docs/errors.md; absent if it did not.",
        _failure, ("reason",),
    ),
    DriveMetric(
        "nvmed_drive_read_timestamp_seconds", "When SMART data were last read, 0 for never.",
        lambda _, sample: iter([((), sample.read_at)]),
    ),
    DriveMetric(
        "nvmed_lane_stalled", "1 while a command has outlived its timeout.", _of_device(lambda d: d.lane.stalled)
    ),
    DriveMetric(
        "nvmed_lane_stalled_seconds", "How long the oldest such command has been running, 0 without one.",
        _of_device(lambda d: d.lane.stalled_for_ms / 1000),
    ),
    DriveMetric("nvmed_lane_busy_threads", "Threads that wait for the drive.", _of_device(lambda d: d.lane.busy)),
    DriveMetric("nvmed_lane_waiting_calls", "Calls that wait for a thread.", _of_device(lambda d: d.lane.waiting)),
    DriveMetric(
        "nvmed_drive_temperature_celsius", "Temperature: the composite one, and those sensors that are there.",
        _temperatures, ("sensor",),
    ),
    DriveMetric("nvmed_drive_critical_warning", "1 while the warning is set.", _warnings, ("warning",)),
    DriveMetric(
        "nvmed_drive_available_spare_ratio", "Spare capacity that is left.",
        _of_smart(lambda s: s.available_spare / 100),
    ),
    DriveMetric(
        "nvmed_drive_available_spare_threshold_ratio", "Below this the drive warns.",
        _of_smart(lambda s: s.available_spare_threshold / 100),
    ),
    DriveMetric(
        "nvmed_drive_used_ratio", "Estimate of the life that is used; may exceed 1.",
        _of_smart(lambda s: s.percentage_used / 100),
    ),
    DriveMetric("nvmed_drive_read_bytes_total", "Bytes that the host read.", _of_smart(lambda s: s.bytes_read)),
    DriveMetric("nvmed_drive_written_bytes_total", "Bytes that the host wrote.", _of_smart(lambda s: s.bytes_written)),
    DriveMetric(
        "nvmed_drive_read_commands_total", "Read commands of the host.", _of_smart(lambda s: s.host_read_commands)
    ),
    DriveMetric(
        "nvmed_drive_write_commands_total", "Write commands of the host.", _of_smart(lambda s: s.host_write_commands)
    ),
    DriveMetric(
        "nvmed_drive_busy_seconds_total", "Time in which commands were outstanding, in whole minutes.",
        _of_smart(lambda s: s.busy_minutes * 60),
    ),
    DriveMetric("nvmed_drive_power_cycles_total", "Power cycles.", _of_smart(lambda s: s.power_cycles)),
    DriveMetric(
        "nvmed_drive_power_on_seconds_total", "Time with power, in whole hours.",
        _of_smart(lambda s: s.power_on_hours * 3600),
    ),
    DriveMetric(
        "nvmed_drive_unsafe_shutdowns_total", "Losses of power without notice.", _of_smart(lambda s: s.unsafe_shutdowns)
    ),
    DriveMetric(
        "nvmed_drive_media_errors_total", "Errors of data that were not corrected.", _of_smart(lambda s: s.media_errors)
    ),
    DriveMetric(
        "nvmed_drive_error_log_entries_total", "Entries that the error log ever had.",
        _of_smart(lambda s: s.error_log_entries),
    ),
    DriveMetric(
        "nvmed_drive_warning_temperature_seconds_total", "Time above the warning temperature, in whole minutes.",
        _of_smart(lambda s: s.warning_temperature_time * 60),
    ),
    DriveMetric(
        "nvmed_drive_critical_temperature_seconds_total", "Time above the critical temperature, in whole minutes.",
        _of_smart(lambda s: s.critical_temperature_time * 60),
    ),
)  # fmt: skip
"""Every metric of a controller."""


class _Drives(Collector):
    """What the last scan and the sampler know of each controller."""

    def __init__(self, inventory: Inventory, samples: Mapping[str, Sample]) -> None:
        self._inventory = inventory
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for metric in DRIVE_METRICS:
            family = metric.family()
            for device in self._inventory.known:
                sample = self._samples.get(device.name) or Sample(device.resource_name)
                for labels, value in metric.values(device, sample):
                    family.add_metric((device.name, *labels), value)
            yield family


class _Operations(Collector):
    """How many operations run, by kind."""

    def __init__(self, operations: Manager) -> None:
        self._operations = operations

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("nvmed_operations_in_progress", "Operations that have not ended.", labels=["kind"])
        for kind, number in sorted(Count(self._operations.kinds_running()).items()):
            family.add_metric([kind], number)
        yield family


class _Memory(Collector):
    """What calls hold of the daemon's memory, and what gRPC did with calls before nvmed saw them."""

    def __init__(self, budget: Budget, calls: CallMetrics) -> None:
        self._budget = budget
        self._calls = calls

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "nvmed_bytes_in_flight", "Bytes of messages and streams that calls hold.", self._budget.used
        )
        yield GaugeMetricFamily(
            "nvmed_bytes_in_flight_limit", "How many bytes all calls together may hold.", self._budget.total
        )
        yield CounterMetricFamily(
            "nvmed_bytes_in_flight_refusals_total", "Calls that were refused because they found no room.",
            self._budget.refused,
        )  # fmt: skip
        unseen = max(0, calls_started() - self._calls.begun)
        yield CounterMetricFamily(
            "nvmed_calls_unseen_total", "Calls that gRPC ended by itself, before nvmed saw them.", unseen
        )


class Metrics:
    """Every metric of one daemon, in a registry of its own."""

    def __init__(self, inventory: Inventory, operations: Manager, sampler: Sampler, budget: Budget) -> None:
        self._registry = CollectorRegistry()
        version = Gauge("nvmed_info", "Version of the daemon; always 1.", ["version"], registry=self._registry)
        version.labels(__version__).set(1)
        self.calls = CallMetrics(self._registry)
        self._ended = Counter(
            "nvmed_operations", "Operations that ended, by how.", ["kind", "state"], registry=self._registry
        )
        self._registry.register(_Memory(budget, self.calls))
        self._registry.register(_Operations(operations))
        self._registry.register(_Drives(inventory, sampler.samples))
        ProcessCollector(registry=self._registry)
        operations.subscribe(self._changed)

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the labels of each metric that is not a controller's, for its documentation."""
        return {
            "nvmed_info": ("version",),
            "nvmed_bytes_in_flight": (),
            "nvmed_bytes_in_flight_limit": (),
            "nvmed_bytes_in_flight_refusals_total": (),
            "nvmed_calls_unseen_total": (),
            "nvmed_calls_total": ("method", "code"),
            "nvmed_call_duration_seconds": ("method",),
            "nvmed_calls_in_progress": ("method",),
            "nvmed_streams_in_progress": ("method",),
            "nvmed_stream_messages_sent_total": ("method",),
            "nvmed_operations_in_progress": ("kind",),
            "nvmed_operations_total": ("kind", "state"),
        }

    def families(self) -> Iterator[Metric]:
        """Every metric with its type and meaning, those without values too."""
        return iter(self._registry.collect())

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)

    def _changed(self, record: Record) -> None:
        if record.state not in (State.PENDING, State.RUNNING):
            self._ended.labels(record.kind, record.state.name).inc()
