"""Measures and prints: ratios of two things in one run, and the few absolute bounds that mean something.

Runs alternate (A B A B ...) and the median of the pairwise ratios is printed, so that a machine that changes its speed
changes both. Nothing here gates anything.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from bench import decode, events, history, hostile, scrape, serve, stage, start, upload
from bench.memory import peak_bytes
from nvmed.rpc.server import OPTIONS
from nvmed.v1 import telemetry_pb2

STREAM = "/nvmed.v1.TelemetryService/StreamTelemetry"
MIB = 1 << 20


@contextmanager
def server(module: str, kind: str, socket: Path, *arguments: str, state: Path | None = None) -> Iterator[int]:
    """A server process that is ready, its temporary state under `state` if that matters; gives its pid."""
    environ = {**os.environ, **({"TMPDIR": str(state)} if state else {})}
    command = [sys.executable, "-m", module, kind, str(socket), *arguments]
    log = socket.with_suffix(".log")  # the daemon's: an audit event for each operation
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", log.read_text()
        try:
            yield process.pid
        finally:
            process.terminate()


async def receive(socket: Path, method: str, request: bytes) -> tuple[int, float, float]:
    """Read a stream as raw bytes: how many came, in how long, and after how long the second message, the first data."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        await channel.channel_ready()
        stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        call = stream(request)
        started = time.perf_counter()
        received, messages, first = 0, 0, 0.0
        async for message in call:
            received += len(message)
            messages += 1
            if messages == 2:
                first = time.perf_counter() - started
        return received, time.perf_counter() - started, first


def telemetry_request(drive: int, chunk_bytes: int = 0) -> bytes:
    """A request for the whole host-initiated log of a drive."""
    return telemetry_pb2.StreamTelemetryRequest(
        controller=f"nvme{drive}",
        source=telemetry_pb2.TELEMETRY_SOURCE_HOST,
        data_area=telemetry_pb2.TELEMETRY_DATA_AREA_4,
        chunk_bytes=chunk_bytes,
    ).SerializeToString()


def measure_stream(scratch: Path, chunk_bytes: int, rounds: int = 5, size: int = 512 * MIB) -> None:
    """Our stream against one that costs nothing to make, and against one that costs only its checksums."""
    ours, bare = scratch / "ours.sock", scratch / "bare.sock"
    with ExitStack() as stack:
        stack.enter_context(server("bench.servers", "nvmed", ours, "--sizes", str(size)))
        stack.enter_context(
            server("bench.servers", "bare", bare, "--message-bytes", str(chunk_bytes), "--total-bytes", str(size))
        )
        taken = []
        for _ in range(rounds + 1):
            ours_s = asyncio.run(receive(ours, STREAM, telemetry_request(0, chunk_bytes)))[1]
            bare_s, hashed_s = (
                asyncio.run(receive(bare, f"/bench.Bare/{name}", b""))[1] for name in ("Stream", "StreamHashed")
            )
            taken.append((bare_s / ours_s, hashed_s / ours_s, size / ours_s / MIB))
    ratio, hashed, speed = (statistics.median(column) for column in zip(*taken[1:], strict=True))
    print(
        f"telemetry stream / bare gRPC stream, {chunk_bytes >> 10:4d} KiB chunks: {ratio:.2f}; "
        f"/ one with the same CRC-32 and SHA-256: {hashed:.2f}  ({speed:.0f} MiB/s here)"
    )


def measure_memory(scratch: Path) -> None:
    """What a stream of 1 GiB leaves and takes at its peak."""
    socket = scratch / "memory.sock"
    with server("bench.servers", "nvmed", socket, "--sizes", str(16 * MIB), str(1 << 30)) as pid:
        asyncio.run(receive(socket, STREAM, telemetry_request(0)))
        before = peak_bytes(pid)
        asyncio.run(receive(socket, STREAM, telemetry_request(1)))
        print(f"peak memory of a 1 GiB stream over that of a 16 MiB one: {(peak_bytes(pid) - before) / MIB:+.1f} MiB")


def measure_first_byte(scratch: Path, rounds: int = 15) -> None:
    """The first data of a large log against that of a small one."""
    socket = scratch / "first.sock"
    with server("bench.servers", "nvmed", socket, "--sizes", str(MIB), str(256 * MIB)):
        ratios, firsts = [], []
        for _ in range(rounds):
            small = asyncio.run(receive(socket, STREAM, telemetry_request(0)))[2]
            large = asyncio.run(receive(socket, STREAM, telemetry_request(1)))[2]
            ratios.append(large / small)
            firsts.append(large)
    ratio, first_ms = statistics.median(ratios), statistics.median(firsts) * 1000
    print(f"first data of a 256 MiB log / of a 1 MiB log: {ratio:.2f}  ({first_ms:.1f} ms here)")


def measure_streams(scratch: Path) -> None:
    """Streams by their message size."""
    for chunk_bytes in (256 << 10, 512 << 10, 1 << 20):
        measure_stream(scratch, chunk_bytes)


@dataclass(frozen=True, slots=True)
class Line:
    """Something to measure, in a directory of its own."""

    what: str
    measure: Callable[[Path], object]


LINES: Mapping[str, Line] = {
    "stream": Line("a telemetry stream against a bare one, and one with the same checksums", measure_streams),
    "memory": Line("what a stream of 1 GiB takes at its peak", measure_memory),
    "first": Line("the first data of a large log against that of a small one", measure_first_byte),
    "upload": Line("an upload against a bare one, or with the same promises", lambda at: upload.measure(at, server)),
    "stage": Line("staging on 24 drives against one", lambda at: stage.measure(at, server)),
    "events": Line("an event to many watchers, and what idle ones cost", lambda at: events.measure(at, server)),
    "history": Line("a page of a long journal against one of a short one", history.measure),
    "start": Line("nvmedctl against `python -c pass`", lambda _: start.measure()),
    "serve": Line("the daemon until it serves, against a bare server; idle with 64 drives", serve.measure),
    "hostile": Line("memory under streams that nobody reads, and small calls beside heavy ones",
                    lambda at: hostile.measure(at, server)),
    "decode": Line("decoding 64 MiB of telemetry", decode.measure),
    "scrape": Line("a scrape of 64 drives", scrape.measure),
}  # fmt: skip
"""What `python -m bench` measures, in this order; each prints as it goes."""


def main() -> None:
    """Measure those lines that are named, or all."""
    listed = "\n".join(f"  {name:10} {line.what}" for name, line in LINES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"lines:\n{listed}",
        description="Speed and memory, as ratios of two things in one run. All lines take a quarter of an hour.",
    )  # fmt: skip
    parser.add_argument("lines", nargs="*", metavar="LINE", help="what to measure; everything if none is named")
    asked = parser.parse_args().lines
    if unknown := [name for name in asked if name not in LINES]:
        parser.error(f"no line {unknown[0]!r}; choose of {', '.join(LINES)}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # to a file, too, as it goes
    for name in asked or LINES:
        with tempfile.TemporaryDirectory() as scratch:
            LINES[name].measure(Path(scratch))


if __name__ == "__main__":
    main()
