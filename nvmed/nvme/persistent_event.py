"""The persistent event log, LID 0Dh (Base 2.0, section 5.16.1.14): a header and events of varying length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, unique

from nvmed.nvme.layout import U8, U16, U32, U64, U128, Buffer, Structure, at, bit, malformed, raw, text, zero_terminated
from nvmed.nvme.logpage import get_log_page
from nvmed.nvme.opcodes import LogPage
from nvmed.nvme.transport import Command


@unique
class EventAction(IntEnum):
    """LSP of Get Log Page: the log is a snapshot, a context, which stays until it is released."""

    READ = 0
    ESTABLISH_CONTEXT_AND_READ = 1
    RELEASE_CONTEXT = 2


@unique
class EventType(IntEnum):
    """Persistent event types (Base 2.0, figure 225)."""

    SMART_HEALTH_SNAPSHOT = 0x01
    FIRMWARE_COMMIT = 0x02
    TIMESTAMP_CHANGE = 0x03
    POWER_ON_OR_RESET = 0x04
    NVM_SUBSYSTEM_HARDWARE_ERROR = 0x05
    CHANGE_NAMESPACE = 0x06
    FORMAT_NVM_START = 0x07
    FORMAT_NVM_COMPLETION = 0x08
    SANITIZE_START = 0x09
    SANITIZE_COMPLETION = 0x0A
    SET_FEATURE = 0x0B
    TELEMETRY_LOG_CREATED = 0x0C
    THERMAL_EXCURSION = 0x0D
    SANITIZE_MEDIA_VERIFICATION = 0x0E
    PERSONALITY_CHANGE = 0x0F
    VENDOR_SPECIFIC = 0xDE
    TCG_DEFINED = 0xDF


@dataclass(frozen=True, slots=True)
class PersistentEventLogHeader(Structure):
    """The log's header (Base 2.0, figure 223). `timestamp` is the Timestamp feature's: milliseconds in bits 47:0."""

    SIZE = 512

    lid: int = at(0, U8, LogPage.PERSISTENT_EVENT)
    tnev: int = at(4, U32)
    tll: int = at(8, U64)
    lrev: int = at(16, U8)
    lhl: int = at(18, U16, 512 - 20)
    timestamp: int = at(20, U64)
    power_on_hours: int = at(28, U128)
    power_cycle_count: int = at(44, U64)
    vid: int = at(52, U16)
    ssvid: int = at(54, U16)
    sn: str = at(56, text(20))
    mn: str = at(76, text(40))
    subnqn: str = at(116, zero_terminated(256))
    gnum: int = at(372, U16)
    rci: int = at(374, U32)
    supported_events: bytes = at(480, raw(32))

    @property
    def header_bytes(self) -> int:
        """Where the first event begins: LHL counts from byte 20 on, and is never less than this structure."""
        return max(self.lhl + 20, self.SIZE)

    def supports(self, event_type: int) -> bool:
        """Whether the controller logs events of a type."""
        return bit(self.supported_events[event_type // 8], event_type % 8)


@dataclass(frozen=True, slots=True)
class PersistentEventHeader(Structure):
    """What every event begins with (Base 2.0, figure 224). EHL counts from byte 3 on, EL from the header's end on."""

    SIZE = 24

    event_type: int = at(0, U8)
    revision: int = at(1, U8)
    ehl: int = at(2, U8, 24 - 3)
    ehai: int = at(3, U8)
    cntlid: int = at(4, U16)
    timestamp: int = at(6, U64)
    pelpid: int = at(14, U16)
    vsil: int = at(20, U16)
    el: int = at(22, U16)


@dataclass(frozen=True, slots=True)
class PersistentEvent:
    """An event: its header, the vendor's part and its data, whose meaning `event_type` decides."""

    header: PersistentEventHeader = field(default_factory=PersistentEventHeader)
    vendor_specific: bytes = b""
    data: bytes = b""


def parse_events(data: Buffer, count: int) -> Iterator[PersistentEvent]:
    """The events in `data`, which begins at the first one; at most `count` (TNEV) of them.

    Raises NVME_DATA_INVALID at an event that is shorter than its header or not all there.
    """
    at_byte = 0
    for number in range(count):
        if at_byte + PersistentEventHeader.SIZE > len(data):
            raise malformed(f"The persistent event log ends before event {number} of {count}")
        header = PersistentEventHeader.parse(data[at_byte : at_byte + PersistentEventHeader.SIZE])
        start = at_byte + header.ehl + 3
        end = start + header.el
        if header.ehl + 3 < PersistentEventHeader.SIZE or header.vsil > header.el or end > len(data):
            raise malformed(
                f"Persistent event {number} at byte {at_byte} has impossible lengths "
                f"(EHL {header.ehl}, VSIL {header.vsil}, EL {header.el})"
            )
        middle = start + header.vsil
        yield PersistentEvent(header, bytes(data[start:middle]), bytes(data[middle:end]))
        at_byte = end


def build_log(header: PersistentEventLogHeader, events: Sequence[PersistentEvent]) -> bytes:
    """The whole log; number of events and all lengths are filled in."""
    body = b"".join(_build_event(event) for event in events)
    size = PersistentEventLogHeader.SIZE
    full = replace(header, tnev=len(events), tll=size + len(body), lhl=size - 20)
    return full.build() + body


def _build_event(event: PersistentEvent) -> bytes:
    payload = event.vendor_specific + event.data
    size = PersistentEventHeader.SIZE
    header = replace(event.header, ehl=size - 3, vsil=len(event.vendor_specific), el=len(payload))
    return header.build() + payload


def read_persistent_events(length_bytes: int, offset_bytes: int = 0, action: int = EventAction.READ) -> Command:
    """Read a part of the log. Establish the context with the first part, release it with a last command."""
    return get_log_page(LogPage.PERSISTENT_EVENT, length_bytes, offset_bytes, lsp=int(action))
