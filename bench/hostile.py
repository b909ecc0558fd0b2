"""What callers cost who mean harm, or much: memory of streams that nobody reads and of calls that are too large; small
calls beside heavy streams; and what a call passes before its method does anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import grpc

from bench.memory import peak_bytes, rss_bytes
from nvmed.rpc.server import OPTIONS
from nvmed.rpc.wire import varint
from nvmed.v1 import telemetry_pb2

MIB = 1 << 20
INFO = "/nvmed.v1.AdminService/GetServerInfo"
STREAM = "/nvmed.v1.TelemetryService/StreamTelemetry"
STALLED = 64
OVERSIZE = 300
HEAVY = 8
CALLS = 1500

StartServer = Callable[..., AbstractContextManager[int]]


def measure(scratch: Path, start: StartServer) -> None:
    """Measure all of it, each on a daemon of its own."""
    socket = scratch / "hostile.sock"
    for chunk_bytes in (256 << 10, MIB):
        with start("bench.servers", "nvmed", socket, "--sizes", str(64 * MIB)) as pid:
            before, peak, after = asyncio.run(_stalled(socket, pid, chunk_bytes))
            print(
                f"{STALLED} streams of {chunk_bytes >> 10} KiB chunks, unread: {(peak - before) / MIB:+.0f} MiB "
                f"over {before / MIB:.0f}; {(after - before) / MIB:+.0f} MiB 12 s after they are cancelled"
            )
    with start("bench.servers", "nvmed", socket, "--sizes", str(MIB)) as pid:
        for size in (1_300_000, 4_000_000):
            before = rss_bytes(pid)
            asyncio.run(_oversize(socket, size))
            print(
                f"{OVERSIZE} calls of {size / 1e6:.1f} MB at once: at most "
                f"{(peak_bytes(pid) - before) / MIB:+.0f} MiB over {before / MIB:.0f}"
            )
    with start("bench.servers", "nvmed", socket, "--sizes", str(512 * MIB)) as _:
        idle, busy = asyncio.run(_beside_streams(socket))
        print(
            f"small calls beside {HEAVY} heavy streams / on an idle daemon, p99: {_p99(busy) / _p99(idle):.1f}  "
            f"({_p99(busy) * 1e3:.1f} and {_p99(idle) * 1e3:.1f} ms here)"
        )
    bare = scratch / "hostile-bare.sock"
    with (
        start("bench.servers", "nvmed", socket, "--sizes", str(MIB)),
        start("bench.servers", "bare", bare),
    ):
        ours, theirs = asyncio.run(_admission(socket, bare))
        print(f"a call that is admitted, beyond a bare gRPC call: {(ours - theirs) * 1e6:.0f} us (median)")


async def _stalled(socket: Path, pid: int, chunk_bytes: int) -> tuple[int, int, int]:
    asked = telemetry_pb2.StreamTelemetryRequest(
        controller="nvme0",
        source=telemetry_pb2.TELEMETRY_SOURCE_HOST,
        data_area=telemetry_pb2.TELEMETRY_DATA_AREA_4,
        chunk_bytes=chunk_bytes,
        window=8,
    ).SerializeToString()
    before = rss_bytes(pid)
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)
        calls = [stream(asked) for _ in range(STALLED)]
        await asyncio.gather(*(call.read() for call in calls), return_exceptions=True)
        await asyncio.sleep(8)
        peak = peak_bytes(pid)
        for call in calls:
            call.cancel()
    await asyncio.sleep(12)
    return before, peak, rss_bytes(pid)


async def _oversize(socket: Path, size: int) -> None:
    message = varint(1000 << 3 | 2) + varint(size) + bytes(size)
    async with contextlib.AsyncExitStack() as stack:
        options = [*OPTIONS, ("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{socket}", options=options))
            for _ in range(16)
        ]
        calls: list[grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = [one.unary_unary(INFO) for one in channels]
        await asyncio.gather(*(calls[index % 16](message) for index in range(OVERSIZE)), return_exceptions=True)


async def _beside_streams(socket: Path) -> tuple[Sequence[float], Sequence[float]]:
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        idle = await _taken(channel, INFO, CALLS)
        script = "import asyncio, sys; from bench.hostile import read; asyncio.run(read(sys.argv[1]))"
        readers = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(socket)) for _ in range(HEAVY)
        ]
        await asyncio.sleep(3)
        busy = await _taken(channel, INFO, CALLS // 3)
        for reader in readers:
            reader.kill()
            await reader.wait()
        return idle, busy


async def read(socket: str) -> None:
    """Read a long log again and again; run in a process of its own."""
    asked = telemetry_pb2.StreamTelemetryRequest(
        controller="nvme0",
        source=telemetry_pb2.TELEMETRY_SOURCE_HOST,
        data_area=telemetry_pb2.TELEMETRY_DATA_AREA_4,
    ).SerializeToString()
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)
        while True:
            async for _ in stream(asked):
                pass


async def _admission(socket: Path, bare: Path) -> tuple[float, float]:
    async with (
        grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as ours,
        grpc.aio.insecure_channel(f"unix:{bare}", options=OPTIONS) as theirs,
    ):
        taken: list[list[float]] = [[], []]
        for _ in range(6):
            taken[0] += await _taken(ours, INFO, CALLS // 6)
            taken[1] += await _taken(theirs, "/bench.Bare/Echo", CALLS // 6)
        return _median(taken[0]), _median(taken[1])


async def _taken(channel: grpc.aio.Channel, method: str, count: int) -> list[float]:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await call(b"")
        taken.append(time.perf_counter() - started)
    return taken


def _p99(taken: Sequence[float]) -> float:
    return sorted(taken)[len(taken) * 99 // 100]


def _median(taken: Sequence[float]) -> float:
    return sorted(taken)[len(taken) // 2]
