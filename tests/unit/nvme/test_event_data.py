"""What persistent events say: where each field lies, what is too short, and that no bytes are too strange."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme.event_data import (
    STRUCTURES,
    ChangeNamespaceData,
    FirmwareCommitData,
    FormatCompletionData,
    FormatStartData,
    HardwareErrorData,
    PersonalityChangeData,
    PowerOnData,
    ResetData,
    SanitizeCompletionData,
    SanitizeStartData,
    SetFeatureData,
    ThermalExcursionData,
    TimestampChangeData,
    VendorDataType,
    VendorEventData,
    decode,
    dwords_of,
    resets_of,
    tcg_activity_of,
    vendor_descriptors,
)
from nvmed.nvme.layout import Structure, table
from nvmed.nvme.persistent_event import EventType

SAID: list[tuple[EventType, bytes, Structure]] = [
    (
        EventType.FIRMWARE_COMMIT,
        b"1.0.0   2.0.0   " + bytes((3, 2, 1, 7)) + b"\x34\x12",
        FirmwareCommitData("1.0.0", "2.0.0", 3, 2, 1, 7, 0x1234),
    ),
    (EventType.TIMESTAMP_CHANGE, struct.pack("<QQ", 11, 22), TimestampChangeData(11, 22)),
    (EventType.POWER_ON_OR_RESET, b"2.0.0   ", PowerOnData("2.0.0")),
    (EventType.NVM_SUBSYSTEM_HARDWARE_ERROR, b"\x02\x01\0\0", HardwareErrorData(0x102)),
    (
        EventType.CHANGE_NAMESPACE,
        struct.pack("<I4xQ8xQBBBxIH2xI", 1, 100, 90, 4, 1, 1, 7, 8, 9),
        ChangeNamespaceData(1, 100, 90, 4, 1, 1, 7, 8, 9),
    ),
    (EventType.FORMAT_NVM_START, struct.pack("<IB3xI", 1, 4, 0x200), FormatStartData(1, 4, 0x200)),
    (
        EventType.FORMAT_NVM_COMPLETION,
        struct.pack("<IBBHI", 1, 50, 1, 7, 0x4002),
        FormatCompletionData(1, 50, 1, 7, 0x4002),
    ),
    (EventType.SANITIZE_START, struct.pack("<III", 7, 2, 3), SanitizeStartData(7, 2, 3)),
    (EventType.SANITIZE_COMPLETION, struct.pack("<HHH2x", 0xFFFF, 1, 9), SanitizeCompletionData(0xFFFF, 1, 9)),
    (EventType.SET_FEATURE, struct.pack("<I", 0x0010_000A), SetFeatureData(0x0010_000A)),
    (EventType.THERMAL_EXCURSION, b"\x05\x01", ThermalExcursionData(5, 1)),
    (EventType.PERSONALITY_CHANGE, b"\x03\x02" + bytes(10), PersonalityChangeData(3, 2)),
    (EventType.VENDOR_SPECIFIC, b"\x01\0\x03\x02\x26\0", VendorEventData(1, 3, 2, 38)),
]


@pytest.mark.parametrize(("kind", "data", "said"), SAID, ids=lambda value: getattr(value, "name", ""))
def test_fields_lie_where_the_specification_has_them(kind: EventType, data: bytes, said: Structure) -> None:
    assert decode(kind, data) == said
    assert decode(kind, data + b"more") == said
    assert decode(kind, data[:-1]) is None
    assert said.build() == data


def test_layouts_do_not_overlap() -> None:
    structures: list[type[Structure]] = [*STRUCTURES.values(), ResetData]
    for structure in structures:
        ends = [(start, start + codec.size) for _, start, codec in table(structure)]
        assert ends == sorted(ends)
        assert all(end <= start for (_, end), (start, _) in pairwise(ends))
        assert ends[-1][1] <= structure.SIZE


def test_a_reset_lists_controllers() -> None:
    one, other = ResetData(1, 1, 0, 5, 1000, 2000), ResetData(2)
    data = PowerOnData("2.0.0").build() + one.build() + other.build()
    assert resets_of(data) == (one, other)
    assert resets_of(data[:-1]) == (one,)
    assert resets_of(data[:8]) == ()


def test_a_feature_has_dwords_data_and_a_result() -> None:
    said = SetFeatureData(2 | 1 << 3 | 16 << 16)
    assert (said.dword_count, said.has_result, said.data_bytes) == (2, True, 16)
    data = said.build() + struct.pack("<III", 0x07, 0x30003, 0x1F)
    assert dwords_of(data) == (0x07, 0x30003)
    assert dwords_of(data[:8]) == (0x07,)
    assert dwords_of(data[:4]) == ()


def test_sel_says_whether_it_was_deleted() -> None:
    assert [ChangeNamespaceData(cdw10=cdw10).is_deletion for cdw10 in (0, 1, 0x11, 2)] == [False, True, True, False]


@given(st.integers(0, 255), st.binary(max_size=600))
def test_any_bytes_are_data_or_none(kind: int, data: bytes) -> None:
    said: Any = decode(kind, data)
    assert (said is None) == (kind not in STRUCTURES or len(data) < STRUCTURES[kind].SIZE)
    if isinstance(said, PowerOnData):
        assert len(resets_of(data)) == (len(data) - 8) // 36
    if isinstance(said, SetFeatureData):
        assert len(dwords_of(data)) <= 7


# -- the vendor's


def vendor(code: int, kind: int, data: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HBBH", code, kind, 1, len(data) if length is None else length) + data


def test_descriptors_that_are_there_whole() -> None:
    data = vendor(7, VendorDataType.EVENT_NAME, b"door") + vendor(7, VendorDataType.BINARY, b"??", length=99)
    assert vendor_descriptors(data) == ((VendorEventData(7, 1, 1, 4), b"door"),)


@given(st.binary(max_size=200))
def test_any_bytes_are_descriptors_or_none(data: bytes) -> None:
    found = vendor_descriptors(data)
    assert sum(VendorEventData.SIZE + len(part) for _, part in found) <= len(data)
    tcg_activity_of(data)


def test_tcg_activity_is_known_by_its_form_alone() -> None:
    activity = struct.pack("<2xIQQHHBH", 5, 0x0000000900000006, 6, 0x7FE, 1, 0, 12) + b"context!!"
    found = tcg_activity_of(vendor(1, VendorDataType.BINARY, activity))
    assert found is not None
    assert (found.command_count, found.com_id, found.process_time_ms, found.context) == (5, 0x7FE, 12, b"context!!")
    for other in (vendor(2, 3, activity), vendor(1, 2, activity), vendor(1, 3, activity[1:]), b""):
        assert tcg_activity_of(other) is None
