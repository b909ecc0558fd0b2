"""How soon watchers learn what happens, and what those cost who wait for something else.

`python -m bench.events {nvmed|bare} SOCKET` is a server that tells its watchers something on SIGUSR1: the daemon, whose
drive is reset then, or a gRPC server that sends each stream the same bytes. `measure` is called by `python -m bench`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from nvmed import malloc

malloc.tune()

import grpc  # noqa: E402

from bench.memory import rss_bytes  # noqa: E402
from nvmed import daemon, limits, logs  # noqa: E402
from nvmed.config import Config, HostConfig, Limits, Listen, UnixListener  # noqa: E402
from nvmed.rpc.server import OPTIONS  # noqa: E402
from nvmed.simulator.host import SimulatedHost  # noqa: E402
from nvmed.simulator.spec import DriveSpec  # noqa: E402
from nvmed.simulator.subsystem import Subsystem  # noqa: E402
from nvmed.v1 import event_pb2 as pb  # noqa: E402

WATCH = "/nvmed.v1.EventService/WatchEvents"
BARE = "/bench.Bare/Watch"
MESSAGE_BYTES = 512
"""About what an event about a controller has."""

StartServer = Callable[..., AbstractContextManager[int]]
"""`bench.__main__.server`: (module, kind, socket, ...) to the pid."""

STARTED = pb.WatchEventsRequest(kinds=[pb.EVENT_KIND_CONTROLLER_STARTED]).SerializeToString()
OTHERS = pb.WatchEventsRequest(kinds=[pb.EVENT_KIND_KEY_EXPIRING]).SerializeToString()


async def serve_bare(socket: str) -> None:
    """Send every stream a message at first, and one for each signal, also to who is not waiting yet when it comes."""
    waiting: set[asyncio.Future[None]] = set()
    message = bytes(MESSAGE_BYTES)
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1
        for future in waiting:
            future.set_result(None)
        waiting.clear()

    async def watch(request: bytes, context: Any) -> AsyncIterator[bytes]:
        had = told
        while True:
            yield message
            if had == told:
                future = asyncio.get_running_loop().create_future()
                waiting.add(future)
                await future
            had += 1

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell)
    server = grpc.aio.server(options=OPTIONS)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(watch)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bare", {"Watch": handler}),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_for_termination()


async def serve_nvmed(socket: str) -> None:
    """The daemon on a simulated drive, which is reset for each signal."""
    logs.configure("warning")
    host = SimulatedHost([Subsystem(DriveSpec(serial="BENCH"))])
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: host.controller("nvme0").reset())
    many = 1_000_000
    with tempfile.TemporaryDirectory() as state:
        config = Config(
            state_dir=state,
            host=HostConfig(simulate=1),
            listen=Listen(unix=(UnixListener(path=socket, roles=("admin",)),)),
            limits=Limits(
                streams_at_once=many,
                calls_per_second=many,
                calls_burst=many,
                calls_at_once=many,
                streams_per_connection=many,
            ),
        )
        await daemon.run(host, config, lambda _: print("ready", flush=True))


@asynccontextmanager
async def watchers(socket: Path, method: str, request: bytes, count: int) -> AsyncIterator[Sequence[Any]]:
    """Streams that have begun."""
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS))
        open_stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
        streams: list[Any] = []
        for start in range(0, count, 200):
            batch = [open_stream(request) for _ in range(min(200, count - start))]
            await asyncio.gather(*(stream.read() for stream in batch))
            streams += batch
        yield streams
        for stream in streams:
            stream.cancel()


async def tell(pid: int, streams: Sequence[Any]) -> float:
    """Seconds from something that happens until all of the streams have told it."""
    reads = [asyncio.ensure_future(stream.read()) for stream in streams]
    await asyncio.sleep(0)
    started = perf_counter()
    os.kill(pid, signal.SIGUSR1)
    await asyncio.gather(*reads)
    return perf_counter() - started


def cpu_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure_latency(scratch: Path, start: StartServer, count: int, rounds: int = 20) -> None:
    """Ours against a server that has nothing to look at, each with `count` who all want to know."""
    ours, bare = scratch / f"events{count}.sock", scratch / f"bare{count}.sock"
    with start("bench.events", "nvmed", ours) as our_pid, start("bench.events", "bare", bare) as bare_pid:
        async with watchers(ours, WATCH, STARTED, count) as our_streams, watchers(bare, BARE, b"", count) as others:
            ratios, times = [], []
            for _ in range(rounds):
                our_s, bare_s = await tell(our_pid, our_streams), await tell(bare_pid, others)
                ratios.append(our_s / bare_s)
                times.append(our_s)
    print(
        f"event to {count} watchers / bare gRPC message to as many: {statistics.median(ratios):.2f}  "
        f"({statistics.median(times) * 1000:.1f} ms here)"
    )


async def measure_idle(scratch: Path, start: StartServer, idle: int, rounds: int = 20, wait_s: float = 10.0) -> None:
    """One who wants to know, alone and among `idle` who wait for something else; and what those cost."""
    socket = scratch / "idle.sock"
    with start("bench.events", "nvmed", socket) as pid:
        async with watchers(socket, WATCH, STARTED, 1) as one:
            alone = statistics.median([await tell(pid, one) for _ in range(rounds)])
            before = rss_bytes(pid)
            async with watchers(socket, WATCH, OTHERS, idle):
                each_kib = (rss_bytes(pid) - before) / idle / 1024
                among = statistics.median([await tell(pid, one) for _ in range(rounds)])
                used = cpu_s(pid)
                await asyncio.sleep(wait_s)
                used = cpu_s(pid) - used
    print(
        f"event among {idle} idle watchers / alone: {among / alone:.2f}  ({among * 1000:.1f} ms here); "
        f"{each_kib:.0f} KiB and {used / wait_s / idle * 1e6:.1f} us of processor time a second for each idle watcher"
    )


def measure(scratch: Path, start: StartServer, idle: int = limits.WATCHERS_MAX - 1) -> None:
    """Everything about events."""
    for count in (1, 1000):
        asyncio.run(measure_latency(scratch, start, count))
    asyncio.run(measure_idle(scratch, start, idle))


if __name__ == "__main__":
    asyncio.run({"bare": serve_bare, "nvmed": serve_nvmed}[sys.argv[1]](sys.argv[2]))
