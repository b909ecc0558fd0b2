"""What Prometheus may know of a daemon and its drives; `docs/metrics.md` is generated from here.

A scrape touches no drive: what it shows is what the sampler read last. Controllers are labelled by their resource
names' last segment, methods by their full names; no label has a value that a caller makes up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

from nvmed import __version__
from nvmed.devices.inventory import Inventory
from nvmed.devices.sampler import Sampler
from nvmed.operations.records import Record, State
from nvmed.rpc.metrics.around import AROUND
from nvmed.rpc.metrics.calls import CallMetrics as CallMetrics
from nvmed.rpc.metrics.daemon import DAEMON, DaemonCollector, Sources
from nvmed.rpc.metrics.daemon import Shown as Shown
from nvmed.rpc.metrics.drives import HEALTH
from nvmed.rpc.metrics.logs import LOGS
from nvmed.rpc.metrics.table import DriveLines

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

DRIVE_METRICS: Final = (*HEALTH, *LOGS, *AROUND)
"""Every metric of a controller."""

_COUNTED_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "nvmed_info": ("version",),
    "nvmed_calls_total": ("method", "code"),
    "nvmed_call_duration_seconds": ("method",),
    "nvmed_calls_in_progress": ("method",),
    "nvmed_streams_in_progress": ("method",),
    "nvmed_stream_messages_sent_total": ("method",),
    "nvmed_operations_total": ("kind", "state"),
}
"""The labels of each metric that is counted as it happens: the client library does not tell them."""


class _Counted:
    """What is counted as it happens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.version = Gauge("nvmed_info", "Version of the daemon; always 1.", ["version"], registry=registry)
        self.calls = CallMetrics(registry)
        self.ended = Counter(
            "nvmed_operations", "Operations that ended, by how.", ["kind", "state"], registry=registry
        )  # fmt: skip


class Metrics:
    """Every metric of one daemon, in a registry of its own."""

    def __init__(self, inventory: Inventory, sampler: Sampler, shown: Shown) -> None:
        self._registry = CollectorRegistry()
        self._sampler = sampler
        counted = _Counted(self._registry)
        counted.version.labels(__version__).set(1)
        self.calls = counted.calls
        self._ended = counted.ended
        self.sources = Sources(shown, self.calls)
        self._registry.register(DaemonCollector(self.sources))
        ProcessCollector(registry=self._registry)
        self._drives = DriveLines(inventory, sampler.samples, DRIVE_METRICS)
        sampler.subscribe(self._drives.sampled)
        shown.operations.subscribe(self._changed)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry) + self._drives.exposition().encode()

    def _changed(self, record: Record) -> None:
        if record.state not in (State.PENDING, State.RUNNING):
            self._ended.labels(record.kind, record.state.name).inc()
            self._sampler.operation_ended(record.target)


def all_metrics() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name, type, labels and meaning of every metric of nvmed's own."""
    for metric in DRIVE_METRICS:
        yield metric.name, metric.kind, ("controller", *metric.labels), metric.meaning
    for one in DAEMON:
        yield one.name, "counter" if one.name.endswith("_total") else "gauge", one.labels, one.meaning
    registry = CollectorRegistry()
    _Counted(registry)
    for family in registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        yield name, family.type, _COUNTED_LABELS[name], family.documentation
