"""Logs over the wire: decoded, untorn, as bytes, and what may not be asked for."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from nvmed.config import Config, HostConfig, Listen, UnixListener
from nvmed.daemon import serving
from nvmed.nvme.ana import AnaGroup, AnaLog, AnaState, LbaStatusHeader, build_ana_log
from nvmed.nvme.identify import IdentifyController
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.nvme.uuid_list import OCP_UUID
from nvmed.simulator.faults import Answer, Call, Fault, Patch
from nvmed.simulator.spec import DriveSpec, NamespaceSpec
from nvmed.simulator.state.drive import ControllerState
from nvmed.v1 import log_pb2 as pb
from nvmed.v1.log_pb2_grpc import LogServiceStub
from tests.rpc.harness import KIB, Daemon, StartDaemon
from tests.rpc.log_calls import read_page, reads, refused, stub

if TYPE_CHECKING:
    from nvmed.v1.log_pb2_grpc import LogServiceAsyncStub

SMALL_TRANSFERS = DriveSpec(serial="SMALL", mdts=1, ana_groups=400, namespaces=(NamespaceSpec(ana_group=3),))
"""8 KiB a command, and an ANA log of 12820 bytes."""


# -- health


async def test_health_in_units(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.set_critical_warning(0b101)
    with drive.lock:
        drive.health.bytes_written = 512_000 * 3
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", include_raw=True))
    assert (log.controller, log.nsid) == ("controllers/nvmed1-1", 0)
    assert list(log.critical_warnings) == [
        pb.SmartLog.CRITICAL_WARNING_SPARE_BELOW_THRESHOLD,
        pb.SmartLog.CRITICAL_WARNING_RELIABILITY_DEGRADED,
    ]
    assert (log.temperature_celsius, log.available_spare_percent) == (38, 100)
    assert (log.data_units_written, log.bytes_written) == (3, 1_536_000)
    assert [(sensor.number, sensor.temperature_celsius) for sensor in log.temperature_sensors] == [(1, 38)]
    assert (len(log.raw), log.raw[0]) == (512, 0b101)
    assert log.async_event_retained
    assert [read.rae for read in reads(drive, LogPage.SMART_HEALTH_INFORMATION)] == [True]


async def test_counters_that_do_not_fit_stop_at_the_end(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Answer(b"\xff" * 512), log_id=2))
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0"))
    assert log.power_on_hours == log.bytes_read == 2**64 - 1
    daemon.drive().faults.add(Fault(Answer(bytes(3) + b"\x64".ljust(509, b"\0")), log_id=2))
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0"))
    assert not log.HasField("temperature_celsius")
    assert not log.temperature_sensors


async def test_health_of_one_namespace(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="EACH", log_attributes=0x7F), DriveSpec(serial="ONE"))
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", nsid=1))
    assert log.nsid == 1
    assert reads(daemon.drive(), 2)[0].nsid == 1
    for nsid in (0, 0xFFFF_FFFF):
        assert await refused(stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", nsid=nsid))) == (
            "INVALID_FIELD"
        )
    assert await refused(stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme1", nsid=1))) == (
        "NVME_UNSUPPORTED"
    )


async def test_errors_newest_first(daemon: Daemon) -> None:
    drive = daemon.drive()
    for opcode in (0x7D, 0x7E):
        drive.execute(Queue.ADMIN, Command(opcode, nsid=opcode))
    found = await stub(daemon).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(controller="nvme0"))
    assert found.capacity == 64
    assert [(entry.opcode, entry.nsid, entry.error_count) for entry in found.error_log_entries] == [
        (0x7E, 0x7E, 2),
        (0x7D, 0x7D, 1),
    ]
    first = found.error_log_entries[0]
    assert (first.status_mnemonic, first.HasField("location")) == ("NVME_SC_INVALID_OPCODE", False)
    one = await stub(daemon).ListErrorLogEntries(
        pb.ListErrorLogEntriesRequest(controller="nvme0", entries_max=1, include_raw=True)
    )
    assert ([entry.error_count for entry in one.error_log_entries], len(one.raw)) == ([2], 64)
    assert await refused(
        stub(daemon).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(controller="nvme0", entries_max=257))
    ) == ("INVALID_FIELD")


async def test_effects(daemon: Daemon) -> None:
    log = await stub(daemon).GetEffectsLog(pb.GetEffectsLogRequest(controller="nvme0", include_raw=True))
    by_name = {effects.command: effects for effects in log.admin_commands}
    assert by_name["FORMAT_NVM"].changes_data
    assert by_name["FORMAT_NVM"].submission == pb.CommandEffects.SUBMISSION_ALONE
    assert not by_name["IDENTIFY"].changes_controller
    assert {effects.command for effects in log.io_commands} >= {"READ", "WRITE"}
    assert len(log.raw) == 4096


async def test_supported_pages(daemon: Daemon) -> None:
    log = await stub(daemon).GetSupportedLogPages(pb.GetSupportedLogPagesRequest(controller="nvme0"))
    titles = {page.log_page: page.title for page in log.pages}
    assert titles[2] == "SMART_HEALTH_INFORMATION"
    assert 0x09 not in titles


async def test_sanitize_status(daemon: Daemon) -> None:
    log = await stub(daemon).GetSanitizeStatus(pb.GetSanitizeStatusRequest(controller="nvme0"))
    assert (log.state, log.fraction_complete) == (pb.SanitizeStatus.STATE_NEVER_SANITIZED, 1.0)
    assert log.crypto_erase_seconds == 60
    assert not log.HasField("overwrite_no_deallocate_seconds")


async def test_sanitize_status_of_a_drive_that_shows_its_media(start_daemon: StartDaemon) -> None:
    spec = DriveSpec(serial="PHASES", nvme_version=0x0002_0100, sanitize_capabilities=0xF, sanitize_s=0)
    daemon = await start_daemon(spec)
    sanitizer, asked = daemon.drive().subsystem.sanitizer, pb.GetSanitizeStatusRequest(controller="nvme0")
    sanitizer.start(2 | 1 << 10, 0)
    log = await stub(daemon).GetSanitizeStatus(asked)
    assert (log.phase, log.failed_in) == (pb.SanitizeStatus.PHASE_MEDIA_VERIFICATION, 0)
    assert not log.media_verification_canceled
    sanitizer.exit_media_verification()
    assert (await stub(daemon).GetSanitizeStatus(asked)).phase == pb.SanitizeStatus.PHASE_UNSPECIFIED
    sanitizer.fail_next = True
    sanitizer.start(2, 0)
    log = await stub(daemon).GetSanitizeStatus(asked)
    assert log.phase == pb.SanitizeStatus.PHASE_RESTRICTED_FAILURE
    assert log.failed_in == pb.SanitizeStatus.PHASE_RESTRICTED_PROCESSING
    daemon.drive().faults.add(Fault(Patch(2, b"\x01\x02"), log_id=0x81))
    daemon.drive().faults.add(Fault(Patch(32, b"\x07\0\0\0\xff"), log_id=0x81))
    log = await stub(daemon).GetSanitizeStatus(asked)
    assert (log.phase, log.failed_in, log.media_verification_canceled) == (0, 0, True)
    assert log.post_verification_deallocation_seconds == 7


async def test_the_ocp_log_and_what_only_looks_like_it(daemon: Daemon) -> None:
    log = await stub(daemon).GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0"))
    assert (log.specification_version, log.capacitor_health_percent, log.nvme_errata_version) == ("2.6", 100, "a")
    daemon.drive().faults.add(Fault(Patch(496, b"another vendor's"), log_id=0xC0))
    assert await refused(stub(daemon).GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0"))) == (
        "NVME_UNSUPPORTED"
    )


async def test_the_ocp_log_is_found_by_the_index_of_its_uuid(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="UUIDS", uuids=(uuid.UUID(int=7), OCP_UUID)))
    logs = stub(daemon)
    found = await logs.GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0"))
    assert found == await logs.GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0", uuid_index=2))
    assert [read.uuid_index for read in reads(daemon.drive(), 0xC0)] == [2, 2]
    for index, reason in ((0, "NVME_UNSUPPORTED"), (1, "NVME_UNSUPPORTED"), (3, "NVME_INVALID_FIELD")):
        call = logs.GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0", uuid_index=index))
        assert await refused(call) == reason
    other = await start_daemon(DriveSpec(serial="OTHER", uuids=(uuid.UUID(int=7),)))
    await stub(other).GetOcpSmartLog(pb.GetOcpSmartLogRequest(controller="nvme0"))
    assert [read.uuid_index for read in reads(other.drive(), 0xC0)] == [0]


async def test_logs_that_a_drive_does_not_have(start_daemon: StartDaemon) -> None:
    spec = DriveSpec(serial="BARE", log_attributes=0, optional_admin_commands=0, sanitize_capabilities=0, ana_groups=0)
    daemon = await start_daemon(spec)
    logs = stub(daemon)
    calls: list[Awaitable[Any]] = [
        logs.GetAnaLog(pb.GetAnaLogRequest(controller="nvme0")),
        logs.GetEffectsLog(pb.GetEffectsLogRequest(controller="nvme0")),
        logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller="nvme0")),
        logs.StartSelfTest(pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_SHORT)),
        logs.GetSanitizeStatus(pb.GetSanitizeStatusRequest(controller="nvme0")),
        logs.GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0")),
        logs.GetSupportedLogPages(pb.GetSupportedLogPagesRequest(controller="nvme0")),
        read_page(daemon, log_page=2, length_bytes=64 * KIB),
        read_page(daemon, log_page=2, length_bytes=4, offset_bytes=4),
    ]
    assert [await refused(call) for call in calls] == ["NVME_UNSUPPORTED"] * len(calls)
    drive = daemon.drive()
    assert drive.journal.commands(opcode=AdminOpcode.GET_LOG_PAGE) == []  # optional commands fill error logs
    assert await refused(logs.GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))) == "NVME_UNSUPPORTED"
    assert await read_page(daemon, log_page=2, length_bytes=512)


# -- self-tests


async def test_a_self_test_from_start_to_result(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="TEST", short_self_test_s=0, extended_self_test_min=30))
    logs = stub(daemon)
    short = pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_SHORT, nsid=0, request_id=str(uuid.uuid4()))
    started = await logs.StartSelfTest(short)
    assert (started.controller, started.expected_minutes) == ("controllers/test-1", 0)
    await logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller="nvme0"))
    extended = pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_EXTENDED, request_id=str(uuid.uuid4()))
    assert (await logs.StartSelfTest(extended)).expected_minutes == 30
    assert (await logs.StartSelfTest(extended)).expected_minutes == 30  # repeated, not started again
    again = pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_EXTENDED)
    assert await refused(logs.StartSelfTest(again)) == "NVME_BUSY"
    running = await logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller="nvme0"))
    assert running.running == pb.SELF_TEST_EXTENDED
    await logs.StartSelfTest(pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_ABORT))
    ended = await logs.GetSelfTestLog(pb.GetSelfTestLogRequest(controller="nvme0", include_raw=True))
    assert [(result.test, result.outcome) for result in ended.results] == [
        (pb.SELF_TEST_EXTENDED, pb.SelfTestResult.OUTCOME_ABORTED_BY_COMMAND),
        (pb.SELF_TEST_SHORT, pb.SelfTestResult.OUTCOME_PASSED),
    ]
    assert (ended.running, len(ended.raw)) == (pb.SELF_TEST_UNSPECIFIED, 564)
    sent = daemon.drive().journal.commands(opcode=AdminOpcode.DEVICE_SELF_TEST)
    assert [(command.cdw10, command.nsid) for command in sent] == [(1, 0), (2, 0xFFFF_FFFF), (15, 0xFFFF_FFFF)]


async def test_a_failed_self_test_says_where(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(DriveSpec(serial="TEST", short_self_test_s=0))
    with daemon.drive().lock:
        daemon.drive().self_test.failing_lba = 4711
    await stub(daemon).StartSelfTest(pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_SHORT, nsid=1))
    log = await stub(daemon).GetSelfTestLog(pb.GetSelfTestLogRequest(controller="nvme0"))
    (result,) = log.results
    assert (result.outcome, result.segment) == (pb.SelfTestResult.OUTCOME_FAILED_SEGMENT, 1)
    assert (result.nsid, result.failing_lba, result.HasField("raw_status")) == (1, 4711, False)


@pytest.mark.parametrize("test", [0, 3, 14, 99])
async def test_self_tests_that_cannot_be_started(daemon: Daemon, test: int) -> None:
    request = pb.StartSelfTestRequest(controller="nvme0", test=test)  # type: ignore[arg-type]
    assert await refused(stub(daemon).StartSelfTest(request)) == "INVALID_FIELD"


async def test_a_self_test_is_only_checked(daemon: Daemon) -> None:
    request = pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_SHORT, validate_only=True)
    await stub(daemon).StartSelfTest(request)
    assert daemon.drive().journal.commands(opcode=AdminOpcode.DEVICE_SELF_TEST) == []


# -- ANA


async def test_the_size_of_the_ana_log(daemon: Daemon) -> None:
    size = await stub(daemon).GetAnaLogSize(pb.GetAnaLogSizeRequest(controller="nvme0"))
    assert (size.size_bytes, size.group_count, size.namespaces_max) == (16 + 2 * 32 + 32 * 4, 2, 32)
    identify = IdentifyController(nanagrpid=2, mnan=32).build()
    request = pb.GetAnaLogSizeRequest(identify_controller=identify, groups_only=True)
    size = await stub(daemon).GetAnaLogSize(request)
    assert (size.size_bytes, size.controller, size.supported) == (80, "", False)
    for wrong in (pb.GetAnaLogSizeRequest(), pb.GetAnaLogSizeRequest(identify_controller=identify[1:])):
        assert await refused(stub(daemon).GetAnaLogSize(wrong)) == "INVALID_FIELD"


async def test_the_ana_log(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.set_ana_state(2, AnaState.INACCESSIBLE)
    log = await stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0"))
    assert [(group.group_id, group.state, list(group.nsids)) for group in log.groups] == [
        (1, pb.ANA_STATE_OPTIMIZED, [1]),
        (2, pb.ANA_STATE_INACCESSIBLE, []),
    ]
    assert (log.change_count, log.groups[1].change_count) == (1, 1)
    only = await stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0", groups_only=True, include_raw=True))
    assert [list(group.nsids) for group in only.groups] == [[], []]
    assert len(only.raw) == 80


async def test_an_ana_log_of_several_commands_is_never_torn(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(SMALL_TRANSFERS)
    drive = daemon.drive()

    def change(controller: ControllerState, command: Command) -> None:
        state = AnaState.NON_OPTIMIZED if controller.ana.state(399) is AnaState.OPTIMIZED else AnaState.OPTIMIZED
        controller.set_ana_state(399, state)

    second = Fault(Call(change), log_id=0x0C, where=lambda command: command.cdw12 > 0, times=2)
    drive.faults.add(second)
    log = await stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0", include_raw=True))
    assert log.change_count == 2
    assert len(log.groups) == 400
    assert log.raw == drive.ana.log(drive.subsystem.namespaces.attached(1), groups_only=False)
    drive.faults.add(Fault(Call(change), log_id=0x0C, where=lambda command: command.cdw12 > 0, times=None))
    assert await refused(stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0"))) == "LOG_CHANGED"


async def test_an_ana_log_that_is_longer_than_identify_says(daemon: Daemon) -> None:
    log = AnaLog(7, (AnaGroup(1, 7, AnaState.OPTIMIZED, tuple(range(1, 2001))),))
    daemon.drive().faults.add(Fault(Answer(build_ana_log(log)), log_id=0x0C, times=None))
    found = await stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0"))
    assert list(found.groups[0].nsids) == list(range(1, 2001))


async def test_an_ana_log_that_lies_is_not_believed(daemon: Daemon) -> None:
    huge = b"\0" * 8 + b"\1" + bytes(7) + b"\1\0\0\0\xff\xff\xff\xff" + bytes(24)
    daemon.drive().faults.add(Fault(Answer(huge), log_id=0x0C, times=None))
    assert await refused(stub(daemon).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0"))) == "LIMIT_EXCEEDED"


# -- LBA status


async def test_lba_status(daemon: Daemon) -> None:
    daemon.drive().mark_unreadable(1, 100, 5)
    daemon.drive().mark_unreadable(1, 200, 1)
    log = await stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0", include_raw=True))
    assert (log.size_bytes, log.generation, log.estimated_unrecoverable_blocks) == (64, 2, 6)
    (element,) = log.elements
    assert [(one.start_lba, one.block_count) for one in element.ranges] == [(100, 5), (200, 1)]
    assert (element.nsid, element.whole_namespace, len(log.raw)) == (1, False, 64)


async def test_no_lba_status(daemon: Daemon) -> None:
    log = await stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))
    assert (log.size_bytes, list(log.elements)) == (0, [])


@pytest.mark.parametrize("length", [1, 12, 15, 17, 4098, 2**32 - 1])
async def test_lengths_of_lba_status_that_make_no_sense(daemon: Daemon, length: int) -> None:
    daemon.drive().faults.add(Fault(Answer(LbaStatusHeader(lslplen=length).build()), log_id=0x0E))
    call = stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))
    assert await refused(call) == "NVME_DATA_INVALID"
    assert len(reads(daemon.drive(), 0x0E)) == 1


async def test_lba_status_that_is_too_long_for_a_message(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Answer(LbaStatusHeader(lslplen=2**32 - 4).build()), log_id=0x0E))
    call = stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))
    assert await refused(call) == "LIMIT_EXCEEDED"


async def test_lba_status_that_grows_is_read_again(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.mark_unreadable(1, 0, 1)
    grow = Call(lambda controller, command: controller.mark_unreadable(1, 8, 1))
    drive.faults.add(Fault(grow, log_id=0x0E, skip=1))
    log = await stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))
    assert len(log.elements[0].ranges) == 2
    again = Call(
        lambda controller, command: controller.mark_unreadable(1, 64 + controller.log_state.lba_status_generation, 1)
    )
    drive.faults.add(Fault(again, log_id=0x0E, times=None))
    assert await refused(stub(daemon).GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0"))) == "LOG_CHANGED"


# -- clearing events


async def test_only_who_asks_for_it_clears_an_event(daemon: Daemon) -> None:
    drive = daemon.drive()
    logs = stub(daemon)
    for _ in range(2):
        await logs.GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", retain_async_event=True))
    request = pb.GetSmartLogRequest(controller="nvme0", retain_async_event=False, request_id=str(uuid.uuid4()))
    assert not (await logs.GetSmartLog(request)).async_event_retained
    assert [read.rae for read in reads(drive, 2)] == [True, True, True, False]
    await logs.GetSmartLog(request)  # repeated: read, not cleared again
    assert [read.rae for read in reads(drive, 2)][4:] == [True]


async def test_what_changed_before_an_event_is_cleared_is_told(daemon: Daemon) -> None:
    drive = daemon.drive()
    warn = Call(lambda controller, command: controller.set_critical_warning(8))
    drive.faults.add(Fault(warn, log_id=2, where=lambda command: not command.cdw10 >> 15 & 1))
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", retain_async_event=False))
    assert list(log.critical_warnings) == [pb.SmartLog.CRITICAL_WARNING_READ_ONLY]


async def test_events_of_logs_that_change_are_cleared_as_well(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.mark_unreadable(1, 0, 1)
    logs = stub(daemon)
    change = Call(lambda controller, command: controller.set_ana_state(2, AnaState.CHANGE))
    drive.faults.add(Fault(change, log_id=0x0C, where=lambda command: not command.cdw10 >> 15 & 1))
    ana = await logs.GetAnaLog(pb.GetAnaLogRequest(controller="nvme0", retain_async_event=False))
    assert (ana.groups[1].state, ana.async_event_retained) == (pb.ANA_STATE_CHANGE, False)
    await logs.GetLbaStatusLog(pb.GetLbaStatusLogRequest(controller="nvme0", retain_async_event=False))
    assert [(read.length_bytes, read.rae) for read in reads(drive, 0x0E)] == [(16, True), (48, True), (16, False)]


async def test_viewers_clear_nothing(daemon: Daemon, tmp_path: Path) -> None:
    socket = UnixListener(path=str(tmp_path / "viewer.sock"), roles=("viewer",))
    config = Config(state_dir=str(tmp_path / "viewer"), host=HostConfig(simulate=1), listen=Listen(unix=(socket,)))
    async with serving(daemon.host, config) as (address,), grpc.aio.insecure_channel(address) as channel:
        logs: LogServiceAsyncStub = LogServiceStub(channel)
        await logs.GetSmartLog(pb.GetSmartLogRequest(controller="nvme0"))
        calls: list[Awaitable[Any]] = [
            logs.GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", retain_async_event=False)),
            logs.StartSelfTest(pb.StartSelfTestRequest(controller="nvme0", test=pb.SELF_TEST_SHORT)),
            logs.GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0", take_over_context=True)),
            anext(
                aiter(
                    logs.ReadLogPage(
                        pb.ReadLogPageRequest(
                            controller="nvme0", log_page=0xC1, length_bytes=4, log_specific_parameter=1
                        )
                    )
                )
            ),
        ]
        assert [await refused(call) for call in calls] == ["POLICY_DENIED"] * len(calls)
