"""Commands over NVMe/TCP: how their data travels, what is answered late, and what a host does wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from nvmed.nvme.opcodes import AdminOpcode, FeatureId, IoOpcode, LogPage
from nvmed.nvme.status import Queue
from nvmed.nvme.transport import Command
from nvmed.simulator.faults import Delay, Drop, Fail, Fault, Hang, Refuse
from nvmed.simulator.nvme_tcp import Limits, NvmeTcpTarget, fabrics, pdu
from nvmed.simulator.spec import DriveSpec
from nvmed.simulator.subsystem import Subsystem
from tests.unit.simulator.nvme_tcp.initiator import Initiator, Terminated

DNR = 0x4000
KIB = 1024
EVENT_REQUEST = Command(AdminOpcode.ASYNCHRONOUS_EVENT_REQUEST)
IDENTIFY = Command(AdminOpcode.IDENTIFY, cdw10=1)


def read(block: int, count: int) -> Command:
    return Command(IoOpcode.READ, 1, cdw10=block, cdw12=count - 1)


def write(block: int, count: int) -> Command:
    return Command(IoOpcode.WRITE, 1, cdw10=block, cdw12=count - 1)


@pytest.fixture
def subsystem() -> Subsystem:
    return Subsystem(DriveSpec(mdts=8))


LIMITS = Limits(max_h2c_data_bytes=16 * KIB, max_c2h_data_bytes=64 * KIB)


@pytest.fixture
async def target(subsystem: Subsystem) -> AsyncIterator[NvmeTcpTarget]:
    async with NvmeTcpTarget([subsystem], port=0, limits=LIMITS) as target:
        yield target


@pytest.fixture
async def initiator(target: NvmeTcpTarget, subsystem: Subsystem) -> AsyncIterator[Initiator]:
    async with Initiator(target.port) as initiator:
        await initiator.connect(subsystem.nqn)
        yield initiator


# how data travels


@pytest.mark.parametrize("size", [512, 8 * KIB, 8 * KIB + 512, 16 * KIB, 100 * KIB, 1024 * KIB])
@pytest.mark.parametrize("in_capsule", [None, False])
async def test_what_is_written_is_read(initiator: Initiator, size: int, in_capsule: bool | None) -> None:
    queue, data = initiator.queues[1], random.Random(size).randbytes(size)
    completion, _ = await queue.submit(write(7, size // 512), data, in_capsule=in_capsule)
    assert completion.status == 0
    completion, back = await queue.submit(read(7, size // 512), read_bytes=size)
    assert completion.status == 0
    assert back == data
    if size <= 8 * KIB and in_capsule is None:
        assert queue.r2ts == []
    else:
        assert [(wanted.offset, wanted.length) for wanted in queue.r2ts] == [(0, size)]


async def test_reads_come_in_pieces(initiator: Initiator) -> None:
    queue = initiator.queues[1]
    command_id = queue.begin(read(0, 512), read_bytes=256 * KIB)
    pending = queue._pending[command_id]
    await queue.answer(command_id)
    assert pending.pieces == 4


@pytest.mark.parametrize(("header", "data"), [(True, False), (False, True), (True, True)])
async def test_digests(target: NvmeTcpTarget, subsystem: Subsystem, header: bool, data: bool) -> None:
    request = pdu.InitializeRequest(header_digest=header, data_digest=data)
    async with Initiator(target.port) as initiator:
        assert (await initiator.connect_admin(subsystem.nqn, request=request)).status == 0
        assert (initiator.admin.initialized.header_digest, initiator.admin.initialized.data_digest) == (header, data)
        await initiator.enable()
        image = random.Random(1).randbytes(40 * KIB)
        download = Command(AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, cdw10=len(image) // 4 - 1)
        completion, _ = await initiator.admin.submit(download, image)
        assert completion.status == 0
        assert len(await initiator.identify_controller()) == 4096


@pytest.mark.parametrize("in_capsule", [True, False])
async def test_damaged_data_fails_its_command_alone(
    target: NvmeTcpTarget, subsystem: Subsystem, in_capsule: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Initiator(target.port) as initiator:
        await initiator.connect_admin(subsystem.nqn, request=pdu.InitializeRequest(data_digest=True))
        await initiator.enable()
        download = Command(AdminOpcode.FIRMWARE_IMAGE_DOWNLOAD, cdw10=1023)
        with monkeypatch.context() as patch:
            patch.setattr("tests.unit.simulator.nvme_tcp.initiator.crc32c", lambda _: 0)
            completion, _ = await initiator.admin.submit(download, bytes(4096), in_capsule=in_capsule)
        assert completion.status == fabrics.Status.TRANSIENT_TRANSPORT_ERROR
        assert len(await initiator.identify_controller()) == 4096


async def test_a_damaged_header_ends_the_connection(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    async with Initiator(target.port) as initiator:
        await initiator.connect_admin(subsystem.nqn, request=pdu.InitializeRequest(header_digest=True))
        capsule = pdu.CapsuleCommand(IDENTIFY, 1)
        raw = pdu.build_capsule_command(capsule, flags=pdu.FLAG_HEADER_DIGEST, length=76)
        initiator.admin.send_raw(raw + bytes(4))
        failure = await initiator.admin.closed()
        assert isinstance(failure, Terminated)
        assert failure.termination.status == pdu.FatalError.HEADER_DIGEST_ERROR


async def test_data_is_aligned_as_the_host_asks(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    async with Initiator(target.port) as initiator:
        request = pdu.InitializeRequest(data_alignment=15)
        assert (await initiator.connect_admin(subsystem.nqn, request=request)).status == 0
        await initiator.enable()
        assert len(await initiator.identify_controller()) == 4096


async def test_success_may_be_implied(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    """With flow control off, the last data PDU of a read stands for its completion (TCP Transport, 3.6.2.10)."""
    async with Initiator(target.port) as initiator:
        await initiator.connect(subsystem.nqn, attributes=4)
        queue = initiator.queues[1]
        before = queue.responses
        completion, _ = await queue.submit(read(0, 8), read_bytes=4096)
        assert completion.status == 0
        assert queue.responses == before
        completion, _ = await queue.submit(read(0x7FFF_FFFF, 8), read_bytes=4096)
        assert completion.status & 0x7FF == 0x080
        assert queue.sq_heads == [0xFFFF, 0xFFFF]


async def test_the_submission_queue_head_advances(initiator: Initiator) -> None:
    queue = initiator.queues[1]
    for _ in range(130):
        await queue.submit(Command(IoOpcode.FLUSH, 1))
    assert queue.sq_heads == [head % 128 for head in range(1, 132)][: len(queue.sq_heads)]


async def test_a_refused_read_sends_no_data(initiator: Initiator) -> None:
    completion, data = await initiator.queues[1].submit(read(0x7FFF_FFFF, 8), read_bytes=4096)
    assert completion.status & 0x7FF == 0x080
    assert data == b""


async def test_many_commands_at_once(initiator: Initiator) -> None:
    queue, source = initiator.queues[1], random.Random(5)
    blocks = [source.randbytes(512) for _ in range(100)]
    for command_id in [queue.begin(write(index, 1), block) for index, block in enumerate(blocks)]:
        assert (await queue.answer(command_id))[0].status == 0
    ids = [queue.begin(read(index, 1), read_bytes=512) for index in range(100)]
    assert [(await queue.answer(command_id))[1] for command_id in ids] == blocks


async def test_telemetry_arrives_as_the_drive_has_it(initiator: Initiator, subsystem: Subsystem) -> None:
    subsystem.controller.capture_controller_telemetry()
    length = 1024 * KIB
    dwords = length // 4 - 1
    command = Command(
        AdminOpcode.GET_LOG_PAGE, cdw10=LogPage.TELEMETRY_CONTROLLER_INITIATED | 0x8000 | (dwords & 0xFFFF) << 16,
        cdw11=dwords >> 16,
    )  # fmt: skip
    completion, data = await initiator.admin.submit(command, read_bytes=length)
    assert completion.status == 0
    expected = bytearray(length)
    assert subsystem.controller.execute(Queue.ADMIN, command, expected).status == 0
    assert data == expected


# answers that come late


async def test_a_slow_command_delays_no_other(initiator: Initiator, subsystem: Subsystem) -> None:
    hang = Hang()
    subsystem.controller.faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY))
    slow = initiator.admin.begin(IDENTIFY, read_bytes=4096)
    await asyncio.to_thread(hang.reached.wait)
    completion, _ = await initiator.admin.submit(Command(AdminOpcode.KEEP_ALIVE))
    assert completion.status == 0
    completion, _ = await initiator.queues[1].submit(Command(IoOpcode.FLUSH, 1))
    assert completion.status == 0
    hang.release()
    assert len((await initiator.admin.answer(slow))[1]) == 4096


async def test_a_command_that_hangs_holds_up_no_end(initiator: Initiator, subsystem: Subsystem) -> None:
    hang = Hang()
    subsystem.controller.faults.add(Fault(hang, opcode=AdminOpcode.IDENTIFY))
    initiator.admin.begin(IDENTIFY, read_bytes=4096)
    await asyncio.to_thread(hang.reached.wait)
    await initiator.admin.close()
    await initiator.queues[1].closed()
    hang.release()


async def test_faults_of_the_controller_reach_the_host(initiator: Initiator, subsystem: Subsystem) -> None:
    faults = subsystem.controller.faults
    faults.add(Fault(Refuse(0x4002, 9), opcode=AdminOpcode.IDENTIFY))
    completion, data = await initiator.admin.submit(IDENTIFY, read_bytes=4096)
    assert (completion.status, completion.result, data) == (0x4002, 9, b"")
    faults.add(Fault(Fail(5), opcode=AdminOpcode.IDENTIFY))
    completion, _ = await initiator.admin.submit(IDENTIFY, read_bytes=4096)
    assert completion.status == fabrics.Status.INTERNAL_ERROR
    faults.add(Fault(Delay(1), opcode=AdminOpcode.IDENTIFY))
    completion, _ = await initiator.admin.submit(IDENTIFY, read_bytes=4096)
    assert completion.status == 0


async def test_a_lost_command_is_never_answered(initiator: Initiator, subsystem: Subsystem) -> None:
    drop = Drop()
    subsystem.controller.faults.add(Fault(drop, opcode=AdminOpcode.IDENTIFY))
    lost = initiator.admin.begin(IDENTIFY, read_bytes=4096)
    await asyncio.to_thread(drop.reached.wait)
    drop.expire()
    assert len(await initiator.identify_controller()) == 4096
    assert not initiator.admin._pending[lost].future.done()


async def test_events_answer_parked_requests(initiator: Initiator, subsystem: Subsystem) -> None:
    enable = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, cdw11=1 << 10)
    await initiator.admin.submit(enable)
    parked = initiator.admin.begin(EVENT_REQUEST)
    await initiator.identify_controller()
    await asyncio.to_thread(subsystem.controller.capture_controller_telemetry)
    completion, _ = await initiator.admin.answer(parked)
    assert completion.status == 0
    assert completion.result == 2 | 0x02 << 8 | LogPage.TELEMETRY_CONTROLLER_INITIATED << 16


async def test_events_wait_for_a_request(initiator: Initiator, subsystem: Subsystem) -> None:
    enable = Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.ASYNCHRONOUS_EVENT_CONFIGURATION, cdw11=1 << 10)
    await initiator.admin.submit(enable)
    subsystem.controller.capture_controller_telemetry()
    await initiator.identify_controller()
    completion, _ = await initiator.admin.submit(EVENT_REQUEST)
    assert completion.result >> 16 == LogPage.TELEMETRY_CONTROLLER_INITIATED


async def test_event_requests_are_limited_and_can_be_aborted(initiator: Initiator) -> None:
    admin = initiator.admin
    parked = [admin.begin(EVENT_REQUEST) for _ in range(LIMITS.async_event_requests)]
    completion, _ = await admin.submit(EVENT_REQUEST)
    assert completion.status == fabrics.Status.ASYNC_EVENT_LIMIT_EXCEEDED | DNR
    completion, _ = await admin.submit(Command(AdminOpcode.ABORT, cdw10=parked[1] << 16))
    assert (completion.status, completion.result) == (0, 0)
    completion, _ = await admin.answer(parked[1])
    assert completion.status == fabrics.Status.ABORT_REQUESTED
    completion, _ = await admin.submit(Command(AdminOpcode.ABORT, cdw10=parked[1] << 16))
    assert completion.result & 1, "nothing there to abort"


# keep alive


async def test_a_silent_host_is_let_go(target: NvmeTcpTarget, subsystem: Subsystem) -> None:
    async with Initiator(target.port) as initiator:
        await initiator.connect(subsystem.nqn, keep_alive_ms=1)
        for queue in initiator.queues:
            await queue.closed()
        assert target.associations == ()


async def test_the_keep_alive_timer_is_a_feature(initiator: Initiator) -> None:
    feature = Command(AdminOpcode.GET_FEATURES, cdw10=FeatureId.KEEP_ALIVE_TIMER)
    assert (await initiator.admin.submit(feature))[0].result == 0
    completion, _ = await initiator.admin.submit(
        Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.KEEP_ALIVE_TIMER, cdw11=60_001)
    )
    assert completion.status == 0
    assert (await initiator.admin.submit(feature))[0].result == 60_100, "rounded up to KAS"
    await initiator.admin.submit(Command(AdminOpcode.SET_FEATURES, cdw10=FeatureId.KEEP_ALIVE_TIMER, cdw11=100))
    await initiator.admin.closed()


# what a host does wrong


@pytest.mark.parametrize(
    ("capsule", "status"),
    [
        (pdu.CapsuleCommand(IDENTIFY, 9, pdu.DataDescriptor(length=4096), sgl_selector=0), 0x002),
        (pdu.CapsuleCommand(IDENTIFY, 9, pdu.DataDescriptor(0x40, 0, 4096)), 0x011),
        (pdu.CapsuleCommand(IDENTIFY, 9, pdu.DataDescriptor(length=0x7FFF_FFFF)), 0x00F),
        (pdu.CapsuleCommand(IDENTIFY, 9, pdu.DataDescriptor(pdu.SGL_IN_CAPSULE, 0, 4096)), 0x00F),
        (pdu.CapsuleCommand(Command(0x11), 9, pdu.DataDescriptor(pdu.SGL_IN_CAPSULE, 0, 4096)), 0x00F),
        (pdu.CapsuleCommand(Command(0x11), 9, pdu.DataDescriptor(pdu.SGL_IN_CAPSULE, 1, 0)), 0x016),
    ],
)
async def test_data_descriptors_that_are_refused(
    initiator: Initiator, capsule: pdu.CapsuleCommand, status: int
) -> None:
    admin = initiator.admin
    admin.expect(9)
    admin.send_raw(pdu.build_capsule_command(capsule))
    completion, _ = await admin.answer(9)
    assert completion.status == status | DNR


async def test_a_command_identifier_in_use(initiator: Initiator) -> None:
    admin = initiator.admin
    admin.begin(EVENT_REQUEST, command_id=9)
    admin.begin(IDENTIFY, read_bytes=4096, command_id=9)
    completion, _ = await admin.answer(9)
    assert completion.status == fabrics.Status.COMMAND_ID_CONFLICT | DNR


async def test_more_commands_than_the_queue_holds(initiator: Initiator) -> None:
    queue = initiator.queues[1]
    queue.hold_data = True
    for _ in range(129):
        queue.begin(write(0, 64), bytes(32 * KIB), in_capsule=False)
    failure = await queue.closed()
    assert isinstance(failure, Terminated)
    assert failure.termination.status == pdu.FatalError.PDU_SEQUENCE_ERROR


@pytest.mark.parametrize(
    ("part", "flags", "size", "status"),
    [
        (pdu.DataTransfer(9, 99, 0, 4096), 0, 4096, pdu.FatalError.INVALID_HEADER_FIELD),
        (pdu.DataTransfer(8, 9, 0, 4096), 0, 4096, pdu.FatalError.INVALID_HEADER_FIELD),
        (pdu.DataTransfer(9, 9, 512, 4096), 0, 4096, pdu.FatalError.DATA_TRANSFER_OUT_OF_RANGE),
        (pdu.DataTransfer(9, 9, 0, 64 * KIB), 4, 64 * KIB, pdu.FatalError.DATA_TRANSFER_OUT_OF_RANGE),
        (pdu.DataTransfer(9, 9, 0, 32 * KIB), 4, 32 * KIB, pdu.FatalError.DATA_TRANSFER_LIMIT_EXCEEDED),
        (pdu.DataTransfer(9, 9, 0, 4096), 0, 2048, pdu.FatalError.INVALID_HEADER_FIELD),
        (pdu.DataTransfer(9, 9, 0, 4096), 4, 4096, pdu.FatalError.INVALID_HEADER_FIELD),
    ],
)
async def test_data_that_was_not_asked_for(
    initiator: Initiator, part: pdu.DataTransfer, flags: int, size: int, status: pdu.FatalError
) -> None:
    queue = initiator.queues[1]
    queue.hold_data = True
    queue.begin(write(0, 64), bytes(32 * KIB), in_capsule=False, command_id=9)
    raw = pdu.build_data_transfer(pdu.PduType.H2C_DATA, part, flags=flags, data_offset=24, length=24 + size)
    queue.send_raw(raw + bytes(size))
    failure = await queue.closed()
    assert isinstance(failure, Terminated)
    assert failure.termination.status == status


async def test_a_capsule_that_is_too_large(initiator: Initiator) -> None:
    capsule = pdu.CapsuleCommand(Command(0x11), 9, pdu.DataDescriptor(pdu.SGL_IN_CAPSULE, 0, 9000))
    initiator.admin.send_raw(pdu.build_capsule_command(capsule, data_offset=72, length=72 + 9000))
    failure = await initiator.admin.closed()
    assert isinstance(failure, Terminated)
    assert failure.termination.status == pdu.FatalError.DATA_TRANSFER_LIMIT_EXCEEDED
