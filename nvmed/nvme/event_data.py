"""What persistent events say, by their type (Base 2.0, section 5.16.1.14.1).

    data = decode(event.header.event_type, event.data)      # a structure, or None for what no structure is known

An event whose data are shorter than its structure, as drives of older versions write them, has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.health import SmartLog
from nvmed.nvme.layout import U8, U16, U32, U64, Structure, at, bit, bits, text
from nvmed.nvme.ocp import TCG_ACTIVITY_CODE, TcgActivity
from nvmed.nvme.persistent_event import EventType
from nvmed.nvme.telemetry import TelemetryHeader


@dataclass(frozen=True, slots=True)
class FirmwareCommitData(Structure):
    """A Firmware Commit command that was carried out."""

    SIZE = 22

    old_revision: str = at(0, text(8))
    new_revision: str = at(8, text(8))
    action: int = at(16, U8)
    slot: int = at(17, U8)
    sct: int = at(18, U8)
    sc: int = at(19, U8)
    vendor_result: int = at(20, U16)


@dataclass(frozen=True, slots=True)
class TimestampChangeData(Structure):
    """The Timestamp feature was set. `previous` is as the feature has it: milliseconds in bits 47:0."""

    SIZE = 16

    previous: int = at(0, U64)
    milliseconds_since_reset: int = at(8, U64)


@dataclass(frozen=True, slots=True)
class ResetData(Structure):
    """A controller at a power on or reset."""

    SIZE = 36

    cntlid: int = at(0, U16)
    firmware_activation: int = at(2, U8)
    operation_in_progress: int = at(3, U8)
    power_cycles: int = at(16, U32)
    power_on_milliseconds: int = at(20, U64)
    timestamp: int = at(28, U64)


@dataclass(frozen=True, slots=True)
class PowerOnData(Structure):
    """Power on, or a reset: the firmware that runs. A `ResetData` for each controller follows."""

    SIZE = 8

    revision: str = at(0, text(8))


@dataclass(frozen=True, slots=True)
class HardwareErrorData(Structure):
    """A hardware error of the NVM subsystem; what `code` adds follows."""

    SIZE = 4

    code: int = at(0, U16)


@dataclass(frozen=True, slots=True)
class ChangeNamespaceData(Structure):
    """A namespace was created or deleted, which SEL in bits 3:0 of `cdw10` says."""

    SIZE = 48

    cdw10: int = at(0, U32)
    nsze: int = at(8, U64)
    ncap: int = at(24, U64)
    flbas: int = at(32, U8)
    dps: int = at(33, U8)
    nmic: int = at(34, U8)
    anagrpid: int = at(36, U32)
    nvmsetid: int = at(40, U16)
    nsid: int = at(44, U32)

    @property
    def is_deletion(self) -> bool:
        """Whether it was deleted."""
        return bits(self.cdw10, 3, 0) == 1


@dataclass(frozen=True, slots=True)
class FormatStartData(Structure):
    """A Format NVM command was begun."""

    SIZE = 12

    nsid: int = at(0, U32)
    fna: int = at(4, U8)
    cdw10: int = at(8, U32)


@dataclass(frozen=True, slots=True)
class FormatCompletionData(Structure):
    """A Format NVM command ended."""

    SIZE = 12

    nsid: int = at(0, U32)
    smallest_fpi: int = at(4, U8)
    format_status: int = at(5, U8)
    completion_information: int = at(6, U16)
    status_field: int = at(8, U32)


@dataclass(frozen=True, slots=True)
class SanitizeStartData(Structure):
    """A sanitize operation was begun."""

    SIZE = 12

    sanicap: int = at(0, U32)
    cdw10: int = at(4, U32)
    cdw11: int = at(8, U32)


@dataclass(frozen=True, slots=True)
class SanitizeCompletionData(Structure):
    """A sanitize operation ended. SPROG and SSTAT are as in the Sanitize Status log."""

    SIZE = 8

    sprog: int = at(0, U16)
    sstat: int = at(2, U16)
    completion_information: int = at(4, U16)


@dataclass(frozen=True, slots=True)
class SetFeatureData(Structure):
    """A Set Features command. As much of it follows as `layout` says: its dwords, data, dword 0 of its answer."""

    SIZE = 4

    layout: int = at(0, U32)

    @property
    def dword_count(self) -> int:
        """How many command dwords follow."""
        return bits(self.layout, 2, 0)

    @property
    def data_bytes(self) -> int:
        """How many bytes of data follow these."""
        return bits(self.layout, 31, 16)

    @property
    def has_result(self) -> bool:
        """Whether dword 0 of the completion follows."""
        return bit(self.layout, 3)


@dataclass(frozen=True, slots=True)
class ThermalExcursionData(Structure):
    """A temperature crossed a threshold."""

    SIZE = 2

    over_temperature: int = at(0, U8)
    threshold: int = at(1, U8)


@dataclass(frozen=True, slots=True)
class PersonalityChangeData(Structure):
    """A configurable device personality was changed; what was set follows (Base 2.3)."""

    SIZE = 12

    status: int = at(0, U8)
    personality_id: int = at(1, U8)

    @property
    def has_failed(self) -> bool:
        return bit(self.status, 0)

    @property
    def is_freeze_requested(self) -> bool:
        return bit(self.status, 1)


@unique
class VendorDataType(IntEnum):
    """What a vendor specific event descriptor has in it (Base 2.3, figure 256)."""

    EVENT_NAME = 1
    TEXT = 2
    BINARY = 3
    SIGNED_INTEGER = 4


@dataclass(frozen=True, slots=True)
class VendorEventData(Structure):
    """What each descriptor of a vendor specific event begins with; `length` bytes follow."""

    SIZE = 6

    code: int = at(0, U16)
    data_type: int = at(2, U8)
    uuid_index: int = at(3, U8)
    length: int = at(4, U16)


STRUCTURES: Final[dict[int, type[Structure]]] = {
    EventType.SMART_HEALTH_SNAPSHOT: SmartLog,
    EventType.FIRMWARE_COMMIT: FirmwareCommitData,
    EventType.TIMESTAMP_CHANGE: TimestampChangeData,
    EventType.POWER_ON_OR_RESET: PowerOnData,
    EventType.NVM_SUBSYSTEM_HARDWARE_ERROR: HardwareErrorData,
    EventType.CHANGE_NAMESPACE: ChangeNamespaceData,
    EventType.FORMAT_NVM_START: FormatStartData,
    EventType.FORMAT_NVM_COMPLETION: FormatCompletionData,
    EventType.SANITIZE_START: SanitizeStartData,
    EventType.SANITIZE_COMPLETION: SanitizeCompletionData,
    EventType.SET_FEATURE: SetFeatureData,
    EventType.TELEMETRY_LOG_CREATED: TelemetryHeader,
    EventType.THERMAL_EXCURSION: ThermalExcursionData,
    EventType.PERSONALITY_CHANGE: PersonalityChangeData,
    EventType.VENDOR_SPECIFIC: VendorEventData,
}
"""What the data of an event begin with."""


def decode(event_type: int, data: bytes) -> Structure | None:
    """The structure that an event's data begin with; None where there is none, or not all of it."""
    structure = STRUCTURES.get(event_type)
    return structure.parse(data) if structure is not None and len(data) >= structure.SIZE else None


def resets_of(data: bytes) -> tuple[ResetData, ...]:
    """The controllers of a Power-on or Reset event that are there whole."""
    starts = range(PowerOnData.SIZE, len(data) - ResetData.SIZE + 1, ResetData.SIZE)
    return tuple(ResetData.parse(data[start:]) for start in starts)


def dwords_of(data: bytes) -> tuple[int, ...]:
    """The command dwords of a Set Feature event, from CDW10 on, as far as they are there."""
    count = min(SetFeatureData.parse(data).dword_count, len(data) // 4 - 1)
    return tuple(int.from_bytes(data[4 + 4 * n : 8 + 4 * n], "little") for n in range(count))


def vendor_descriptors(data: bytes) -> tuple[tuple[VendorEventData, bytes], ...]:
    """The descriptors of a vendor specific event that are there whole, each with its data."""
    found: list[tuple[VendorEventData, bytes]] = []
    start = 0
    while start + VendorEventData.SIZE <= len(data):
        head = VendorEventData.parse(data[start:])
        end = start + VendorEventData.SIZE + head.length
        if end > len(data):
            break
        found.append((head, data[start + VendorEventData.SIZE : end]))
        start = end
    return tuple(found)


def tcg_activity_of(data: bytes) -> TcgActivity | None:
    """OCP's TCG activity event, which a vendor specific event of just this form is; None for any other."""
    descriptors = vendor_descriptors(data)
    if len(descriptors) != 1:
        return None
    head, activity = descriptors[0]
    is_one = head.code == TCG_ACTIVITY_CODE and head.data_type == VendorDataType.BINARY
    return TcgActivity.parse(activity) if is_one and len(activity) == TcgActivity.SIZE else None
