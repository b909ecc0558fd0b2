"""What OCP drives write into areas 1 and 2 of their telemetry logs, and the log of strings that names it (C9h).

Layouts alone, by the OCP Datacenter NVMe SSD Specification 2.5 to 2.7 (section "Telemetry"). Decoding what a drive
wrote is the client's work (`nvmedctl.ocp`), never the daemon's; the simulated drives build theirs with these.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.health import OcpSmartLog, SmartLog
from nvmed.nvme.layout import U8, U16, U64, Structure, array, at, raw, record, text

DWORD_BYTES: Final = 4
FIFOS: Final = 16
AREA_GUID: Final = 0xBA560A9C3043424CBC73719D87E64EFA.to_bytes(16, "little")
STRINGS_GUID: Final = 0xB13A83691A8F408B9EA495940057AA44.to_bytes(16, "little")

STATISTIC: Final = struct.Struct("<HBBHH")
"""Identifier, behaviour (bits 3:0), namespace (valid: bit 7), size of the data in dwords, reserved."""

EVENT: Final = struct.Struct("<BHB")
"""Class, identifier, size of the data in dwords. A snapshot's header is another one: `SNAPSHOT_BYTES`."""

SNAPSHOT_CLASS: Final = 0x0A
SNAPSHOT_BYTES: Final = EVENT.size + STATISTIC.size
"""An event that is a statistic: its class, three reserved bytes, and the statistic's own header."""

VENDOR_CLASS: Final = 0x80
"""From here on classes are the vendor's."""

VENDOR_IDENTIFIER: Final = 0x8000
"""From here on identifiers of statistics and events are the vendor's."""


@dataclass(frozen=True, slots=True)
class ReasonIdentifier(Structure):
    """Why the log was captured, at the end of its header. `valid` says which of the fields mean something."""

    SIZE = 128

    error_id: bytes = at(0, raw(64))
    file_id: bytes = at(64, raw(8))
    line_number: int = at(72, U16)
    valid: int = at(74, U8)
    vendor: bytes = at(96, raw(32))


@dataclass(frozen=True, slots=True)
class FifoPlace(Structure):
    """Where the events of a FIFO lie in its data area, in dwords."""

    SIZE = 16

    start: int = at(0, U64)
    size: int = at(8, U64)


@dataclass(frozen=True, slots=True)
class AreaHeader(Structure):
    """How data area 1 begins: what is where in areas 1 and 2, in dwords, and two log pages as they were."""

    SIZE = 1536

    major_version: int = at(0, U16, 3)
    minor_version: int = at(2, U16, 1)
    timestamp: int = at(8, U64)
    guid: bytes = at(16, raw(16), AREA_GUID)
    profiles: int = at(32, U8)
    selected_profile: int = at(33, U8)
    string_log_size: int = at(40, U64)
    firmware_revision: str = at(56, text(8))
    area_1_statistics_start: int = at(96, U64)
    area_1_statistics_size: int = at(104, U64)
    area_2_statistics_start: int = at(112, U64)
    area_2_statistics_size: int = at(120, U64)
    fifo_areas: tuple[int, ...] = at(160, array(U8, FIFOS))
    fifos: tuple[FifoPlace, ...] = at(176, array(record(FifoPlace), FIFOS))
    smart_page: bytes = at(512, raw(SmartLog.SIZE))
    smart_extended_page: bytes = at(1024, raw(OcpSmartLog.SIZE))


@dataclass(frozen=True, slots=True)
class StringsHeader(Structure):
    """How the log of strings begins: where its tables are, in dwords from its beginning, and the names of FIFOs."""

    SIZE = 432

    version: int = at(0, U8, 1)
    guid: bytes = at(16, raw(16), STRINGS_GUID)
    size: int = at(32, U64)
    statistics_start: int = at(64, U64)
    statistics_size: int = at(72, U64)
    events_start: int = at(80, U64)
    events_size: int = at(88, U64)
    vendor_events_start: int = at(96, U64)
    vendor_events_size: int = at(104, U64)
    ascii_start: int = at(112, U64)
    ascii_size: int = at(120, U64)
    fifo_names: tuple[str, ...] = at(128, array(text(16), FIFOS))


STRING_ENTRY: Final = struct.Struct("<3sBQ4x")
"""What is named (a statistic's identifier and a reserved byte, or an event's class and identifier), how long its name
is less one, and where it begins in the table of characters, in dwords."""


def build_statistic(identifier: int, data: bytes, behavior: int = 4, nsid: int | None = None) -> bytes:
    """A statistic with its header; `data` are filled up to whole dwords."""
    size = -(-len(data) // DWORD_BYTES)
    namespace = 0 if nsid is None else 0x80 | nsid
    return STATISTIC.pack(identifier, behavior, namespace, size, 0) + data.ljust(size * DWORD_BYTES, b"\0")


def build_event(event_class: int, identifier: int, data: bytes = b"") -> bytes:
    """An event with its header; `data` are filled up to whole dwords."""
    size = -(-len(data) // DWORD_BYTES)
    return EVENT.pack(event_class, identifier, size) + data.ljust(size * DWORD_BYTES, b"\0")


def build_snapshot(statistic: bytes) -> bytes:
    """The event that is `statistic`, as `build_statistic` makes it."""
    return EVENT.pack(SNAPSHOT_CLASS, 0, 0) + statistic
