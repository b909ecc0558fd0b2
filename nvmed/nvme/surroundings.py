"""What a host knows around a controller: where it sits, its link, what went wrong on it, its lights and its paths.

All of it is the host's own knowledge; no command is sent to a drive for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

COUNTERS_MAX: Final = 64
"""Counters of one kind that are kept: kernels have a dozen."""

_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
_SPEED: Final = re.compile(r"(\d{1,4})(?:\.(\d))?\d* GT/s(?: .*)?", re.ASCII)
_COUNTER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_ ]{0,63}?)[ \t]+(\d{1,20})", re.ASCII)
_TOTAL: Final = "TOTAL_ERR_"


@unique
class Indicator(Enum):
    """A light of a bay (PCI Firmware Specification 3.3, NPEM; SFF-8489 has the patterns)."""

    LOCATE = "locate"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Location:
    """Where a controller is; "" and None for what the host does not tell.

    `pci_address` is that of its PCI function. `slot` is the name of the slot it is plugged into, which the platform
    gives; `label` what the firmware calls the device (SMBIOS type 41, _DSM). `enclosure` and `bay` are those of an
    enclosure device.
    """

    pci_address: str = ""
    slot: str = ""
    label: str = ""
    enclosure: str = ""
    bay: str = ""
    numa_node: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A PCI Express link, as it is and as it could be: millions of transfers a second on each lane, and lanes."""

    speed_mts: int
    width: int
    max_speed_mts: int
    max_width: int

    @property
    def is_degraded(self) -> bool:
        """Whether it is slower or narrower than both ends could."""
        return self.speed_mts < self.max_speed_mts or self.width < self.max_width


@dataclass(frozen=True, slots=True)
class LinkErrors:
    """Advanced Error Reporting: how often each kind of error was met since the device was enumerated, by its name."""

    correctable: Mapping[str, int]
    nonfatal: Mapping[str, int]
    fatal: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PathFacts:
    """One path to a namespace: `reads` and `writes` that went over it, how long they took in all, and `counters` as
    the kernel names them.
    """

    node: str
    nsid: int
    ana_state: str = ""
    reads: int = 0
    writes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    in_flight: int = 0
    read_ms: int = 0
    write_ms: int = 0
    counters: Mapping[str, int] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around one controller. `link` and `errors` are None where it has no PCI Express link of its own.

    `counters` are the kernel's own about the controller (its `diag` directory). `indicators` has those lights that can
    be switched, and whether they are on.
    """

    location: Location = Location()
    link: Link | None = None
    errors: LinkErrors | None = None
    queue_count: int | None = None
    queue_depth: int | None = None
    counters: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    paths: tuple[PathFacts, ...] = ()
    indicators: Mapping[Indicator, bool] = field(default_factory=dict)


def parse_speed(text: str) -> int | None:
    """`16.0 GT/s PCIe` as millions of transfers a second; None for what is no speed."""
    found = _SPEED.fullmatch(text)
    return int(found[1]) * 1000 + int(found[2] or 0) * 100 if found else None


def parse_counters(text: str) -> dict[str, int]:
    """Lines of a name and a number, as AER's attributes have them, without their totals; others are left out."""
    found = (_COUNTER.fullmatch(line.strip()) for line in text.splitlines())
    counters = {match[1]: int(match[2]) for match in found if match and not match[1].startswith(_TOTAL)}
    return dict([*counters.items()][:COUNTERS_MAX])


@dataclass(frozen=True, slots=True)
class BlockStatistics:
    """The beginning of a block device's `stat` (Documentation/block/stat.rst): sectors are of 512 bytes."""

    reads: int
    bytes_read: int
    writes: int
    bytes_written: int
    in_flight: int
    read_ms: int
    write_ms: int


def parse_block_statistics(text: str) -> BlockStatistics | None:
    """None for what is no such line."""
    words = text.split()
    if len(words) < 9 or not all(re.fullmatch(r"[0-9]{1,20}", word) for word in words):
        return None
    numbers = [int(word) for word in words]
    return BlockStatistics(
        reads=numbers[0],
        bytes_read=numbers[2] * 512,
        writes=numbers[4],
        bytes_written=numbers[6] * 512,
        in_flight=numbers[8],
        read_ms=numbers[3],
        write_ms=numbers[7],
    )
