"""Telemetry streams: their speed and the daemon's processor time against bare ones, memory, first data."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from bench.figures import Figure, in_turns
from bench.processes import MIB, cpu_s, peak_bytes, server
from nvmed.rpc.server import OPTIONS
from nvmed.v1 import common_pb2, telemetry_pb2

GIB = 1 << 30
STREAM = "/nvmed.v1.TelemetryService/StreamTelemetry"
BARE = "/bench.Bare/Stream"
BARE_HASHED = "/bench.Bare/StreamHashed"
CHUNKS = (0, 512 << 10, MIB)
"""Sizes of chunks that are compared; 0 is the daemon's choice."""


@dataclass(frozen=True, slots=True)
class Received:
    """A stream that was read: `first_s` is until its second message, the first data, `cpu_s` the server's."""

    size: int
    seconds: float
    first_s: float
    cpu_s: float

    @property
    def mib_s(self) -> float:
        return self.size / MIB / self.seconds

    @property
    def cpu_s_gib(self) -> float:
        return self.cpu_s * GIB / self.size


async def receive(socket: Path, method: str, request: bytes, pid: int) -> Received:
    """Read a stream of the server `pid` as raw bytes."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        await channel.channel_ready()
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        call = stream(request)
        before, started = cpu_s(pid), time.perf_counter()
        received, messages, first = 0, 0, 0.0
        async for message in call:
            received += len(message)
            messages += 1
            if messages == 2:
                first = time.perf_counter() - started
        return Received(received, time.perf_counter() - started, first, cpu_s(pid) - before)


def reading(socket: Path, method: str, request: bytes, pid: int) -> Callable[[], Received]:
    """`receive` as a side of `in_turns`."""
    return lambda: asyncio.run(receive(socket, method, request, pid))


def telemetry_request(drive: int, chunk_bytes: int = 0, *, window: int = 0, hashed: bool = True) -> bytes:
    """A request for the whole host-initiated log of a drive."""
    return telemetry_pb2.StreamTelemetryRequest(
        controller=f"controllers/bench{drive}-1",  # a node would be looked up anew, for each of many at once
        source=telemetry_pb2.TELEMETRY_SOURCE_HOST,
        data_area=telemetry_pb2.TELEMETRY_DATA_AREA_4,
        chunk_bytes=chunk_bytes,
        window=window,
        digest=common_pb2.STREAM_DIGEST_SHA256 if hashed else common_pb2.STREAM_DIGEST_NONE,
    ).SerializeToString()


async def chosen_chunk(socket: Path, drive: int = 0) -> int:
    """The size of chunks that the daemon chooses for the log of a drive."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(STREAM)
        call = stream(telemetry_request(drive))
        message: Any = await call.read()
        header = telemetry_pb2.StreamTelemetryResponse.FromString(message)
        call.cancel()
        return header.header.chunk_bytes


def measure(scratch: Path, rounds: int = 7, size: int = GIB // 2) -> Iterator[Figure]:
    """Ours against a stream that costs nothing to make, and against one that costs only its checksums.

    Of drives that cost no processor time, as a drive's DMA does not: a simulated one takes as much as a stream.
    """
    ours, bare = scratch / "ours.sock", scratch / "bare.sock"
    for asked in CHUNKS:
        with ExitStack() as stack:
            pid = stack.enter_context(server("bench.servers", "nvmed", ours, "--sizes", str(size), "--effortless"))
            chunk = asked or asyncio.run(chosen_chunk(ours))
            sizes = ("--message-bytes", str(chunk), "--total-bytes", str(size))
            bare_pid = stack.enter_context(server("bench.servers", "bare", bare, *sizes))
            our, their = partial(reading, ours, STREAM, pid=pid), partial(reading, bare, request=b"", pid=bare_pid)
            plain, hashed, bare_plain, bare_hashed = in_turns(
                rounds,
                our(telemetry_request(0, asked, hashed=False)),
                our(telemetry_request(0, asked)),
                their(BARE),
                their(BARE_HASHED),
            )
        key = f"stream-{chunk >> 10}" if asked else "stream-default"
        chunks = f"{chunk >> 10} KiB chunks" + ("" if asked else ", as it chooses")
        yield from _compared(key, f"stream, {chunks}", plain, hashed, bare_plain, bare_hashed)


def _compared(key: str, what: str, *sides: tuple[Received, ...]) -> Iterator[Figure]:
    speeds = [tuple(one.mib_s for one in side) for side in sides]
    costs = [tuple(one.cpu_s_gib for one in side) for side in sides]
    no, sha = "without a digest", "with SHA-256"
    one, same = "a bare gRPC stream", "a bare one with the same CRC-32 and SHA-256"
    yield Figure(f"{key}-none", f"{what}, {no}", "MiB/s", speeds[0], one, speeds[2])
    yield Figure(f"{key}-sha256", f"{what}, {sha}", "MiB/s", speeds[1], one, speeds[2])
    yield Figure(f"{key}-sha256-same", f"{what}, {sha}", "MiB/s", speeds[1], same, speeds[3])
    cpu = f"processor time of a {what}"
    yield Figure(f"{key}-cpu-none", f"{cpu}, {no}", "s/GiB", costs[0], one, costs[2])
    yield Figure(f"{key}-cpu-sha256", f"{cpu}, {sha}", "s/GiB", costs[1], one, costs[2])


def measure_memory(scratch: Path) -> Iterator[Figure]:
    """What a stream of 1 GiB takes at its peak beyond one of 16 MiB."""
    socket = scratch / "memory.sock"
    with server("bench.servers", "nvmed", socket, "--sizes", str(16 * MIB), str(GIB)) as pid:
        asyncio.run(receive(socket, STREAM, telemetry_request(0), pid))
        before = peak_bytes(pid)
        asyncio.run(receive(socket, STREAM, telemetry_request(1), pid))
        grown = (peak_bytes(pid) - before) / MIB
    yield Figure("memory", "peak memory of a 1 GiB stream beyond that of a 16 MiB one", "MiB", (grown,))


def measure_first_byte(scratch: Path, rounds: int = 15) -> Iterator[Figure]:
    """The first data of a large log against that of a small one."""
    socket = scratch / "first.sock"
    with server("bench.servers", "nvmed", socket, "--sizes", str(MIB), str(256 * MIB)) as pid:
        sides = (reading(socket, STREAM, telemetry_request(drive), pid) for drive in (1, 0))
        large, small = (tuple(one.first_s * 1000 for one in side) for side in in_turns(rounds, *sides))
    yield Figure("first", "first data of a 256 MiB log", "ms", large, "of a 1 MiB log", small)
