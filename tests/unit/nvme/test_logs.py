"""Log pages: the command, telemetry, and the logs of varying length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.errors import FailedPrecondition, InvalidArgument, NvmedError
from nvmed.nvme import ana, effects, health, logpage, persistent_event, telemetry
from nvmed.nvme.ana import AnaGroup, AnaLog, LbaRange, LbaStatusElement, LbaStatusLog
from nvmed.nvme.health import CriticalWarning, ErrorLogEntry, OcpSmartLog, SelfTestResult, SmartLog
from nvmed.nvme.logpage import LENGTH_MAX, LogPageRequest
from nvmed.nvme.opcodes import LogPage, SelfTestCode
from nvmed.nvme.persistent_event import PersistentEvent, PersistentEventHeader, PersistentEventLogHeader
from nvmed.nvme.telemetry import TelemetryDataArea, TelemetryHeader, TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.reasons import Reason

u16, u32, u64 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 64))
requests = st.builds(
    LogPageRequest,
    lid=st.integers(0, 255),
    length_bytes=st.integers(1, LENGTH_MAX // 4).map(lambda dwords: dwords * 4),
    offset_bytes=st.integers(0, 2**62 - 1).map(lambda dwords: dwords * 4),
    lsp=st.integers(0, 127),
    lsi=u16,
    rae=st.booleans(),
    uuid_index=st.integers(0, 127),
    csi=st.integers(0, 255),
    ot=st.booleans(),
    nsid=u32,
)


# -- Get Log Page


@given(requests)
def test_a_request_survives_its_command(request: LogPageRequest) -> None:
    command = logpage.get_log_page(**dataclasses.asdict(request))
    assert logpage.decode(command) == request
    assert all(0 <= value < 2**32 for value in dataclasses.astuple(command))


@given(u32, u32, u32, u32, u32)
def test_any_command_is_decoded(cdw10: int, cdw11: int, cdw12: int, cdw13: int, cdw14: int) -> None:
    command = Command(0x02, cdw10=cdw10, cdw11=cdw11, cdw12=cdw12, cdw13=cdw13, cdw14=cdw14)
    request = logpage.decode(command)
    assert 4 <= request.length_bytes <= LENGTH_MAX


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lid", 256),
        ("length_bytes", 0),
        ("length_bytes", 510),
        ("length_bytes", -4),
        ("length_bytes", LENGTH_MAX + 4),
        ("offset_bytes", 2),
        ("offset_bytes", 1 << 64),
        ("offset_bytes", -4),
        ("lsp", 128),
        ("lsi", -1),
        ("uuid_index", 128),
        ("csi", 256),
        ("nsid", 1 << 32),
    ],
)
def test_what_does_not_fit_is_named(field: str, value: int) -> None:
    arguments: dict[str, Any] = {"lid": 2, "length_bytes": 512, field: value}
    with pytest.raises(InvalidArgument) as caught:
        logpage.get_log_page(**arguments)
    assert caught.value.fields[0].field == field


def test_an_index_needs_no_alignment() -> None:
    assert logpage.decode(logpage.get_log_page(0x70, 1024, 3, ot=True)).offset_bytes == 3


@given(st.integers(0, 5000), st.integers(1, 600), st.integers(0, 5000))
def test_a_plan_covers_everything_once(total: int, chunk: int, offset: int) -> None:
    total, chunk, offset = total * 4, chunk * 4, offset * 4
    pieces = list(logpage.plan_reads(total, chunk, offset))
    assert sum(length for _, length in pieces) == max(total - offset, 0)
    at = offset
    for start, length in pieces:
        assert start == at
        assert 0 < length <= chunk
        at += length


@pytest.mark.parametrize(("total", "chunk", "offset"), [(10, 4, 0), (8, 0, 0), (8, 3, 0), (8, 4, 1), (-4, 4, 0)])
def test_a_plan_is_checked_before_it_begins(total: int, chunk: int, offset: int) -> None:
    with pytest.raises(InvalidArgument):
        logpage.plan_reads(total, chunk, offset)


# -- telemetry


def test_the_two_logs_keep_generation_and_scope_in_different_bytes() -> None:
    raw = bytearray(512)
    raw[380:384] = bytes((1, 7, 1, 9))
    host = telemetry.parse_header(raw, TelemetryLog.HOST_INITIATED)
    controller = telemetry.parse_header(raw, TelemetryLog.CONTROLLER_INITIATED)
    assert (host.log, host.scope, host.generation) == (TelemetryLog.HOST_INITIATED, 1, 7)
    assert (controller.log, controller.scope, controller.generation) == (TelemetryLog.CONTROLLER_INITIATED, 7, 9)
    assert host.is_available


@given(st.sampled_from(["dalb1", "dalb2", "dalb3", "dalb4", "byte_380", "byte_381"]), st.sampled_from(TelemetryLog))
def test_a_fingerprint_changes_with_the_data(field: str, log: TelemetryLog) -> None:
    header = TelemetryHeader(lpi=log, dalb1=1, dalb2=2, dalb3=3, dalb4=4, byte_380=1, byte_381=5)
    change: dict[str, Any] = {field: 9}
    changed = dataclasses.replace(header, **change)
    assert header.fingerprint() == dataclasses.replace(header).fingerprint()
    assert changed.fingerprint() != header.fingerprint()
    assert len(header.fingerprint()) == 32


def test_a_new_controller_log_does_not_tear_the_hosts() -> None:
    for log, same in ((TelemetryLog.HOST_INITIATED, True), (TelemetryLog.CONTROLLER_INITIATED, False)):
        before = TelemetryHeader(lpi=log, dalb1=1, controller_generation=3)
        after = dataclasses.replace(before, controller_data_available=1, controller_generation=4)
        assert (before.fingerprint() == after.fingerprint()) is same


def test_areas_end_with_their_last_block() -> None:
    header = TelemetryHeader(dalb1=3, dalb2=9, dalb3=17, dalb4=2**32 - 1)
    ends = [telemetry.area_end_bytes(header, area) for area in range(1, 5)]
    assert ends == [2048, 5120, 9216, 2**41]
    assert telemetry.area_end_bytes(header, TelemetryDataArea.CONTROLLER_DETERMINED) == 2**41


def test_an_empty_area_is_told_from_an_unknown_one() -> None:
    header = TelemetryHeader(dalb1=3)
    with pytest.raises(NvmedError) as empty:
        telemetry.area_end_bytes(header, 2)
    assert empty.value.reason == Reason.TELEMETRY_AREA_EMPTY.name
    assert empty.value.metadata == {"data_area": "2", "last_blocks": "3,0,0,0"}
    with pytest.raises(InvalidArgument, match="data_area"):
        telemetry.area_end_bytes(header, 5)


@pytest.mark.parametrize(
    ("lpa", "area", "sentence"),
    [(0x08, 4, "areas 1 to 3, not 4: LPA bit 6"), (0x00, 1, "LPA bit 3"), (0x00, 0, "LPA bit 3")],
)
def test_a_missing_area_names_the_bit(lpa: int, area: int, sentence: str) -> None:
    with pytest.raises(NvmedError, match=sentence) as caught:
        telemetry.require_area(lpa, area)
    assert caught.value.reason == Reason.TELEMETRY_UNSUPPORTED.name


@pytest.mark.parametrize(("area", "lsp"), [(0, 1), (1, 3), (2, 5), (3, 7), (4, 9)])
def test_creating_carries_the_maximum_area(area: int, lsp: int) -> None:
    request = logpage.decode(telemetry.create_host_log(area))
    assert (request.lid, request.lsp, request.length_bytes, request.offset_bytes) == (0x07, lsp, 512, 0)


def test_creating_nonsense_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        telemetry.create_host_log(5)


def test_reading_is_in_blocks_and_retains_unless_told() -> None:
    read = telemetry.read_data(TelemetryLog.CONTROLLER_INITIATED, 1024, 512)
    assert logpage.decode(read) == LogPageRequest(0x08, 1024, 512, rae=True)
    acknowledge = telemetry.read_header(TelemetryLog.CONTROLLER_INITIATED, retain_async_event=False)
    assert not logpage.decode(acknowledge).rae
    for length, offset in ((100, 0), (512, 4)):
        with pytest.raises(InvalidArgument, match="512"):
            telemetry.read_data(TelemetryLog.HOST_INITIATED, length, offset)


# -- ANA and LBA status

ana_groups = st.builds(
    AnaGroup,
    group_id=st.integers(1, 2**32 - 1),
    change_count=u64,
    state=st.integers(0, 15),
    nsids=st.lists(u32, max_size=5).map(tuple),
)
ana_logs = st.builds(AnaLog, change_count=u64, groups=st.lists(ana_groups, max_size=4).map(tuple))
lba_ranges = st.builds(LbaRange, rslba=u64, rnlb=u32)
lba_elements = st.builds(
    LbaStatusElement,
    nsid=u32,
    recommended_action=st.integers(0, 255),
    ranges=st.none() | st.lists(lba_ranges, max_size=3).map(tuple),
)
lba_logs = st.builds(
    LbaStatusLog,
    generation=u16,
    estimated_unrecoverable_blocks=u32,
    elements=st.lists(lba_elements, max_size=3).map(tuple),
)


@given(ana_logs)
def test_ana_logs(log: AnaLog) -> None:
    data = ana.build_ana_log(log)
    assert ana.parse_ana_log(data) == log
    assert len(data) == ana.ana_log_bytes(len(log.groups), sum(len(group.nsids) for group in log.groups))
    bare = ana.build_ana_log(log, groups_only=True)
    assert len(bare) == ana.ana_log_bytes(len(log.groups), 99, groups_only=True)
    assert [group.group_id for group in ana.parse_ana_log(bare).groups] == [group.group_id for group in log.groups]


def test_a_namespace_finds_its_group() -> None:
    group = AnaGroup(2, 0, ana.AnaState.OPTIMIZED, (4, 5))
    log = AnaLog(1, (AnaGroup(1, 0, ana.AnaState.INACCESSIBLE, (1,)), group))
    assert log.group_of(5) is group
    assert log.group_of(9) is None


@given(lba_logs)
def test_lba_status_logs(log: LbaStatusLog) -> None:
    data = ana.build_lba_status_log(log)
    assert ana.parse_lba_status_log(data) == log
    assert ana.lba_status_log_bytes(ana.LbaStatusHeader.parse(data)) == len(data)


@pytest.mark.parametrize(
    ("parse", "build", "logs"),
    [
        (ana.parse_ana_log, ana.build_ana_log, ana_logs),
        (ana.parse_lba_status_log, ana.build_lba_status_log, lba_logs),
    ],
)
@given(st.data())
def test_a_log_that_is_cut_off_says_so(
    parse: Callable[[bytes], Any],
    build: Callable[[Any], bytes],
    logs: st.SearchStrategy[Any],
    data: st.DataObject,
) -> None:
    whole = build(data.draw(logs))
    cut = data.draw(st.integers(0, len(whole) - 1))
    try:
        why = parse(whole[:cut]).cut  # what is there of it
    except NvmedError as exc:
        why = exc
    assert why is not None
    assert why.reason == Reason.NVME_DATA_INVALID.name


@pytest.mark.parametrize(
    "parse",
    [
        ana.parse_ana_log,
        ana.parse_lba_status_log,
        health.parse_errors,
        lambda data: list(persistent_event.parse_events(data, 9)),
    ],
)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_log_or_an_error(parse: Callable[[bytes], object], data: bytes) -> None:
    with suppress(FailedPrecondition):
        parse(data)


@pytest.mark.parametrize("length", [1, 12, 15, 18, 4097])
def test_lba_status_lengths_that_cannot_be(length: int) -> None:
    with pytest.raises(NvmedError, match=f"LSLPLEN is {length}"):
        ana.lba_status_log_bytes(ana.LbaStatusHeader(lslplen=length))


def test_log_commands() -> None:
    assert logpage.decode(ana.read_ana_log(48, groups_only=True)) == LogPageRequest(0x0C, 48, lsp=1, rae=True)
    assert logpage.decode(ana.read_lba_status_log(retain_async_event=False)) == LogPageRequest(0x0E, 16)
    assert logpage.decode(health.read_smart(3)).nsid == 3
    assert logpage.decode(health.read_errors(64)).length_bytes == 4096
    assert logpage.decode(health.read_self_tests()).length_bytes == 564
    assert logpage.decode(health.read_sanitize_status()).lid == LogPage.SANITIZE_STATUS
    assert logpage.decode(health.read_ocp_smart()).lid == LogPage.OCP_SMART_EXTENDED
    assert logpage.decode(effects.read_effects(csi=2)).csi == 2
    assert logpage.decode(effects.read_supported_log_pages()) == LogPageRequest(0x00, 1024)
    established = persistent_event.read_persistent_events(
        512, action=persistent_event.EventAction.ESTABLISH_CONTEXT_AND_READ
    )
    assert logpage.decode(established).lsp == 1
    assert health.device_self_test(SelfTestCode.EXTENDED).cdw10 == 2
    with pytest.raises(InvalidArgument, match="entries"):
        health.read_errors(257)


# -- health


def test_smart_has_units() -> None:
    log = SmartLog(
        critical_warning=0b1010,
        composite_temperature=health.kelvin(41),
        data_units_read=2**127,
        data_units_written=3,
        controller_busy_time=4,
        temperature_sensors=(300, 0, 273, 0, 0, 0, 0, 0),
    )
    again = SmartLog.parse(log.build())
    assert again == log
    assert again.temperature_celsius == 41
    assert again.sensors_celsius[:3] == (27, None, 0)
    assert again.bytes_read == 2**127 * 512_000
    assert again.bytes_written == 1_536_000
    assert again.busy_minutes == 4
    assert again.warnings == (CriticalWarning.TEMPERATURE, CriticalWarning.READ_ONLY)


def test_error_entries_have_a_status_without_phase() -> None:
    entries = [
        ErrorLogEntry(error_count=9, status_field=0x4002 << 1 | 1, parameter_error_location=0x0328),
        ErrorLogEntry(error_count=8, parameter_error_location=0xFFFF),
    ]
    data = health.build_errors([*entries, ErrorLogEntry()])
    parsed = health.parse_errors(data)
    assert list(parsed) == entries
    assert parsed[0].status == 0x4002
    assert parsed[0].error_location == (0x28, 3)
    assert parsed[1].error_location is None


def test_self_tests_say_what_is_valid() -> None:
    failed = SelfTestResult(dsts=SelfTestCode.EXTENDED << 4 | 7, segment=3, valid=0b1011, nsid=1, failing_lba=77)
    log = health.SelfTestLog(0x2, 0x80 | 45, health.self_test_results(failed))
    again = health.SelfTestLog.parse(log.build())
    assert again == log
    assert (again.running, again.percent_complete) == (SelfTestCode.EXTENDED, 45)
    assert again.finished == (failed,)
    assert (failed.code, failed.result) == (SelfTestCode.EXTENDED, health.SelfTestResultCode.FAILED_SEGMENT)
    assert failed.has_nsid
    assert failed.has_failing_lba
    assert not failed.has_status


def test_sanitize_progress_is_a_fraction() -> None:
    status = health.SanitizeStatus(sprog=0x8000, sstat=0x100 | 5 << 3 | health.SanitizeState.IN_PROGRESS)
    assert status.fraction_complete == 0.5
    assert status.overwrite_passes == 5
    assert status.global_data_erased
    assert status.state == health.SanitizeState.IN_PROGRESS
    assert health.SanitizeStatus().fraction_complete == 1.0


def test_a_vendors_own_page_is_not_taken_for_ocps() -> None:
    assert OcpSmartLog.parse(OcpSmartLog(capacitor_health_percent=100).build()).is_ocp
    assert not OcpSmartLog.parse(bytes(512)).is_ocp


def test_effects() -> None:
    log = effects.EffectsLog(admin=effects.table({0x80: 0x0002_0013, 0x0D: 0x100C_0009}), io=effects.table({0x01: 3}))
    again = effects.EffectsLog.parse(log.build())
    assert again == log
    formatting = again.of_admin(0x80)
    assert formatting.is_supported
    assert formatting.changes_data
    assert formatting.changes_controller
    assert not formatting.changes_namespace
    assert formatting.submission == 2
    management = again.of_admin(0x0D)
    assert management.changes_inventory
    assert management.selects_uuid
    assert management.scope == 0x100
    assert again.of_io(0x01).changes_data
    assert not again.of_io(0x02).is_supported


def test_supported_log_pages() -> None:
    pages = effects.SupportedLogPages(effects.table({0x02: 1, 0x70: 3}))
    again = effects.SupportedLogPages.parse(pages.build())
    assert again.identifiers == (0x02, 0x70)
    assert again.has_index_offset(0x70)
    assert not again.has_index_offset(0x02)


# -- persistent events

events = st.builds(
    PersistentEvent,
    header=st.builds(PersistentEventHeader, event_type=st.integers(0, 255), cntlid=u16, timestamp=u64),
    vendor_specific=st.binary(max_size=20),
    data=st.binary(max_size=20),
)


@given(st.lists(events, max_size=4))
def test_persistent_events(given_events: list[PersistentEvent]) -> None:
    data = persistent_event.build_log(PersistentEventLogHeader(sn="S", supported_events=b"\6"), given_events)
    header = PersistentEventLogHeader.parse(data)
    assert (header.tnev, header.tll, header.header_bytes) == (len(given_events), len(data), 512)
    assert [event for event in range(256) if header.supports(event)] == [1, 2]
    parsed = list(persistent_event.parse_events(data[header.header_bytes :], header.tnev))
    assert [(event.vendor_specific, event.data) for event in parsed] == [
        (event.vendor_specific, event.data) for event in given_events
    ]
    assert [event.header.timestamp for event in parsed] == [event.header.timestamp for event in given_events]


def test_a_missing_event_is_an_error() -> None:
    with pytest.raises(NvmedError, match="before event 0 of 1"):
        list(persistent_event.parse_events(b"", 1))
    short = dataclasses.replace(PersistentEventHeader(), el=5, vsil=6).build()
    with pytest.raises(NvmedError, match="impossible lengths"):
        list(persistent_event.parse_events(short + bytes(10), 1))
