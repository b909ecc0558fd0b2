"""The telemetry logs: header, data areas, commands (Base 2.0, sections 5.16.1.8 and 5.16.1.9, and 8.24).

A log is a header block of 512 bytes and data blocks of 512 bytes. Data areas are cumulative: each begins after the
header and ends at its last block, so area 2 holds area 1. Reading an area is reading the log from 0 to
`area_end_bytes`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum, unique

from nvmed.nvme.layout import U8, U16, U24, U32, Buffer, Structure, at, bit, raw
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason, error, invalid_field

BLOCK_BYTES = 512
HEADER_BYTES = BLOCK_BYTES
GENERATION_VERSION = 0x2_00_00
"""VER from which the host's log has a generation number, and its creation a limit (MCDA)."""
_CONTROLLERS = slice(382, 384)
"""Availability and generation of controller-initiated data, in either header."""


@unique
class TelemetryLog(IntEnum):
    """Which of the two logs; the value is its LID."""

    HOST_INITIATED = LogPage.TELEMETRY_HOST_INITIATED
    CONTROLLER_INITIATED = LogPage.TELEMETRY_CONTROLLER_INITIATED


@unique
class TelemetryDataArea(IntEnum):
    """libnvme's `enum nvme_telemetry_da`. CONTROLLER_DETERMINED leaves the choice to the controller when a log is
    created, and is all that there is when one is read."""

    CONTROLLER_DETERMINED = 0
    AREA_1 = 1
    AREA_2 = 2
    AREA_3 = 3
    AREA_4 = 4


@dataclass(frozen=True, slots=True)
class TelemetryHeader(Structure):
    """The first 512 bytes of either log (Base 2.0, figures 219 and 220).

    `lpi` is the log page identifier that the controller writes; `dalb1` to `dalb4` are the last blocks of the data
    areas. Bytes 380 and 381 differ: in the host's log they are its scope and its generation number, in the
    controller's log 381 is its scope. Both logs carry availability and generation number of controller-initiated data.
    """

    SIZE = HEADER_BYTES

    lpi: int = at(0, U8, TelemetryLog.HOST_INITIATED)
    ieee: int = at(5, U24)
    dalb1: int = at(8, U16)
    dalb2: int = at(10, U16)
    dalb3: int = at(12, U16)
    dalb4: int = at(16, U32)
    byte_380: int = at(380, U8)
    byte_381: int = at(381, U8)
    controller_data_available: int = at(382, U8)
    controller_generation: int = at(383, U8)
    reason_identifier: bytes = at(384, raw(128))

    @property
    def log(self) -> TelemetryLog:
        """Which log this is the header of: the controller's if `lpi` says so, else the host's; see `parse_header`."""
        is_controllers = self.lpi == TelemetryLog.CONTROLLER_INITIATED
        return TelemetryLog.CONTROLLER_INITIATED if is_controllers else TelemetryLog.HOST_INITIATED

    @property
    def scope(self) -> int:
        """What the data are about: 0 not reported, 1 controller, 2 NVM subsystem."""
        return self.byte_380 if self.log is TelemetryLog.HOST_INITIATED else self.byte_381

    @property
    def generation(self) -> int:
        """The generation number of this log's data; it wraps at 255."""
        return self.byte_381 if self.log is TelemetryLog.HOST_INITIATED else self.controller_generation

    @property
    def has_generation(self) -> bool:
        """Whether a new log surely has another header. Before NVMe 2.0 byte 381 of the host's log is reserved: 0."""
        return self.generation != 0

    @property
    def is_available(self) -> bool:
        """Whether the controller has captured controller-initiated data."""
        return bool(self.controller_data_available)

    @property
    def last_blocks(self) -> tuple[int, int, int, int]:
        """The last block of areas 1 to 4; 0 where an area holds no data."""
        return (self.dalb1, self.dalb2, self.dalb3, self.dalb4)

    def fingerprint(self) -> bytes:
        """32 bytes that differ when the log's data do: generation, areas, scope, reason.

        The host's log repeats availability and generation of controller-initiated data; those may change while it is
        read, without any effect on its own data, and are left out.
        """
        same = self
        if self.log is TelemetryLog.HOST_INITIATED:
            same = replace(self, controller_data_available=0, controller_generation=0)
        return hashlib.sha256(same.build()).digest()


def parse_header(data: Buffer, log: TelemetryLog, areas: int = TelemetryDataArea.AREA_4) -> TelemetryHeader:
    """The header of the log that was asked for, whatever identifier the controller wrote into it.

    `areas` is how many data areas the controller has: with three, the last block of the fourth is reserved bytes.
    """
    header = replace(TelemetryHeader.parse(data), lpi=int(log))
    return header if areas >= TelemetryDataArea.AREA_4 else replace(header, dalb4=0)


def telling_blocks(header: TelemetryHeader, end_bytes: int) -> tuple[int, ...]:
    """Where blocks begin that another log would differ in: the header, and the first of each data area there is."""
    begins = (0, *((last + 1) * BLOCK_BYTES for last in (0, *header.last_blocks[:3])))
    return tuple(sorted({offset for offset in begins if offset < end_bytes}))


def telling_bytes(block: Buffer, offset: int, log: TelemetryLog) -> bytes:
    """What must stay the same of the block at `offset`: all of it, but for what the host's header repeats of the
    controller's log."""
    same = bytearray(block)
    if offset == 0 and log is TelemetryLog.HOST_INITIATED:
        same[_CONTROLLERS] = bytes(len(same[_CONTROLLERS]))
    return bytes(same)


def area_end_bytes(header: TelemetryHeader, area: int) -> int:
    """How many bytes the log has from its beginning to the end of `area`, header included.

    CONTROLLER_DETERMINED is the end of the largest area. As libnvme, this obeys the header literally even where a later
    area ends before an earlier one. Raises TELEMETRY_AREA_EMPTY where the area has no data, `invalid_field` where there
    is no such area.
    """
    chosen = data_area(area)
    last = max(header.last_blocks) if chosen == 0 else header.last_blocks[chosen - 1]
    if last == 0:
        raise error(
            Reason.TELEMETRY_AREA_EMPTY,
            f"Data area {chosen} holds no data; {_that_hold_data(header)}. The last blocks of areas 1 to 4 are "
            f"{header.last_blocks}.",
            data_area=int(chosen),
            last_blocks=",".join(map(str, header.last_blocks)),
        )
    return (last + 1) * BLOCK_BYTES


def _that_hold_data(header: TelemetryHeader) -> str:
    areas = [str(number) for number, last in enumerate(header.last_blocks, 1) if last]
    return f"ask for {' or '.join(areas)}" if areas else "none does, so that there is nothing to ask for"


def data_area(area: int) -> TelemetryDataArea:
    """`area` as the enumeration; `invalid_field` if there is no such area."""
    try:
        return TelemetryDataArea(area)
    except ValueError:
        raise invalid_field("data_area", f"{area} is no data area; use 1 to 4, or 0 for all.") from None


def supported_areas(lpa: int) -> tuple[TelemetryDataArea, ...]:
    """The data areas that a controller with this LPA has; () is no telemetry at all.

    LPA bit 3 is telemetry, bit 6 area 4 (Base 2.0, figure 275). As for libnvme, bit 6 alone suffices.
    """
    count = 4 if bit(lpa, 6) else 3 if bit(lpa, 3) else 0
    return tuple(TelemetryDataArea(number) for number in range(1, count + 1))


def require_area(lpa: int, area: int) -> TelemetryDataArea:
    """`area` if a controller with this LPA has it, so that nothing touches the drive for one that it has not.

    Raises TELEMETRY_UNSUPPORTED, or `invalid_field` where no controller has it.
    """
    chosen, supported = data_area(area), supported_areas(lpa)
    if not supported:
        raise error(
            Reason.TELEMETRY_UNSUPPORTED, "The controller has no telemetry logs: LPA bit 3 is not set.", lpa=lpa
        )
    if chosen > supported[-1]:
        raise error(
            Reason.TELEMETRY_UNSUPPORTED,
            f"The controller has data areas 1 to {supported[-1]}, not {chosen}: LPA bit 6 is not set.",
            data_area=int(chosen),
            lpa=lpa,
        )
    return chosen


# -- commands


def read_header(log: TelemetryLog, *, retain_async_event: bool = True) -> Command:
    """Read the header of the log there is. Not retaining the event acknowledges controller-initiated data: the
    controller may then replace them."""
    return get_log_page(log, HEADER_BYTES, rae=retain_async_event)


def create_host_log(area: int = TelemetryDataArea.CONTROLLER_DETERMINED) -> Command:
    """Capture a new host-initiated log, replacing the last, up to `area`, and read its header.

    LSP bit 0 creates, bits 3:1 are the Maximum Created Data Area (libnvme sends it since 1.12). Controllers that do not
    know it may refuse any area but CONTROLLER_DETERMINED, which leaves those bits 0.
    """
    return get_log_page(LogPage.TELEMETRY_HOST_INITIATED, HEADER_BYTES, lsp=1 | data_area(area) << 1, rae=True)


def read_data(log: TelemetryLog, length_bytes: int, offset_bytes: int, *, retain_async_event: bool = True) -> Command:
    """Read a part of the log; length and offset must be multiples of 512 (Base 2.0, section 5.16.1.8)."""
    for name, value in (("length_bytes", length_bytes), ("offset_bytes", offset_bytes)):
        if value % BLOCK_BYTES:
            raise invalid_field(name, f"{value}; telemetry is read in multiples of {BLOCK_BYTES} bytes.")
    return get_log_page(log, length_bytes, offset_bytes, rae=retain_async_event)
