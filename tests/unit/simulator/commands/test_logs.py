"""The logs of a simulated drive, apart from telemetry's, and the commands whose results they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvmed.nvme import ana, effects, features, health, logpage, persistent_event
from nvmed.nvme.ana import AnaState, LbaRange
from nvmed.nvme.effects import EffectsLog, SupportedLogPages
from nvmed.nvme.features import AsyncEventConfiguration
from nvmed.nvme.health import OcpSmartLog, SelfTestLog, SelfTestResultCode, SmartLog
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, FeatureId, IoOpcode, LogPage, SelfTestCode
from nvmed.nvme.persistent_event import EventAction, EventType, PersistentEventLogHeader
from nvmed.nvme.status import DO_NOT_RETRY, check
from nvmed.nvme.transport import Command
from nvmed.simulator.commands.logs import PAGES
from nvmed.simulator.controller import Controller
from nvmed.simulator.refusal import Sc
from nvmed.simulator.spec import MIB, DriveSpec, NamespaceSpec, OcpSpec
from nvmed.simulator.subsystem import ManualClock, Subsystem

EVERYTHING: dict[str, object] = {
    "endurance_groups": 1, "nvm_sets": 1, "capacity_management": True, "rotational": True, "power_measurement": True,
    "boot_partitions": (bytes(128 * 1024), bytes(128 * 1024)), "ocp": OcpSpec((2, 7)),
}  # fmt: skip
"""What a drive needs to have every log there is."""


def make(clock: ManualClock | None = None, **changes: object) -> Controller:
    return Subsystem(DriveSpec(**{**EVERYTHING, **changes}), clock or ManualClock()).controller  # type: ignore[arg-type]


def read(controller: Controller, command: Command) -> bytes:
    data = bytearray(logpage.decode(command).length_bytes)
    check(command, controller.admin(command, data))
    return bytes(data)


def refusal(controller: Controller, command: Command) -> int:
    return controller.admin(command, bytearray(1 << 17)).status & ~DO_NOT_RETRY


def enable(controller: Controller, events: AsyncEventConfiguration) -> list[int]:
    told = list[int]()
    controller.admin(features.set_features(FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, events))
    controller.subscribe_async_events(told.append)
    return told


# -- rules of all logs


def test_supported_log_pages_are_those_that_can_be_read() -> None:
    controller = make()
    supported = SupportedLogPages.parse(read(controller, effects.read_supported_log_pages())).identifiers
    assert set(supported) == set(PAGES)
    for lid in range(256):
        status = refusal(controller, logpage.get_log_page(lid, 512, lsi=1, lsp=int(lid == LogPage.PERSISTENT_EVENT)))
        assert status == (0 if lid in supported else Sc.INVALID_LOG_PAGE)


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"log_attributes": 0x04}, {0x00, 0x05, 0x07, 0x08, 0x0D, 0x12, 0x13}),
        ({"optional_admin_commands": 0}, {0x06, 0x0E}),
        ({"ana_groups": 0}, {0x0C}),
        ({"sanitize_capabilities": 0}, {0x81}),
        ({"ocp": None}, {0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC9}),
        ({"ocp": OcpSpec((2, 0))}, {0xC6, 0xC7, 0xC9}),
        ({"endurance_groups": 0}, {0x09, 0x0F, 0x16}),
    ],
)
def test_a_drive_has_the_logs_that_it_says(changes: dict[str, object], gone: set[int]) -> None:
    controller = make(None, **changes)
    for lid in PAGES:
        status = refusal(controller, logpage.get_log_page(lid, 512, lsi=1, lsp=int(lid == LogPage.PERSISTENT_EVENT)))
        assert status == (Sc.INVALID_LOG_PAGE if lid in gone else 0)


@pytest.mark.parametrize(
    "command",
    [
        logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 512, 516),
        logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 1 << 18),
        logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 512, nsid=1),
        logpage.get_log_page(LogPage.ERROR_INFORMATION, 512, ot=True),
        Command(AdminOpcode.GET_LOG_PAGE, cdw10=2 | 127 << 16, cdw12=2),
        Command(AdminOpcode.GET_LOG_PAGE, cdw10=2 | 0xFFFF << 16, cdw11=0xFFFF),
    ],
)
def test_what_no_log_allows(command: Command) -> None:
    assert refusal(make(), command) == Sc.INVALID_FIELD


def test_reading_in_parts_needs_extended_data() -> None:
    controller = make(log_attributes=0x02)
    assert refusal(controller, logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 512)) == 0
    assert refusal(controller, logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 256, 256)) == Sc.INVALID_FIELD


def test_a_namespaces_smart_log_needs_its_bit() -> None:
    assert refusal(make(log_attributes=0x7F), health.read_smart(1)) == 0


def test_a_small_buffer_is_refused() -> None:
    command = logpage.get_log_page(LogPage.SMART_HEALTH_INFORMATION, 512)
    assert make().admin(command, bytearray(508)).status == Sc.DATA_LENGTH_INVALID | DO_NOT_RETRY


@given(st.sampled_from([lid for lid in PAGES if lid not in (0x07, 0x08, 0x0D)]), st.integers(1, 127))
def test_a_log_in_parts_is_the_log(lid: int, dwords: int) -> None:
    controller = make()
    expected = read(controller, logpage.get_log_page(lid, 4096, lsi=1, rae=True))
    joined, offset = b"", 0
    while not controller.admin(
        command := logpage.get_log_page(lid, dwords * 4, offset, lsi=1, rae=True), bytearray(512)
    ).status:
        joined += read(controller, command)
        offset += dwords * 4
    size = min(len(joined), len(expected))
    assert joined[:size] == expected[:size]
    assert not any(expected[size:])


# -- each of them


def test_smart_counts_what_the_host_does() -> None:
    clock = ManualClock()
    controller = make(clock)
    before = SmartLog.parse(read(controller, health.read_smart()))
    for _ in range(2):
        controller.io(Command(IoOpcode.WRITE, 1, cdw12=255), bytearray(256 * 512))
    controller.io(Command(IoOpcode.READ, 1), bytearray(512))
    clock.advance(7200)
    controller.subsystem.power_cycle()
    after = SmartLog.parse(read(controller, health.read_smart()))
    assert (after.host_write_commands, after.host_read_commands) == (2, 1)
    assert (after.data_units_written, after.data_units_read) == (1, 1)
    assert after.power_on_hours == before.power_on_hours + 2
    assert after.power_cycles == before.power_cycles + 1
    extended = OcpSmartLog.parse(read(controller, health.read_ocp_smart()))
    assert extended.is_ocp
    assert extended.physical_media_bytes_written == 2 * 256 * 512


def test_a_medium_that_fails_is_counted() -> None:
    controller = make()
    controller.mark_unreadable(1, 0, 1)
    assert controller.io(Command(IoOpcode.READ, 1), bytearray(512)).status & 0x7FF == Sc.UNRECOVERED_READ_ERROR
    assert SmartLog.parse(read(controller, health.read_smart())).media_errors == 1


def test_effects_say_what_is_supported() -> None:
    log = EffectsLog.parse(read(make(), effects.read_effects()))
    assert log.of_admin(AdminOpcode.FORMAT_NVM).changes_data
    assert log.of_admin(AdminOpcode.NAMESPACE_MANAGEMENT).changes_inventory
    assert log.of_admin(AdminOpcode.IDENTIFY).raw == 1
    assert not log.of_admin(AdminOpcode.SECURITY_SEND).is_supported
    assert log.of_io(IoOpcode.WRITE).changes_data
    assert not log.of_io(IoOpcode.COPY).is_supported
    fewer = EffectsLog.parse(read(make(optional_admin_commands=0), effects.read_effects()))
    assert not fewer.of_admin(AdminOpcode.FORMAT_NVM).is_supported


def test_ana() -> None:
    controller = make(controllers=2, namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB, ana_group=2)))
    told = enable(controller, AsyncEventConfiguration.ASYMMETRIC_NAMESPACE_ACCESS_CHANGE_NOTICES)

    def log(*, groups_only: bool = False) -> ana.AnaLog:
        size = ana.ana_log_bytes(2, 32)
        return ana.parse_ana_log(read(controller, ana.read_ana_log(size, groups_only=groups_only)))

    assert [(group.state, group.nsids) for group in log().groups] == [(1, (1,)), (1, (2,))]
    controller.set_ana_state(2, AnaState.INACCESSIBLE)
    controller.set_ana_state(2, AnaState.INACCESSIBLE)
    assert told == [0x0C0302]
    assert log().change_count == 1
    assert [(group.state, group.change_count) for group in log().groups] == [(1, 0), (3, 1)]
    assert [group.nsids for group in log(groups_only=True).groups] == [(), ()]
    for state, status in (
        (AnaState.INACCESSIBLE, 0x302), (AnaState.PERSISTENT_LOSS, 0x301), (AnaState.CHANGE, 0x303),
        (AnaState.NON_OPTIMIZED, 0),
    ):  # fmt: skip
        controller.set_ana_state(2, state)
        assert controller.io(Command(IoOpcode.READ, 2), bytearray(512)).status == status
        assert controller.subsystem.controllers[2].io(Command(IoOpcode.READ, 2), bytearray(512)).status == 0
    controller.subsystem.set_ana_state(1, AnaState.CHANGE)
    for member in controller.subsystem.controllers.values():
        assert member.io(Command(IoOpcode.READ, 1), bytearray(512)).status == Sc.ANA_TRANSITION
    with pytest.raises(KeyError):
        controller.set_ana_state(3, AnaState.CHANGE)


def test_lba_status() -> None:
    controller = make(controllers=2, namespaces=(NamespaceSpec(MIB), NamespaceSpec(MIB)))
    told = enable(controller, AsyncEventConfiguration.LBA_STATUS_INFORMATION_NOTICES)

    def log() -> ana.LbaStatusLog:
        header = ana.LbaStatusHeader.parse(read(controller, ana.read_lba_status_log()))
        return ana.parse_lba_status_log(read(controller, ana.read_lba_status_log(ana.lba_status_log_bytes(header))))

    assert log() == ana.LbaStatusLog(0, 0, ())
    for first, count in ((5, 2), (100, 1), (7, 1)):
        controller.mark_unreadable(2, first, count)
    assert told == [0x0E0502]
    element = ana.LbaStatusElement(2, ana.LbaStatusAction.RETURN_TRACKED, (LbaRange(5, 3), LbaRange(100, 1)))
    assert log() == ana.LbaStatusLog(3, 4, (element,))
    with pytest.raises(KeyError):
        controller.mark_unreadable(9, 0, 1)

    def ask(dwords: int, first: int = 0, count: int = 0, action: int = 0x11, nsid: int = 2) -> tuple[int, bytes]:
        data = bytearray(b"?" * dwords * 4)
        command = Command(AdminOpcode.GET_LBA_STATUS, nsid, cdw10=first, cdw12=dwords - 1, cdw13=count | action << 24)
        return controller.admin(command, data).status & ~DO_NOT_RETRY, bytes(data)

    status, data = ask(12)
    assert (status, data[:5]) == (0, b"\2\0\0\0\1")
    assert (data[8:20], data[24:36]) == (
        (5).to_bytes(8, "little") + b"\3\0\0\0",
        (100).to_bytes(8, "little") + b"\1\0\0\0",
    )
    assert ask(6)[1][:5] == b"\1\0\0\0\2"
    assert ask(12, 6, 10)[1][:20] == b"\1\0\0\0\1\0\0\0" + (6).to_bytes(8, "little") + b"\2\0\0\0"
    assert ask(12, MIB // 512)[0] == Sc.LBA_OUT_OF_RANGE
    assert ask(12, action=1)[0] == Sc.INVALID_FIELD
    assert ask(12, nsid=0)[0] == Sc.INVALID_NAMESPACE


def self_tests(controller: Controller) -> SelfTestLog:
    return SelfTestLog.parse(read(controller, health.read_self_tests()))


def test_self_test() -> None:
    clock = ManualClock()
    controller = make(clock)
    assert not controller.admin(health.device_self_test(SelfTestCode.SHORT)).status
    clock.advance(60)
    assert (self_tests(controller).running, self_tests(controller).percent_complete) == (SelfTestCode.SHORT, 50)
    again = controller.admin(health.device_self_test(SelfTestCode.EXTENDED))
    assert again.status == Sc.SELF_TEST_IN_PROGRESS
    clock.advance(60)
    log = self_tests(controller)
    assert (log.running, [(one.code, one.result) for one in log.finished]) == (0, [(1, SelfTestResultCode.PASSED)])


def test_self_tests_that_end_otherwise() -> None:
    clock = ManualClock()
    controller = make(clock)
    controller.admin(health.device_self_test(SelfTestCode.EXTENDED, 1))
    controller.reset()
    assert self_tests(controller).running == SelfTestCode.EXTENDED
    controller.admin(health.device_self_test(SelfTestCode.ABORT))
    controller.admin(health.device_self_test(SelfTestCode.ABORT))
    controller.admin(health.device_self_test(SelfTestCode.SHORT))
    controller.reset()
    controller.self_test.failing_lba = 77
    controller.admin(health.device_self_test(SelfTestCode.SHORT, 1))
    clock.advance(120)
    failed, reset, aborted = self_tests(controller).finished
    assert (aborted.result, aborted.nsid) == (SelfTestResultCode.ABORTED_BY_COMMAND, 1)
    assert reset.result == SelfTestResultCode.ABORTED_BY_RESET
    assert (failed.result, failed.failing_lba, failed.has_failing_lba) == (SelfTestResultCode.FAILED_SEGMENT, 77, True)
    for code, nsid, status in (
        (SelfTestCode.VENDOR_SPECIFIC, NSID_ALL, Sc.INVALID_FIELD),
        (SelfTestCode.SHORT, 9, Sc.INVALID_FIELD),
    ):
        assert controller.admin(health.device_self_test(code, nsid)).status == status | DO_NOT_RETRY


def test_only_20_self_tests_are_remembered() -> None:
    clock = ManualClock()
    controller = make(clock)
    for _ in range(25):
        controller.admin(health.device_self_test(SelfTestCode.SHORT))
        clock.advance(120)
    assert len(self_tests(controller).finished) == 20


def test_persistent_events_need_a_context() -> None:
    controller = make()
    log = persistent_event.read_persistent_events
    assert refusal(controller, log(512)) == Sc.COMMAND_SEQUENCE_ERROR
    read(controller, log(512, action=EventAction.ESTABLISH_CONTEXT_AND_READ))
    assert refusal(controller, log(512, action=EventAction.ESTABLISH_CONTEXT_AND_READ)) == Sc.COMMAND_SEQUENCE_ERROR
    read(controller, log(512))
    read(controller, log(512, action=EventAction.RELEASE_CONTEXT))
    assert refusal(controller, log(512)) == Sc.COMMAND_SEQUENCE_ERROR


def test_persistent_events_tell_what_happened() -> None:
    controller = make()
    controller.capture_controller_telemetry()
    controller.admin(Command(AdminOpcode.FIRMWARE_COMMIT, cdw10=2))
    controller.admin(Command(AdminOpcode.FORMAT_NVM, 1))
    controller.admin(Command(AdminOpcode.SANITIZE, cdw10=2))
    controller.reset()
    log = persistent_event.read_persistent_events
    size = 16384
    data = read(controller, log(size, action=EventAction.ESTABLISH_CONTEXT_AND_READ))
    header = PersistentEventLogHeader.parse(data)
    assert (header.sn, header.mn, header.subnqn) == (controller.serial, controller.model, controller.nqn)
    assert header.tll <= size
    events = list(persistent_event.parse_events(data[header.header_bytes : header.tll], header.tnev))
    assert [event.header.event_type for event in reversed(events)] == [
        EventType.SMART_HEALTH_SNAPSHOT, EventType.POWER_ON_OR_RESET, EventType.TELEMETRY_LOG_CREATED,
        EventType.FIRMWARE_COMMIT, EventType.FORMAT_NVM_START, EventType.SANITIZE_START, EventType.POWER_ON_OR_RESET,
    ]  # fmt: skip
    assert all(header.supports(event.header.event_type) for event in events)
    read(controller, log(512, action=EventAction.RELEASE_CONTEXT))
    for _ in range(200):
        controller.capture_controller_telemetry()
    data = read(controller, log(size, action=EventAction.ESTABLISH_CONTEXT_AND_READ))
    assert PersistentEventLogHeader.parse(data).tll <= 64 * 1024


def test_error_log_keeps_the_newest() -> None:
    controller = make(error_log_entries=4)
    for opcode in range(0xC0, 0xC8):
        controller.admin(Command(opcode))
    entries = health.parse_errors(read(controller, health.read_errors(4)))
    assert [(entry.error_count, entry.opcode) for entry in entries] == [(8, 0xC7), (7, 0xC6), (6, 0xC5), (5, 0xC4)]
    assert refusal(controller, logpage.get_log_page(1, 64, 5 * 64)) == Sc.INVALID_FIELD
