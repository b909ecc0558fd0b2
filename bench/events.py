"""How soon watchers learn what happens, and what those cost who wait for something else.

`python -m bench.events {nvmed|bare} SOCKET` is a server that tells its watchers something on SIGUSR1: the daemon, whose
drive is reset then, or a gRPC server that sends each stream the same bytes. `measure` is called by `python -m bench`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from nvmed import malloc

malloc.tune()

import grpc  # noqa: E402

from bench.figures import Figure  # noqa: E402
from bench.processes import cpu_s, rss_bytes, server  # noqa: E402
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
    bare = grpc.aio.server(options=OPTIONS)
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(watch)
    bare.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bare", {"Watch": handler}),))
    bare.add_insecure_port(f"unix:{socket}")
    await bare.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await bare.wait_for_termination()


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


async def latencies(scratch: Path, count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds to `count` who all want to know, round by round: ours, and a server that has nothing to look at."""
    ours, bare = scratch / f"events{count}.sock", scratch / f"bare{count}.sock"
    taken: tuple[list[float], list[float]] = ([], [])
    with server("bench.events", "nvmed", ours) as our_pid, server("bench.events", "bare", bare) as bare_pid:
        async with watchers(ours, WATCH, STARTED, count) as our_streams, watchers(bare, BARE, b"", count) as others:
            for _ in range(rounds):
                taken[0].append(await tell(our_pid, our_streams) * 1000)
                taken[1].append(await tell(bare_pid, others) * 1000)
    return taken


async def _idle(scratch: Path, idle: int, rounds: int = 20, wait_s: float = 10.0) -> list[Figure]:
    """One who wants to know, alone and among `idle` who wait for something else; and what those cost."""
    socket = scratch / "idle.sock"
    with server("bench.events", "nvmed", socket) as pid:
        async with watchers(socket, WATCH, STARTED, 1) as one:
            alone = tuple([await tell(pid, one) * 1000 for _ in range(rounds)])
            before = rss_bytes(pid)
            async with watchers(socket, WATCH, OTHERS, idle):
                each_kib = (rss_bytes(pid) - before) / idle / 1024
                among = tuple([await tell(pid, one) * 1000 for _ in range(rounds)])
                used = cpu_s(pid)
                await asyncio.sleep(wait_s)
                used = cpu_s(pid) - used
    return [
        Figure("watchers", f"event among {idle} idle watchers", "ms", among, "alone", alone),
        Figure("watchers-memory", "memory of each of them", "KiB", (each_kib,)),
        Figure("watchers-cpu", "processor time of each of them", "us a second", (used / wait_s / idle * 1e6,)),
    ]


def measure(scratch: Path, idle: int = limits.WATCHERS_MAX - 1) -> Iterator[Figure]:
    """Everything about events."""
    for count in (1, 1000):
        ours, bare = (tuple(side) for side in asyncio.run(latencies(scratch, count, 20)))
        yield Figure(f"events-{count}", f"event to {count} watchers", "ms", ours, "bare messages to as many", bare)
    yield from asyncio.run(_idle(scratch, idle))


if __name__ == "__main__":
    asyncio.run({"bare": serve_bare, "nvmed": serve_nvmed}[sys.argv[1]](sys.argv[2]))
