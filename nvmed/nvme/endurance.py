"""Logs about endurance groups, NVM sets and media units: 09h, 0Ah, 0Bh, 0Fh, 10h, 11h, 16h (Base 2.3).

Lists count what is in them; no count is believed beyond the bytes that were read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final

from nvmed.nvme.layout import U8, U16, U32, U64, U128, Buffer, Structure, at, bit, malformed

BILLION: Final = 1_000_000_000
"""The unit of what an endurance group counts in bytes, rounded up."""


# -- endurance group


@unique
class EnduranceWarning(IntEnum):
    """Bits of `EnduranceGroupLog.critical_warning`."""

    SPARE_BELOW_THRESHOLD = 0
    RELIABILITY_DEGRADED = 2
    READ_ONLY = 3


@dataclass(frozen=True, slots=True)
class EnduranceGroupLog(Structure):
    """Endurance Group Information, LID 09h. Estimates and units are in billions of bytes, 0 for not reported."""

    SIZE = 512

    critical_warning: int = at(0, U8)
    features: int = at(1, U8)
    available_spare: int = at(3, U8)
    available_spare_threshold: int = at(4, U8)
    percentage_used: int = at(5, U8)
    domain_id: int = at(6, U16)
    endurance_estimate: int = at(32, U128)
    data_units_read: int = at(48, U128)
    data_units_written: int = at(64, U128)
    media_units_written: int = at(80, U128)
    host_read_commands: int = at(96, U128)
    host_write_commands: int = at(112, U128)
    media_errors: int = at(128, U128)
    error_log_entries: int = at(144, U128)
    total_capacity: int = at(160, U128)
    unallocated_capacity: int = at(176, U128)

    @property
    def warnings(self) -> tuple[EnduranceWarning, ...]:
        """The critical warnings that are set."""
        return tuple(warning for warning in EnduranceWarning if bit(self.critical_warning, warning))

    @property
    def is_rotational(self) -> bool:
        return bit(self.features, 0)

    @property
    def write_amplification(self) -> float | None:
        """Written to the media for each byte of the host's; None where either is not reported."""
        if not self.media_units_written or not self.data_units_written:
            return None
        return self.media_units_written / self.data_units_written


# -- predictable latency


@unique
class WindowState(IntEnum):
    """Bits 2:0 of `PredictableLatencyLog.status`."""

    NOT_USED = 0
    DETERMINISTIC = 1
    NON_DETERMINISTIC = 2


@dataclass(frozen=True, slots=True)
class PredictableLatencyLog(Structure):
    """Predictable Latency Per NVM Set, LID 0Ah. Times are in milliseconds; reads and writes in 4 KiB."""

    SIZE = 512

    status: int = at(0, U8)
    event_types: int = at(2, U16)
    typical_reads: int = at(32, U64)
    typical_writes: int = at(40, U64)
    maximum_window_ms: int = at(48, U64)
    minimum_recovery_high_ms: int = at(56, U64)
    minimum_recovery_low_ms: int = at(64, U64)
    reads_estimate: int = at(128, U64)
    writes_estimate: int = at(136, U64)
    time_estimate_ms: int = at(144, U64)


AGGREGATE_HEAD_BYTES: Final = 8
AGGREGATE_ENTRIES_MAX: Final = 0xFFFF


def aggregate_bytes(head: Buffer) -> int:
    """The size of an event aggregate, 0Bh or 0Fh, from its first 8 bytes: NVME_DATA_INVALID if it counts too many."""
    count = int.from_bytes(head[:AGGREGATE_HEAD_BYTES], "little")
    if count > AGGREGATE_ENTRIES_MAX:
        raise malformed(f"The event aggregate counts {count} entries; there are {AGGREGATE_ENTRIES_MAX} identifiers")
    return AGGREGATE_HEAD_BYTES + 2 * count


def parse_aggregate(data: Buffer) -> tuple[int, ...]:
    """The endurance groups, or NVM sets, that have an event: as many as are counted and there."""
    end = min(AGGREGATE_HEAD_BYTES + 2 * int.from_bytes(data[:AGGREGATE_HEAD_BYTES], "little"), len(data) & ~1)
    return tuple(_u16(data, start) for start in range(AGGREGATE_HEAD_BYTES, end, 2))


def _u16(data: Buffer, start: int) -> int:
    return int.from_bytes(data[start : start + 2], "little")


# -- media units


@dataclass(frozen=True, slots=True)
class MediaUnitHeader(Structure):
    """How Media Unit Status, LID 10h, begins."""

    SIZE = 16

    count: int = at(0, U16)
    channels: int = at(2, U16)
    selected_configuration: int = at(4, U16)


@dataclass(frozen=True, slots=True)
class MediaUnitHead(Structure):
    """A Media Unit Status Descriptor without its channels, which are at `channels_offset` in it."""

    SIZE = 16

    media_unit_id: int = at(0, U16)
    domain_id: int = at(2, U16)
    endurance_group_id: int = at(4, U16)
    nvm_set_id: int = at(6, U16)
    capacity_adjustment: int = at(8, U16)
    available_spare: int = at(10, U8)
    percentage_used: int = at(11, U8)
    channel_count: int = at(12, U8)
    channels_offset: int = at(13, U8, 16)


@dataclass(frozen=True, slots=True)
class MediaUnit:
    """A media unit, and the channels that it is attached to."""

    head: MediaUnitHead = field(default_factory=MediaUnitHead)
    channels: tuple[int, ...] = ()


MEDIA_UNITS_MAX_BYTES: Final = MediaUnitHeader.SIZE + 0xFFFF * (255 + 2 * 255)


def parse_media_units(data: Buffer, count: int) -> Iterator[MediaUnit]:
    """The descriptors in `data`, which begins behind the header; at most `count`.

    NVME_DATA_INVALID at one that is not all there, or whose channels lie in its own head.
    """
    start = 0
    for number in range(count):
        if start + MediaUnitHead.SIZE > len(data):
            raise malformed(f"The media unit status ends before unit {number} of {count}")
        head = MediaUnitHead.parse(data[start:])
        channels = start + head.channels_offset
        end = channels + 2 * head.channel_count
        if head.channels_offset < 14 or end > len(data):
            raise malformed(
                f"Media unit {number} at byte {start} has impossible lengths ({head.channel_count} channels "
                f"at {head.channels_offset})"
            )
        yield MediaUnit(head, tuple(_u16(data, at_byte) for at_byte in range(channels, end, 2)))
        start = max(end, start + MediaUnitHead.SIZE)


def build_media_units(units: tuple[MediaUnit, ...], channels: int, configuration: int) -> bytes:
    """The whole log."""
    head = MediaUnitHeader(len(units), channels, configuration).build()
    return head + b"".join(
        unit.head.build() + b"".join(channel.to_bytes(2, "little") for channel in unit.channels) for unit in units
    )


# -- capacity configurations


@dataclass(frozen=True, slots=True)
class ConfigurationHead(Structure):
    """How a Capacity Configuration Descriptor begins."""

    SIZE = 32

    configuration_id: int = at(0, U16)
    domain_id: int = at(2, U16)
    group_count: int = at(4, U16)


@dataclass(frozen=True, slots=True)
class GroupConfigurationHead(Structure):
    """How an Endurance Group Configuration Descriptor begins; NVM sets and channels follow."""

    SIZE = 82

    endurance_group_id: int = at(0, U16)
    capacity_adjustment: int = at(2, U16)
    total_capacity: int = at(16, U128)
    spare_capacity: int = at(32, U128)
    endurance_estimate: int = at(48, U128)
    nvm_set_count: int = at(80, U16)


@dataclass(frozen=True, slots=True)
class ChannelConfiguration:
    """A channel, and the media units that are attached to it."""

    channel_id: int
    media_units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GroupConfiguration:
    """An endurance group as a configuration makes it."""

    head: GroupConfigurationHead
    nvm_sets: tuple[int, ...]
    channels: tuple[ChannelConfiguration, ...]


@dataclass(frozen=True, slots=True)
class CapacityConfiguration:
    """What Capacity Management can select."""

    head: ConfigurationHead
    groups: tuple[GroupConfiguration, ...]


CONFIGURATIONS_OFFSET: Final = 16
CHANNEL_HEAD_BYTES: Final = 4
MEDIA_UNIT_CONFIGURATION_BYTES: Final = 8


class _Cursor:
    """A place in a log: `take` gives what is there and goes on, NVME_DATA_INVALID where the log ends before."""

    def __init__(self, data: Buffer, start: int) -> None:
        self._data = data
        self._at = start

    def take(self, size: int) -> Buffer:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise malformed(f"The list of capacity configurations ends at byte {len(self._data)}, within a descriptor")
        self._at += size
        return part

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")


def parse_capacity_configurations(data: Buffer) -> Iterator[CapacityConfiguration]:
    """The configurations of Supported Capacity Configuration List, LID 11h; NVME_DATA_INVALID at one that is cut."""
    cursor = _Cursor(data, CONFIGURATIONS_OFFSET)
    for _ in range(data[0] if data else 0):
        head = ConfigurationHead.parse(cursor.take(ConfigurationHead.SIZE))
        yield CapacityConfiguration(head, tuple(_group(cursor) for _ in range(head.group_count)))


def _group(cursor: _Cursor) -> GroupConfiguration:
    head = GroupConfigurationHead.parse(cursor.take(GroupConfigurationHead.SIZE))
    sets = tuple(cursor.u16() for _ in range(head.nvm_set_count))
    return GroupConfiguration(head, sets, tuple(_channel(cursor) for _ in range(cursor.u16())))


def _channel(cursor: _Cursor) -> ChannelConfiguration:
    channel, count = cursor.u16(), cursor.u16()
    return ChannelConfiguration(channel, tuple(_media_unit(cursor) for _ in range(count)))


def _media_unit(cursor: _Cursor) -> int:
    """The identifier of a media unit; what else its descriptor may come to have is passed over."""
    head = cursor.take(MEDIA_UNIT_CONFIGURATION_BYTES)
    cursor.take(_u16(head, 6))
    return _u16(head, 0)


def build_capacity_configurations(configurations: tuple[CapacityConfiguration, ...]) -> bytes:
    """The whole log; counts are those of the heads."""
    body = bytearray(bytes([len(configurations)]).ljust(CONFIGURATIONS_OFFSET, b"\0"))
    for configuration in configurations:
        body += configuration.head.build()
        for group in configuration.groups:
            body += group.head.build() + _u16s(*group.nvm_sets, len(group.channels))
            for channel in group.channels:
                body += _u16s(channel.channel_id, len(channel.media_units))
                body += b"".join(_u16s(unit, 0, 0, 0) for unit in channel.media_units)
    return bytes(body)


def _u16s(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


# -- rotational media


@dataclass(frozen=True, slots=True)
class RotationalMediaLog(Structure):
    """Rotational Media Information, LID 16h. A speed of 0 is none, of 1 unknown; else revolutions in a minute."""

    SIZE = 512

    endurance_group_id: int = at(0, U16)
    actuators: int = at(2, U16)
    nominal_speed: int = at(4, U16)
    spinups: int = at(8, U32)
    failed_spinups: int = at(12, U32)
    loads: int = at(16, U32)
    failed_loads: int = at(20, U32)
