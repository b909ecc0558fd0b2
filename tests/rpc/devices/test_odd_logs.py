"""Logs that are zeros, of another version, or asked for with another namespace: what is answered is what is there."""

from __future__ import annotations

from typing import Any

import pytest

from nvmed.nvme import logpage
from nvmed.nvme.layout import shown_text
from nvmed.nvme.opcodes import NSID_ALL, AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Answer, Fault, Refuse, ZerosWhenRetained
from nvmed.v1 import log_pb2 as pb
from tests.rpc.harness import Daemon, StartDaemon, small_drive
from tests.rpc.log_calls import reads, refused, stub

LOG = AdminOpcode.GET_LOG_PAGE
SMART, SANITIZE, ERRORS = LogPage.SMART_HEALTH_INFORMATION, LogPage.SANITIZE_STATUS, LogPage.ERROR_INFORMATION
KEPT: dict[str, Any] = {"controller": "nvme0"}
CLEARED: dict[str, Any] = {"controller": "nvme0", "retain_async_event": False}


def zeros(drive: Controller, *, clear: bool = False) -> None:
    drive.faults.add(Fault(ZerosWhenRetained(clear=clear), opcode=LOG, times=None))


async def test_zeros_are_asked_for_again_the_other_way(daemon: Daemon) -> None:
    zeros(daemon.drive())
    for asked in ([True, False], [False]):  # the second time it is known
        log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**KEPT))
        assert (log.available_spare_percent, log.async_event_retained) == (100, False)
        assert [read.rae for read in reads(daemon.drive(), SMART)] == asked
        daemon.drive().journal.clear()
    status = await stub(daemon).GetSanitizeStatus(pb.GetSanitizeStatusRequest(**KEPT))
    assert (status.state, status.fraction_complete) == (pb.SanitizeStatus.STATE_NEVER_SANITIZED, 1)
    assert [read.rae for read in reads(daemon.drive(), SANITIZE)] == [False]


async def test_what_was_learnt_helps_logs_that_may_be_empty(daemon: Daemon) -> None:
    zeros(daemon.drive())
    await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**KEPT))
    for _ in range(3):
        daemon.drive().admin(Command(0xC9))
    answer = await stub(daemon).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(**KEPT))
    assert len(answer.error_log_entries) == 3
    assert not answer.async_event_retained


async def test_what_clears_the_event_is_what_is_answered(daemon: Daemon) -> None:
    zeros(daemon.drive())
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**CLEARED, include_raw=True))
    assert (log.available_spare_percent, log.async_event_retained) == (100, False)
    assert any(log.raw)
    assert [read.rae for read in reads(daemon.drive(), SMART)] == [True, False]


async def test_what_was_read_before_is_answered_where_clearing_brings_zeros(daemon: Daemon) -> None:
    zeros(daemon.drive(), clear=True)
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**CLEARED))
    assert (log.available_spare_percent, log.async_event_retained) == (100, False)


@pytest.mark.parametrize("fields", [KEPT, CLEARED], ids=["kept", "cleared"])
async def test_zeros_are_no_answer(daemon: Daemon, fields: dict[str, Any]) -> None:
    daemon.drive().faults.add(Fault(Answer(bytes(512)), opcode=LOG, log_id=SMART, times=None))
    assert await refused(stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**fields))) == "NVME_DATA_INVALID"


async def test_a_drive_that_answers_as_it_should_is_asked_once(daemon: Daemon) -> None:
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(**KEPT))
    assert log.async_event_retained
    assert [read.rae for read in reads(daemon.drive(), SMART)] == [True]


@pytest.mark.parametrize(("version", "is_set"), [(0x0001_0300, False), (0x0001_0400, True), (0x0002_0000, True)])
async def test_estimates_are_there_from_the_version_that_brought_them(
    start_daemon: StartDaemon, version: int, is_set: bool
) -> None:
    daemon = await start_daemon(small_drive(nvme_version=version))
    estimates = bytes.fromhex("ffff0000") + bytes(4) + (7).to_bytes(4, "little") * 3 + bytes(12)
    daemon.drive().faults.add(Fault(Answer(estimates), opcode=LOG, log_id=SANITIZE))
    status = await stub(daemon).GetSanitizeStatus(pb.GetSanitizeStatusRequest(**KEPT))
    assert status.overwrite_seconds == status.block_erase_seconds == status.crypto_erase_seconds == 7
    for kind in ("overwrite", "block_erase", "crypto_erase"):
        assert status.HasField(f"{kind}_no_deallocate_seconds") is is_set


@pytest.mark.parametrize(("version", "nsid"), [(0, NSID_ALL), (0x0001_0100, NSID_ALL), (0x0001_0200, 0), (0x2_0000, 0)])
async def test_a_log_of_the_controller_is_asked_for_as_its_version_wants(
    start_daemon: StartDaemon, version: int, nsid: int
) -> None:
    daemon = await start_daemon(small_drive(nvme_version=version))
    await stub(daemon).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(**KEPT))
    assert {read.nsid for read in reads(daemon.drive(), ERRORS)} == {nsid}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (b"S1          ", "S1"), (b"S1\0garbage ", "S1"), (b"  S1", "S1"), (b"\0\0\0", ""), (b"S 1\n", "S 1"),
        (b"S\xff1", "S\u00ff1"), (b"", ""),
    ],
)  # fmt: skip
def test_texts_end_where_the_kernels_end(written: bytes, shown: str) -> None:
    assert shown_text(written) == shown


async def test_a_count_of_errors_that_is_one_too_many(start_daemon: StartDaemon) -> None:
    """A drive that writes 64 into ELPE for 64 entries, where 63 would say so."""
    daemon = await start_daemon(small_drive(error_log_entries=65))

    def is_beyond(command: Command) -> bool:
        request = logpage.decode(command)
        return request.offset_bytes + request.length_bytes > 64 * 64

    daemon.drive().faults.add(Fault(Refuse(0x4002), opcode=LOG, log_id=ERRORS, where=is_beyond, times=None))
    for _ in range(70):
        daemon.drive().admin(Command(0xC9))
    answer = await stub(daemon).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(**KEPT))
    assert len(answer.error_log_entries) == 64
    assert [one.field for one in answer.omissions] == ["error_log_entries"]


async def test_a_drive_that_says_with_zeros_that_it_was_never_sanitized(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Answer(bytes(512)), opcode=LOG, log_id=SANITIZE, times=None))
    status = await stub(daemon).GetSanitizeStatus(pb.GetSanitizeStatusRequest(**KEPT))
    assert status.state == pb.SanitizeStatus.STATE_NEVER_SANITIZED
    assert [read.rae for read in reads(daemon.drive(), SANITIZE)] == [True, False]


async def test_logs_without_an_event_are_asked_for_the_other_way_too(daemon: Daemon) -> None:
    zeros(daemon.drive(), clear=True)
    effects = await stub(daemon).GetEffectsLog(pb.GetEffectsLogRequest(controller="nvme0"))
    assert effects.admin_commands
    pages = await stub(daemon).GetSupportedLogPages(pb.GetSupportedLogPagesRequest(controller="nvme0"))
    assert pages.pages
    daemon.drive().faults.add(Fault(Answer(bytes(4096)), opcode=LOG, times=None))
    assert await refused(stub(daemon).GetEffectsLog(pb.GetEffectsLogRequest(controller="nvme0"))) == "NVME_DATA_INVALID"
