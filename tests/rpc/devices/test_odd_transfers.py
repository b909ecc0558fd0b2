"""Drives and kernels that take other transfers than they say: found out within the call, and known to the next."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from nvmed.nvme import logpage
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import AdminOpcode, LogPage
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Fault, LimitTransfers, Refuse
from nvmed.v1 import log_pb2 as pb
from nvmed.v1 import telemetry_pb2
from tests.rpc.devices.test_telemetry import AREA_BYTES, on_drive, stream
from tests.rpc.harness import KIB, Daemon, StartDaemon, small_drive
from tests.rpc.log_calls import read_page, read_refused, reads, stub

HOST = telemetry_pb2.TELEMETRY_SOURCE_HOST
LOG = AdminOpcode.GET_LOG_PAGE
STATUSES = {"Invalid Field": 0x4002, "Data Transfer Error": 0x0004, "Internal Error": 0x0006, "SGL length": 0x400F,
            "PRP offset": 0x4013}  # fmt: skip


def limited(drive: Controller, **limits: Any) -> None:
    drive.faults.add(Fault(LimitTransfers(**limits), opcode=LOG, times=None))


def lengths(drive: Controller) -> list[int]:
    """How much each command of the telemetry log asked for, in order."""
    return [read.length_bytes for read in reads(drive, LogPage.TELEMETRY_HOST_INITIATED)]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("most", [512, 1536, 4096, 12 * KIB, 32 * KIB])
async def test_a_limit_whatever_it_is_called(daemon: Daemon, status: str, most: int) -> None:
    limited(daemon.drive(), most=most, status=STATUSES[status])
    whole = await stream(daemon, data_area=3, window=1)
    assert whole.data == on_drive(daemon.drive(), HOST, AREA_BYTES[3])
    daemon.drive().journal.clear()
    assert (await stream(daemon, data_area=3, window=1)).data == whole.data
    assert max(lengths(daemon.drive())) <= most  # the next call begins with what this one has learnt


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOMEM, errno.EMSGSIZE])
async def test_a_limit_of_the_kernel(daemon: Daemon, number: int) -> None:
    limited(daemon.drive(), most=2048, number=number)
    assert (await stream(daemon, data_area=3)).data == on_drive(daemon.drive(), HOST, AREA_BYTES[3])


@pytest.mark.parametrize("status", STATUSES)
async def test_a_smallest_size(daemon: Daemon, status: str) -> None:
    """Bridges that take nothing below 4 KiB: what is shorter is the beginning of more."""
    limited(daemon.drive(), least=4096, status=STATUSES[status])
    smart = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0"))
    assert smart.power_cycles
    assert (await stream(daemon, data_area=2)).data == on_drive(daemon.drive(), HOST, AREA_BYTES[2])
    daemon.drive().journal.clear()
    cleared = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", retain_async_event=False))
    assert cleared.available_spare_percent == smart.available_spare_percent
    assert {read.length_bytes for read in reads(daemon.drive(), 2)} == {4096}


async def test_exactly_one_size(daemon: Daemon) -> None:
    limited(daemon.drive(), least=4096, most=4096)
    assert (await stream(daemon, data_area=3)).data == on_drive(daemon.drive(), HOST, AREA_BYTES[3])


async def test_what_is_refused_for_another_reason_is_asked_for_a_few_times_only(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x4002), opcode=LOG, log_id=0xD0, times=None))
    assert await read_refused(daemon, log_page=0xD0, length_bytes=64 * KIB) == "NVME_INVALID_FIELD"
    assert len(reads(daemon.drive(), 0xD0)) == 3  # all of it, 4 KiB, 512 bytes
    daemon.drive().journal.clear()
    await stream(daemon, data_area=3)
    assert max(lengths(daemon.drive())) == 64 * KIB + 512


async def test_the_end_of_a_log_is_no_limit_of_its_size(daemon: Daemon) -> None:
    """A drive that refuses to read beyond a log's end: other logs are read as before."""

    def is_beyond(command: Command) -> bool:
        request = logpage.decode(command)
        return request.lid == 5 and request.offset_bytes + request.length_bytes > 16 * KIB

    daemon.drive().faults.add(Fault(Refuse(0x4002), opcode=LOG, where=is_beyond, times=None))
    assert await read_refused(daemon, log_page=5, length_bytes=64 * KIB) == "NVME_INVALID_FIELD"
    daemon.drive().journal.clear()
    await stream(daemon, data_area=3)
    assert max(lengths(daemon.drive())) == 64 * KIB + 512


# -- drives that read no log page in parts


@pytest.fixture
async def plain(start_daemon: StartDaemon) -> Daemon:
    """A drive without LPA bit 2, which gives the log's beginning whatever offset it is asked for."""
    return await start_daemon(
        small_drive(log_attributes=0x7A, ignores_log_page_offset=True, mdts=1, error_log_entries=256, ana_groups=2)
    )


def fail(drive: Controller, times: int) -> None:
    for _ in range(times):
        drive.admin(Command(0xC9))


def whole(requests: list[LogPageRequest]) -> bool:
    return all(request.offset_bytes == 0 for request in requests)


@pytest.mark.parametrize(("errors", "shown", "lacking"), [(200, 128, ["error_log_entries"]), (20, 20, []), (0, 0, [])])
async def test_errors_of_one_command(plain: Daemon, errors: int, shown: int, lacking: list[str]) -> None:
    fail(plain.drive(), errors)
    answer = await stub(plain).ListErrorLogEntries(pb.ListErrorLogEntriesRequest(controller="nvme0"))
    counts = [entry.error_count for entry in answer.error_log_entries]
    assert (len(counts), len(set(counts)), answer.capacity) == (shown, shown, 256)
    assert [one.field for one in answer.omissions] == lacking
    assert whole(reads(plain.drive(), 1))
    asked = pb.ListErrorLogEntriesRequest(controller="nvme0", entries_max=10)
    assert not (await stub(plain).ListErrorLogEntries(asked)).omissions


async def test_no_page_is_read_in_parts(plain: Daemon) -> None:
    assert await read_refused(plain, log_page=1, length_bytes=16 * KIB) == "NVME_UNSUPPORTED"
    assert await read_refused(plain, log_page=1, length_bytes=64, offset_bytes=64) == "NVME_UNSUPPORTED"
    assert await read_refused(plain, log_page=5, length_bytes=8 * KIB, max_transfer_bytes=4096) == "NVME_UNSUPPORTED"
    assert len(await read_page(plain, log_page=5, length_bytes=8 * KIB, chunk_bytes=4096)) == 8 * KIB
    assert [(read.offset_bytes, read.length_bytes) for read in reads(plain.drive(), 5)] == [(0, 8 * KIB)]


async def test_events_of_one_command(plain: Daemon) -> None:
    for _ in range(60):
        plain.drive().reset()
    plain.drive().faults.add(Fault(LimitTransfers(most=4096), opcode=LOG, times=None))
    plain.drive().journal.clear()
    answer = await stub(plain).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0"))
    times = [event.timestamp_ms for event in answer.events]
    assert times == sorted(times, reverse=True)
    assert [one.field for one in answer.omissions] == ["events"]
    assert whole(reads(plain.drive(), 0x0D))


async def test_namespace_access_of_one_command(plain: Daemon) -> None:
    answer = await stub(plain).GetAnaLog(pb.GetAnaLogRequest(controller="nvme0"))
    assert len(answer.groups) == 2
    assert whole(reads(plain.drive(), 0x0C))
