"""Streams by the size of messages and logs, by their number, and what small calls wait for beside them.

Of drives that cost no processor time, as `streams.measure` has them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc

from bench.curve import Measured
from bench.figures import in_turns
from bench.hostile import ECHO, INFO, beside, p99s
from bench.processes import MIB, peak_bytes, rss_bytes, server
from bench.streams import BARE, GIB, STREAM, reading, telemetry_request
from nvmed.rpc.server import OPTIONS

KIB = 1 << 10
ROUNDS = 5
NVMED, HASHED, BARE_SERVER = "nvmed, no digest", "nvmed, SHA-256", "bare gRPC server"

MESSAGES = (4 * KIB, 16 * KIB, 64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, MIB)
"""From the least chunk to the largest."""

LOGS = (MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB, 4 * GIB, 8 * GIB)
LONG = GIB
"""A log that is longer is read once for each series: it takes tens of seconds."""

STREAMS = (1, 4, 16, 64, 128, 256)
DRIVES = 64
BESIDE = (0, 1, 2, 4, 8)


def by_message(scratch: Path) -> Iterator[Measured]:
    """Speed of one stream."""
    for chunk in MESSAGES:
        size = min(256 * MIB, chunk * 2048)
        ours, bare = scratch / "ours.sock", scratch / "bare.sock"
        with ExitStack() as stack:
            pid = stack.enter_context(server("bench.servers", "nvmed", ours, "--sizes", str(size), "--effortless"))
            sizes = ("--message-bytes", str(chunk), "--total-bytes", str(size))
            bare_pid = stack.enter_context(server("bench.servers", "bare", bare, *sizes))
            taken = in_turns(
                ROUNDS,
                reading(ours, STREAM, telemetry_request(0, chunk, hashed=False), pid),
                reading(ours, STREAM, telemetry_request(0, chunk), pid),
                reading(bare, BARE, b"", bare_pid),
            )
        for series, side in zip((NVMED, HASHED, BARE_SERVER), taken, strict=True):
            yield Measured("message-size", series, chunk, [one.mib_s for one in side])


def by_log(scratch: Path) -> Iterator[Measured]:
    """Speed of one stream, and how far it makes the daemon grow."""
    socket = scratch / "log.sock"
    for size in LOGS:
        with server("bench.servers", "nvmed", socket, "--sizes", str(MIB), str(size), "--effortless") as pid:
            reading(socket, STREAM, telemetry_request(0), pid)()
            before = peak_bytes(pid)
            sides = [reading(socket, STREAM, telemetry_request(1, hashed=hashed), pid) for hashed in (False, True)]
            taken = in_turns(ROUNDS, *sides) if size <= LONG else [(side(),) for side in sides]
            grown = (peak_bytes(pid) - before) / MIB
        for series, side in zip((NVMED, HASHED), taken, strict=True):
            yield Measured("log-size", series, size, [one.mib_s for one in side])
        yield Measured("log-size-memory", "nvmed", size, [max(grown, 0.0)])


async def _together(socket: Path, method: str, requests: list[bytes]) -> float:
    """MiB a second of all streams together, from when the first is begun until the last has ended."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        await channel.channel_ready()
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)

        async def read(request: bytes) -> int:
            return sum([len(message) async for message in stream(request)])

        started = time.perf_counter()
        received = sum(await asyncio.gather(*(read(request) for request in requests)))
        return received / MIB / (time.perf_counter() - started)


def by_streams(scratch: Path) -> Iterator[Measured]:
    """Speed of all together, over 64 drives, and how far they make the daemon grow."""
    ours, bare = scratch / "ours.sock", scratch / "bare.sock"
    for count in STREAMS:
        size = max(2 * MIB, 512 * MIB // count)
        sizes = [str(size)] * min(count, DRIVES)
        with ExitStack() as stack:
            pid = stack.enter_context(server("bench.servers", "nvmed", ours, "--sizes", *sizes, "--effortless"))
            stack.enter_context(server("bench.servers", "bare", bare, "--total-bytes", str(size)))
            asked = [telemetry_request(number % DRIVES, hashed=False) for number in range(count)]
            before = rss_bytes(pid)
            taken = in_turns(
                ROUNDS,
                lambda asked=asked: asyncio.run(_together(ours, STREAM, asked)),  # type: ignore[misc]
                lambda count=count: asyncio.run(_together(bare, BARE, [b""] * count)),  # type: ignore[misc]
            )
            grown = (peak_bytes(pid) - before) / MIB
        for series, side in zip((NVMED, BARE_SERVER), taken, strict=True):
            yield Measured("streams", series, count, side)
        yield Measured("streams-memory", "nvmed", count, [grown])


def by_load(scratch: Path) -> Iterator[Measured]:
    """Milliseconds of a small call beside so many streams, each read by a process of its own."""
    ours, bare = scratch / "ours.sock", scratch / "bare.sock"
    for name, socket, kind, small, stream in (
        ("nvmed", ours, ("nvmed", "--sizes", str(512 * MIB), "--effortless"), INFO, STREAM),
        ("bare", bare, ("bare", "--total-bytes", str(512 * MIB)), ECHO, BARE),
    ):
        with server("bench.servers", kind[0], socket, *kind[1:]):
            for count in BESIDE:
                _, busy = asyncio.run(beside(socket, count, 3, small, stream))
                yield Measured("load", f"{name}, median", count, [statistics.median(taken) for taken in busy])
                (p99,) = p99s([busy])
                yield Measured("load", f"{name}, p99", count, p99)
