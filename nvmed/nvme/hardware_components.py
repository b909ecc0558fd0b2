"""OCP's Hardware Component log, C6h (version 2.6 and later): what a drive is made of, by part, maker and lot.

Descriptors of varying length follow a header; each counts its own parts in dwords, and none of the counts is believed
beyond what was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.layout import U16, U32, U64, U128, Buffer, Structure, at, malformed, raw
from nvmed.nvme.ocp import GUID_BYTES, GUIDS
from nvmed.nvme.opcodes import LogPage

DWORDS_VERSION: Final = 1
"""The version whose size is in dwords; later ones count bytes."""

DWORD: Final = 4


@unique
class ComponentKind(IntEnum):
    """What a component is; from 8000h on the vendor's."""

    CONTROLLER = 1
    NAND = 2
    DRAM = 3
    POWER_MANAGEMENT = 4
    BOARD = 5
    CAPACITOR = 6
    REGULATOR = 7
    CASE = 8
    SERIAL_NUMBER = 9
    COUNTRY_OF_ORIGIN = 10
    HARDWARE_REVISION = 11
    BORN_ON_DATE = 12


VENDOR_COMPONENT: Final = 0x8000


@dataclass(frozen=True, slots=True)
class ComponentsHeader(Structure):
    """How the log begins. `size` is of all of it."""

    SIZE = 64

    version: int = at(0, U16)
    guid: bytes = at(16, raw(GUID_BYTES), GUIDS[LogPage.OCP_HARDWARE_COMPONENT])
    size: int = at(32, U128)

    @property
    def size_bytes(self) -> int:
        """Of the whole log."""
        return self.size * DWORD if self.version == DWORDS_VERSION else self.size


@dataclass(frozen=True, slots=True)
class ComponentHead(Structure):
    """What each descriptor begins with; date or lot, and more, follow in dwords."""

    SIZE = 44

    lot_dwords: int = at(0, U64)
    more_dwords: int = at(8, U64)
    kind: int = at(16, U32)
    manufacturer: bytes = at(20, raw(8))
    revision: bytes = at(28, raw(8))
    manufacturer_code: bytes = at(36, raw(8))


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a drive: its head, its date or lot code, and what the vendor adds."""

    head: ComponentHead
    lot_code: bytes = b""
    more: bytes = b""


def parse_components(data: Buffer) -> Iterator[Component]:
    """The descriptors in `data`, which begins behind the header. NVME_DATA_INVALID at one that is not all there."""
    start, number = 0, 0
    while start < len(data):
        if start + ComponentHead.SIZE > len(data):
            raise malformed(f"The hardware component log ends within the head of component {number}")
        head = ComponentHead.parse(data[start:])
        lot = start + ComponentHead.SIZE
        more, end = lot + head.lot_dwords * DWORD, lot + (head.lot_dwords + head.more_dwords) * DWORD
        if end > len(data):
            raise malformed(
                f"Component {number} at byte {start} has impossible lengths ({head.lot_dwords} and {head.more_dwords} "
                f"dwords in {len(data) - lot} bytes)"
            )
        yield Component(head, bytes(data[lot:more]), bytes(data[more:end]))
        start, number = end, number + 1


def build_components(components: Sequence[tuple[int, bytes, bytes, bytes]]) -> bytes:
    """The whole log, version 2, of (kind, manufacturer, lot code, more); all lengths are filled in."""
    body = b"".join(_build(*one) for one in components)
    return ComponentsHeader(version=2, size=ComponentsHeader.SIZE + len(body)).build() + body


def _build(kind: int, manufacturer: bytes, lot_code: bytes, more: bytes) -> bytes:
    head = ComponentHead(-(-len(lot_code) // DWORD), -(-len(more) // DWORD), kind, manufacturer)
    return head.build() + b"".join(part.ljust(len(part) + -len(part) % DWORD, b"\0") for part in (lot_code, more))
