"""Every structure: what is built is read again, what is read never crashes, and fields lie where they should."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import FailedPrecondition
from nvmed.nvme.ana import AnaGroupHeader, AnaLogHeader, LbaRange, LbaStatusElementHeader, LbaStatusHeader
from nvmed.nvme.effects import EffectsLog, SupportedLogPages
from nvmed.nvme.features import HostBehavior
from nvmed.nvme.firmware import FirmwareSlots
from nvmed.nvme.health import ErrorLogEntry, OcpSmartLog, SanitizeStatus, SelfTestLog, SelfTestResult, SmartLog
from nvmed.nvme.identify import (
    IdentifyController,
    IdentifyControllerNvm,
    IdentifyNamespace,
    IdentifyNamespaceIndependent,
    LbaFormat,
)
from nvmed.nvme.layout import ANY_VERSION, U8, U16, Codec, Structure, array, at, bits, raw, table, text, zero_terminated
from nvmed.nvme.namespace import NamespaceSettings
from nvmed.nvme.persistent_event import PersistentEventHeader, PersistentEventLogHeader
from nvmed.nvme.telemetry import TelemetryHeader

STRUCTURES: dict[type[Structure], int] = {
    AnaGroupHeader: 32,
    AnaLogHeader: 16,
    EffectsLog: 4096,
    ErrorLogEntry: 64,
    FirmwareSlots: 512,
    HostBehavior: 512,
    IdentifyController: 4096,
    IdentifyControllerNvm: 4096,
    IdentifyNamespace: 4096,
    IdentifyNamespaceIndependent: 4096,
    LbaFormat: 4,
    LbaRange: 16,
    LbaStatusElementHeader: 16,
    LbaStatusHeader: 16,
    NamespaceSettings: 4096,
    OcpSmartLog: 512,
    PersistentEventHeader: 24,
    PersistentEventLogHeader: 512,
    SanitizeStatus: 512,
    SelfTestLog: 564,
    SelfTestResult: 28,
    SmartLog: 512,
    SupportedLogPages: 1024,
    TelemetryHeader: 512,
}

# (structure, field, first byte, last byte), as the specification's figures count
PLACES = [
    (IdentifyController, "mdts", 77, 77),
    (IdentifyController, "cntlid", 78, 79),
    (IdentifyController, "ctratt", 96, 99),
    (IdentifyController, "cntrltype", 111, 111),
    (IdentifyController, "crdt3", 132, 133),
    (IdentifyController, "oacs", 256, 257),
    (IdentifyController, "frmw", 260, 260),
    (IdentifyController, "lpa", 261, 261),
    (IdentifyController, "mtfa", 270, 271),
    (IdentifyController, "unvmcap", 296, 311),
    (IdentifyController, "fwug", 319, 319),
    (IdentifyController, "sanicap", 328, 331),
    (IdentifyController, "anacap", 343, 343),
    (IdentifyController, "nanagrpid", 348, 351),
    (IdentifyController, "nn", 516, 519),
    (IdentifyController, "oncs", 520, 521),
    (IdentifyController, "fna", 524, 524),
    (IdentifyController, "vwc", 525, 525),
    (IdentifyController, "sgls", 536, 539),
    (IdentifyController, "mnan", 540, 543),
    (IdentifyController, "subnqn", 768, 1023),
    (IdentifyController, "ioccsz", 1792, 1795),
    (IdentifyController, "msdbd", 1803, 1803),
    (IdentifyNamespace, "flbas", 26, 26),
    (IdentifyNamespace, "dps", 29, 29),
    (IdentifyNamespace, "nvmcap", 48, 63),
    (IdentifyNamespace, "anagrpid", 92, 95),
    (IdentifyNamespace, "nguid", 104, 119),
    (IdentifyNamespace, "eui64", 120, 127),
    (IdentifyNamespace, "lbaf", 128, 383),
    (TelemetryHeader, "dalb1", 8, 9),
    (TelemetryHeader, "dalb4", 16, 19),
    (TelemetryHeader, "controller_data_available", 382, 382),
    (TelemetryHeader, "controller_generation", 383, 383),
    (TelemetryHeader, "reason_identifier", 384, 511),
    (SmartLog, "composite_temperature", 1, 2),
    (SmartLog, "data_units_read", 32, 47),
    (SmartLog, "error_log_entries", 176, 191),
    (SmartLog, "temperature_sensors", 200, 215),
    (OcpSmartLog, "bad_system_nand_blocks_normalized", 46, 47),
    (OcpSmartLog, "guid", 496, 511),
    (ErrorLogEntry, "parameter_error_location", 14, 15),
    (FirmwareSlots, "revisions", 8, 63),
    (SanitizeStatus, "scdw10", 4, 7),
    (PersistentEventLogHeader, "supported_events", 480, 511),
    (LbaStatusHeader, "lsgc", 14, 15),
    (AnaGroupHeader, "state", 16, 16),
    (NamespaceSettings, "endgid", 102, 103),
]

each_structure = pytest.mark.parametrize("cls", STRUCTURES, ids=lambda cls: cls.__name__)


def values(cls: type[Structure]) -> st.SearchStrategy[Any]:
    """Any value of a structure that can be read."""
    return st.builds(cls, **{name: field_values(codec) for name, _, codec in table(cls)})


def field_values(codec: Codec[Any]) -> st.SearchStrategy[Any]:
    if has_text(codec.zero):
        readable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8)
        return st.tuples(*[readable] * len(codec.zero)) if isinstance(codec.zero, tuple) else readable
    return st.binary(min_size=codec.size, max_size=codec.size).map(codec.decode)


def has_text(zero: object) -> bool:
    return isinstance(zero[0] if isinstance(zero, tuple) else zero, str)


@each_structure
def test_the_size_is_the_specifications(cls: type[Structure]) -> None:
    assert STRUCTURES[cls] == cls.SIZE
    assert len(cls().build()) == cls.SIZE


@each_structure
def test_fields_do_not_overlap_and_stay_inside(cls: type[Structure]) -> None:
    spans = sorted((start, start + codec.size) for _, start, codec in table(cls))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert spans[-1][1] <= cls.SIZE


@each_structure
@given(st.data())
def test_what_is_built_is_read_again(cls: type[Structure], data: st.DataObject) -> None:
    value = data.draw(values(cls))
    assert cls.parse(value.build(), ANY_VERSION) == value


@each_structure
@given(st.data())
def test_any_bytes_are_read(cls: type[Structure], data: st.DataObject) -> None:
    pattern = data.draw(st.binary(min_size=1, max_size=512))
    raw_bytes = (pattern * cls.SIZE)[: cls.SIZE + data.draw(st.integers(0, 7))]
    value = cls.parse(raw_bytes)
    for name in dir(cls):
        if isinstance(getattr(cls, name), property) and name != "format":
            getattr(value, name)
    assert cls.parse(bytearray(raw_bytes)) == cls.parse(memoryview(raw_bytes)) == value


@each_structure
def test_too_few_bytes_are_an_error(cls: type[Structure]) -> None:
    with pytest.raises(FailedPrecondition, match=f"{cls.__name__} has {cls.SIZE} bytes, but only {cls.SIZE - 1}"):
        cls.parse(bytes(cls.SIZE - 1))


@pytest.mark.parametrize(("cls", "name", "first", "last"), PLACES)
def test_fields_lie_where_the_specification_puts_them(cls: type[Structure], name: str, first: int, last: int) -> None:
    ((start, codec),) = [(start, codec) for field, start, codec in table(cls) if field == name]
    assert (start, start + codec.size - 1) == (first, last)
    ones = cls(**{name: codec.decode(b"\xff" * codec.size)}) if not has_text(codec.zero) else None
    if ones is not None:
        without = cls(**{name: codec.decode(bytes(codec.size))}).build()
        assert [at for at, byte in enumerate(ones.build()) if byte != without[at]] == list(range(first, last + 1))


@each_structure
def test_every_structure_is_immutable(cls: type[Structure]) -> None:
    with pytest.raises(AttributeError):
        setattr(cls(), fields(cls)[0].name, 1)  # type: ignore[arg-type]


# -- codecs


def test_text_is_filled_with_blanks_and_read_without() -> None:
    codec = text(8)
    assert codec.encode("AB") == b"AB      "
    assert codec.decode(b" AB\0\0  \0") == "AB"
    assert codec.decode(b"\xe9") == "é"


def test_qualified_names_end_at_the_first_nul() -> None:
    codec = zero_terminated(16)
    assert codec.decode(b"nqn.a\0junk" + bytes(6)) == "nqn.a"
    assert codec.decode(b"\xff" * 16) == "�" * 16
    assert codec.encode("nqn.a") == b"nqn.a".ljust(16, b"\0")


@pytest.mark.parametrize(
    ("codec", "value"),
    [(text(2), "abc"), (raw(2), b"abc"), (zero_terminated(2), "abc"), (array(U8, 2), (1, 2, 3)), (U16, 1 << 16)],
)
def test_what_does_not_fit_is_not_cut_off(codec: Codec[Any], value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        codec.encode(value)


def test_an_array_may_be_shorter() -> None:
    assert array(U16, 3).encode((1,)) == b"\1\0\0\0\0\0"


def test_a_field_may_have_a_default() -> None:
    assert at(0, U8, 7) is not None
    assert SanitizeStatus().sprog == 0xFFFF


@given(st.integers(0, 2**64 - 1), st.integers(0, 63), st.integers(0, 63))
def test_bits_are_the_specifications_ranges(value: int, one: int, other: int) -> None:
    high, low = max(one, other), min(one, other)
    assert bits(value, high, low) == int(f"{value:064b}"[63 - high : 64 - low], 2)
