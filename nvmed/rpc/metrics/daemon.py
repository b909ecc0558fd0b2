"""The daemon itself: operations, memory, audit, certificates and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nvmed import limits
from nvmed.captures.capturing import Capturing
from nvmed.disk.room import Room
from nvmed.erasure.erasures import Erasures
from nvmed.firmware.spool import Spool
from nvmed.operations.manager import Manager
from nvmed.operations.records import Record
from nvmed.rpc.budget import Budget
from nvmed.rpc.metrics.calls import CallMetrics, calls_started
from nvmed.rpc.throttle import Throttle
from nvmed.security.audit import Audit
from nvmed.support.store import Bundles

Values = Sequence[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Shown:
    """Parts of a daemon that are asked. `keys` gives the end of each TLS key that ends, by its identity, in
    milliseconds since the epoch; `slow` whether a controller is told as slow, by its name.
    """

    operations: Manager
    budget: Budget
    throttle: Throttle
    audit: Audit
    capturing: Capturing
    bundles: Bundles
    spool: Spool
    erasures: Erasures
    keys: Callable[[], Mapping[str, int]]
    slow: Callable[[], Mapping[str, bool]]


@dataclass(slots=True)
class Sources:
    """What is asked. `certificates` gives the end of the certificate of each TLS address, in seconds since the epoch;
    it is set once there are any.
    """

    parts: Shown
    calls: CallMetrics
    certificates: Callable[[], Mapping[str, float]] = dict


@dataclass(frozen=True, slots=True)
class DaemonMetric:
    """One metric of the daemon: a gauge, or a counter if its name ends with `_total`."""

    name: str
    meaning: str
    values: Callable[[Sources], Values]
    labels: tuple[str, ...] = ()

    def family(self, sources: Sources) -> Metric:
        """Itself with its values as they are now."""
        make = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = make(self.name, self.meaning, labels=self.labels)
        for labels, value in self.values(sources):
            family.add_metric(labels, value)
        return family


def _by_kind(sources: Sources) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in sources.parts.operations.records_running():
        found.setdefault(record.kind, []).append(record)
    return found


def _one(value: Callable[[Sources], float]) -> Callable[[Sources], Values]:
    return lambda sources: [((), value(sources))]


def _keys(sources: Sources) -> Values:
    ending = sorted(sources.parts.keys().items(), key=lambda item: item[1])[: limits.METRICS_KEYS_MAX]
    return [((identity,), ends_ms / 1000) for identity, ends_ms in ending]


_AUTOMATIC: Final = {False: "no", True: "yes"}


def _captures(sources: Sources) -> Values:
    found = [one.automatic for one in sources.parts.capturing.store.all()]
    return [((word,), found.count(automatic)) for automatic, word in _AUTOMATIC.items()]


def _capture_rooms(value: Callable[[Room], float]) -> Callable[[Sources], Values]:
    return lambda sources: [
        ((_AUTOMATIC[automatic],), value(room)) for automatic, room in sources.parts.capturing.store.rooms.items()
    ]


def _capture_failures(sources: Sources) -> Values:
    failures = sources.parts.capturing.failures
    return [((_AUTOMATIC[automatic], reason), number) for (automatic, reason), number in sorted(failures.items())]


def _slow(sources: Sources) -> Values:
    return [((controller,), is_slow) for controller, is_slow in sorted(sources.parts.slow().items())]


DAEMON: Final = (
    DaemonMetric(
        "nvmed_operations_in_progress", "Operations that have not ended.",
        lambda s: [((kind,), len(found)) for kind, found in sorted(_by_kind(s).items())], ("kind",),
    ),
    DaemonMetric(
        "nvmed_operations_oldest_start_timestamp_seconds", "When the oldest operation that has not ended began.",
        lambda s: [((k,), min(r.created_ms for r in found) / 1000) for k, found in sorted(_by_kind(s).items())],
        ("kind",),
    ),
    DaemonMetric(
        "nvmed_bytes_in_flight", "Bytes of messages and streams that calls hold.", _one(lambda s: s.parts.budget.used)
    ),
    DaemonMetric(
        "nvmed_bytes_in_flight_limit", "How many bytes all calls together may hold.",
        _one(lambda s: s.parts.budget.total),
    ),
    DaemonMetric(
        "nvmed_bytes_in_flight_refusals_total", "Calls that were refused because they found no room.",
        _one(lambda s: s.parts.budget.refused),
    ),
    DaemonMetric(
        "nvmed_calls_throttled_total", "Calls that were refused because their caller had too many.",
        _one(lambda s: s.parts.throttle.refused),
    ),
    DaemonMetric(
        "nvmed_calls_unseen_total", "Calls that gRPC ended by itself, before nvmed saw them.",
        _one(lambda s: max(0, calls_started() - s.calls.begun)),
    ),
    DaemonMetric(
        "nvmed_audit_records_total", "Records of the audit that are on disk.",
        _one(lambda s: s.parts.audit.status().written),
    ),
    DaemonMetric(
        "nvmed_audit_records_waiting", "Records that wait to be written.",
        _one(lambda s: s.parts.audit.status().waiting),
    ),
    DaemonMetric(
        "nvmed_audit_records_lost", "Records that could not even be kept, since records were last written.",
        _one(lambda s: s.parts.audit.status().lost),
    ),
    DaemonMetric(
        "nvmed_audit_failing", "1 while no record can be written, because of the disk or of damage.",
        _one(lambda s: bool(s.parts.audit.status().failing)),
    ),
    DaemonMetric(
        "nvmed_certificate_expiry_timestamp_seconds", "When the certificate of an address that is listened on ends.",
        lambda s: [((address,), ends) for address, ends in s.certificates().items()], ("address",),
    ),
    DaemonMetric(
        "nvmed_key_expiry_timestamp_seconds",
        "When a TLS key ends, as exactly as the kernel tells; of those 64 that end first.", _keys, ("identity",),
    ),
    DaemonMetric("nvmed_captures", "Captures of telemetry on the host's disk.", _captures, ("automatic",)),
    DaemonMetric(
        "nvmed_captures_bytes", "Bytes that captures take, with those that are being made.",
        _capture_rooms(lambda room: room.used_bytes), ("automatic",),
    ),
    DaemonMetric(
        "nvmed_captures_quota_bytes", "Bytes that captures may take.",
        _capture_rooms(lambda room: room.quota_bytes), ("automatic",),
    ),
    DaemonMetric(
        "nvmed_capture_failures_total", "Captures that failed, by reason (docs/errors.md).", _capture_failures,
        ("automatic", "reason"),
    ),
    DaemonMetric(
        "nvmed_support_bundles", "Support bundles on the host's disk.", _one(lambda s: len(s.parts.bundles.all()))
    ),
    DaemonMetric(
        "nvmed_support_bundles_bytes", "Bytes that bundles take, with those that are being made.",
        _one(lambda s: s.parts.bundles.room.used_bytes),
    ),
    DaemonMetric(
        "nvmed_support_bundles_quota_bytes", "Bytes that bundles may take.",
        _one(lambda s: s.parts.bundles.room.quota_bytes),
    ),
    DaemonMetric(
        "nvmed_firmware_spool_bytes", "Bytes that images and unfinished uploads take.",
        _one(lambda s: s.parts.spool.room.used_bytes),
    ),
    DaemonMetric(
        "nvmed_firmware_spool_quota_bytes", "Bytes that they may take.",
        _one(lambda s: s.parts.spool.room.quota_bytes),
    ),
    DaemonMetric(
        "nvmed_drive_slow", "1 while the drive takes longer than others of its model, and than it did (docs/host.md).",
        _slow, ("controller",),
    ),
    DaemonMetric(
        "nvmed_erasure_records_total", "Records of erasures that were written, by how the erasure ended.",
        lambda s: [((outcome.value.lower(),), n) for outcome, n in s.parts.erasures.written.items()], ("outcome",),
    ),
)  # fmt: skip
"""Every metric of the daemon that is asked for when it is scraped."""


class DaemonCollector(Collector):
    """Collects them."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        for metric in DAEMON:
            yield metric.family(self._sources)
