"""The persistent event log, and any page as bytes, over the wire."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from nvmed.nvme import logpage
from nvmed.nvme.logpage import LogPageRequest
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Answer, Fault, Hang, Patch, Refuse
from nvmed.v1 import log_pb2 as pb
from nvmed.v1 import namespace_pb2
from nvmed.v1.namespace_pb2_grpc import NamespaceServiceStub
from tests.rpc.harness import KIB, Daemon
from tests.rpc.log_calls import read_page, read_refused, reads, refused, stub
from tests.rpc.namespace_calls import ended

# -- persistent events


async def test_persistent_events(daemon: Daemon) -> None:
    log = await stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0"))
    assert [event.type for event in log.events] == [
        pb.PersistentEvent.TYPE_POWER_ON_OR_RESET,
        pb.PersistentEvent.TYPE_SMART_HEALTH_SNAPSHOT,
    ]
    assert (log.total_events, log.complete, log.serial_number) == (2, True, "NVMED1")
    assert len(log.events[1].data) == 512
    reset, smart = log.events[0].power_on_or_reset, log.events[1].smart
    assert (reset.firmware_revision, [one.controller_id for one in reset.controllers]) == ("1.0.0", [1])
    assert (smart.temperature_celsius, smart.available_spare_percent) == (38, 100)
    assert not log.events[0].HasField("event_time")
    one = await stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0", events_max=1))
    assert (len(one.events), one.complete, one.generation) == (1, False, log.generation + 1)
    assert daemon.drive().log_state.persistent_context is None


async def test_events_say_what_was_done_to_namespaces(daemon: Daemon) -> None:
    spaces = NamespaceServiceStub(daemon.channel)
    made = await ended(
        daemon,
        await spaces.CreateNamespace(namespace_pb2.CreateNamespaceRequest(controller="nvme0", size_blocks=8)),
        namespace_pb2.CreateNamespaceResponse,
    )
    request = namespace_pb2.DeleteNamespaceRequest(controller="nvme0", nsid=made.nsid, acknowledge_data_loss=True)
    await ended(daemon, await spaces.DeleteNamespace(request), namespace_pb2.DeleteNamespaceResponse)
    log = await stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0", events_max=2))
    changes = [event.namespace_change for event in log.events]
    assert [(one.deleted, one.nsid, one.size_blocks) for one in changes] == [
        (True, made.nsid, 8),
        (False, made.nsid, 8),
    ]


async def test_a_drive_that_knows_the_time_dates_its_events(daemon: Daemon) -> None:
    drive = daemon.drive()
    now = (1_700_000_000_000).to_bytes(6, "little") + bytes(2)
    drive.execute(Queue.ADMIN, Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.TIMESTAMP), bytearray(now))
    with drive.lock:
        drive.create_host_telemetry()
    log = await stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0"))
    dated = log.events[0]
    if dated.HasField("event_time"):
        assert dated.event_time.seconds >= 1_700_000_000
    assert dated.timestamp_ms >= 1_700_000_000_000


async def test_another_programs_context_is_respected_unless_told(daemon: Daemon) -> None:
    drive = daemon.drive()
    establish = logpage.get_log_page(LogPage.PERSISTENT_EVENT, 512, lsp=1)
    drive.execute(Queue.ADMIN, establish, bytearray(512))
    request = pb.GetPersistentEventLogRequest(controller="nvme0")
    assert await refused(stub(daemon).GetPersistentEventLog(request)) == "LOG_CONTEXT_TAKEN"
    assert drive.log_state.persistent_context is not None
    request.take_over_context = True
    assert (await stub(daemon).GetPersistentEventLog(request)).complete
    assert drive.log_state.persistent_context is None


async def test_readers_of_one_drive_take_turns(daemon: Daemon) -> None:
    request = pb.GetPersistentEventLogRequest(controller="nvme0")
    found = await asyncio.gather(*(stub(daemon).GetPersistentEventLog(request) for _ in range(5)))
    assert sorted(log.generation for log in found) == [1, 2, 3, 4, 5]


async def test_a_context_is_released_when_the_caller_leaves(daemon: Daemon) -> None:
    drive = daemon.drive()
    hang = Hang()
    drive.faults.add(Fault(hang, log_id=0x0D, skip=1))
    call = stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0"))
    waiting = asyncio.ensure_future(call)
    await asyncio.to_thread(hang.reached.wait)
    call.cancel()
    hang.release()
    await asyncio.gather(waiting, return_exceptions=True)
    while drive.log_state.persistent_context is not None:  # noqa: ASYNC110  # the client is gone before the daemon is done
        await asyncio.sleep(0.01)
    assert (await stub(daemon).GetPersistentEventLog(pb.GetPersistentEventLogRequest(controller="nvme0"))).complete


async def test_events_with_impossible_lengths(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Patch(512 + 22, b"\xff\xff"), log_id=0x0D, times=None))
    request = pb.GetPersistentEventLogRequest(controller="nvme0")
    answer = await stub(daemon).GetPersistentEventLog(request)
    assert (len(answer.events), answer.total_events > 0) == (0, True)
    assert [(one.field, one.reason) for one in answer.omissions] == [("events", "NVME_DATA_INVALID")]
    assert daemon.drive().log_state.persistent_context is None


# -- any page


async def test_any_page_in_chunks(daemon: Daemon) -> None:
    drive = daemon.drive()
    whole = await read_page(daemon, log_page=7, length_bytes=48 * KIB, chunk_bytes=16 * KIB, window=3)
    part = await read_page(daemon, log_page=7, length_bytes=8 * KIB, offset_bytes=4 * KIB, max_transfer_bytes=4096)
    assert part == whole[4 * KIB : 12 * KIB]
    assert {read.length_bytes for read in reads(drive, 7)[-2:]} == {4096}
    assert all(read.rae for read in reads(drive, 7))


async def test_every_field_of_get_log_page_is_sent(daemon: Daemon) -> None:
    drive = daemon.drive()
    drive.faults.add(Fault(Answer(b"vendor's own"), log_id=0xCA))
    data = await read_page(
        daemon,
        log_page=0xCA, length_bytes=64, log_specific_parameter=0x55, log_specific_identifier=0x1234, uuid_index=3,
        command_set=2, nsid=1,
    )  # fmt: skip
    assert data.rstrip(b"\0") == b"vendor's own"
    (read,) = reads(drive, 0xCA)
    assert read == LogPageRequest(0xCA, 64, 0, lsp=0x55, lsi=0x1234, rae=True, uuid_index=3, csi=2, nsid=1)


async def test_a_page_is_as_the_decoded_log(daemon: Daemon) -> None:
    log = await stub(daemon).GetSmartLog(pb.GetSmartLogRequest(controller="nvme0", include_raw=True))
    assert await read_page(daemon, log_page=2, length_bytes=512, nsid=0xFFFF_FFFF) == log.raw


async def test_the_event_of_a_page_is_cleared_last(daemon: Daemon) -> None:
    await read_page(daemon, log_page=1, length_bytes=4096, retain_async_event=False, request_id=str(uuid.uuid4()))
    assert [(read.length_bytes, read.rae) for read in reads(daemon.drive(), 1)] == [(4096, True), (4, False)]


async def test_the_whole_persistent_event_log_as_bytes(daemon: Daemon) -> None:
    data = await read_page(daemon, log_page=0x0D, length_bytes=1100, log_specific_parameter=1, max_transfer_bytes=512)
    assert data[0] == 0x0D
    assert daemon.drive().log_state.persistent_context is None
    assert [read.lsp for read in reads(daemon.drive(), 0x0D)] == [1, 0, 0, 0, 2]
    assert await read_refused(daemon, log_page=0x0D, length_bytes=512) == "NVME_REFUSED"  # without a context


@pytest.mark.parametrize(
    "fields",
    [
        {"length_bytes": 512},
        {"log_page": 2},
        {"log_page": 256, "length_bytes": 4},
        {"log_page": 2, "length_bytes": 0},
        {"log_page": 2, "length_bytes": 6},
        {"log_page": 2, "length_bytes": 3},
        {"log_page": 2, "length_bytes": (1 << 32) + 4},
        {"log_page": 2, "length_bytes": 4, "offset_bytes": 2},
        {"log_page": 2, "length_bytes": 8, "offset_bytes": 2**64 - 4},
        {"log_page": 2, "length_bytes": 4, "log_specific_parameter": 128},
        {"log_page": 2, "length_bytes": 4, "log_specific_identifier": 65536},
        {"log_page": 2, "length_bytes": 4, "uuid_index": 128},
        {"log_page": 2, "length_bytes": 4, "command_set": 256},
        {"log_page": 2, "length_bytes": 4, "chunk_bytes": 100},
        {"log_page": 2, "length_bytes": 4, "window": 9},
        {"log_page": 2, "length_bytes": 4, "max_transfer_bytes": 511},
        {"log_page": 2, "length_bytes": 4, "request_id": "no uuid"},
        {"log_page": 7, "length_bytes": 512, "log_specific_parameter": 1},
        {"log_page": 13, "length_bytes": 512, "log_specific_parameter": 2},
    ],
    ids=str,
)
async def test_pages_that_cannot_be_read(daemon: Daemon, fields: dict[str, Any]) -> None:
    assert await read_refused(daemon, **fields) == "INVALID_FIELD"
    assert daemon.drive().journal.commands(opcode=AdminOpcode.GET_LOG_PAGE) == []


async def test_what_the_drive_says_of_a_page_is_told(daemon: Daemon) -> None:
    assert await read_refused(daemon, log_page=0x77, length_bytes=512) == "NVME_UNSUPPORTED"
    daemon.drive().faults.add(Fault(Refuse(0x4281), log_id=7, skip=1))
    assert await read_refused(daemon, log_page=7, length_bytes=8192, chunk_bytes=4096) == "NVME_MEDIA"
