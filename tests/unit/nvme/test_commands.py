"""Commands that change a drive: firmware, namespaces, features; and what a controller says it can do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import InvalidArgument, Unimplemented
from nvmed.nvme import features, firmware, namespace
from nvmed.nvme.capabilities import CAPABILITIES, Capabilities
from nvmed.nvme.features import AsyncEvent, FeatureRequest, HostBehavior
from nvmed.nvme.firmware import Commit, CommitAction, FirmwareSlots, FirmwareUpdates
from nvmed.nvme.identify import IdentifyController, parse_controller_list
from nvmed.nvme.namespace import Format, NamespaceSettings, ProtectionInformation, SecureErase
from nvmed.nvme.opcodes import NSID_ALL, AsyncEventNotice, AsyncEventType, FeatureSelect
from nvmed.nvme.transport import Command

u32 = st.integers(0, 2**32 - 1)


# -- firmware


@pytest.mark.parametrize(
    ("frmw", "expected", "writable"),
    [
        (0b000_001_0, FirmwareUpdates(1, False, False, False), (1,)),
        (0b001_011_1, FirmwareUpdates(3, True, True, False), (2, 3)),
        (0b011_111_0, FirmwareUpdates(7, False, True, True), (1, 2, 3, 4, 5, 6, 7)),
    ],
)
def test_frmw(frmw: int, expected: FirmwareUpdates, writable: tuple[int, ...]) -> None:
    updates = FirmwareUpdates.of(IdentifyController(frmw=frmw))
    assert updates == expected
    assert updates.writable_slots == writable


def test_activation_time_is_milliseconds() -> None:
    assert FirmwareUpdates.of(IdentifyController(mtfa=25)).activation_time_ms == 2500


def test_slots() -> None:
    log = FirmwareSlots(afi=0x21, revisions=("A1", "B2", "", "", "", "", ""))
    assert FirmwareSlots.parse(log.build()) == log
    assert (log.active_slot, log.next_slot) == (1, 2)
    assert [log.revision(slot) for slot in (1, 2, 3)] == ["A1", "B2", ""]
    assert firmware.read_slots() == Command(0x02, cdw10=127 << 16 | 3)


@pytest.mark.parametrize(
    ("fwug", "granularity", "transfer"), [(0, 4096, 4096), (1, 4096, 4096), (8, 32768, 32768), (0xFF, 4, 4096)]
)
def test_granularity(fwug: int, granularity: int, transfer: int) -> None:
    assert firmware.granularity_bytes(fwug) == granularity
    assert firmware.transfer_bytes(fwug) == transfer
    assert firmware.transfer_bytes(fwug, 131072) == transfer


def test_a_granularity_beyond_mdts_is_impossible() -> None:
    with pytest.raises(InvalidArgument, match="pieces of 32768 bytes"):
        firmware.transfer_bytes(8, 16384)


@pytest.mark.parametrize(("size", "fwug", "padding"), [(4096, 1, 0), (4100, 1, 4092), (4100, 0, 0), (4100, 0xFF, 0)])
def test_padding(size: int, fwug: int, padding: int) -> None:
    assert firmware.padding_bytes(size, fwug) == padding


@given(st.integers(1, 5000), st.integers(1, 700), st.integers(0, 5000))
def test_a_download_sends_every_byte_once(size: int, piece: int, offset: int) -> None:
    size, piece, offset = size * 4, piece * 4, offset * 4
    pieces = list(firmware.plan_download(size, piece, offset))
    assert [start for start, _ in pieces] == list(range(offset, offset + size, piece))
    assert sum(length for _, length in pieces) == size
    assert all(length == piece for _, length in pieces[:-1])
    decoded = [firmware.decode_download(firmware.download(start, length)) for start, length in pieces]
    assert decoded == pieces


@pytest.mark.parametrize(
    ("field", "arguments", "limits"),
    [
        ("image", (0, 4096, 0), {}),
        ("image", (-4, 4096, 0), {}),
        ("image", (8190, 4096, 0), {}),
        ("transfer_bytes", (8192, 0, 0), {}),
        ("transfer_bytes", (8192, 4094, 0), {}),
        ("transfer_bytes", (8192, 2048, 0), {"granularity": 4096}),
        ("transfer_bytes", (8192, 8192, 0), {"max_transfer_bytes": 4096}),
        ("offset_bytes", (8192, 4096, 2), {}),
        ("offset_bytes", (8192, 4096, -4), {}),
        ("offset_bytes", (8192, 4096, 2048), {"granularity": 4096}),
        ("offset_bytes", (8192, 4096, firmware.IMAGE_END_MAX - 4096), {}),
    ],
)
def test_a_download_is_checked_before_it_begins(
    field: str, arguments: tuple[int, int, int], limits: dict[str, int]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        firmware.plan_download(*arguments, **limits)
    assert caught.value.fields[0].field == field


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, 6), (2, 8), (-4, 8), (firmware.IMAGE_END_MAX, 4)])
def test_a_piece_must_fit_the_command(offset: int, length: int) -> None:
    with pytest.raises(InvalidArgument):
        firmware.download(offset, length)


@given(st.sampled_from(CommitAction), st.integers(0, 7), st.integers(0, 1))
def test_commits(action: CommitAction, slot: int, boot_partition: int) -> None:
    command = firmware.commit(action, slot, boot_partition)
    assert firmware.decode_commit(command) == Commit(action, slot, boot_partition)
    assert command.cdw10 == slot | action << 3 | boot_partition << 31


@pytest.mark.parametrize(("slot", "boot_partition"), [(8, 0), (-1, 0), (0, 2)])
def test_commits_that_cannot_be(slot: int, boot_partition: int) -> None:
    with pytest.raises(InvalidArgument):
        firmware.commit(CommitAction.REPLACE, slot, boot_partition)


def test_overlaps_are_in_dword_0() -> None:
    assert [firmware.overlap_detected(result) for result in (0, 1, 2, 4)] == [False, True, True, False]


# -- namespaces


@given(st.lists(st.integers(0, 0xFFEF), min_size=1, max_size=2100))
def test_attachment_lists_are_sorted_and_bounded(ids: list[int]) -> None:
    for build, select in ((namespace.attach, 0), (namespace.detach, 1)):
        if len(set(ids)) > 2047:
            with pytest.raises(InvalidArgument, match="2047"):
                build(3, ids)
        else:
            command, data = build(3, ids)
            assert command == Command(0x15, 3, cdw10=select)
            assert command.is_write
            assert len(data) == 4096
            assert parse_controller_list(data) == tuple(sorted(set(ids)))


@pytest.mark.parametrize(("nsid", "ids"), [(1, []), (0, [1]), (NSID_ALL, [1]), (1, [-1]), (1, [0xFFF0])])
def test_attachments_that_cannot_be(nsid: int, ids: list[int]) -> None:
    with pytest.raises(InvalidArgument):
        namespace.attach(nsid, ids)


@given(st.integers(0, 63), st.booleans())
def test_flbas_holds_the_format(index: int, extended: bool) -> None:
    flbas = namespace.flbas_of(index, extended_metadata=extended)
    assert (flbas & 0xF) | (flbas >> 5 & 3) << 4 == index
    assert bool(flbas & 0x10) is extended


def test_create_and_delete() -> None:
    settings = NamespaceSettings(nsze=1000, ncap=1000, flbas=1, placement_handles=(1, *[0] * 127))
    command, data = namespace.create(settings, csi=2)
    assert command == Command(0x0D, cdw11=2 << 24)
    assert NamespaceSettings.parse(data) == settings
    assert namespace.delete(5) == Command(0x0D, 5, cdw10=1)
    assert namespace.delete(NSID_ALL).nsid == NSID_ALL
    for bad in (NamespaceSettings(), NamespaceSettings(nsze=1, ncap=2)):
        with pytest.raises(InvalidArgument):
            namespace.create(bad)
    with pytest.raises(InvalidArgument, match="csi"):
        namespace.create(settings, csi=256)


formats = st.builds(
    Format,
    lba_format=st.integers(0, 63),
    secure_erase=st.sampled_from(SecureErase),
    protection=st.sampled_from(ProtectionInformation),
    protection_first=st.booleans(),
    extended_metadata=st.booleans(),
)


@given(formats)
def test_formats(settings: Format) -> None:
    command = namespace.format_nvm(1, settings)
    assert namespace.decode_format(command) == settings
    assert command.cdw10 >> 14 == 0


@given(u32)
def test_any_format_is_decoded(cdw10: int) -> None:
    namespace.decode_format(Command(0x80, cdw10=cdw10))


@pytest.mark.parametrize("index", [-1, 64])
def test_formats_end_at_63(index: int) -> None:
    with pytest.raises(InvalidArgument, match="lba_format"):
        namespace.format_nvm(1, Format(index))


# -- features


def test_features() -> None:
    get = features.get_features(0x0B, select=FeatureSelect.SAVED, nsid=1, cdw11=2, uuid_index=3)
    assert get == Command(0x0A, 1, cdw10=0x20B, cdw11=2, cdw14=3)
    put = features.set_features(0x0B, 0x400, save=True)
    assert put == Command(0x09, cdw10=1 << 31 | 0x0B, cdw11=0x400)
    assert features.decode(put) == FeatureRequest(0x0B, 0, True, 0x400, 0)
    assert features.decode(get).select == FeatureSelect.SAVED
    with pytest.raises(InvalidArgument, match="fid"):
        features.get_features(256)


def test_host_behavior_has_etdas_in_byte_1() -> None:
    assert HostBehavior(etdas=1).build()[:3] == b"\0\1\0"
    assert features.get_host_behavior() == Command(0x0A, cdw10=0x16)
    assert features.set_host_behavior() == Command(0x09, cdw10=0x16)


def test_async_events_are_the_kernels_numbers() -> None:
    event = AsyncEvent.parse(0x80202)
    assert event == AsyncEvent(AsyncEventType.NOTICE, AsyncEventNotice.TELEMETRY_LOG_CHANGED, 0x08)
    assert event.build() == 0x80202
    assert AsyncEvent.parse(0x70F002).information == AsyncEventNotice.DISCOVERY_LOG_CHANGED


# -- capabilities


def test_a_missing_capability_names_its_bit() -> None:
    caps = Capabilities(IdentifyController(oacs=1 << 1))
    caps.require("format_nvm")
    assert caps.why_not("format_nvm") == ""
    with pytest.raises(Unimplemented) as caught:
        caps.require("namespace_management")
    assert str(caught.value) == (
        "Namespace Management and Attachment is not supported by this controller: "
        "OACS bit 3 is not set in Identify Controller."
    )
    assert caught.value.metadata == {"capability": "namespace_management", "field": "OACS"}


@pytest.mark.parametrize("name", CAPABILITIES)
def test_each_capability_is_its_bits(name: str) -> None:
    row = CAPABILITIES[name]
    nothing = Capabilities(IdentifyController())
    assert not nothing.has(name)
    assert name not in nothing.supported()
    assert row.source in nothing.why_not(name)
    for number in row.bits:
        field: dict[str, Any] = {row.field: 1 << number}
        one = Capabilities(IdentifyController(**field))
        assert one.has(name)
        assert name in one.supported()
        assert one.missing(name) is None


def test_unknown_capabilities_are_a_mistake() -> None:
    with pytest.raises(KeyError):
        Capabilities(IdentifyController()).has("teleportation")
