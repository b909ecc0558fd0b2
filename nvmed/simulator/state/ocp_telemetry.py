"""What data area 1 of a drive of OCP's begins with: statistics of now, and the events of a start.

The rest of both telemetry logs is data that nobody can decode, as with real drives.
"""

from __future__ import annotations

from collections.abc import Callable

from nvmed.nvme.health import OcpSmartLog, SmartLog
from nvmed.nvme.ocp_telemetry import (
    DWORD_BYTES,
    STRING_ENTRY,
    AreaHeader,
    FifoPlace,
    StringsHeader,
    build_event,
    build_snapshot,
    build_statistic,
)

_SMART_STATISTICS: tuple[tuple[int, int, Callable[[SmartLog], int]], ...] = (
    (0x47, 1, lambda smart: smart.critical_warning),
    (0x48, 2, lambda smart: smart.composite_temperature),
    (0x49, 1, lambda smart: smart.available_spare),
    (0x4B, 1, lambda smart: smart.percentage_used),
    (0x4D, 16, lambda smart: smart.data_units_read),
    (0x4E, 16, lambda smart: smart.data_units_written),
    (0x52, 16, lambda smart: smart.power_cycles),
    (0x53, 16, lambda smart: smart.power_on_hours),
    (0x54, 16, lambda smart: smart.unsafe_shutdowns),
    (0x55, 16, lambda smart: smart.media_errors),
)
"""Identifier, bytes, and value of the statistics that SMART has as well."""

VENDOR_STATISTIC, VENDOR_EVENT_CLASS = 0x8001, 0x81
_NAND_ERASES = 0x3D


def beginning(smart: SmartLog, extended: OcpSmartLog, revision: str, timestamp: int) -> bytes:
    """The first bytes of data area 1; `timestamp` is as the Timestamp feature has it."""
    statistics = b"".join(
        (
            *(build_statistic(identifier, get(smart).to_bytes(size, "little"))
              for identifier, size, get in _SMART_STATISTICS),
            build_statistic(_NAND_ERASES, smart.power_cycles.to_bytes(4, "little")),
            build_statistic(VENDOR_STATISTIC, smart.host_write_commands.to_bytes(8, "little"), nsid=1),
        )
    )  # fmt: skip
    temperature = build_statistic(0x48, smart.composite_temperature.to_bytes(4, "little"), behavior=1)
    events = b"".join(
        (
            build_event(0x01, 1, timestamp.to_bytes(8, "little")),
            build_event(0x04, 1),
            build_event(0x05, 0),
            build_event(0x02, 7, bytes((0, 4, 3, 0))),
            build_snapshot(temperature),
            build_event(VENDOR_EVENT_CLASS, 1, b"start"),
        )
    )
    start = AreaHeader.SIZE // DWORD_BYTES
    statistics_size, events_size = len(statistics) // DWORD_BYTES, len(events) // DWORD_BYTES
    header = AreaHeader(
        timestamp=timestamp,
        firmware_revision=revision,
        area_1_statistics_start=start,
        area_1_statistics_size=statistics_size,
        fifo_areas=(1,),
        fifos=(FifoPlace(start + statistics_size, events_size),),
        smart_page=smart.build(),
        smart_extended_page=extended.build(),
    )
    return header.build() + statistics + events


NAMES: tuple[dict[bytes, str], dict[bytes, str]] = (
    {VENDOR_STATISTIC.to_bytes(3, "little"): "Host write commands"},
    {bytes((VENDOR_EVENT_CLASS, 1, 0)): "Drive started"},
)
"""What the vendor's statistics, and the vendor's events, are called."""


def strings() -> bytes:
    """The log of strings: names for what `beginning` has of the vendor's."""
    tables, characters = [b"", b""], b""
    for number, names in enumerate(NAMES):
        for key, name in names.items():
            tables[number] += STRING_ENTRY.pack(key, len(name) - 1, len(characters) // DWORD_BYTES)
            characters += name.encode().ljust(-(-len(name) // DWORD_BYTES) * DWORD_BYTES)
    start = StringsHeader.SIZE // DWORD_BYTES
    sizes = [len(part) // DWORD_BYTES for part in (*tables, characters)]
    header = StringsHeader(
        size=start + sum(sizes), fifo_names=("starts",),
        statistics_start=start, statistics_size=sizes[0],
        vendor_events_start=start + sizes[0], vendor_events_size=sizes[1],
        ascii_start=start + sizes[0] + sizes[1], ascii_size=sizes[2],
    )  # fmt: skip
    return header.build() + b"".join(tables) + characters
