"""What the host knows around a controller: where it is, its link, its namespaces, its paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nvmed import limits
from nvmed.devices.controller import Device
from nvmed.devices.rotation import Logs
from nvmed.devices.sampler import Sample
from nvmed.nvme.surroundings import Link, LinkErrors, PathFacts, Surroundings
from nvmed.rpc.metrics.table import DriveMetric, Values, of_around, one

TRANSFERS: Final = 1_000_000
"""Speeds are in millions of transfers a second."""


def _location(around: Surroundings) -> Values:
    place = around.location
    numa = "" if place.numa_node is None else str(place.numa_node)
    yield (place.pci_address, place.slot, place.enclosure, place.bay, numa), 1


def _of_link(value: Callable[[Link], float]) -> Callable[[Device, Sample], Values]:
    return of_around(lambda around: one(value(around.link)) if around.link else ())


def _severities(errors: LinkErrors) -> Mapping[str, Mapping[str, int]]:
    return {"correctable": errors.correctable, "nonfatal": errors.nonfatal, "fatal": errors.fatal}


def _errors(around: Surroundings) -> Values:
    for severity, counted in _severities(around.errors).items() if around.errors else ():
        yield (severity,), sum(counted.values())


def _errors_by_kind(around: Surroundings) -> Values:
    """Those that were met: kernels know forty kinds."""
    for severity, counted in _severities(around.errors).items() if around.errors else ():
        for kind, count in counted.items():
            if count:
                yield (severity, kind), count


def _kernel_counters(around: Surroundings) -> Values:
    for name, count in around.counters.items():
        yield (name,), count


def _of_path(value: Callable[[PathFacts], float]) -> Callable[[Device, Sample], Values]:
    def values(around: Surroundings) -> Values:
        for path in around.paths[: limits.METRICS_PATHS_MAX]:
            yield (str(path.nsid), path.node), value(path)

    return of_around(values)


def _path_states(around: Surroundings) -> Values:
    for path in around.paths[: limits.METRICS_PATHS_MAX]:
        if path.ana_state:
            yield (str(path.nsid), path.node, path.ana_state), 1


def _path_counters(around: Surroundings) -> Values:
    for path in around.paths[: limits.METRICS_PATHS_MAX]:
        for name, count in path.counters.items():
            yield (str(path.nsid), path.node, name), count


def _sizes(device: Device, _: Sample) -> Values:
    for namespace in device.node.namespaces[: limits.METRICS_NAMESPACES_MAX]:
        yield (str(namespace.nsid), namespace.node), namespace.size_bytes


def _blocks(device: Device, _: Sample) -> Values:
    for namespace in device.node.namespaces[: limits.METRICS_NAMESPACES_MAX]:
        yield (str(namespace.nsid), namespace.node), namespace.logical_block_bytes


def _of_namespace(found: Callable[[Logs], Mapping[int, int]]) -> Callable[[Device, Sample], Values]:
    def values(device: Device, sample: Sample) -> Values:
        known = found(sample.logs)
        for namespace in device.node.namespaces[: limits.METRICS_NAMESPACES_MAX]:
            if namespace.nsid in known:
                yield (str(namespace.nsid), namespace.node), known[namespace.nsid]

    return values


_NAMESPACE: Final = ("nsid", "node")

AROUND: Final = (
    DriveMetric(
        "nvmed_drive_location_info", "Where the controller is, as far as the host tells; always 1.",
        of_around(_location), ("pci_address", "slot", "enclosure", "bay", "numa_node"),
    ),
    DriveMetric(
        "nvmed_drive_queues", "Queues that the kernel has for the drive.",
        of_around(lambda around: one(around.queue_count)),
    ),
    DriveMetric(
        "nvmed_link_transfers_per_second", "Speed of each lane of the PCI Express link.",
        _of_link(lambda link: link.speed_mts * TRANSFERS),
    ),
    DriveMetric(
        "nvmed_link_transfers_per_second_max", "Speed that both ends are capable of.",
        _of_link(lambda link: link.max_speed_mts * TRANSFERS),
    ),
    DriveMetric("nvmed_link_width_lanes", "Lanes of the link.", _of_link(lambda link: link.width)),
    DriveMetric(
        "nvmed_link_width_lanes_max", "Lanes that both ends are capable of.", _of_link(lambda link: link.max_width)
    ),
    DriveMetric(
        "nvmed_link_degraded", "1 while the link is slower or narrower than both ends could.",
        _of_link(lambda link: link.is_degraded),
    ),
    DriveMetric(
        "nvmed_link_errors_total", "Errors of the link that the kernel counted (AER), by severity.",
        of_around(_errors), ("severity",),
    ),
    DriveMetric(
        "nvmed_link_errors_by_kind_total", "The same by kind, of those kinds that were met.",
        of_around(_errors_by_kind), ("severity", "kind"),
    ),
    DriveMetric(
        "nvmed_drive_kernel_counter_total", "What the kernel counts of the controller, by its own names.",
        of_around(_kernel_counters), ("counter",),
    ),
    DriveMetric("nvmed_namespace_size_bytes", "Size of a namespace.", _sizes, _NAMESPACE),
    DriveMetric("nvmed_namespace_logical_block_bytes", "Size of its logical blocks.", _blocks, _NAMESPACE),
    DriveMetric(
        "nvmed_namespace_capacity_bytes", "What the drive may allocate of it: less than its size if thin (NCAP).",
        _of_namespace(lambda logs: logs.capacity_bytes), _NAMESPACE,
    ),
    DriveMetric(
        "nvmed_namespace_used_bytes", "What the drive has allocated of it (NUSE).",
        _of_namespace(lambda logs: logs.used_bytes), _NAMESPACE,
    ),
    DriveMetric(
        "nvmed_path_state", "ANA state of a path to a namespace; always 1.", of_around(_path_states),
        (*_NAMESPACE, "state"),
    ),
    DriveMetric("nvmed_path_reads_total", "Reads over the path.", _of_path(lambda path: path.reads), _NAMESPACE),
    DriveMetric("nvmed_path_writes_total", "Writes over the path.", _of_path(lambda path: path.writes), _NAMESPACE),
    DriveMetric(
        "nvmed_path_read_bytes_total", "Bytes read over the path.", _of_path(lambda path: path.bytes_read), _NAMESPACE
    ),
    DriveMetric(
        "nvmed_path_written_bytes_total", "Bytes written over the path.", _of_path(lambda path: path.bytes_written),
        _NAMESPACE,
    ),
    DriveMetric(
        "nvmed_path_in_flight", "Reads and writes that are under way.", _of_path(lambda path: path.in_flight),
        _NAMESPACE,
    ),
    DriveMetric(
        "nvmed_path_counter_total", "What the kernel counts of the path, by its own names.",
        of_around(_path_counters), (*_NAMESPACE, "counter"),
    ),
)  # fmt: skip
"""From sysfs, but for what a drive may allocate of a namespace, and has."""
