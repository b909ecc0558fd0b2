"""Identify: commands, lists, and what follows from fields."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import FailedPrecondition, InvalidArgument, NotFound, NvmedError
from nvmed.nvme import identify
from nvmed.nvme.identify import IdentifyController, IdentifyNamespace, LbaFormat, NamespaceIdentifiers, lba_formats
from nvmed.nvme.opcodes import NSID_ALL, NSID_MAX, IdentifyCns
from nvmed.nvme.transport import Command

nsids = st.integers(1, NSID_MAX)
names = st.builds(
    NamespaceIdentifiers,
    eui64=st.none() | st.binary(min_size=8, max_size=8),
    nguid=st.none() | st.binary(min_size=16, max_size=16),
    uuid=st.none() | st.uuids(),
    csi=st.none() | st.integers(0, 255),
)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (identify.identify_controller(), Command(0x06, cdw10=0x01)),
        (identify.identify_controller_nvm(), Command(0x06, cdw10=0x06)),
        (identify.identify_namespace(1), Command(0x06, 1)),
        (identify.identify_namespace(NSID_ALL), Command(0x06, NSID_ALL)),
        (identify.identify_namespace(2, IdentifyCns.ALLOCATED_NAMESPACE), Command(0x06, 2, cdw10=0x11)),
        (identify.identify_namespace_list(), Command(0x06, cdw10=0x02)),
        (identify.identify_namespace_list(1024, allocated=True), Command(0x06, 1024, cdw10=0x10)),
        (identify.identify_controller_list(), Command(0x06, cdw10=0x13)),
        (identify.identify_controller_list(5, nsid=3), Command(0x06, 3, cdw10=0x00050012)),
        (identify.identify_namespace_descriptors(9), Command(0x06, 9, cdw10=0x03)),
        (
            identify.identify(0x05, nsid=1, cns_specific=0x1234, csi=2, uuid_index=3),
            Command(0x06, 1, cdw10=5, cdw11=0x02001234, cdw14=3),
        ),
    ],
)
def test_commands(command: Command, expected: Command) -> None:
    assert command == expected
    assert not command.is_write


@pytest.mark.parametrize(
    ("field", "value"),
    [("nsid", NSID_ALL + 1), ("cntid", 0x10000), ("cns_specific", -1), ("csi", 256), ("uuid_index", 128)],
)
def test_fields_that_do_not_fit_are_named(field: str, value: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        identify.identify(1, **{field: value})
    assert caught.value.fields[0].field == field


@pytest.mark.parametrize("nsid", [0, -1, NSID_ALL + 1])
def test_a_namespace_needs_an_identifier(nsid: int) -> None:
    with pytest.raises(InvalidArgument, match="nsid"):
        identify.identify_namespace(nsid)


def test_lists_end_before_the_last_identifier() -> None:
    with pytest.raises(InvalidArgument, match="after"):
        identify.identify_namespace_list(NSID_MAX)


@pytest.mark.parametrize(("mdts", "expected"), [(0, None), (1, 8192), (5, 131072), (19, 1 << 31), (255, 1 << 267)])
def test_mdts_has_no_overflow(mdts: int, expected: int | None) -> None:
    assert identify.max_transfer_bytes(mdts) == expected
    assert IdentifyController(mdts=mdts).max_transfer_bytes == expected


def test_mdts_counts_in_the_controllers_pages() -> None:
    assert identify.max_transfer_bytes(1, page_bytes=65536) == 131072


@pytest.mark.parametrize(("ver", "expected"), [(0x00020001, "2.0.1"), (0x00010400, "1.4.0"), (0, "")])
def test_versions_are_written_as_people_do(ver: int, expected: str) -> None:
    assert IdentifyController(ver=ver).version == expected


def test_retry_delays_are_milliseconds() -> None:
    assert IdentifyController(crdt1=1, crdt2=20, crdt3=300).command_retry_delays_ms == (100, 2000, 30000)


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_block_has_a_size_or_an_error(flbas: int, lbads: int) -> None:
    described = IdentifyNamespace(nsze=3, flbas=flbas, nlbaf=63, lbaf=lba_formats(*[LbaFormat(lbads=lbads)] * 64))
    if 9 <= lbads <= 31:
        assert identify.logical_block_bytes(described) == 2**lbads
        assert identify.size_bytes(described) == 3 * 2**lbads
    else:
        with pytest.raises(NvmedError, match=f"LBADS {lbads}"):
            identify.logical_block_bytes(described)
    assert described.format_count == 64


def test_an_inactive_namespace_is_not_found() -> None:
    with pytest.raises(NotFound):
        identify.logical_block_bytes(IdentifyNamespace.parse(bytes(4096)))


# -- lists


@given(st.lists(nsids, max_size=1100))
def test_namespace_lists(ids: list[int]) -> None:
    data = identify.build_namespace_list(ids)
    assert len(data) == 4096
    assert identify.parse_namespace_list(data) == tuple(sorted(set(ids)))[:1024]


def test_a_full_namespace_list_has_no_end() -> None:
    assert len(identify.parse_namespace_list(identify.build_namespace_list(range(1, 2000)))) == 1024


@given(st.binary(max_size=64))
def test_any_bytes_are_a_namespace_list(data: bytes) -> None:
    assert 0 not in identify.parse_namespace_list(data)


@given(st.sets(st.integers(0, 0xFFFF), max_size=2047))
def test_controller_lists(ids: set[int]) -> None:
    data = identify.build_controller_list(ids)
    assert len(data) == 4096
    assert identify.parse_controller_list(data) == tuple(sorted(ids))


def test_a_controller_list_holds_2047() -> None:
    full = identify.build_controller_list(range(2047))
    assert identify.parse_controller_list(full) == tuple(range(2047))
    with pytest.raises(InvalidArgument, match="2048 controllers; a list holds 2047"):
        identify.build_controller_list(range(2048))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_controller_list_or_an_error(data: bytes) -> None:
    count = int.from_bytes(data[:2], "little")
    if len(data) < 2 + 2 * count:
        with pytest.raises(FailedPrecondition, match=f"counts {count} entries in {len(data)} bytes"):
            identify.parse_controller_list(data)
    else:
        assert len(identify.parse_controller_list(data)) == count


# -- namespace identification descriptors


@given(names)
def test_namespace_descriptors(described: NamespaceIdentifiers) -> None:
    data = identify.build_namespace_descriptors(described)
    assert len(data) == 4096
    assert identify.parse_namespace_descriptors(data) == described


@given(st.binary(max_size=200))
def test_any_bytes_are_namespace_descriptors(data: bytes) -> None:
    identify.parse_namespace_descriptors(data)


def test_strange_descriptors_are_skipped() -> None:
    name = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    unknown = bytes((9, 2, 0, 0)) + b"??"
    short_eui = bytes((1, 4, 0, 0)) + b"abcd"
    good = bytes((3, 16, 0, 0)) + name.bytes
    second = bytes((3, 16, 0, 0)) + bytes(16)
    cut_off = bytes((2, 16, 0, 0)) + b"abc"
    parsed = identify.parse_namespace_descriptors(unknown + short_eui + good + second + cut_off)
    assert parsed == NamespaceIdentifiers(uuid=name)
