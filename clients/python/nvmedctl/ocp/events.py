"""Events of a FIFO, oldest first: a header, what their class defines, and what the vendor adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nvmed.nvme.ocp_telemetry import DWORD_BYTES, EVENT, SNAPSHOT_BYTES, SNAPSHOT_CLASS, VENDOR_CLASS, VENDOR_IDENTIFIER
from nvmedctl.ocp.names import CLASSES, EVENTS, LINK_CHANGES, LINK_WIDTHS
from nvmedctl.ocp.problems import Problems
from nvmedctl.ocp.statistics import Statistic, read_statistic
from nvmedctl.ocp.strings import Strings

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `offset_bytes` is where it is in the file; `data` is all that follows its header."""

    offset_bytes: int
    event_class: int
    identifier: int
    data: bytes
    snapshot: Statistic | None = None

    @property
    def class_name(self) -> str:
        """The class, "vendor" for those of vendors, "" for one that nobody knows."""
        return CLASSES.get(self.event_class) or ("vendor" if self.event_class >= VENDOR_CLASS else "")

    @property
    def fields(self) -> Fields:
        """What the specification says of the data; empty where it says nothing, or they are too short."""
        size, decode = _LAYOUTS.get(self.event_class, (0, _nothing))
        return decode(self.identifier, self.data[:size]) if len(self.data) >= size else {}

    @property
    def vendor_data(self) -> tuple[int, bytes] | None:
        """(identifier, data) of what the vendor added to an event of the specification's; None where that is nothing.

        Of an event of the vendor's own class all `data` are the vendor's.
        """
        rest = self.data[_LAYOUTS.get(self.event_class, (0, _nothing))[0] :]
        if self.snapshot or self.event_class >= VENDOR_CLASS or len(rest) < 2:
            return None
        return int.from_bytes(rest[:2], "little"), rest[2:]

    def name(self, strings: Strings) -> str:
        """What happened; "" where nobody says."""
        if self.snapshot:
            return self.snapshot.name(strings)
        known = EVENTS.get(self.event_class, ())
        if self.identifier < len(known) and self.identifier < VENDOR_IDENTIFIER:
            return known[self.identifier]
        return strings.event(self.event_class, self.identifier)


def read_events(view: memoryview, start: int, end: int, problems: Problems) -> Iterator[Event]:
    """The events from `start` to `end` of the file, up to the one whose class is 0."""
    at = start
    while at + EVENT.size <= end and view[at]:
        if view[at] == SNAPSHOT_CLASS:
            snapshot = read_statistic(view, at + EVENT.size, end)
            if snapshot is None:
                problems.add(at, "A snapshot says that it is longer than its FIFO; it and what follows is not read.")
                return
            yield Event(at, SNAPSHOT_CLASS, snapshot.identifier, snapshot.data, snapshot)
            at += SNAPSHOT_BYTES + len(snapshot.data)
            continue
        event_class, identifier, dwords = EVENT.unpack_from(view, at)
        begin, after = at + EVENT.size, at + EVENT.size + dwords * DWORD_BYTES
        if after > end:
            problems.add(at, "An event says that it is longer than its FIFO; it and what follows is not read.")
            return
        yield Event(at, event_class, identifier, bytes(view[begin:after]))
        at = after


def timestamp(raw: int) -> Fields:
    """The Timestamp feature's data structure (Base 2.0, figure 318), as areas and events have it."""
    return {
        "timestamp_ms": raw & (1 << 48) - 1,
        "timestamp_origin": "set by a host" if raw >> 49 & 7 else "controller reset",
        "timestamp_synchronous": not raw >> 48 & 1,
    }


def _nothing(_identifier: int, _data: bytes) -> Fields:
    return {}


def _timestamp(_identifier: int, data: bytes) -> Fields:
    return timestamp(int.from_bytes(data, "little"))


def _pcie(identifier: int, data: bytes) -> Fields:
    if identifier != 7:
        return {}
    changed = LINK_CHANGES[data[0]] if data[0] < len(LINK_CHANGES) else f"{data[0]}"
    return {"link_changed": changed, "link_generation": data[1], "link_width": LINK_WIDTHS.get(data[2], 0)}


def _nvme(identifier: int, data: bytes) -> Fields:
    def number(start: int, size: int) -> int:
        return int.from_bytes(data[start : start + size], "little")

    match identifier:
        case 7 | 8:
            return {"opcode": data[0], "status": number(1, 2), "command_id": number(3, 2), "queue_id": number(5, 2)}
        case 0x0B:
            return {"cc": number(0, 4)}
        case 0x0C:
            return {"csts": number(0, 4)}
        case 0x0E:
            return {"opcode": data[0], "status": number(1, 2), "mi_status": data[3], "request_bytes": data[4:6].hex()}
        case 0x0F:
            return {"aem": number(0, 8)}
    return {}


def _media_wear(_identifier: int, data: bytes) -> Fields:
    host, media, erased = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4, 8))
    return {"host_written_tb": host, "media_written_tb": media, "media_erased_tb": erased}


_LAYOUTS: Final[Mapping[int, tuple[int, Callable[[int, bytes], Fields]]]] = {
    0x01: (8, _timestamp),
    0x02: (4, _pcie),
    0x03: (8, _nvme),
    0x09: (12, _media_wear),
}
"""Of a class: how many bytes of the data are the specification's, and what they say. Of others, none are."""
