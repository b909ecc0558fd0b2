"""Captures over the wire: what is on disk is the log, whole, and who may see it is decided by its controller."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import uuid
import zlib
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2 as longrunning

from nvmed import config
from nvmed.captures.store import Captures
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.simulator.faults import Disappear, Fault, Hang, NewGeneration
from nvmed.v1 import event_pb2
from nvmed.v1 import telemetry_pb2 as pb
from nvmed.v1.event_pb2_grpc import EventServiceStub
from tests.rpc.harness import KIB, Daemon, StartDaemon, reason_of, small_drive
from tests.rpc.operation_calls import ask, failed, steps, succeeded

HOST, CONTROLLER = pb.TELEMETRY_SOURCE_HOST, pb.TELEMETRY_SOURCE_CONTROLLER
AREA_3 = 64 * KIB + 512
NAME = "controllers/nvmed1-1"


async def begin(daemon: Daemon, **fields: Any) -> longrunning.Operation:
    request = pb.CaptureTelemetryRequest(**{"controller": "nvme0", "source": HOST, **fields})
    return await daemon.telemetry.CaptureTelemetry(request)


async def captured(daemon: Daemon, **fields: Any) -> pb.CaptureTelemetryResponse:
    return await succeeded(daemon, await begin(daemon, **fields), pb.CaptureTelemetryResponse)


async def read(daemon: Daemon, name: str, **fields: Any) -> tuple[pb.CaptureHeader, bytes, pb.CaptureTrailer]:
    header, data, trailer = pb.CaptureHeader(), bytearray(), pb.CaptureTrailer()
    async for part in daemon.telemetry.ReadCapture(pb.ReadCaptureRequest(name=name, **fields)):
        if part.HasField("header"):
            header = part.header
        elif part.HasField("chunk"):
            assert part.chunk.offset == header.start_offset + len(data)
            assert part.chunk.crc32 == zlib.crc32(part.chunk.data)
            data += part.chunk.data
        else:
            trailer = part.trailer
    return header, bytes(data), trailer


async def listed(daemon: Daemon, **fields: Any) -> list[pb.Capture]:
    return list((await daemon.telemetry.ListCaptures(pb.ListCapturesRequest(**fields))).captures)


async def refused(call: Any, reason: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert reason_of(caught.value) == reason, caught.value.details()
    return caught.value


def files(daemon: Daemon) -> set[str]:
    return {entry.name for entry in (daemon.state_dir / "captures").iterdir()} - {"automatic.json"}


async def test_a_capture_is_the_log_and_outlives_daemon_and_drive(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    done = await captured(daemon, create=True, labels={"ticket": "7"}, ttl_s=3600)
    (found,) = await listed(daemon)
    assert found == await daemon.telemetry.GetCapture(pb.GetCaptureRequest(name=done.capture))
    assert (found.controller, found.source, found.data_area) == (NAME, HOST, pb.TELEMETRY_DATA_AREA_3)
    assert (found.size_bytes, done.size_bytes, found.sha256) == (AREA_3, AREA_3, done.sha256)
    assert (dict(found.labels), found.automatic, found.serial_number) == ({"ticket": "7"}, False, "NVMED1")
    assert found.expire_time.seconds - found.create_time.seconds in (3599, 3600)
    assert found.principal
    header, data, trailer = await read(daemon, done.capture, chunk_bytes=4096)
    assert header.capture == found
    assert hashlib.sha256(data).digest() == trailer.sha256 == done.sha256
    assert (len(data), trailer.total_bytes) == (AREA_3, AREA_3)
    _, rest, again = await read(daemon, done.capture, offset=5000)
    assert (rest, again) == (data[5000:], trailer)
    assert (await read(daemon, done.capture, offset=AREA_3))[1:] == (b"", trailer)
    await daemon.stop()
    gone = await start_daemon(small_drive("OTHER"), state_dir=daemon.state_dir)
    assert await listed(gone) == await listed(gone, parent=NAME) == [found]
    assert await listed(gone, parent="controllers/other-1") == []
    assert (await read(gone, done.capture))[1] == data


async def test_lists_have_pages_filters_and_order(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(), small_drive("NVMED2"))
    for node in ("nvme0", "nvme1", "nvme0"):
        await captured(daemon, controller=node, create=True)
    everything = await listed(daemon)
    assert [one.name for one in everything] == sorted(one.name for one in everything)
    assert len(everything) == 3
    assert (
        len(await listed(daemon, parent="nvme1")) == len(await listed(daemon, filter='serial_number = "NVMED2"')) == 1
    )
    newest = await listed(daemon, order_by="create_time desc")
    assert [one.create_time.ToNanoseconds() for one in newest] == sorted(
        (one.create_time.ToNanoseconds() for one in everything), reverse=True
    )
    first = await daemon.telemetry.ListCaptures(pb.ListCapturesRequest(page_size=2))
    rest = await listed(daemon, page_token=first.next_page_token)
    assert [*first.captures, *rest] == everything


async def test_what_is_deleted_is_gone_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    name = (await captured(daemon, create=True)).capture
    request = pb.DeleteCaptureRequest(name=name, request_id=str(uuid.uuid4()))
    await daemon.telemetry.DeleteCapture(pb.DeleteCaptureRequest(name=name, validate_only=True))
    assert len(await listed(daemon)) == 1
    for _ in range(2):
        assert (await daemon.telemetry.DeleteCapture(request)).name == name
    assert (await listed(daemon), files(daemon)) == ([], set())
    await refused(daemon.telemetry.GetCapture(pb.GetCaptureRequest(name=name)), "CAPTURE_NOT_FOUND")
    await refused(read(daemon, name), "CAPTURE_NOT_FOUND")
    await refused(daemon.telemetry.DeleteCapture(pb.DeleteCaptureRequest(name=name)), "CAPTURE_NOT_FOUND")


async def test_the_same_request_captures_once(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    request_id = str(uuid.uuid4())
    first, again = [await captured(daemon, create=True, request_id=request_id) for _ in range(2)]
    assert first == again
    assert len(await listed(daemon)) == 1


async def test_it_is_acknowledged_when_it_is_on_disk(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    assert await failed(daemon, await begin(daemon, source=CONTROLLER)) == ("FAILED", "TELEMETRY_NOT_AVAILABLE")
    generation = daemon.drive().capture_controller_telemetry()
    kept = await captured(daemon, source=CONTROLLER)
    assert (kept.acknowledged, kept.generation_number) == (False, generation)
    operation = await begin(daemon, source=CONTROLLER, acknowledge=True)
    done = await succeeded(daemon, operation, pb.CaptureTelemetryResponse)
    assert (done.acknowledged, done.sha256) == (True, kept.sha256)
    told = await ask(daemon, "GetOperation", name=operation.name)
    assert steps(told) == ["copy", "clear_event"]
    state = await daemon.telemetry.GetTelemetryCapabilities(pb.GetTelemetryCapabilitiesRequest(controller="nvme0"))
    assert not state.controller_log.available
    events = await EventServiceStub(daemon.channel).ListEvents(event_pb2.ListEventsRequest(page_size=500))
    finished = [one for one in events.events if one.kind == event_pb2.EVENT_KIND_CAPTURE_FINISHED]
    assert [one.capture_finished.capture for one in finished] == [kept.capture, done.capture]
    assert finished[1].capture_finished.acknowledged
    assert finished[1].controller == NAME


async def test_a_plan_touches_nothing(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    daemon.drive().capture_controller_telemetry()
    planned = await captured(daemon, source=CONTROLLER, validate_only=True)
    assert (planned.capture, planned.size_bytes, planned.controller) == ("", AREA_3, NAME)
    assert (await captured(daemon, create=True, validate_only=True)).size_bytes == 0
    assert (await captured(daemon, source=CONTROLLER, data_area=4, validate_only=True)).size_bytes == 0
    assert (await listed(daemon), files(daemon)) == ([], set())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"source": CONTROLLER, "create": True}, "INVALID_FIELD"),
        ({"source": HOST, "acknowledge": True}, "INVALID_FIELD"),
        ({"ttl_s": 10**8}, "INVALID_FIELD"),
        ({"source": 0}, "INVALID_FIELD"),
        ({"controller": "controllers/nobody"}, "CONTROLLER_NOT_FOUND"),
    ],
)
async def test_what_cannot_be_captured(start_daemon: StartDaemon, fields: dict[str, Any], reason: str) -> None:
    daemon = await start_daemon(small_drive())
    await refused(begin(daemon, **fields, validate_only=True), reason)
    assert files(daemon) == set()


async def test_offsets_beyond_the_end(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    name = (await captured(daemon, create=True)).capture
    await refused(read(daemon, name, offset=AREA_3 + 1), "OFFSET_OUT_OF_RANGE")
    await refused(read(daemon, name, offset=2**64 - 1), "OFFSET_OUT_OF_RANGE")


@pytest.mark.parametrize(
    ("action", "reason"),
    [(NewGeneration(), "TELEMETRY_GENERATION_CHANGED"), (Disappear(), "DEVICE_GONE")],
)
async def test_what_breaks_off_leaves_nothing(start_daemon: StartDaemon, action: Any, reason: str) -> None:
    daemon = await start_daemon(small_drive())
    daemon.drive().capture_controller_telemetry()
    daemon.drive().faults.add(Fault(action, opcode=AdminOpcode.GET_LOG_PAGE, skip=1))
    found = await failed(daemon, await begin(daemon, source=CONTROLLER))
    assert found == ("FAILED", reason)
    assert (await listed(daemon), files(daemon)) == ([], set())


async def test_a_drive_that_hangs_in_the_middle_leaves_nothing_and_others_are_captured(
    start_daemon: StartDaemon,
) -> None:
    daemon = await start_daemon(small_drive(), small_drive("NVMED2"))
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.GET_LOG_PAGE, skip=2))
    operation = await begin(daemon, create=True)
    await asyncio.to_thread(hang.reached.wait)
    other = await captured(daemon, controller="nvme1", create=True)
    await ask(daemon, "CancelOperation", name=operation.name)
    assert await failed(daemon, operation) == ("CANCELLED", "OPERATION_CANCELLED")
    hang.release()
    assert [one.name for one in await listed(daemon)] == [other.capture]
    assert len(files(daemon)) == 2


async def test_a_full_disk_is_said_and_nothing_is_half_kept(
    start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = await start_daemon(small_drive())
    pwrite = os.pwrite

    def full(descriptor: int, data: Any, offset: int) -> int:
        if len(data) > KIB:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return pwrite(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    assert await failed(daemon, await begin(daemon, create=True)) == ("FAILED", "CAPTURES_FULL")
    assert (await listed(daemon), files(daemon)) == ([], set())
    monkeypatch.undo()
    await captured(daemon, create=True)


async def test_a_full_quota_says_what_expires_next(start_daemon: StartDaemon) -> None:
    drive = small_drive()
    daemon = await start_daemon(drive, captures=config.Captures(quota_bytes=1024 * KIB))
    first = await captured(daemon, create=True, ttl_s=100)
    for _ in range(6):
        await captured(daemon)
    operation = await begin(daemon)
    assert await failed(daemon, operation) == ("FAILED", "CAPTURES_FULL")
    call = begin(daemon, validate_only=True)
    failure = await refused(call, "CAPTURES_FULL")
    assert f"{first.capture} of {NAME} ({AREA_3} bytes) expires next, at 20" in str(failure.details())
    await daemon.telemetry.DeleteCapture(pb.DeleteCaptureRequest(name=first.capture))
    await captured(daemon)


async def test_damage_is_noticed(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive())
    name = (await captured(daemon, create=True)).capture
    path = Path(daemon.state_dir) / "captures" / f"{name.removeprefix('captures/')}.log"
    path.write_bytes(b"rot" + path.read_bytes()[3:])
    await refused(read(daemon, name), "CAPTURE_DAMAGED")
    os.truncate(path, 100)
    await refused(read(daemon, name, offset=4096), "CAPTURE_DAMAGED")


VIEWER_OF_ONE = config.Policy(
    bindings=(config.Binding(principals=("unix:someone",), roles=("viewer",), resources=(NAME, "host")),)
)


async def test_a_capture_is_its_controllers(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(), small_drive("NVMED2"))
    mine = (await captured(daemon, create=True)).capture
    other = (await captured(daemon, controller="nvme1", create=True)).capture
    await daemon.stop()
    one = await start_daemon(
        small_drive("THIRD"), state_dir=daemon.state_dir, principal="someone", roles=(), policy=VIEWER_OF_ONE
    )
    assert [found.name for found in await listed(one)] == [mine]
    assert len((await read(one, mine))[1]) == AREA_3
    await refused(read(one, other), "POLICY_DENIED")
    await refused(one.telemetry.GetCapture(pb.GetCaptureRequest(name=other)), "POLICY_DENIED")
    await refused(listed(one, parent="controllers/nvmed2-1"), "POLICY_DENIED")
    await refused(one.telemetry.DeleteCapture(pb.DeleteCaptureRequest(name=mine)), "POLICY_DENIED")


def test_the_store_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = Captures(tmp_path / "captures").folder
    folder.scan()
    assert (tmp_path / "captures").stat().st_mode & 0o777 == 0o700
