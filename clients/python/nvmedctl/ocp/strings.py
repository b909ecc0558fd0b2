"""The log of strings (C9h): what a vendor calls its own statistics and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nvmed.nvme.layout import Buffer, malformed, shown_text
from nvmed.nvme.ocp_telemetry import DWORD_BYTES, STRING_ENTRY, STRINGS_GUID, StringsHeader

MAX_BYTES: Final = 1 << 20
"""Of a log of strings. Those of drives have some ten thousand."""

Key = bytes
"""What is named: three bytes, as the tables have them."""


@dataclass(frozen=True, slots=True)
class Strings:
    """A vendor's names. Without a log of strings there are none."""

    statistics: Mapping[Key, str]
    events: Mapping[Key, str]
    vendor_events: Mapping[Key, str]
    fifos: tuple[str, ...] = ()

    def statistic(self, identifier: int) -> str:
        """The name of a statistic; "" where the log has none."""
        return self.statistics.get(identifier.to_bytes(3, "little"), "")

    def event(self, event_class: int, identifier: int) -> str:
        """The name of an event of a class of the vendor's, or of a vendor's event; "" where the log has none."""
        return self.events.get(_event_key(event_class, identifier), "")

    def vendor_event(self, event_class: int, identifier: int) -> str:
        """The name of the vendor's data in an event of a class; "" where the log has none."""
        return self.vendor_events.get(_event_key(event_class, identifier), "")


NO_STRINGS: Final = Strings({}, {}, {})


def parse(data: Buffer) -> Strings:
    """The strings of a log that was read whole.

    Raises NVME_DATA_INVALID where this is no log of strings, or a larger one than `MAX_BYTES`. Tables and names that
    are not there, whatever the log says, are left out.
    """
    if len(data) > MAX_BYTES:
        raise malformed(f"A log of strings has at most {MAX_BYTES} bytes, and this file {len(data)}")
    header = StringsHeader.parse(data)
    if header.guid != STRINGS_GUID:
        raise malformed("This is no OCP log of telemetry strings (C9h): its GUID is another one")
    view = memoryview(data)
    ascii_table = _table(view, header.ascii_start, header.ascii_size)
    return Strings(
        _names(_table(view, header.statistics_start, header.statistics_size), ascii_table),
        _names(_table(view, header.events_start, header.events_size), ascii_table),
        _names(_table(view, header.vendor_events_start, header.vendor_events_size), ascii_table),
        header.fifo_names,
    )


def _event_key(event_class: int, identifier: int) -> Key:
    return bytes((event_class, identifier & 0xFF, identifier >> 8))


def _table(view: memoryview, start: int, size: int) -> memoryview:
    """As much of a table as there is."""
    return view[start * DWORD_BYTES : (start + size) * DWORD_BYTES]


def _names(entries: memoryview, ascii_table: memoryview) -> Mapping[Key, str]:
    whole = entries[: len(entries) - len(entries) % STRING_ENTRY.size]
    found: dict[Key, str] = {}
    for key, length, start in STRING_ENTRY.iter_unpack(whole):
        # Lengths count from 0 (STR-ID-3): who forgets that loses each name's last letter.
        begin = start * DWORD_BYTES
        if name := shown_text(bytes(ascii_table[begin : begin + length + 1])):
            found.setdefault(key, name)
    return found
