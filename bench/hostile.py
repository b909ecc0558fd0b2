"""What callers cost who mean harm, or much: memory of streams that nobody reads and of calls that are too large; small
calls beside heavy streams; and what a call passes before its method does anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from bench import child
from bench.figures import Figure
from bench.processes import MIB, peak_bytes, rss_bytes, server
from bench.streams import BARE, STREAM, telemetry_request
from nvmed.rpc.server import OPTIONS
from nvmed.rpc.wire import varint

INFO = "/nvmed.v1.AdminService/GetServerInfo"
ECHO = "/bench.Bare/Echo"
STALLED = 64
OVERSIZE = 300
HEAVY = 8
CALLS = 1500


def measure(scratch: Path, rounds: int = 5) -> Iterator[Figure]:
    """Measure all of it, each on a daemon of its own."""
    yield from _memory(scratch / "memory.sock")
    socket, bare = scratch / "hostile.sock", scratch / "bare.sock"
    what = f"p99 of small calls beside {HEAVY} heavy streams"
    with server("bench.servers", "nvmed", socket, "--sizes", str(512 * MIB), "--effortless"):
        idle, busy = p99s(asyncio.run(beside(socket, HEAVY, rounds)))
    yield Figure("small-calls", what, "ms", busy, "on an idle daemon", idle)
    with server("bench.servers", "bare", bare, "--total-bytes", str(512 * MIB)):
        idle, busy = p99s(asyncio.run(beside(bare, HEAVY, rounds, ECHO, BARE)))
    yield Figure("small-calls-bare", f"of a bare server, {what}", "ms", busy, "on an idle one", idle)
    with server("bench.servers", "nvmed", socket, "--sizes", str(MIB)), server("bench.servers", "bare", bare):
        beyond = tuple(asyncio.run(_admission(socket, bare)))
    yield Figure("admission", "a call that is admitted, beyond a bare gRPC call", "us", beyond)


def _memory(socket: Path) -> Iterator[Figure]:
    for chunk_bytes in (256 << 10, MIB):
        with server("bench.servers", "nvmed", socket, "--sizes", str(64 * MIB)) as pid:
            before, peak, after = asyncio.run(_stalled(socket, pid, chunk_bytes))
        key, what = f"stalled-{chunk_bytes >> 10}", f"{STALLED} streams of {chunk_bytes >> 10} KiB chunks, unread"
        yield Figure(key, f"memory of {what}", "MiB", ((peak - before) / MIB,))
        yield Figure(f"{key}-after", "of it 12 s after they are cancelled", "MiB", ((after - before) / MIB,))
    with server("bench.servers", "nvmed", socket, "--sizes", str(MIB)) as pid:
        for size in (1_300_000, 4_000_000):
            before = rss_bytes(pid)
            asyncio.run(_oversize(socket, size))
            what = f"memory of {OVERSIZE} calls of {size / 1e6:.1f} MB at once"
            yield Figure(f"oversize-{size}", what, "MiB at most", ((peak_bytes(pid) - before) / MIB,))


async def _stalled(socket: Path, pid: int, chunk_bytes: int) -> tuple[int, int, int]:
    asked = telemetry_request(0, chunk_bytes, window=8)
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


@asynccontextmanager
async def readers(socket: Path, method: str, request: bytes, count: int) -> AsyncIterator[None]:
    """So many processes that read a stream again and again."""
    command = [*child.COMMAND, "bench.hostile", str(socket), method, request.hex()]
    started = [
        await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        for reader in started:
            assert reader.stdout is not None
            assert await reader.stdout.readline() == b"reading\n"
        yield
    finally:
        for reader in started:
            reader.kill()
            await reader.communicate()


Rounds = list[list[float]]


async def beside(
    socket: Path, streams: int, rounds: int, small: str = INFO, method: str = STREAM
) -> tuple[Rounds, Rounds]:
    """Milliseconds of small calls, round by round: on an idle server, and beside streams that each a process reads."""
    request = telemetry_request(0) if method == STREAM else b""
    idle: Rounds = []
    busy: Rounds = []
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        for _ in range(rounds):
            idle.append([took * 1e3 for took in await _taken(channel, small, CALLS)])
            async with readers(socket, method, request, streams):
                busy.append([took * 1e3 for took in await _taken(channel, small, CALLS // 3)])
    return idle, busy


async def _read(socket: str, method: str, request: bytes) -> None:
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        is_told = False
        while True:
            async for _ in stream(request):
                if not is_told:
                    print("reading", flush=True)
                    is_told = True


async def _admission(socket: Path, bare: Path, rounds: int = 6) -> Sequence[float]:
    """Microseconds by which the medians differ, round by round."""
    async with (
        grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as ours,
        grpc.aio.insecure_channel(f"unix:{bare}", options=OPTIONS) as theirs,
    ):
        found = []
        for _ in range(rounds):
            our_s, their_s = [
                statistics.median(await _taken(channel, method, CALLS // 6))
                for channel, method in ((ours, INFO), (theirs, ECHO))
            ]
            found.append((our_s - their_s) * 1e6)
        return found


async def _taken(channel: grpc.aio.Channel, method: str, count: int) -> list[float]:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await call(b"")
        taken.append(time.perf_counter() - started)
    return taken


def p99s(sides: Iterable[Rounds]) -> Iterator[tuple[float, ...]]:
    """Of each side, the 99th percentile of each round."""
    return (tuple(sorted(taken)[len(taken) * 99 // 100] for taken in side) for side in sides)


if __name__ == "__main__":
    asyncio.run(_read(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3])))
