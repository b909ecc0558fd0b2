"""The servers that are measured, each a process of its own: `python -m bench.servers {bare|nvmed} SOCKET ...`."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from nvmed import malloc

malloc.tune()  # as the daemon does, for both servers

import grpc  # noqa: E402

from nvmed import daemon, logs  # noqa: E402
from nvmed.config import Config, HostConfig, Limits, Listen, UnixListener  # noqa: E402
from nvmed.nvme.host import ControllerNode  # noqa: E402
from nvmed.nvme.opcodes import AdminOpcode  # noqa: E402
from nvmed.nvme.telemetry import TelemetryLog  # noqa: E402
from nvmed.nvme.transport import Command, Completion, Transport  # noqa: E402
from nvmed.rpc.server import OPTIONS  # noqa: E402
from nvmed.rpc.wire import HEADROOM, chunk_message  # noqa: E402
from nvmed.simulator.host import SimulatedHost  # noqa: E402
from nvmed.simulator.spec import DriveSpec, TelemetrySpec  # noqa: E402
from nvmed.simulator.subsystem import Subsystem  # noqa: E402

MANY = 1_000_000


async def serve_bare(socket: str, message_bytes: int, total_bytes: int) -> None:
    """A grpc.aio server that streams the same bytes again and again, as fast as it can: what gRPC costs by itself.

    Stream sends what was made once. StreamHashed makes each message, with its CRC-32, and the SHA-256 of all: what the
    contract costs beside.
    """
    buffer = bytearray(HEADROOM + message_bytes)
    message = chunk_message(2, buffer, message_bytes, 0)
    count = total_bytes // message_bytes

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield message

    async def stream_hashed(request: bytes, context: Any) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        for number in range(count):
            digest.update(memoryview(buffer)[HEADROOM:])
            yield chunk_message(2, buffer, message_bytes, number * message_bytes)
        yield digest.digest()

    server = grpc.aio.server(options=OPTIONS)

    async def echo(request: bytes, context: Any) -> bytes:
        return bytes(400)  # about what GetServerInfo says

    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
        "StreamHashed": grpc.unary_stream_rpc_method_handler(stream_hashed),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bare", handlers),))
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.wait_for_termination()


class EffortlessHost(SimulatedHost):
    """Simulated drives whose telemetry is whatever was in memory: as a DMA costs no processor.

    A simulated drive is part of the daemon's process, and takes more of its time than a stream does.
    """

    def open(self, controller: ControllerNode, node: str = "") -> Transport:
        """As `Host.open`."""
        return cast("Transport", _Effortless(super().open(controller, node)))


_TELEMETRY = frozenset(TelemetryLog)


class _Effortless:
    """A transport that answers what asks for telemetry behind the first block without doing anything."""

    def __init__(self, drive: Transport) -> None:
        self._drive = drive

    def admin(
        self, command: Command, data: bytearray | memoryview | None = None, metadata: bytearray | None = None
    ) -> Completion:
        is_telemetry = command.opcode == AdminOpcode.GET_LOG_PAGE and command.cdw10 & 0xFF in _TELEMETRY
        if is_telemetry and command.cdw12 | command.cdw13:
            return Completion(0, 0)
        return self._drive.admin(command, data, metadata)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drive, name)


async def serve_nvmed(socket: Path, sizes: list[int], latency_ms: float, *, effortless: bool = False) -> None:
    """The daemon on simulated drives, one for each size of telemetry log."""
    logs.configure("error")
    drives = [
        Subsystem(
            DriveSpec(
                serial=f"BENCH{number}",
                mdts=5,
                latency_ms=latency_ms,
                telemetry=TelemetrySpec.of_sizes(0, 0, 512, size),
            )
        )
        for number, size in enumerate(sizes)
    ]
    with tempfile.TemporaryDirectory() as state:
        listen = Listen(unix=(UnixListener(path=str(socket), roles=("admin",)),))
        limits = Limits(  # what is measured is not what one may take
            calls_per_second=MANY, calls_burst=MANY, streams_at_once=MANY, streams_per_connection=MANY
        )
        config = Config(state_dir=state, host=HostConfig(simulate=len(sizes)), listen=listen, limits=limits)
        host = EffortlessHost(drives) if effortless else SimulatedHost(drives)
        await daemon.run(host, config, lambda _: print("ready", flush=True))


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["bare", "nvmed"])
    parser.add_argument("socket")
    parser.add_argument("--message-bytes", type=int, default=256 << 10)
    parser.add_argument("--total-bytes", type=int, default=1 << 30)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1 << 30])
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--effortless", action="store_true", help="drives that cost no processor time")
    args = parser.parse_args()
    if args.kind == "bare":
        asyncio.run(serve_bare(args.socket, args.message_bytes, args.total_bytes))
    else:
        asyncio.run(serve_nvmed(Path(args.socket).absolute(), args.sizes, args.latency_ms, effortless=args.effortless))


if __name__ == "__main__":
    main()
