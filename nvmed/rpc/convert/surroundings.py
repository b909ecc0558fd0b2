"""What is around a controller, as the messages of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nvmed.nvme.surroundings import Indicator, Link, LinkErrors, Location, PathFacts, Surroundings
from nvmed.rpc.convert.fitted import fitted, timestamp
from nvmed.v1 import inventory_pb2 as pb

INDICATORS: Final = {
    pb.INDICATOR_UNSPECIFIED: Indicator.LOCATE,
    pb.INDICATOR_LOCATE: Indicator.LOCATE,
    pb.INDICATOR_FAULT: Indicator.FAULT,
}
"""By what a request says."""

_NUMBERS: Final = {Indicator.LOCATE: pb.INDICATOR_LOCATE, Indicator.FAULT: pb.INDICATOR_FAULT}


def surroundings(
    name: str, found: Surroundings, until_ms: Callable[[str, Indicator], int | None]
) -> pb.ControllerSurroundings:
    """What is around the controller `name`; `until_ms` says when nvmed switches off a light of it."""
    return fitted(
        pb.ControllerSurroundings,
        controller=name,
        location=_location(found.location),
        link=found.link and link(found.link),
        pci_errors=found.errors and errors(found.errors),
        queue_count=found.queue_count,
        queue_depth=found.queue_depth,
        kernel_counters=found.counters,
        paths=map(_path, found.paths),
        indicators=[
            fitted(
                pb.IndicatorState,
                indicator=_NUMBERS[each],
                on=is_on,
                expire_time=timestamp(at) if is_on and (at := until_ms(name, each)) is not None else None,
            )
            for each, is_on in found.indicators.items()
        ],
    )


def _location(found: Location) -> pb.ControllerLocation:
    return fitted(
        pb.ControllerLocation,
        pci_address=found.pci_address,
        slot=found.slot,
        label=found.label,
        enclosure=found.enclosure,
        bay=found.bay,
        numa_node=found.numa_node,
    )


def link(found: Link) -> pb.PciLink:
    """A link."""
    return fitted(
        pb.PciLink,
        speed_mts=found.speed_mts,
        width=found.width,
        max_speed_mts=found.max_speed_mts,
        max_width=found.max_width,
        degraded=found.is_degraded,
    )


def errors(found: LinkErrors) -> pb.PciErrors:
    """Errors on a link."""
    return fitted(pb.PciErrors, correctable=found.correctable, nonfatal=found.nonfatal, fatal=found.fatal)


def _path(found: PathFacts) -> pb.PathStatistics:
    return fitted(
        pb.PathStatistics,
        device_node=found.node,
        nsid=found.nsid,
        ana_state=found.ana_state,
        read_count=found.reads,
        write_count=found.writes,
        read_bytes=found.bytes_read,
        written_bytes=found.bytes_written,
        in_flight_count=found.in_flight,
        read_ms=found.read_ms,
        write_ms=found.write_ms,
        kernel_counters=found.counters,
    )
