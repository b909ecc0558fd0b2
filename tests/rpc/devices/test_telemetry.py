"""Telemetry over the wire: what arrives is the log, whole and of one generation, or a typed error."""

from __future__ import annotations

import errno
import hashlib
import zlib
from collections.abc import AsyncIterable
from typing import Any

import grpc
import pytest

from nvmed.nvme import logpage, telemetry
from nvmed.nvme.logpage import decode as decode_log_page
from nvmed.nvme.opcodes import AdminOpcode, FeatureId, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.telemetry import TelemetryLog
from nvmed.nvme.transport import Command
from nvmed.simulator.controller import Controller
from nvmed.simulator.faults import Disappear, Fail, Fault, Hang, NewGeneration, Patch, Refuse
from nvmed.simulator.spec import TelemetrySpec
from nvmed.v1 import telemetry_pb2 as pb
from nvmed.v1.admin_pb2 import GetServerInfoRequest
from nvmed.v1.common_pb2 import STREAM_DIGEST_NONE, STREAM_DIGEST_SHA256, STREAM_DIGEST_UNSPECIFIED
from nvmed.v1.inventory_pb2 import GetControllerRequest
from nvmed.v1.resources_pb2 import Controller as ControllerResource
from tests.rpc.harness import KIB, Daemon, StartDaemon, reason_of, small_drive

STALLED = ControllerResource.LANE_STATE_STALLED
HOST, CONTROLLER = pb.TELEMETRY_SOURCE_HOST, pb.TELEMETRY_SOURCE_CONTROLLER
LOGS = {HOST: TelemetryLog.HOST_INITIATED, CONTROLLER: TelemetryLog.CONTROLLER_INITIATED}
AREA_BYTES = {1: 8 * KIB + 512, 2: 24 * KIB + 512, 3: 64 * KIB + 512, 4: 128 * KIB + 512}


class Received:
    """A stream put together again, with everything checked that the contract promises."""

    def __init__(self) -> None:
        self.header = pb.TelemetryHeader()
        self.trailer: pb.TelemetryTrailer | None = None
        self.data = bytearray()
        self.chunks = 0

    async def read(self, call: AsyncIterable[pb.StreamTelemetryResponse], chunks: int | None = None) -> Received:
        async for part in call:
            match part.WhichOneof("part"):
                case "header":
                    assert self.chunks == 0
                    self.header = part.header
                case "chunk":
                    assert part.chunk.offset == self.header.start_offset + len(self.data)
                    assert part.chunk.crc32 == zlib.crc32(part.chunk.data)
                    self.data += part.chunk.data
                    self.chunks += 1
                    if self.chunks == chunks:
                        return self
                case "trailer":
                    self.trailer = part.trailer
        return self


def request(**fields: Any) -> pb.StreamTelemetryRequest:
    return pb.StreamTelemetryRequest(**{"controller": "controllers/nvmed1-1", "source": HOST, **fields})


async def stream(daemon: Daemon, **fields: Any) -> Received:
    received = await Received().read(daemon.telemetry.StreamTelemetry(request(**fields)))
    assert received.trailer is not None
    assert received.trailer.sha256 == hashlib.sha256(received.data).digest()
    assert received.trailer.total_bytes == received.header.total_bytes
    return received


async def refused(daemon: Daemon, code: grpc.StatusCode, reason: str, **fields: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Received().read(daemon.telemetry.StreamTelemetry(request(**fields)))
    assert (caught.value.code(), reason_of(caught.value)) == (code, reason), caught.value.details()
    return caught.value


def on_drive(drive: Controller, source: pb.TelemetrySource, size: int) -> bytes:
    """The log as the controller itself gives it, in one command that leaves no trace."""
    data = bytearray(size)
    assert drive.execute(Queue.ADMIN, telemetry.read_data(LOGS[source], size, 0), data).status == 0
    return bytes(data)


@pytest.mark.parametrize("area", [1, 2, 3])
@pytest.mark.parametrize("source", [HOST, CONTROLLER])
@pytest.mark.parametrize(("chunk_bytes", "window"), [(4096, 1), (0, 0), (12288, 8)])
async def test_each_area_arrives_as_the_drive_has_it(
    daemon: Daemon, source: pb.TelemetrySource, area: int, chunk_bytes: int, window: int
) -> None:
    daemon.drive().capture_controller_telemetry()
    received = await stream(daemon, source=source, data_area=area, chunk_bytes=chunk_bytes, window=window)
    assert len(received.data) == AREA_BYTES[area]
    assert received.header.data_area == area
    assert received.data == on_drive(daemon.drive(), source, AREA_BYTES[area])
    assert received.trailer is not None
    assert received.trailer.async_event_retained


async def test_area_4_shows_what_etdas_hides_and_restores_it(daemon: Daemon) -> None:
    received = await stream(daemon, data_area=4)
    assert len(received.data) == AREA_BYTES[4]
    sets = daemon.drive().journal.commands(opcode=AdminOpcode.SET_FEATURES)
    assert len(sets) == 2
    assert etdas(daemon.drive()) == 0
    assert not list(daemon.state_dir.glob("etdas-*"))


async def test_a_kernel_that_keeps_etdas_for_itself(daemon: Daemon) -> None:
    """As Linux 6.12.117 does: area 4 is refused with the reason, the others are served."""
    daemon.drive().faults.add(Fault(Fail(errno.EACCES), opcode=AdminOpcode.SET_FEATURES, times=None))
    failure = await refused(daemon, grpc.StatusCode.FAILED_PRECONDITION, "KERNEL_REFUSED", data_area=4)
    assert "Host Behavior Support" in str(failure.details())
    determined = await stream(daemon, data_area=pb.TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED)
    assert (determined.header.data_area, len(determined.data)) == (pb.TELEMETRY_DATA_AREA_3, AREA_BYTES[3])
    assert (await stream(daemon, data_area=3)).data == determined.data
    assert not list(daemon.state_dir.glob("etdas-*"))


def etdas(drive: Controller) -> int:
    data = bytearray(512)
    command = Command(AdminOpcode.GET_FEATURES, cdw10=FeatureId.HOST_BEHAVIOR_SUPPORT)
    assert drive.execute(Queue.ADMIN, command, data).status == 0
    return data[1]


async def test_etdas_is_restored_after_the_client_went_away(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(telemetry=TelemetrySpec.of_sizes(0, 0, 512, 64 << 20)))
    call = daemon.telemetry.StreamTelemetry(request(data_area=4))
    await Received().read(call, chunks=1)
    assert etdas(daemon.drive()) == 1
    call.cancel()
    while etdas(daemon.drive()) or list(daemon.state_dir.glob("etdas-*")):
        await daemon.admin.GetServerInfo(GetServerInfoRequest())


async def test_etdas_is_restored_by_the_next_start_after_a_crash(start_daemon: StartDaemon, tmp_path: Any) -> None:
    state = tmp_path / "crashed"
    state.mkdir()
    (state / "etdas-nvmed1-1").touch()
    daemon = await start_daemon(state_dir=state)
    sets = daemon.drive().journal.commands(opcode=AdminOpcode.SET_FEATURES)
    assert sets == []  # the bit was clear already: a drive that lost power
    assert not list(state.glob("etdas-*"))


async def test_the_controller_determines_the_area(daemon: Daemon) -> None:
    area = pb.TELEMETRY_DATA_AREA_CONTROLLER_DETERMINED
    received = await stream(daemon, data_area=area)
    assert received.header.data_area == pb.TELEMETRY_DATA_AREA_4
    assert len(received.data) == AREA_BYTES[4]


async def test_create_makes_a_new_generation_once(daemon: Daemon) -> None:
    before = await stream(daemon)
    created = await stream(daemon, create=True, request_id="4f0c1f3e-5a0e-4b52-a3b3-0c8f3f7a9a51")
    assert created.header.generation_number != before.header.generation_number
    again = await stream(daemon, create=True, request_id="4f0c1f3e-5a0e-4b52-a3b3-0c8f3f7a9a51")
    assert again.header.generation_number == created.header.generation_number
    assert again.data == created.data


async def test_a_node_names_the_controller_too(daemon: Daemon) -> None:
    for node in ("nvme0", "nvme0n1", "ng0n1"):
        assert (await stream(daemon, controller=node)).header.controller == "controllers/nvmed1-1"


async def test_resume_continues_where_the_cut_was(daemon: Daemon) -> None:
    first = await Received().read(daemon.telemetry.StreamTelemetry(request(chunk_bytes=4096)), chunks=3)
    rest = await stream(daemon, chunk_bytes=8192, resume_token=first.header.resume_token, offset=len(first.data))
    assert rest.header.start_offset == len(first.data)
    assert rest.trailer is not None
    assert rest.trailer.hash_covers_from_offset == len(first.data)
    assert bytes(first.data + rest.data) == on_drive(daemon.drive(), HOST, AREA_BYTES[3])


async def test_the_digest_is_chosen_by_each_stream(daemon: Daemon) -> None:
    first = await Received().read(daemon.telemetry.StreamTelemetry(request(chunk_bytes=8192)), chunks=2)
    token, done = first.header.resume_token, len(first.data)
    call = daemon.telemetry.StreamTelemetry(request(resume_token=token, offset=done, digest=STREAM_DIGEST_NONE))
    unhashed = await Received().read(call)
    assert unhashed.trailer is not None
    assert (unhashed.trailer.digest, unhashed.trailer.sha256) == (STREAM_DIGEST_NONE, b"")
    assert unhashed.trailer.hash_covers_from_offset == done
    for chosen in (STREAM_DIGEST_UNSPECIFIED, STREAM_DIGEST_SHA256):
        hashed = await stream(daemon, resume_token=token, offset=done, digest=chosen)
        assert hashed.data == unhashed.data
        assert hashed.trailer is not None
        assert hashed.trailer.digest == STREAM_DIGEST_SHA256
    await refused(daemon, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", digest=99)


async def test_resume_at_the_end_gives_the_trailer(daemon: Daemon) -> None:
    whole = await stream(daemon)
    end = await stream(daemon, resume_token=whole.header.resume_token, offset=len(whole.data))
    assert end.chunks == 0


async def test_bad_resumes(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(), small_drive("OTHER"))
    token = (await stream(daemon)).header.resume_token
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for wrong in ("x", token[:-8], token[:-4] + "AAA=", "A" * 4000):
        await refused(daemon, invalid, "RESUME_TOKEN_INVALID", resume_token=wrong)
    await refused(daemon, invalid, "RESUME_TOKEN_INVALID", resume_token=token, data_area=1)
    await refused(daemon, invalid, "RESUME_TOKEN_INVALID", resume_token=token, controller="controllers/other-1")
    daemon.drive().capture_controller_telemetry()
    await refused(daemon, invalid, "RESUME_TOKEN_INVALID", resume_token=token, source=CONTROLLER)
    await refused(daemon, invalid, "INVALID_FIELD", offset=512)
    await refused(daemon, invalid, "INVALID_FIELD", resume_token=token, create=True)
    out_of_range = grpc.StatusCode.OUT_OF_RANGE
    await refused(daemon, out_of_range, "OFFSET_OUT_OF_RANGE", resume_token=token, offset=AREA_BYTES[3] + 512)
    await refused(daemon, out_of_range, "OFFSET_OUT_OF_RANGE", resume_token=token, offset=100)
    await stream(daemon, create=True)
    await refused(daemon, grpc.StatusCode.ABORTED, "TELEMETRY_GENERATION_CHANGED", resume_token=token, offset=4096)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": 0},
        {"source": 9},
        {"data_area": 77},
        {"chunk_bytes": 4095},
        {"chunk_bytes": 2 << 20},
        {"chunk_bytes": 4096 + 4},
        {"max_transfer_bytes": 3},
        {"max_transfer_bytes": 514},
        {"window": 9},
        {"controller": ""},
        {"controller": "x" * 600},
        {"controller": "nvme0\0"},
        {"controller": "nvme0/../null"},
        {"controller": "/dev/nvme0"},
        {"controller": "nvme0n1p1"},
        {"controller": "nvme"},
        {"controller": "nvme٣"},
        {"source": CONTROLLER, "create": True},
        {"request_id": "not a uuid"},
    ],
    ids=str,
)
async def test_bad_fields_are_named_before_the_drive_is_touched(daemon: Daemon, fields: dict[str, Any]) -> None:
    daemon.drive().journal.clear()
    failure = await refused(daemon, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", **fields)
    named = next(name for name in ("create", *fields) if name in fields)
    assert named in str(failure.details())
    assert not daemon.drive().journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)


async def test_unknown_controllers(daemon: Daemon) -> None:
    for name in ("controllers/none-1", "controllers/", "nvme7", "nvme0n9", "ng3n1"):
        await refused(daemon, grpc.StatusCode.NOT_FOUND, "CONTROLLER_NOT_FOUND", controller=name)


async def test_areas_and_logs_that_a_drive_lacks(start_daemon: StartDaemon) -> None:
    without, three, empty = (
        small_drive("NONE", log_attributes=0x06),
        small_drive("THREE", log_attributes=0x0E),
        small_drive("EMPTY", telemetry=TelemetrySpec(host_log_present=False)),
    )
    daemon = await start_daemon(without, three, empty)
    unimplemented, precondition = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.FAILED_PRECONDITION
    await refused(daemon, unimplemented, "TELEMETRY_UNSUPPORTED", controller="controllers/none-1")
    for create in (False, True):
        await refused(
            daemon, unimplemented, "TELEMETRY_UNSUPPORTED", controller="controllers/three-1", data_area=4, create=create
        )
    assert not daemon.drive("nvme1").journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
    await refused(daemon, precondition, "TELEMETRY_AREA_EMPTY", controller="controllers/empty-1")
    nothing = {"controller": "controllers/empty-1", "source": CONTROLLER}
    for retained, cleared in ((True, 0), (False, 1)):
        await refused(daemon, precondition, "TELEMETRY_NOT_AVAILABLE", **nothing, retain_async_event=retained)
        logs = daemon.drive("nvme2").journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)
        assert sum(decode_log_page(one).lid == 8 and not decode_log_page(one).rae for one in logs) == cleared


@pytest.mark.parametrize("nth", range(1, 6))
async def test_a_change_on_the_way_is_never_spliced(daemon: Daemon, nth: int) -> None:
    daemon.drive().faults.add(Fault(NewGeneration(host=True), log_id=LogPage.TELEMETRY_HOST_INITIATED, skip=nth - 1))
    if nth == 1:  # changed before the first read: one generation all the same
        await stream(daemon, chunk_bytes=16 * KIB, window=1)
    else:
        await refused(daemon, grpc.StatusCode.ABORTED, "TELEMETRY_GENERATION_CHANGED", chunk_bytes=16 * KIB, window=1)


async def test_what_another_capture_begins_with_is_not_passed_on(daemon: Daemon) -> None:
    """The header says before and after what it says, and what was read between is of another generation."""
    other = Patch(381, bytes([77]))
    daemon.drive().faults.add(Fault(other, log_id=LogPage.TELEMETRY_HOST_INITIATED, skip=1))
    await refused(daemon, grpc.StatusCode.ABORTED, "TELEMETRY_GENERATION_CHANGED", chunk_bytes=16 * KIB, window=1)


async def test_a_status_in_mid_stream_is_passed_on(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Refuse(0x4281), opcode=AdminOpcode.GET_LOG_PAGE, skip=3))
    failure = await refused(daemon, grpc.StatusCode.DATA_LOSS, "NVME_MEDIA", chunk_bytes=4096)
    assert "UNRECOVERED_READ" in str(failure.details()).upper().replace(" ", "_") or failure.details()


async def test_a_drive_that_goes_away_in_mid_stream(daemon: Daemon) -> None:
    daemon.drive().faults.add(Fault(Disappear(), opcode=AdminOpcode.GET_LOG_PAGE, skip=3))
    await refused(daemon, grpc.StatusCode.UNAVAILABLE, "DEVICE_GONE", chunk_bytes=4096)


async def test_smaller_transfers_are_learnt_where_large_ones_are_refused(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(mdts=0))
    daemon.drive().faults.add(Fault(Refuse(0x4002), where=lambda command: read_bytes(command) > 16 * KIB, times=None))
    received = await stream(daemon, window=1)
    assert received.data == on_drive(daemon.drive(), HOST, AREA_BYTES[3])
    daemon.drive().journal.clear()
    await stream(daemon, window=1)
    assert max(map(read_bytes, log_reads(daemon))) == 16 * KIB  # the second time nothing is refused any more


def read_bytes(command: Command) -> int:
    is_read = command.opcode == AdminOpcode.GET_LOG_PAGE
    return logpage.decode(command).length_bytes if is_read else 0


def log_reads(daemon: Daemon) -> list[Command]:
    return daemon.drive().journal.commands(opcode=AdminOpcode.GET_LOG_PAGE)


async def test_every_read_retains_the_event(daemon: Daemon) -> None:
    daemon.drive().capture_controller_telemetry()
    await stream(daemon, source=CONTROLLER)
    assert all(command.cdw10 >> 15 & 1 for command in log_reads(daemon))


async def test_the_event_is_cleared_last_where_asked(daemon: Daemon) -> None:
    daemon.drive().capture_controller_telemetry()
    received = await stream(daemon, source=CONTROLLER, retain_async_event=False)
    assert received.trailer is not None
    assert not received.trailer.async_event_retained
    *before, last = log_reads(daemon)
    assert all(command.cdw10 >> 15 & 1 for command in before)
    assert not last.cdw10 >> 15 & 1


async def test_acknowledge_clears_only_the_generation_that_was_saved(daemon: Daemon) -> None:
    controller = "controllers/nvmed1-1"

    async def acknowledge(**fields: Any) -> pb.AcknowledgeTelemetryResponse:
        return await daemon.telemetry.AcknowledgeTelemetry(
            pb.AcknowledgeTelemetryRequest(controller=controller, **fields)
        )

    with pytest.raises(grpc.aio.AioRpcError) as nothing:
        await acknowledge(generation_number=0)
    assert reason_of(nothing.value) == "TELEMETRY_NOT_AVAILABLE"
    daemon.drive().capture_controller_telemetry()
    generation = (await stream(daemon, source=CONTROLLER)).header.generation_number
    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await acknowledge()
    assert reason_of(missing.value) == "INVALID_FIELD"
    with pytest.raises(grpc.aio.AioRpcError) as other:
        await acknowledge(generation_number=(generation + 1) % 256)
    assert reason_of(other.value) == "TELEMETRY_GENERATION_CHANGED"
    await acknowledge(generation_number=generation, validate_only=True)
    assert all(command.cdw10 >> 15 & 1 for command in log_reads(daemon))
    assert (await acknowledge(generation_number=generation)).generation_number == generation
    assert not log_reads(daemon)[-1].cdw10 >> 15 & 1


async def test_a_hung_drive_stalls_itself_alone(start_daemon: StartDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nvmed.devices.lane.KERNEL_ADMIN_TIMEOUT_MS", 50)
    monkeypatch.setattr("nvmed.devices.inventory.LANE_GRACE_MS", 50)
    daemon = await start_daemon(small_drive(), small_drive("OTHER"))
    hang = Hang()
    daemon.drive().faults.add(Fault(hang, opcode=AdminOpcode.GET_LOG_PAGE))
    await refused(daemon, grpc.StatusCode.DEADLINE_EXCEEDED, "COMMAND_TIMEOUT")
    await refused(daemon, grpc.StatusCode.UNAVAILABLE, "DEVICE_STALLED")
    assert (await stream(daemon, controller="controllers/other-1")).trailer
    hang.release()
    while (await daemon.inventory.GetController(GetControllerRequest(name="nvme0"))).lane_state == STALLED:
        pass
    await stream(daemon)


async def test_a_client_that_stops_reading_stops_the_drive(start_daemon: StartDaemon) -> None:
    size = 64 << 20
    daemon = await start_daemon(small_drive(telemetry=TelemetrySpec.of_sizes(0, 0, 512, size), mdts=8))
    call = daemon.telemetry.StreamTelemetry(request(data_area=4))
    await Received().read(call, chunks=1)
    count = -1
    while count != (count := len(log_reads(daemon))):  # until the drive is asked for no more
        for _ in range(20):
            await daemon.admin.GetServerInfo(GetServerInfoRequest())
    assert count * 256 * KIB < size // 2
    call.cancel()


async def test_capabilities_say_what_there_is(start_daemon: StartDaemon) -> None:
    daemon = await start_daemon(small_drive(), small_drive("NONE", log_attributes=0x06))
    found = await daemon.telemetry.GetTelemetryCapabilities(
        pb.GetTelemetryCapabilitiesRequest(controller="controllers/nvmed1-1")
    )
    assert (found.supported, found.max_data_area) == (True, 4)
    assert list(found.host_log.area_end_bytes)[:3] == [AREA_BYTES[1], AREA_BYTES[2], AREA_BYTES[3]]
    assert found.host_log.available
    assert not found.controller_log.available
    none = await daemon.telemetry.GetTelemetryCapabilities(
        pb.GetTelemetryCapabilitiesRequest(controller="controllers/none-1")
    )
    assert (none.supported, none.max_data_area, none.HasField("host_log")) == (False, 0, False)
