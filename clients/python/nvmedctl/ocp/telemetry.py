"""A telemetry log of an OCP drive, decoded: pure, bounded, and without trust in any size or offset.

    log = decode(Path("nvme0.bin").read_bytes(), strings.parse(Path("nvme0-strings.bin").read_bytes()))
    for statistic in log.statistics(1):
        print(statistic.name(log.strings), statistic.value)

Nothing is held but the file, which may be mapped: statistics and events are read when they are asked for. What cannot
be so is in `problems`, once what it is in was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final

from nvmed.nvme.layout import Buffer, malformed
from nvmed.nvme.ocp_telemetry import AREA_GUID, DWORD_BYTES, STATISTIC, AreaHeader, ReasonIdentifier
from nvmed.nvme.telemetry import BLOCK_BYTES, HEADER_BYTES, TelemetryHeader, TelemetryLog
from nvmedctl.ocp.events import Event, read_events
from nvmedctl.ocp.problems import Problems
from nvmedctl.ocp.statistics import Statistic, read_statistic, read_statistics
from nvmedctl.ocp.strings import NO_STRINGS, Strings

AREAS: Final = (1, 2)
"""The data areas that OCP defines; 3 and 4 are the vendor's."""

_LOOKED_AT: Final = 4096
"""How many statistics are looked at to find out what an offset counts from."""


class Offsets(Enum):
    """What the places of statistics and FIFOs count from.

    Versions of the specification say it in different words, and drives and decoders read those differently
    (nvme-cli#3184). AUTO takes that under which what is there makes sense.
    """

    AUTO = "auto"
    AREA = "area"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Fifo:
    """The events of one FIFO. `number` is 1 to 16; `start` and `end` are places in the file."""

    number: int
    name: str
    area: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class OcpTelemetry:
    """A decoded log. `offsets` is what its offsets were found to count from."""

    header: TelemetryHeader
    reason: ReasonIdentifier
    area: AreaHeader
    fifos: tuple[Fifo, ...]
    offsets: Offsets
    strings: Strings
    problems: Problems
    _view: memoryview
    _statistics: tuple[range, range]

    def statistics(self, area: int) -> Iterator[Statistic]:
        """The statistics of data area 1 or 2."""
        place = self._statistics[area - 1]
        return read_statistics(self._view, place.start, place.stop, self.problems)

    def events(self, fifo: Fifo) -> Iterator[Event]:
        """The events of a FIFO, as they lie there."""
        return read_events(self._view, fifo.start, fifo.end, self.problems)


def decode(data: Buffer, strings: Strings = NO_STRINGS, offsets: Offsets = Offsets.AUTO) -> OcpTelemetry:
    """Decode a host's or a controller's telemetry log, from its header on, of which at least area 1 was read.

    Raises NVME_DATA_INVALID where this is no telemetry log, or its area 1 is not OCP's.
    """
    view = memoryview(data)
    header = TelemetryHeader.parse(view)
    if header.lpi not in (*TelemetryLog,):
        raise malformed(f"This is no telemetry log: its first byte is {header.lpi:#04x} and not 0x07 or 0x08")
    if len(view) < HEADER_BYTES + AreaHeader.SIZE:
        needed = HEADER_BYTES + AreaHeader.SIZE
        raise malformed(f"Data area 1 of OCP drives has a header to byte {needed}; this log ends at {len(view)}")
    area = AreaHeader.parse(view[HEADER_BYTES:])
    if area.guid != AREA_GUID:
        raise malformed(
            f"Data area 1 is not as OCP defines it: its GUID is {area.guid[::-1].hex()} and not "
            f"{AREA_GUID[::-1].hex()}. The vendor's own tools may read it"
        )
    problems = Problems()
    areas = _areas(header, len(view), problems)
    chosen = _chosen(view, area, areas) if offsets is Offsets.AUTO else offsets
    places = (
        _place(area.area_1_statistics_start, area.area_1_statistics_size, areas[0], chosen, 1),
        _place(area.area_2_statistics_start, area.area_2_statistics_size, areas[1], chosen, 2),
    )
    for number, (place, size) in enumerate(
        zip(places, (area.area_1_statistics_size, area.area_2_statistics_size), strict=True), 1
    ):
        if len(place) < size * DWORD_BYTES:
            problems.add(
                place.start, f"Statistics of area {number}: {len(place)} of {size * DWORD_BYTES} bytes are there."
            )
    reason = ReasonIdentifier.parse(header.reason_identifier)
    fifos = (*_fifos(area, areas, chosen, strings, problems),)
    return OcpTelemetry(header, reason, area, fifos, chosen, strings, problems, view, places)


def _areas(header: TelemetryHeader, size: int, problems: Problems) -> tuple[range, range]:
    """Where data areas 1 and 2, without those before, lie in the file, as far as they do."""
    ends = [HEADER_BYTES, *((last + 1) * BLOCK_BYTES for last in header.last_blocks[:2])]
    if max(ends) > size:
        problems.add(size, f"The file ends here; area 2 would at byte {max(ends)}.")
    first, second = (range(min(begin, size), min(end, size)) for begin, end in pairwise(ends))
    return first, second


def _place(start: int, size: int, area: range, offsets: Offsets, number: int) -> range:
    """What lies `start` dwords after what offsets count from, for `size` dwords: as far as it is in its area."""
    origin = 0 if offsets is Offsets.LOG and number == 1 else area.start
    begin = origin + start * DWORD_BYTES
    if not area.start <= begin < area.stop:
        return range(area.stop, area.stop)
    return range(begin, min(begin + size * DWORD_BYTES, area.stop))


def _chosen(view: memoryview, area: AreaHeader, areas: tuple[range, range]) -> Offsets:
    """Under which reading the statistics of area 1 are better; AREA if that cannot be told."""

    def worth(offsets: Offsets) -> int:
        place = _place(area.area_1_statistics_start, area.area_1_statistics_size, areas[0], offsets, 1)
        return _well_formed(view, place)

    return max((Offsets.AREA, Offsets.LOG), key=worth)


def _well_formed(view: memoryview, place: range) -> int:
    """How many statistics in a row could be some."""
    at, count = place.start, 0
    while count < _LOOKED_AT and at + STATISTIC.size <= place.stop:
        found = read_statistic(view, at, place.stop)
        if found is None or not found.is_well_formed:
            break
        at, count = at + found.size_bytes, count + 1
    return count


def _fifos(
    area: AreaHeader, areas: tuple[range, range], offsets: Offsets, strings: Strings, problems: Problems
) -> Iterator[Fifo]:
    for number, (where, place) in enumerate(zip(area.fifo_areas, area.fifos, strict=True), 1):
        if not where:
            continue
        if where not in AREAS:
            problems.add(HEADER_BYTES + 159 + number, f"FIFO {number} is in data area {where}; only 1 and 2 have any.")
            continue
        found = _place(place.start, place.size, areas[where - 1], offsets, where)
        if len(found) < place.size * DWORD_BYTES:
            wanted = place.size * DWORD_BYTES
            problems.add(found.start, f"FIFO {number}: {len(found)} of {wanted} bytes are in data area {where}.")
        name = strings.fifos[number - 1] if strings.fifos else ""
        yield Fifo(number, name, where, found.start, found.stop)
