"""100 hostile clients against one that works: memory stays within its budget, and the one that works is served."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest

from nvmed.rpc.wire import varint
from nvmed.v1 import admin_pb2, inventory_pb2, telemetry_pb2
from nvmed.v1.admin_pb2_grpc import AdminServiceStub
from nvmed.v1.inventory_pb2_grpc import InventoryServiceStub
from nvmed.v1.telemetry_pb2_grpc import TelemetryServiceStub
from tests.robustness.daemon import MIB, Target, connected

BUDGET = 64 * MIB
SLACK = 64 * MIB
EACH = 25
ROUNDS = 60
"""Calls of the one that works while the others are at it; a telemetry log after each third."""

PRINCIPALS = {"worker": ["admin"], "viewer0": ["viewer"], "viewer1": ["viewer"], "nobody": []}
LIMITS = {"bytes_in_flight": BUDGET}
INFO = "/nvmed.v1.AdminService/GetServerInfo"
PASSTHRU = "/nvmed.v1.PassthruService/ExecuteAdmin"
STREAM = "/nvmed.v1.TelemetryService/StreamTelemetry"

Hostile = Callable[[Target, int, Counter[str]], Awaitable[None]]


def unknown_field(size: int) -> bytes:
    """A sound message of about `size` bytes."""
    return varint(1000 << 3 | 2) + varint(size) + bytes(size)


async def stalled(target: Target, index: int, seen: Counter[str]) -> None:
    """Open streams with the largest chunks and windows, and read nothing of them."""
    asked = telemetry_pb2.StreamTelemetryRequest(
        controller=f"nvme{index % 2}",
        source=telemetry_pb2.TELEMETRY_SOURCE_HOST,
        chunk_bytes=MIB,
        window=8,
    ).SerializeToString()
    async with connected(target, f"viewer{index % 2}") as channel:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)
        calls = [stream(asked) for _ in range(4)]
        for call in calls:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await call.read()  # the header, and then never again
                seen["stalled"] += 1
        await asyncio.Event().wait()


async def oversize(target: Target, index: int, seen: Counter[str]) -> None:
    """Send as much as gRPC lets through, and more, as fast as it goes."""
    async with connected(target, "nobody") as channel:
        for size in (1_300_000, 4_000_000, 70_000):
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFO if index % 2 else PASSTHRU)
            calls = (call(unknown_field(size)) for _ in range(4))
            for failure in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(failure, grpc.aio.AioRpcError)
                seen[f"oversize {failure.code().name}"] += 1


async def undecodable(target: Target, index: int, seen: Counter[str]) -> None:
    """Send what is no message, as fast as it goes."""
    async with connected(target, "nobody") as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFO)
        for failure in await asyncio.gather(*(call(b"\xff\xff\xff") for _ in range(10)), return_exceptions=True):
            assert isinstance(failure, grpc.aio.AioRpcError)
            seen[f"undecodable {failure.code().name}"] += 1


async def slow(target: Target, index: int, seen: Counter[str]) -> None:
    """Announce a message of 1 MiB, send half of it, and wait."""
    _, writer = await asyncio.open_unix_connection(target.address("viewer0").removeprefix("unix:"))
    try:
        writer.write(half_a_call(PASSTHRU.encode(), MIB))
        seen["slow"] += 1
        await asyncio.Event().wait()
    finally:
        writer.close()


def half_a_call(path: bytes, size: int) -> bytes:
    """The first 60 kB of a call with a message of `size` bytes, as HTTP/2 has them."""
    fields = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"x"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    headers = b"".join(b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value for name, value in fields)
    content = b"\0" + size.to_bytes(4) + bytes(16_000)
    parts = [(4, 0, 0, b""), (1, 4, 1, headers), *((0, 0, 1, part) for part in (content, bytes(16_000), bytes(16_000)))]
    frames = (len(part).to_bytes(3) + bytes((kind, flags)) + on.to_bytes(4) + part for kind, flags, on, part in parts)
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"".join(frames)


HOSTILE: tuple[Hostile, ...] = (stalled, oversize, undecodable, slow)


async def again_and_again(hostile: Hostile, target: Target, index: int, seen: Counter[str]) -> None:
    """One client, until it is cancelled; what a client of its kind gets to hear does not end it."""
    while True:
        with contextlib.suppress(grpc.aio.AioRpcError, ConnectionError):
            await hostile(target, index, seen)


async def work(target: Target, rounds: int) -> int:
    """What somebody does who works; returns how many bytes of logs came whole."""
    received = 0
    async with connected(target, "worker") as channel:
        admin, inventory = AdminServiceStub(channel), InventoryServiceStub(channel)
        for turn in range(rounds):
            assert (await admin.GetServerInfo(admin_pb2.GetServerInfoRequest(), timeout=20)).simulated
            found = await inventory.ListControllers(inventory_pb2.ListControllersRequest(), timeout=20)
            assert len(found.controllers) == 2
            if turn % 3 == 0:
                received += await telemetry(channel)
    return received


async def telemetry(channel: grpc.aio.Channel) -> int:
    """Read a whole log; returns its bytes."""
    asked = telemetry_pb2.StreamTelemetryRequest(controller="nvme0", source=telemetry_pb2.TELEMETRY_SOURCE_HOST)
    received = 0
    total = None
    async for part in TelemetryServiceStub(channel).StreamTelemetry(asked, timeout=30):
        received += len(part.chunk.data)
        if part.HasField("trailer"):
            total = part.trailer.total_bytes
    assert received == total
    return received


async def highest(target: Target) -> AsyncIterator[int]:
    """What the target has in memory at most, again and again."""
    most = 0
    while True:
        most = max(most, target.resident_bytes)
        yield most
        await asyncio.sleep(0.02)


@pytest.mark.timeout(85)
@pytest.mark.parametrize("target", [(PRINCIPALS, LIMITS)], indirect=True)
async def test_the_one_that_works_is_served_within_the_budget(target: Target) -> None:
    await work(target, 3)
    before = target.resident_bytes
    peak = 0

    async def watch() -> None:
        nonlocal peak
        async for most in highest(target):
            peak = most

    seen: Counter[str] = Counter()
    watching = asyncio.create_task(watch())
    clients = [
        asyncio.create_task(again_and_again(hostile, target, index, seen))
        for hostile in HOSTILE
        for index in range(EACH)
    ]
    try:
        while not all(any(kind.startswith(one.__name__) for kind in seen) for one in HOSTILE):  # noqa: ASYNC110  # until each kind has begun
            await asyncio.sleep(0.05)
        assert await work(target, ROUNDS) > 0
    finally:
        for task in (*clients, watching):
            task.cancel()
        await asyncio.gather(*clients, watching, return_exceptions=True)
    print(f"before {before / MIB:.0f} MiB, at most {peak / MIB:.0f} MiB, {dict(seen)}")  # noqa: T201
    assert peak - before <= BUDGET + SLACK
    assert "UNKNOWN" not in str(seen)
    assert '"bug"' not in target.log
    await work(target, 3)
    async with connected(target, "viewer0") as channel:
        await telemetry(channel)
