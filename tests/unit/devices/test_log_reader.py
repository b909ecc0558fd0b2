"""Long logs in chunks: whole, in order and hashed, whatever the sizes and whichever thread comes first."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvmed.devices.controller import Device
from nvmed.devices.inventory import Inventory
from nvmed.devices.log_reader import LogRange, OrderedDigest, read_chunks
from nvmed.errors import NvmedError
from nvmed.nvme.opcodes import AdminOpcode
from nvmed.nvme.telemetry import TelemetryLog, read_data
from nvmed.simulator.faults import Fault, Hang, Refuse
from nvmed.simulator.host import SimulatedHost
from nvmed.simulator.spec import DriveSpec, TelemetrySpec
from nvmed.simulator.subsystem import Subsystem

KIB = 1024
CHUNK = 4 * KIB
SIZE = 15 * KIB + 512
ABORTED = 0x4007
"""Command Abort Requested, and Do Not Retry."""


def payload(index: int) -> memoryview:
    return memoryview(b"%d" % index * 1000)


@given(st.permutations(range(8)))
def test_chunks_are_hashed_in_order_however_they_come(order: list[int]) -> None:
    digest, done = OrderedDigest(), list[int]()
    for index in order:
        digest.update(index, payload(index), lambda index=index: done.append(index))  # type: ignore[misc]
    assert done == sorted(order)
    assert digest.digest() == hashlib.sha256(b"".join(payload(index) for index in sorted(order))).digest()


def test_a_chunk_that_never_comes_keeps_nobody_waiting() -> None:
    digest, done = OrderedDigest(), list[int]()
    digest.update(1, payload(1), lambda: done.append(1))
    digest.update(0, payload(0), lambda: done.append(0))
    digest.update(3, payload(3), lambda: done.append(3))
    assert done == [0, 1]


def test_threads_together_make_the_hash_of_the_whole() -> None:
    digest, done, count = OrderedDigest(), list[int](), 400
    start = threading.Barrier(4)

    def bring(first: int) -> None:
        start.wait()
        for index in range(first, count, 4):
            digest.update(index, payload(index), lambda index=index: done.append(index))  # type: ignore[misc]

    threads = [threading.Thread(target=bring, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == list(range(count))
    assert digest.digest() == hashlib.sha256(b"".join(payload(index) for index in range(count))).digest()


async def read(host: SimulatedHost, *, chunk: int = CHUNK, window: int = 4, transfer: int = CHUNK) -> list[bytes]:
    """The chunks of the drive's log, whose hash was proven."""
    inventory = Inventory(host)
    try:
        return await read_from((await inventory.find("nvme0")).device, chunk, window, transfer)
    finally:
        inventory.close()


async def read_from(device: Device, chunk: int, window: int, transfer: int) -> list[bytes]:
    what = LogRange(
        command=lambda offset, size: read_data(TelemetryLog.HOST_INITIATED, size, offset),
        start=512, end=SIZE, chunk_bytes=chunk, window=window, transfer_bytes=transfer, headroom=8,
        encode=lambda buffer, size, offset: bytes(buffer[8 : 8 + size]),
    )  # fmt: skip
    digest, chunks = OrderedDigest(), list[bytes]()
    async with device.open() as session:
        limit = await device.transfer_limit(session)
        async with aclosing(read_chunks(session, what, limit, digest)) as parts:
            async for part in parts:
                chunks.append(part)
    assert digest.digest() == hashlib.sha256(b"".join(chunks)).digest()
    return chunks


def drive(latency_ms: float = 0) -> SimulatedHost:
    telemetry = TelemetrySpec.of_sizes(SIZE)
    return SimulatedHost([Subsystem(DriveSpec(serial="LONG", telemetry=telemetry, latency_ms=latency_ms))])


@settings(deadline=None, max_examples=30)
@given(
    chunk=st.integers(1, 40).map(lambda blocks: blocks * 512),
    window=st.integers(1, 9),
    transfer=st.integers(1, 40).map(lambda blocks: blocks * 512),
    latency_ms=st.sampled_from([0, 0.2]),
)
def test_sizes_and_threads_change_nothing(chunk: int, window: int, transfer: int, latency_ms: float) -> None:
    whole = b"".join(asyncio.run(read(drive(), chunk=SIZE // 512 * 512, window=1)))
    chunks = asyncio.run(read(drive(latency_ms), chunk=chunk, window=window, transfer=transfer))
    assert b"".join(chunks) == whole
    assert len(whole) == SIZE - 512
    assert {len(part) for part in chunks[:-1]} <= {chunk}


@pytest.mark.parametrize("failing", [0, 1, 3])
async def test_what_a_chunk_raised_comes_in_its_turn(failing: int) -> None:
    host = drive(latency_ms=0.2)
    host.controller("nvme0").faults.add(Fault(Refuse(ABORTED), opcode=AdminOpcode.GET_LOG_PAGE, skip=failing))
    with pytest.raises(NvmedError) as failure:
        await read(host)
    assert failure.value.nvme is not None
    assert failure.value.nvme.raw == ABORTED


@pytest.mark.parametrize("skip", range(8))
async def test_a_drive_that_hangs_anywhere_ends_the_reading(monkeypatch: pytest.MonkeyPatch, skip: int) -> None:
    monkeypatch.setattr("nvmed.devices.lane.KERNEL_ADMIN_TIMEOUT_MS", 50)
    monkeypatch.setattr("nvmed.devices.inventory.LANE_GRACE_MS", 50)
    host, hang = drive(), Hang()
    host.controller("nvme0").faults.add(Fault(hang, opcode=AdminOpcode.GET_LOG_PAGE, skip=skip))
    with pytest.raises(NvmedError) as failure:
        await read(host, chunk=KIB, window=4, transfer=KIB)
    hang.release()
    assert failure.value.reason in ("COMMAND_TIMEOUT", "DEVICE_STALLED")


async def test_many_may_read_the_same_drive() -> None:
    """A lane has eight threads and room for 64 calls that wait for one: where some do, each has one that waits."""
    host, readers = drive(latency_ms=0.2), 64
    inventory = Inventory(host)
    device = (await inventory.find("nvme0")).device
    whole = await asyncio.gather(*(read_from(device, 512, 4, 512) for _ in range(readers)))
    inventory.close()
    assert {b"".join(chunks) for chunks in whole} == {b"".join(whole[0])}
