"""Uploads into the spool against a gRPC server that receives the same messages and forgets them.

`python -m bench.upload bare SOCKET FOLDER` is that server; `measure` is called by `python -m bench`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from nvmed import malloc

malloc.tune()

import grpc  # noqa: E402
from isal import isal_zlib  # noqa: E402

from bench.figures import Figure, in_turns  # noqa: E402
from bench.processes import MIB, peak_bytes, server  # noqa: E402
from nvmed.firmware.spool import COMMIT_BYTES  # noqa: E402
from nvmed.rpc.server import OPTIONS  # noqa: E402
from nvmed.v1 import firmware_pb2 as pb  # noqa: E402
from nvmed.v1.common_pb2 import Chunk  # noqa: E402

UPLOAD = "/nvmed.v1.FirmwareService/UploadImage"
BARE = ("/bench.Bare/Upload", "/bench.Bare/UploadStored")


async def serve_bare(socket: str, folder: str) -> None:
    """Answer the first message and the last: what gRPC costs by itself.

    Upload forgets what arrives. UploadStored does what the contract asks and no more, all on the loop: it checks each
    CRC-32, takes the SHA-256 of all and has every 4 MiB on disk, in a file in `folder`.
    """
    ready = pb.UploadImageResponse(ready=pb.UploadReady()).SerializeToString()

    async def upload(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield ready
        async for _ in requests:
            pass
        yield ready

    async def upload_stored(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield ready
        digest, unsynced = hashlib.sha256(), 0
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            async for message in requests:
                chunk = pb.UploadImageRequest.FromString(message).chunk
                assert isal_zlib.crc32(chunk.data) == chunk.crc32
                digest.update(chunk.data)
                file.write(chunk.data)
                unsynced += len(chunk.data)
                if unsynced >= COMMIT_BYTES:
                    os.fdatasync(file.fileno())
                    unsynced = 0
        yield ready

    server = grpc.aio.server(options=OPTIONS)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Upload": grpc.stream_stream_rpc_method_handler(upload),
        "UploadStored": grpc.stream_stream_rpc_method_handler(upload_stored),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bare", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def messages(size: int, chunk_bytes: int, seed: int) -> list[bytes]:
    """The messages of an upload of an image that no other seed has, serialized."""
    data = hashlib.shake_128(b"%d" % seed).digest(MIB) * (size // MIB)
    header = pb.UploadHeader(sha256=hashlib.sha256(data).digest(), size_bytes=size)
    parts = [pb.UploadImageRequest(header=header)]
    for offset in range(0, size, chunk_bytes):
        piece = data[offset : offset + chunk_bytes]
        parts.append(pb.UploadImageRequest(chunk=Chunk(offset=offset, crc32=zlib.crc32(piece), data=piece)))
    parts.append(pb.UploadImageRequest(finish=pb.UploadFinish()))
    return [part.SerializeToString() for part in parts]


async def send(socket: Path, method: str, parts: Sequence[bytes]) -> float:
    """Send them; how long it took until the last answer."""
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=OPTIONS) as channel:
        await channel.channel_ready()
        started = perf_counter()
        stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
        last = [answer async for answer in stream(iter(parts))][-1]
        assert last
        return perf_counter() - started


def measure(scratch: Path, rounds: int = 5, size: int = 192 * MIB) -> Iterator[Figure]:
    """Time against the bare server, for a spool in memory and for one on this disk; memory of uploads side by side."""
    memory = Path("/dev/shm")  # noqa: S108  # to measure us and not the disk
    places = [("memory", memory)] if os.access(memory, os.W_OK) else []
    for place, folder in [*places, ("disk", scratch)]:
        ours, bare = scratch / "upload.sock", scratch / "bare-upload.sock"
        with ExitStack() as stack:
            stack.enter_context(server("bench.servers", "nvmed", ours, "--sizes", str(MIB), state=folder))
            stack.enter_context(server("bench.upload", "bare", bare, str(folder)))
            sides = [_sending(ours, UPLOAD, size), *(_sending(bare, method, size) for method in BARE)]
            took, plain, stored = in_turns(rounds, *sides)
        what = f"upload of {size // MIB} MiB in chunks of 512 KiB, spool in {place}"
        yield Figure(f"upload-{place}", what, "s", took, "a bare gRPC upload", plain)
        same = "a bare one with the same checks, write and syncs"
        yield Figure(f"upload-{place}-same", what, "s", took, same, stored)
    yield from _measure_memory(scratch)


def _sending(socket: Path, method: str, size: int) -> Callable[[], float]:
    """Sends another image each time, as the spool has one for all who bring the same."""
    seeds = count()
    return lambda: asyncio.run(send(socket, method, messages(size, 512 << 10, next(seeds))))


def _measure_memory(scratch: Path, uploads: int = 4, size: int = 64 * MIB) -> Iterator[Figure]:
    """What each of several uploads at the same time adds to the daemon's peak, after one has warmed it up."""
    socket = scratch / "upload-memory.sock"

    async def together(first_seed: int, number: int) -> None:
        parts = [messages(size, 512 << 10, first_seed + one) for one in range(number)]
        await asyncio.gather(*(send(socket, UPLOAD, one) for one in parts))

    with server("bench.servers", "nvmed", socket, "--sizes", str(MIB), state=scratch) as pid:
        asyncio.run(together(100, 1))
        before = peak_bytes(pid)
        asyncio.run(together(200, uploads))
        each = (peak_bytes(pid) - before) / (uploads - 1) / MIB
    yield Figure("upload-peak", "peak memory of each further upload at the same time", "MiB", (each,))


if __name__ == "__main__":
    asyncio.run(serve_bare(*sys.argv[2:]))
