"""Telemetry logs and logs of strings as OCP drives write them, from what is in them."""

from __future__ import annotations

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
from nvmed.nvme.telemetry import BLOCK_BYTES, HEADER_BYTES, TelemetryHeader

STATISTICS = b"".join(
    (
        build_statistic(0x0D, (7).to_bytes(8, "little")),
        build_statistic(0x1B, bytes((3, 0, 9, 0, 0, 0, 0, 0))),
        build_statistic(0x8001, b"vendor data of 17", nsid=2),
    )
)
EVENTS = b"".join(
    (
        build_event(0x01, 0, (1_700_000_000_000 | 2 << 48).to_bytes(8, "little")),
        build_event(0x02, 7, bytes((1, 4, 3, 0))),
        build_event(0x03, 7, bytes((6, 2, 0, 5, 0, 1, 0, 0)) + b"\x07\x80hi"),
        build_event(0x04, 1),
        build_snapshot(build_statistic(0x48, b"\x2c\x01")),
        build_event(0x81, 0x8002, b"vend"),
    )
)


def telemetry(
    statistics: bytes = STATISTICS,
    events: bytes = EVENTS,
    *,
    area_2: bytes = b"",
    origin: int = HEADER_BYTES,
    **fields: object,
) -> bytes:
    """A host's log whose area 1 has statistics and one FIFO, and area 2 is `area_2`.

    Offsets in area 1 count from byte `origin` of the log: from the area's beginning, or the log's.
    """
    start = (HEADER_BYTES - origin + AreaHeader.SIZE) // DWORD_BYTES
    size = len(statistics) // DWORD_BYTES
    header = AreaHeader(
        firmware_revision="FW1.0",
        timestamp=1_700_000_000_000,
        smart_page=SmartLog(composite_temperature=310).build(),
        smart_extended_page=OcpSmartLog(physical_media_bytes_written=5).build(),
        **{
            "area_1_statistics_start": start,
            "area_1_statistics_size": size,
            "fifo_areas": (1,),
            "fifos": (FifoPlace(start + size, len(events) // DWORD_BYTES),),
            **fields,
        },  # type: ignore[arg-type]
    )
    first = _blocks(header.build() + statistics + events)
    second = _blocks(area_2)
    last = len(first) // BLOCK_BYTES, (len(first) + len(second)) // BLOCK_BYTES
    return TelemetryHeader(dalb1=last[0], dalb2=last[1], dalb3=last[1], byte_381=4).build() + first + second


def strings(names: dict[bytes, str], *, table: str = "statistics") -> bytes:
    """A log of strings with one table, of what has three bytes as its key."""
    entries, characters = b"", b""
    for key, name in names.items():
        entries += STRING_ENTRY.pack(key, len(name) - 1, len(characters) // DWORD_BYTES)
        characters += name.encode().ljust(-(-len(name) // DWORD_BYTES) * DWORD_BYTES)
    begin = StringsHeader.SIZE // DWORD_BYTES
    header = StringsHeader(
        ascii_start=begin + len(entries) // DWORD_BYTES,
        ascii_size=len(characters) // DWORD_BYTES,
        fifo_names=("main",),
        **{f"{table}_start": begin, f"{table}_size": len(entries) // DWORD_BYTES},  # type: ignore[arg-type]
    )
    return header.build() + entries + characters


def _blocks(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // BLOCK_BYTES) * BLOCK_BYTES, b"\0")
